"""What became of notes: the words of a batch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.deid import DeidError
from nlp_deid.entries import Entry, SourceError
from nlp_deid.note import Note
from nlp_deid.replace.mapfile import Pair

QUARANTINE = "quarantine.jsonl"


@dataclass(frozen=True, slots=True)
class Made:
    """What a pipeline made of one note.

    Attributes:
        value: the new text, or the spans found.
        counts: how many spans of each (label, source) there are.
        pairs: the replacements, where a map was asked for.
    """

    value: Any = field(repr=False)
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    pairs: Sequence[Pair] = field(default=(), repr=False)


Answer = Made | DeidError
# The notes of a few patients: for each patient, an answer a note.
Work = Callable[[Sequence[Sequence[Note]]], Iterable[Sequence[Answer]]]


@dataclass(frozen=True, slots=True)
class Failure:
    """A quarantined note: its id and place, the stage that failed and why. Holds no text."""

    id: str
    place: str
    stage: str
    reason: str

    def row(self) -> bytes:
        """One line of the report."""
        row = {"id": self.id, "place": self.place, "stage": self.stage, "reason": self.reason}
        return json.dumps(row).encode() + b"\n"


@dataclass(slots=True)
class Slot:
    """One note of the source on its way, or why there is none.

    Attributes:
        number: its place in the order of the source, from 0.
    """

    number: int
    entry: Entry
    note: Note | Failure


Group = list[Slot]  # the notes of one patient
Answered = tuple[Group, list[Answer]]  # with the answers for those that could be read


def notes_of(group: Group) -> list[Note]:
    """The notes of a group that could be read."""
    return [slot.note for slot in group if isinstance(slot.note, Note)]


@dataclass
class Summary:
    """What became of the notes of a batch: read == written + len(failures).

    Attributes:
        read, written: numbers of notes; characters: those of the texts read.
        resumed: notes that a former run had done.
        groups: patients, and notes that nothing ties to a patient; alone: the latter.
        failures: the quarantined notes; report: where they are listed.
        spans: found spans by (label, source), in the notes written.
        pairs: the replacements in the notes written, where a map was asked for.
        seconds: by part of the run.
        workers: their number; 0 is this process. deaths: workers that were ended or ended themselves.
    """

    read: int = 0
    written: int = 0
    characters: int = 0
    resumed: int = 0
    groups: int = 0
    alone: int = 0
    failures: list[Failure] = field(default_factory=list)
    report: Path | None = None
    spans: Counter[tuple[str, str]] = field(default_factory=Counter)
    pairs: list[Pair] = field(default_factory=list, repr=False)
    seconds: dict[str, float] = field(default_factory=dict)
    workers: int = 0
    deaths: int = 0

    def __str__(self) -> str:
        notes = "note" if self.read == 1 else "notes"
        done = f", {self.resumed} of them in a former run" if self.resumed else ""
        return f"{self.read} {notes} read, {self.written} written, {len(self.failures)} quarantined{done}"


@dataclass(frozen=True)
class Watch:
    """Who follows a run: functions that get the number of all notes, and are called after each note."""

    total: Callable[[int], None] = lambda notes: None
    after_note: Callable[[], None] = lambda: None


def failure(entry: Entry, stage: str, error: Exception) -> Failure:
    """The reason in a word; an exception's message may hold text and is not looked at."""
    reason = type(error).__name__
    if isinstance(error, DeidError):
        stage, reason = error.stage, error.kind
    elif isinstance(error, SourceError):
        reason = error.reason
    elif isinstance(error, CorpusError):
        reason = {"read": "format", "write": "unsafe_id"}.get(stage, "encoding")
    return Failure(entry.id, entry.place, stage, reason)
