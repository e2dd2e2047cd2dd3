"""Reads found spans for evaluation: what `detect` wrote, or any corpus format with spans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError, make_span
from nlp_deid.corpus.jsonl import FOLD
from nlp_deid.corpus.text import decode
from nlp_deid.note import Span

_ANY_LENGTH = 1 << 62


def read_found(path: Path) -> dict[str, list[Span]]:
    """Spans by note id.

    Args:
        path: a .jsonl file with rows {"id", "spans"} (a text is not needed), or what `formats.read` reads.
            Scores and sources of rows are kept; a score that is none, as other tools may write it, is 1.

    Raises:
        CorpusError: a broken row, named by its number; an id that occurs twice.
    """
    if path.suffix.lower() != ".jsonl" or formats.recognise(path) != "jsonl":
        return {note.id: list(note.spans) for note in formats.read(path, labels=FOLD)}
    found: dict[str, list[Span]] = {}
    with path.open("rb") as stream:
        for number, data in enumerate(stream, start=1):
            if not data.strip():
                continue
            where = f"{path}, row {number}"
            note_id, spans = _row(data, where)
            if note_id in found:
                raise CorpusError(f"{where}: note id {note_id!r} occurs twice")
            found[note_id] = spans
    return found


def _row(data: bytes, where: str) -> tuple[str, list[Span]]:
    try:
        row: Any = json.loads(decode(data, where))
    except CorpusError:
        raise
    except (ValueError, RecursionError):  # its message may quote the row
        row = None
    if not isinstance(row, dict) or type(row.get("id")) not in (int, str):
        raise CorpusError(f'{where}: not a JSON object with an "id"')
    items = row.get("spans")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CorpusError(f'{where}: "spans" must be a list of {{"start", "end", "label"}}')
    return str(row["id"]), [_span(item, where) for item in items]


def _span(item: Mapping[str, Any], where: str) -> Span:
    plain = make_span(item.get("start"), item.get("end"), item.get("label"), _ANY_LENGTH, where)
    score: Any = item.get("score")
    source = item.get("source")
    is_score = type(score) in (int, float) and 0 <= score <= 1
    return Span(
        plain.start,
        plain.end,
        FOLD.get(plain.label, plain.label),
        float(score) if is_score else 1.0,
        source if isinstance(source, str) else "",
    )
