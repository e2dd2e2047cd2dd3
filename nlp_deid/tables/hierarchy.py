"""Value hierarchies: the levels of generalisation of one column, from the value itself to the top.

The file form is ARX's: a line a value, its ancestors from left to right, no header. Every error
names the column and the value, as a hierarchy is no secret of a person.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nlp_deid.tables.arrays import Floats, Ints

TOP = "*"
MISSING = ""  # the label of a missing value: a category of its own below the top


class HierarchyError(ValueError):
    """A hierarchy that is wrong in itself or does not know a value of its column."""


class Hierarchy:
    """The levels of one column.

    Attributes:
        name: the column, for errors.
        values: the leaves.
        labels: for each level its distinct labels; level 0 is the values, the last level one label.
        up: (levels, values) array: the label's index that a value has at a level.
        numeric: values are numbers and labels stand for intervals of them; loss then measures
            width, else the share of leaves.
    """

    def __init__(self, rows: Iterable[Sequence[str]], name: str = "", numeric: bool | None = None) -> None:
        """Check and hold a hierarchy.

        Args:
            rows: for each value the value and its ancestors; all of one length. If the last
                labels differ, a level "*" is added above them.
            name: the column, for errors.
            numeric: None decides by the values: all numbers, none with a leading zero, each label
                a run of neighbours, and no label but the top masked with "*".

        Raises:
            HierarchyError: no rows, rows of several lengths, a value twice, labels not nested.
        """
        self.name = name
        table = [tuple(row) for row in rows]
        if not table:
            raise self._error("it has no values")
        for row in table:
            if len(row) != len(table[0]) or not row:
                raise self._error(
                    f"value {row[0] if row else ''!r} has {len(row)} levels, others {len(table[0])}"
                )
        if len({row[-1] for row in table}) > 1:
            table = [(*row, TOP) for row in table]
        self.values = [row[0] for row in table]
        self._index = {value: i for i, value in enumerate(self.values)}
        if len(self._index) < len(table):
            twice = next(v for i, v in enumerate(self.values) if self._index[v] != i)
            raise self._error(f"value {twice!r} stands twice")
        self.labels: list[list[str]] = []
        self.up: Ints = np.empty((len(table[0]), len(table)), np.int64)
        for level, column in enumerate(zip(*table, strict=True)):
            index = {label: i for i, label in enumerate(dict.fromkeys(column))}
            self.labels.append(list(index))
            self.up[level] = [index[label] for label in column]
        self._check_nested()
        self.numbers = _numbers(self.values)
        self.numeric = self._looks_numeric() if numeric is None else numeric
        if self.numeric and self.numbers is None:
            raise self._error("numeric, but not every value is a number")

    @classmethod
    def from_csv(
        cls, path: str | Path, name: str = "", delimiter: str = ";", numeric: bool | None = None
    ) -> Hierarchy:
        """Read a hierarchy file (UTF-8, no header)."""
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
        return cls(rows, name or Path(path).stem, numeric)

    def __repr__(self) -> str:
        return f"Hierarchy({self.name!r}, {len(self.values)} values, {self.levels} levels)"

    @property
    def levels(self) -> int:
        """The number of levels, the values' own included."""
        return len(self.labels)

    def rows(self) -> list[list[str]]:
        """The lines a file of this hierarchy has."""
        return [
            [self.labels[level][at] for level, at in enumerate(self.up[:, i])]
            for i in range(len(self.values))
        ]

    def with_missing(self) -> Hierarchy:
        """The same hierarchy with a leaf for missing values, unless it has one."""
        if MISSING in self._index:
            return self
        levels = max(self.levels, 2)
        rows = [row if self.levels > 1 else [*row, TOP] for row in self.rows()]
        missing = [MISSING] * (levels - 1) + [rows[0][-1]]
        return Hierarchy([*rows, missing], self.name, numeric=False if not self.numeric else None)

    def index(self, values: Iterable[str]) -> Ints:
        """The leaf of each value.

        Raises:
            HierarchyError: a value is no leaf.
        """
        values = list(values)
        for value in values:
            if value not in self._index:
                known = ", ".join(map(repr, self.values[:5]))
                raise self._error(f"value {value!r} of the table is missing in it (it knows {known}, ...)")
        return np.array([self._index[value] for value in values], np.int64)

    def leaves(self, label: str) -> list[str]:
        """The values that a label of any level stands for; empty if there is no such label."""
        found: dict[str, None] = {}
        for level, labels in enumerate(self.labels):
            if label in labels:
                at = np.flatnonzero(self.up[level] == labels.index(label))
                found.update(dict.fromkeys(self.values[i] for i in at))
        return list(found)

    def label_losses(self, low: float | None = None, high: float | None = None) -> dict[str, float]:
        """The loss of each label above the values; of a label of several levels the greatest."""
        losses, result = self.losses(low, high), dict[str, float]()
        for level in range(1, self.levels):
            for at, loss in zip(self.up[level], losses[level], strict=True):
                label = self.labels[level][at]
                result[label] = max(result.get(label, 0.0), float(loss))
        return result

    def losses(self, low: float | None = None, high: float | None = None) -> Floats:
        """(levels, values) array of the normalised certainty penalty of each label, 0 to 1.

        A value itself and a label of one leaf lose nothing; a set of leaves loses its share of all
        leaves, an interval of numbers its width (inside the table's range) over that range
        (Xu et al., "Utility-based anonymization using local recoding", 2006).

        Args:
            low, high: the table's range of a numeric column; None: the leaves' own.
        """
        result = np.zeros(self.up.shape)
        for level in range(1, self.levels):
            group, size = self.up[level], len(self.labels[level])
            leaves = np.bincount(group, minlength=size)
            if self.numeric and self.numbers is not None:
                bottom = np.full(size, np.inf)
                top = np.full(size, -np.inf)
                np.fmin.at(bottom, group, self.numbers)
                np.fmax.at(top, group, self.numbers)
                first = np.nanmin(self.numbers) if low is None else low
                last = np.nanmax(self.numbers) if high is None else high
                width = np.minimum(top, last) - np.maximum(bottom, first)
                loss = np.clip(width, 0, None) / (last - first) if last > first else np.zeros(size)
                loss = np.where(np.isfinite(loss), loss, 0.0)
                if MISSING in self._index and level == self.levels - 1:
                    loss = np.ones(size)
            else:
                loss = leaves / len(self.values)
            result[level] = np.where(leaves <= 1, 0.0, loss)[group]
        return result

    def _check_nested(self) -> None:
        for level in range(self.levels - 1):
            parent: dict[int, int] = {}
            for i, (below, above) in enumerate(zip(self.up[level], self.up[level + 1], strict=True)):
                if parent.setdefault(int(below), int(above)) != above:
                    label = self.labels[level][below]
                    both = [self.labels[level + 1][parent[int(below)]], self.labels[level + 1][above]]
                    raise self._error(
                        f"not nested: label {label!r} of level {level} lies under {both[0]!r} and "
                        f"{both[1]!r} of level {level + 1} (value {self.values[i]!r})"
                    )

    def _looks_numeric(self) -> bool:
        if self.numbers is None or any(v != "0" and v[0] == "0" and v.isdigit() for v in self.values if v):
            return False
        masked = any(TOP in label for labels in self.labels[1:-1] for label in labels)
        order = np.argsort(self.numbers, kind="stable")
        runs = all(
            np.count_nonzero(np.diff(self.up[level][order])) == len(self.labels[level]) - 1
            for level in range(self.levels)
        )
        return runs and not masked

    def _error(self, message: str) -> HierarchyError:
        return HierarchyError(f"hierarchy of column {self.name!r}: {message}")


def _numbers(values: Sequence[str]) -> Floats | None:
    """The values as numbers (a missing one as NaN), or None if one is no number."""
    try:
        numbers = np.array([float(value) if value != MISSING else np.nan for value in values])
    except ValueError:
        return None
    known = numbers[[value != MISSING for value in values]]
    return numbers if len(known) and np.isfinite(known).all() else None
