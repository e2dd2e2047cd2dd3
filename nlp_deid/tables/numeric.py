"""Models of numeric sensitive values, where two close values tell as much as two equal ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints, summed
from nlp_deid.tables.base import ModelError, Number, exact, whole
from nlp_deid.tables.classes import Classes, Column
from nlp_deid.tables.diversity import Sensitive

_CLOSE = 1e-9  # relative distance to a bound below which a float comparison is settled exactly


@dataclass(frozen=True)
class KE(Sensitive):
    """(k,e): k different values and a range of e or more (Zhang et al. 2007). Figure: the range.

    The figure of a class with too few values is 0. A missing value is no value.
    """

    k: int
    e: Number
    sensitive: str | Sequence[str]
    prunable_under_suppression = True

    def __post_init__(self) -> None:
        whole(self.k, "k")
        if exact(self.e, "e") < 0:
            raise ModelError("e must be 0 or more")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return self.k

    def fine_in(self, classes: Classes, name: str) -> Bools:
        different, low, high = _extent(classes, name)
        numbers, bound = classes.column(name).numbers, float(exact(self.e, "e"))
        some = different > 0
        span = np.where(some, numbers[high] - numbers[low], 0.0)
        margin = _CLOSE * np.maximum(np.where(some, np.abs(numbers[high]) + np.abs(numbers[low]), 0), bound)
        wide = span >= bound
        texts = classes.column(name).values
        for i in np.flatnonzero(some & (np.abs(span - bound) <= margin)):
            wide[i] = Fraction(texts[high[i]]) - Fraction(texts[low[i]]) >= exact(self.e, "e")
        return np.asarray((different >= self.k) & wide)

    def figures_in(self, classes: Classes, name: str) -> Floats:
        different, low, high = _extent(classes, name)
        numbers = classes.column(name).numbers
        return np.where(different >= self.k, numbers[high] - numbers[low], 0.0)


@dataclass(frozen=True)
class EpsilonM(Sensitive):
    """(epsilon,m): of a class at most 1/m are near any of its values (Li, Tao & Xiao 2008).

    Near is [x - epsilon, x + epsilon], or relative [x(1 - epsilon), x(1 + epsilon)], both ends
    included, x itself counted. Figure: the greatest share that is near one value. Not monotone: two
    classes that hold may make one that does not. Missing values are left out of the class.
    """

    epsilon: Number
    m: Number
    sensitive: str | Sequence[str]
    relative: bool = False
    merge_monotone = False
    least = False

    def __post_init__(self) -> None:
        if exact(self.epsilon, "epsilon") < 0:
            raise ModelError("epsilon must be 0 or more")
        if exact(self.m, "m") < 1:
            raise ModelError("m must be 1 or more")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return -int(-exact(self.m, "m") // 1)

    def fine_in(self, classes: Classes, name: str) -> Bools:
        most, known = self._most_near(classes, name)
        bound = exact(self.m, "m")
        return np.asarray(most * bound.numerator <= known * bound.denominator)

    def figures_in(self, classes: Classes, name: str) -> Floats:
        most, known = self._most_near(classes, name)
        return np.asarray(most / np.maximum(known, 1))

    def _most_near(self, classes: Classes, name: str) -> tuple[Ints, Ints]:
        """For each class the most records near one of its values, and its records."""
        owner, code, records = _known(classes, name)
        column = classes.column(name)
        low, high = neighbourhoods(column, exact(self.epsilon, "epsilon"), self.relative)
        width = len(column.values) + 1
        key = owner * width + code
        before = np.concatenate([[0], np.cumsum(records)])
        first = np.searchsorted(key, owner * width + low[code])
        last = np.searchsorted(key, owner * width + high[code], "right")
        most = np.zeros(len(classes), np.int64)
        np.maximum.at(most, owner, before[last] - before[first])
        return most, summed(owner, records, len(classes))


def neighbourhoods(column: Column, epsilon: Fraction, relative: bool) -> tuple[Ints, Ints]:
    """For each value of a column the first and last value (in order) that is near it."""
    numbers = column.numbers
    known = numbers[~np.isnan(numbers)]
    reach = np.abs(numbers) * float(epsilon) if relative else np.full(len(numbers), float(epsilon))
    margin = _CLOSE * (np.abs(numbers) + reach)
    low = np.searchsorted(known, numbers - reach - margin)
    high = np.searchsorted(known, numbers + reach + margin, "right") - 1
    sure_low = np.searchsorted(known, numbers - reach + margin)
    sure_high = np.searchsorted(known, numbers + reach - margin, "right") - 1
    for i in np.flatnonzero((low != sure_low) | (high != sure_high)):
        if i == column.missing:
            continue
        here = Fraction(column.values[i])
        reach_here = abs(here) * epsilon if relative else epsilon
        while Fraction(column.values[low[i]]) < here - reach_here:
            low[i] += 1
        while Fraction(column.values[high[i]]) > here + reach_here:
            high[i] -= 1
    return low.astype(np.int64), high.astype(np.int64)


def _known(classes: Classes, name: str) -> tuple[Ints, Ints, Ints]:
    """The counts of a column without missing values."""
    owner, code, records = classes.counts(name)
    inside = code != classes.column(name).missing
    return owner[inside], code[inside], records[inside]


def _extent(classes: Classes, name: str) -> tuple[Ints, Ints, Ints]:
    """For each class the number of different values, and the codes of the least and the greatest."""
    owner, code, _ = _known(classes, name)
    different = np.bincount(owner, minlength=len(classes)).astype(np.int64)
    low = np.zeros(len(classes), np.int64)
    high = np.zeros(len(classes), np.int64)
    low[owner[::-1]] = code[::-1]
    high[owner] = code
    return different, low, high
