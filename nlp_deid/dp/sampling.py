"""Exact draws of integers: no floating-point number decides an outcome.

A law is a list of cumulative thresholds known as intervals of integers. A uniform 64-bit word is
looked up among them; where the word falls inside an interval, more bits are drawn and the interval
is computed finer, so the law holds exactly and not up to 2^-64. Randomness comes from the operating
system, or from a seeded source in tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate
from math import ceil

import numpy as np
from numpy.typing import NDArray

Entropy = Callable[[int], bytes]
Integers = NDArray[np.int64]
Bounds = Callable[[int], tuple[list[int], list[int]]]
Weight = tuple[int, Fraction]

WORD = 64
_DIGIT = 256  # cells of the table for one digit of a wide geometric draw
_SMALL_RATE = Fraction(1, 8)
_LEAST_RATE = Fraction(1, 2**60)
os_entropy: Entropy = os.urandom


def exp_bounds(exponent: Fraction, bits: int) -> tuple[int, int]:
    """Integers (low, high) with low <= 2^bits · exp(-exponent) <= high, for an exponent >= 0."""
    if exponent == 0:
        return 1 << bits, 1 << bits
    if exponent > bits:
        return 0, 1
    # The quotient is rounded at the last digit, exp() of it correctly: the product with 2^bits is
    # off by less than one.
    context = Context(prec=bits * 31 // 100 + len(str(int(exponent))) + 6)
    quotient = context.divide(Decimal(exponent.numerator), Decimal(exponent.denominator))
    scaled = int(context.multiply(context.exp(-quotient), Decimal(1 << bits)))
    return max(scaled - 1, 0), scaled + 2


def weighted(weights: Sequence[Weight]) -> Bounds:
    """The thresholds of cells with probabilities proportional to c·exp(-exponent).

    Args:
        weights: (c, exponent) a cell, integers c >= 0 not all zero, exponents >= 0.
    """
    if not any(count for count, _ in weights):
        raise ValueError("a law needs a cell of positive weight")
    least = min(exponent for count, exponent in weights if count)
    cells = [(count, max(exponent - least, Fraction(0))) for count, exponent in weights]
    total = sum(count for count, _ in cells).bit_length()

    def bounds(bits: int) -> tuple[list[int], list[int]]:
        fine = bits + 32 + total
        near = {exponent: exp_bounds(exponent, fine) for exponent in {e for _, e in cells}}
        low = list(accumulate(count * near[exponent][0] for count, exponent in cells))
        high = list(accumulate(count * near[exponent][1] for count, exponent in cells))
        return (
            [(at << bits) // (at + high[-1] - over) for at, over in zip(low[:-1], high[:-1], strict=True)],
            [(over << bits) // (over + low[-1] - at) for at, over in zip(low[:-1], high[:-1], strict=True)],
        )

    return bounds


def decay(rate: Fraction, cells: int) -> Bounds:
    """The thresholds of a geometric law P(i) = (1 - e^-rate) e^(-rate i), cell `cells` holding its tail."""

    def bounds(bits: int) -> tuple[list[int], list[int]]:
        tails = [exp_bounds(rate * (i + 1), bits) for i in range(cells)]
        return [(1 << bits) - high for _, high in tails], [(1 << bits) - low for low, _ in tails]

    return bounds


class Table:
    """A law over the cells 0 to n-1, inverted exactly.

    Args:
        bounds: gives, for a number of bits, integers just below and above the n-1 inner cumulative
            probabilities times 2^bits.
        bits: length of the first look-up, at most 64; a short one makes refinements frequent (tests).
    """

    def __init__(self, bounds: Bounds, bits: int = WORD) -> None:
        self._bounds = bounds
        self._bits = bits
        low, high = bounds(bits)
        top = (1 << bits) - 1
        self._low = np.array([min(max(at, 0), top) for at in low], dtype=np.uint64)
        # One more in front: the place of a word below all thresholds, unsure only if the word is 0.
        self._high = np.array([0, *(min(at, top) for at in high)], dtype=np.uint64)

    def draw(self, size: int, entropy: Entropy = os_entropy) -> Integers:
        """`size` independent cells."""
        drawn = words(size, entropy) >> np.uint64(WORD - self._bits)
        cells = np.searchsorted(self._low, drawn, side="right")
        for i in np.flatnonzero(drawn <= self._high[cells]):
            cells[i] = self._refined(int(drawn[i]), entropy)
        return cells.astype(np.int64, copy=False)

    def _refined(self, word: int, entropy: Entropy) -> int:
        """The cell of a number of which `word` is the beginning."""
        bits = self._bits
        while True:
            bits += WORD
            word = word << WORD | int.from_bytes(entropy(WORD // 8), "little")
            low, high = self._bounds(bits)
            surely = sum(at < word for at in high)
            if surely == sum(at <= word for at in low):
                return surely


def words(size: int, entropy: Entropy) -> NDArray[np.uint64]:
    """`size` uniform 64-bit words."""
    return np.frombuffer(entropy(size * (WORD // 8)), dtype="<u8").astype(np.uint64, copy=False)


def below(limit: int, size: int, entropy: Entropy = os_entropy) -> Integers:
    """`size` uniform integers from 0 to limit-1; a limit of at most 2^63."""
    if not 1 <= limit <= 1 << 63:
        raise ValueError("a limit must lie from 1 to 2^63")
    fair = (1 << WORD) // limit * limit - 1
    drawn = words(size, entropy).copy()
    while (again := np.flatnonzero(drawn > np.uint64(fair))).size:
        drawn[again] = words(again.size, entropy)
    return (drawn % np.uint64(limit)).astype(np.int64)


def coins(probability: Fraction, size: int, entropy: Entropy = os_entropy) -> NDArray[np.bool_]:
    """`size` independent draws, each true with a rational probability in [0, 1]."""
    if not 0 <= probability <= 1:
        raise ValueError("a probability must lie in [0, 1]")
    return below(probability.denominator, size, entropy) < probability.numerator


class Decay:
    """Geometric draws P(i) = (1 - a) a^i with a = e^-rate, for any rational rate > 0.

    The digits of a geometric number in any base are independent, and so is what lies beyond a given
    number: a slow decay is drawn digit by digit, a long tail piece by piece.
    """

    def __init__(self, rate: Fraction) -> None:
        if rate < _LEAST_RATE:
            raise ValueError("ε is too small against the sensitivity: their quotient must be at least 2^-60")
        self.rate = rate
        self._digits: list[Table] = []
        while rate < _SMALL_RATE:
            self._digits.append(Table(weighted([(1, i * rate) for i in range(_DIGIT)])))
            rate *= _DIGIT
        self._cells = min(_DIGIT, ceil(WORD / rate) + 1)
        self._top = Table(decay(rate, self._cells))

    def draw(self, size: int, entropy: Entropy = os_entropy) -> Integers:
        """`size` independent numbers >= 0."""
        total = self._top.draw(size, entropy)
        beyond = np.flatnonzero(total == self._cells)
        while beyond.size:
            more = self._top.draw(beyond.size, entropy)
            total[beyond] += more
            beyond = beyond[more == self._cells]
        for digit in reversed(self._digits):
            total = total * _DIGIT + digit.draw(size, entropy)
        return total

    def draw_signed(self, size: int, entropy: Entropy = os_entropy) -> Integers:
        """Two-sided draws, P(k) = (1 - a)/(1 + a) a^|k|: the difference of two one-sided ones."""
        return self.draw(size, entropy) - self.draw(size, entropy)


@lru_cache(maxsize=64)
def decay_of(rate: Fraction) -> Decay:
    """The sampler of a rate; its tables are built once."""
    return Decay(rate)


@lru_cache(maxsize=64)
def two_cells(first: Weight, second: Weight) -> Table:
    """The exact coin between two weights; cell 1 is the second."""
    return Table(weighted([first, second]))
