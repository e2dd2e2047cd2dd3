"""Reads and writes notes in any format of the table; recognises the format by its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from nlp_deid.corpus.checks import CorpusError, Labels
from nlp_deid.note import Note

# Name to module; each has read(path, labels, strict) and most have write(path, notes).
FORMATS = {
    "text": "nlp_deid.corpus.text",
    "jsonl": "nlp_deid.corpus.jsonl",
    "i2b2": "nlp_deid.corpus.i2b2",
    "i2b2_2006": "nlp_deid.corpus.i2b2_2006",
    "brat": "nlp_deid.corpus.brat",
    "physionet": "nlp_deid.corpus.physionet",
    "conll": "nlp_deid.corpus.conll",
    "doccano": "nlp_deid.corpus.doccano",
    "label_studio": "nlp_deid.corpus.label_studio",
}
_SUFFIXES = {  # XML has two forms
    ".ann": "brat",
    ".xml": "i2b2",
    ".txt": "text",
    ".text": "physionet",
    ".conll": "conll",
}
_HEAD = 4096  # bytes of an XML file that tell its form


def _module(name: str) -> Any:
    if name not in FORMATS:
        raise CorpusError(f"unknown format {name!r}; known: {', '.join(FORMATS)}")
    return import_module(FORMATS[name])


def recognise(path: str | Path) -> str:
    """The format of a file or folder, by suffix and, for XML and JSON Lines, by what the file begins with.

    Raises:
        CorpusError: nothing there, an unknown suffix, or a folder that mixes formats.
    """
    path = Path(path)
    if path.is_file():
        return _of_file(path)
    if not path.is_dir():
        raise CorpusError(f"{path}: no such file or folder")
    suffixes = {file.suffix.lower() for file in path.rglob("*") if not file.name.startswith(".")}
    if ".ann" in suffixes:
        suffixes.discard(".txt")
    found = [name for suffix, name in _SUFFIXES.items() if suffix in suffixes]
    if len(found) != 1:
        what = (
            f"holds several formats ({', '.join(found)})"
            if found
            else f"holds no file that ends in {', '.join(_SUFFIXES)}"
        )
        raise CorpusError(f"{path}: {what}; name a file or a format: {', '.join(FORMATS)}")
    return found[0]


def _of_file(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".jsonl"] or suffixes[-2:] == [".jsonl", ".gz"]:
        return "doccano" if _module("doccano").fits(path) else "jsonl"
    if suffixes[-1:] == [".json"]:
        return "label_studio"
    if suffixes[-1:] == [".xml"]:
        with path.open("rb") as stream:
            return "i2b2_2006" if b"<RECORD" in stream.read(_HEAD) else "i2b2"
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    raise CorpusError(f"{path}: unknown suffix; name a format: {', '.join(FORMATS)}")


def read(
    path: str | Path, format: str | None = None, labels: Labels | None = None, strict: bool = False
) -> Iterator[Note]:
    """Notes of a file or folder, one by one.

    Args:
        path: a file, or a folder with a file a note.
        format: a key of FORMATS; None to recognise it.
        labels: maps labels of the file to others; one that it lacks stays, "" drops the span.
        strict: refuse overlapping spans, and tags whose own text differs from the note's.

    Raises:
        CorpusError: unknown format, or a broken file; the message names file, line or row and note id.
    """
    notes: Iterator[Note] = _module(format or recognise(path)).read(path, labels, strict)
    return notes


def write(path: str | Path, notes: Iterable[Note], format: str) -> None:
    """Write notes with their spans to a file (jsonl, doccano, label_studio) or to a folder with a file a note.

    Raises:
        CorpusError: unknown format, one that is only read, or a note that it cannot hold.
    """
    module = _module(format)
    if not hasattr(module, "write"):
        raise CorpusError(f"format {format!r} is only read, not written")
    module.write(path, notes)
