"""The official figures of MEDDOCAN for the taggers of the Spanish pipeline, each alone, and for the pipeline.

    python benchmarks/meddocan.py --data NOTES.jsonl [--only pipeline]

NOTES holds gold notes with the corpus's own types, in any format that is read with spans. Track 1 is type and place
of each span, track 2 the place alone (strict), or the place with neighbours joined (merged); all micro averages.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from nlp_deid.corpus import formats
from nlp_deid.labels import native
from nlp_deid.note import Note, Span
from nlp_deid.official import MeddocanScore, meddocan
from nlp_deid.pipeline import load
from nlp_deid.resources import folder
from nlp_deid.scoring import make_pair
from nlp_deid.taggers.tagger import Tagger

Finder = Callable[[Sequence[Note]], Iterable[list[Span]]]
_TAGGERS = ("crf", "bilstm_crf")


def typed(spans: Iterable[Span]) -> list[Span]:
    """Spans with the corpus's own types for labels."""
    return [replace(span, label=native("meddocan", span.label, span.source)) for span in spans]


def finder(name: str) -> Finder:
    """What finds the spans of notes: a tagger of the pipeline, or the pipeline."""
    if name in _TAGGERS:
        return Tagger(folder("models") / "meddocan" / name, precision="float32").find_all
    deid = load("meddocan")
    return lambda notes: (deid.detect(note) for note in notes)


def score(notes: Sequence[Note], find: Finder) -> MeddocanScore:
    """The official measures; the gold does not reach the detectors."""
    bare = [Note(note.text, note.id) for note in notes]
    pairs = [make_pair(note, typed(spans)) for note, spans in zip(notes, find(bare), strict=True)]
    return meddocan(pairs)


def main() -> None:
    """Print a table of figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="gold notes with the types of MEDDOCAN")
    parser.add_argument("--only", choices=(*_TAGGERS, "pipeline"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    notes = list(formats.read(arguments.data))
    print(f"{len(notes)} notes, {sum(len(note.spans) for note in notes)} spans")
    print(
        "| system | track 1 P | R | F1 | track 2 strict F1 | merged F1 | CPU s |\n|---|---|---|---|---|---|---|"
    )
    for name in [arguments.only] if arguments.only else [*_TAGGERS, "pipeline"]:
        find, begin = finder(name), time.process_time()
        found = score(notes, find)
        one = found.track1
        figures = (one.precision, one.recall, one.f1, found.track2_strict.f1, found.track2_merged.f1)
        row = " | ".join(f"{value:.4f}" for value in figures)
        print(f"| {name} | {row} | {time.process_time() - begin:.0f} |", flush=True)


if __name__ == "__main__":
    main()
