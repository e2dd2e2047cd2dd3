"""Many notes: read, de-identify, write whole files, set aside what fails.

Fail closed: a note goes out only if every step of it went well. Every other note is *quarantined*:
nothing of it is written, and the report names it, with a reason and no text. Every note read is
either written or quarantined.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError, encode
from nlp_deid.corpus.i2b2 import to_xml
from nlp_deid.corpus.jsonl import Row
from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Note
from nlp_deid.outputs import OutputError, Write, check_target, open_target, write_whole
from nlp_deid.sources import STDIN, Entry, Source, SourceError

REPORT = "quarantine.jsonl"

Render = Callable[[Entry, Note], bytes]
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
    """What became of the notes of a batch: read == written + len(failures)."""

    read: int = 0
    written: int = 0
    failures: list[Failure] = field(default_factory=list)
    report: Path | None = None

    def __str__(self) -> str:
        notes = "note" if self.read == 1 else "notes"
        return f"{self.read} {notes} read, {self.written} written, {len(self.failures)} quarantined"


def _nothing() -> None:
    """Called after every note where no one watches."""


def scrub(
    deid: Deid,
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: After = _nothing,
) -> Summary:
    """De-identify a source.

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

    def render(entry: Entry, note: Note) -> bytes:
        text = deid(note).text
        if rows:
            row = {"id": note.id, **note.extra} if isinstance(note, Row) else {"id": note.id}
            return _line({**row, "text": text}, note.id)
        if xml or (xml is None and entry.suffix.lower() == ".xml"):
            return to_xml(Note(text, note.id))
        return encode(text, f"note {note.id!r}")

    target = _target(source, out)
    rows = _is_rows(source, target)
    xml = None if source.kind == "folder" else target is not None and target.suffix.lower() == ".xml"
    return _run(source, target, rows, overwrite, render, after_note)


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

    def render(entry: Entry, note: Note) -> bytes:
        spans = [
            {"start": s.start, "end": s.end, "label": s.label, "score": round(s.score, 4), "source": s.source}
            for s in deid.detect(note)
        ]
        return _line({"id": note.id, "spans": spans}, note.id)

    target = None if str(out) == STDIN else Path(out)
    if target is not None and (target.suffix.lower() != ".jsonl" or target.is_dir()):
        raise OutputError(f"{target}: detect writes rows; give a file that ends in .jsonl, or -")
    return _run(source, target, True, overwrite, render, after_note)


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
    render: Render,
    after_note: After,
) -> Summary:
    """Every note through `render` into the target; failures into the report beside it."""
    summary = Summary()
    folder = target is not None and not rows and source.kind != "note"
    if target is not None:
        check_target(source, target, folder, overwrite)
        summary.report = target / REPORT if folder else target.with_name(f"{target.stem}.{REPORT}")
    seen: set[str] = set()
    try:
        with open_target(target, rows, folder) as write:
            for entry in source.entries(None if source.path else sys.stdin.buffer):
                summary.read += 1
                failure = _one(entry, seen, render, write)
                if failure is None:
                    summary.written += 1
                else:
                    summary.failures.append(failure)
                after_note()
    finally:
        if summary.report is not None:
            _write_report(summary.report, summary.failures)
    return summary


def _one(entry: Entry, seen: set[str], render: Render, write: Write) -> Failure | None:
    """One note from reading to writing; whatever goes wrong with it is its failure alone."""
    if entry.id in seen:
        return Failure(entry.id, entry.place, "read", "duplicate_id")
    seen.add(entry.id)
    stage = "read"
    try:
        note = entry.read()
        stage = "pipeline"
        data = render(entry, note)
        stage = "write"
        write(entry, data)
    except OutputError:
        raise
    except Exception as error:
        if stage != "write":
            with suppress(CorpusError):
                write(entry, None)
        return _failure(entry, stage, error)
    return None


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
