"""The staircase law on the integers: P(k) = c · b^(|k| div D) · (1 if |k| mod D < r else b), b = e^-ε.

D is the sensitivity in steps, r the width of the upper part of each stair (Geng and Viswanath, arXiv
1212.1186, equation 10 for the reals and section VI for the integers).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nlp_deid.dp.sampling import Entropy, Integers, below, decay_of, two_cells

_FLAT = 1e-3  # below it the best step is half the width, up to rounding
_FEW = 4096  # up to this width every step is tried, beyond it the law is as good as continuous


@dataclass(frozen=True)
class Steps:
    """One staircase law; `width` is D, `step` is r, 1 <= r <= D."""

    epsilon: Fraction
    width: int
    step: int

    @property
    def _b(self) -> float:
        return math.exp(-float(self.epsilon))

    @cached_property
    def _mass_at_0(self) -> float:
        b, rest = self._b, -math.expm1(-float(self.epsilon))  # rest is 1 - b
        return rest / (2 * self.step + 2 * b * (self.width - self.step) - rest)

    def draw(self, size: int, entropy: Entropy) -> Integers:
        """`size` draws: a stair, its part, a place in the part, a sign; "-0" is drawn again."""
        drawn = self._once(size, entropy)
        while (again := np.flatnonzero(drawn == _MINUS_ZERO)).size:
            drawn[again] = self._once(again.size, entropy)
        return drawn

    def _once(self, size: int, entropy: Entropy) -> Integers:
        r, d = self.step, self.width
        stair = decay_of(self.epsilon).draw(size, entropy)
        place = below(r, size, entropy)
        if d > r:
            lower = two_cells((r, Fraction(0)), (d - r, self.epsilon)).draw(size, entropy) == 1
            place[lower] = r + below(d - r, int(lower.sum()), entropy)
        magnitude = stair * d + place
        minus = below(2, size, entropy) == 1
        return np.where(minus, np.where(magnitude == 0, _MINUS_ZERO, -magnitude), magnitude)

    def log_mass(self, steps: Integers) -> NDArray[np.float64]:
        """Log-probability of each integer."""
        stair, place = np.divmod(np.abs(steps), self.width)
        drops = stair + (place >= self.step)
        return np.asarray(math.log(self._mass_at_0) - float(self.epsilon) * drops, dtype=np.float64)

    def tail(self, least: int) -> float:
        """P(|k| >= least) for an integer least >= 1."""
        stair, place = divmod(least, self.width)
        r, d, b = self.step, self.width, self._b
        rest = (r - place) + b * (d - r) if place < r else b * (d - place)
        later = b / -math.expm1(-float(self.epsilon)) * (r + b * (d - r))
        return 2 * self._mass_at_0 * math.exp(-float(self.epsilon) * stair) * (rest + later)

    def quantile(self, alpha: float) -> int:
        """The least t with P(|k| > t) <= alpha."""
        low, high = 0, self.width
        while self.tail(high + 1) > alpha:
            high *= 2
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self.tail(middle + 1) <= alpha else (middle + 1, high)
        return low

    @property
    def variance(self) -> float:
        """The second moment, summed in closed form over the stairs."""
        return float(_moment(float(self.epsilon), self.width, np.float64(self.step), 2))

    @property
    def mean_error(self) -> float:
        """E|k|."""
        return float(_moment(float(self.epsilon), self.width, np.float64(self.step), 1))


_MINUS_ZERO = np.iinfo(np.int64).min


def best_step(epsilon: float, width: int, optimal: str) -> int:
    """The step that minimises E|k| ("L1") or the variance, from 1 to width."""
    if width <= _FEW:
        steps = np.arange(1, width + 1, dtype=np.float64)
        return int(np.argmin(_moment(epsilon, width, steps, 1 if optimal == "L1" else 2))) + 1
    b = math.exp(-epsilon)
    if epsilon < _FLAT:
        share = 0.5
    elif optimal == "L1":
        share = math.exp(-epsilon / 2) / (1 + math.exp(-epsilon / 2))
    else:
        cubic = b - 2 * b**2 + 2 * b**4 - b**5
        share = -b / (1 - b) + cubic ** (1 / 3) / (2 ** (1 / 3) * (1 - b) ** 2)
    return min(max(round(share * width), 1), width)


def _moment(
    epsilon: float, width: int, step: NDArray[np.float64] | np.float64, power: int
) -> NDArray[np.float64]:
    """E|k| or E k² for steps r: sums of i and i² over a stair, then over the stairs j with weight b^j."""
    b, d, r = math.exp(-epsilon), float(width), np.asarray(step)
    rest = -math.expm1(-epsilon)  # 1 - b
    mass = rest / (2 * r + 2 * b * (d - r) - rest)
    sums = [np.ones_like(r) * 0.0] * 3
    for weight, first, last in ((1.0, np.zeros_like(r), r), (b, r, np.full_like(r, d))):
        part = _power_sums(last)
        before = _power_sums(first)
        sums = [total + weight * (p - q) for total, p, q in zip(sums, part, before, strict=True)]
    # Sums over j of b^j, j b^j, j² b^j.
    stairs = 1 / rest, b / rest**2, b * (1 + b) / rest**3
    if power == 1:
        return np.asarray(2 * mass * (d * stairs[1] * sums[0] + stairs[0] * sums[1]))
    return np.asarray(
        2 * mass * (d * d * stairs[2] * sums[0] + 2 * d * stairs[1] * sums[1] + stairs[0] * sums[2])
    )


def _power_sums(n: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Sums of 1, i, i² over 0 <= i < n."""
    return n, n * (n - 1) / 2, (n - 1) * n * (2 * n - 1) / 6
