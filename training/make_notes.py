"""Makes training notes out of authored ones: the same texts with fresh identifiers, and noise.

    python training/make_notes.py out.jsonl --corpus training/corpora/english --copies 20 --seed 1 --noise 0.15

Also out of real-language notes with few identifiers (--real: templates put some in), and short queries (--queries).
Writes JSON Lines: {"id", "source", "text", "spans"}; `source` is the id of the note or template that it was made of.
Of N + 1 notes made from one authored note, one is the note as written. Equal arguments give equal bytes. The split is by source:
--part train leaves out the sources kept apart, --part held makes these alone.
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
from slots import real
from slots.notes import resample
from slots.segments import Segment, assembled, segments_of

from nlp_deid.note import Note

PARTS = ("all", "train", "held")


def is_held(source: str) -> bool:
    """Whether a source belongs to the tenth that is kept apart, by a hash of its id."""
    return hashlib.sha256(source.encode()).digest()[0] % 10 == 0


class Maker:
    """Makes notes with one seed.

    Args:
        seed: each note has draws of its own, from the seed, its source and its number.
        noise: probability of each kind of noise in a note.
    """

    def __init__(self, seed: int, noise: float) -> None:
        self._seed, self._noise = seed, noise
        self._names = slot_names.load()

    def _rng(self, source: str, number: int) -> random.Random:
        return random.Random(f"{self._seed}/{source}/{number}")

    def _note(self, pieces: list[Segment], rng: random.Random, id: str) -> Note:
        made = resample(pieces, rng, self._names)
        slot_noise.add(made, rng, self._noise)
        return assembled(made, id)

    def copies(self, note: Note, count: int) -> Iterator[Note]:
        """An authored note as written, and `count` new ones."""
        yield Note(note.text, f"{note.id}.0", spans=note.spans)
        for number in range(1, count + 1):
            yield self._note(segments_of(note), self._rng(note.id, number), f"{note.id}.{number}")

    def injected(self, note: Note, count: int) -> Iterator[Note]:
        """A real-language note `count` times, and once more as it is, with other identifiers put in."""
        for number in range(count + 1):
            rng = self._rng(note.id, number)
            pieces = real.inject(segments_of(note), rng) if number else segments_of(note)
            yield self._note(pieces, rng, f"{note.id}.{number}")

    def query(self, source: str, template: str, number: int) -> Note:
        """A short text of one line."""
        return self._note(real.pieces(template), self._rng(source, number), f"{source}.{number}")


def queries(count: int, is_wanted: Iterable[bool]) -> Iterator[tuple[str, str, int]]:
    """Source, template and number of `count` queries, the templates in turn."""
    wanted = [
        (f"query-{at:03d}", template)
        for at, (template, fits) in enumerate(zip(real.templates().queries, is_wanted, strict=False))
        if fits
    ]
    for number in range(count if wanted else 0):
        source, template = wanted[number % len(wanted)]
        yield source, template, number // len(wanted)


def row(note: Note, source: str) -> str:
    """One line of output."""
    spans = [{"start": span.start, "end": span.end, "label": span.label} for span in note.spans]
    return json.dumps(
        {"id": note.id, "source": source, "text": note.text, "spans": spans}, ensure_ascii=False
    )


def rows(options: argparse.Namespace) -> Iterator[str]:
    """All lines of output."""
    held = frozenset(options.held_out.read_text(encoding="utf-8").split()) if options.held_out else None

    def wanted(source: str) -> bool:
        apart = is_held(source) if held is None else source in held
        return options.part == "all" or apart is (options.part == "held")

    maker = Maker(options.seed, options.noise)
    for note in markup.read_folder(options.corpus):
        if wanted(note.id):
            yield from (row(made, note.id) for made in maker.copies(note, options.copies))
    for path in options.real:
        for note in real.read_real(path):
            if wanted(note.id):
                yield from (row(made, note.id) for made in maker.injected(note, options.real_copies))
    numbers = range(len(real.templates().queries))
    for source, template, number in queries(options.queries, (wanted(f"query-{at:03d}") for at in numbers)):
        yield row(maker.query(source, template, number), source)


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="JSON Lines file to write")
    parser.add_argument("--corpus", type=Path, required=True, help="folder of notes with inline markup")
    parser.add_argument("--copies", type=int, default=10, help="new notes from each authored one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--noise", type=float, default=0.0, help="probability of each kind of noise")
    parser.add_argument("--real", type=Path, nargs="+", default=[], help="JSON Lines of real-language notes")
    parser.add_argument("--real-copies", type=int, default=4, help="notes from each real-language one")
    parser.add_argument("--queries", type=int, default=0, help="number of short queries")
    parser.add_argument("--part", choices=PARTS, default="all")
    parser.add_argument("--held-out", type=Path, help="ids of the sources kept apart, one a line")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    options = parse_arguments(arguments)
    with options.out.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in rows(options))


if __name__ == "__main__":
    main()
