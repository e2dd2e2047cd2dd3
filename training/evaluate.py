"""Scores a tagger alone, without the rules of a pipeline.

    python training/evaluate.py models/meddocan/bilstm_crf --data NOTES [--threshold 0.3 --threshold 0.5]

Prints strict typed spans and binary tokens for each threshold, then both by label at the last one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).parent))

import data

from nlp_deid.evaluate import Report, evaluate
from nlp_deid.note import Note, Span
from nlp_deid.taggers.artefact import load
from nlp_deid.taggers.tagger import Tagger


def native(spans: Sequence[Span]) -> list[Span]:
    """Spans with the labels of the corpus that the tagger learned from."""
    return [replace(span, label=span.source.partition(":")[2] or span.label) for span in spans]


def score(tagger: Tagger, notes: Sequence[Note]) -> Report:
    """All measures of a tagger alone, in the labels of its corpus."""
    bare = [Note(note.text, note.id) for note in notes]  # the gold must not reach the tagger
    found = {note.id: native(spans) for note, spans in zip(bare, tagger.find_all(bare), strict=True)}
    return evaluate(notes, found)


def main(
    model: Annotated[Path, typer.Argument(help="folder of a tagger")],
    notes: Annotated[list[Path], typer.Option("--data", help="gold notes; may be given again")],
    threshold: Annotated[list[float] | None, typer.Option(help="on the probability of PHI; several")] = None,
    format: Annotated[str | None, typer.Option(help="format of the notes")] = None,
) -> None:
    """Score the tagger in MODEL."""
    gold = data.read(notes, format)
    network, own = load(model)
    for limit in threshold or [None]:
        report = score(Tagger(network, limit if limit is not None else own, precision="float32"), gold)
        strict, token = report.strict.micro, report.binary_token.micro
        typer.echo(
            f"threshold {'as saved' if limit is None else limit}: strict P {strict.precision:.4f} "
            f"R {strict.recall:.4f} F1 {strict.f1:.4f}; token P {token.precision:.4f} R {token.recall:.4f}"
        )
    for label, counts in sorted(report.strict.labels.items()):
        share = report.binary_token.recall_by_label.get(label)
        recall = "-" if share is None or share.value is None else f"{share.value:.4f}"
        typer.echo(
            f"  {label:34} strict F1 {counts.f1:.4f}  token recall {recall}  ({counts.tp + counts.fn} spans)"
        )


if __name__ == "__main__":
    typer.run(main)
