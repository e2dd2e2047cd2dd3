"""Rival proposals in; every proposed character covered, one label for each span out.

Detectors propose, this module alone decides. Nothing a sure detector found is given up: the union
of the proposals stays covered, and where two overlap the better one gives the label.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter
from typing import Any

from nlp_deid.labels import CATEGORIES, LABELS, check_label
from nlp_deid.note import Span

_PLACE = attrgetter("start", "end", "label", "score", "source")
_ORDER = {name: rank for rank, name in enumerate(LABELS)}


@dataclass(frozen=True, slots=True)
class Keep:
    """A stretch of text that a keep list holds to be medicine or plain language."""

    start: int
    end: int
    source: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one proposal.

    outcome: "won" (it is a span of the result, perhaps longer), "merged" (covered by spans of
    `by`), "vetoed" (by the keep list `by`, whose term stands at `term`) or "weak" (below the threshold).
    """

    span: Span
    outcome: str
    by: str = ""
    term: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Merge:
    """The decision rule.

    Args:
        threshold: proposals with a lower score are dropped.
        veto_below: proposals with a lower score yield to keep lists; from this score on a
            proposal is sure and beats every unsure one.
    """

    threshold: float = 0.5
    veto_below: float = 0.9

    def __post_init__(self) -> None:
        for name in ("threshold", "veto_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"merge: {name} must lie in [0, 1]")

    def spans(self, proposals: Iterable[Span], keeps: Iterable[Keep] = (), text: str = "") -> list[Span]:
        """The decided spans: sorted, without overlap, covering every surviving proposal.

        `text` is the note's; only a decision that compares values looks at it.
        """
        survivors, _ = self._sift(proposals, keeps)
        return [span for _, final in self._settled(survivors, text) for span in final]

    def verdicts(
        self, proposals: Iterable[Span], keeps: Iterable[Keep] = (), text: str = ""
    ) -> list[Verdict]:
        """What became of every proposal, in order of position."""
        survivors, verdicts = self._sift(proposals, keeps)
        for cluster, final in self._settled(survivors, text):
            for span in cluster:
                covering = [f for f in final if f.overlaps(span)]
                won = any((f.source, f.label) == (span.source, span.label) for f in covering)
                by = "" if won else ", ".join(dict.fromkeys(f.source for f in covering))
                verdicts.append(Verdict(span, "won" if won else "merged", by))
        return sorted(verdicts, key=lambda verdict: (verdict.span, verdict.outcome))

    def _sift(self, proposals: Iterable[Span], keeps: Iterable[Keep]) -> tuple[list[Span], list[Verdict]]:
        """Survivors, sorted by position, and the verdicts on the others."""
        kept = sorted(keeps, key=lambda keep: (keep.start, keep.end))
        starts = [keep.start for keep in kept]
        longest = max((keep.end - keep.start for keep in kept), default=0)
        survivors, verdicts = [], []
        for span in sorted(set(proposals), key=_PLACE):
            if span.score < self.threshold:
                verdicts.append(Verdict(span, "weak"))
            elif span.score < self.veto_below and (keep := _holding(span, kept, starts, longest)):
                verdicts.append(Verdict(span, "vetoed", keep.source, (keep.start, keep.end)))
            else:
                survivors.append(span)
        return survivors, verdicts

    def _settled(self, survivors: Sequence[Span], text: str) -> Iterator[tuple[list[Span], list[Span]]]:
        """Clusters of overlapping survivors, each with its decided spans."""
        for cluster in _clusters(survivors):
            yield cluster, _settle(cluster, self._rank)

    def _rank(self, span: Span) -> tuple[Any, ...]:
        """Best first: sure before unsure, then longer, then more certain, then by label and source."""
        return (
            span.score < self.veto_below,
            span.start - span.end,
            -span.score,
            _ORDER[span.label],
            span.source,
        )


@dataclass(frozen=True, slots=True)
class Blackboard(Merge):
    """Detectors compete: precedence and prior occurrence resolve conflicts.

    Of the labels proposed for a stretch, the one that the same value got earlier in the note wins,
    then the one that comes first in `precedence`, then the rank of Merge (Sweeney 1996, Proc AMIA
    Annu Fall Symp 333).

    Args:
        precedence: labels, strongest first; labels left out come last.
    """

    precedence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super(Blackboard, self).__post_init__()
        for label in self.precedence:
            check_label(label)

    def _settled(self, survivors: Sequence[Span], text: str) -> Iterator[tuple[list[Span], list[Span]]]:
        prior: dict[str, str] = {}
        order = {label: rank for rank, label in enumerate(self.precedence)}

        def value(span: Span) -> str:
            return " ".join(text[span.start : span.end].casefold().split())

        def rank(span: Span) -> tuple[Any, ...]:
            known = prior.get(value(span)) == span.label
            return not known, order.get(span.label, len(order)), *self._rank(span)

        for cluster in _clusters(survivors):
            final = _settle(cluster, rank)
            for span in final:
                prior.setdefault(value(span), span.label)
            yield cluster, final


MERGES: dict[str, type[Merge]] = {"union": Merge, "blackboard": Blackboard}


def _settle(cluster: Sequence[Span], rank: Callable[[Span], Any]) -> list[Span]:
    """One label for every character of a cluster of overlapping spans."""
    if len(cluster) == 1:
        return list(cluster)
    ranked = sorted(cluster, key=rank)
    edges = sorted({edge for span in cluster for edge in (span.start, span.end)})
    pieces: list[Span] = []
    for start, end in pairwise(edges):
        best = next(span for span in ranked if span.start <= start and end <= span.end)
        last = pieces[-1] if pieces else None
        if last and _same(last, best) and any(span.start < start < span.end for span in cluster):
            label = min(last, best, key=rank)
            pieces[-1] = Span(last.start, end, label.label, label.score, label.source)
        else:
            pieces.append(Span(start, end, best.label, best.score, best.source))
    return pieces


def _same(first: Span, second: Span) -> bool:
    """Whether two touching pieces are one span: one label, or parts of one name."""
    if first.label == second.label:
        return True
    return CATEGORIES[first.label] == CATEGORIES[second.label] == "NAME"


def _holding(span: Span, keeps: Sequence[Keep], starts: Sequence[int], longest: int) -> Keep | None:
    """A keep stretch that holds the whole span, if there is one."""
    i = bisect_right(starts, span.start) - 1
    while i >= 0 and starts[i] >= span.end - longest:
        if keeps[i].end >= span.end:
            return keeps[i]
        i -= 1
    return None


def _clusters(spans: Sequence[Span]) -> Iterator[list[Span]]:
    """Groups of sorted spans that overlap, directly or through others."""
    cluster: list[Span] = []
    end = 0
    for span in spans:
        if cluster and span.start >= end:
            yield cluster
            cluster = []
        cluster.append(span)
        end = max(end, span.end) if len(cluster) > 1 else span.end
    if cluster:
        yield cluster
