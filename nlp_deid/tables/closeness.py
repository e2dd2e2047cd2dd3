"""t-closeness: how far the sensitive values of a class are from those of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints, summed
from nlp_deid.tables.base import ModelError, Number, at_most, exact
from nlp_deid.tables.classes import Classes
from nlp_deid.tables.diversity import Sensitive
from nlp_deid.tables.frames import TableError

DISTANCES = ("equal", "ordered", "hierarchical")
_CHUNK = 2**22  # cells of a dense block


@dataclass(frozen=True)
class TCloseness(Sensitive):
    """The earth mover's distance of a class to the table is t or less (Li et al. 2007). Figure: the distance.

    Args:
        t: the bound.
        sensitive: one column or several.
        distance: "equal" (all values one apart), "ordered" (by rank among the table's values), or
            "hierarchical" (height of the lowest common ancestor over the hierarchy's height; the
            column needs a hierarchy).
    """

    t: Number
    sensitive: str | Sequence[str]
    distance: str = "equal"
    least = False

    def __post_init__(self) -> None:
        if exact(self.t, "t") < 0:
            raise ModelError("t must be 0 or more")
        if self.distance not in DISTANCES:
            raise ModelError(f"distance must be one of {', '.join(DISTANCES)}")
        self._check_sensitive()

    def fine_in(self, classes: Classes, name: str) -> Bools:
        moved, scale = self._moved(classes, name)
        return at_most(moved, scale, exact(self.t, "t"))

    def figures_in(self, classes: Classes, name: str) -> Floats:
        moved, scale = self._moved(classes, name)
        return np.asarray(moved / np.maximum(scale, 1))

    def _moved(self, classes: Classes, name: str) -> tuple[Ints, Ints]:
        """The distance of each class as a fraction of whole numbers."""
        owner, code, records = classes.counts(name)
        total = classes.total(name)
        known, everything = summed(owner, records, len(classes)), int(total.sum())
        if self.distance == "equal":
            mine, expected = records * everything, total[code] * known[owner]
            excess = np.maximum(mine - expected, 0)
            moved = np.zeros(len(classes), np.int64)
            np.add.at(moved, owner, excess)
            return moved, known * everything
        if self.distance == "ordered":
            return _ordered(owner, code, records, known, total)
        hierarchy = classes.column(name).hierarchy
        if hierarchy is None:
            raise TableError(f"column {name!r} needs a hierarchy for the hierarchical distance")
        column = classes.column(name)
        leaves = hierarchy.with_missing() if column.missing >= 0 else hierarchy
        return _hierarchical(owner, code, records, known, total, leaves.up[:, leaves.index(column.values)])


def _ordered(owner: Ints, code: Ints, records: Ints, known: Ints, total: Ints) -> tuple[Ints, Ints]:
    """Sum of the differences of the cumulated shares, over the number of ranks less one."""
    present = np.flatnonzero(total)
    everything, ranks = int(total.sum()), len(present)
    rank = np.searchsorted(present, code)
    cumulated = np.cumsum(total[present])
    moved = np.zeros(len(known), np.int64)
    for first, block in _blocks(owner, rank, records, len(known), ranks):
        size = known[first : first + len(block)]
        difference = np.cumsum(block, 1) * everything - cumulated * size[:, None]
        moved[first : first + len(block)] = np.abs(difference).sum(1)
    return moved, known * everything * max(ranks - 1, 1)


def _hierarchical(
    owner: Ints, code: Ints, records: Ints, known: Ints, total: Ints, up: Ints
) -> tuple[Ints, Ints]:
    """At each inner node the surplus that its children exchange, times the node's height."""
    everything, height = int(total.sum()), len(up) - 1
    moved = np.zeros(len(known), np.int64)
    for first, block in _blocks(owner, code, records, len(known), len(total)):
        surplus = block * everything - total * known[first : first + len(block), None]
        below = np.arange(len(total))
        for level in range(1, height + 1):
            nodes, parent_of_leaf = np.unique(up[level], return_inverse=True)
            parent = np.zeros(surplus.shape[1], np.int64)
            parent[below] = parent_of_leaf
            above = np.zeros((len(nodes), len(block)), np.int64)
            positive = np.zeros_like(above)
            np.add.at(above, parent, surplus.T)
            np.add.at(positive, parent, np.maximum(surplus, 0).T)
            negative = positive - above
            moved[first : first + len(block)] += level * np.minimum(positive, negative).sum(0)
            surplus, below = above.T, parent_of_leaf
    return moved, known * everything * max(height, 1)


def _blocks(owner: Ints, code: Ints, records: Ints, classes: int, width: int) -> list[tuple[int, Ints]]:
    """Dense (classes, values) counts, a block of classes at a time."""
    step = max(1, _CHUNK // max(width, 1))
    blocks = []
    for first in range(0, classes, step):
        low, high = np.searchsorted(owner, [first, min(first + step, classes)])
        block = np.zeros((min(step, classes - first), width), np.int64)
        block[owner[low:high] - first, code[low:high]] = records[low:high]
        blocks.append((first, block))
    return blocks
