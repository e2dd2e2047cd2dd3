"""Tokens per CPU-second of every shipped tagger, alone, on one thread.

    python benchmarks/taggers.py --data NOTES [--seconds 5]

A token is a unit of nlp_deid.taggers.units. bfloat16 changes only encoders that compute in it (transformers).
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path

import torch

from nlp_deid.corpus import formats
from nlp_deid.note import Note
from nlp_deid.resources import folder
from nlp_deid.taggers.tagger import Tagger
from nlp_deid.taggers.units import split


def speed(path: Path, precision: str, notes: list[Note], seconds: float) -> float:
    """Tokens per CPU-second, after a first pass over a few notes."""
    tagger = Tagger(path, precision=precision)
    list(tagger.find_all(notes[:4]))
    tokens, begin = 0, time.process_time()
    while (spent := time.process_time() - begin) < seconds:
        fresh = [Note(note.text, note.id) for note in notes]  # so that the view of each is made anew
        list(tagger.find_all(fresh))
        tokens += sum(len(split(note.view.text)) for note in fresh)
    return tokens / spent


def main() -> None:
    """Print a table: pipeline, tagger, encoder, precision, tokens a CPU-second."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="notes, any format of the corpus reader")
    parser.add_argument("--notes", type=int, default=60, help="how many of them")
    parser.add_argument("--seconds", type=float, default=5.0, help="CPU time of each measurement")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    notes = list(formats.read(arguments.data))[: arguments.notes]
    print(f"{len(notes)} notes, Python {platform.python_version()}, torch {torch.__version__}, one thread")
    print("| tagger | encoder | precision | tokens / CPU-s |\n|---|---|---|---|")
    for file in sorted(folder("models").glob("*/**/tagger.json")):
        encoder = json.loads(file.read_text(encoding="utf-8"))["design"]["encoder"]
        for precision in ("float32", "bfloat16") if encoder == "transformer" else ("float32",):
            name = file.parent.relative_to(folder("models"))
            figure = speed(file.parent, precision, notes, arguments.seconds)
            print(f"| {name} | {encoder} | {precision} | {figure:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
