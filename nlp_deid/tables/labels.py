"""How the classes of tuples are written: hierarchy levels, or the sets and intervals they span.

A labeller sees an assignment of tuples to classes and gives each class one label a column, with
what the label loses. Classes of equal labels are one class to a reader.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints, fold, number
from nlp_deid.tables.classes import Column
from nlp_deid.tables.hierarchy import MISSING, Hierarchy


@dataclass(frozen=True)
class Ladder:
    """The levels of one quasi-identifier, as arrays over its column's codes.

    Attributes:
        name: the column.
        codes: (levels, values) number of a value's label at a level, dense in each level.
        losses: (levels, values) loss of that label.
        labels: for each level the labels by number.
    """

    name: str
    codes: Ints
    losses: Floats
    labels: list[list[str]]

    @property
    def levels(self) -> int:
        """The number of levels."""
        return len(self.labels)


def ladder(column: Column, hierarchy: Hierarchy) -> Ladder:
    """A hierarchy laid over the values of a column.

    Raises:
        HierarchyError: a value of the column is not in the hierarchy.
    """
    hierarchy = hierarchy.with_missing() if column.missing >= 0 else hierarchy
    leaf = hierarchy.index(column.values)
    low = high = None
    if hierarchy.numeric and any(value != MISSING for value in column.values):
        low, high = float(np.nanmin(column.numbers)), float(np.nanmax(column.numbers))
    codes = np.empty((hierarchy.levels, len(leaf)), np.int64)
    labels = []
    for level in range(hierarchy.levels):
        present, codes[level] = np.unique(hierarchy.up[level, leaf], return_inverse=True)
        labels.append([hierarchy.labels[level][i] for i in present])
    return Ladder(column.name, codes, hierarchy.losses(low, high)[:, leaf], labels)


@dataclass(frozen=True)
class Labels:
    """The labels of classes.

    Attributes:
        index: (classes, columns) number of a class's label among `texts[column]`.
        texts: for each column its different labels.
        losses: (classes, columns) what each label loses.
    """

    index: Ints
    texts: list[list[str]]
    losses: Floats


class Labeller(ABC):
    """Gives classes their labels from the tuples in them."""

    @abstractmethod
    def labels(self, tuples: Ints, of_tuple: Ints, count: int) -> Labels:
        """The labels of classes 0 to `count` - 1; tuples of class -1 are left out."""

    @abstractmethod
    def newcomer_losses(self, tuples: Ints, of_tuple: Ints, count: int, newcomers: Ints) -> Floats:
        """(newcomers, classes) loss, over columns, of a class's label if one tuple came in."""

    @abstractmethod
    def union_losses(self, tuples: Ints, of_tuple: Ints, count: int, joined: Ints) -> Floats:
        """For each class the loss, over columns, of its label if the tuples numbered `joined` came in."""


class LevelLabels(Labeller):
    """Labels from hierarchies: for each class and column the lowest level that its values share.

    With `node`, every class has the levels of that node instead (full-domain recoding).
    """

    def __init__(self, ladders: Sequence[Ladder], node: Sequence[int] | None = None) -> None:
        self.ladders = list(ladders)
        self._node = node
        self._texts: list[list[str]] = []
        self._numbers: list[list[Ints]] = []  # for each column and level: the text's number
        for rungs in self.ladders:
            text = {
                label: i for i, label in enumerate(dict.fromkeys(t for level in rungs.labels for t in level))
            }
            self._texts.append(list(text))
            self._numbers.append(
                [np.array([text[label] for label in level], np.int64) for level in rungs.labels]
            )

    def labels(self, tuples: Ints, of_tuple: Ints, count: int) -> Labels:
        kept = of_tuple >= 0
        one = np.zeros(count, np.int64)
        one[of_tuple[kept]] = np.flatnonzero(kept)
        index = np.empty((count, len(self.ladders)), np.int64)
        losses = np.empty(index.shape)
        for j, rungs in enumerate(self.ladders):
            value = tuples[one, j]
            level = self._levels(j, tuples[kept, j], of_tuple[kept], value)
            losses[:, j] = rungs.losses[level, value]
            for at in range(rungs.levels):
                here = level == at
                index[here, j] = self._numbers[j][at][rungs.codes[at, value[here]]]
        return Labels(index, self._texts, losses)

    def newcomer_losses(self, tuples: Ints, of_tuple: Ints, count: int, newcomers: Ints) -> Floats:
        kept = of_tuple >= 0
        one = np.zeros(count, np.int64)
        one[of_tuple[kept]] = np.flatnonzero(kept)
        total = np.zeros((len(newcomers), count))
        for j, rungs in enumerate(self.ladders):
            value = tuples[one, j]
            level = self._levels(j, tuples[kept, j], of_tuple[kept], value)
            coming, row = np.unique(tuples[newcomers, j], return_inverse=True)
            apart = rungs.codes[:, coming, None] != rungs.codes[:, None, value]
            total += rungs.losses[np.maximum(level, apart.sum(0)), value][row]
        return total / len(self.ladders)

    def union_losses(self, tuples: Ints, of_tuple: Ints, count: int, joined: Ints) -> Floats:
        kept = of_tuple >= 0
        one = np.zeros(count, np.int64)
        one[of_tuple[kept]] = np.flatnonzero(kept)
        total = np.zeros(count)
        for j, rungs in enumerate(self.ladders):
            value = tuples[one, j]
            level = self._levels(j, tuples[kept, j], of_tuple[kept], value)
            newcomers = np.unique(tuples[joined, j])
            for at in range(rungs.levels - 1):
                inside = (rungs.codes[at, value][:, None] == rungs.codes[at, newcomers]).all(1)
                level = np.where((level <= at) & ~inside, at + 1, level)
            total += rungs.losses[level, value]
        return total / len(self.ladders)

    def _levels(self, j: int, values: Ints, of_value: Ints, one: Ints) -> Ints:
        """The level of each class in a column."""
        if self._node is not None:
            return np.full(len(one), self._node[j], np.int64)
        codes = self.ladders[j].codes
        level = np.zeros(len(one), np.int64)
        open_values, owner = values, of_value
        for at in range(len(codes) - 1):
            apart = codes[at, open_values] != codes[at, one[owner]]
            level[owner[apart]] = at + 1
            still = level[owner] == at + 1
            open_values, owner = open_values[still], owner[still]
            if not len(owner):
                break
        return level


class SpanLabels(Labeller):
    """Labels of the values themselves: an interval of numbers "[17..24]", a set of others "{a|b}".

    The loss of an interval is its width over the table's range, of a set its share of all values.
    """

    def __init__(self, columns: Sequence[Column], sizes: Sequence[int], numeric: Sequence[bool]) -> None:
        """Hold the columns.

        Args:
            columns: the quasi-identifiers.
            sizes: for each column the number of values of its domain.
            numeric: for each column whether it is written as intervals.
        """
        self.columns, self.sizes, self.numeric = list(columns), list(sizes), list(numeric)

    def labels(self, tuples: Ints, of_tuple: Ints, count: int) -> Labels:
        index = np.empty((count, len(self.columns)), np.int64)
        texts: list[list[str]] = []
        losses = np.empty(index.shape)
        for j, column in enumerate(self.columns):
            member = self._member(j, tuples, of_tuple, count)
            sets, row = _distinct_rows(member)
            text = [self._text(column, np.flatnonzero(values), self.numeric[j]) for values in sets]
            numbers = {label: i for i, label in enumerate(dict.fromkeys(text))}  # ends alone make an interval
            index[:, j] = np.array([numbers[label] for label in text], np.int64)[row]
            texts.append(list(numbers))
            losses[:, j] = self._losses(j, member)
        return Labels(index, texts, losses)

    def newcomer_losses(self, tuples: Ints, of_tuple: Ints, count: int, newcomers: Ints) -> Floats:
        total = np.zeros((len(newcomers), count))
        for j in range(len(self.columns)):
            member = self._member(j, tuples, of_tuple, count)
            coming, row = np.unique(tuples[newcomers, j], return_inverse=True)
            losses = np.empty((len(coming), count))
            for i, value in enumerate(coming):
                before = member[:, value].copy()
                member[:, value] = True
                losses[i] = self._losses(j, member)
                member[:, value] = before
            total += losses[row]
        return total / len(self.columns)

    def union_losses(self, tuples: Ints, of_tuple: Ints, count: int, joined: Ints) -> Floats:
        total = np.zeros(count)
        for j in range(len(self.columns)):
            member = self._member(j, tuples, of_tuple, count)
            member[:, np.unique(tuples[joined, j])] = True
            total += self._losses(j, member)
        return total / len(self.columns)

    def _member(self, j: int, tuples: Ints, of_tuple: Ints, count: int) -> Bools:
        """(classes, values) whether a class has a value."""
        member = np.zeros((count, len(self.columns[j].values)), np.bool_)
        kept = of_tuple >= 0
        member[of_tuple[kept], tuples[kept, j]] = True
        return member

    def _losses(self, j: int, member: Bools) -> Floats:
        column = self.columns[j]
        if not self.numeric[j]:
            size = member.sum(1)
            return np.where(size > 1, size / self.sizes[j], 0.0)
        missing = column.missing
        known = member[:, :missing] if missing >= 0 else member
        numbers = column.numbers[: known.shape[1]]
        low, high = numbers[known.argmax(1)], numbers[::-1][known[:, ::-1].argmax(1)]
        loss = (high - low) / (float(numbers[-1] - numbers[0]) or 1.0)
        if missing >= 0:
            mixed = member[:, missing] & known.any(1)
            loss = np.where(mixed, 1.0, np.where(known.any(1), loss, 0.0))
        return np.asarray(loss)

    @staticmethod
    def _text(column: Column, inside: Ints, numeric: bool) -> str:
        values: list[str] = [column.values[i] for i in inside]
        if len(values) == 1:
            return values[0]
        if numeric and MISSING not in values:
            return f"[{values[0]}..{values[-1]}]"
        return "{" + "|".join(values) + "}"


def _distinct_rows(member: Bools) -> tuple[Bools, Ints]:
    """The different rows of a truth table, and for each row its number."""
    packed = np.packbits(member, axis=1)
    key, count = number(fold(list(packed.T), [256] * packed.shape[1]))
    one = np.empty(count, np.int64)
    one[key] = np.arange(len(member))
    return member[one], key
