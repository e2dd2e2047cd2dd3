"""Tagger: a detector that has learned.

Notes are cut into units and these into windows; windows of many notes of like length go through the
model together; each unit gets its tags' probabilities from the window whose core it lies in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nlp_deid.labels import from_scheme
from nlp_deid.note import Detector, Note, Span
from nlp_deid.taggers.artefact import load
from nlp_deid.taggers.batches import by_length, pad
from nlp_deid.taggers.bio import Place, Tags
from nlp_deid.taggers.features import Features
from nlp_deid.taggers.model import Model, ModelError
from nlp_deid.taggers.units import LINE_ENDS, Units, split
from nlp_deid.taggers.windows import windows

PRECISIONS = ("auto", "float32", "bfloat16")
_TOGETHER = 64  # notes whose windows are sorted together
_BATCH = 4096  # units of a batch, padding included
Floats = NDArray[np.float32]


class Tagger(Detector):
    """Proposes spans where the model finds any PHI likely enough.

    A unit is taken if the probability that it is PHI of any kind reaches the threshold of its likeliest
    label; the score of a span is the mean of that probability over its units. Lower thresholds find
    more and err more.

    Args:
        model: a model or the folder it was saved in, or several of the same labels, whose probabilities
            are averaged.
        thresholds: by label, from which probability on a unit is taken; one number for all. Over those
            of the model; 0.5 where neither says.
        precision: one of `PRECISIONS`; "auto" computes a transformer in bfloat16 where the processor has
            instructions for it.
        name: for the source of spans.

    Raises:
        ModelError: a folder without a whole model, or an option that cannot be used.
    """

    def __init__(
        self,
        model: Model | str | Path | Sequence[Model | str | Path],
        thresholds: Mapping[str, float] | float | None = None,
        precision: str = "auto",
        name: str = "tagger",
    ) -> None:
        given = [model] if isinstance(model, (Model, str, Path)) else list(model)
        loaded = [(one, {}) if isinstance(one, Model) else load(Path(one)) for one in given]
        self.name, self._models = name, [one.eval() for one, _ in loaded]
        if not given or len({(one.design.scheme, one.tags) for one in self._models}) > 1:
            raise ModelError("a tagger needs a model, or several with the same labels in the same order")
        self._features = [one.encoder.features() for one in self._models]
        self._tags, scheme = self._models[0].tags, self._models[0].design.scheme
        self._labels = [from_scheme(scheme, label) for label in self._tags.labels]
        self._thresholds = _thresholds(self._tags, loaded[0][1], thresholds)
        if precision not in PRECISIONS:
            raise ModelError(f"unknown precision {precision!r}; known: {', '.join(PRECISIONS)}")
        if precision == "bfloat16" or (precision == "auto" and _has_bfloat16()):
            for one in self._models:
                one.encoder.to_bfloat16()

    @property
    def scheme(self) -> str:
        """The label scheme of the corpus that the models learned from."""
        return self._models[0].design.scheme

    def find(self, note: Note) -> list[Span]:
        return next(self.find_all([note]))

    def find_all(self, notes: Iterable[Note]) -> Iterator[list[Span]]:
        rest = iter(notes)
        while group := list(islice(rest, _TOGETHER)):
            units = [split(note.view.text) for note in group]
            for note, own, chances in zip(group, units, self.probabilities(units), strict=True):
                yield self._spans(note, own, chances)

    def probabilities(self, notes: Sequence[Units]) -> list[Floats]:
        """For each note [n, K] the probability of each tag at each unit."""
        found = [np.zeros((len(units), len(self._tags)), dtype=np.float32) for units in notes]
        for model, features in zip(self._models, self._features, strict=True):
            _add(found, model, features, notes, 1 / len(self._models))
        return found

    def _spans(self, note: Note, units: Units, chances: Floats) -> list[Span]:
        found = []
        phi = np.minimum(1.0 - chances[:, 0], 1.0).clip(0.0)
        for first, last, at in read(chances, self._thresholds, units.texts):
            start, end = note.view.span(int(units.starts[first]), int(units.ends[last - 1]))
            native = self._tags.labels[at]
            source = self.name if native == self._labels[at] else f"{self.name}:{native}"
            found.append(Span(start, end, self._labels[at], float(phi[first:last].mean()), source))
        return found


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


def read(chances: Floats, thresholds: Floats, texts: Sequence[str]) -> list[tuple[int, int, int]]:
    """Spans of units, [first, last) and the index of the label, from the probabilities of tags.

    Args:
        chances: [n, K] tag probabilities, in the order of `bio.Tags`.
        thresholds: [L] by label.
        texts: the units; no span begins or ends with a line end.
    """
    if not len(chances):
        return []
    parts = chances[:, 1:].reshape(len(chances), -1, 4)
    labels = parts.sum(2)
    best = labels.argmax(1)
    taken = 1.0 - chances[:, 0] >= thresholds[best]
    own = parts[np.arange(len(parts)), best]  # B, I, E, S of the likeliest label
    opens = own[:, 0] + own[:, 3] > own[:, 1] + own[:, 2]
    closes = own[:, 2] + own[:, 3] > own[:, 0] + own[:, 1]
    cut = np.ones(len(chances) + 1, dtype=bool)
    cut[1:-1] = (taken[1:] != taken[:-1]) | (best[1:] != best[:-1]) | (opens[1:] & closes[:-1])
    found = []
    for first, last in pairwise(map(int, np.flatnonzero(cut))):
        if taken[first]:
            while first < last and texts[first] in LINE_ENDS:
                first += 1
            while first < last and texts[last - 1] in LINE_ENDS:
                last -= 1
            if first < last:
                found.append((first, last, int(best[first])))
    return found


def places_of(note: Note) -> list[Place]:
    """The gold spans of a note as places of its view, where taggers look."""
    return [(*note.view.place(span.start, span.end), span.label) for span in note.spans]


def _thresholds(tags: Tags, own: Mapping[str, float], given: Mapping[str, float] | float | None) -> Floats:
    """[L] thresholds by label."""
    if isinstance(given, (int, float)):
        given = dict.fromkeys(tags.labels, float(given))
    chosen = {**own, **(given or {})}
    if unknown := sorted(set(chosen) - set(tags.labels)):
        raise ModelError(f"thresholds: unknown label {', '.join(unknown)}; known: {', '.join(tags.labels)}")
    if not all(0 < value <= 1 for value in chosen.values()):
        raise ModelError("thresholds must lie in (0, 1]")
    return np.array([chosen.get(label, 0.5) for label in tags.labels], dtype=np.float32)


def _has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 natively."""
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("amx_bf16") or capabilities.get("avx512_bf16"))
