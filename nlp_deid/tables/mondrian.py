"""Multidimensional recoding by recursive splits, released as intervals and sets of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nlp_deid.tables.anonymizer import Anonymizer
from nlp_deid.tables.arrays import Bools, Floats, Ints, number, summed
from nlp_deid.tables.classes import Column
from nlp_deid.tables.labels import SpanLabels
from nlp_deid.tables.problem import Problem, Recoding, finish
from nlp_deid.tables.table import Table


class Mondrian(Anonymizer):
    """Split classes in two while both halves hold (LeFevre et al. 2006), by the cut that saves most.

    Where the paper cuts the widest column at its median, every cut of every column is weighed by
    the penalty it saves: numbers are cut in their order, other values with the most frequent ones
    first, which gives the best bipartition of a set. All classes of a round are split at once.

    A hierarchy is needed for no column; one that is given tells how many values a set may have.
    """

    def _search(self, problem: Problem, table: Table) -> Recoding:
        columns = [table.column(name) for name in table.quasi]
        numeric = [column.numeric for column in columns]
        sizes = [column.domain for column in columns]
        axes = [_Axis.of(*given, j) for j, given in enumerate(zip(columns, sizes, numeric, strict=True))]
        of_tuple = _split(problem, axes)
        return finish(problem, SpanLabels(columns, sizes, numeric), of_tuple, self.leftovers)


@dataclass(frozen=True)
class _Axis:
    """A quasi-identifier as a direction of cuts.

    Attributes:
        place: its column in the tuples; `width` the number of its values.
        at: for each value its number over the table's range; None for a set.
        size: values of a set's domain.
    """

    place: int
    width: int
    at: Floats | None
    size: int

    @classmethod
    def of(cls, column: Column, size: int, numeric: bool, place: int) -> _Axis:
        """A column as an axis."""
        at = None
        if numeric:
            known = column.numbers[~np.isnan(column.numbers)]
            span = float(known[-1] - known[0]) or 1.0
            # A missing value lies one whole range behind the others: to mix it in loses all.
            at = np.where(np.isnan(column.numbers), known[-1] / span + 1, column.numbers / span)
        return cls(place, len(column.values), at, size)

    def cuts(self, values: Ints, owner: Ints, weights: Ints, count: int, least: int) -> tuple[Floats, Bools]:
        """The best cut of each class.

        Returns:
            for each class what the cut saves (minus infinity without a cut), and for each tuple
            whether it is on the left side.
        """
        entry, entries = number(owner * self.width + values, count * self.width)
        cls = np.empty(entries, np.int64)
        value = np.empty(entries, np.int64)
        cls[entry], value[entry] = owner, values
        records = summed(entry, weights, entries)
        if self.at is None:
            order = np.lexsort((value, -records, cls))
            back = np.empty(entries, np.int64)
            back[order] = np.arange(entries)
            entry, value, records = back[entry], value[order], records[order]
        start = np.searchsorted(cls, np.arange(count))
        stop = np.append(start[1:], entries)
        position = np.arange(entries) - start[cls]
        total = summed(cls, records, count)
        left = np.cumsum(records)
        left -= (left[start] - records[start])[cls]
        right = total[cls] - left
        low, high = self._losses(
            position, stop[cls] - 1 - np.arange(entries), value, value[start][cls], value[stop - 1][cls]
        )
        whole = high[start] if self.at is None else self.at[value[stop - 1]] - self.at[value[start]]
        if self.at is None:
            many = stop - start
            whole = np.where(many > 1, many / self.size, 0.0)
        saved = (total * whole)[cls] - left * low - right * high
        saved[(left < least) | (right < least) | (np.arange(entries) == stop[cls] - 1)] = -np.inf
        best = np.maximum.reduceat(saved, start)
        cut = np.full(count, -1, np.int64)
        top = np.flatnonzero((saved == best[cls]) & np.isfinite(saved))
        cut[cls[top[::-1]]] = position[top[::-1]]
        return best, position[entry] <= cut[owner]

    def _losses(
        self, before: Ints, after: Ints, value: Ints, first: Ints, last: Ints
    ) -> tuple[Floats, Floats]:
        """The penalties of the two sides of a cut behind each entry."""
        if self.at is None:
            low = np.where(before > 0, (before + 1) / self.size, 0.0)
            return low, np.where(after > 1, after / self.size, 0.0)
        following = np.append(value[1:], 0)
        return self.at[value] - self.at[first], self.at[last] - self.at[following]


def _split(problem: Problem, axes: list[_Axis]) -> Ints:
    """For each tuple its class."""
    data = problem.data
    result = np.zeros(len(data), np.int64)
    closed = 0
    open_tuples, owner, count = np.arange(len(data)), np.zeros(len(data), np.int64), 1
    while count:
        weights = data.counts[open_tuples]
        sides = [
            a.cuts(data.tuples[open_tuples, a.place], owner, weights, count, problem.smallest) for a in axes
        ]
        saved = np.stack([side[0] for side in sides])
        left = np.stack([side[1] for side in sides])
        chosen = _chosen(problem, saved, left, open_tuples, owner, count)
        done = chosen[owner] < 0
        finished, classes = number(owner[done], count)
        result[open_tuples[done]] = closed + finished
        closed += classes
        side = left[np.maximum(chosen, 0)[owner], np.arange(len(owner))]
        open_tuples, halves = open_tuples[~done], (owner * 2 + side)[~done]
        owner, count = number(halves, 2 * count)
    return result


def _chosen(problem: Problem, saved: Floats, left: Bools, tuples: Ints, owner: Ints, count: int) -> Ints:
    """For each class the axis that saves most and leaves two halves that hold, or -1."""
    order = np.argsort(-saved, axis=0, kind="stable")
    chosen = np.full(count, -1, np.int64)
    waiting = np.ones(count, np.bool_)
    for axis in order:
        waiting &= np.isfinite(saved[axis, np.arange(count)])
        if not waiting.any():
            break
        if problem.by_size:
            chosen[waiting] = axis[waiting]
            break
        tried = waiting[owner]
        halves = np.full(len(problem.data), -1, np.int64)
        side = left[axis[owner], np.arange(len(owner))]
        halves[tuples[tried]] = (owner * 2 + side)[tried]
        fine = problem.fine(halves, 2 * count).reshape(-1, 2).all(1)
        chosen[waiting & fine] = axis[waiting & fine]
        waiting &= ~fine
    return chosen
