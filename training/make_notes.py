"""Makes training notes out of authored ones: the same texts with fresh identifiers, and noise.

    python training/make_notes.py out.jsonl --corpus training/corpora/english --copies 20 --seed 1 --noise 0.15

Writes JSON Lines: {"id", "source", "text", "spans"}; `source` is the id of the authored note. Of N + 1 notes made
from one, one is the note as written. Equal arguments give equal bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import markup
from slots import names as slot_names
from slots import noise as slot_noise
from slots.notes import resample
from slots.segments import assembled, segments_of

from nlp_deid.note import Note

PARTS = ("all", "train", "held")


def is_held(id: str) -> bool:
    """Whether a note belongs to the tenth that is kept apart, by a hash of its id."""
    return hashlib.sha256(id.encode()).digest()[0] % 10 == 0


def chosen(notes: Iterable[Note], part: str, held: frozenset[str] | None) -> Iterator[Note]:
    """The notes of one part; `held` names those kept apart, by default `is_held` does."""
    for note in notes:
        apart = is_held(note.id) if held is None else note.id in held
        if part == "all" or (part == "held") == apart:
            yield note


def copies(note: Note, count: int, seed: int, noise: float) -> Iterator[Note]:
    """The note as written and `count` new ones."""
    yield Note(note.text, f"{note.id}.0", spans=note.spans)
    names = slot_names.load()
    for number in range(1, count + 1):
        rng = random.Random(f"{seed}/{note.id}/{number}")
        made = resample(segments_of(note), rng, names)
        slot_noise.add(made, rng, noise)
        yield assembled(made, f"{note.id}.{number}")


def row(note: Note, source: str) -> str:
    """One line of output."""
    spans = [{"start": span.start, "end": span.end, "label": span.label} for span in note.spans]
    return json.dumps(
        {"id": note.id, "source": source, "text": note.text, "spans": spans}, ensure_ascii=False
    )


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.0)
    parser.add_argument("--part", choices=PARTS, default="all")
    parser.add_argument("--held-out", type=Path, help="ids of the notes kept apart, one a line")
    options = parser.parse_args(arguments)
    held = frozenset(options.held_out.read_text(encoding="utf-8").split()) if options.held_out else None
    with options.out.open("w", encoding="utf-8", newline="\n") as file:
        for note in chosen(markup.read_folder(options.corpus), options.part, held):
            for made in copies(note, options.copies, options.seed, options.noise):
                file.write(row(made, note.id) + "\n")


if __name__ == "__main__":
    main()
