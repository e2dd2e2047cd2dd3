"""Trains a tagger.

    python training/train.py training/configs/bilstm_crf.yaml --train NOTES --dev NOTES --out FOLDER

NOTES is anything that nlp_deid reads with spans (i2b2 2014 and 2006 XML, PhysioNet, BRAT, CoNLL, JSON Lines), or a
folder with inline markup. FOLDER gets the tagger (tagger.json, weights.safetensors), README.md (its card), curve.png,
and `state/`, from which a stopped run goes on.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
import yaml
from rich.progress import Progress

sys.path.insert(0, str(Path(__file__).parent))

import data
import start
from card import write_card
from curve import draw_curve

from nlp_deid.note import Note, Span
from nlp_deid.scoring import Score, make_pair, score_note
from nlp_deid.taggers.artefact import save
from nlp_deid.taggers.linear import fit_linear
from nlp_deid.taggers.model import Design, Model, ModelError
from nlp_deid.taggers.tagger import Tagger
from nlp_deid.taggers.trainer import Epoch, Trainer, Training

_KEYS = {
    "about",
    "scheme",
    "encoder",
    "options",
    "head",
    "size",
    "context",
    "unit",
    "layers",
    "notes",
    "training",
    "linear",
}


@dataclass(frozen=True)
class Config:
    """A training config: what is built (see model.Design), and how it is trained (trainer.Training).

    Args:
        about: one line.
        scheme: label scheme of the notes.
        encoder, options, head, size, context, unit: of the design.
        layers: layers kept of the published encoder that --start names.
        notes: of data.anew; empty leaves the notes as they are.
        training: of trainer.Training.
        linear: of linear.fit_linear, for the encoder `templates`.
    """

    about: str
    encoder: str
    scheme: str = "i2b2_2014"
    options: dict[str, Any] = field(default_factory=dict)
    head: str = "crf"
    size: int = 256
    context: int = 16
    unit: str = "word"
    layers: int = 0
    notes: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    linear: dict[str, Any] = field(default_factory=dict)


def read_config(path: Path) -> Config:
    """The config of a file.

    Raises:
        ModelError: not a mapping of known keys.
    """
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(values, dict) or set(values) - _KEYS:
        raise ModelError(f"{path}: must be a mapping with {', '.join(sorted(_KEYS))}")
    try:
        return Config(**values)
    except TypeError as error:
        raise ModelError(f"{path}: {error}") from None


def figures(notes: Sequence[Note], found: Sequence[Sequence[Span]]) -> dict[str, float]:
    """Strict typed spans and binary tokens (see nlp_deid.scoring), for early stopping."""
    strict, token = Score(), Score()
    for note, spans in zip(notes, found, strict=True):
        native = [replace(span, label=span.source.partition(":")[2] or span.label) for span in spans]
        score = score_note(make_pair(note, native))
        strict, token = strict + score.strict, token + score.binary
    return {
        "strict_precision": strict.precision,
        "strict_recall": strict.recall,
        "strict_f1": strict.f1,
        "token_precision": token.precision,
        "token_recall": token.recall,
        "token_f1": token.f1,
    }


def build(config: Config, labels: tuple[str, ...], origin: Path | None) -> Model:
    """A fresh model."""
    design = Design(
        labels, config.encoder, config.options, config.head, config.scheme, config.size, config.context
    )
    lists = start.gazetteer()
    if config.encoder != "transformer":
        return Model(design, lists)
    if origin is None:
        raise ModelError("a transformer needs --start, the folder of a published encoder")
    return start.transformer(origin, design, lists, config.layers)


def fit(trainer: Trainer, notes: data.Notes, dev: Sequence[Note], out: Path) -> list[Epoch]:
    """Train to the end with a progress bar; the learning curve is drawn anew after each epoch."""
    metric = trainer.training.metric
    with Progress() as progress:
        task = progress.add_task("epochs", total=trainer.training.epochs, completed=len(trainer.history))
        for epoch in trainer.fit(notes, dev):
            values = " ".join(f"{name} {value:.4f}" for name, value in epoch.score.items())
            progress.console.print(f"epoch {epoch.number}: loss {epoch.loss:.5f} {values}")
            progress.update(task, completed=epoch.number, description=f"{metric} {epoch.score[metric]:.4f}")
            draw_curve(trainer.history, metric, out / "curve.png")
    return trainer.history


def main(
    config: Path,
    train: Annotated[list[Path], typer.Option(help="training notes; may be given again")],
    out: Annotated[Path, typer.Option(help="folder of the tagger")],
    dev: Annotated[
        list[Path] | None, typer.Option(help="dev notes; without, a tenth of the training notes")
    ] = None,
    real: Annotated[
        list[Path] | None, typer.Option(help="notes in real language to put identifiers into")
    ] = None,
    origin: Annotated[Path | None, typer.Option("--start", help="folder of a published encoder")] = None,
    format: Annotated[str | None, typer.Option(help="format of the notes")] = None,
    seed: int = 0,
    threads: Annotated[int, typer.Option(help="processor threads; 0 is all")] = 0,
) -> None:
    """Train the tagger of CONFIG."""
    if threads:
        torch.set_num_threads(threads)
    chosen = read_config(config)
    began = time.process_time()
    notes = data.read(train, format)
    held = data.read(dev, format) if dev else None
    if held is None:
        notes, held = data.held_out(notes, seed)
    labels = tuple(sorted({span.label for note in notes for span in note.spans}))
    out.mkdir(parents=True, exist_ok=True)
    history: list[Epoch] = []
    torch.manual_seed(seed)
    if chosen.encoder == "templates":
        windows = {"size": chosen.size, "context": chosen.context, "unit": chosen.unit}
        model = fit_linear(notes, labels, start.gazetteer(), chosen.scheme, **windows, **chosen.linear)
    else:
        model = build(chosen, labels, origin)
        trainer = Trainer(model, Training(seed=seed, **chosen.training), figures, out / "state")
        extra = [note for path in real or [] for note in data.read_real(path)]
        source = (
            data.anew(notes, {"seed": seed, **chosen.notes}, extra) if chosen.notes else data.always(notes)
        )
        history = fit(trainer, source, held, out)
    save(model, out)
    final = figures(held, list(Tagger(out, precision="float32").find_all(held)))
    write_card(out, chosen.about, model, notes, held, final, history, time.process_time() - began)
    (out / "figures.json").write_text(json.dumps(final, indent=1) + "\n", encoding="utf-8")
    typer.echo(yaml.safe_dump(final, sort_keys=False))


if __name__ == "__main__":
    typer.run(main)
