"""Personalised (k,l)-anonymity and (alp,dif)-individuation of what a class gives away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints, summed
from nlp_deid.tables.base import Model, ModelError, Number, at_most, exact, names, whole
from nlp_deid.tables.classes import Classes
from nlp_deid.tables.diversity import Sensitive, distinct, greatest
from nlp_deid.tables.frames import TableError


@dataclass(frozen=True)
class PersonalKL(Sensitive):
    """(k,l): each record's own demands on its class's size and values (Li, Zhan & Ye 2006).

    After a summary of the paper. Figure: the least of size less demanded size, and values less
    demanded values; it holds at 0. A newcomer to a class may ask for more, so personal demands are
    not monotone; fixed ones are.

    Args:
        k: a number for all, or the column of each record's demand.
        l: likewise; of a record 0 <= l <= k.
        sensitive: one column or several.
    """

    k: int | str
    l: int | str  # noqa: E741 - the name of the literature
    sensitive: str | Sequence[str]

    def __post_init__(self) -> None:
        if not isinstance(self.k, str):
            whole(self.k, "k", 0)
        if not isinstance(self.l, str):
            whole(self.l, "l", 0)
        if isinstance(self.k, int) and isinstance(self.l, int) and self.l > self.k:
            raise ModelError("l must be at most k")
        self._check_sensitive()

    @property
    def personal(self) -> bool:
        """Whether records have demands of their own."""
        return isinstance(self.k, str) or isinstance(self.l, str)

    @property
    def merge_monotone(self) -> bool:  # type: ignore[override]
        return not self.personal

    @property
    def prunable_under_suppression(self) -> bool:  # type: ignore[override]
        return not self.personal

    @property
    def attributes(self) -> tuple[str, ...]:
        demands = [name for name in (self.k, self.l) if isinstance(name, str)]
        return tuple(dict.fromkeys([*names(self.sensitive), *demands]))

    @property
    def smallest(self) -> int:
        return 1 if isinstance(self.k, str) else max(self.k, 1)

    def fine(self, classes: Classes) -> Bools:
        return self.figures(classes) >= 0

    def figures(self, classes: Classes) -> Floats:
        spare = [self.figures_in(classes, name) for name in names(self.sensitive)]
        return np.asarray(np.minimum.reduce(spare))

    def fine_in(self, classes: Classes, name: str) -> Bools:
        return self.figures_in(classes, name) >= 0

    def figures_in(self, classes: Classes, name: str) -> Floats:
        size = classes.sizes - _demanded(classes, self.k)
        values = distinct(classes, name) - _demanded(classes, self.l)
        least: Floats = np.minimum(size, values).astype(np.float64)
        return least


def _demanded(classes: Classes, demand: int | str) -> Ints:
    """For each class the greatest demand of its records."""
    if not isinstance(demand, str):
        return np.full(len(classes), demand, np.int64)
    numbers = classes.column(demand).numbers
    if np.isnan(numbers).any() or (numbers < 0).any() or (numbers % 1 != 0).any():
        raise TableError(f"column {demand!r} must hold whole numbers, 0 or more, none missing")
    owner, code, _ = classes.counts(demand)
    result = np.zeros(len(classes), np.int64)
    np.maximum.at(result, owner, numbers[code].astype(np.int64))
    return result


@dataclass(frozen=True)
class AlpDif(Model):
    """(alp,dif): the mean leak is alp or less, and no class's leak is more than dif above the reference.

    A class leaks the sum of the squared shares of its sensitive values: the chance that two draws
    agree (Wang, Qu & Shi 2009, after a summary). Figure: the leak's distance from the reference.

    Args:
        alp: bound of the mean leak over records.
        dif: bound of the distance.
        sensitive: the column.
        k: least class size.
        reference: "alp", or "mean": the table's own mean leak.
        two_sided: bound the distance below the reference too.
        leak: "sum" of the squared shares, or the "max" share.
    """

    alp: Number
    dif: Number
    sensitive: str
    k: int = 1
    reference: str = "alp"
    two_sided: bool = False
    leak: str = "sum"
    least = False

    def __post_init__(self) -> None:
        whole(self.k, "k")
        for name, value in (("alp", self.alp), ("dif", self.dif)):
            if not 0 <= exact(value, name) <= 1:
                raise ModelError(f"{name} must lie from 0 to 1")
        if self.reference not in ("alp", "mean") or self.leak not in ("sum", "max"):
            raise ModelError('reference must be "alp" or "mean", leak "sum" or "max"')

    @property
    def attributes(self) -> tuple[str, ...]:
        return (self.sensitive,)

    @property
    def smallest(self) -> int:
        return self.k

    @property
    def merge_monotone(self) -> bool:  # type: ignore[override]
        return self.reference == "alp" and not self.two_sided

    @property
    def classwise(self) -> bool:  # type: ignore[override]
        return False

    def holds(self, classes: Classes) -> bool:
        return super().holds(classes) and self.mean_leak(classes) <= exact(self.alp, "alp")

    def fine(self, classes: Classes) -> Bools:
        top, bottom = self.leaks(classes)
        reference, dif = self._reference(classes), exact(self.dif, "dif")
        fine = (classes.sizes >= self.k) & at_most(top, bottom, reference + dif)
        if self.two_sided:
            fine &= at_most(-top, bottom, dif - reference)
        return fine

    def figures(self, classes: Classes) -> Floats:
        top, bottom = self.leaks(classes)
        distance = top / np.maximum(bottom, 1) - float(self._reference(classes))
        return np.asarray(np.abs(distance) if self.two_sided else distance)

    def mean_leak(self, classes: Classes) -> Fraction:
        """The mean leak over records (0 without records)."""
        top, bottom = self.leaks(classes)
        sizes = classes.sizes
        mean = float((top / np.maximum(bottom, 1) * sizes).sum() / max(sizes.sum(), 1))
        if abs(mean - float(exact(self.alp, "alp"))) > 1e-9:
            return Fraction(mean)
        parts = [Fraction(int(t) * int(s), int(b)) for t, b, s in zip(top, bottom, sizes, strict=True) if b]
        return sum(parts, Fraction(0)) / max(int(sizes.sum()), 1)

    def enforced(self, whole: Classes) -> Model:
        """A band for each class's leak. The leak is convex: no partition's mean is below the whole's."""
        alp, dif = exact(self.alp, "alp"), exact(self.dif, "dif")
        high = alp
        if self.reference == "mean":
            top, bottom = self.leaks(whole)
            high = min(alp, Fraction(int(top[0]), max(int(bottom[0]), 1)) + dif)
        low = max(Fraction(0), high - dif) if self.two_sided else Fraction(0)
        return LeakBand(low, high, self)

    def _reference(self, classes: Classes) -> Fraction:
        if self.reference == "alp":
            return exact(self.alp, "alp")
        # A mean over classes of many sizes has a huge denominator; this one is exact to 1e-12.
        return self.mean_leak(classes).limit_denominator(10**12)

    def leaks(self, classes: Classes) -> tuple[Ints, Ints]:
        """The leak of each class as a fraction of whole numbers."""
        if self.leak == "max":
            return greatest(classes, self.sensitive)
        owner, _, records = classes.counts(self.sensitive)
        squares = np.zeros(len(classes), np.int64)
        np.add.at(squares, owner, records * records)
        return squares, summed(owner, records, len(classes)) ** 2


@dataclass(frozen=True)
class LeakBand(Model):
    """Every class leaks from `low` to `high`: implies `AlpDif`, and needs no other class to judge one."""

    low: Fraction
    high: Fraction
    source: AlpDif
    least = False

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.source.attributes

    @property
    def smallest(self) -> int:
        return self.source.k

    def fine(self, classes: Classes) -> Bools:
        top, bottom = self.source.leaks(classes)
        inside = at_most(top, bottom, self.high) & at_most(-top, bottom, -self.low)
        return (classes.sizes >= self.source.k) & inside

    def figures(self, classes: Classes) -> Floats:
        top, bottom = self.source.leaks(classes)
        return np.asarray(top / np.maximum(bottom, 1))
