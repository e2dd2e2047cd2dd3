"""JSON Lines, plain or gzip: one note a row.

A row is {"id", "text", "spans": [{"start", "end", "label"}]}, offsets in characters, end exclusive.
"patient" and "known" fill the fields of Note; a span may carry "score" and "source". Every other key of
a row is kept and written back; other keys of a span are dropped. A row whose spans stand under a key of
another tool is refused, since it would pass for a note without PHI.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from nlp_deid.corpus.checks import (
    CorpusError,
    Labels,
    check_id,
    check_text,
    encode,
    finish_spans,
    make_span,
    unique,
)
from nlp_deid.corpus.files import whole
from nlp_deid.corpus.text import decode
from nlp_deid.note import Note, Span

LONGEST_ROW = 1 << 27  # bytes; stops a gzip bomb of one row

# Labels of finer grain in some open corpora, folded into the i2b2 ones.
FOLD = {"DATE_YEAR": "DATE", "DATE_WEEKDAY": "DATE", "DATE_HOLIDAY": "DATE", "OTHER_NAME": "PATIENT"}

# Where other tools have what "spans" is here; "annotations" is of older doccano and of Label Studio.
DOCCANO_KEYS = ("label", "labels", "entities")
_FOREIGN_KEYS = (*DOCCANO_KEYS, "annotations")
_OWN_KEYS = frozenset({"id", "text", "patient", "known", "spans"})


@dataclass(repr=False, eq=False)
class Row(Note):
    """A note and the further keys of its row, as they were."""

    extra: Mapping[str, Any] = field(default_factory=dict)


def ignore_ranges(note: Note) -> list[tuple[int, int]]:
    """Ranges of a note that must not be scored: the key "ignore" of its row.

    The key holds [{"start", "end"}] or [[start, end]]; without it there are none.

    Raises:
        CorpusError: anything else, or a range outside the text.
    """
    where = f"note {note.id!r}: ignore"
    ranges = note.extra.get("ignore") or [] if isinstance(note, Row) else []
    if not isinstance(ranges, list):
        raise CorpusError(f"{where} must be a list of ranges")
    found = []
    for item in ranges:
        start, end = (item.get("start"), item.get("end")) if isinstance(item, dict) else _pair(item, where)
        span = make_span(start, end, "ignore", len(note.text), where)
        found.append((span.start, span.end))
    return found


def _pair(item: object, where: str) -> Sequence[object]:
    if isinstance(item, list) and len(item) == 2:
        return item
    raise CorpusError(f'{where}: a range must be {{"start", "end"}} or [start, end]')


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Row]:
    """Notes of one file, row by row; blank lines are passed over.

    A row without "id" is called "row-N" after its line. `labels` and `strict` as in
    `checks.finish_spans`.

    Raises:
        CorpusError: a row that is no such object or holds its spans under another tool's key; the
            message names file, line and id.
    """
    return unique(_rows(Path(path), labels, strict), str(path))


def _rows(path: Path, labels: Labels | None, strict: bool) -> Iterator[Row]:
    for line, row in objects(path):
        yield _row(row, line, labels, strict, f"{path}, line {line}")


def objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number from 1 and object of each line that is not blank; gzip if the path ends in .gz.

    Raises:
        CorpusError: a line that is no JSON object in UTF-8, or a file that cannot be read.
    """
    for line, data in _lines(path):
        where = f"{path}, line {line}"
        if data.strip():
            row = load(decode(data, where), where)
            if not isinstance(row, dict):
                raise CorpusError(f"{where}: not a JSON object")
            yield line, row


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line number from 1 and bytes of each line."""
    problem = ""
    try:
        with _open(path) as stream:
            line = 0
            while data := stream.readline(LONGEST_ROW + 1):
                line += 1
                if len(data) > LONGEST_ROW:
                    raise CorpusError(f"{path}, line {line}: longer than {LONGEST_ROW} bytes")
                if line == 1 and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise CorpusError(f"{path}: UTF-16; JSON Lines must be UTF-8")
                yield line, data
    except (EOFError, zlib.error, gzip.BadGzipFile):
        problem = "damaged or cut gzip data"
    except OSError as error:
        problem = error.strerror or "cannot be read"
    if problem:
        raise CorpusError(f"{path}: {problem}")


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def load(text: str, where: str) -> Any:
    """What a text in JSON says.

    Raises:
        CorpusError: it is not JSON, or none that can be read.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:  # it holds the row: neither chained nor shown
        problem = f"not valid JSON at character {error.pos}"
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets without end
        problem = "JSON that cannot be read"
    raise CorpusError(f"{where}: {problem}")


def _row(row: dict[str, Any], line: int, labels: Labels | None, strict: bool, where: str) -> Row:
    note_id = check_id(row.get("id", f"row-{line}"), where)
    where = f"{where}, note {note_id!r}"
    text = check_text(row.get("text"), where)
    if foreign := foreign_keys(row):
        raise CorpusError(
            f'{where}: "{foreign[0]}" but no "spans": a row of another tool, which would pass for a note '
            "without PHI; rows of doccano are format doccano, else rename the key"
        )
    patient = row.get("patient")
    if patient is not None and type(patient) not in (str, int):
        raise CorpusError(f'{where}: "patient" must be a text or a whole number')
    spans = finish_spans(_spans(row.get("spans") or [], len(text), where), labels, strict, where)
    extra = {key: value for key, value in row.items() if key not in _OWN_KEYS}
    known = _known(row.get("known"), where)
    return Row(text, note_id, None if patient is None else str(patient), known, spans, extra)


def foreign_keys(row: Mapping[str, Any]) -> list[str]:
    """The keys of a row without spans under which another tool may have its spans."""
    return [key for key in _FOREIGN_KEYS if key in row] if row.get("spans") is None else []


def _known(known: object, where: str) -> Mapping[str, Sequence[str]]:
    if known is None:
        return {}
    if isinstance(known, dict) and all(
        isinstance(values, list) and all(isinstance(value, str) for value in values)
        for values in known.values()
    ):
        return known
    raise CorpusError(f'{where}: "known" must map labels to lists of texts')


def _spans(items: object, length: int, where: str) -> Iterator[Span]:
    if not isinstance(items, list):
        raise CorpusError(f'{where}: "spans" must be a list')
    for item in items:
        if not isinstance(item, dict):
            raise CorpusError(f'{where}: a span must be {{"start", "end", "label"}}')
        span = make_span(item.get("start"), item.get("end"), item.get("label"), length, where)
        encode(span.label, f"{where}: label")
        score, source = item.get("score", 1.0), item.get("source", "")
        if type(score) not in (int, float) or not 0 <= score <= 1 or not isinstance(source, str):
            raise CorpusError(f'{where}: "score" must lie in [0, 1] and "source" must be a text')
        yield Span(span.start, span.end, span.label, float(score), source)


def _as_dict(span: Span) -> dict[str, Any]:
    item: dict[str, Any] = {"start": span.start, "end": span.end, "label": span.label}
    if span.score != 1.0:
        item["score"] = span.score
    if span.source:
        item["source"] = span.source
    return item


def write(path: str | Path, notes: Iterable[Note]) -> None:
    """Write notes to one file, row by row; gzip if it ends in .gz. The file appears whole or not at all.

    Raises:
        CorpusError: a text that UTF-8 cannot carry.
    """
    write_lines(Path(path), (dump(_as_row(note), note.id) for note in notes))


def _as_row(note: Note) -> dict[str, Any]:
    row: dict[str, Any] = {"id": note.id, "text": note.text}
    if note.patient is not None:
        row["patient"] = note.patient
    if note.known:
        row["known"] = {label: list(values) for label, values in note.known.items()}
    row["spans"] = [_as_dict(span) for span in note.spans]
    if isinstance(note, Row):
        row.update(note.extra)
    return row


def dump(row: Mapping[str, Any], note_id: str) -> bytes:
    """A note as an object of JSON on one line, in UTF-8, without the line end.

    Raises:
        CorpusError: a text that UTF-8 cannot carry.
    """
    return encode(json.dumps(row, ensure_ascii=False), f"note {note_id!r}")


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write lines to one file, each with a line end; gzip if it ends in .gz. It appears whole or not at all."""
    with whole(path) as file:
        if path.suffix != ".gz":
            file.writelines(line + b"\n" for line in lines)
            return
        # No name and no time in the header: equal notes give equal bytes.
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            packed.writelines(line + b"\n" for line in lines)
