"""Found spans with the labels of the corpus that a pipeline's tagger learned from, in place of ours.

A tagger's span, or that of a rule written for the corpus, names the corpus's own type in its source, behind a
colon ("tagger:TERRITORIO"); other spans get the type that stands for our label in that scheme (`labels.native`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nlp_deid.deid import Deid
from nlp_deid.labels import native
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
    schemes = sorted({part.scheme for part in deid.detectors if hasattr(part, "scheme")})
    if len(schemes) != 1:
        found = f"taggers of {', '.join(schemes)}" if schemes else "no learned tagger"
        raise PipelineError(f"{deid.name}: native labels need taggers of one scheme; it has {found}")
    [scheme] = schemes
    return lambda span: replace(span, label=native(scheme, span.label, span.source) or span.label)
