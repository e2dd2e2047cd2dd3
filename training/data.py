"""Notes for training, from any corpus that nlp_deid.corpus reads, or made anew for every epoch."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import markup
from datasets import Dataset
from make_notes import Maker, queries
from slots.real import read_real

from nlp_deid.corpus import formats
from nlp_deid.note import Note, Span

Notes = Callable[[int], Sequence[Note]]
__all__ = ["always", "anew", "held_out", "read", "read_real"]


def read(paths: Sequence[Path], format: str | None = None, strict: bool = True) -> list[Note]:
    """The gold notes of files and folders; a folder of `.txt` with inline markup is read as such.

    Raises:
        CorpusError, MarkupError: a file that cannot be read, or spans that overlap; named by file and note.
    """
    notes: list[Note] = []
    for path in paths:
        if format == "markup" or (format is None and _is_markup(path)):
            notes += markup.read_folder(path)
        else:
            notes += formats.read(path, format, strict=strict)
    return notes


def _is_markup(path: Path) -> bool:
    first = next(path.rglob("*.txt"), None) if path.is_dir() else None
    return first is not None and not first.with_suffix(".ann").exists() and "{{" in first.read_text("utf-8")


def as_dataset(notes: Sequence[Note]) -> Dataset:
    """Notes as a `datasets` table in memory (nothing is written to its cache)."""
    return Dataset.from_list(
        [
            {
                "id": note.id,
                "text": note.text,
                "spans": [{"start": s.start, "end": s.end, "label": s.label} for s in note.spans],
            }
            for note in notes
        ]
    )


def as_notes(table: Dataset) -> list[Note]:
    """The notes of such a table."""
    return [
        Note(row["text"], row["id"], spans=[Span(s["start"], s["end"], s["label"]) for s in row["spans"]])
        for row in table
    ]


def held_out(notes: Sequence[Note], seed: int) -> tuple[list[Note], list[Note]]:
    """Nine tenths and a tenth of notes, drawn by seed."""
    parts = as_dataset(notes).train_test_split(test_size=0.1, seed=seed)
    return as_notes(parts["train"]), as_notes(parts["test"])


def always(notes: Sequence[Note]) -> Notes:
    """The same notes in every epoch."""
    return lambda epoch: notes


def anew(notes: Sequence[Note], options: Mapping[str, Any], real: Sequence[Note] = ()) -> Notes:
    """Notes with fresh identifiers in every epoch.

    Args:
        notes: authored notes, each once an epoch.
        options: `seed`; `noise`, the chance of each kind of noise; `plain`, the share of the notes left as
            written; `real`, the share of `real` in an epoch; `queries`, one-line texts an epoch.
        real: notes in real language, into which identifiers are put.
    """

    def made(epoch: int) -> list[Note]:
        seed = int(options.get("seed", 1)) * 1000 + epoch
        rng, maker = random.Random(seed), Maker(seed, float(options.get("noise", 0.0)))
        plain = float(options.get("plain", 0.2))
        found = [note if rng.random() < plain else list(maker.copies(note, 1))[1] for note in notes]
        for note in rng.sample(list(real), int(len(real) * float(options.get("real", 1.0)))):
            found.append(list(maker.injected(note, 1))[rng.random() >= plain])
        lines = queries(int(options.get("queries", 0)), repeat(True))
        return found + [maker.query(*line) for line in lines]

    return made
