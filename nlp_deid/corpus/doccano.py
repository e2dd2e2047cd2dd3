"""doccano's JSON Lines for sequence labelling, plain or gzip: one note a row.

    {"id": 7, "text": "Seen 3/4.", "label": [[5, 8, "DATE"]]}
    {"id": 7, "text": "Seen 3/4.", "entities": [{"id": 1, "start_offset": 5, "end_offset": 8, "label": "DATE"}],
     "relations": []}

The key is "label", "labels" or "entities" by doccano's version; each is read with items of either form.
Offsets count characters, end exclusive. doccano's own keys beside these are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nlp_deid.corpus.checks import (
    CorpusError,
    Labels,
    check_id,
    check_text,
    encode,
    finish_spans,
    make_span,
    unique,
)
from nlp_deid.corpus.jsonl import DOCCANO_KEYS, dump, foreign_keys, objects, write_lines
from nlp_deid.note import Note, Span

_ITEM = '[start, end, label] or {"start_offset", "end_offset", "label"}'


def fits(path: Path) -> bool:
    """Whether the first row of a file of JSON Lines is one of doccano, not one of our own."""
    try:
        _, row = next(objects(path), (0, {}))
    except CorpusError:  # whoever reads the file says what is wrong
        return False
    return any(key in DOCCANO_KEYS for key in foreign_keys(row))


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of one file, row by row.

    A row without "id" is called "row-N" after its line. A row with an empty list is a note without PHI:
    doccano says the same of a note that nobody has labelled, so let it export what is confirmed only.
    `labels` and `strict` as in `checks.finish_spans`.

    Raises:
        CorpusError: a row that is no such object, named by file, line and id.
    """
    path = Path(path)
    notes = (_note(row, line, labels, strict, f"{path}, line {line}") for line, row in objects(path))
    return unique(notes, str(path))


def _note(row: dict[str, Any], line: int, labels: Labels | None, strict: bool, where: str) -> Note:
    note_id = check_id(row.get("id", f"row-{line}"), where)
    where = f"{where}, note {note_id!r}"
    text = check_text(row.get("text"), where)
    keys = [key for key in DOCCANO_KEYS if key in row]
    if len(keys) != 1:
        raise CorpusError(
            f"{where}: a row must have one of the keys {', '.join(DOCCANO_KEYS)}, not {len(keys)}"
        )
    spans = _spans(row[keys[0]], len(text), f"{where}: {keys[0]}")
    return Note(text, note_id, spans=finish_spans(spans, labels, strict, where))


def _spans(items: object, length: int, where: str) -> Iterator[Span]:
    if not isinstance(items, list):
        raise CorpusError(f"{where} must be a list of {_ITEM}")
    for item in items:
        if isinstance(item, dict):
            start, end, label = (item.get(key) for key in ("start_offset", "end_offset", "label"))
        elif isinstance(item, list) and len(item) == 3:
            start, end, label = item
        else:
            raise CorpusError(f"{where} must be a list of {_ITEM}")
        span = make_span(start, end, label, length, where)
        encode(span.label, where)
        yield span


def write(path: str | Path, notes: Iterable[Note]) -> None:
    """Write notes to one file, row by row; gzip if it ends in .gz. The file appears whole or not at all.

    Patients, known values, and the scores and sources of spans are not written.

    Raises:
        CorpusError: a text that UTF-8 cannot carry.
    """
    write_lines(Path(path), (dump(_as_row(note), note.id) for note in notes))


def _as_row(note: Note) -> dict[str, Any]:
    return {"id": note.id, "text": note.text, "label": [[s.start, s.end, s.label] for s in note.spans]}
