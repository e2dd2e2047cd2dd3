"""Span and Note: what they refuse, and that neither shows text."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from collections.abc import Iterable
from dataclasses import FrozenInstanceError, astuple, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.note import Detector, Note, Span

CANARY = "Qzyxwanda Vrblonski"
TEXT = f"Seen today: {CANARY}, well."
START = TEXT.index(CANARY)
RANGES = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda pair: Span(pair[0], sum(pair), "DATE"))


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 5), (5, 4), (-1, 3), (-3, -1)])
def test_empty_and_negative_ranges_are_refused(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="is empty or negative"):
        Span(start, end, "DATE")


@pytest.mark.parametrize("score", [float("nan"), -0.01, 1.01, float("inf"), float("-inf")])
def test_scores_outside_the_unit_interval_are_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"outside \[0, 1\] \(source 'rule:x'\)"):
        Span(0, 1, "DATE", score, "rule:x")


@pytest.mark.parametrize("score", [0, 0.0, 0.5, 1, 1.0])
def test_scores_inside_it_pass(score: float) -> None:
    assert Span(0, 1, "DATE", score).score == score


def test_a_span_does_not_change_and_has_only_these_fields() -> None:
    span = Span(0, 1, "DATE")
    with pytest.raises(FrozenInstanceError):
        span.start = 5  # type: ignore[misc]
    assert [field.name for field in fields(span)] == ["start", "end", "label", "score", "source"]
    assert not hasattr(span, "__dict__")


def test_no_form_of_a_span_holds_text(caplog: pytest.LogCaptureFixture) -> None:
    note = Note(TEXT, id="n1")
    low, high = note.view.span(START, START + len(CANARY))
    span = Span(low, high, "PATIENT", 0.9, "rule:name")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("found %s %r", span, span)
    forms = [repr(span), str(span), f"{span}", caplog.text, json.dumps(astuple(span)), repr(copy.copy(span))]
    assert not any(word in form for form in forms for word in CANARY.split())
    pickled = pickle.dumps(span)
    assert not any(word.encode() in pickled for word in CANARY.split())
    assert pickle.loads(pickled) == span


def test_spans_sort_by_place() -> None:
    spans = [Span(5, 9, "DATE"), Span(0, 9, "AGE"), Span(0, 2, "ZIP")]
    assert sorted(spans) == [spans[2], spans[1], spans[0]]
    assert len({spans[0], Span(5, 9, "DATE")}) == 1


@given(RANGES, RANGES)
def test_overlap_is_sharing_a_character(one: Span, other: Span) -> None:
    shared = set(range(one.start, one.end)) & set(range(other.start, other.end))
    assert one.overlaps(other) == other.overlaps(one) == bool(shared)


def test_a_note_shows_its_id_and_length_only() -> None:
    note = Note(TEXT, id="n1", patient="p9", known={"PATIENT": [CANARY]}, spans=[Span(0, 4, "DATE")])
    assert repr(note) == str(note) == f"Note(id='n1', {len(TEXT)} characters)"
    assert note.view.text == TEXT
    assert repr(note) == f"Note(id='n1', {len(TEXT)} characters)"


def test_the_view_is_made_once_and_holds_no_repr_of_the_text() -> None:
    note = Note(TEXT)
    assert note.view is note.view
    assert CANARY not in repr(note.view)
    assert CANARY not in repr([note, {"note": note}])


def test_notes_of_equal_text_are_not_equal() -> None:
    assert Note(TEXT) != Note(TEXT)


class _Words(Detector):
    name = "words"

    def find(self, note: Note) -> list[Span]:
        at = note.text.find("well")
        return [Span(at, at + 4, "OTHER", source=self.name)] if at >= 0 else []


def test_find_all_answers_in_order_and_lazily() -> None:
    seen: list[str] = []

    def notes() -> Iterable[Note]:
        for at, text in enumerate(["well", "", "is well"]):
            seen.append(str(at))
            yield Note(text)

    found = _Words().find_all(notes())
    assert seen == []
    assert [[span.start for span in spans] for spans in found] == [[0], [], [3]]


def test_a_detector_must_say_how_it_finds() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Detector()  # type: ignore[abstract]


@pytest.mark.parametrize("value", [CANARY, CANARY.encode()])
def test_one_text_in_place_of_a_list_of_known_values_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="known values of PATIENT must be a list") as caught:
        Note(TEXT, id="n1", known={"DOCTOR": ["Roe"], "PATIENT": value})
    assert CANARY not in str(caught.value)
