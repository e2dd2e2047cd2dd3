"""How sure a figure is: bootstrap intervals, and approximate randomisation for two systems.

Both draw whole notes, or whole patients, never spans: spans of one note stand or fall together.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import TypeVar

from nlp_deid.scoring import Score, Share

CONFIDENCE = 0.95

Count = TypeVar("Count", Score, Share)


def bootstrap(units: Sequence[Share], resamples: int, seed: int) -> tuple[float, float] | None:
    """95 % percentile interval of the pooled share over units drawn with replacement; None without data.

    When every unit has the same value the interval has no width: with n notes and no failure the true
    share of failures may still be near 3/n.

    Raises:
        ValueError: fewer than 100 resamples, too few for the tails.
    """
    if resamples < 100:
        raise ValueError(f"{resamples} resamples are too few; at least 100")
    counts = [unit.count for unit in units]
    totals = [unit.total for unit in units]
    draw = random.Random(seed)
    values = []
    for _ in range(resamples if units else 0):
        chosen = draw.choices(range(len(units)), k=len(units))
        if total := sum(map(totals.__getitem__, chosen)):
            values.append(sum(map(counts.__getitem__, chosen)) / total)
    if not values:
        return None
    values.sort()
    tail = (1 - CONFIDENCE) / 2 * (len(values) - 1)
    return values[math.floor(tail)], values[math.ceil(len(values) - 1 - tail)]


def randomise(
    a: Sequence[Count], b: Sequence[Count], figure: Callable[[Count], float], trials: int, seed: int
) -> float:
    """Two-sided p of the difference of a figure between two systems, unit by unit the same notes.

    Approximate randomisation (Noreen 1989; Yeh 2000, COLING): swap the two systems' counts of each unit
    with probability 1/2 and count how often the difference is at least as large; p = (n + 1) / (trials + 1).

    Raises:
        ValueError: different numbers of units, or none.
    """
    if len(a) != len(b) or not a:
        raise ValueError(f"{len(a)} and {len(b)} units; both systems need the same notes, at least one")
    kind = type(a[0])
    rows_a, rows_b = ([astuple(unit) for unit in side] for side in (a, b))
    total_a, total_b = ([sum(column) for column in zip(*rows, strict=True)] for rows in (rows_a, rows_b))
    # Units where both systems agree change nothing when swapped.
    deltas = [
        [y - x for x, y in zip(row_a, row_b, strict=True)]
        for row_a, row_b in zip(rows_a, rows_b, strict=True)
        if row_a != row_b
    ]

    def difference(moved: Sequence[int]) -> float:
        left = figure(kind(*(total + move for total, move in zip(total_a, moved, strict=True))))
        right = figure(kind(*(total - move for total, move in zip(total_b, moved, strict=True))))
        return abs(left - right)

    nothing = [0] * len(total_a)
    # Sums in another order may differ in the last bits; ties count as at least as large.
    observed = difference(nothing) - 1e-12
    draw = random.Random(seed)
    extreme = 0
    for _ in range(trials):
        bits = draw.getrandbits(len(deltas)) if deltas else 0
        swapped = (delta for place, delta in enumerate(deltas) if bits >> place & 1)
        extreme += difference([sum(column) for column in zip(nothing, *swapped, strict=True)]) >= observed
    return (extreme + 1) / (trials + 1)
