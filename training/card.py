"""The card of a trained tagger: what it is, what it learned from, and what it scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nlp_deid.note import Note
from nlp_deid.taggers.model import Model
from nlp_deid.taggers.trainer import Epoch


def write_card(
    folder: Path,
    about: str,
    model: Model,
    train: Sequence[Note],
    dev: Sequence[Note],
    figures: Mapping[str, float],
    history: Sequence[Epoch],
    seconds: float,
) -> None:
    """Write README.md into the folder of a tagger. It holds counts and figures, no text of any note."""
    design = model.design
    size = sum((folder / name).stat().st_size for name in ("weights.safetensors", "tagger.json"))
    weights = sum(parameter.numel() for parameter in model.parameters())
    lines = [
        f"# {about}",
        "",
        f"Encoder `{design.encoder}`, head `{design.head}`, {len(design.labels)} labels of the scheme "
        f"`{design.scheme}`, {weights:,} weights, {size / 1e6:.1f} MB.",
        "",
        "| notes | number | characters | spans |",
        "|---|---|---|---|",
        _row("training", train),
        _row("dev", dev),
        "",
        "| on the dev notes | |",
        "|---|---|",
        *(f"| {name} | {value:.4f} |" for name, value in figures.items()),
        "",
        f"Training took {seconds / 60:.0f} processor minutes"
        + (f" and {len(history)} epochs." if history else "."),
        "The weights kept are those of the best epoch on the dev notes, whose figures are therefore a little high.",
        "",
        "Spans by label in the training notes: "
        + ", ".join(f"{label} {count}" for label, count in _labels(train).most_common())
        + ".",
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(name: str, notes: Sequence[Note]) -> str:
    spans = sum(len(note.spans) for note in notes)
    return f"| {name} | {len(notes):,} | {sum(len(note.text) for note in notes):,} | {spans:,} |"


def _labels(notes: Sequence[Note]) -> Counter[str]:
    return Counter(span.label for note in notes for span in note.spans)
