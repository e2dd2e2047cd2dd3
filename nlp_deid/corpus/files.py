"""Where a note is read from and where it may be written: whole files, inside one folder only."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from nlp_deid.corpus.checks import CorpusError

_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}
_LONGEST_NAME = 255  # bytes, on ext4, NTFS and APFS


def find(path: Path, suffix: str) -> Iterator[tuple[str, Path]]:
    """Id and file of each note: `path` itself, or every file below it that ends in `suffix`.

    The id is the path relative to the folder, with "/", without the suffix. Hidden files are left out.

    Raises:
        CorpusError: nothing there.
    """
    if path.is_file():
        yield path.stem, path
        return
    if not path.is_dir():
        raise CorpusError(f"{path}: no such file or folder")
    empty = True
    for file in sorted(path.rglob("*")):
        relative = file.relative_to(path)
        hidden = any(part.startswith(".") for part in relative.parts)
        if file.suffix.lower() == suffix and not hidden and file.is_file():
            empty = False
            yield relative.with_suffix("").as_posix(), file
    if empty:
        raise CorpusError(f"{path}: no {suffix} file in this folder")


def _check_part(part: str, note_id: str) -> None:
    """Refuse one part of an id that is not a plain file name on every system."""
    if part in ("", ".", "..") or part[-1] in ". " or part[0] == ".":
        raise CorpusError(f"note id {note_id!r} is not a plain relative path")
    if any(c in '\\:*?"<>|' or unicodedata.category(c).startswith("C") for c in part):
        raise CorpusError(f"note id {note_id!r} holds a character that a file name may not hold")
    if part.split(".")[0].casefold() in _DEVICES:
        raise CorpusError(f"note id {note_id!r} is a device name on Windows")


class Folder:
    """A folder to write notes to, one file or more a note.

    Two ids that some file system cannot tell apart (case, Unicode composition) are refused,
    as are ids and symbolic links that lead out of the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._taken: set[str] = set()
        root.mkdir(parents=True, exist_ok=True)

    def path(self, note_id: str, suffix: str) -> Path:
        """The file for a note, its parent folder made.

        Raises:
            CorpusError: the id cannot name a file here.
        """
        for part in note_id.split("/"):
            _check_part(part, note_id)
        name = PurePosixPath(note_id + suffix)
        if any(len(part.encode()) > _LONGEST_NAME - len(".part.") for part in name.parts):
            raise CorpusError(f"a note id of {len(note_id)} characters is too long for a file name")
        plain = unicodedata.normalize("NFC", str(name)).casefold()
        if plain in self._taken:
            raise CorpusError(f"note id {note_id!r} would overwrite another note's file")
        self._taken.add(plain)
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.parent.resolve().is_relative_to(self.root.resolve()):
            raise CorpusError(f"note id {note_id!r} leads out of the folder through a symbolic link")
        return target


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing; it appears whole when the block ends well, and not at all otherwise."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
