"""Answers made private by the person who gives them: randomised response and unary encodings.

ε holds for one report; a person who reports again pays again. Estimates are unbiased, so a rare value
may come out below zero.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nlp_deid.dp.checks import PrivacyError, check_epsilon, exact, integers
from nlp_deid.dp.sampling import Entropy, Integers, below, coins, os_entropy, two_cells

Bits = NDArray[np.bool_]


def bucket(value: str, seed: int, size: int) -> int:
    """A cell below `size` for a text; each seed is another hash function, the same on every machine."""
    digest = hashlib.blake2b(value.encode(), digest_size=8, salt=seed.to_bytes(16, "little")).digest()
    return int.from_bytes(digest, "little") % size


@dataclass(frozen=True)
class _Local:
    """What the encodings of one of `categories` values share."""

    epsilon: float
    categories: int
    _: KW_ONLY
    allow_large: bool = False
    entropy: Entropy = field(default=os_entropy, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, self.allow_large)
        if self.categories < 2:
            raise PrivacyError("categories must be at least 2")

    def _values(self, values: ArrayLike) -> Integers:
        given = integers(values).ravel()
        if given.size and not (given.min() >= 0 and given.max() < self.categories):
            raise PrivacyError(f"values must lie from 0 to {self.categories - 1}")
        return given


@dataclass(frozen=True)
class RandomizedResponse(_Local):
    """The true value with probability e^ε / (e^ε + k - 1), else one of the k - 1 others (Warner 1965)."""

    def privatise(self, values: ArrayLike) -> Integers:
        """One report for each value, from 0 to categories - 1."""
        given = self._values(values)
        others = self.categories - 1
        lie = two_cells((1, Fraction(0)), (others, exact(self.epsilon))).draw(given.size, self.entropy)
        return (given + lie * (1 + below(others, given.size, self.entropy))) % self.categories

    def log_probability(self, output: ArrayLike, value: ArrayLike) -> Any:
        """Log of P(report = output) for a true value."""
        lies = self._values(output) != self._values(value)
        total = math.log1p((self.categories - 1) * math.exp(-self.epsilon))
        return -self.epsilon * lies - total

    def estimate(self, reports: ArrayLike) -> NDArray[np.float64]:
        """How many people hold each value."""
        given = self._values(reports)
        truth, lie = self._rates
        counts = np.bincount(given, minlength=self.categories)
        return np.asarray((counts - given.size * lie) / (truth - lie))

    def error(self, people: int) -> float:
        """Standard deviation of the estimate of a rare value."""
        truth, lie = self._rates
        return math.sqrt(people * lie * (1 - lie)) / (truth - lie)

    @property
    def _rates(self) -> tuple[float, float]:
        lie = math.exp(-self.epsilon) / (1 + (self.categories - 1) * math.exp(-self.epsilon))
        return math.exp(self.epsilon) * lie, lie


@dataclass(frozen=True)
class UnaryEncoding(_Local):
    """One bit a value, each reported with noise (Wang et al., USENIX Security 2017).

    Args:
        optimised: True (OUE): the true bit stays with 1/2, others rise with 1/(e^ε + 1). False (SUE,
            as in basic RAPPOR): each bit flips with 1/(e^(ε/2) + 1).
    """

    optimised: bool = True

    def privatise(self, values: ArrayLike) -> Bits:
        """One row of bits for each value."""
        given = self._values(values)
        epsilon = exact(self.epsilon) / (1 if self.optimised else 2)
        noisy = two_cells((1, Fraction(0)), (1, epsilon)).draw(given.size * self.categories, self.entropy)
        bits: Bits = noisy.reshape(given.size, self.categories) == 1
        rows = np.arange(given.size)
        kept = coins(Fraction(1, 2), given.size, self.entropy) if self.optimised else ~bits[rows, given]
        bits[rows, given] = kept
        return bits

    def log_probability(self, output: Bits, value: int) -> float:
        """Log of P(report = output) for a true value."""
        truth, lie = self._rates
        rates = np.full(self.categories, lie)
        rates[self._values(value)] = truth
        return float(np.log(np.where(output, rates, 1 - rates)).sum())

    def estimate(self, reports: Bits) -> NDArray[np.float64]:
        """How many people hold each value."""
        truth, lie = self._rates
        return np.asarray((reports.sum(axis=0) - len(reports) * lie) / (truth - lie))

    def error(self, people: int) -> float:
        """Standard deviation of the estimate of a rare value."""
        truth, lie = self._rates
        return math.sqrt(people * lie * (1 - lie)) / (truth - lie)

    @property
    def _rates(self) -> tuple[float, float]:
        if self.optimised:
            return 0.5, 1 / (math.exp(self.epsilon) + 1)
        lie = 1 / (math.exp(self.epsilon / 2) + 1)
        return 1 - lie, lie
