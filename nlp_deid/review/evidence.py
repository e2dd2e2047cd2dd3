"""Why a place of a note is marked: every claim about it, and how far the claims agree.

A claim is a detector's proposal with the merge's verdict; in an adjudication, the detectors are the reviewers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from nlp_deid.deid import Deid
from nlp_deid.note import Note, Span
from nlp_deid.review.marks import ACCEPTED, DOUBTED, PROPOSED, Mark

_LOST = frozenset({"vetoed", "weak"})
_DOUBT_OF_LOST = 0.5


@dataclass(frozen=True, slots=True)
class Claim:
    """One proposal: by whom (`span.source`), how surely (`span.score`), and what became of it.

    `outcome` and `by` are those of `merge.Verdict`; "reviewed" for a reviewer's span.
    """

    span: Span
    outcome: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All claims about a note, and the marks that a review of it starts with.

    Attributes:
        claims: in order of their place.
        marks: active ones do not overlap.
        doubts: for each mark, from 0 (all agree and are certain) to 1; see `doubt`.
        failed: what stopped the detectors, if they could not read the note; "" if nothing did.
    """

    claims: tuple[Claim, ...]
    marks: tuple[Mark, ...]
    doubts: tuple[float, ...]
    failed: str = ""

    @property
    def doubt(self) -> float:
        """What is open in the whole note; notes with more come first in the active order."""
        return sum(self.doubts)


def from_detectors(deid: Deid, note: Note) -> Evidence:
    """What a pipeline says of a note.

    What the merge decided is proposed. What it dropped, by a keep list or for a low score, is doubted
    where nothing that was kept overlaps it.

    Raises:
        DeidError: a part failed.
    """
    verdicts = [explanation.verdict for explanation in deid.explain(note)]
    claims = tuple(Claim(verdict.span, verdict.outcome, verdict.by) for verdict in verdicts)
    kept = deid.merge.spans((v.span for v in verdicts if v.outcome not in _LOST), (), note.text)
    lost = sorted(
        (v.span for v in verdicts if v.outcome in _LOST),
        key=lambda span: (-span.score, span.start - span.end, span),
    )
    marks = [Mark(s.start, s.end, s.label, PROPOSED, s.label) for s in kept]
    marks += _apart([Mark(s.start, s.end, s.label, DOUBTED, s.label) for s in lost], marks)
    return _evidence(claims, marks)


def from_reviewers(spans: Mapping[str, Sequence[Span]]) -> Evidence:
    """What reviewers say of a note, for an adjudication.

    What all have in common, offsets and label, is accepted. Of the rest what does not overlap is proposed,
    the earlier and longer first; rival versions stay among the claims.

    Args:
        spans: each reviewer's own, by name.
    """
    claims = tuple(
        sorted(
            (
                Claim(Span(s.start, s.end, s.label, 1.0, name), "reviewed")
                for name, found in spans.items()
                for s in found
            ),
            key=lambda claim: claim.span,
        )
    )
    agreed: list[Mark] = []
    open_ones: list[Mark] = []
    for (start, end, label), same in groupby(claims, key=lambda c: (c.span.start, c.span.end, c.span.label)):
        everyone = sum(1 for _ in same) == len(spans)
        mark = Mark(start, end, label, ACCEPTED if everyone else PROPOSED, label)
        (agreed if everyone else open_ones).append(mark)
    open_ones.sort(key=lambda mark: (mark.start, -mark.end, mark.label))
    return _evidence(claims, agreed + _apart(open_ones, agreed))


def _apart(candidates: Iterable[Mark], taken: Iterable[Mark]) -> list[Mark]:
    """The candidates, best first, that overlap neither what is taken nor one another."""
    covered = bytearray(max((mark.end for mark in taken), default=0))
    for mark in taken:
        covered[mark.start : mark.end] = b"\1" * (mark.end - mark.start)
    chosen = []
    for mark in candidates:
        if not any(covered[mark.start : mark.end]):
            covered.extend(b"\0" * (mark.end - len(covered)))
            covered[mark.start : mark.end] = b"\1" * (mark.end - mark.start)
            chosen.append(mark)
    return chosen


def _evidence(claims: tuple[Claim, ...], marks: Sequence[Mark]) -> Evidence:
    ordered = tuple(sorted(marks))
    return Evidence(claims, ordered, tuple(_doubts(ordered, claims)))


def _doubts(marks: Sequence[Mark], claims: Sequence[Claim]) -> Iterable[float]:
    """The doubt of each mark; marks and claims are both in order of their start."""
    longest = max((claim.span.end - claim.span.start for claim in claims), default=0)
    first = 0
    for mark in marks:
        while first < len(claims) and claims[first].span.start < mark.start - longest:
            first += 1
        about = []
        for claim in claims[first:]:
            if claim.span.start >= mark.end:
                break
            if claim.span.end > mark.start:
                about.append(claim)
        yield 0.0 if mark.state == ACCEPTED else doubt(mark, about)


def doubt(mark: Mark, about: Sequence[Claim]) -> float:
    """How far the claims that touch a mark are from agreeing on it and being certain, in [0, 1].

    The largest of: the share of sources that do not say the mark's label; what its best claim lacks of
    score 1; one half if the merge had dropped it.
    """
    sources = {claim.span.source for claim in about}
    agreeing = [claim.span for claim in about if claim.span.label == mark.label]
    if not agreeing:
        return 1.0
    dissent = 1 - len({span.source for span in agreeing}) / len(sources)
    unsure = 1 - max(span.score for span in agreeing)
    return max(dissent, unsure, _DOUBT_OF_LOST if mark.state == DOUBTED else 0.0)
