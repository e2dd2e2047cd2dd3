"""What a person decided about one note: marks, and the acts that change them.

Every act is a pure function from a review to the next one and can be undone. Whatever the acts, the active
marks of a review never overlap and no range is marked twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from nlp_deid.note import Span

PROPOSED = "proposed"  # stands unless rejected; must be decided before the note is done
DOUBTED = "doubted"  # a detector proposed it and the merge said no; counts only if accepted
ACCEPTED = "accepted"
REJECTED = "rejected"
STATES = (PROPOSED, DOUBTED, ACCEPTED, REJECTED)
_ACTIVE = frozenset({PROPOSED, ACCEPTED})


class ActError(ValueError):
    """An act that this review does not allow; the message says why. Holds no text."""


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """Characters [start, end) with a label and what was decided about them.

    `origin` is the label that was proposed for the range; "" if a person marked it first.
    """

    start: int
    end: int
    label: str
    state: str
    origin: str = ""

    @property
    def active(self) -> bool:
        """Whether it counts as a span of the note."""
        return self.state in _ACTIVE

    def overlaps(self, start: int, end: int) -> bool:
        """True if it shares a character with [start, end)."""
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class Step:
    """What one act took away and what it put in its place; turned round, it is its own undoing."""

    removed: tuple[Mark, ...]
    added: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Review:
    """One note's marks as one reviewer left them.

    Attributes:
        marks: in order of their place, one a range.
        version: number of acts so far; 0 is what nobody has touched.
        done: the reviewer has finished with the note.
        past, future: steps to undo, and undone ones to do again, the latest last.
    """

    marks: tuple[Mark, ...]
    version: int = 0
    done: bool = False
    past: tuple[Step, ...] = ()
    future: tuple[Step, ...] = ()

    @property
    def spans(self) -> list[Span]:
        """The active marks as spans: sorted, without overlap."""
        return [Span(m.start, m.end, m.label, 1.0, "review") for m in self.marks if m.active]

    @property
    def undecided(self) -> int:
        """How many proposals wait for a decision."""
        return sum(mark.state == PROPOSED for mark in self.marks)


def put(review: Review, start: int, end: int, label: str) -> Review:
    """Accept [start, end) with this label: a proposal, a new range, or a new label for an old one.

    Marks that it overlaps give way: proposals become rejected, a person's own are dropped.
    """
    removed, added, origin = [], [], ""
    for mark in review.marks:
        if (mark.start, mark.end) == (start, end):
            removed.append(mark)
            origin = mark.origin
        elif mark.overlaps(start, end) and mark.state != REJECTED:
            removed.append(mark)
            added += _rejected(mark)
    return _stepped(review, removed, [*added, Mark(start, end, label, ACCEPTED, origin)])


def reject(review: Review, start: int, end: int) -> Review:
    """Reject the mark at exactly [start, end).

    Raises:
        ActError: there is none.
    """
    for mark in review.marks:
        if (mark.start, mark.end) == (start, end):
            return _stepped(review, [mark], _rejected(mark))
    raise ActError(f"there is no mark at [{start}, {end})")


def accept_rest(review: Review) -> Review:
    """Accept every proposal that is not decided yet, as one act.

    Raises:
        ActError: all are decided.
    """
    rest = [mark for mark in review.marks if mark.state == PROPOSED]
    if not rest:
        raise ActError("every proposal is decided already")
    return _stepped(review, rest, [replace(mark, state=ACCEPTED) for mark in rest])


def finish(review: Review) -> Review:
    """Say that the note is done.

    Raises:
        ActError: it is already, or proposals are undecided.
    """
    if review.undecided:
        raise ActError(f"{review.undecided} proposals are undecided; accept or reject them first")
    return replace(_open(review), version=review.version + 1, done=True)


def reopen(review: Review) -> Review:
    """Take back that the note is done.

    Raises:
        ActError: it is not.
    """
    if not review.done:
        raise ActError("the note is not done")
    return replace(review, version=review.version + 1, done=False)


def undo(review: Review) -> Review:
    """Take back the latest step.

    Raises:
        ActError: there is none.
    """
    if not _open(review).past:
        raise ActError("there is nothing to undo")
    step = review.past[-1]
    return replace(
        review,
        marks=_changed(review.marks, step.added, step.removed),
        version=review.version + 1,
        past=review.past[:-1],
        future=(*review.future, step),
    )


def redo(review: Review) -> Review:
    """Do again what was undone last.

    Raises:
        ActError: nothing was.
    """
    if not _open(review).future:
        raise ActError("there is nothing to do again")
    step = review.future[-1]
    return replace(
        review,
        marks=_changed(review.marks, step.removed, step.added),
        version=review.version + 1,
        past=(*review.past, step),
        future=review.future[:-1],
    )


def _rejected(mark: Mark) -> list[Mark]:
    """What stays of a mark that is rejected: nothing if a person made it."""
    return [replace(mark, label=mark.origin, state=REJECTED)] if mark.origin else []


def _stepped(review: Review, removed: Iterable[Mark], added: Iterable[Mark]) -> Review:
    step = Step(tuple(removed), tuple(added))
    return replace(
        _open(review),
        marks=_changed(review.marks, step.removed, step.added),
        version=review.version + 1,
        past=(*review.past, step),
        future=(),
    )


def _changed(marks: Iterable[Mark], removed: Iterable[Mark], added: Iterable[Mark]) -> tuple[Mark, ...]:
    gone = set(removed)
    return tuple(sorted([*(mark for mark in marks if mark not in gone), *added]))


def _open(review: Review) -> Review:
    if review.done:
        raise ActError("the note is done; open it again first")
    return review
