"""Fits a shipped tagger to a site's own notes, without letting it forget the others.

    python training/finetune.py models/hybrid/tagger --notes OURS --replay training/corpora/english --out FOLDER

OURS are 20 to 200 annotated notes (i2b2 XML, BRAT, JSON Lines ... as the review page exports them). In every epoch
they are mixed with as many of the replayed notes as --share says. A fifth of both is kept apart; figures before and
after on both are printed. The result stands for `model` in a pipeline's config.yaml.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

sys.path.insert(0, str(Path(__file__).parent))

import data
from train import figures

from nlp_deid.note import Note
from nlp_deid.taggers.artefact import load, save
from nlp_deid.taggers.model import Model, ModelError
from nlp_deid.taggers.tagger import Tagger
from nlp_deid.taggers.trainer import Trainer, Training

RATES = {"transformer": 5e-5, "char_word": 1e-3}  # of the encoder, well below those of a first training


def check_labels(notes: Sequence[Note], model: Model) -> None:
    """Refuse notes with labels that the model does not have.

    Raises:
        ModelError: such a label, with the note's id.
    """
    for note in notes:
        for span in note.spans:
            if span.label not in model.tags.labels:
                raise ModelError(
                    f"note {note.id!r}: label {span.label!r}; the model knows {', '.join(model.tags.labels)}"
                )


def apart(notes: list[Note], seed: int) -> tuple[list[Note], list[Note]]:
    """Four fifths and a fifth, at least one note each."""
    shuffled = sorted(notes, key=lambda note: note.id)
    random.Random(seed).shuffle(shuffled)
    kept = max(1, len(shuffled) // 5)
    return shuffled[kept:], shuffled[:kept]


def report(name: str, model: Model, notes: Sequence[Note]) -> dict[str, float]:
    """Print the figures of a model on notes."""
    found = figures(
        notes, list(Tagger(model, precision="float32").find_all([Note(n.text, n.id) for n in notes]))
    )
    values = "  ".join(f"{key} {value:.4f}" for key, value in found.items())
    typer.echo(f"{name:28} {values}")
    return found


def main(
    model: Annotated[Path, typer.Argument(help="folder of the tagger to start from")],
    notes: Annotated[list[Path], typer.Option(help="the site's annotated notes")],
    replay: Annotated[list[Path], typer.Option(help="notes that must not be forgotten")],
    out: Annotated[Path, typer.Option(help="folder of the new tagger")],
    share: Annotated[float, typer.Option(help="replayed notes for each note of the site")] = 2.0,
    epochs: int = 8,
    seed: int = 0,
    threads: Annotated[int, typer.Option(help="processor threads; 0 is all")] = 0,
) -> None:
    """Fine-tune the tagger in MODEL."""
    if threads:
        torch.set_num_threads(threads)
    network, thresholds = load(model)
    if network.design.encoder not in RATES:
        raise ModelError(
            f"a {network.design.encoder} model is not fine-tuned: train it anew with the notes added"
        )
    site, old = data.read(notes), data.read(replay)
    check_labels([*site, *old], network)
    if len(site) < 5:
        raise ModelError(f"{len(site)} notes are too few; about 20 are needed")
    (train, dev), (rest, kept) = apart(site, seed), apart(old, seed)
    before = report("site, before", network, dev), report("replayed, before", network, kept)

    def mixed(epoch: int) -> list[Note]:
        rng = random.Random(f"{seed}/{epoch}")
        return train + rng.sample(rest, min(len(rest), round(share * len(train))))

    rate = RATES[network.design.encoder]
    options = Training(
        epochs=epochs, rate=rate, head_rate=2 * rate, schedule="cosine", average=0.98, clip=1.0, seed=seed,
        patience=epochs, metric="strict_f1",
    )  # fmt: skip
    for epoch in Trainer(network, options, figures).fit(mixed, dev):
        typer.echo(f"epoch {epoch.number}: loss {epoch.loss:.4f} strict_f1 {epoch.score['strict_f1']:.4f}")
    after = report("site, after", network, dev), report("replayed, after", network, kept)
    for name, one, other in zip(("site", "replayed"), before, after, strict=True):
        typer.echo(f"{name}: strict F1 {other['strict_f1'] - one['strict_f1']:+.4f}")
    save(network, out, thresholds)


if __name__ == "__main__":
    typer.run(main)
