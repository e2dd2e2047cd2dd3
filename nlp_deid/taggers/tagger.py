"""Tagger: a detector that has learned; Denial: a keep list that has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np

from nlp_deid.labels import from_scheme
from nlp_deid.note import Detector, Note, Span
from nlp_deid.taggers.artefact import load
from nlp_deid.taggers.bio import Place, Tags
from nlp_deid.taggers.model import Model, ModelError
from nlp_deid.taggers.reader import Floats, Reader, open_reader
from nlp_deid.taggers.units import LINE_ENDS, Units

Models = Model | str | Path | Sequence[Model | str | Path]
_TOGETHER = 64  # notes whose windows are sorted together


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
        model: Models,
        thresholds: Mapping[str, float] | float | None = None,
        precision: str = "auto",
        name: str = "tagger",
    ) -> None:
        self.name, self._reader = name, _reader(model, precision)
        self._tags = self._reader.tags
        self._labels = [from_scheme(self._reader.scheme, label) for label in self._tags.labels]
        self._thresholds = _thresholds(self._tags, self._reader.thresholds, thresholds)

    @property
    def scheme(self) -> str:
        """The label scheme of the corpus that the models learned from."""
        return self._reader.scheme

    def find(self, note: Note) -> list[Span]:
        return next(self.find_all([note]))

    def find_all(self, notes: Iterable[Note]) -> Iterator[list[Span]]:
        rest = iter(notes)
        while group := list(islice(rest, _TOGETHER)):
            for note, (units, chances) in zip(group, self._reader.read(group), strict=True):
                yield self._spans(note, units, chances)

    def probabilities(self, notes: Sequence[Units]) -> list[Floats]:
        """For each note [n, K] the probability of each tag at each unit."""
        return self._reader.probabilities(notes)

    def _spans(self, note: Note, units: Units, chances: Floats) -> list[Span]:
        found = []
        phi = np.minimum(1.0 - chances[:, 0], 1.0).clip(0.0)
        for first, last, at in read(chances, self._thresholds, units.texts):
            start, end = note.view.span(int(units.starts[first]), int(units.ends[last - 1]))
            native = self._tags.labels[at]
            source = self.name if native == self._labels[at] else f"{self.name}:{native}"
            found.append(Span(start, end, self._labels[at], float(phi[first:last].mean()), source))
        return found


class Denial:
    """A keep list of a tagger: stretches in which it is sure that there is no PHI.

    It vetoes unsure proposals of other parts, as any keep list does (see merge.py).

    Args:
        model, precision: as for Tagger; a pipeline's tagger and denial of one model read a note once.
        below: units whose probability of any PHI is lower are denied.
        name: for the source of stretches.

    Raises:
        ModelError: a folder without a whole model, or `below` outside (0, 1).
    """

    def __init__(
        self,
        model: Models,
        below: float = 0.02,
        precision: str = "auto",
        name: str = "denial",
    ) -> None:
        if not 0 < below < 1:
            raise ModelError("below must lie between 0 and 1")
        self.name, self._below, self._reader = name, below, _reader(model, precision)

    def find(self, note: Note) -> list[tuple[int, int, str]]:
        """Stretches [start, end) of the note's text, each with the source."""
        [(units, chances)] = self._reader.read([note])
        denied = 1.0 - chances[:, 0] < self._below
        edges = np.flatnonzero(np.diff(denied.astype(np.int8), prepend=0, append=0))
        found = []
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            start, end = note.view.span(int(units.starts[first]), int(units.ends[last - 1]))
            found.append((start, end, self.name))
        return found


def _reader(model: Models, precision: str) -> Reader:
    """A reader of models; of saved ones the shared reader."""
    given = [model] if isinstance(model, (Model, str, Path)) else list(model)
    if any(isinstance(one, Model) for one in given):
        return Reader(
            [one if isinstance(one, Model) else load(Path(one))[0] for one in given], None, precision
        )
    return open_reader(tuple(Path(one) for one in given if not isinstance(one, Model)), precision)


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
