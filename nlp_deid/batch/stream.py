"""Notes in one pass: standard input and output, one note, found spans, originals put back.

Notes of one patient that follow each other go together, and the order of the output is that of the input.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from nlp_deid.batch.outcome import (
    QUARANTINE,
    Answer,
    Failure,
    Group,
    Made,
    Slot,
    Summary,
    Watch,
    failure,
)
from nlp_deid.batch.pool import Pool
from nlp_deid.corpus.checks import CorpusError, encode
from nlp_deid.corpus.i2b2 import to_xml
from nlp_deid.entries import Entry
from nlp_deid.note import Note
from nlp_deid.outputs import OutputError, Write, check_target, open_target, write_whole
from nlp_deid.row_outputs import write_down
from nlp_deid.sources import STDIN, Source, patient_of

Render = Callable[[Entry, Note, Made], bytes]


def read(entry: Entry, source: Source) -> Note:
    """The note of an entry, tied to its patient by its path if by nothing else.

    Raises:
        CorpusError, SourceError, OSError: it cannot be read.
    """
    note = entry.read()
    if note.patient is None and source.kind == "folder":
        note = replace(note, patient=patient_of(entry.id))
    return note


def as_file(entry: Entry, note: Note, text: str) -> bytes:
    """A note's new text as a file of its kind."""
    if entry.suffix.lower() == ".xml":
        return to_xml(Note(text, note.id))
    return encode(text, f"note {note.id!r}")


def target_of(source: Source, out: str | Path) -> Path | None:
    """Where the texts of a source go in one pass; None is standard output.

    Raises:
        OutputError: they cannot go there.
    """
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


def rewrite(pool: Pool, source: Source, out: str | Path, overwrite: bool, watch: Watch) -> Summary:
    """Every note's new text, in the form of its source or as a row."""
    target = target_of(source, out)
    is_rows_file = target is not None and target.suffix.lower() == ".jsonl" and not target.is_dir()
    rows = is_rows_file or (target is None and source.kind == "rows")
    xml = target is not None and target.suffix.lower() == ".xml"

    def render(entry: Entry, note: Note, made: Made) -> bytes:
        if rows:
            return write_down("jsonl", source.columns, [(note, made.value)], entry.place, None)
        if source.kind != "folder":  # the name of the output tells its form
            entry = replace(entry, suffix=".xml" if xml else ".txt")
        return as_file(entry, note, made.value)

    return run(pool, source, target, rows, overwrite, render, watch)


def find(pool: Pool, source: Source, out: str | Path, overwrite: bool, watch: Watch) -> Summary:
    """The spans of every note, a row a note."""

    def render(entry: Entry, note: Note, made: Made) -> bytes:
        spans = [
            {"start": s.start, "end": s.end, "label": s.label, "score": round(s.score, 4), "source": s.source}
            for s in made.value
        ]
        return encode(json.dumps({"id": note.id, "spans": spans}, ensure_ascii=False), "a row") + b"\n"

    target = None if str(out) == STDIN else Path(out)
    if target is not None and (target.suffix.lower() != ".jsonl" or target.is_dir()):
        raise OutputError(f"{target}: detect writes rows; give a file that ends in .jsonl, or -")
    return run(pool, source, target, True, overwrite, render, watch)


def run(
    pool: Pool,
    source: Source,
    target: Path | None,
    rows: bool,
    overwrite: bool,
    render: Render,
    watch: Watch,
) -> Summary:
    """Every note through the pool and `render` into the target; failures into the report beside it."""
    summary = Summary(workers=pool.workers)
    folder = target is not None and not rows and source.kind != "note"
    if target is not None:
        check_target(source, target, folder, overwrite)
        summary.report = target / QUARANTINE if folder else target.with_name(f"{target.stem}.{QUARANTINE}")
    if (count := source.count()) is not None:
        watch.total(count)
    try:
        with open_target(target, rows, folder) as write:
            for group, answers in pool.run(_by_patient(_slots(source)), in_order=True):
                summary.read += len(group)
                summary.groups += 1
                for slot in group:
                    if isinstance(slot.note, Note):
                        summary.alone += slot.note.patient is None
                        summary.characters += len(slot.note.text)
                _settle(group, answers, render, write, summary, watch)
    finally:
        summary.deaths = pool.deaths
        if summary.report is not None:
            write_whole(summary.report, b"".join(failed.row() for failed in summary.failures) or None)
    return summary


def _slots(source: Source) -> Iterator[Slot]:
    """Every note of a source, or why it cannot be read."""
    seen: set[str] = set()
    for number, entry in enumerate(source.entries(None if source.path else sys.stdin.buffer)):
        if entry.id in seen:
            yield Slot(number, entry, Failure(entry.id, entry.place, "read", "duplicate_id"))
            continue
        seen.add(entry.id)
        try:
            yield Slot(number, entry, read(entry, source))
        except Exception as error:
            yield Slot(number, entry, failure(entry, "read", error))


def _by_patient(slots: Iterable[Slot]) -> Iterator[Group]:
    """The notes of one patient that follow each other, as one; any other note alone.

    A note that cannot be read does not part the notes on either side of it.
    """
    group: Group = []
    patient: str | None = None
    for slot in slots:
        own = slot.note.patient if isinstance(slot.note, Note) else patient
        if group and (own is None or own != patient):
            yield group
            group = []
        group.append(slot)
        patient = own
    if group:
        yield group


def _settle(
    group: Group, answers: list[Answer], render: Render, write: Write, summary: Summary, watch: Watch
) -> None:
    """The notes of one patient to the output; whatever goes wrong with one is its failure alone."""
    answered = iter(answers)
    for slot in group:
        failed: Failure | None
        if isinstance(slot.note, Failure):
            failed = slot.note
            if failed.reason != "duplicate_id":  # the first note of that id stands in the output
                _take_away(slot.entry, write)
        else:
            found = next(answered)
            failed = _one(slot.entry, slot.note, found, render, write)
            if failed is None and isinstance(found, Made):
                summary.spans.update(found.counts)
                summary.pairs += found.pairs
        if failed is None:
            summary.written += 1
        else:
            summary.failures.append(failed)
        watch.after_note()


def _one(entry: Entry, note: Note, found: Answer, render: Render, write: Write) -> Failure | None:
    """One note from its answer to the output."""
    stage = "pipeline"
    try:
        if not isinstance(found, Made):
            raise found
        data = render(entry, note, found)
        stage = "write"
        write(entry, data)
    except OutputError:
        raise
    except Exception as error:
        if stage != "write":
            _take_away(entry, write)
        return failure(entry, stage, error)
    return None


def _take_away(entry: Entry, write: Write) -> None:
    """Nothing of a note that failed may stand in the output, be it from an earlier run."""
    with suppress(CorpusError):
        write(entry, None)
