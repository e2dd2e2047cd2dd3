"""Where a batch writes: standard output, rows in one file, one note, or a folder with a file a note.

Files appear whole or not at all.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.files import Folder, whole
from nlp_deid.sources import Entry, Source

# Writes a note; None instead of bytes: it failed, and nothing of it may stand in the output.
Write = Callable[[Entry, bytes | None], None]


class OutputError(ValueError):
    """An output that cannot be used; the message says what stands in the way. Holds no text."""


def check_target(source: Source, target: Path, folder: bool, overwrite: bool) -> None:
    """Refuse a target that would touch the source or what is there already."""
    if source.path is not None:
        here, there = source.path.resolve(), target.resolve()
        if here == there:
            raise OutputError(f"{target}: input and output are the same")
        if source.kind == "folder" and there.is_relative_to(here):
            raise OutputError(f"{target}: the output lies inside the input folder")
        if folder and here.is_relative_to(there):
            raise OutputError(f"{target}: the input lies inside the output folder")
    if folder:
        if target.exists() and not target.is_dir():
            raise OutputError(f"{target}: is there already and is no folder")
        taken = target.is_dir() and any(target.iterdir())
    else:
        if target.is_dir():
            raise OutputError(f"{target}: is a folder; name a file")
        if not target.parent.is_dir():
            raise OutputError(f"{target}: no such folder {target.parent}")
        taken = target.exists() or target.is_symlink()
    if taken and not overwrite:
        problem = "is not empty" if folder else "is there already"
        raise OutputError(f"{target}: {problem}; use --overwrite or another name")


def open_target(target: Path | None, rows: bool, folder: bool) -> AbstractContextManager[Write]:
    if target is None:
        return _standard_output()
    if rows:
        return _rows_file(target)
    return _note_files(target) if folder else _note_file(target)


@contextmanager
def _standard_output() -> Iterator[Write]:
    def write(entry: Entry, data: bytes | None) -> None:
        stream = sys.stdout.buffer
        with disk("standard output"):
            stream.write(data or b"")
            stream.flush()

    yield write


@contextmanager
def _rows_file(target: Path) -> Iterator[Write]:
    """One file, which appears whole at the end of the batch."""
    with disk(str(target)), whole(target) as stream:

        def write(entry: Entry, data: bytes | None) -> None:
            with disk(str(target)):
                stream.write(data or b"")

        yield write
    with disk(str(target.parent)):
        sync(target.parent)


@contextmanager
def _note_file(target: Path) -> Iterator[Write]:
    """One note in one file."""

    def write(entry: Entry, data: bytes | None) -> None:
        write_whole(target, data)

    yield write


@contextmanager
def _note_files(root: Path) -> Iterator[Write]:
    """A folder with a file a note."""
    with disk(str(root)):
        folder = Folder(root)

    def write(entry: Entry, data: bytes | None) -> None:
        write_whole(place_in(folder, entry), data)

    yield write
    with disk(str(root)):
        sync(root)


def place_in(folder: Folder, entry: Entry) -> Path:
    """The file of a note.

    Raises:
        CorpusError: an id that is not safe, or a folder where a note is, or a note where a folder is.
    """
    clash = CorpusError(f"note id {entry.id!r} takes a note for a folder, or a folder for a note")
    with disk(str(folder.root)):
        try:
            path = folder.path(entry.id, entry.suffix)
        except (FileExistsError, NotADirectoryError):
            raise clash from None
    if path.is_dir():
        raise clash
    return path


def write_whole(path: Path, data: bytes | None) -> None:
    """Write a file, or take away the one of a former run."""
    with disk(str(path)):
        if data is None:
            path.unlink(missing_ok=True)
            return
        with whole(path) as stream:
            stream.write(data)


@contextmanager
def disk(where: str) -> Iterator[None]:
    """What the disk refuses ends the batch: it is no fault of the note."""
    try:
        yield
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        return
    raise OutputError(f"{where}: cannot be written: {problem}")


def sync(what: Path | BinaryIO) -> None:
    """Make an open file, or the names in a folder, last through a power cut, where the system can."""
    if not isinstance(what, Path):
        os.fsync(what.fileno())
        return
    if os.name != "posix":
        return
    handle = os.open(what, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
