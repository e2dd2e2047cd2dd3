"""The spaCy component."""

from __future__ import annotations

import pytest

from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import DEFAULT_PIPELINE, PipelineError
from nlp_deid.replace.policy import PRESETS

spacy = pytest.importorskip("spacy")
from nlp_deid.spacy_component import KEY, DeidComponent, create_nlp_deid  # noqa: E402

TEXT = "Seen by Dr. Ada Quill on 3/4/2019, phone 218-555-0134, for Graves disease."


class Fixed(Detector):
    """Finds what it is told to find."""

    name = "fixed"

    def __init__(self, *spans: Span) -> None:
        self.spans = list(spans)

    def find(self, note: Note) -> list[Span]:
        if "BAD" in note.text:
            raise ValueError(note.text)
        return [span for span in self.spans if span.end <= len(note.text)]


def component(*spans: Span) -> DeidComponent:
    return DeidComponent(Deid([Fixed(*spans)], PRESETS["tag"]))


def test_spans_are_widened_to_tokens_and_kept_exactly() -> None:
    doc = component(Span(1, 3, "AGE", 0.9, "rule.age"))(spacy.blank("en")("a72yo man"))
    (span,) = doc.spans[KEY]
    assert (span.text, span.label_) == ("a72yo", "AGE")
    found = {"start": 1, "end": 3, "label": "AGE", "score": 0.9, "source": "rule.age"}
    assert doc.spans[KEY].attrs["found"] == [found]


def test_texts_without_finds() -> None:
    nlp = spacy.blank("en")
    for text in ("", " ", "\n\n", "no one"):
        assert len(component()(nlp(text)).spans[KEY]) == 0


def test_the_entry_point_gives_the_factory() -> None:
    nlp = spacy.blank("en")
    component = nlp.add_pipe("nlp_deid", config={"policy": "safe_harbor"})
    assert (component.deid.name, component.deid.policy.name) == (DEFAULT_PIPELINE, "safe_harbor")
    doc = nlp(TEXT)
    labels = {span.label_ for span in doc.spans[KEY]}
    assert {"DOCTOR", "DATE", "PHONE"} <= labels
    docs = list(nlp.pipe([TEXT, "BP 98/60.", TEXT]))
    assert [len(doc.spans[KEY]) for doc in docs] == [len(docs[0].spans[KEY]), 0, len(docs[0].spans[KEY])]


def test_pipe_is_lazy_and_in_order() -> None:
    nlp = spacy.blank("en")
    made = component(Span(0, 1, "AGE"))
    stream = made.pipe(nlp(text) for text in ("a b", "c d", "BAD"))
    assert [next(stream).text, next(stream).text] == ["a b", "c d"]
    with pytest.raises(DeidError):
        next(stream)


def test_a_failure_shows_no_text() -> None:
    with pytest.raises(DeidError) as caught:
        component()(spacy.blank("en")("BAD Zqcanary"))
    assert "canary" not in f"{caught.value} {caught.value!r}"


def test_wrong_names_are_refused() -> None:
    with pytest.raises(PipelineError, match="no pipeline"):
        create_nlp_deid(spacy.blank("en"), "nlp_deid", "no such", None)
