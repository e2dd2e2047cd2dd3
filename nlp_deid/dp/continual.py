"""Running counts and sums, published after every step under one ε.

Fresh noise after each of T votes costs T times ε. Here a binary tree of partial sums gets noise once
a node; every record touches one node a level, so the whole stream of answers costs ε (Chan, Shi, Song,
TISSEC 2011; Dwork, Naor, Pitassi, Rothblum, STOC 2010). A finished node is averaged with the sum of
its two halves (Honaker, "Efficient use of differentially private binary trees", 2015).
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nlp_deid.dp.checks import PrivacyError, check_bounds, check_epsilon, exact, integers, reals
from nlp_deid.dp.sampling import Entropy, Integers, decay_of, os_entropy

_FINENESS = 30
_MOST_STEPS = 2**30


@dataclass
class RunningSum:
    """Running totals of numbers within bounds.

    Neighbours differ in one step: by one record more or less of a value within the bounds
    ("unbounded"), or by one value changed within them ("bounded"). With `width` > 1 there are that
    many totals side by side, and a neighbour differs in one of them ("unbounded").

    Args:
        epsilon: privacy loss of the whole stream of totals, adaptive inputs included.
        horizon: the most steps there will be.
        bounds: least and greatest value of a step; values beyond are clamped.
        width: how many totals run side by side, such as candidates of a vote.
        whole: values are whole numbers, and the noise is.
        neighbours: "unbounded" or "bounded".
        allow_large: lets ε exceed 10.
        entropy: source of random bytes; only tests name another than the operating system.
    """

    epsilon: float
    horizon: int
    bounds: tuple[float, float]
    width: int = 1
    _: KW_ONLY
    whole: bool = False
    neighbours: str = "unbounded"
    allow_large: bool = False
    entropy: Entropy = field(default=os_entropy, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, self.allow_large)
        self.bounds = check_bounds(self.bounds)
        if self.whole and any(at != int(at) for at in self.bounds):
            raise PrivacyError("whole numbers need whole bounds")
        if not 1 <= self.horizon <= _MOST_STEPS or self.width < 1:
            raise PrivacyError("the horizon must lie from 1 to 2^30, and the width be at least 1")
        if self.neighbours not in ("unbounded", "bounded"):
            raise PrivacyError("neighbours: allowed are unbounded and bounded")
        if self.neighbours == "bounded" and self.width > 1:
            raise PrivacyError("totals side by side need unbounded neighbours")
        low, high = self.bounds
        change = max(abs(low), abs(high)) if self.neighbours == "unbounded" else high - low
        self._grain = 1.0 if self.whole else math.ldexp(1, math.frexp(change)[1] - 1 - _FINENESS)
        steps = math.ceil(Fraction(change) / Fraction(self._grain))
        self.levels = self.horizon.bit_length()
        self._sampler = decay_of(exact(self.epsilon) / self.levels / steps)
        self._exact = np.zeros((self.levels, self.width), dtype=np.int64)
        self._estimate = np.zeros((self.levels, self.width))
        self.steps_done = 0

    def add(self, value: ArrayLike) -> Any:
        """Take one step's value (or `width` of them) and return the running total with noise.

        Raises:
            PrivacyError: a value that is no number, or more steps than the horizon.
        """
        given = integers(value) if self.whole else reals(value)
        if given.size != self.width or given.ndim > 1:
            raise PrivacyError(f"value: {self.width} number(s) a step are needed")
        if self.steps_done >= self.horizon:
            raise PrivacyError("the horizon is reached; more totals would not be private")
        scaled = np.clip(given.reshape(self.width), *self.bounds) / self._grain
        whole = np.floor(scaled)
        self._push((whole + (scaled - whole >= 0.5)).astype(np.int64))
        finished = [level for level in range(self.levels) if self.steps_done >> level & 1]
        total = self._estimate[finished].sum(axis=0) * self._grain
        return total if np.ndim(value) else float(total[0])

    def variance(self, step: int) -> float:
        """Variance of the noise in the total after a step, counted from 1."""
        node = self.node_variance
        weights = _shares(self.levels)
        return node * sum(share for level, share in enumerate(weights) if step >> level & 1)

    @property
    def node_variance(self) -> float:
        """Variance of the noise of one node, before averaging."""
        rate = float(self._sampler.rate)
        return self._grain**2 * 2 * math.exp(-rate) / math.expm1(-rate) ** 2

    def _push(self, steps: Integers) -> None:
        """Close the nodes that end with this step: level i holds the sum of 2^i steps."""
        self.steps_done += 1
        level = (self.steps_done & -self.steps_done).bit_length() - 1  # the highest node that ends here
        total, halves = steps, self._noisy(steps)
        for lower, share in zip(range(level), _shares(self.levels)[1:], strict=False):
            total = total + self._exact[lower]
            # The node's own noise has variance 1, its estimate `share`: the weight of its own is `share`.
            halves = share * self._noisy(total) + (1 - share) * (halves + self._estimate[lower])
        self._exact[level], self._estimate[level] = total, halves

    def _noisy(self, steps: Integers) -> NDArray[np.float64]:
        noisy: Integers = steps + self._sampler.draw_signed(self.width, self.entropy)
        return noisy.astype(np.float64)


def running_count(epsilon: float, horizon: int, width: int = 1, **options: Any) -> RunningSum:
    """Running counts: a step is 0 or 1 (for a vote with several candidates, one of `width`)."""
    return RunningSum(epsilon, horizon, (0, 1), width, whole=True, **options)


def _shares(levels: int) -> list[float]:
    """Variance of the averaged estimate of a node of each level, in variances of one node's noise.

    Two independent estimates of variance 1 (its own noise) and 2v (its halves) are weighted by their
    inverse variances.
    """
    shares = [1.0]
    while len(shares) < levels:
        shares.append(1 / (1 + 1 / (2 * shares[-1])))
    return shares
