"""Found spans with the labels of the corpus that a pipeline's tagger learned from, in place of ours.

A tagger's span names its corpus's own type in its source, behind a colon ("tagger:TERRITORIO"); the spans of
other detectors get the type that stands for our label in that scheme.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nlp_deid.deid import Deid
from nlp_deid.labels import to_scheme
from nlp_deid.note import Span
from nlp_deid.pipeline import PipelineError

LABELS = ("ours", "native")

Relabel = Callable[[Span], Span]


def relabel(deid: Deid, labels: str) -> Relabel:
    """What gives a span of a pipeline its label: of ours, or of the pipeline's corpus.

    A span whose label the corpus has no type for keeps it: nothing found is lost.

    Args:
        deid: the pipeline.
        labels: one of `LABELS`.

    Raises:
        PipelineError: an unknown choice, or "native" of a pipeline without a tagger or with taggers of several
            schemes.
    """
    if labels not in LABELS:
        raise PipelineError(f"unknown choice of labels {labels!r}; allowed: {', '.join(LABELS)}")
    if labels == "ours":
        return lambda span: span
    taggers = {part.name: part.scheme for part in deid.detectors if hasattr(part, "scheme")}
    schemes = sorted(set(taggers.values()))
    if len(schemes) != 1:
        found = f"taggers of {', '.join(schemes)}" if schemes else "no learned tagger"
        raise PipelineError(f"{deid.name}: native labels need taggers of one scheme; it has {found}")

    def native(span: Span) -> Span:
        tagger, _, own = span.source.rpartition(":")
        return replace(
            span, label=own if tagger in taggers else to_scheme(schemes[0], span.label) or span.label
        )

    return native
