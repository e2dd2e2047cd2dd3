"""The pipeline as a spaCy component: `nlp.add_pipe("nlp_deid")` fills `doc.spans["phi"]`.

spaCy finds the factory through the entry point group `spacy_factories`, so that importing
nlp_deid never imports spaCy; this module does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, SpanGroup

from nlp_deid.deid import Deid
from nlp_deid.note import Note, Span
from nlp_deid.pipeline import DEFAULT_PIPELINE, load

KEY = "phi"


class DeidComponent:
    """Marks identifiers; the text of a Doc cannot change, `nlp_deid.load()` rewrites notes.

    Args:
        deid: the pipeline that finds them.
    """

    def __init__(self, deid: Deid) -> None:
        self.deid = deid

    def __call__(self, doc: Doc) -> Doc:
        """Set `doc.spans["phi"]`, a span a find, widened to whole tokens.

        The group's `attrs["found"]` holds the exact finds in the same order: start, end (characters),
        label, score, source.

        Raises:
            DeidError: a part failed; the Doc must not be passed on as searched.
        """
        found = self.deid.detect(Note(doc.text))
        spans = [_token_span(doc, span) for span in found]
        exact = [
            {"start": s.start, "end": s.end, "label": s.label, "score": s.score, "source": s.source}
            for s in found
        ]
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=spans, attrs={"found": exact})
        return doc

    def pipe(self, stream: Iterable[Doc], batch_size: int = 128) -> Iterator[Doc]:
        """Like calling the component on every Doc, in order. `batch_size` is spaCy's and not used."""
        for doc in stream:
            yield self(doc)


def _token_span(doc: Doc, span: Span) -> Any:
    return doc.char_span(span.start, span.end, label=span.label, alignment_mode="expand")


@Language.factory("nlp_deid", default_config={"pipeline": DEFAULT_PIPELINE, "policy": None})
def create_nlp_deid(nlp: Language, name: str, pipeline: str, policy: str | None) -> DeidComponent:
    """The factory.

    Args:
        nlp: the spaCy pipeline.
        name: of the component in it.
        pipeline: an installed pipeline's name or a config's path.
        policy: checked when given, and what `component.deid(text)` rewrites by; marking needs none.

    Raises:
        PipelineError, PolicyError: a name or file that cannot be used.
    """
    return DeidComponent(load(pipeline, policy))
