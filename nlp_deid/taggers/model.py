"""A tagger's network: an encoder, a linear layer and a head, built from a plain description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from nlp_deid.taggers.bio import Tags
from nlp_deid.taggers.crf import CRFHead
from nlp_deid.taggers.encoders import CharWord, Encoder, Templates, Transformer
from nlp_deid.taggers.gazetteer import Gazetteer
from nlp_deid.taggers.units import SPLITS

ENCODERS = ("templates", "char_word", "transformer")
HEADS = ("crf", "softmax")


class ModelError(ValueError):
    """A description or file of a model that cannot be used; says what is allowed."""


@dataclass(frozen=True)
class Design:
    """What a model is, as its file says.

    Args:
        labels: what it tags; of the scheme `scheme`.
        encoder: one of `ENCODERS`.
        options: of the encoder, plain numbers and texts.
        head: one of `HEADS`.
        scheme: label scheme of `labels` (see labels.py).
        size: units of the longest window.
        context: units read on either side of a window's core.
        unit: what a tag stands for, one of `units.SPLITS`; characters for `templates` only.
    """

    labels: tuple[str, ...]
    encoder: str
    options: Mapping[str, Any] = field(default_factory=dict)
    head: str = "crf"
    scheme: str = "i2b2_2014"
    size: int = 256
    context: int = 16
    unit: str = "word"

    def __post_init__(self) -> None:
        if self.encoder not in ENCODERS or self.head not in HEADS:
            raise ModelError(
                f"encoder {self.encoder!r} with head {self.head!r}; "
                f"known: {', '.join(ENCODERS)} with {', '.join(HEADS)}"
            )
        if self.unit not in SPLITS or (self.unit == "character" and self.encoder != "templates"):
            raise ModelError(f"unit {self.unit!r}; known: word, and character for templates")

    def plain(self) -> dict[str, Any]:
        """The design as plain lists, mappings, numbers and texts."""
        return {**asdict(self), "labels": list(self.labels)}


class Model(nn.Module):
    """Scores of the tags of each unit, and what follows from them.

    Args:
        design: what to build.
        gazetteer: lists of words.
        tokenizer: of the vocabulary, for a transformer.

    Raises:
        ModelError: options that the encoder does not have.
    """

    def __init__(self, design: Design, gazetteer: Gazetteer, tokenizer: Tokenizer | None = None) -> None:
        super().__init__()
        self.design, self.tags, self.gazetteer, self.tokenizer = (
            design,
            Tags(design.labels),
            gazetteer,
            tokenizer,
        )
        try:
            self.encoder = self._encoder()
        except TypeError as error:
            raise ModelError(f"encoder {design.encoder}: {error}") from None
        self.dense = (
            nn.Identity() if design.encoder == "templates" else nn.Linear(self.encoder.size, len(self.tags))
        )
        self.head = CRFHead(self.tags) if design.head == "crf" else None

    def _encoder(self) -> Encoder:
        options = dict(self.design.options)
        if self.design.encoder == "templates":
            return Templates(self.gazetteer, len(self.tags), unit=self.design.unit, **options)
        if self.design.encoder == "char_word":
            return CharWord(self.gazetteer, **options)
        if self.tokenizer is None:
            raise ModelError("a transformer needs the tokenizer of its vocabulary")
        return Transformer(self.gazetteer, self.tokenizer, **options)

    def emissions(self, rows: Tensor, mask: Tensor) -> Tensor:
        """[B, T, K] scores in float32, whatever the encoder computes in."""
        scores: Tensor = self.dense(self.encoder(rows, mask))
        return scores.float()

    def loss(self, scores: Tensor, mask: Tensor, tags: Tensor) -> Tensor:
        """Mean negative log-likelihood of a unit's tag, from its emissions."""
        if self.head is not None:
            return self.head.loss(scores, tags, mask)
        return nn.functional.cross_entropy(scores[mask], tags[mask])

    @torch.no_grad()
    def marginals(self, rows: Tensor, mask: Tensor) -> Tensor:
        """[B, T, K] probability of each tag at each unit, rows beyond the mask zero."""
        scores = self.emissions(rows, mask)
        if self.head is not None:
            return self.head.marginals(scores, mask)
        return scores.softmax(2) * mask[:, :, None]

    @torch.no_grad()
    def best(self, rows: Tensor, mask: Tensor) -> Tensor:
        """[B, T] the likeliest tags."""
        scores = self.emissions(rows, mask)
        return self.head.best(scores, mask) if self.head is not None else scores.argmax(2) * mask
