"""The notes under review, and the guard against files that change meanwhile."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.note import Note
from nlp_deid.sources import Source, SourceError, open_source

_KEY_LENGTH = 24


class EditedError(RuntimeError):
    """A note's file is not what it was when the review began; the message names the note, never text."""


@dataclass(frozen=True, slots=True)
class Page:
    """A note as the review knows it.

    Attributes:
        key: names the note and its text in addresses and file names, and tells neither.
        note: itself.
        place: its file in the folder, or its row.
        digest: SHA-256 of the text.
    """

    key: str
    note: Note
    place: str
    digest: str


class NoteFolder:
    """The notes of a folder or file, read once.

    Args:
        source: a folder or file; a path as `sources.open_source` takes it.

    Attributes:
        unreadable: what is wrong with each entry that could not be read, by its place.

    Raises:
        SourceError: it cannot be read, is standard input, or holds no note that can be read.
    """

    def __init__(self, source: Source | Path) -> None:
        self._source = source if isinstance(source, Source) else open_source(source)
        if self._source.path is None:
            raise SourceError("standard input cannot be reviewed; name a folder or file")
        self.path = self._source.path
        self._lock = threading.Lock()
        self.unreadable: dict[str, str] = {}
        self._pages: dict[str, Page] = {}
        self._stamps: dict[str, Stamp | None] = {}
        for found in self._read():
            if isinstance(found, Page):
                self._pages[found.key] = found
            else:
                self.unreadable[found[0]] = found[1]
        if not self._pages:
            raise SourceError(f"{self.path}: holds no note that can be read")

    @property
    def pages(self) -> Mapping[str, Page]:
        """Every note that could be read, by key, in the order of the folder."""
        return self._pages

    def check(self, page: Page) -> None:
        """Make sure that a note's file still holds the text that is under review.

        Raises:
            EditedError: it does not, or is gone.
        """
        with self._lock:
            stamp = _stamp(self._file(page.place))
            if stamp is not None and stamp == self._stamps[page.key]:
                return
            if stamp is None or not self._still_holds(page):
                raise EditedError(
                    f"note {page.note.id!r}: its file was changed or removed since this page was started; nothing "
                    "was saved. Put the file back, or start the review again to begin this note anew"
                )
            self._stamps[page.key] = stamp

    def _still_holds(self, page: Page) -> bool:
        try:
            return any(isinstance(found, Page) and found.key == page.key for found in self._read(page.place))
        except SourceError:
            return False

    def _read(self, place: str | None = None) -> Iterator[Page | tuple[str, str]]:
        """Each entry's page, or its place and problem; of the file at `place`, or of all.

        The stamps of a first reading are taken before it: a file that changes meanwhile is seen later.
        """
        whole = None if self._source.kind == "folder" else _stamp(self.path)
        for entry in self._source.entries():
            if place is not None and self._source.kind == "folder" and entry.place != place:
                continue
            stamp = _stamp(self._file(entry.place)) if whole is None else whole
            try:
                note = entry.read()
            except (CorpusError, SourceError) as error:
                yield entry.place, str(error)
            except OSError as error:
                yield entry.place, error.strerror or "cannot be read"
            else:
                page = _page(note, entry.place)
                self._stamps.setdefault(page.key, stamp)
                yield page

    def _file(self, place: str) -> Path:
        return self.path / place if self._source.kind == "folder" else self.path


Stamp = tuple[int, int, int]


def _stamp(file: Path) -> Stamp | None:
    """What changes when a file is written; None if it cannot be seen."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _page(note: Note, place: str) -> Page:
    digest = hashlib.sha256(note.text.encode("utf-8", "surrogatepass")).hexdigest()
    key = hashlib.sha256(f"{note.id}\0{digest}".encode()).hexdigest()[:_KEY_LENGTH]
    return Page(key, note, place, digest)
