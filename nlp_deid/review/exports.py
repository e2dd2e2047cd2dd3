"""Writes reviewed notes to files that training and other annotation tools take."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain, count
from pathlib import Path
from shutil import rmtree

from nlp_deid.corpus import brat, doccano, i2b2, jsonl, label_studio
from nlp_deid.note import Note

# Name to writer and suffix; without a suffix it is a folder with a file a note.
EXPORTS: dict[str, tuple[Callable[[Path, Iterable[Note]], None], str]] = {
    "jsonl": (jsonl.write, ".jsonl"),
    "i2b2": (i2b2.write, ""),
    "brat": (brat.write, ""),
    "label-studio": (label_studio.write, ".json"),
    "doccano": (doccano.write, ".jsonl"),
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
