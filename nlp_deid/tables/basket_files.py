"""Files of set-valued records: a line of items per record, or CSV with a record's id and an item a row.

Messages give line numbers, never an item.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nlp_deid.tables.baskets import BasketError


@dataclass(frozen=True)
class BasketForm:
    """How a file holds its records.

    Attributes:
        separator: of lines, what stands between items; "" means white space.
        record_id, item: of CSV, its columns of record and item; empty for lines.
        delimiter: of CSV.
    """

    separator: str = ""
    record_id: str = ""
    item: str = ""
    delimiter: str = ","


@dataclass(frozen=True)
class BasketFile:
    """Records in the order of the file, and of CSV their ids."""

    records: list[list[str]]
    ids: list[str]


def read_baskets(path: Path, form: BasketForm) -> BasketFile:
    """Read a file; white space around items is taken off.

    Raises:
        BasketError: not UTF-8, an empty item, or columns that are not there.
        OSError: the file cannot be read.
    """
    text = _text(path)
    return _read_pairs(path, text, form) if form.item else _read_lines(path, text, form.separator)


def write_baskets(records: Sequence[Iterable[str]], ids: Sequence[str], form: BasketForm) -> bytes:
    """The bytes of a file; an emptied record is an empty line, or in CSV a row without item.

    Raises:
        BasketError: a label that holds the separator.
    """
    buffer = io.StringIO()
    if form.item:
        writer = csv.writer(buffer, delimiter=form.delimiter, lineterminator="\n")
        writer.writerow([form.record_id, form.item])
        for record_id, record in zip(ids, records, strict=True):
            writer.writerows([record_id, item] for item in list(record) or [""])
        return buffer.getvalue().encode()
    separator = form.separator or " "
    for record in records:
        labels = list(record)
        if any(
            len(label.split(form.separator or None)) != 1 or len(label.splitlines()) != 1 for label in labels
        ):
            raise BasketError("a label of the hierarchy holds the separator of items; choose another")
        buffer.write(separator.join(labels) + "\n")
    return buffer.getvalue().encode()


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
    raise BasketError(f"{path}: line {number}: not UTF-8")


def _read_lines(path: Path, text: str, separator: str) -> BasketFile:
    lines = text.split("\n")
    if lines and not lines[-1].strip("\r"):
        lines.pop()
    records = []
    for number, line in enumerate(lines, 1):
        items = [item.strip() for item in line.split(separator or None)] if line.strip() else []
        if not all(items):
            raise BasketError(f"{path}: line {number}: an empty item between two separators")
        records.append(items)
    return BasketFile(records, [])


def _read_pairs(path: Path, text: str, form: BasketForm) -> BasketFile:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=form.delimiter, strict=True)
    groups: dict[str, list[str]] = {}
    try:
        header = [name.strip() for name in next(rows, [])]
        for column in (form.record_id, form.item):
            if header.count(column) != 1:
                raise BasketError(f"{path}: needs exactly one column {column!r}")
        at_id, at_item = header.index(form.record_id), header.index(form.item)
        for row in rows:
            if not row:
                continue
            if len(row) != len(header):
                raise BasketError(
                    f"{path}: line {rows.line_num}: {len(row)} cells, the header has {len(header)}"
                )
            record_id, item = row[at_id].strip(), row[at_item].strip()
            if not record_id:
                raise BasketError(f"{path}: line {rows.line_num}: the record's id is empty")
            groups.setdefault(record_id, []).extend([item] if item else [])
    except csv.Error:
        raise BasketError(f"{path}: line {rows.line_num}: not CSV") from None
    return BasketFile(list(groups.values()), list(groups))
