"""Tests that try to refute a claimed ε from samples: a bound that no ε-private release can break.

Half of the draws choose the event, the other half measure it with exact binomial limits, so the
search costs no validity. A pass proves nothing (the closed form does); a failure proves a leak.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlp_deid.dp.checks import PrivacyError

_CUTS = 200


@dataclass(frozen=True)
class Finding:
    """The most telling event found: ε is at least `epsilon`, with the confidence that was asked for."""

    epsilon: float
    event: str


def refute(first: NDArray[np.float64], second: NDArray[np.float64], alpha: float = 1e-6) -> Finding:
    """The largest ε that outputs on two neighbours prove.

    Args:
        first: outputs on one input, one row a run (one column or several).
        second: outputs on its neighbour, as many columns.
        alpha: probability that an honest release is accused, over the whole search.
    """
    one, two = _rows(first), _rows(second)
    if one.shape[1] != two.shape[1] or min(len(one), len(two)) < 100:
        raise PrivacyError("both inputs need at least 100 runs with equally many outputs")
    best = Finding(0.0, "none")
    for a, b in ((one, two), (two, one)):
        best = max(best, _one_way(a, b, alpha / 2), key=lambda finding: finding.epsilon)
    return best


def epsilon_of_counts(hits: int, runs: int, other_hits: int, other_runs: int, alpha: float) -> float:
    """The ε proved by an event fixed beforehand: exact (Clopper-Pearson) limits on both sides."""
    from scipy.stats import beta

    low = float(beta.ppf(alpha / 2, hits, runs - hits + 1)) if hits else 0.0
    high = (
        float(beta.ppf(1 - alpha / 2, other_hits + 1, other_runs - other_hits))
        if other_hits < other_runs
        else 1.0
    )
    return max(math.log(low / high), 0.0) if low else 0.0


def _one_way(first: NDArray[np.float64], second: NDArray[np.float64], alpha: float) -> Finding:
    """Events more likely on the first input: chosen on even rows, measured on odd ones."""
    best_score, chosen = -math.inf, None
    for name, f, g in _views(first[::2], second[::2]):
        f, g = np.sort(f), np.sort(g)
        cuts = _cuts(f, g)
        for side in ("<=", ">=", "="):
            hits, others = _counts(f, side, cuts), _counts(g, side, cuts)
            # Two standard deviations off either way: only a guide, the other half measures.
            low = np.maximum(hits - 2 * np.sqrt(hits) - 1, 1e-9) / len(f)
            score = np.log(low * len(g) / (others + 2 * np.sqrt(others) + 3))
            if score.max() > best_score:
                best_score, chosen = float(score.max()), (name, side, cuts[score.argmax()])
    if chosen is None:
        return Finding(0.0, "none")
    name, side, cut = chosen
    f, g = next((f, g) for other, f, g in _views(first[1::2], second[1::2]) if other == name)
    hit, other = (int(_counts(np.sort(values), side, np.array([cut]))[0]) for values in (f, g))
    epsilon = epsilon_of_counts(hit, len(f), other, len(g), alpha)
    return Finding(epsilon, f"{name} {side} {cut:.6g}")


def _rows(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    array = np.asarray(outputs, dtype=np.float64)
    return array[:, None] if array.ndim == 1 else array


def _views(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> Iterator[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Single numbers to look at: every output, the sum, every step from one output to the next, the spread."""
    columns = first.shape[1]
    for i in range(columns):
        yield f"output {i}", first[:, i], second[:, i]
    if columns > 1:
        yield "sum", first.sum(axis=1), second.sum(axis=1)
        yield "mean step size", *(np.abs(np.diff(a, axis=1)).mean(axis=1) for a in (first, second))
        for i in range(columns - 1):
            yield f"step {i}", first[:, i + 1] - first[:, i], second[:, i + 1] - second[:, i]


def _cuts(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles and the most frequent single outcomes."""
    both = np.concatenate([first, second])
    values, counts = np.unique(both, return_counts=True)
    frequent = values[np.argsort(-counts)[:_CUTS]]
    quantiles = np.quantile(both, np.linspace(0, 1, _CUTS))
    cuts: NDArray[np.float64] = np.unique(np.concatenate([quantiles, frequent]))
    return cuts


def _counts(ordered: NDArray[np.float64], side: str, cuts: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many sorted values lie at, below or above each cut."""
    upto, before = (np.searchsorted(ordered, cuts, side=end) for end in ("right", "left"))
    return {"<=": upto, ">=": len(ordered) - before, "=": upto - before}[side]
