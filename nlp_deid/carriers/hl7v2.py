"""HL7 v2: one message, rewritten field by field by the tables of hl7_rules.

The message is checked with the `hl7` package before and after. What no table names is left empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from nlp_deid.carriers.hl7_fields import Fields
from nlp_deid.carriers.hl7_rules import SEGMENTS
from nlp_deid.carriers.hl7_text import Delimiters
from nlp_deid.carriers.hl7_values import add_values
from nlp_deid.carriers.pseudonyms import Pseudonyms
from nlp_deid.carriers.sheet import CarrierError, Sheet
from nlp_deid.deid import Deid

_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_ENVELOPE = frozenset({"FHS", "BHS", "BTS", "FTS"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def scrub(
    deid: Deid,
    message: str,
    *,
    patient: str | None = None,
    known: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """A message without its identifiers; segments end with carriage returns.

    Args:
        deid: the pipeline.
        message: one message, from MSH on; line ends of any kind.
        patient: the patient's id in notes; by default the first id of PID-3, else the message is a patient of its own.
        known: values known of the patient from elsewhere.

    Raises:
        CarrierError: a malformed segment, or a part that failed; nothing of it may be passed on.
    """
    segments = _segments(message)
    marks = _delimiters(segments[0])
    rows = [segment.split(marks.field) for segment in segments]
    _check("\r".join(segments))
    rows[0].insert(1, marks.field)  # MSH-1 is the delimiter itself
    sheet = Sheet(deid, patient or _patient(rows, marks), "HL7", known)
    fields = Fields(sheet, Pseudonyms(deid.replacer.options.source), marks)
    made = [_segment(rows[0], fields, {1, 2})]
    known_rows = [row for row in rows[1:] if row[0] in SEGMENTS]
    made += [_segment(row, fields) for row in known_rows]
    add_values(fields, known_rows, made[1:])
    sheet.write()
    fields.finish()
    del made[0][1]
    out = "".join(marks.field.join(row).rstrip(marks.field) + "\r" for row in made)
    sheet.refuse_residue([marks.plain(out)])
    _check(out)
    return out


def messages(text: str) -> Iterator[str]:
    """The messages of a file: batch envelopes (FHS, BHS, BTS, FTS) and MLLP frames are left out.

    Raises:
        CarrierError: a segment in front of the first message.
    """
    current: list[str] = []
    for line in re.split(r"[\r\n]+", re.sub(r"[\x0b\x1c]", "\r", text.removeprefix("\ufeff"))):
        if line.startswith("MSH") and current:
            yield "\r".join(current)
            current = []
        if line.strip() and line[:3] not in _ENVELOPE:
            if not current and not line.startswith("MSH"):
                raise CarrierError("segment", "1")
            current.append(line)
    if current:
        yield "\r".join(current)


def _segments(message: str) -> list[str]:
    """The segments, checked one by one.

    Raises:
        CarrierError: not HL7, with the number of the segment.
    """
    lines = [line for line in re.split(r"\r\n|[\r\n]", message.removeprefix("\ufeff")) if line.strip()]
    if not lines or not lines[0].startswith("MSH"):
        raise CarrierError("segment", "1")
    mark = lines[0][3:4]
    for number, line in enumerate(lines, 1):
        if not _SEGMENT.match(line) or line[3:4] not in ("", mark) or _CONTROL.search(line):
            raise CarrierError("segment", str(number))
        if number > 1 and line.startswith("MSH"):
            raise CarrierError("messages", str(number))
    return lines


def _delimiters(header: str) -> Delimiters:
    """The delimiters of a message header.

    Raises:
        CarrierError: too few, or one of them twice.
    """
    found = header[3:9].split(header[3:4] or "|")
    marks = found[1] if len(found) > 1 else ""
    used = header[3:4] + marks
    if not 3 <= len(marks) <= 5 or len(set(used)) < len(used) or any(mark.isalnum() for mark in used):
        raise CarrierError("segment", "MSH-2")
    return Delimiters(used[0], used[1], used[2], used[3], (marks + "&")[3])


def _check(message: str) -> None:
    """What the `hl7` package says of a message.

    Raises:
        CarrierError: it cannot be parsed; the package's own message shows a segment and is dropped.
    """
    try:
        import hl7
    except ImportError:
        raise ImportError("HL7 needs hl7: pip install 'nlp-deid[carriers]'") from None
    try:
        hl7.parse(message)
    except (hl7.HL7Exception, ValueError, IndexError, AssertionError):
        pass
    else:
        return
    raise CarrierError("segment")


def _patient(rows: Sequence[Sequence[str]], marks: Delimiters) -> str | None:
    """The first id of PID-3; without it the message is a patient of its own."""
    for row in rows:
        if row[0] == "PID" and len(row) > 3:
            first = marks.plain(row[3].split(marks.repeat)[0].split(marks.component)[0]).strip()
            if first:
                return first
    control = rows[0][10:11]  # MSH-10, as MSH-1 stands in the list
    return f"message {control[0]}" if control and control[0] else None


def _segment(row: Sequence[str], fields: Fields, kept: set[int] | frozenset[int] = frozenset()) -> list[str]:
    """A segment with the fields of its table, to be filled when the sheet is written."""
    rules = SEGMENTS[row[0]]
    made = [row[0], *("" for _ in row[1:])]
    for at, text in enumerate(row[1:], 1):
        if at in kept:
            made[at] = text
        elif at in rules and rules[at] != "value":
            made[at] = text
            fields.apply(rules[at], made, at)
    return made
