"""Quantiles by the exponential mechanism over all points of a lattice (Smith, STOC 2011, section 4).

The score of a point is how far the wanted rank lies from the ranks the point may claim. Scores far
from the best are cut off, which leaves their sensitivity as it is: the work does not grow with the
table, and points of equal score are drawn as one group.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np

from nlp_deid.dp.sampling import Entropy, Integers, Table, below, os_entropy, weighted

_NEGLIGIBLE = 64  # a score this many e-folds below the best is as good as any worse one


def quantile_on_lattice(
    ordered: Integers, share: Fraction, slope: Fraction, ends: tuple[int, int], entropy: Entropy = os_entropy
) -> int:
    """A point between the two ends (both included), with P(point) proportional to exp(slope · score).

    Args:
        ordered: the data, sorted, within the ends.
        share: the quantile, 0 to 1.
        slope: ε / 2Δ, where Δ is how many rows one unit may have.
    """
    target = share * len(ordered)
    most = math.ceil(_NEGLIGIBLE / slope)  # distances beyond count as this one
    starts, lows, highs = _stretches(ordered, ends)
    near = (lows < math.ceil(target + most)) & (highs > math.floor(target - most))
    first, last = int(np.argmax(near)), len(near) - int(np.argmax(near[::-1]))
    edges: list[int] = [ends[0], *starts[first:last].tolist(), _end(starts, last, ends), ends[1] + 1]
    distances = [
        Fraction(most),
        *(
            _distance(low, high, target, most)
            for low, high in zip(lows[first:last].tolist(), highs[first:last].tolist(), strict=True)
        ),
        Fraction(most),
    ]
    sizes = [after - before for before, after in pairwise(edges)]
    cells = [(size, distance * slope) for size, distance in zip(sizes, distances, strict=True)]
    chosen = int(Table(weighted(cells)).draw(1, entropy)[0])
    return edges[chosen] + int(below(sizes[chosen], 1, entropy)[0])


def _stretches(ordered: Integers, ends: tuple[int, int]) -> tuple[Integers, Integers, Integers]:
    """Where each stretch of equal score begins, and the least and greatest rank its points may claim.

    A stretch is one value that occurs (it may claim all ranks of its rows) or the gap after it.
    """
    values, counts = np.unique(ordered, return_counts=True)
    upto = np.cumsum(counts)
    starts = np.concatenate([[ends[0]], np.column_stack([values, values + 1]).ravel()])
    lows = np.concatenate([[0], np.column_stack([upto - counts, upto]).ravel()])
    highs = np.concatenate([[0], np.column_stack([upto, upto]).ravel()])
    return starts, lows, highs


def _end(starts: Integers, last: int, ends: tuple[int, int]) -> int:
    """Where the stretch before `last` ends."""
    return int(starts[last]) if last < len(starts) else ends[1] + 1


def _distance(low: int, high: int, target: Fraction, most: int) -> Fraction:
    distance: Fraction = max(low - target, target - high, Fraction(0))
    return min(distance, Fraction(most))
