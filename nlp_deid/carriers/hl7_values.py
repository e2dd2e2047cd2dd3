"""OBX-5 and NTE-3 of HL7 v2: lines of one report are read as one text, other values by their type."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from itertools import groupby

from nlp_deid.carriers.hl7_fields import Fields
from nlp_deid.carriers.hl7_rules import MEASURED, NUMBER, VALUES
from nlp_deid.carriers.shared_rules import NINETY_YEARS
from nlp_deid.carriers.sheet import Piece

_VALUE_AT = {"OBX": 5, "NTE": 3}
_LONG = re.compile(r"[0-9](?:[\s-]?[0-9]){5,}")  # what may be a telephone number, an id or a date
Pair = tuple[Sequence[str], list[str]]


def add_values(fields: Fields, rows: Sequence[Sequence[str]], made: Sequence[list[str]]) -> None:
    """Put the values of all segments on the sheet.

    Args:
        fields: what rewrites them.
        rows: the segments as they were.
        made: the segments to be, of the same lengths.
    """
    for number, group in groupby(enumerate(zip(rows, made, strict=True)), _same_text):
        pairs = [pair for _, pair in group]
        if number[0]:
            _lines(fields, pairs)
        else:
            for row, out in pairs:
                _value(fields, row, out)


def _same_text(numbered: tuple[int, Pair]) -> tuple[bool, str]:
    """A key that the following segments of one text share: OBX with one OBX-3, or NTE."""
    _, (row, _made) = numbered
    if row[0] == "NTE":
        return True, "NTE"
    is_text = row[0] == "OBX" and len(row) > 5 and VALUES.get(row[2]) == "text"
    return is_text, f"OBX {row[3]}" if is_text else ""


def _lines(fields: Fields, pairs: Sequence[Pair]) -> None:
    """Segments that are lines of one text, and repetitions that are."""
    pieces: list[Piece] = []
    for row, out in pairs:
        at = _VALUE_AT[row[0]]
        if len(row) <= at or not row[at]:
            continue
        lines = row[at].split(fields.marks.repeat)
        for i, line in enumerate(lines):
            pieces += (Piece(fields.marks.plain(line), fields.escaping(lines, i)), Piece("\n"))
        fields.joined(fields.marks.repeat, lines, out, at)
    fields.sheet.text(pieces)


def _value(fields: Fields, row: Sequence[str], out: list[str]) -> None:
    """OBX-5 that is no text; a type without a rule leaves it empty."""
    if row[0] != "OBX" or len(row) <= 5 or not row[5]:
        return
    rule = VALUES.get(row[2], "")
    if rule == "document":
        _document(fields, row[5], out)
    elif rule == "number" and (limit := _over_89(fields, row)):
        out[2], out[5] = "SN", f">={fields.marks.component}{limit}"
    elif rule == "number":
        _number(fields, row[5], len(row) > 6 and bool(row[6]), out)
    elif rule:
        out[5] = row[5]
        fields.apply(rule, out, 5)


def _number(fields: Fields, text: str, has_unit: bool, out: list[str]) -> None:
    """NM and SN: measurements stay; anything else is free text, of which no long number may stay.

    With a unit a long number is left out rather than read as text: a surrogate would be a false result.
    """
    repeats = [" ".join(one.split(fields.marks.component)) for one in text.split(fields.marks.repeat)]
    if all(re.fullmatch(MEASURED if has_unit else NUMBER, one) for one in repeats):
        out[5] = text
        return
    plain = re.sub(r"\s*-\s*", "-", fields.marks.plain(" ".join(repeats))).strip()
    if has_unit and _long_numbers(plain):
        return

    def put(new: str) -> None:
        if _long_numbers(plain) & _long_numbers(new):
            return
        if new == plain:
            out[5] = text
        else:  # a tag or a telephone number is no number any more
            out[2], out[5] = "ST", fields.marks.escaped(new)

    fields.sheet.text([Piece(plain, put)])


def _long_numbers(text: str) -> set[str]:
    """Digits that follow each other, six or more, blanks and hyphens between them or not."""
    return {re.sub("[^0-9]", "", found[0]) for found in _LONG.finditer(text)}


def _over_89(fields: Fields, row: Sequence[str]) -> int:
    """90 years in the unit of a number that is so many or more, else 0."""
    unit = row[6].split(fields.marks.component)[0].lower() if len(row) > 6 else ""
    limit = NINETY_YEARS.get(unit, 0)
    try:
        value = float(row[5].replace(fields.marks.component, "").strip("<>= "))
    except ValueError:
        return 0
    return int(limit) if limit and value >= limit and fields.sheet.action("AGE") != "keep" else 0


def _document(fields: Fields, text: str, out: list[str]) -> None:
    """ED: plain text in base64 is rewritten; anything else is left out."""
    parts = text.split(fields.marks.component)
    if len(parts) < 5 or [part.upper() for part in parts[1:4]] != ["TEXT", "PLAIN", "BASE64"]:
        return
    try:
        plain = base64.b64decode(parts[4], validate=True).decode()
    except (binascii.Error, ValueError):
        return

    def put(new: str) -> None:
        data = base64.b64encode(new.encode("utf-8", "replace")).decode("ascii")
        out[5] = fields.marks.component.join(["", "TEXT", "plain", "Base64", data])

    fields.sheet.text([Piece(plain, put)])
