"""What a batch reads: the notes of a file, a folder or standard input, each able to fail alone.

The readers of corpus/ stop at the first broken note, which is right for a corpus. A hospital's
folder is never whole, so here every note is an `Entry` that is read on its own.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.jsonl import LONGEST_ROW, Row
from nlp_deid.corpus.text import decode
from nlp_deid.note import Note

STDIN = "-"
FORMATS = ("text", "jsonl", "i2b2", "i2b2_2006")
_BY_SUFFIX = {".txt": "text", ".xml": "i2b2"}
# Keys of a row that hold values or positions of the source; they never go out.
DROPPED = ("spans", "known", "ignore")
PATIENT_FIELD = "patient"
_NUMBERED = re.compile(r"(\d+)-\d+")  # a patient's numbered note, as i2b2 2014 has it: "220-01"


class SourceError(ValueError):
    """A source that cannot be read at all, or a note of it that cannot; holds no text.

    `reason` is a word for reports: "symlink", "encoding", "format" ...
    """

    def __init__(self, message: str, reason: str = "source") -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One note of a source, not read yet.

    Attributes:
        id: the note's id: the file's path in its folder without the suffix, or the row's id.
        place: where it stands, for reports: the file's path in its folder, or "row 12".
        suffix: of its own file; ".txt" for rows.
        read: reads it; raises CorpusError, SourceError or OSError.
    """

    id: str
    place: str
    suffix: str
    read: Callable[[], Note]


@dataclass(frozen=True)
class Source:
    """Where notes come from.

    Attributes:
        path: file or folder; None is standard input.
        kind: "folder" (a file a note), "note" (one note) or "rows" (many notes in one file).
        format: a key of `FORMATS`; "" for a folder, where each file tells its own.
        patient_field: the key of a row that holds its patient's id.
    """

    path: Path | None
    kind: str
    format: str
    patient_field: str = field(default=PATIENT_FIELD, kw_only=True)

    def entries(self, stdin: BinaryIO | None = None) -> Iterator[Entry]:
        """Every note in order: files by path, rows as they stand.

        Raises:
            SourceError: the file as a whole is damaged.
        """
        if self.kind == "folder":
            assert self.path is not None
            yield from _files(self.path)
        elif self.format == "jsonl":
            yield from _rows(self.path, stdin, self.patient_field)
        elif self.format == "i2b2_2006":
            yield from _records(cast(Path, self.path))
        elif self.path is None:
            assert stdin is not None
            data = stdin.read()
            yield Entry("stdin", "standard input", ".txt", partial(_text, data, "standard input", "stdin"))
        else:
            yield _file(self.path, self.path.name, self.format)

    def count(self) -> int | None:
        """How many notes there are, if that is known without reading them."""
        if self.kind == "folder":
            return sum(1 for _ in self.entries())
        return 1 if self.kind == "note" else None


def open_source(where: str | Path, format: str | None = None, patient_field: str = PATIENT_FIELD) -> Source:
    """The source at a path, "-" for standard input.

    Args:
        where: a folder, a .txt, .xml, .jsonl or .jsonl.gz file, or "-".
        format: one of `FORMATS`, for files whose suffix does not tell it; "-" is text without it.
        patient_field: the key of a row that holds its patient's id.

    Raises:
        SourceError: nothing there, an unknown format, or a folder without notes.
    """
    if format is not None and format not in FORMATS:
        raise SourceError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    if str(where) == STDIN:
        if format not in (None, "text", "jsonl"):
            raise SourceError(f"standard input can be text or jsonl, not {format}")
        kind = "rows" if format == "jsonl" else "note"
        return Source(None, kind, format or "text", patient_field=patient_field)
    path = Path(where)
    if path.is_dir():
        if format is not None:
            raise SourceError("the files of a folder tell their format by their suffix; leave --format out")
        source = Source(path, "folder", "")
        if not any(True for _ in source.entries()):
            raise SourceError(f"{path}: this folder holds no files")
        return source
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if not path.is_file():
        raise SourceError(f"{path}: neither a file nor a folder")
    found = format or _recognise(path)
    kind = "rows" if found in ("jsonl", "i2b2_2006") else "note"
    return Source(path, kind, found, patient_field=patient_field)


def patient_of(note_id: str) -> str | None:
    """The patient of a file by its path in the folder: the top folder, or PPP of a name PPP-NN; else None."""
    top, slash, _ = note_id.partition("/")
    if slash:
        return top
    numbered = _NUMBERED.fullmatch(note_id)
    return numbered[1] if numbered else None


def _recognise(path: Path) -> str:
    if path.suffix.lower() == ".ann":
        raise SourceError(f"{path}: holds spans, not a note; name the .txt file beside it")
    try:
        return formats.recognise(path)
    except CorpusError as error:
        raise SourceError(str(error)) from None


def _files(root: Path) -> Iterator[Entry]:
    """The files below a folder; hidden ones, and .ann files with their .txt, are passed over.

    Symbolic links are not followed: each is an entry that fails.
    """
    found: list[Path] = []
    for folder, folders, files in os.walk(root, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(folder)
        found += [here / name for name in files if not name.startswith(".")]
        found += [here / name for name in folders if (here / name).is_symlink()]
    known = set(found)
    for path in sorted(found, key=lambda path: path.relative_to(root).parts):
        if path.suffix.lower() != ".ann" or path.with_suffix(".txt") not in known:
            yield _file(path, path.relative_to(root).as_posix())


def _refuse(error: OSError) -> None:
    raise SourceError(f"{error.filename}: {error.strerror}") from None


def _file(path: Path, place: str, format: str = "") -> Entry:
    """The entry of a file; without a format its suffix tells it."""
    suffix = path.suffix.lower()
    note_id = place.removesuffix(path.suffix) if suffix in (".txt", ".xml") else place
    read = partial(_read_file, path, place, note_id, format or _BY_SUFFIX.get(suffix, ""))
    return Entry(note_id, place, path.suffix, read)


def _read_file(path: Path, place: str, note_id: str, format: str) -> Note:
    """One note of one plain file."""
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise SourceError(f"{place}: a symbolic link", "symlink")
    if not stat.S_ISREG(mode):
        raise SourceError(f"{place}: not a plain file", "not_a_file")
    if not format:
        raise SourceError(f"{place}: neither .txt nor .xml", "suffix")
    if format == "text":
        return _text(path.read_bytes(), place, note_id)
    if formats.recognise(path) == "i2b2_2006":
        raise SourceError(f"{place}: holds many notes; give this file by itself", "many_notes")
    notes = list(formats.read(path, "i2b2"))
    return Note(notes[0].text, note_id, notes[0].patient)


def _records(path: Path) -> Iterator[Entry]:
    """The records of an i2b2 2006 file; the file is one XML document, so it is whole or refused."""
    try:
        for number, note in enumerate(formats.read(path, "i2b2_2006"), start=1):
            plain = Row(note.text, note.id, note.patient)
            yield Entry(note.id, f"record {number}", ".txt", partial(_same, plain))
    except CorpusError as error:
        raise SourceError(str(error)) from None


def _text(data: bytes, place: str, note_id: str) -> Note:
    try:
        return Note(decode(data, place), note_id)
    except CorpusError as error:
        message = str(error)
    raise SourceError(message, "encoding")


def _same(note: Note) -> Note:
    return note


def _rows(path: Path | None, stdin: BinaryIO | None, patient_field: str) -> Iterator[Entry]:
    """The rows of a JSON Lines file."""
    where = str(path) if path else "standard input"
    problem = "damaged or cut gzip data"
    try:
        with _open(path, stdin) as stream:
            number = 0
            while data := stream.readline(LONGEST_ROW + 1):
                number += 1
                if len(data) > LONGEST_ROW:
                    raise SourceError(f"{where}: row {number} is longer than {LONGEST_ROW} bytes")
                if data.strip():
                    yield _row(data, number, patient_field)
        return
    except (EOFError, zlib.error, gzip.BadGzipFile):
        pass
    except OSError as error:
        problem = error.strerror or "cannot be read"
    raise SourceError(f"{where}: {problem}")


def _open(path: Path | None, stdin: BinaryIO | None) -> BinaryIO:
    if path is None:
        assert stdin is not None
        return stdin
    return cast(BinaryIO, gzip.open(path, "rb")) if path.suffix.lower() == ".gz" else path.open("rb")


def _row(data: bytes, number: int, patient_field: str) -> Entry:
    """The entry of a row. A row that cannot be read keeps its number for an id and fails when read."""
    place = f"row {number}"
    try:
        note = _note(_load(decode(data, place), place), number, place, patient_field)
    except (CorpusError, SourceError) as error:
        message, reason = str(error), getattr(error, "reason", "encoding")
        return Entry(f"row-{number}", place, ".txt", partial(_fail, message, reason))
    return Entry(note.id, place, ".txt", partial(_same, note))


def _fail(message: str, reason: str) -> Note:
    raise SourceError(message, reason)


def _load(text: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):  # its message may quote the row
        row = None
    if not isinstance(row, dict):
        raise SourceError(f"{place}: not a JSON object", "format")
    return row


def _note(row: dict[str, Any], number: int, place: str, patient_field: str) -> Row:
    """The note of a row; `extra` is the row without the keys in `DROPPED`. An empty patient is none."""
    note_id, text = row.get("id", f"row-{number}"), row.get("text")
    if not isinstance(text, str):
        raise SourceError(f'{place}: "text" is missing or is no text', "format")
    if type(note_id) not in (int, str) or note_id == "":
        raise SourceError(f'{place}: "id" must be a text or a whole number', "format")
    known, patient = row.get("known", {}), row.get(patient_field)
    if patient is not None and type(patient) not in (int, str):
        raise SourceError(f"{place}: the patient's id must be a text or a whole number", "format")
    if not _is_known(known):
        raise SourceError(f'{place}: "known" must map labels to lists of texts', "format")
    extra = {key: value for key, value in row.items() if key not in DROPPED}
    patient = None if patient is None else str(patient).strip() or None
    return Row(text, str(note_id), patient, known, (), extra)


def _is_known(known: object) -> bool:
    if not isinstance(known, dict) or not all(isinstance(values, list) for values in known.values()):
        return False
    return all(isinstance(value, str) for values in known.values() for value in values)
