"""BIOES tags and spans of units, either way.

B, I, E: the first, an inner and the last unit of a span; S: a span of one unit; O: outside
(Ratinov & Roth 2009, CoNLL, section 5: more expressive than BIO).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nlp_deid.taggers.units import Units

Place = tuple[int, int, str]  # first character or unit, the one behind the last, label


class TagError(ValueError):
    """Spans that cannot be written as tags; holds no text."""


@dataclass(frozen=True)
class Tags:
    """The tags of some labels: O is 0, then B, I, E, S of each label in turn.

    Args:
        labels: names of the labels, without doubles.
    """

    labels: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise TagError("a label is given twice")

    def __len__(self) -> int:
        return 1 + 4 * len(self.labels)

    @property
    def names(self) -> list[str]:
        """Name of each tag."""
        return ["O", *(f"{part}-{label}" for label in self.labels for part in "BIES")]

    @cached_property
    def follows(self) -> NDArray[np.bool_]:
        """[K, K] whether the tag of the column may stand behind the tag of the row."""
        kinds = np.array(["O", *("BIES" * len(self.labels))])
        label = np.array([-1, *np.repeat(np.arange(len(self.labels)), 4)])
        open_left = np.isin(kinds, ["B", "I"])
        inner = np.isin(kinds, ["I", "E"])
        same = label[:, None] == label[None, :]
        return np.where(open_left[:, None], inner[None, :] & same, ~inner[None, :])

    def encode(self, spans: Iterable[Place], units: Units) -> NDArray[np.int64]:
        """[n] the tag of each unit.

        A span takes every unit that it touches; of two spans that touch one unit, the first has it.

        Raises:
            TagError: a label that is not among the labels, spans that overlap, or an empty range.
        """
        tags = np.zeros(len(units), dtype=np.int64)
        taken = end_before = 0
        for start, end, label in sorted(spans):
            if label not in self.labels:
                raise TagError(f"label {label!r} is not among {', '.join(self.labels)}")
            if start < end_before or end <= start:
                raise TagError(f"span [{start}, {end}) is empty or overlaps another")
            end_before = end
            first = max(taken, int(np.searchsorted(units.ends, start, "right")))
            taken = last = max(first, int(np.searchsorted(units.starts, end, "left")))
            base = 1 + 4 * self.labels.index(label)
            tags[first:last] = base + 1
            if last - first == 1:
                tags[first] = base + 3
            elif last > first:
                tags[first], tags[last - 1] = base, base + 2
        return tags

    def decode(self, tags: Sequence[int] | NDArray[np.int64]) -> list[Place]:
        """The spans of units that a row of tags spells.

        Rows that break the grammar are read so that no tagged unit is lost: a change of label, B or S
        begins a span, E or S ends it.
        """
        found: list[Place] = []
        begin, held = -1, -1
        for at, tag in enumerate([*map(int, tags), 0]):
            label, part = divmod(tag - 1, 4) if tag else (-1, -1)
            if held >= 0 and (label != held or part in (0, 3)):
                found.append((begin, at, self.labels[held]))
                held = -1
            if label >= 0 and held < 0:
                begin, held = at, label
            if part in (2, 3):
                found.append((begin, at + 1, self.labels[held]))
                held = -1
        return found
