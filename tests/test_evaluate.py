"""The report as a whole: what is refused, what is in it, comparison and mistakes."""

from __future__ import annotations

import json

import pytest

from nlp_deid.evaluate import MEASURES, compare, evaluate, list_mistakes, pair_up
from nlp_deid.note import Note, Span
from nlp_deid.scoring import Score, Share

GOLD = [
    Note(
        "Ana Roe, 41, of Reno.",
        "a",
        "p1",
        spans=[Span(0, 7, "PATIENT"), Span(9, 11, "AGE"), Span(16, 20, "CITY")],
    ),
    Note("No change. Graves disease.", "b", "p1"),
    Note("Seen 3/4 by Dr. Lie", "c", spans=[Span(5, 8, "DATE"), Span(16, 19, "DOCTOR")]),
]
FOUND = {
    "a": [Span(0, 7, "PATIENT"), Span(16, 20, "STATE")],
    "b": [Span(11, 17, "PATIENT")],
    "c": [Span(5, 8, "DATE"), Span(12, 19, "DOCTOR")],
}


def test_every_measure_by_hand() -> None:
    report = evaluate(GOLD, FOUND, terms=True)
    assert (report.notes, report.notes_with_phi, report.missing) == (3, 2, 0)
    assert report.strict.micro == Score(2, 3, 3)
    assert report.strict_untyped.micro == Score(3, 2, 2)
    # hits: Ana, Roe, 3, /, 4, Lie; too much: Graves, Dr, ., Reno as STATE; missed: 41, Reno as CITY
    assert report.token.micro == Score(6, 4, 2)
    assert report.token.labels["DATE"] == Score(3, 0, 0)
    assert report.binary_token.micro == Score(7, 3, 1)
    assert report.binary_token.recall_by_category["LOCATION"] == Share(1, 1)
    assert report.binary_token.recall_by_label["AGE"] == Share(0, 1)
    assert report.redact.share == Share(17, 19)
    assert report.redact_full.share == Share(2, 3)
    assert report.redact_full_phi.share == Share(1, 2)
    assert report.over_scrubbing == Share(6 + 4, 66 - 19)
    assert report.removed_terms == {"Graves": 1, "Dr.": 1}
    assert report.meddocan.track1 == Score(2, 3, 3)
    assert report.i2b2["binary strict"].micro == Score(3, 2, 2)


def test_json_and_repr_show_text_only_on_request() -> None:
    report = evaluate(GOLD, FOUND)
    assert report.removed_terms is None
    shown = json.dumps(report.to_dict(), allow_nan=False)
    for name in ("binary_token", "redact_full_phi", "hipaa relaxed", "track2_merged"):
        assert name in shown
    assert "removed_terms" not in shown
    assert "Graves" not in shown + repr(report) + repr(evaluate(GOLD, FOUND, terms=True))
    assert "Graves" in json.dumps(evaluate(GOLD, FOUND, terms=True).to_dict())


def test_unanswered_notes_raise_or_are_misses() -> None:
    some = {"a": FOUND["a"], "b": []}
    with pytest.raises(ValueError, match="no answer for note 'c'"):
        evaluate(GOLD, some)
    report = evaluate(GOLD, some, missing="miss")
    assert report.missing == 1
    assert report.strict.micro.fn == 2 + 2
    assert report.i2b2["strict"].micro == report.strict.micro
    kept = evaluate(GOLD, some, missing="miss", compat=True)
    assert kept.strict.micro == report.strict.micro
    assert kept.i2b2["strict"].micro.fn == 2


def test_mismatched_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="an answer for 1 notes that are not in the gold"):
        evaluate(GOLD, {**FOUND, "z": []})
    with pytest.raises(ValueError, match="ignored ranges for 1 notes"):
        evaluate(GOLD, FOUND, ignore={"z": []})
    with pytest.raises(ValueError, match="'a' occurs twice"):
        evaluate([GOLD[0], GOLD[0]], {"a": []})
    with pytest.raises(ValueError, match="allowed: raise, miss"):
        evaluate(GOLD, FOUND, missing="skip")  # type: ignore[arg-type]


def test_ignored_ranges_reach_every_measure() -> None:
    report = evaluate(GOLD, FOUND, ignore={"b": [(11, 17)], "a": [(9, 11)]})
    assert report.strict.micro == Score(2, 2, 2)
    assert report.binary_token.micro == Score(7, 2, 0)
    assert report.redact.share == Share(17, 17)
    assert report.redact_full.share == Share(3, 3)
    assert report.over_scrubbing == Share(4, 66 - 19 - 6)


def test_notes_of_one_patient_are_drawn_together() -> None:
    def spread(patients: list[str | None]) -> float:
        gold = [Note("Ana", str(n), p, spans=[Span(0, 3, "PATIENT")]) for n, p in enumerate(patients)]
        half = len(gold) // 2
        found = {note.id: list(note.spans) if n < half else [] for n, note in enumerate(gold)}
        interval = evaluate(gold, found).redact_full
        assert interval.low is not None
        assert interval.high is not None
        return interval.high - interval.low

    alone = spread([None] * 100)
    tied = spread([f"p{n // 25}" for n in range(100)])
    assert tied > 2 * alone


def test_no_notes() -> None:
    report = evaluate([], {})
    assert report.redact.share.value is None
    assert report.redact.low is None
    json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("measure", MEASURES)
def test_comparison(measure: str) -> None:
    notes = [Note("Ana is ill", str(n), spans=[Span(0, 3, "PATIENT")]) for n in range(40)]
    good = {note.id: [Span(0, 3, "PATIENT")] for note in notes}
    poor = {note.id: [Span(4, 6, "PATIENT")] for note in notes}
    result = compare(notes, good, poor, measure, trials=199)
    assert {result.a, result.b} == ({0.0, 2 / 7} if measure == "over_scrubbing" else {0.0, 1.0})
    assert result.p == 1 / 200
    assert compare(notes, good, good, measure, trials=99).p == 1
    assert result.to_dict()["measure"] == measure


def test_unknown_measure() -> None:
    with pytest.raises(ValueError, match="unknown measure 'f1'; known: strict precision"):
        compare(GOLD, FOUND, FOUND, "f1")


def test_mistakes_by_kind() -> None:
    listed = list_mistakes(GOLD, FOUND)
    assert [(m.note, m.kind) for m in listed] == [
        ("a", "missed"),
        ("a", "label"),
        ("b", "spurious"),
        ("c", "boundary"),
    ]
    assert all(m.context is None for m in listed)
    assert listed[3].to_dict() == {
        "note": "c",
        "kind": "boundary",
        "gold": {"start": 16, "end": 19, "label": "DOCTOR"},
        "found": {"start": 12, "end": 19, "label": "DOCTOR"},
    }
    shown = list_mistakes(GOLD, FOUND, context=4)
    assert shown[0].context == "oe, 41, of"
    assert shown[2].to_dict()["context"] == "ge. Graves dis"
    assert "Graves" not in repr(shown)


def test_each_found_fragment_is_listed_once() -> None:
    gold = [Note("Ana Maria Roe", "a", spans=[Span(0, 13, "PATIENT")])]
    listed = list_mistakes(gold, {"a": [Span(0, 9, "PATIENT"), Span(10, 13, "PATIENT")]})
    assert [(m.kind, m.found) for m in listed] == [
        ("boundary", Span(0, 9, "PATIENT")),
        ("boundary", Span(10, 13, "PATIENT")),
    ]
    exact = list_mistakes(gold, {"a": [Span(0, 13, "PATIENT"), Span(0, 3, "CITY")]})
    assert [(m.kind, m.found) for m in exact] == [("label", Span(0, 3, "CITY"))]
    assert list_mistakes(gold, {"a": [Span(0, 13, "PATIENT", 0.5, "r")]}) == []


def test_pairs_stream() -> None:
    pairs = pair_up(iter(GOLD), FOUND)
    assert next(pairs).note.id == "a"
