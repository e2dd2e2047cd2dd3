"""Writes the notes that `train.py` keeps apart from the weights when it is given no dev notes.

python training/held.py training/corpora/english --out held.jsonl
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).parent))

import data

from nlp_deid.corpus import jsonl


def main(
    notes: list[Path],
    out: Annotated[Path, typer.Option(help="JSON Lines file for the notes kept apart")],
    format: Annotated[str | None, typer.Option(help="format of the notes")] = None,
    seed: Annotated[int, typer.Option(help="that of the training")] = 0,
) -> None:
    """Write the tenth of NOTES that a training with this seed does not learn from."""
    _, held = data.held_out(data.read(notes, format), seed)
    jsonl.write(out, held)
    typer.echo(f"{len(held)} notes written to {out}")


if __name__ == "__main__":
    typer.run(main)
