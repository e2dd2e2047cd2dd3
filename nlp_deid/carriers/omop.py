"""OMOP common data model 5.4, table NOTE: rows as mappings, those of one person together.

Ids are replaced by pseudonyms (the same for the same id in every column that refers to it), dates move by
the person's offset, title and text are free text. Columns that no table names are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any

from nlp_deid.carriers.pseudonyms import Pseudonyms
from nlp_deid.carriers.sheet import CarrierError, Piece, Sheet
from nlp_deid.deid import Deid
from nlp_deid.demographics import COLUMNS

Row = dict[str, Any]
# keep, text, date, or "key DOMAIN": columns of one domain hold ids of one table.
NOTE = {
    "note_id": "key note",
    "person_id": "key person",
    "note_date": "date",
    "note_datetime": "date",
    "note_type_concept_id": "keep",
    "note_class_concept_id": "keep",
    "note_title": "text",
    "note_text": "text",
    "encoding_concept_id": "keep",
    "language_concept_id": "keep",
    "provider_id": "key provider",
    "visit_occurrence_id": "key visit",
    "visit_detail_id": "key visit detail",
    "note_source_value": "text",
    "note_event_id": "key event",
    "note_event_field_concept_id": "keep",
}
# Columns of PERSON, and of PROVIDER or LOCATION joined to it, whose values are looked for in the notes;
# names of other demographics tables (nlp_deid.demographics) are understood too.
PERSON = {
    **COLUMNS,
    "person_source_value": "MEDICALRECORD",
    "provider_name": "DOCTOR",
    "npi": "LICENSE",
    "dea": "LICENSE",
    "location_source_value": "LOCATION-OTHER",
    "county": "LOCATION-OTHER",
}
_STAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ][0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?")
_WHOLE = re.compile(r"-?[0-9]{1,19}(?:\.0)?")


def scrub(
    deid: Deid, rows: Sequence[Mapping[str, Any]], *, person: Mapping[str, Any] | None = None
) -> list[Row]:
    """The NOTE rows of one person without identifiers, in order; columns keep their names.

    Args:
        deid: the pipeline.
        rows: column to value; column names in any case.
        person: the person's row of PERSON, with further columns joined to it or not.

    A date that the policy makes coarser becomes the first of January, as NOTE needs a date; one that the
    policy hides becomes None.

    Raises:
        CarrierError: rows of several persons or of none, a row without a text, or a part that failed.
    """
    plain = [{str(name).lower(): value for name, value in row.items()} for row in rows]
    ids = {_text(row.get("person_id")) for row in plain}
    if len(ids) != 1 or "" in ids:
        raise CarrierError("person_id")
    if not all(isinstance(row.get("note_text"), str) for row in plain):
        raise CarrierError("note_text")
    sheet = Sheet(deid, ids.pop(), "NOTE", known_of(person or {}))
    keys = Pseudonyms(deid.replacer.options.source)
    made = [_row(sheet, keys, row) for row in plain]
    sheet.write()
    return made


def scrub_table(
    deid: Deid, rows: Iterable[Mapping[str, Any]], persons: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[Row | CarrierError]:
    """Row for row what `scrub` makes of a table, or why it failed; a row that fails keeps no other back.

    Rows of one person that follow each other go together, so sort the table by person. Of rows with one
    note_id the first is kept, and the others fail as "duplicate_id".

    Args:
        deid: the pipeline.
        rows: the rows.
        persons: person_id to row of PERSON.
    """
    seen: set[str] = set()
    for key, group in groupby(rows, lambda row: _column(row, "person_id")):
        mine: list[Mapping[str, Any] | None] = []
        for row in group:
            note = _column(row, "note_id")
            mine.append(None if note in seen else row)
            seen |= {note} - {""}
        made = iter(_each(deid, [row for row in mine if row is not None], (persons or {}).get(key)))
        for one in mine:
            yield CarrierError("duplicate_id") if one is None else next(made)


def _each(
    deid: Deid, rows: Sequence[Mapping[str, Any]], person: Mapping[str, Any] | None
) -> list[Row | CarrierError]:
    """The rows of one person, or why they failed: together, without those that fail alone."""
    made = _tried(deid, rows, person)
    if not isinstance(made, CarrierError):
        return [*made]
    single = [_tried(deid, [row], person) for row in rows]
    good = [row for row, one in zip(rows, single, strict=True) if not isinstance(one, CarrierError)]
    together = _tried(deid, good, person) if good else []
    rest = iter([] if isinstance(together, CarrierError) else together)
    return [one if isinstance(one, CarrierError) else next(rest, made) for one in single]


def known_of(person: Mapping[str, Any]) -> dict[str, list[str]]:
    """Label to values of a row of PERSON; columns that are not known are passed over."""
    known: dict[str, list[str]] = {}
    for name, value in person.items():
        label = PERSON.get(str(name).lower())
        if label is not None and (text := _text(value)):
            known.setdefault(label, []).append(text)
    return known


def _column(row: Mapping[str, Any], column: str) -> str:
    """The text of a cell; column names in any case."""
    return _text(next((value for name, value in row.items() if str(name).lower() == column), None))


def _tried(
    deid: Deid, rows: Sequence[Mapping[str, Any]], person: Mapping[str, Any] | None
) -> list[Row] | CarrierError:
    try:
        return scrub(deid, rows, person=person)
    except CarrierError as error:
        return error


def _row(sheet: Sheet, keys: Pseudonyms, row: Row) -> Row:
    made: Row = {}
    for name, value in row.items():
        rule, _, domain = NOTE.get(name, "").partition(" ")
        if not rule:
            continue
        made[name] = None if rule != "keep" else _number(value)
        if value is None or value == "":
            made[name] = value
        elif rule == "key":
            made[name] = _pseudonym(keys, domain, value)
        elif rule == "text":
            if not isinstance(value, str):
                raise CarrierError(name)
            made[name] = value
            sheet.text([Piece(value, _setter(made, name))])
        elif rule == "date":
            _date(sheet, made, name, value)
    return made


def _number(value: Any) -> Any:
    """A concept id; anything else does not belong there."""
    return value if _WHOLE.fullmatch(_text(value)) else None


def _pseudonym(keys: Pseudonyms, domain: str, value: Any) -> int | str:
    """A whole number, as text where the id was text."""
    made = keys.whole("omop", domain, _text(value))
    return str(made) if isinstance(value, str) else made


def _date(sheet: Sheet, made: Row, name: str, value: Any) -> None:
    found = _STAMP.fullmatch(value.isoformat() if isinstance(value, date) else str(value).strip())
    if found is None:
        raise CarrierError(name)
    clock = found[2] or ""

    def put(new: str) -> None:
        if re.fullmatch(r"[0-9]{4}", new):
            text: str | None = f"{new}-01-01" + re.sub("[1-9]", "0", clock)
        else:
            text = new + clock if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", new) else None
        made[name] = type(value).fromisoformat(text) if text and isinstance(value, date) else text

    sheet.date(found[1], put)


def _text(value: Any) -> str:
    """A cell as text; 12.0 is 12, since columns with gaps turn whole numbers to decimals."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.date().isoformat() if isinstance(value, datetime) else str(value).strip()


def _setter(row: Row, name: str) -> Any:
    return lambda new: row.__setitem__(name, new)
