"""OMOP NOTE: ids as pseudonyms, dates moved, texts scrubbed, rows that fail alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from carrier_samples import pipeline

from nlp_deid.carriers.omop import NOTE, known_of, scrub, scrub_table
from nlp_deid.carriers.sheet import CarrierError

PERSON = {
    "person_id": 77,
    "person_source_value": "00483921",
    "name": "Marguerite Dellworth",
    "year_of_birth": 1958,
}


def row(number: int, text: str, person: Any = 77, **more: Any) -> dict[str, Any]:
    return {
        "note_id": number,
        "person_id": person,
        "note_date": "2019-02-17",
        "note_datetime": "2019-02-17 12:05:00",
        "note_type_concept_id": 44814637,
        "note_title": "Discharge of Mrs. Dellworth",
        "note_text": text,
        "provider_id": 5,
        "visit_occurrence_id": 900,
        **more,
    }


ROWS = [
    row(1, "Ms. Dellworth, MRN 00483921, seen 2/17/2019 by Dr. Prescott."),
    row(2, "marguerite dellworth is better; next visit 2/18/2019."),
]


def test_rows_of_one_person() -> None:
    first, second = scrub(pipeline(), ROWS, person=PERSON)
    assert list(first) == list(ROWS[0])
    for made in (first, second):
        assert "dellworth" not in str(made).casefold()
        assert "00483921" not in str(made)
        assert made["note_type_concept_id"] == 44814637
    assert first["person_id"] == second["person_id"] != 77
    assert first["provider_id"] == second["provider_id"] != 5
    assert first["note_id"] != second["note_id"]
    assert (
        len({first["person_id"], first["provider_id"], first["visit_occurrence_id"], first["note_id"]}) == 4
    )
    assert 0 < first["note_id"] < 2**63
    name = first["note_text"].split()[1].rstrip(",")
    assert first["note_title"] == f"Discharge of Mrs. {name}"
    assert name.lower() in second["note_text"]


def test_dates_move_with_the_text() -> None:
    [made] = scrub(pipeline(), ROWS[:1], person=PERSON)
    day = date.fromisoformat(made["note_date"])
    assert day != date(2019, 2, 17)
    assert made["note_datetime"] == f"{day} 12:05:00"
    assert f"seen {day.month}/{day.day}/{day.year} by" in made["note_text"]


def test_dates_keep_their_type() -> None:
    given = row(1, "ok", note_date=date(2019, 2, 17), note_datetime=datetime(2019, 2, 17, 12, 5))
    [made] = scrub(pipeline(), [given])
    assert type(made["note_date"]) is date
    assert type(made["note_datetime"]) is datetime
    assert made["note_datetime"].date() == made["note_date"]
    [coarse] = scrub(pipeline("safe_harbor"), [given])
    assert (coarse["note_date"], coarse["note_datetime"]) == (date(2019, 1, 1), datetime(2019, 1, 1))
    [hidden] = scrub(pipeline("tag"), [given])
    assert hidden["note_date"] is None


def test_columns_without_a_rule_are_dropped_and_wrong_ids_too() -> None:
    [made] = scrub(
        pipeline(),
        [row(1, "ok", surname="Dellworth", language_concept_id="Dellworth", NOTE_SOURCE_VALUE="Letter")],
    )
    assert "surname" not in made
    assert made["language_concept_id"] is None
    assert made["note_source_value"] == "Letter"
    assert set(made) <= set(NOTE)


def test_ids_that_are_text_or_missing() -> None:
    [made] = scrub(pipeline(), [row(1, "ok", provider_id="5", visit_occurrence_id=None)])
    [other] = scrub(pipeline(), [row(1, "ok", provider_id=5.0, visit_occurrence_id="")])
    assert made["provider_id"] == str(other["provider_id"])
    assert (made["visit_occurrence_id"], other["visit_occurrence_id"]) == (None, "")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "person_id"),
        ([row(1, "ok"), row(2, "ok", person=78)], "person_id"),
        ([row(1, "ok", person=None)], "person_id"),
        ([row(1, None)], "note_text"),  # type: ignore[arg-type]
        ([row(1, "ok", note_date="Dellworth")], "note_date"),
        ([row(1, "ok", note_title=7)], "note_title"),
    ],
)
def test_rows_that_cannot_be_scrubbed(rows: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(CarrierError) as caught:
        scrub(pipeline(), rows)
    assert caught.value.reason == reason


def test_a_table_row_for_row() -> None:
    table = [
        *ROWS,
        row(3, "x", note_date="never"),
        row(4, "Dellworth again"),
        row(5, "Ann Poe", person=78),
        {},
    ]
    made = list(scrub_table(pipeline(), table, {"77": PERSON}))
    assert [isinstance(one, CarrierError) for one in made] == [False, False, True, False, False, True]
    good = [one for one in made if isinstance(one, dict)]
    assert good[:2] == scrub(pipeline(), ROWS, person=PERSON)
    assert good[2]["note_text"].split()[0] in good[0]["note_text"]
    assert good[0]["person_id"] != good[3]["person_id"]


def test_of_rows_with_one_note_id_the_first_is_kept() -> None:
    table = [
        *ROWS,
        row(1, "Dellworth once more"),
        row(1.0, "Ann Poe", person=78),  # type: ignore[arg-type]
        {**row(0, "No id"), "note_id": ""},
        {**row(0, "No id either"), "note_id": None},
        row(2, "x"),
    ]
    made = list(scrub_table(pipeline(), table, {"77": PERSON}))
    assert [one.reason if isinstance(one, CarrierError) else "" for one in made] == [
        "",
        "",
        "duplicate_id",
        "duplicate_id",
        "",
        "",
        "duplicate_id",
    ]
    assert made[:2] == scrub(pipeline(), ROWS, person=PERSON)


def test_what_is_known_of_a_person() -> None:
    assert known_of(PERSON) == {"MEDICALRECORD": ["00483921"], "PATIENT": ["Marguerite Dellworth"]}
    assert known_of({"PROVIDER_NAME": "Alan Prescott", "npi": 1093817465.0}) == {
        "DOCTOR": ["Alan Prescott"],
        "LICENSE": ["1093817465"],
    }
