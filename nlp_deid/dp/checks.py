"""What every call of this package checks before anything is drawn or charged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp_deid.dp.sampling import Integers

LARGE_EPSILON = 10.0
MOST = 2**53


class PrivacyError(ValueError):
    """A call that cannot be private, or data it cannot be private for; no value of the data in it."""


def check_epsilon(epsilon: float, allow_large: bool = False) -> float:
    """A usable ε: finite, above 0, and at most 10 unless large ones are allowed."""
    if isinstance(epsilon, bool) or not (math.isfinite(epsilon) and epsilon > 0):
        raise PrivacyError(f"ε must be a finite number above 0, not {epsilon}")
    if epsilon > LARGE_EPSILON and not allow_large:
        raise PrivacyError(
            f"ε = {epsilon:g} protects nobody in earnest; above {LARGE_EPSILON:g} allow_large must be set"
        )
    return float(epsilon)


def exact(number: float) -> Fraction:
    """The decimal number that was written: ten times 0.1 is 1, which it is not in binary."""
    return Fraction(repr(float(number)))


def check_delta(delta: float) -> float:
    """A usable δ: from 0 up to, but not including, 1."""
    if not 0 <= delta < 1:
        raise PrivacyError(f"δ must lie in [0, 1), not {delta}")
    return float(delta)


def check_sensitivity(sensitivity: float) -> float:
    """A usable sensitivity: finite and above 0."""
    if isinstance(sensitivity, bool) or not (math.isfinite(sensitivity) and sensitivity > 0):
        raise PrivacyError(f"a sensitivity must be a finite number above 0, not {sensitivity}")
    return float(sensitivity)


def check_whole(sensitivity: float) -> int:
    """A usable sensitivity of integers: a whole number above 0."""
    if check_sensitivity(sensitivity) != int(sensitivity) or sensitivity > MOST:
        raise PrivacyError(
            f"the sensitivity of integers must be a whole number up to 2^53, not {sensitivity}"
        )
    return int(sensitivity)


def check_alpha(alpha: float) -> float:
    """A usable probability of a larger error."""
    if not 0 < alpha < 1:
        raise PrivacyError(f"alpha must lie strictly between 0 and 1, not {alpha}")
    return float(alpha)


def check_bounds(bounds: Sequence[float] | None) -> tuple[float, float]:
    """Usable bounds: two finite numbers, the lower first."""
    if bounds is None:
        raise PrivacyError("bounds are missing: name (low, high), or find them at a price with find_bounds")
    if len(bounds) != 2 or not all(math.isfinite(at) and abs(at) <= MOST for at in bounds):
        raise PrivacyError("bounds must be two finite numbers of at most 2^53 in size")
    low, high = float(bounds[0]), float(bounds[1])
    if not low < high:
        raise PrivacyError("the lower bound must lie below the upper one")
    return low, high


def reals(value: Any, what: str = "value") -> NDArray[np.float64]:
    """Finite numbers of at most 2^53 in size, as doubles; any shape."""
    array = np.asarray(value)
    if array.dtype.kind not in "buif":
        raise PrivacyError(f"{what}: numbers are needed")
    if array.dtype.kind in "ui" and array.size and max(int(array.max()), -int(array.min())) > MOST:
        raise PrivacyError(f"{what}: integers beyond 2^53 are refused")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise PrivacyError(f"{what}: NaN or infinite numbers are refused")
    if array.size and np.abs(array).max() > MOST:
        raise PrivacyError(f"{what}: numbers beyond 2^53 are refused")
    return array


def integers(value: Any, what: str = "value") -> Integers:
    """Whole numbers of at most 2^53 in size; any shape."""
    array = reals(value, what)
    if not (array == np.floor(array)).all():
        raise PrivacyError(f"{what}: whole numbers are needed")
    return array.astype(np.int64)
