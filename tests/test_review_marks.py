"""Acts on a review: whatever people do, marks stay sound and every act can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.review import marks
from nlp_deid.review.marks import ACCEPTED, DOUBTED, PROPOSED, REJECTED, ActError, Mark, Review

LENGTH = 12
LABELS = ("PATIENT", "DATE", "CITY")
NAME = Mark(0, 4, "PATIENT", PROPOSED, "PATIENT")
DOUBT = Mark(6, 8, "CITY", DOUBTED, "CITY")
START = Review((NAME, DOUBT))

Act = Callable[[Review], Review]


@st.composite
def acts(draw: st.DrawFn) -> Act:
    start = draw(st.integers(0, LENGTH - 1))
    end = draw(st.integers(start + 1, LENGTH))
    label = draw(st.sampled_from(LABELS))
    return draw(
        st.sampled_from(
            (
                lambda review: marks.put(review, start, end, label),
                lambda review: marks.reject(review, start, end),
                marks.accept_rest,
                marks.undo,
                marks.redo,
                marks.finish,
                marks.reopen,
            )
        )
    )


def sound(review: Review) -> bool:
    active = [mark for mark in review.marks if mark.active]
    ranges = [(mark.start, mark.end) for mark in review.marks]
    return (
        list(review.marks) == sorted(review.marks)
        and len(set(ranges)) == len(ranges)
        and all(left.end <= right.start for left, right in pairwise(active))
    )


@given(st.lists(acts(), max_size=25))
def test_marks_stay_sound_and_versions_count_the_acts(chosen: list[Act]) -> None:
    review = START
    for act in chosen:
        try:
            following = act(review)
        except ActError:
            continue
        assert sound(following)
        assert following.version == review.version + 1
        review = following


@given(st.lists(acts(), max_size=25))
def test_undoing_everything_gives_the_start_and_redoing_everything_the_end(chosen: list[Act]) -> None:
    review = START
    for act in chosen:
        try:
            review = act(review)
        except ActError:
            continue
    if review.done:
        review = marks.reopen(review)
    while review.future:
        review = marks.redo(review)
    end = review.marks
    while review.past:
        review = marks.undo(review)
    assert review.marks == START.marks
    while review.future:
        review = marks.redo(review)
    assert review.marks == end


def test_accept_relabel_and_reject_a_proposal() -> None:
    accepted = marks.put(START, 0, 4, "PATIENT")
    assert accepted.marks[0] == replace(NAME, state=ACCEPTED)
    other = marks.put(accepted, 0, 4, "DATE")
    assert other.marks[0] == Mark(0, 4, "DATE", ACCEPTED, "PATIENT")
    rejected = marks.reject(other, 0, 4)
    assert rejected.marks[0] == replace(NAME, state=REJECTED)
    assert [span.label for span in rejected.spans] == []
    assert marks.put(rejected, 0, 4, "PATIENT").marks[0].active


def test_a_new_range_pushes_the_marks_under_it_aside() -> None:
    wider = marks.put(START, 2, 7, "CITY")
    assert [(m.start, m.end, m.state) for m in wider.marks] == [
        (0, 4, REJECTED),
        (2, 7, ACCEPTED),
        (6, 8, REJECTED),
    ]
    own = marks.put(wider, 1, 3, "DATE")
    assert (2, 7) not in {(m.start, m.end) for m in own.marks}, "what a person marked and replaced is gone"


def test_doubted_marks_count_only_when_accepted() -> None:
    assert [(s.start, s.end) for s in START.spans] == [(0, 4)]
    assert [(s.start, s.end) for s in marks.put(START, 6, 8, "CITY").spans] == [(0, 4), (6, 8)]
    assert START.undecided == 1


def test_a_note_is_done_only_when_all_is_decided_and_then_stays_as_it_is() -> None:
    with pytest.raises(ActError, match="1 proposals are undecided"):
        marks.finish(START)
    done = marks.finish(marks.accept_rest(START))
    for act in (marks.undo, marks.finish, marks.accept_rest, lambda r: marks.put(r, 0, 4, "DATE")):
        with pytest.raises(ActError):
            act(done)
    assert marks.undo(marks.reopen(done)).marks == START.marks


def test_acts_on_nothing_are_refused() -> None:
    for act in (marks.undo, marks.redo, marks.reopen, lambda r: marks.reject(r, 1, 2)):
        with pytest.raises(ActError):
            act(START)
