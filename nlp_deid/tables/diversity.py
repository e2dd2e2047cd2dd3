"""k-anonymity and the models of how diverse the sensitive values of a class are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints, summed
from nlp_deid.tables.base import Model, ModelError, Number, at_most, exact, names, whole
from nlp_deid.tables.classes import Classes
from nlp_deid.tables.frames import TableError


@dataclass(frozen=True)
class KAnonymity(Model):
    """Every class has k records or more (Samarati 2001; Sweeney 2002). Figure: class size."""

    k: int
    prunable_under_suppression = True

    def __post_init__(self) -> None:
        whole(self.k, "k")

    @property
    def smallest(self) -> int:
        return self.k

    def fine(self, classes: Classes) -> Bools:
        return classes.sizes >= self.k

    def figures(self, classes: Classes) -> Floats:
        return classes.sizes.astype(np.float64)


class Sensitive(Model):
    """A condition that each of several sensitive columns must meet on its own."""

    sensitive: str | Sequence[str]

    @property
    def attributes(self) -> tuple[str, ...]:
        return names(self.sensitive)

    def fine(self, classes: Classes) -> Bools:
        return np.asarray(np.logical_and.reduce([self.fine_in(classes, name) for name in self.attributes]))

    def figures(self, classes: Classes) -> Floats:
        worse = np.minimum if self.least else np.maximum
        return np.asarray(worse.reduce([self.figures_in(classes, name) for name in self.attributes]))

    @abstractmethod
    def fine_in(self, classes: Classes, name: str) -> Bools:
        """For each class whether one sensitive column is fine."""

    @abstractmethod
    def figures_in(self, classes: Classes, name: str) -> Floats:
        """For each class the figure of one sensitive column."""

    def _check_sensitive(self) -> None:
        if not self.attributes:
            raise ModelError(f"{type(self).__name__}: name at least one sensitive column")


@dataclass(frozen=True)
class DistinctLDiversity(Sensitive):
    """Every class has l different sensitive values or more. Figure: the number of values.

    Args:
        l: the least number.
        sensitive: one column or several.
        joined: the other sensitive columns count as quasi-identifiers for each one (Machanavajjhala
            et al. 2007, section 5.2); else each is looked at on its own.
    """

    l: int  # noqa: E741 - the name of the literature
    sensitive: str | Sequence[str]
    joined: bool = False
    prunable_under_suppression = True

    def __post_init__(self) -> None:
        whole(self.l, "l")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return self.l

    def fine_in(self, classes: Classes, name: str) -> Bools:
        return self._values(classes, name) >= self.l

    def figures_in(self, classes: Classes, name: str) -> Floats:
        return self._values(classes, name).astype(np.float64)

    def _values(self, classes: Classes, name: str) -> Ints:
        others = [other for other in self.attributes if other != name]
        if not (self.joined and others):
            return distinct(classes, name)
        parts, part_class = classes.joined(others)
        least = np.full(len(classes), np.iinfo(np.int64).max)
        np.minimum.at(least, part_class, distinct(parts, name))
        return least


@dataclass(frozen=True)
class ProbabilisticLDiversity(Sensitive):
    """No sensitive value has more than 1/l of a class. Figure: 1 / its greatest share."""

    l: Number  # noqa: E741
    sensitive: str | Sequence[str]

    def __post_init__(self) -> None:
        if exact(self.l, "l") < 1:
            raise ModelError("l must be 1 or more")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return -int(-exact(self.l, "l") // 1)

    def fine_in(self, classes: Classes, name: str) -> Bools:
        most, known = greatest(classes, name)
        return (known > 0) & at_most(most, known, 1 / exact(self.l, "l"))

    def figures_in(self, classes: Classes, name: str) -> Floats:
        most, known = greatest(classes, name)
        return np.where(known > 0, known / np.maximum(most, 1), 0.0)


@dataclass(frozen=True)
class EntropyLDiversity(Sensitive):
    """The entropy of a class's sensitive values is log l or more. Figure: exp(entropy)."""

    l: float  # noqa: E741
    sensitive: str | Sequence[str]

    def __post_init__(self) -> None:
        if exact(self.l, "l") < 1:
            raise ModelError("l must be 1 or more")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return -int(-exact(self.l, "l") // 1)

    def fine_in(self, classes: Classes, name: str) -> Bools:
        # An entropy is irrational: three equal shares give 3 only up to rounding.
        return self.figures_in(classes, name) >= float(exact(self.l, "l")) - 1e-9

    def figures_in(self, classes: Classes, name: str) -> Floats:
        owner, _, records = classes.counts(name)
        known = summed(owner, records, len(classes))
        total = np.bincount(owner, records * np.log(records), len(classes))
        some = np.maximum(known, 1)
        return np.where(known > 0, np.exp(np.log(some) - total / some), 0.0)


@dataclass(frozen=True)
class RecursiveCLDiversity(Sensitive):
    """(c,l): r1 < c * (r_l + ... + r_m) for the counts r in falling order. Figure: r1 / that sum.

    Strict; a class with fewer than l values fails (its figure is infinite).
    """

    c: Number
    l: int  # noqa: E741
    sensitive: str | Sequence[str]
    least = False

    def __post_init__(self) -> None:
        whole(self.l, "l")
        if exact(self.c, "c") <= 0:
            raise ModelError("c must be greater than 0")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return self.l

    def fine_in(self, classes: Classes, name: str) -> Bools:
        first, tail = self._first_and_tail(classes, name)
        return (tail > 0) & ~at_most(tail, first, 1 / exact(self.c, "c"))

    def figures_in(self, classes: Classes, name: str) -> Floats:
        first, tail = self._first_and_tail(classes, name)
        return np.where(tail > 0, first / np.maximum(tail, 1), np.inf)

    def _first_and_tail(self, classes: Classes, name: str) -> tuple[Ints, Ints]:
        owner, _, records = classes.counts(name)
        order = np.lexsort((-records, owner))
        owner, records = owner[order], records[order]
        values = np.bincount(owner, minlength=len(classes))
        rank = np.arange(len(owner)) - np.repeat(np.cumsum(values) - values, values)
        tail = summed(owner, np.where(rank >= self.l - 1, records, 0), len(classes))
        return summed(owner, np.where(rank == 0, records, 0), len(classes)), tail


@dataclass(frozen=True)
class PSensitive(Sensitive):
    """k-anonymity and p different values of every sensitive column (Truta & Vinay 2006).

    Figure: the number of values, 0 for a class that is too small.
    """

    p: int
    k: int
    sensitive: str | Sequence[str]
    prunable_under_suppression = True

    def __post_init__(self) -> None:
        if whole(self.p, "p") > whole(self.k, "k"):
            raise ModelError("p must be at most k")
        self._check_sensitive()

    @property
    def smallest(self) -> int:
        return self.k

    def fine_in(self, classes: Classes, name: str) -> Bools:
        return (classes.sizes >= self.k) & (distinct(classes, name) >= self.p)

    def figures_in(self, classes: Classes, name: str) -> Floats:
        return np.where(classes.sizes >= self.k, distinct(classes, name), 0).astype(np.float64)


@dataclass(frozen=True)
class AlphaK(Sensitive):
    """(alpha,k): k-anonymity and no value's share of a class above alpha (Wong et al. 2006).

    Figure: the greatest share.

    Args:
        alpha: the bound; for several columns a mapping by column gives each its own.
        k: the least size.
        sensitive: one column or several.
        values: the values that are bounded (a mapping by column for several columns); None: all.
    """

    alpha: Number | Mapping[str, Number]
    k: int
    sensitive: str | Sequence[str]
    values: Collection[str] | Mapping[str, Collection[str]] | None = None
    least = False

    def __post_init__(self) -> None:
        whole(self.k, "k")
        self._check_sensitive()
        for name in self.attributes:
            if not 0 <= self._alpha(name) <= 1:
                raise ModelError("alpha must lie from 0 to 1")

    @property
    def smallest(self) -> int:
        return self.k

    def fine_in(self, classes: Classes, name: str) -> Bools:
        most, known = greatest(classes, name, self._chosen(name))
        return (classes.sizes >= self.k) & at_most(most, known, self._alpha(name))

    def figures_in(self, classes: Classes, name: str) -> Floats:
        most, known = greatest(classes, name, self._chosen(name))
        return np.asarray(most / np.maximum(known, 1))

    def _alpha(self, name: str) -> Fraction:
        if isinstance(self.alpha, Mapping):
            if name not in self.alpha:
                raise ModelError(f"alpha gives no bound for column {name!r}")
            return exact(self.alpha[name], "alpha")
        return exact(self.alpha, "alpha")

    def _chosen(self, name: str) -> Collection[str] | None:
        return self.values.get(name) if isinstance(self.values, Mapping) else self.values


def distinct(classes: Classes, name: str) -> Ints:
    """The number of different values of a column in each class."""
    return np.bincount(classes.counts(name)[0], minlength=len(classes)).astype(np.int64)


def greatest(classes: Classes, name: str, chosen: Iterable[str] | None = None) -> tuple[Ints, Ints]:
    """For each class the records of its most frequent value (among the chosen) and of all values.

    Raises:
        TableError: a chosen value does not occur in the table.
    """
    owner, code, records = classes.counts(name)
    known = summed(owner, records, len(classes))
    if chosen is not None:
        values = classes.column(name).values
        index = {value: i for i, value in enumerate(values)}
        unknown = [value for value in chosen if value not in index]
        if unknown:
            raise TableError(f"column {name!r} has no value {unknown[0]!r}")
        wanted = np.isin(code, [index[value] for value in chosen])
        owner, records = owner[wanted], records[wanted]
    most = np.zeros(len(classes), np.int64)
    np.maximum.at(most, owner, records)
    return most, known
