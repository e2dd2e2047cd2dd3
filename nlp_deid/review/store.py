"""Where reviews are kept: a JSON file a note and reviewer, written whole after each act. None holds text."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nlp_deid.corpus.files import whole
from nlp_deid.review.folder import Page
from nlp_deid.review.marks import STATES, Mark, Review, Step

ADJUDICATED = "adjudicated"
_FORMAT = 1
_NAME = re.compile(r"\w[\w-]{0,39}")
_PREFIX = "reviewer-"


class StoreError(ValueError):
    """Saved reviews that cannot be used, or a name that cannot; holds no text."""


class ConflictError(RuntimeError):
    """The review was changed elsewhere since it was read; nothing was saved. `current` is how it stands."""

    def __init__(self, current: Review) -> None:
        super().__init__(f"this note was changed in another window; it is at version {current.version} now")
        self.current = current


def check_name(name: str) -> str:
    """A reviewer's name as it is kept: case does not matter.

    Raises:
        StoreError: it cannot be part of a file name, or is taken by the adjudication.
    """
    plain = name.strip().casefold()
    if not _NAME.fullmatch(plain) or plain == ADJUDICATED:
        raise StoreError(
            f"reviewer {name!r}: a name has up to 40 letters, digits, - and _, and is not {ADJUDICATED!r}"
        )
    return plain


class Store:
    """The reviews below one folder.

    One lock orders the acts of this process; a file that is claimed for the moment of writing orders those
    of others on the same disk.

    Args:
        root: the folder; made when the first review is saved.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._seen: dict[Path, tuple[tuple[int, int], Review]] = {}

    def reviewers(self) -> list[str]:
        """Who has saved anything, by name; the adjudication is not among them."""
        found = (path.name.removeprefix(_PREFIX) for path in self.root.glob(f"{_PREFIX}*") if path.is_dir())
        return sorted(name for name in found if name != ADJUDICATED)

    def load(self, reviewer: str, page: Page) -> Review | None:
        """What a reviewer saved of a note; None if nothing.

        Raises:
            StoreError: a damaged file.
        """
        path = self._path(reviewer, page)
        try:
            stat = path.stat()
            stamp = stat.st_mtime_ns, stat.st_ino
            if path not in self._seen or self._seen[path][0] != stamp:
                self._seen[path] = stamp, _parse(path.read_bytes(), path)
        except FileNotFoundError:
            return None
        return self._seen[path][1]

    def act(
        self, reviewer: str, page: Page, version: int, start: Review, change: Callable[[Review], Review]
    ) -> Review:
        """Change a review and save it, if it still has the version that the reviewer saw.

        Args:
            start: the review if nothing is saved yet.
            change: one act of `marks`.

        Raises:
            ConflictError: another version is saved.
            ActError: the act is not allowed; nothing is saved.
            StoreError: a damaged file, or another process that does not let go.
        """
        path = self._path(reviewer, page)
        with self._lock, _claimed(path):
            current = self.load(reviewer, page) or start
            if current.version != version:
                raise ConflictError(current)
            changed = change(current)
            with whole(path) as stream:
                stream.write(_dump(changed, reviewer, page))
        return changed

    def strangers(self, pages: set[str]) -> int:
        """How many saved reviews belong to no note of the folder, or to a former text of one."""
        return sum(path.stem not in pages for path in self.root.glob(f"{_PREFIX}*/*.json"))

    def _path(self, reviewer: str, page: Page) -> Path:
        return self.root / f"{_PREFIX}{reviewer}" / f"{page.key}.json"


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """A file beside `path` that only one process can make; it stands while this one writes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    claim = path.with_suffix(".claim")
    try:
        claim.touch(exist_ok=False)
    except FileExistsError:
        pass
    else:
        try:
            yield
        finally:
            claim.unlink(missing_ok=True)
        return
    raise StoreError(
        f"{claim.parent.name}/{claim.name}: another program is saving this note. Try again; if this stays "
        "and no other review is open on the folder, delete the file"
    )


def _dump(review: Review, reviewer: str, page: Page) -> bytes:
    content = {
        "format": _FORMAT,
        "note": page.note.id,
        "text_sha256": page.digest,
        "reviewer": reviewer,
        "version": review.version,
        "done": review.done,
        "marks": [_row(mark) for mark in review.marks],
        "past": [[[_row(mark) for mark in side] for side in (s.removed, s.added)] for s in review.past],
        "future": [[[_row(mark) for mark in side] for side in (s.removed, s.added)] for s in review.future],
    }
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


def _row(mark: Mark) -> list[Any]:
    return [mark.start, mark.end, mark.label, mark.state, mark.origin]


def _parse(data: bytes, path: Path) -> Review:
    try:
        content = json.loads(data)
        if content["format"] != _FORMAT:
            raise ValueError("another format")
        return Review(
            marks=_marks(content["marks"]),
            version=int(content["version"]),
            done=bool(content["done"]),
            past=tuple(Step(_marks(removed), _marks(added)) for removed, added in content["past"]),
            future=tuple(Step(_marks(removed), _marks(added)) for removed, added in content["future"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        problem = "is damaged, or of another version of this program; move it away to begin its note anew"
    raise StoreError(f"{path.parent.name}/{path.name}: {problem}")


def _marks(rows: Any) -> tuple[Mark, ...]:
    marks = []
    for start, end, label, state, origin in rows:
        if not (type(start) is type(end) is int and 0 <= start < end and state in STATES):
            raise ValueError("not a mark")
        marks.append(Mark(start, end, str(label), state, str(origin)))
    return tuple(marks)
