"""What a batch reads: the notes of a file, a folder or standard input, each able to fail alone."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.jsonl import Row
from nlp_deid.corpus.text import decode
from nlp_deid.entries import DROPPED, PATIENT_FIELD, Columns, Entry, SourceError
from nlp_deid.note import Note
from nlp_deid.row_sources import ROW_FORMATS, row_entries, same

__all__ = [
    "DROPPED",
    "FORMATS",
    "PATIENT_FIELD",
    "STDIN",
    "Columns",
    "Entry",
    "Source",
    "SourceError",
    "open_source",
    "patient_of",
]

STDIN = "-"
FORMATS = ("text", "jsonl", "csv", "tsv", "parquet", "datasets", "i2b2", "i2b2_2006")
_STREAMED = ("text", "jsonl")
_BY_SUFFIX = {".txt": "text", ".xml": "i2b2"}
_ROW_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
_NUMBERED = re.compile(r"(\d+)-\d+")  # a patient's numbered note, as i2b2 2014 has it: "220-01"


@dataclass(frozen=True)
class Source:
    """Where notes come from.

    Attributes:
        path: file or folder; None is standard input.
        kind: "folder" (a file a note), "note" (one note) or "rows" (many notes in one file).
        format: a key of `FORMATS`; "" for a folder, where each file tells its own.
        columns: what the keys or columns of a row are.
    """

    path: Path | None
    kind: str
    format: str
    columns: Columns = field(default=Columns(), kw_only=True)

    def entries(self, stdin: BinaryIO | None = None) -> Iterator[Entry]:
        """Every note in order: files by path, rows as they stand.

        Raises:
            SourceError: the file as a whole is damaged.
        """
        if self.kind == "folder":
            assert self.path is not None
            yield from _files(self.path, "")
        elif self.format in ROW_FORMATS:
            yield from row_entries(self.format, self.path, stdin, self.columns)
        elif self.format == "i2b2_2006":
            assert self.path is not None
            yield from _records(self.path)
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


def open_source(
    where: str | Path,
    format: str | None = None,
    patient_field: str = PATIENT_FIELD,
    columns: Columns | None = None,
) -> Source:
    """The source at a path, "-" for standard input.

    Args:
        where: a folder, a .txt, .xml, .jsonl, .csv, .tsv (each of these .gz too), or .parquet file, a folder
            that `datasets` saved, or "-".
        format: one of `FORMATS`, for files whose suffix does not tell it; "-" is text without it.
        patient_field: the key of a row that holds its patient's id; `columns` says it too.
        columns: what the columns of a row are.

    Raises:
        SourceError: nothing there, an unknown format, or a folder without notes.
    """
    if format is not None and format not in FORMATS:
        raise SourceError(f"unknown format {format!r}; known: {', '.join(FORMATS)}")
    chosen = columns or Columns(patient=patient_field)
    if str(where) == STDIN:
        if format not in (None, *_STREAMED):
            raise SourceError(f"standard input can be {' or '.join(_STREAMED)}, not {format}")
        return Source(None, "rows" if format == "jsonl" else "note", format or "text", columns=chosen)
    path = Path(where)
    if path.is_dir():
        return _folder(path, format, chosen)
    if not path.exists():
        raise SourceError(f"{path}: no such file or folder")
    if not path.is_file():
        raise SourceError(f"{path}: neither a file nor a folder")
    found = format or _recognise(path)
    kind = "rows" if found in (*ROW_FORMATS, "i2b2_2006") else "note"
    return Source(path, kind, found, columns=chosen)


def _folder(path: Path, format: str | None, columns: Columns) -> Source:
    if (path / "dataset_dict.json").is_file():
        raise SourceError(f"{path}: holds several splits; name the folder of one")
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        return Source(path, "rows", "datasets", columns=columns)
    if format is not None:
        raise SourceError("the files of a folder tell their format by their suffix; leave --format out")
    source = Source(path, "folder", "", columns=columns)
    if not any(True for _ in source.entries()):
        raise SourceError(f"{path}: this folder holds no files")
    return source


def patient_of(note_id: str) -> str | None:
    """The patient of a file by its path in the folder: the top folder, or PPP of a name PPP-NN; else None."""
    top, slash, _ = note_id.partition("/")
    if slash:
        return top
    numbered = _NUMBERED.fullmatch(note_id)
    return numbered[1] if numbered else None


def _recognise(path: Path) -> str:
    """The format of a file by its name, and by its first bytes for XML."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".ann"]:
        raise SourceError(f"{path}: holds spans, not a note; name the .txt file beside it")
    plain = suffixes[:-1] if suffixes[-1:] == [".gz"] else suffixes
    for suffix in _ROW_SUFFIXES:
        if plain[-1:] == [suffix]:
            return suffix[1:]
    if suffixes[-1:] == [".xml"]:
        return formats.recognise(path)
    if suffixes[-1:] == [".txt"]:
        return "text"
    hint = " (nlp-deid fhir reads FHIR)" if suffixes[-1:] == [".json"] else ""
    raise SourceError(
        f"{path}: unknown suffix{hint}; allowed: {', '.join((*_BY_SUFFIX, *_ROW_SUFFIXES))}, or name a format:"
        f" {', '.join(FORMATS)}"
    )


def _files(folder: Path, inside: str) -> Iterator[Entry]:
    """The files below a folder; hidden ones, and .ann files with their .txt, are passed over.

    Symbolic links are not followed: each is an entry that fails. One folder's names are held at a time.
    """
    try:
        with os.scandir(folder) as found:
            children = sorted((item.name, item.is_dir(follow_symlinks=False)) for item in found)
    except OSError as error:
        raise SourceError(f"{error.filename}: {error.strerror}") from None
    names = {name for name, _ in children}
    for name, is_folder in children:
        if name.startswith("."):
            continue
        path = folder / name
        if is_folder:
            yield from _files(path, f"{inside}{name}/")
        elif path.suffix.lower() != ".ann" or path.with_suffix(".txt").name not in names:
            yield _file(path, inside + name)


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
    note = next(iter(formats.read(path, "i2b2")))
    return Note(note.text, note_id, note.patient)


def _records(path: Path) -> Iterator[Entry]:
    """The records of an i2b2 2006 file; the file is one XML document, so it is whole or refused."""
    try:
        for number, note in enumerate(formats.read(path, "i2b2_2006"), start=1):
            plain = Row(note.text, note.id, note.patient)
            yield Entry(note.id, f"record {number}", ".txt", partial(same, plain))
    except CorpusError as error:
        raise SourceError(str(error)) from None


def _text(data: bytes, place: str, note_id: str) -> Note:
    try:
        return Note(decode(data, place), note_id)
    except CorpusError as error:
        message = str(error)
    raise SourceError(message, "encoding")
