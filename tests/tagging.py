"""Invented notes and tiny models for the tests of taggers."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_lowercase, digits
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers

from nlp_deid.note import Note, Span
from nlp_deid.taggers.gazetteer import Gazetteer
from nlp_deid.taggers.model import Design, Model

LABELS = ("PATIENT", "DATE", "PHONE")
_FIRST = ("Ida", "Omar", "Wen", "Tilda", "Bruno")
_LAST = ("Falk", "Okafor", "Lindqvist", "Moss", "Quill-Adair")
_REASONS = ("cough", "back pain", "a fall at home", "follow-up of asthma")


def note(*parts: str | tuple[str, str], id: str = "n") -> Note:
    """A note of plain pieces and (text, label) pieces."""
    text, spans = "", []
    for part in parts:
        piece, label = (part, "") if isinstance(part, str) else part
        if label:
            spans.append(Span(len(text), len(text) + len(piece), label))
        text += piece
    return Note(text, id, spans=spans)


def notes(count: int, labels: Sequence[str] = LABELS) -> list[Note]:
    """Short invented notes with spans of some labels."""
    made = []
    for at in range(count):
        name = f"{_FIRST[at % 5]} {_LAST[at // 5 % 5]}"
        day = f"{1 + at % 28:02d}/{1 + at % 12:02d}/20{10 + at % 13}"
        phone = f"555-{1000 + 37 * at}"
        whole = note(
            "Patient: ", (name, "PATIENT"), "\nSeen on ", (day, "DATE"), f" for {_REASONS[at % 4]}.\n\nCall ",
            (phone, "PHONE"), f" about {name.split()[0].lower()}cillin {at} mg.\n", id=f"n{at}",
        )  # fmt: skip
        whole.spans = [span for span in whole.spans if span.label in labels]
        made.append(whole)
    return made


def gazetteer() -> Gazetteer:
    """Two small lists."""
    return Gazetteer.build({"first": _FIRST, "reason": _REASONS})


def tokenizer() -> Tokenizer:
    """A vocabulary of single letters and digits."""
    signs = [*ascii_lowercase, *digits]
    pieces = ["[PAD]", "[UNK]", "[SEP]", *signs, *(f"##{sign}" for sign in signs), *".,:;/-()"]
    made = Tokenizer(
        models.WordPiece(vocab={piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    made.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    return made


_SMALL = {
    "vocabulary": 83,
    "size": 16,
    "heads": 2,
    "inner": 16,
    "layers": 1,
    "positions": 128,
    "dropout": 0.0,
}
OPTIONS: dict[str, dict[str, Any]] = {
    "char_word": {"rows": 2000, "char": 8, "word": 24, "hidden": 24, "dropout": 0.0, "blind": 0.1},
    "transformer": _SMALL,
    "templates": {"buckets": 1 << 12, "used": 1 << 12},
}


def model(
    encoder: str = "char_word",
    labels: tuple[str, ...] = LABELS,
    head: str = "crf",
    scheme: str = "i2b2_2014",
    size: int = 48,
    context: int = 6,
    seed: int = 0,
) -> Model:
    """A tiny model with random weights."""
    torch.manual_seed(seed)
    design = Design(labels, encoder, OPTIONS[encoder], head, scheme, size, context)
    made = Model(design, gazetteer(), tokenizer() if encoder == "transformer" else None)
    if encoder == "templates":
        with torch.no_grad():
            made.encoder.weights.normal_()  # type: ignore[operator, union-attr]
            made.encoder.bucket.copy_(torch.arange(1 << 12))  # type: ignore[operator]
    return made
