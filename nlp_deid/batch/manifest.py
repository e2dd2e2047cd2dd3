"""The manifest of a run: what its input is, whose notes go together, what is done.

A SQLite file in the run's own folder (mode 0700) beside or in the output: it survives kill -9, keeps
millions of notes out of memory, and its lock keeps two runs apart. It holds numbers, scrubbed rows that
wait for their file, ids and reasons of quarantined notes, and hashes with a salt that is never stored; no
text of a note.
"""

from __future__ import annotations

import heapq
import json
import os
import shutil
import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from nlp_deid.batch.outcome import Failure
from nlp_deid.outputs import OutputError

FOLDER = ".nlp-deid-run"
_FILE = "manifest.sqlite"
_KEPT = """
create table if not exists fact (name text primary key, value text) without rowid;
create table if not exists done (n integer primary key, data blob);
create table if not exists failed (n integer primary key, row blob);
create table if not exists found (label text, source text, spans integer, primary key (label, source));
"""
# Made anew by every run, since the salt of its hashes is.
_INDEX = """
drop table if exists note; drop table if exists patient; drop table if exists name;
create table note (n integer primary key, p integer, id blob, digest blob);
create table patient
    (p integer primary key, key blob unique, notes integer, size integer, first integer, last integer, wave integer);
create table name (key blob primary key) without rowid;
"""


class Indexed(NamedTuple):
    """A note of the source: its number, its patient, how many notes and characters that one has, hashes."""

    number: int
    patient: int
    notes: int
    size: int
    id: bytes
    digest: bytes


class Manifest:
    """The manifest in a folder of its own; see `open_manifest`.

    Raises:
        OutputError: the disk refuses, or another run has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with self._guard():
            self._base = sqlite3.connect(folder / _FILE, isolation_level=None, timeout=1)
            # Only one process may hold it; a commit that a power cut undoes is work done twice, no more.
            for pragma in (
                "locking_mode=exclusive",
                "journal_mode=wal",
                "synchronous=normal",
                "temp_store=memory",
            ):
                self._base.execute(f"pragma {pragma}").fetchall()
            self._base.executescript(_KEPT + _INDEX)
            self._base.execute("begin immediate")

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """What SQLite says of the disk, without what it says of values."""
        try:
            yield
            return
        except sqlite3.OperationalError as error:
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            )
        except sqlite3.DatabaseError:
            busy = None
        if busy:
            raise OutputError(f"{self.folder}: another run is at work on this output")
        problem = "damaged; begin anew with --overwrite" if busy is None else "cannot be written"
        raise OutputError(
            f"{self.folder}: the manifest is {problem}" if busy is None else f"{self.folder}: {problem}"
        )

    def _do(self, statement: str, *values: Any) -> sqlite3.Cursor:
        with self._guard():
            return self._base.execute(statement, values)

    def commit(self) -> None:
        """What was told so far lasts."""
        self._do("commit")
        self._do("begin immediate")

    def close(self, remove: bool) -> None:
        """Let go of it; with `remove` the run's folder goes too, with all that is in it."""
        self._base.close()
        if remove:
            for path in self.folder.iterdir():  # the manifest last: until then the run can be resumed
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name != _FILE:
                    path.unlink(missing_ok=True)
            shutil.rmtree(self.folder, ignore_errors=True)

    # ---- what the run is

    def settle(self, facts: Mapping[str, Any]) -> None:
        """Write down what the run is, or check that it is still the same.

        Raises:
            OutputError: something differs from when the run began.
        """
        for name, value in facts.items():
            known = self._do("select value from fact where name = ?", name).fetchone()
            if known is None:
                self._do("insert into fact values (?, ?)", name, json.dumps(value))
            elif json.loads(known[0]) != value:
                raise OutputError(
                    f"{_target_of(self.folder)}: cannot be resumed: {name} differs from when the run began;"
                    " begin anew with --overwrite"
                )

    # ---- the index of the input

    def add_name(self, key: bytes) -> bool:
        """True if this name (of an id or a file) is new."""
        return self._do("insert or ignore into name values (?)", key).rowcount == 1

    def has_name(self, key: bytes) -> bool:
        """True if this name was added."""
        return self._do("select 1 from name where key = ?", key).fetchone() is not None

    def add_note(self, n: int, patient: bytes, size: int, id: bytes, digest: bytes) -> None:
        """A note that can be read; `patient` is the same for notes that go together."""
        row = self._do(
            "insert into patient (key, notes, size, first, last) values (?, 1, ?, ?, ?) on conflict (key) do update"
            " set notes = notes + 1, size = size + excluded.size, last = excluded.last returning p",
            *(patient, size, n, n),
        ).fetchall()
        self._do("insert into note values (?, ?, ?, ?)", n, row[0][0], id, digest)

    def plan(self, most: int) -> int:
        """Give every patient who is not done a wave, and return their number.

        A wave is one reading of the source. In it the patients whose notes are in memory at the same time
        hold `most` characters at most (a single larger one aside).
        """
        self._do(
            "update patient set wave = case when exists (select 1 from done where n = first) then -1 end"
        )
        self._do("create index if not exists by_first on patient (first)")
        wave = 0
        while True:
            open_ones: list[tuple[int, int]] = []  # (last note, size), the soonest to end first
            held, left = 0, False
            chosen: list[tuple[int, int]] = []
            for p, size, first, last in self._do(
                "select p, size, first, last from patient where wave is null order by first"
            ):
                while open_ones and open_ones[0][0] < first:
                    held -= heapq.heappop(open_ones)[1]
                if held and held + size > most:
                    left = True
                    continue
                held += size
                heapq.heappush(open_ones, (last, size))
                chosen.append((wave, p))
            with self._guard():
                self._base.executemany("update patient set wave = ? where p = ?", chosen)
            wave += bool(chosen)
            if not left:
                return wave

    def wave(self, wave: int) -> Iterator[Indexed]:
        """The notes of a wave, in order."""
        for row in self._do(
            "select n, p, notes, size, id, digest from note join patient using (p) where wave = ? order by n",
            wave,
        ):
            yield Indexed(*row)

    def totals(self) -> tuple[int, int, int]:
        """Notes that can be read, patients, notes done in the end or by a former run."""
        [row] = self._do(
            "select (select count(*) from note), (select count(*) from patient), (select count(*) from done)"
        )
        return row[0], row[1], row[2]

    # ---- what is done

    def done(self, n: int, data: bytes | None) -> None:
        """A note that went out; `data` is its row, if it waits for its file."""
        self._do("insert or replace into done values (?, ?)", n, data)

    def failed(self, n: int, why: Failure) -> None:
        """A quarantined note."""
        self.done(n, None)
        self._do("insert or replace into failed values (?, ?)", n, why.row())

    def found(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Spans by label and source, added up."""
        for (label, source), spans in counts.items():
            self._do(
                "insert into found values (?, ?, ?) on conflict do update set spans = spans + excluded.spans",
                *(label, source, spans),
            )

    def spans(self) -> Counter[tuple[str, str]]:
        """All that `found` was told."""
        return Counter({(label, source): spans for label, source, spans in self._do("select * from found")})

    def rows(self) -> Iterator[bytes]:
        """The rows that wait, in the order of the source."""
        for (data,) in self._do("select data from done where data is not null order by n"):
            yield data

    def failures(self) -> Iterator[Failure]:
        """The quarantined notes, in the order of the source."""
        for (row,) in self._do("select row from failed order by n"):
            yield Failure(**json.loads(row))


def folder_for(target: Path, is_folder: bool) -> Path:
    """Where the manifest of an output is."""
    return target / FOLDER if is_folder else target.with_name(f".{target.name}{FOLDER}")


def _target_of(folder: Path) -> Path:
    """The output of a manifest's folder."""
    name = folder.name.removesuffix(FOLDER)
    return folder.with_name(name[1:]) if name else folder.parent


def is_unfinished(folder: Path) -> bool:
    """Whether a run that did not end left its manifest."""
    return (folder / _FILE).is_file()


def open_manifest(folder: Path, resume: bool) -> Manifest:
    """The manifest in a folder, a new one unless a run is resumed.

    Raises:
        OutputError: the folder cannot be used.
    """
    problem = ""
    try:
        if folder.is_symlink():
            problem = "is a symbolic link"
        else:
            if folder.exists() and not resume:
                Manifest(folder).close(remove=True)  # not while another run holds it
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = folder.lstat()
            if os.name == "posix" and (
                status.st_uid != os.geteuid() or status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
            ):
                problem = "is not a folder of yours alone"
    except OSError as error:
        problem = f"cannot be written: {error.strerror or type(error).__name__}"
    if problem:
        raise OutputError(f"{folder}: {problem}")
    return Manifest(folder)
