"""Questions to a table, each charged to a budget before its noise is drawn.

Neighbours are the budget's: a unit more or less ("unbounded") or one unit changed ("bounded"). With
unknown groups the table itself decides which are published: only those whose noisy count passes a
threshold that the rows of one unit pass with probability δ at most.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import Protocol

import numpy as np

from nlp_deid.dp.budget import Loss
from nlp_deid.dp.checks import (
    PrivacyError,
    check_alpha,
    check_bounds,
    check_delta,
    check_epsilon,
    exact,
    integers,
)
from nlp_deid.dp.frame import Bins, Frame, Group, Key, Term, Totals, term
from nlp_deid.dp.mechanisms import Geometric
from nlp_deid.dp.quantiles import quantile_on_lattice
from nlp_deid.dp.sampling import Entropy, decay_of, os_entropy

CONFIDENCE = 0.95
_LEAST_EXPONENT, _MOST_EXPONENT = -30, 53
_CHANCE_OF_FALSE_BIN = 1e-3


class Purse(Protocol):
    """A Budget or a Ledger."""

    @property
    def neighbours(self) -> str: ...
    @property
    def unit(self) -> str: ...
    def spend(self, loss: Loss, what: str = "") -> None: ...


@dataclass(frozen=True)
class Answer:
    """What was released for one group (of no group: the empty key).

    error: radius that the noise exceeds in at most one of twenty releases; of a mean or a variance
    about that; None for quantiles and bounds.
    """

    key: Key
    value: float
    error: float | None = None


@dataclass
class Queries:
    """Private answers about one table.

    Args:
        table: a Frame, or a table on a cluster.
        purse: the Budget or Ledger that pays; its unit must be the table's.
        entropy: source of random bytes; only tests name another than the operating system.
        allow_large: lets ε exceed 10.
    """

    table: Totals
    purse: Purse
    entropy: Entropy = field(default=os_entropy, repr=False)
    allow_large: bool = False

    def __post_init__(self) -> None:
        if self.purse.unit != self.table.unit:
            raise PrivacyError(
                f"the budget protects each {self.purse.unit}, the table is read by {self.table.unit}"
            )

    def count(
        self,
        epsilon: float,
        by: Sequence[Group] = (),
        groups: Sequence[Sequence[str]] | None = None,
        delta: float = 0.0,
    ) -> list[Answer]:
        """Rows, of the table or of each group.

        Args:
            by: columns (or Bins) to group by; several give a contingency table.
            groups: for each of `by` the values that may be published, known without the data. None
                lets noisy counts select groups, which needs δ.
        """
        return self._release("count", epsilon, by, groups, delta, [])

    def sum(
        self,
        column: str,
        epsilon: float,
        bounds: Sequence[float] | None,
        by: Sequence[Group] = (),
        groups: Sequence[Sequence[str]] | None = None,
        delta: float = 0.0,
    ) -> list[Answer]:
        """Sum of a column clamped to bounds."""
        return self._release("sum", epsilon, by, groups, delta, [term(column, bounds)])

    def mean(
        self,
        column: str,
        epsilon: float,
        bounds: Sequence[float] | None,
        by: Sequence[Group] = (),
        groups: Sequence[Sequence[str]] | None = None,
        delta: float = 0.0,
    ) -> list[Answer]:
        """Mean of a column clamped to bounds: a noisy sum from the middle over a noisy count."""
        return self._release("mean", epsilon, by, groups, delta, [term(column, bounds, centred=True)])

    def variance(
        self,
        column: str,
        epsilon: float,
        bounds: Sequence[float] | None,
        by: Sequence[Group] = (),
        groups: Sequence[Sequence[str]] | None = None,
        delta: float = 0.0,
    ) -> list[Answer]:
        """Variance (of the population) of a column clamped to bounds, from two noisy moments."""
        terms = [term(column, bounds, centred=True, power=power) for power in (1, 2)]
        return self._release("variance", epsilon, by, groups, delta, terms)

    def histogram(self, column: str, epsilon: float, edges: Sequence[float]) -> list[Answer]:
        """Rows in each bin between the edges."""
        bins = Bins(column, tuple(float(edge) for edge in edges))
        return self.count(epsilon, [bins], [bins.names])

    def quantiles(
        self,
        column: str,
        shares: Sequence[float],
        epsilon: float,
        bounds: Sequence[float] | None,
        whole: bool = False,
    ) -> list[Answer]:
        """Quantiles of a column clamped to bounds; ε is shared equally among them.

        Args:
            whole: the column holds whole numbers, and so do the answers.
        """
        low, high = check_bounds(bounds)
        check_epsilon(epsilon, self.allow_large)
        if not shares or not all(0 <= share <= 1 for share in shares):
            raise PrivacyError("quantiles must be numbers from 0 to 1, one at least")
        if not isinstance(self.table, Frame):
            raise PrivacyError("quantiles need a table in memory")
        around = Term(column, low, high)
        grain = 1.0 if whole else around.grain
        steps = (
            integers(self.table.numbers(column), f"column {column}") if whole else self.table.steps(around)
        )
        ends = math.ceil(low / grain), math.floor(high / grain)
        if ends[0] > ends[1]:
            raise PrivacyError("no whole number lies between the bounds")
        ordered = np.sort(np.clip(steps, *ends))
        slope = exact(epsilon) / len(shares) / (2 * self.table.max_rows)
        self.purse.spend(Loss(epsilon), f"quantiles of {column}")
        found = sorted(
            quantile_on_lattice(ordered, exact(share), slope, ends, self.entropy) for share in shares
        )
        return [
            Answer((f"{share:g}",), value * grain) for share, value in zip(sorted(shares), found, strict=True)
        ]

    def find_bounds(self, column: str, epsilon: float) -> tuple[float, float]:
        """Bounds for a column, by noisy counts of its values between powers of two.

        Raises:
            PrivacyError: no power of two has enough rows for this ε; the ε is spent all the same.
        """
        powers = [2.0**e for e in range(_LEAST_EXPONENT, _MOST_EXPONENT + 1)]
        bins = Bins(column, (*(-p for p in reversed(powers)), *powers))
        check_epsilon(epsilon, self.allow_large)
        totals = self.table.totals([bins], [])
        self.purse.spend(Loss(epsilon), f"bounds of {column}")
        noise = Geometric(
            epsilon, self._rows(grouped=True), allow_large=self.allow_large, entropy=self.entropy
        )
        counts = np.array([totals.get((name,), (0,))[0] for name in bins.names])
        least = noise.accuracy(_CHANCE_OF_FALSE_BIN / len(counts))
        full = np.flatnonzero(noise.release(counts) > least)
        if not full.size:
            raise PrivacyError(f"column {column}: too few rows to find bounds at this ε, which is spent")
        return bins.edges[full[0]], bins.edges[full[-1] + 1]

    def _release(
        self,
        what: str,
        epsilon: float,
        by: Sequence[Group],
        groups: Sequence[Sequence[str]] | None,
        delta: float,
        terms: Sequence[Term],
    ) -> list[Answer]:
        """Totals with noise, ε shared equally among them; checked, then charged, then drawn."""
        check_epsilon(epsilon, self.allow_large)
        check_delta(delta)
        selects = bool(by) and groups is None
        if selects != (delta > 0):
            raise PrivacyError(
                "groups that are not named beforehand need a δ above 0; named ones, or none, cost no δ"
            )
        if groups is not None and len(groups) != len(by):
            raise PrivacyError("name the groups of each column that is grouped by")
        totals = self.table.totals(by, terms)
        keys = sorted(totals) if selects else list(product(*(groups or [])))
        if not selects and len(set(keys)) != len(keys):
            raise PrivacyError("a group is named twice")
        # A plain sum needs no count, unless the count selects its groups.
        counted = what != "sum" or selects
        share = exact(epsilon) / (len(terms) + counted)
        columns = ", ".join(dict.fromkeys(one.column for one in terms))
        self.purse.spend(Loss(epsilon, delta), f"{what} {columns}".strip())
        none = (0,) * (len(terms) + 1)
        exact_totals = np.array([totals.get(key, none) for key in keys], dtype=np.int64).reshape(
            len(keys), -1
        )
        rates = [share / self._rows(bool(by)), *(share / self._change(one, bool(by)) for one in terms)]
        noisy = exact_totals.copy()
        for i, rate in enumerate(rates):
            if i or counted:
                noisy[:, i] += decay_of(rate).draw_signed(len(keys), self.entropy)
        least = self._threshold(rates[0], delta) if selects else -math.inf
        radii = [radius(rate) for rate in rates]
        return [
            _answer(what, key, row, radii, terms)
            for key, row in zip(keys, noisy.tolist(), strict=True)
            if row[0] >= least
        ]

    def _rows(self, grouped: bool) -> int:
        """Rows by which neighbours differ, all groups together."""
        return self.table.max_rows * (2 if grouped and self.purse.neighbours == "bounded" else 1)

    def _change(self, one: Term, grouped: bool) -> int:
        """Lattice steps by which a term differs between neighbours, all groups together."""
        rows, most = self.table.max_rows, one.steps
        if self.purse.neighbours == "unbounded":
            return rows * most
        if grouped:  # the changed unit may leave one group for another
            return rows * most * 2
        if one.power == 2:
            return rows * most
        # From one bound to the other, each end rounded; a unit may also change its number of rows.
        return rows * max(math.ceil(Fraction(one.high - one.low) / Fraction(one.grain)) + 1, most)

    def _threshold(self, rate: Fraction, delta: float) -> int:
        """A noisy count that groups of one unit alone reach with probability δ at most, all together.

        They are at most max_rows groups of at most max_rows rows: Σ P(r + noise >= t) <= δ.
        """
        rows, step = self.table.max_rows, float(rate)
        return rows + max(math.ceil(math.log(rows / (delta * (1 + math.exp(-step)))) / step), 1)


def radius(rate: Fraction, alpha: float = 1 - CONFIDENCE) -> float:
    """The radius that two-sided geometric noise exceeds with probability alpha at most."""
    step = float(rate)
    tail = (math.log(2 / check_alpha(alpha)) - math.log1p(math.exp(-step))) / step
    return float(max(math.ceil(tail) - 1, 0))


def _answer(what: str, key: Key, row: list[int], radii: list[float], terms: Sequence[Term]) -> Answer:
    """One group's answer from its noisy totals."""
    if what == "count":
        return Answer(key, row[0], radii[0])
    sums = [total * one.grain for total, one in zip(row[1:], terms, strict=True)]
    errors = [r * one.grain for r, one in zip(radii[1:], terms, strict=True)]
    if what == "sum":
        return Answer(key, sums[0], errors[0])
    rows = max(row[0], 1)
    half = (terms[0].high - terms[0].low) / 2
    mean = min(max(sums[0] / rows, -half), half)
    if what == "mean":
        return Answer(key, terms[0].centre + mean, (errors[0] + abs(mean) * radii[0]) / rows)
    square = min(max(sums[1] / rows, 0.0), half**2)
    error = (errors[1] + square * radii[0]) / rows + 2 * abs(mean) * (errors[0] + abs(mean) * radii[0]) / rows
    return Answer(key, min(max(square - mean**2, 0.0), half**2), error)
