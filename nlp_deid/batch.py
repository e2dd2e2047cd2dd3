"""Many notes: read, de-identify, write whole files, set aside what fails.

Fail closed: a note goes out only if every step of it went well. Every other note is *quarantined*:
nothing of it is written, and the report names it, with a reason and no text. Every note read is
either written or quarantined.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from nlp_deid.corpus.checks import CorpusError, encode
from nlp_deid.corpus.i2b2 import to_xml
from nlp_deid.corpus.jsonl import Row
from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Note, Span
from nlp_deid.outputs import OutputError, Write, check_target, open_target, write_whole
from nlp_deid.replace.mapfile import Pair, put_back
from nlp_deid.sources import STDIN, Entry, Source, SourceError, patient_of

REPORT = "quarantine.jsonl"

Result = TypeVar("Result")
# The notes of one patient, each to its result or its error.
Work = Callable[[Sequence[Note]], Sequence[Result | DeidError]]
Render = Callable[[Entry, Note, Result], bytes]
After = Callable[[], None]


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


@dataclass
class Summary:
    """What became of the notes of a batch: read == written + len(failures).

    Attributes:
        read, written: numbers of notes.
        groups: runs of notes of one patient, and notes that nothing ties to a patient.
        alone: notes among them that nothing ties to a patient.
        failures: the quarantined notes.
        report: where they are listed.
    """

    read: int = 0
    written: int = 0
    groups: int = 0
    alone: int = 0
    failures: list[Failure] = field(default_factory=list)
    report: Path | None = None

    def __str__(self) -> str:
        notes = "note" if self.read == 1 else "notes"
        return f"{self.read} {notes} read, {self.written} written, {len(self.failures)} quarantined"


# A note of the source, or why there is none.
Read = tuple[Entry, Note | Failure]


def _nothing() -> None:
    """Called after every note where no one watches."""


def scrub(
    deid: Deid,
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: After = _nothing,
) -> Summary:
    """De-identify a source. Notes of one patient that follow each other go together.

    Args:
        deid: the pipeline.
        source: from `sources.open_source`.
        out: "-" for standard output; a name that ends in .jsonl for rows; a file for one note; else a
            folder, which gets a file a note of the same relative name.
        overwrite: allow files that are there already to be replaced.
        after_note: called after every note, for a progress bar.

    Raises:
        OutputError: `out` cannot be used; nothing has been written.
        SourceError: the source as a whole is damaged.
    """

    return _rewrite(
        lambda notes: [made if isinstance(made, DeidError) else made.text for made in deid.together(notes)],
        source,
        out,
        overwrite,
        after_note,
    )


def reidentify(
    pairs: Iterable[Pair],
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: After = _nothing,
) -> tuple[Summary, Counter[str]]:
    """Put the originals of a map back into notes that `scrub` wrote.

    Args:
        pairs: from `mapfile.read_map`; a note's own pairs count, by its id. A map of one note fits any note
            that is given alone, as its file may have another name.
        source, out, overwrite, after_note: as for `scrub`.

    Returns:
        What became of the notes; how many surrogates were "restored", how many left as "ambiguous", and how
        many notes are "unknown" to the map.
    """
    by_note: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_note.setdefault(pair.note, []).append(pair)
    counts: Counter[str] = Counter()
    only = next(iter(by_note.values())) if len(by_note) == 1 and source.kind == "note" else []

    def original(note: Note) -> str:
        mine = by_note.get(note.id, only)
        found = put_back(note.text, mine)
        counts.update(restored=found.restored, ambiguous=found.ambiguous, unknown=not mine)
        return found.text

    summary = _rewrite(lambda notes: [original(note) for note in notes], source, out, overwrite, after_note)
    return summary, counts


def _rewrite(work: Work[str], source: Source, out: str | Path, overwrite: bool, after_note: After) -> Summary:
    """Every note's new text, in the form of its source or as a row."""

    def render(entry: Entry, note: Note, text: str) -> bytes:
        if rows:
            row = {"id": note.id, **note.extra} if isinstance(note, Row) else {"id": note.id}
            return _line({**row, "text": text}, note.id)
        if xml or (xml is None and entry.suffix.lower() == ".xml"):
            return to_xml(Note(text, note.id))
        return encode(text, f"note {note.id!r}")

    target = _target(source, out)
    rows = _is_rows(source, target)
    xml = None if source.kind == "folder" else target is not None and target.suffix.lower() == ".xml"
    return _run(source, target, rows, overwrite, work, render, after_note)


def detect(
    deid: Deid,
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: After = _nothing,
) -> Summary:
    """Find the spans of every note of a source and write a row a note, in order.

    A row is {"id", "spans": [{"start", "end", "label", "score", "source"}]}, offsets into the input.
    Arguments and errors as for `scrub`; `out` is a file or "-".
    """

    def render(entry: Entry, note: Note, found: list[Span]) -> bytes:
        spans = [
            {"start": s.start, "end": s.end, "label": s.label, "score": round(s.score, 4), "source": s.source}
            for s in found
        ]
        return _line({"id": note.id, "spans": spans}, note.id)

    target = None if str(out) == STDIN else Path(out)
    if target is not None and (target.suffix.lower() != ".jsonl" or target.is_dir()):
        raise OutputError(f"{target}: detect writes rows; give a file that ends in .jsonl, or -")
    return _run(source, target, True, overwrite, deid.detect_together, render, after_note)


def _line(row: object, note_id: str) -> bytes:
    return encode(json.dumps(row, ensure_ascii=False), f"note {note_id!r}") + b"\n"


def _target(source: Source, out: str | Path) -> Path | None:
    """Where a scrubbed source goes; None is standard output."""
    if str(out) == STDIN:
        if source.kind == "folder":
            raise OutputError("a folder cannot go to standard output; name a folder or a .jsonl file")
        return None
    target = Path(out)
    if source.kind == "note" and target.is_dir() and source.path is not None:
        return target / source.path.name
    if target.suffix.lower() == ".gz":
        raise OutputError(f"{target}: output is not compressed; name a .jsonl file or a folder")
    if source.kind == "rows" and target.suffix.lower() not in ("", ".jsonl") and not target.is_dir():
        raise OutputError(f"{target}: many notes need a .jsonl file or a folder, whose name has no suffix")
    return target


def _is_rows(source: Source, target: Path | None) -> bool:
    """Whether the output is JSON Lines."""
    if target is None:
        return source.kind == "rows"
    return target.suffix.lower() == ".jsonl" and not target.is_dir()


def _run(
    source: Source,
    target: Path | None,
    rows: bool,
    overwrite: bool,
    work: Work[Result],
    render: Render[Result],
    after_note: After,
) -> Summary:
    """Every note through `work` and `render` into the target; failures into the report beside it."""
    summary = Summary()
    folder = target is not None and not rows and source.kind != "note"
    if target is not None:
        check_target(source, target, folder, overwrite)
        summary.report = target / REPORT if folder else target.with_name(f"{target.stem}.{REPORT}")
    try:
        with open_target(target, rows, folder) as write:
            for group in _by_patient(_read(source)):
                summary.read += len(group)
                summary.groups += 1
                summary.alone += sum(isinstance(note, Note) and note.patient is None for _, note in group)
                for failure in _together(group, work, render, write):
                    if failure is None:
                        summary.written += 1
                    else:
                        summary.failures.append(failure)
                    after_note()
    finally:
        if summary.report is not None:
            _write_report(summary.report, summary.failures)
    return summary


def _read(source: Source) -> Iterator[Read]:
    """Every note of a source, or why it cannot be read."""
    seen: set[str] = set()
    for entry in source.entries(None if source.path else sys.stdin.buffer):
        if entry.id in seen:
            yield entry, Failure(entry.id, entry.place, "read", "duplicate_id")
            continue
        seen.add(entry.id)
        try:
            note = entry.read()
            if note.patient is None and source.kind == "folder":
                note = replace(note, patient=patient_of(entry.id))
            yield entry, note
        except Exception as error:
            yield entry, _failure(entry, "read", error)


def _by_patient(notes: Iterable[Read]) -> Iterator[list[Read]]:
    """The notes of one patient that follow each other, as one; any other note alone.

    A note that cannot be read does not part the notes on either side of it.
    """
    group: list[Read] = []
    patient: str | None = None
    for entry, note in notes:
        own = note.patient if isinstance(note, Note) else patient
        if group and (own is None or own != patient):
            yield group
            group = []
        group.append((entry, note))
        patient = own
    if group:
        yield group


def _together(
    group: Sequence[Read], work: Work[Result], render: Render[Result], write: Write
) -> Iterator[Failure | None]:
    """The notes of one patient to the output; whatever goes wrong with one is its failure alone."""
    notes = [note for _, note in group if isinstance(note, Note)]
    results: Iterator[Result | DeidError]
    try:
        results = iter(work(notes) if notes else ())
    except Exception as error:
        results = iter([DeidError(note.id, "pipeline", type(error).__name__) for note in notes])
    for entry, note in group:
        if isinstance(note, Failure):
            if note.reason != "duplicate_id":  # the first note of that id stands in the output
                _take_away(entry, write)
            yield note
        else:
            yield _one(entry, note, next(results), render, write)


def _one(
    entry: Entry, note: Note, result: Result | DeidError, render: Render[Result], write: Write
) -> Failure | None:
    """One note from its result to the output."""
    stage = "pipeline"
    try:
        if isinstance(result, DeidError):
            raise result
        data = render(entry, note, result)
        stage = "write"
        write(entry, data)
    except OutputError:
        raise
    except Exception as error:
        if stage != "write":
            _take_away(entry, write)
        return _failure(entry, stage, error)
    return None


def _take_away(entry: Entry, write: Write) -> None:
    """Nothing of a note that failed may stand in the output, be it from an earlier run."""
    with suppress(CorpusError):
        write(entry, None)


def _failure(entry: Entry, stage: str, error: Exception) -> Failure:
    """The reason in a word; an exception's message may hold text and is not looked at."""
    reason = type(error).__name__
    if isinstance(error, DeidError):
        stage, reason = error.stage, error.kind
    elif isinstance(error, SourceError):
        reason = error.reason
    elif isinstance(error, CorpusError):
        reason = {"read": "format", "write": "unsafe_id"}.get(stage, "encoding")
    return Failure(entry.id, entry.place, stage, reason)


def _write_report(path: Path, failures: list[Failure]) -> None:
    """The report; an old one goes if there is nothing to say."""
    write_whole(path, b"".join(failure.row() for failure in failures) or None)
