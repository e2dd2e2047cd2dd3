"""Rows of notes: JSON Lines, CSV, TSV, Parquet and folders that `datasets` saved, read by stream.

A row gives an entry a text column. Every row is read on its own and fails alone, but a CSV file whose
quotes do not match is refused as a whole, since nobody can tell where its next row begins.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.jsonl import LONGEST_ROW, Row
from nlp_deid.corpus.text import decode
from nlp_deid.entries import DROPPED, Columns, Entry, SourceError
from nlp_deid.note import Note

ROW_FORMATS = ("jsonl", "csv", "tsv", "parquet", "datasets")
BATCH = 256  # rows of an Arrow batch
DELIMITERS = {"csv": ",", "tsv": "\t"}
# What a file may grow to when it is unpacked; text packs about four to one, a bomb a thousand to one.
_MOST_RATIO = 200
_FREE_BYTES = 1 << 26

# A row, or (message, reason) why it is none.
Cells = Mapping[str, Any] | tuple[str, str]


def row_entries(format: str, path: Path | None, stdin: BinaryIO | None, columns: Columns) -> Iterator[Entry]:
    """The entries of a file of rows, or of standard input (JSON Lines only).

    Raises:
        SourceError: the file as a whole is damaged, or lacks a column.
    """
    if format == "jsonl":
        rows = _json_rows(path, stdin)
    else:
        assert path is not None
        rows = (
            csv_rows(path, columns, DELIMITERS[format])
            if format in DELIMITERS
            else _arrow_rows(path, columns)
        )
    for number, row in rows:
        if isinstance(row, tuple):
            yield _broken(number, row)
        else:
            yield from _entries(row, number, columns, is_table=format != "jsonl")


def same(note: Note) -> Note:
    """The note itself: how an entry is read that is in memory."""
    return note


def _broken(number: int, why: tuple[str, str]) -> Entry:
    """A row that cannot be read keeps its number for an id and fails when read."""
    return Entry(f"row-{number}", f"row {number}", ".txt", partial(_fail, *why))


def _fail(message: str, reason: str) -> Note:
    raise SourceError(message, reason)


def _entries(row: Mapping[str, Any], number: int, columns: Columns, is_table: bool) -> Iterator[Entry]:
    """An entry for each text of a row; `extra` is the row as far as it goes out."""
    place = f"row {number}"
    try:
        notes = _notes(row, number, columns, is_table)
    except SourceError as error:
        yield _broken(number, (str(error), error.reason))
        return
    for note in notes:
        yield Entry(note.id, place, ".txt", partial(same, note))


def _notes(row: Mapping[str, Any], number: int, columns: Columns, is_table: bool) -> list[Row]:
    place = f"row {number}"
    texts = [row.get(column) for column in columns.texts]
    for column, text in zip(columns.texts, texts, strict=True):
        if not isinstance(text, str) and not (is_table and text is None):
            raise SourceError(f'{place}: "{column}" is missing or is no text', "format")
    row_id = plain_name(row.get(columns.id))
    if row_id is None:
        raise SourceError(f'{place}: "{columns.id}" must be a text or a whole number', "format")
    patient = plain_name(row.get(columns.patient, ""))
    if patient is None:
        raise SourceError(f"{place}: the patient's id must be a text or a whole number", "format")
    known = row.get("known", {}) if not is_table else {}
    if not _is_known(known):
        raise SourceError(f'{place}: "known" must map labels to lists of texts', "format")
    extra = {key: value for key, value in row.items() if _goes_out(key, columns)}
    if not row_id:
        row_id = f"row-{number}"
        if columns.id in extra:
            extra[columns.id] = row_id
    return cell_notes(row_id, patient.strip(), dict(zip(columns.texts, texts, strict=True)), known, extra)


def cell_notes(
    row_id: str,
    patient: str,
    texts: Mapping[str, str | None],
    known: Mapping[str, Sequence[str]] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> list[Row]:
    """A note for each text of a row.

    One text has the row's id, several have "ID.COLUMN". Several texts of a row without a patient are
    tied by its id.
    """
    several = len(texts) > 1
    return [
        Row(
            text or "",
            f"{row_id}.{column}" if several else row_id,
            patient or (f"row {row_id}" if several else None),
            known or {},
            (),
            extra or {},
        )
        for column, text in texts.items()
    ]


def plain_name(value: Any) -> str | None:
    """An id as text: a missing one is empty, and one that cannot be an id is None."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():  # whole numbers beside missing ones
        return str(int(value))
    if isinstance(value, float) and value != value:
        return ""
    return str(value) if type(value) in (int, str) else None


def _goes_out(key: str, columns: Columns) -> bool:
    if key in columns.own:
        return True
    if columns.other == "refuse":
        raise SourceError("a row with other keys, which are refused", "column")
    return columns.other != "drop" and key not in DROPPED


def _is_known(known: object) -> bool:
    if not isinstance(known, dict) or not all(isinstance(values, list) for values in known.values()):
        return False
    return all(isinstance(value, str) for values in known.values() for value in values)


def _lines(path: Path | None, stdin: BinaryIO | None) -> Iterator[tuple[int, bytes]]:
    """Number from 1 and bytes of each line."""
    where = str(path) if path else "standard input"
    problem = "damaged or cut gzip data"
    try:
        with _open(path, stdin) as stream:
            most = max(_FREE_BYTES, path.stat().st_size * _MOST_RATIO) if _is_packed(path) and path else 0
            number = total = 0
            while data := stream.readline(LONGEST_ROW + 1):
                number += 1
                total += len(data)
                if len(data) > LONGEST_ROW:
                    raise SourceError(f"{where}: row {number} is longer than {LONGEST_ROW} bytes")
                if most and total > most:
                    raise SourceError(f"{where}: grows more than {_MOST_RATIO} times when unpacked")
                yield number, data
        return
    except (EOFError, zlib.error, gzip.BadGzipFile):
        pass
    except OSError as error:
        problem = error.strerror or "cannot be read"
    raise SourceError(f"{where}: {problem}")


def _is_packed(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".gz"


def _open(path: Path | None, stdin: BinaryIO | None) -> BinaryIO:
    if path is None:
        assert stdin is not None
        return stdin
    return cast(BinaryIO, gzip.open(path, "rb")) if _is_packed(path) else path.open("rb")


def _json_rows(path: Path | None, stdin: BinaryIO | None) -> Iterator[tuple[int, Cells]]:
    for number, data in _lines(path, stdin):
        if data.strip():
            yield number, _json_row(data, f"row {number}")


def _json_row(data: bytes, place: str) -> Cells:
    try:
        row = json.loads(decode(data, place))
    except CorpusError as error:
        return str(error), "encoding"
    except (ValueError, RecursionError):  # its message may quote the row
        row = None
    return row if isinstance(row, dict) else (f"{place}: not a JSON object", "format")


def csv_rows(path: Path, columns: Columns, delimiter: str) -> Iterator[tuple[int, Cells]]:
    """The rows of a CSV file in UTF-8 by the number of their last line.

    Raises:
        SourceError: no header, columns that do not fit, or quotes that do not match.
    """
    csv.field_size_limit(LONGEST_ROW)
    reader = csv.reader(_texts(path), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    kept: list[str] = []
    try:
        for cells in reader:
            number = reader.line_num
            if header is None:
                header, kept = cells, columns.kept(cells, str(path))
            elif cells:
                yield number, _csv_row(cells, header, kept, f"row {number}")
    except csv.Error:  # its message may quote the line
        number = reader.line_num
    else:
        if header is None:
            raise SourceError(f"{path}: is empty")
        return
    raise SourceError(f"{path}: line {number}: not CSV (quotes that do not match?)")


def csv_header(path: Path, columns: Columns, delimiter: str) -> list[str]:
    """The columns of a CSV file that go out."""
    reader = csv.reader(_texts(path), delimiter=delimiter, strict=True)
    return columns.kept(next(reader), str(path))


def _texts(path: Path) -> Iterator[str]:
    """Lines; bytes that are no UTF-8 become lone surrogates, by which their row is known."""
    for number, data in _lines(path, None):
        if number == 1:
            if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise SourceError(f"{path}: UTF-16; convert it to UTF-8")
            data = data.removeprefix(codecs.BOM_UTF8)
        yield data.decode("utf-8", "surrogateescape")


def _csv_row(cells: Sequence[str], header: Sequence[str], kept: Sequence[str], place: str) -> Cells:
    if len(cells) != len(header):
        return f"{place}: {len(cells)} cells, but the header has {len(header)}", "format"
    if any("\ud800" <= c <= "\udfff" for cell in cells if not cell.isascii() for c in cell):
        return f"{place}: not valid UTF-8", "encoding"
    row = dict(zip(header, cells, strict=True))
    return {name: row[name] for name in kept}


def _arrow_rows(path: Path, columns: Columns) -> Iterator[tuple[int, Cells]]:
    number = 0
    for batch in arrow_batches(path, columns):
        for row in batch.to_pylist():
            number += 1
            yield number, row


def arrow_batches(path: Path, columns: Columns) -> Iterator[Any]:
    """The columns that go out of a Parquet file or a saved dataset, in Arrow record batches.

    Raises:
        SourceError: columns that do not fit, text columns that are no text, or a damaged file.
    """
    from pyarrow import ArrowException

    try:
        names, read = _arrow(path)
        kept = columns.kept(names, str(path))
        is_empty = True
        for batch in read(kept):
            is_empty = False
            _check_types(batch.schema, columns, path)
            yield batch
        if not is_empty:
            return
        raise SourceError(f"{path}: holds no rows")
    except (ArrowException, OSError):  # its message may hold values
        pass
    raise SourceError(f"{path}: not a sound {'dataset' if path.is_dir() else 'Parquet file'}")


def _arrow(path: Path) -> tuple[list[str], Callable[[list[str]], Iterator[Any]]]:
    """Names of the columns, and how to read some of them."""
    if path.is_dir():
        from datasets import load_from_disk

        data = load_from_disk(str(path)).with_format("arrow")
        return list(data.column_names), lambda kept: (
            batch for table in data.select_columns(kept).iter(BATCH) for batch in table.to_batches()
        )
    from pyarrow.parquet import ParquetFile

    file = ParquetFile(path)
    return list(file.schema_arrow.names), lambda kept: file.iter_batches(BATCH, columns=kept)


def _check_types(schema: Any, columns: Columns, path: Path) -> None:
    from pyarrow import types

    for column in columns.texts:
        kind = schema.field(column).type
        if types.is_dictionary(kind):
            kind = kind.value_type
        if not (types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)):
            raise SourceError(f"{path}: column {column!r} holds {kind}, not text")
