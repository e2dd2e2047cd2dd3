"""The mistakes of a system, one by one: what was missed, spurious, cut wrongly or labelled wrongly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from nlp_deid.note import Span
from nlp_deid.scoring import Pair

Kind = Literal["missed", "spurious", "boundary", "label"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in one note.

    Attributes:
        kind: "missed" (gold that no found span touches), "spurious" (found, touches no gold),
            "boundary" (touches gold of its label with other offsets), "label" (touches gold of
            another label).
        context: text around the span, None unless asked for. It shows PHI; repr leaves it out.
    """

    note: str
    kind: Kind
    gold: Span | None
    found: Span | None
    context: str | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        spans = {
            name: span and {"start": span.start, "end": span.end, "label": span.label}
            for name, span in (("gold", self.gold), ("found", self.found))
        }
        shown = {} if self.context is None else {"context": self.context}
        return {"note": self.note, "kind": self.kind, **spans, **shown}


def find_mistakes(pairs: Iterable[Pair], context: int | None = None) -> Iterator[Mistake]:
    """Mistakes note by note, in order of offset (pairs from `evaluate.pair_up`).

    Each gold span has at most one: against the found span that shares most characters with it. A found
    span that only touches gold paired with others gets one against the gold it shares most with.

    Args:
        context: characters of text to show on either side; None shows no text.
    """
    for pair in pairs:
        places = {(s.start, s.end, s.label) for s in pair.gold} & {
            (s.start, s.end, s.label) for s in pair.found
        }
        used: set[Span] = set()
        listed: list[tuple[Kind, Span | None, Span | None]] = []
        for gold in pair.gold:
            if (gold.start, gold.end, gold.label) not in places:
                best = _nearest(gold, pair.found)
                listed.append((_kind(gold, best), gold, best))
                used.update((best,) if best else ())
        for span in pair.found:
            if span not in used and (span.start, span.end, span.label) not in places:
                gold_span = _nearest(span, pair.gold)
                listed.append((_kind(gold_span, span), gold_span, span))
        for kind, gold_or_none, span_or_none in sorted(listed, key=_place):
            shown = _context(pair, gold_or_none, span_or_none, context)
            yield Mistake(pair.note.id, kind, gold_or_none, span_or_none, shown)


def _nearest(span: Span, others: Iterable[Span]) -> Span | None:
    """The span that shares most characters with `span`, the same label first; None if none touches it."""
    touching = [other for other in others if other.overlaps(span)]

    def shared(other: Span) -> tuple[int, bool]:
        return min(span.end, other.end) - max(span.start, other.start), other.label == span.label

    return max(touching, key=shared, default=None)


def _kind(gold: Span | None, found: Span | None) -> Kind:
    if gold is None or found is None:
        return "spurious" if gold is None else "missed"
    return "boundary" if gold.label == found.label else "label"


def _place(error: tuple[Kind, Span | None, Span | None]) -> tuple[int, int]:
    starts = [(span.start, span.end) for span in error[1:] if isinstance(span, Span)]
    return min(starts)


def _context(pair: Pair, gold: Span | None, found: Span | None, width: int | None) -> str | None:
    if width is None:
        return None
    spans = [span for span in (gold, found) if span]
    start = max(0, min(span.start for span in spans) - width)
    return pair.note.text[start : max(span.end for span in spans) + width]
