"""Files and folders of notes: whole patients, any order, workers, and runs that can be resumed.

The source is read three times at most: to index it, to de-identify it (again for patients whose notes lie
too far apart to be held at once), and, for tables, to put the new texts into their rows. What is done is in
the manifest; files appear whole.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from nlp_deid.batch.manifest import Manifest
from nlp_deid.batch.names import Names
from nlp_deid.batch.outcome import QUARANTINE, Answer, Failure, Group, Made, Slot, Summary, Watch, failure
from nlp_deid.batch.pool import Pool
from nlp_deid.batch.stream import as_file, read
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.files import Folder
from nlp_deid.entries import Entry, SourceError
from nlp_deid.note import Note
from nlp_deid.outputs import OutputError, disk, place_in, sync, write_whole
from nlp_deid.row_outputs import FILES, Rename, write_down, write_rows
from nlp_deid.sources import Source

_COMMIT_SECONDS = 1.0
_ANOTHERS = ("duplicate_id", "unsafe_id")  # of a note whose place in the output may be another's
_FIGURES = re.compile(r"([0-9]+)")


@dataclass
class Run:
    """One run over a source whose notes can be read more than once.

    Args:
        pool: answers for the notes.
        source, target, form: from where, to where, and in which form.
        manifest: of this run.
        rename: makes pseudonyms of names and ids; None leaves them.
        watch: who follows.
        hold: characters of notes in memory at once, for patients whose notes do not follow each other; a
            patient with more is quarantined.
    """

    pool: Pool
    source: Source
    target: Path
    form: str
    manifest: Manifest
    rename: Rename | None
    watch: Watch
    hold: int
    summary: Summary = field(default_factory=Summary)
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _folders: set[Path] = field(default_factory=set)
    _committed: float = 0.0

    def __post_init__(self) -> None:
        self._names = Names(self._salt, self.manifest)
        self.summary.workers = self.pool.workers

    def whole(self) -> Summary:
        """Index, de-identify, finish.

        Raises:
            SourceError: the source is damaged as a whole, or changes meanwhile.
            OutputError: the disk refuses, or a resumed run is not the same as before.
        """
        with self._timed("index"):
            self._index()
        with self._timed("scrub"):
            self._scrub()
        with self._timed("write"):
            self._finish()
        return self.summary

    def _timed(self, part: str) -> _Clock:
        return _Clock(self.summary.seconds, part)

    # ---- the first reading

    def _index(self) -> None:
        """Whose notes go together, which names are taken, what cannot be read; and a hash of it all."""
        whole = hashlib.sha256()
        summary = self.summary
        before = self.manifest.totals()[2]
        for number, entry in enumerate(self.source.entries()):
            summary.read += 1
            found = self._first_look(entry)
            if isinstance(found, Failure):
                whole.update(repr((found.id, found.place, found.stage, found.reason)).encode())
                self._quarantine(number, found)
                if found.reason not in _ANOTHERS:
                    self._take_away(entry)
                continue
            digest = _digest(found)
            whole.update(repr((entry.id, entry.place)).encode() + digest)
            summary.characters += len(found.text)
            summary.alone += found.patient is None
            patient = ("note", str(number)) if found.patient is None else ("patient", found.patient)
            self.manifest.add_note(
                number,
                self._names.hash(*patient),
                len(found.text),
                self._names.hash("id", entry.id)[:8],
                self._names.hash("text", digest.hex())[:8],
            )
        self.manifest.settle({"input": whole.hexdigest()})
        self.manifest.commit()
        if before:
            summary.resumed = self.manifest.totals()[2]

    def _first_look(self, entry: Entry) -> Note | Failure:
        if not self._names.is_new("id", entry.id):
            return Failure(entry.id, entry.place, "read", "duplicate_id")
        if not _is_unicode(entry.id) or (
            self.form == FILES and not self._names.is_free(self._file_name(entry))
        ):
            return Failure(entry.id, entry.place, "write", "unsafe_id")
        try:
            return read(entry, self.source)
        except Exception as error:
            return failure(entry, "read", error)

    def _file_name(self, entry: Entry) -> str:
        return (self.rename(entry.id) if self.rename else entry.id) + entry.suffix

    # ---- the readings that de-identify

    def _scrub(self) -> None:
        waves = self.manifest.plan(self.hold)
        notes, self.summary.groups, done = self.manifest.totals()
        self.watch.total(self.summary.read)
        for _ in range(done):
            self.watch.after_note()
        del notes
        self._committed = time.monotonic()
        for group, answers in self.pool.run(self._groups(waves)):
            self._settle(group, answers)
            if time.monotonic() - self._committed > _COMMIT_SECONDS:
                self._commit()
        self._commit()

    def _groups(self, waves: int) -> Iterator[Group]:
        """Every patient who is not done, with all notes in the order of their ids."""
        for wave in range(waves):
            rows = self.manifest.wave(wave)
            row = next(rows, None)
            held: dict[int, Group] = {}
            for number, entry in enumerate(self.source.entries()):
                if row is None:
                    break
                if number != row.number:
                    continue
                if self._names.hash("id", entry.id)[:8] != row.id:
                    break
                group = held.setdefault(row.patient, [])
                group.append(Slot(number, entry, self._second_look(entry, row.digest, row.size)))
                if len(group) == row.notes:
                    yield sorted(held.pop(row.patient), key=lambda slot: natural_order(slot.entry.id))
                row = next(rows, None)
            if row is not None:
                raise SourceError(f"{self.source.path}: changed while it was read")

    def _second_look(self, entry: Entry, digest: bytes, size: int) -> Note | Failure:
        if size > self.hold:
            return Failure(entry.id, entry.place, "read", "patient_too_large")
        try:
            note = read(entry, self.source)
        except Exception as error:
            return failure(entry, "read", error)
        if self._names.hash("text", _digest(note).hex())[:8] != digest:
            return Failure(entry.id, entry.place, "read", "changed")
        return note

    # ---- what goes out

    def _settle(self, group: Group, answers: Sequence[Answer]) -> None:
        """Every row (or file) of one patient: out, or in quarantine with all its texts."""
        answered = iter(answers)
        found = [(slot, slot.note if isinstance(slot.note, Failure) else next(answered)) for slot in group]
        found.sort(key=lambda pair: pair[0].number)
        for place, texts in groupby(found, key=lambda pair: self._unit(pair[0])):
            del place
            self._settle_unit(list(texts))

    def _unit(self, slot: Slot) -> str | int:
        """What goes out together: the texts of one row, or one file."""
        return slot.number if self.form == FILES or self.source.kind == "folder" else slot.entry.place

    def _settle_unit(self, found: Sequence[tuple[Slot, Answer | Failure]]) -> None:
        failed: Failure | None = None
        made: list[tuple[Slot, Note, Made]] = []
        for slot, answer in found:
            if isinstance(answer, Made) and isinstance(slot.note, Note):
                made.append((slot, slot.note, answer))
            elif failed is None:
                failed = answer if isinstance(answer, Failure) else _failed(slot, answer)
        if failed is None:
            failed = self._out(made)
        for slot, answer in found:
            if failed is None:
                continue
            own = failed if slot.entry.id == failed.id else None
            if own is None and not isinstance(answer, Made):
                own = answer if isinstance(answer, Failure) else _failed(slot, answer)
            own = own or Failure(slot.entry.id, slot.entry.place, "row", "other_text")
            self._quarantine(slot.number, own)
            self._take_away(slot.entry)
        if failed is None:
            for _, _, answer in made:
                self._counts.update(answer.counts)
                self.summary.pairs += answer.pairs
        for _ in found:
            self.watch.after_note()

    def _out(self, made: Sequence[tuple[Slot, Note, Made]]) -> Failure | None:
        """Write a file, or put a row by; the failure if that cannot be done."""
        first, note, answer = made[0]
        stage = "pipeline"
        try:
            if self.form == FILES:
                data = _bytes(as_file(first.entry, note, answer.value))
                stage = "write"
                path = place_in(Folder(self.target), self._renamed(first.entry))
                write_whole(path, data)
                self._folders.add(path.parent)
                self.manifest.done(first.number, None)
                return None
            texts = [(note, answer.value) for _, note, answer in made]
            data = _bytes(write_down(self.form, self.source.columns, texts, first.entry.place, self.rename))
            for slot, _, _ in made:
                self.manifest.done(slot.number, data if slot is first else None)
        except OutputError:
            raise
        except Exception as error:
            return failure(first.entry, stage, error)
        return None

    def _renamed(self, entry: Entry) -> Entry:
        if self.rename is None:
            return entry
        return Entry(self.rename(entry.id), entry.place, entry.suffix, entry.read)

    def _quarantine(self, number: int, why: Failure) -> None:
        """Into the report; where names become pseudonyms, it has no other ones and no path either."""
        if self.rename is not None:
            place = f"file {number + 1}" if self.source.kind == "folder" else why.place
            why = replace(why, id=self._pseudonym(why.id, self.rename), place=place)
        self.manifest.failed(number, why)

    def _pseudonym(self, note_id: str, rename: Rename) -> str:
        """What the note would be called in the output; of a text in a row, the row with its column."""
        texts = self.source.columns.texts
        if self.form != FILES and len(texts) > 1:
            for column in texts:
                if note_id.endswith(f".{column}"):
                    return f"{rename(note_id.removesuffix(f'.{column}'))}.{column}"
        return rename(note_id)

    def _take_away(self, entry: Entry) -> None:
        """Nothing of a note that failed may stand in the output, be it from an earlier run."""
        if self.form == FILES:
            with suppress(CorpusError):
                write_whole(place_in(Folder(self.target), self._renamed(entry)), None)

    def _commit(self) -> None:
        """First the files, then the manifest that says they are there."""
        for folder in self._folders:
            with disk(str(folder)):
                sync(folder)
        self._folders.clear()
        self.manifest.found(self._counts)
        self._counts.clear()
        self.manifest.commit()
        self._committed = time.monotonic()

    def _finish(self) -> None:
        summary, manifest = self.summary, self.manifest
        if self.form != FILES:
            write_rows(self.form, self.source, manifest.rows(), self.target, manifest.folder)
        summary.failures = list(manifest.failures())
        summary.written = summary.read - len(summary.failures)
        summary.spans = manifest.spans()
        summary.deaths = self.pool.deaths
        summary.report = quarantine_of(self.target, self.form)
        write_whole(summary.report, b"".join(failed.row() for failed in summary.failures) or None)


class _Clock:
    """Adds the seconds of a block to a part of the run."""

    def __init__(self, seconds: dict[str, float], part: str) -> None:
        self._seconds, self._part = seconds, part

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._part] = time.monotonic() - self._began


def quarantine_of(target: Path, form: str) -> Path:
    """The report of quarantined notes: in a folder of notes, or beside a file or dataset."""
    return target / QUARANTINE if form == FILES else target.with_name(f"{target.stem}.{QUARANTINE}")


def _bytes(data: bytes) -> bytes:
    """What was rendered, if it was: nothing in its place would take the note away without a word."""
    if not isinstance(data, bytes):
        raise TypeError("a note was not rendered as bytes")
    return data


def _is_unicode(name: str) -> bool:
    """False for a file name that is no UTF-8, or an id with half a surrogate pair: no output can hold it."""
    return name.isascii() or not any("\ud800" <= char <= "\udfff" for char in name)


def _digest(note: Note) -> bytes:
    """A hash of all that a pipeline sees of a note."""
    known = sorted((label, list(values)) for label, values in note.known.items())
    seen = repr((note.id, note.patient, known, note.text))
    return hashlib.sha256(seen.encode("utf-8", "surrogatepass")).digest()


def natural_order(name: str) -> tuple[list[str | int], str]:
    """Sorts "note 9" before "note 10"; equal only for equal names. The notes of a patient go in this order."""
    parts = _FIGURES.split(name)
    return [int(part) if at % 2 else part for at, part in enumerate(parts)], name


def _failed(slot: Slot, answer: Answer | Failure) -> Failure:
    assert isinstance(answer, Exception)
    return failure(slot.entry, "pipeline", answer)
