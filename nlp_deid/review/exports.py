"""Writes reviewed notes to files that training and other annotation tools take."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, count
from pathlib import Path
from shutil import rmtree
from typing import Any

from nlp_deid.corpus import brat, i2b2, jsonl
from nlp_deid.corpus.checks import encode
from nlp_deid.corpus.files import whole
from nlp_deid.note import Note


def _label_studio(note: Note) -> dict[str, Any]:
    """A task with one annotation, for the labelling interface `<Labels name="label" toName="text">`."""
    result = [
        {
            "id": f"P{number}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": note.text[span.start : span.end],
                "labels": [span.label],
            },
        }
        for number, span in enumerate(note.spans)
    ]
    return {"data": {"id": note.id, "text": note.text}, "annotations": [{"result": result}]}


def _doccano(note: Note) -> dict[str, Any]:
    """A row of doccano's JSONL for sequence labelling."""
    return {"id": note.id, "text": note.text, "label": [[s.start, s.end, s.label] for s in note.spans]}


def _lines(notes: Iterable[Note], form: Callable[[Note], Any]) -> Iterator[bytes]:
    for note in notes:
        yield encode(json.dumps(form(note), ensure_ascii=False), f"note {note.id!r}")


def write_label_studio(path: Path, notes: Iterable[Note]) -> None:
    """One JSON list of tasks; offsets count code points, as Label Studio has since 1.5."""
    with whole(path) as stream:
        stream.write(b"[")
        for number, line in enumerate(_lines(notes, _label_studio)):
            stream.write((b",\n" if number else b"\n") + line)
        stream.write(b"\n]\n")


def write_doccano(path: Path, notes: Iterable[Note]) -> None:
    """A row a note."""
    with whole(path) as stream:
        for line in _lines(notes, _doccano):
            stream.write(line + b"\n")


# Name to writer and suffix; without a suffix it is a folder with a file a note.
EXPORTS: dict[str, tuple[Callable[[Path, Iterable[Note]], None], str]] = {
    "jsonl": (jsonl.write, ".jsonl"),
    "i2b2": (i2b2.write, ""),
    "brat": (brat.write, ""),
    "label-studio": (write_label_studio, ".json"),
    "doccano": (write_doccano, ".jsonl"),
}


def export(folder: Path, name: str, format: str, notes: Iterable[Note]) -> Path:
    """Write notes below `folder`, and return the file or folder: NAME-FORMAT, or NAME-FORMAT-2 and so on.

    What was exported before is never touched.

    Raises:
        CorpusError: an id that cannot be a file name, or a note that the format cannot hold.
        KeyError: no such format.
    """
    write, suffix = EXPORTS[format]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what is exported holds text
    numbers = chain([""], (f"-{number}" for number in count(2)))
    names = (f"{name}-{format}{number}{suffix}" for number in numbers)
    path = next(path for path in map(folder.joinpath, names) if not path.exists())
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        write(unfinished, notes)
        unfinished.rename(path)
    finally:
        if unfinished.is_dir():
            rmtree(unfinished)
    return path
