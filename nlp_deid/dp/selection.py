"""Choosing one of several candidates by score: the exponential mechanism and permute-and-flip."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nlp_deid.dp.checks import PrivacyError, check_alpha, check_epsilon, check_sensitivity, exact, reals
from nlp_deid.dp.sampling import Entropy, Integers, Table, Weight, decay, os_entropy, weighted, words

_CHUNK = 1 << 20  # most flips held at once
_LAST = np.uint64(2**64 - 1)  # behind every key


@dataclass(frozen=True)
class Exponential:
    """Choose i with probability proportional to exp(ε u_i / 2Δ) (McSherry and Talwar, FOCS 2007).

    Args:
        epsilon: privacy loss of one choice.
        sensitivity: the most by which one candidate's score differs between neighbours.
        monotonic: no added record lowers any score (or none raises any); the 2 is then not needed.
        permute_and_flip: the law of McKenna and Sheldon (NeurIPS 2020), never worse at the same ε.
        allow_large: lets ε exceed 10.
        entropy: source of random bytes; only tests name another than the operating system.
    """

    epsilon: float
    sensitivity: float = 1.0
    _: KW_ONLY
    monotonic: bool = False
    permute_and_flip: bool = False
    allow_large: bool = False
    entropy: Entropy = field(default=os_entropy, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, self.allow_large)
        check_sensitivity(self.sensitivity)

    def choose(self, scores: ArrayLike) -> int:
        """The index of one candidate.

        Raises:
            PrivacyError: no candidates, or NaN, infinite or too large scores.
        """
        return int(self.choose_many(scores, 1)[0])

    release = choose

    def choose_many(self, scores: ArrayLike, times: int) -> Integers:
        """`times` independent choices, each at the price of ε."""
        costs = self._costs(scores)
        if self.permute_and_flip:
            rows = max(_CHUNK // len(costs), 1)
            parts = [self._flips(costs, min(rows, times - at)) for at in range(0, times, rows)]
            return np.concatenate(parts)
        return Table(weighted([(1, cost) for cost in costs])).draw(times, self.entropy)

    def choose_weighted(self, scores: Sequence[Fraction | int], sizes: Sequence[int]) -> int:
        """The index of one group of equal candidates; group i stands for `sizes[i]` of score `scores[i]`."""
        if self.permute_and_flip or len(scores) != len(sizes):
            raise PrivacyError("groups of candidates need as many sizes and the exponential law")
        best = max(scores)
        cells: list[Weight] = [
            (n, (best - score) * self._slope) for score, n in zip(scores, sizes, strict=True)
        ]
        return int(Table(weighted(cells)).draw(1, self.entropy)[0])

    def log_probability(self, output: ArrayLike, scores: ArrayLike) -> Any:
        """Log of P(choose(scores) = output), for one index or an array of them."""
        costs = np.array([float(cost) for cost in self._costs(scores)])
        law = _flip_law(costs) if self.permute_and_flip else np.exp(-costs) / np.exp(-costs).sum()
        with np.errstate(divide="ignore"):
            return np.log(law)[np.asarray(output)]

    def accuracy(self, alpha: float, candidates: int) -> float:
        """A gap t between the best score and the chosen one that is exceeded with P <= alpha."""
        return math.log(candidates / check_alpha(alpha)) / float(self._slope)

    def variance(self, scores: ArrayLike) -> float:
        """Variance of the score of the chosen candidate."""
        given = reals(scores, "scores").ravel()
        law = np.exp(self.log_probability(np.arange(given.size), given))
        return float(law @ (given - law @ given) ** 2)

    @property
    def _slope(self) -> Fraction:
        return exact(self.epsilon) / Fraction(self.sensitivity) / (1 if self.monotonic else 2)

    def _costs(self, scores: ArrayLike) -> list[Fraction]:
        """ε (u_max - u_i) / 2Δ, exactly."""
        given = reals(scores, "scores")
        if given.ndim != 1 or not given.size:
            raise PrivacyError("scores: one number for each candidate, and at least one candidate, is needed")
        best = Fraction(float(given.max()))
        return [(best - Fraction(score)) * self._slope for score in given.tolist()]

    def _flips(self, costs: list[Fraction], times: int) -> Integers:
        """In random order each candidate is taken with exp(-cost); the first one taken is chosen."""
        keys = self._orders(times, len(costs))
        for i, cost in enumerate(costs):
            if cost:
                refused = Table(decay(cost, 1)).draw(times, self.entropy) == 0
                keys[refused, i] = _LAST
        chosen: Integers = np.argmin(keys, axis=1).astype(np.int64)
        return chosen

    def _orders(self, rows: int, columns: int) -> NDArray[np.uint64]:
        """Keys whose order is uniform in every row; two equal keys have no fair order and are drawn again."""
        while True:
            keys = words(rows * columns, self.entropy).reshape(rows, columns) >> np.uint64(1)
            ordered = np.sort(keys, axis=1)
            if not (ordered[:, 1:] == ordered[:, :-1]).any():
                return keys


def _flip_law(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(i) = q_i ∫ Π_(j≠i) (1 - t q_j) dt over [0, 1], q = e^-cost; Gauss-Legendre is exact for it."""
    from scipy.special import roots_legendre

    q = np.exp(-costs)
    nodes, weights = roots_legendre(len(q) // 2 + 1)
    factors = 1 - np.outer((nodes + 1) / 2, q)
    law = [weights / 2 @ np.delete(factors, i, axis=1).prod(axis=1) * q[i] for i in range(len(q))]
    return np.array(law)
