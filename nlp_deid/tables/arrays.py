"""Small integer arithmetic that every table module shares: dense numbering and grouping of tuples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_LARGEST = 2**62


def fold(columns: Sequence[NDArray[np.integer[Any]]], cardinalities: Sequence[int]) -> Ints:
    """One number for each tuple of codes; equal numbers exactly where all codes are equal.

    Args:
        columns: the codes of each column, all of one length.
        cardinalities: for each column a bound that its codes stay below.
    """
    key = np.zeros(len(columns[0]) if columns else 0, np.int64)
    span = 1
    for codes, cardinality in zip(columns, cardinalities, strict=True):
        if span * cardinality > _LARGEST:
            distinct, key = np.unique(key, return_inverse=True)
            span = len(distinct)
        key = key * cardinality + codes
        span *= cardinality
    return key


def number(key: Ints, bound: int | None = None) -> tuple[Ints, int]:
    """Dense numbers 0, 1, ... in the order of the keys, and how many there are.

    Args:
        key: numbers, zero or more.
        bound: all keys stay below it; a small one saves the sort.
    """
    if bound is not None and bound <= 64 * len(key) + 1024:
        seen = np.zeros(bound, np.bool_)
        seen[key] = True
        found = np.flatnonzero(seen)
        rank = np.empty(bound, np.int32 if bound < 2**31 else np.int64)
        rank[found] = np.arange(len(found))
        return rank[key].astype(np.int64), len(found)
    distinct, inverse = np.unique(key, return_inverse=True)
    return inverse, len(distinct)


def summed(index: Ints, weights: Ints, length: int) -> Ints:
    """The sum of the weights of each index, exact below 2**53."""
    return np.bincount(index, weights, length).astype(np.int64)
