"""The spaCy component keeps spaCy's conventions: configs, processes, serialization, evaluation, memory zones."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import load
from nlp_deid.replace.keys import write_new_key
from nlp_deid.replace.policy import PRESETS

spacy = pytest.importorskip("spacy")
from spacy.language import Language  # noqa: E402
from spacy.tokens import Doc, DocBin  # noqa: E402
from spacy.training import Example  # noqa: E402
from spacy.util import Config  # noqa: E402

from nlp_deid.spacy_component import KEY, DeidComponent  # noqa: E402

TEXT = "Seen by Dr. Ada Quill on 3/4/2019, phone 218-555-0134, for Graves disease."
SCRUBBED = "Seen by Dr. [DOCTOR] on [DATE], phone [PHONE], for Graves disease."
PLAIN = "BP 98/60, wound clean and dry."
CONFIG = {"pipeline": "rules", "policy": "tag"}


class Marked(Detector):
    """Finds the word Zanzotta; fails where it reads BAD."""

    name = "marked"

    def find(self, note: Note) -> list[Span]:
        if "BAD" in note.text:
            raise ValueError(note.text)
        at = note.text.find("Zanzotta")
        return [Span(at, at + 8, "PATIENT", 0.95, "site.marked")] if at >= 0 else []


@spacy.registry.misc("nlp_deid_tests.marked.v1")
def marked() -> list[Detector]:
    """A site's own detectors, by the name a config uses."""
    return [Marked()]


@pytest.fixture(scope="module")
def nlp() -> Language:
    made = spacy.blank("en")
    made.add_pipe("nlp_deid", config=CONFIG)
    return made


def small(policy: str = "tag", **options: Any) -> DeidComponent:
    return DeidComponent(Deid([Marked()], PRESETS[policy], name="small"), **options)


def seen(doc: Doc) -> list[tuple[str, str]]:
    return [(span.text, span.label_) for span in doc.spans[KEY]]


def test_one_line_without_importing_us() -> None:
    program = (
        "import spacy; nlp = spacy.blank('en');"
        "nlp.add_pipe('nlp_deid', config={'pipeline': 'rules', 'policy': 'tag'});"
        f"print(nlp({TEXT!r})._.deidentified.text)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == SCRUBBED, done.stderr


def test_what_a_doc_holds(nlp: Language) -> None:
    doc = nlp(TEXT)
    assert seen(doc) == [("Ada Quill", "DOCTOR"), ("3/4/2019", "DATE"), ("218-555-0134", "PHONE")]
    assert doc.ents == ()
    deid = load("rules", "tag")
    assert doc._.deidentified == deid(TEXT)
    assert [span._.phi for span in doc.spans[KEY]] == deid.detect(TEXT)
    first = doc.spans[KEY][0]
    assert (first._.phi_score, first._.phi_source) == (first._.phi.score, first._.phi.source)
    other = doc[0:1]
    assert (other._.phi, other._.phi_score, other._.phi_source) == (None, None, None)


def test_attributes_of_a_doc_that_was_never_seen() -> None:
    doc = spacy.blank("en")(TEXT)
    assert doc._.deidentified is None
    assert doc[0:2]._.phi is None


def test_two_finds_in_one_token() -> None:
    class Two(Detector):
        name = "two"

        def find(self, note: Note) -> list[Span]:
            return [Span(0, 1, "AGE", 0.8, "a"), Span(1, 2, "DATE", 0.7, "b")]

    doc = DeidComponent(Deid([Two()], PRESETS["tag"]), set_ents=True)(spacy.blank("en")("xyz"))
    assert [(s.label_, s._.phi_source) for s in doc.spans[KEY]] == [("AGE", "a"), ("DATE", "b")]
    assert [e.label_ for e in doc.ents] == ["AGE"]
    assert doc._.deidentified.text == "[AGE][DATE]z"


def test_ents_win_over_entities_they_touch() -> None:
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [{"label": "ORG", "pattern": "Zanzotta clinic"}, {"label": "DRUG", "pattern": "aspirin"}]
    )
    doc = nlp("Zanzotta clinic gave aspirin")
    small(set_ents=True)(doc)
    assert [(e.text, e.label_) for e in doc.ents] == [("Zanzotta", "PATIENT"), ("aspirin", "DRUG")]


def test_without_rewriting_there_are_spans_only() -> None:
    doc = small(rewrite=False)(spacy.blank("en")("for Zanzotta"))
    assert seen(doc) == [("Zanzotta", "PATIENT")]
    assert doc._.deidentified is None


def test_a_second_run_leaves_nothing_of_the_first() -> None:
    blank = spacy.blank("en")
    doc = small()(blank("for Zanzotta"))
    with pytest.raises(DeidError):
        DeidComponent(Deid([Always()], PRESETS["tag"]))(doc)
    assert KEY not in doc.spans
    assert doc._.deidentified is None


class Always(Detector):
    """Fails."""

    name = "always"

    def find(self, note: Note) -> list[Span]:
        raise RuntimeError(note.text)


def test_entities_of_another_component_are_proposals() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "WARD", "pattern": [{"TEXT": "Larkspur"}]}])
    nlp.add_pipe("nlp_deid", config={**CONFIG, "take_ents": {"WARD": "DEPARTMENT"}, "ents_score": 0.97})
    doc = nlp("moved to Larkspur today")
    (span,) = doc.spans[KEY]
    assert span._.phi == Span(9, 17, "DEPARTMENT", 0.97, "spacy:WARD")
    assert doc._.deidentified.text == "moved to [DEPARTMENT] today"


def test_a_detector_from_a_config() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("nlp_deid", config={**CONFIG, "detectors": {"@misc": "nlp_deid_tests.marked.v1"}})
    assert seen(nlp("for zz Zanzotta")) == [("Zanzotta", "PATIENT")]
    again = spacy.util.load_model_from_config(Config().from_str(nlp.config.to_str()))
    assert seen(again("for zz Zanzotta")) == [("Zanzotta", "PATIENT")]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pipeline": "no such"}, "no pipeline 'no such'"),
        ({"policy": "no such"}, "no policy 'no such'"),
        ({"take_ents": {"PERSON": "HUMAN"}}, "unknown label 'HUMAN'"),
        ({"set_ents": "perhaps"}, "set_ents"),
        ({"polcy": "tag"}, "polcy"),
        ({"surrogates": {"consistency": "sometimes"}}, "allowed: patient"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        spacy.blank("en").add_pipe("nlp_deid", config={"pipeline": "rules", **wrong})


def test_factory_metadata(nlp: Language) -> None:
    meta = nlp.get_factory_meta("nlp_deid")
    assert meta.assigns == ["doc.spans", "doc._.deidentified"]
    assert meta.default_score_weights["phi_redact"] == 0.5
    assert nlp.analyze_pipes()["problems"] == {"nlp_deid": []}
    component = nlp.get_pipe("nlp_deid")
    assert isinstance(component, DeidComponent)
    assert "DOCTOR" in component.labels
    assert nlp.pipe_labels["nlp_deid"] == list(component.labels)


def test_n_process(nlp: Language) -> None:
    texts = [TEXT, PLAIN, "", TEXT] * 3
    alone = [doc._.deidentified for doc in nlp.pipe(texts)]
    docs = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert [doc._.deidentified for doc in docs] == alone
    one = nlp(TEXT)
    assert [seen(doc) for doc in docs][:2] == [seen(one), []]
    assert docs[0].spans[KEY][0]._.phi_source == one.spans[KEY][0]._.phi_source


def test_surrogates_of_two_processes_agree_by_the_key(tmp_path: Path) -> None:
    write_new_key(tmp_path / "key")
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "nlp_deid",
        config={"pipeline": "rules", "policy": "surrogate", "key_file": str(tmp_path / "key")},
    )

    def docs() -> Iterator[Doc]:
        for _ in range(6):
            doc = nlp.make_doc(TEXT)
            doc._.deid_patient = "p-1"
            yield doc

    texts = {doc._.deidentified.text for doc in nlp.pipe(docs(), n_process=2, batch_size=1)}
    assert len(texts) == 1
    assert "Quill" not in texts.pop()
    component = nlp.get_pipe("nlp_deid")
    again = pickle.loads(pickle.dumps(component))
    assert (tmp_path / "key").read_text().strip().encode() not in pickle.dumps(component)
    assert again.deid.replacer.options.source == component.deid.replacer.options.source


def test_notes_of_one_patient_go_together() -> None:
    texts = ["Dr. Ada Quill saw him.", "He thanks Quill.", "He thanks Quill."]
    nlp = spacy.blank("en")
    component = DeidComponent(load("rules", "tag"))

    def docs() -> Iterator[Doc]:
        for text, patient in zip(texts, ("a", "a", None), strict=True):
            doc = nlp.make_doc(text)
            doc._.deid_patient = patient
            yield doc

    notes = [Note(text, patient=p) for text, p in zip(texts, ("a", "a", None), strict=True)]
    expected = [result.text for result in component.deid.pipe(notes)]
    assert [doc._.deidentified.text for doc in component.pipe(docs())] == expected
    assert "Quill" not in expected[1]


def test_known_values() -> None:
    doc = spacy.blank("en")("came with Brightwater as always")
    doc._.deid_known = {"PATIENT": ["Jo Brightwater"]}
    assert "Brightwater" not in DeidComponent(load("rules", "tag"))(doc)._.deidentified.text
    doc._.deid_known = {"PATIENT": "Jo Brightwater"}
    with pytest.raises(ValueError, match="known values of PATIENT must be a list") as caught:
        DeidComponent(load("rules", "tag"))(doc)
    assert "Brightwater" not in str(caught.value)


def test_a_failing_doc_goes_to_the_error_handler_and_never_on() -> None:
    nlp = spacy.blank("en")
    failed: list[tuple[str, int, str]] = []
    component = small()
    component.set_error_handler(
        lambda name, pipe, docs, error: failed.append((name, len(docs), f"{error} {error!r}"))
    )
    texts = ["for Zanzotta", "BAD Zqcanary", "none"]
    docs = list(component.pipe(map(nlp.make_doc, texts)))
    assert [doc.text for doc in docs] == [texts[0], texts[2]]
    ((name, count, message),) = failed
    assert (name, count) == ("nlp_deid", 1)
    assert "canary" not in message


def test_disk_and_bytes(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("nlp_deid", config=CONFIG)
    with nlp.memory_zone():  # spaCy would write the words of any other text to strings.json
        nlp(TEXT)
    nlp.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    assert again(TEXT)._.deidentified == nlp(TEXT)._.deidentified
    assert again.config["components"]["nlp_deid"] == nlp.config["components"]["nlp_deid"]
    component = again.get_pipe("nlp_deid")
    assert isinstance(component, DeidComponent)
    assert component.from_bytes(component.to_bytes()) is component
    assert again.from_bytes(nlp.to_bytes())(TEXT)._.deidentified.text == SCRUBBED
    for path in (tmp_path / "saved").rglob("*"):
        assert path.is_dir() or b"Quill" not in path.read_bytes()


def test_docs_keep_their_marks_on_disk(nlp: Language) -> None:
    one = nlp(TEXT)
    stored = DocBin(docs=[one], store_user_data=True).to_bytes()
    (doc,) = DocBin().from_bytes(stored).get_docs(spacy.blank("en").vocab)
    assert doc._.deidentified.text == SCRUBBED
    assert [span._.phi for span in doc.spans[KEY]] == [span._.phi for span in one.spans[KEY]]


def test_what_was_saved_with_another_policy_is_refused() -> None:
    with pytest.raises(ValueError, match=r"policy and actions .* differ from what was saved"):
        small("mask").from_bytes(small("tag").to_bytes())


def test_another_version_is_said() -> None:
    state = json.loads(small().to_bytes()) | {"version": "0.0.1"}
    with pytest.warns(UserWarning, match=r"saved by nlp-deid 0\.0\.1"):
        small().from_bytes(json.dumps(state).encode())


def test_evaluate(nlp: Language) -> None:
    def example(text: str, *gold: tuple[int, int, str]) -> Example:
        return Example.from_dict(nlp.make_doc(text), {"spans": {KEY: list(gold)}})

    whole = example(TEXT, (12, 21, "DOCTOR"), (25, 33, "DATE"), (41, 53, "PHONE"))
    scores = nlp.evaluate([whole, example(PLAIN)])
    assert (scores["phi_p"], scores["phi_r"], scores["phi_f"], scores["phi_redact"]) == (1, 1, 1, 1)
    assert set(scores["phi_per_type"]) == {"DOCTOR", "DATE", "PHONE"}
    missed = TEXT.index("Graves")
    gold = (12, 21, "PATIENT"), (25, 33, "DATE"), (missed, missed + 6, "PATIENT")
    other = nlp.evaluate([example(TEXT, *gold)])
    assert other["phi_r"] == pytest.approx(1 / 3)
    assert other["phi_p"] == pytest.approx(1 / 3)
    assert other["phi_redact"] == pytest.approx((9 + 8) / (9 + 8 + 6))


def test_evaluate_without_gold_says_nothing(nlp: Language) -> None:
    scores = nlp.evaluate([Example.from_dict(nlp.make_doc(PLAIN), {"spans": {KEY: []}})])
    assert scores["phi_redact"] is None


def test_beside_trained_components() -> None:
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("tok2vec")
    nlp.add_pipe("ner").add_label("DRUG")
    component = nlp.add_pipe("nlp_deid", config={**CONFIG, "set_ents": True})
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("took aspirin"), {"entities": [(5, 12, "DRUG")]})])
    assert isinstance(component, DeidComponent)
    (doc,) = nlp.pipe([TEXT])
    assert doc._.deidentified.text == SCRUBBED
    assert {"DOCTOR", "DATE", "PHONE"} <= {ent.label_ for ent in doc.ents}
    assert nlp.select_pipes(disable=["ner", "tok2vec"]) is not None


def test_memory_zones(nlp: Language) -> None:
    before = len(nlp.vocab.strings)
    for number in range(3):
        with nlp.memory_zone():
            docs = list(nlp.pipe([TEXT, f"Dr. Ada Quillx{number} called, Zq{number}."]))
            assert docs[0]._.deidentified.text == SCRUBBED
            assert seen(docs[0])[0] == ("Ada Quill", "DOCTOR")
            del docs
    assert len(nlp.vocab.strings) == before
