"""What fine-tuning on a site's own notes gains there, and costs elsewhere.

    python benchmarks/finetune.py --site SITE.jsonl.gz --elsewhere NOTES.jsonl [--notes 50]

SITE holds notes in a format of its own; its labels are mapped to ours. The first notes are annotated by "the site", the
rest are scored, as are the notes elsewhere, before and after. Binary tokens and strict spans by nlp_deid.scoring.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import finetune
from train import figures

from nlp_deid.corpus import formats
from nlp_deid.corpus.jsonl import FOLD
from nlp_deid.note import Note
from nlp_deid.resources import folder
from nlp_deid.taggers.artefact import load
from nlp_deid.taggers.tagger import Tagger

CORPUS = Path(__file__).parents[1] / "training" / "corpora" / "english"
OURS = {
    "NAME": "PATIENT", "FACILITY": "HOSPITAL", "MRN": "MEDICALRECORD", "ADDRESS": "STREET", "LOCATION": "CITY",
    "ID": "IDNUM", "IP": "IPADDR",
}  # fmt: skip
SCORED = 300


def scored(model: Path, notes: list[Note]) -> dict[str, float]:
    """Figures of a saved tagger."""
    bare = [Note(note.text, note.id) for note in notes]
    return figures(notes, list(Tagger(load(model)[0], precision="float32").find_all(bare)))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, required=True)
    parser.add_argument("--elsewhere", type=Path, required=True)
    parser.add_argument("--notes", type=int, default=50)
    parser.add_argument("--model", type=Path, default=folder("models") / "hybrid_fast" / "tagger")
    options = parser.parse_args()
    torch.set_num_threads(1)
    site = list(formats.read(options.site, labels=OURS))[: options.notes + SCORED]
    elsewhere = list(formats.read(options.elsewhere, labels=FOLD))
    with tempfile.TemporaryDirectory() as place:
        own, out = Path(place) / "site.jsonl", Path(place) / "tagger"
        formats.write(own, site[: options.notes], "jsonl")
        begin = time.process_time()
        finetune.main(
            options.model,
            [own],
            [CORPUS],
            out,
            share=2.0,
            epochs=8,
            seed=0,
            threads=1,
        )
        seconds = time.process_time() - begin
        for name, notes in (
            ("site, notes not learned from", site[options.notes :]),
            ("elsewhere", elsewhere),
        ):
            before, after = scored(options.model, notes), scored(out, notes)
            for metric in ("token_f1", "strict_f1"):
                change = after[metric] - before[metric]
                print(f"{name:30} {metric:10} {before[metric]:.4f} -> {after[metric]:.4f} ({change:+.4f})")
    print(f"{options.notes} notes, {seconds:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
