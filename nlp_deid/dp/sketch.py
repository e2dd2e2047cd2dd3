"""Counts of texts from a large domain: Apple's count mean sketch, plain (CMS) and by Hadamard (HCMS).

Apple Differential Privacy Team, "Learning with Privacy at Scale" (2017). ε is per report; a device that
reports daily pays daily.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nlp_deid.dp.checks import PrivacyError, check_epsilon, exact
from nlp_deid.dp.local import bucket
from nlp_deid.dp.sampling import Entropy, Integers, Table, below, os_entropy, two_cells

Signs = NDArray[np.int8]


@dataclass(frozen=True)
class Sketch:
    """The settings that clients and server share.

    Args:
        epsilon: privacy loss of one report.
        rows: hash functions (k of the paper); each report uses one at random.
        width: cells of a row (m), a power of two for Hadamard.
        hadamard: a report is one bit (HCMS) instead of a row of bits (CMS).
    """

    epsilon: float
    rows: int = 1024
    width: int = 1024
    hadamard: bool = False
    _: KW_ONLY
    allow_large: bool = False
    entropy: Entropy = field(default=os_entropy, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_epsilon(self.epsilon, self.allow_large)
        if self.rows < 1 or self.width < 2:
            raise PrivacyError("rows must be at least 1, and the width at least 2")
        if self.hadamard and self.width & (self.width - 1):
            raise PrivacyError("a Hadamard sketch needs a width that is a power of two")

    def privatise(self, values: Sequence[str]) -> tuple[Integers, Integers, Signs]:
        """One report for each value: (row, place, signs).

        Returns:
            Row of the sketch for each report; place in it, for Hadamard only, else 0; signs +1 or -1,
            one a report for Hadamard, else a row of `width`.
        """
        rows = below(self.rows, len(values), self.entropy)
        cells = np.array(
            [bucket(v, int(row), self.width) for v, row in zip(values, rows, strict=True)], np.int64
        )
        if self.hadamard:
            places = below(self.width, len(values), self.entropy)
            truth = _hadamard(places, cells)[:, None]
        else:
            places = np.zeros(len(values), dtype=np.int64)
            truth = np.full((len(values), self.width), -1, dtype=np.int8)
            truth[np.arange(len(values)), cells] = 1
        flips = self._coin.draw(truth.size, self.entropy).reshape(truth.shape)
        return rows, places, truth * (1 - 2 * flips).astype(np.int8)

    def log_probability(self, signs: Signs, place: int, cell: int) -> float:
        """Log of P(signs | row and place) for a value whose cell in that row is `cell`."""
        truth = _hadamard(np.array([place]), np.array([cell])) if self.hadamard else np.full(self.width, -1)
        if not self.hadamard:
            truth[cell] = 1
        wrong = int((np.asarray(signs) != truth).sum())
        return wrong * math.log(self.flip) + (truth.size - wrong) * math.log(1 - self.flip)

    @property
    def flip(self) -> float:
        """Probability that a sign is turned."""
        return 1 / (1 + math.exp(self.epsilon if self.hadamard else self.epsilon / 2))

    @property
    def scale(self) -> float:
        """c of the paper: what a sign counts for, so that its mean is the truth."""
        return 1 / (1 - 2 * self.flip)

    def error(self, people: int, squares: float = 0.0) -> float:
        """Standard deviation of the estimate of a rare value.

        Args:
            squares: sum of the squared counts of all values, whose collisions add to the error.
        """
        shared = 1 / self.width * (1 - 1 / self.width)
        noise = self.scale**2 if self.hadamard else (self.scale**2 - 1) / 4 + shared
        widen = self.width / (self.width - 1)
        return widen * math.sqrt(people * noise + squares * shared / self.rows)

    @property
    def _coin(self) -> Table:
        """1 where a sign is turned."""
        return two_cells((1, Fraction(0)), (1, exact(self.epsilon) / (1 if self.hadamard else 2)))


@dataclass
class SketchServer:
    """Adds up reports; estimates the count of any value."""

    settings: Sketch
    people: int = 0

    def __post_init__(self) -> None:
        self._sums = np.zeros((self.settings.rows, self.settings.width))

    def add(self, rows: Integers, places: Integers, signs: Signs) -> None:
        """Take in reports as `privatise` gives them."""
        settings = self.settings
        if settings.hadamard:
            np.add.at(self._sums, (rows, places), settings.rows * settings.scale * signs[:, 0])
        else:
            np.add.at(self._sums, rows, settings.rows * (settings.scale / 2 * signs + 0.5))
        self.people += len(rows)

    def estimate(self, values: Sequence[str]) -> NDArray[np.float64]:
        """How many people hold each value; unbiased, so possibly below zero."""
        settings = self.settings
        sums = _transformed(self._sums) if settings.hadamard else self._sums
        seen = [
            np.mean([sums[row, bucket(value, row, settings.width)] for row in range(settings.rows)])
            for value in values
        ]
        width = settings.width
        return width / (width - 1) * (np.array(seen) - self.people / width)


def simulate(settings: Sketch, values: Sequence[str], chunk: int = 2048) -> SketchServer:
    """A server that got one report from each of many clients."""
    server = SketchServer(settings)
    for start in range(0, len(values), chunk):
        server.add(*settings.privatise(values[start : start + chunk]))
    return server


def _hadamard(rows: Integers, columns: Integers) -> Signs:
    """Entries of the Hadamard matrix: (-1) to the number of bits that row and column share."""
    odd = (np.bitwise_count(rows & columns) % 2).astype(np.int8)
    return np.where(odd == 1, np.int8(-1), np.int8(1))


def _transformed(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows times the Hadamard matrix, by the fast transform."""
    width = sums.shape[1]
    out = sums.copy()
    step = 1
    while step < width:
        pairs = out.reshape(len(out), -1, 2, step)
        out = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2)
        out = out.reshape(len(sums), width)
        step *= 2
    return out
