"""Reader: models over many notes, each unit decided in the window whose core it lies in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nlp_deid.note import Note
from nlp_deid.taggers.artefact import load
from nlp_deid.taggers.batches import by_length, pad
from nlp_deid.taggers.features import Features
from nlp_deid.taggers.model import Model, ModelError
from nlp_deid.taggers.units import SPLITS, Units
from nlp_deid.taggers.windows import windows

PRECISIONS = ("auto", "float32", "bfloat16")
_BATCH = 4096  # units of a batch, padding included
Floats = NDArray[np.float32]
Reading = tuple[Units, Floats]


class Reader:
    """Probabilities of tags from a model, or the mean of several.

    What was read last is kept, so that parts of a pipeline that share a reader read a note once.

    Args:
        models: with the same labels in the same order.
        thresholds: by label, as the first model was saved with.
        precision: one of `PRECISIONS`; "auto" computes a transformer in bfloat16 where the processor has
            instructions for it.

    Raises:
        ModelError: no model, models of other labels, or an unknown precision.
    """

    def __init__(
        self, models: Sequence[Model], thresholds: dict[str, float] | None = None, precision: str = "auto"
    ) -> None:
        if not models or len({(m.design.scheme, m.design.unit, m.tags) for m in models}) > 1:
            raise ModelError(
                "a tagger needs a model, or several of one unit with the same labels in the same order"
            )
        if precision not in PRECISIONS:
            raise ModelError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        self._models = [model.eval() for model in models]
        self._features = [model.encoder.features() for model in models]
        self._split = SPLITS[models[0].design.unit]
        self.tags, self.scheme, self.thresholds = models[0].tags, models[0].design.scheme, thresholds or {}
        self._last: dict[int, tuple[Note, Reading]] = {}
        if precision == "bfloat16" or (precision == "auto" and _has_bfloat16()):
            for model in models:
                model.encoder.to_bfloat16()

    def read(self, notes: Sequence[Note]) -> list[Reading]:
        """For each note its units, and [n, K] the probability of each tag at each unit."""
        last = self._last  # another thread may put its own in place
        fresh = [note for note in notes if id(note) not in last]
        if fresh:
            units = [self._split(note.view.text) for note in fresh]
            made = zip(fresh, units, self.probabilities(units), strict=True)
            last = {id(note): last[id(note)] for note in notes if id(note) in last}
            last |= {id(note): (note, (own, chances)) for note, own, chances in made}
            self._last = last
        return [last[id(note)][1] for note in notes]

    def probabilities(self, notes: Sequence[Units]) -> list[Floats]:
        """[n, K] for the units of each note."""
        found = [np.zeros((len(units), len(self.tags)), dtype=np.float32) for units in notes]
        for model, features in zip(self._models, self._features, strict=True):
            _add(found, model, features, notes, 1 / len(self._models))
        return found


@lru_cache(maxsize=4)
def open_reader(folders: tuple[Path, ...], precision: str = "auto") -> Reader:
    """The reader of saved models, shared by all parts that ask for the same ones.

    Raises:
        ModelError: a folder without a whole model, or as Reader.
    """
    loaded = [load(folder) for folder in folders]
    return Reader([model for model, _ in loaded], loaded[0][1] if loaded else None, precision)


def _add(
    found: list[Floats], model: Model, features: Features, notes: Sequence[Units], weight: float
) -> None:
    """Add a model's probabilities, times `weight`, to those found."""
    size, context = model.design.size, model.design.context
    rows = [features(units) for units in notes]
    places = [
        (at, window) for at, units in enumerate(notes) for window in windows(units.texts, size, context)
    ]
    for group in by_length([window.end - window.start for _, window in places], _BATCH):
        chosen = [places[at] for at in group]
        with torch.inference_mode():
            padded, mask = pad([rows[at][window.start : window.end] for at, window in chosen])
            chances = model.marginals(padded, mask).numpy()
        for (at, window), row in zip(chosen, chances, strict=True):
            core = row[window.core_start - window.start : window.core_end - window.start]
            found[at][window.core_start : window.core_end] += weight * core


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
