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
        for side, cut in _events(f, g):
            hits, others = _count(f, side, cut), _count(g, side, cut)
            score = epsilon_of_counts(hits, len(f), others, len(g), 0.05)
            if score > best_score:
                best_score, chosen = score, (name, side, cut)
    if chosen is None:
        return Finding(0.0, "none")
    name, side, cut = chosen
    f, g = next((f, g) for other, f, g in _views(first[1::2], second[1::2]) if other == name)
    epsilon = epsilon_of_counts(_count(f, side, cut), len(f), _count(g, side, cut), len(g), alpha)
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


def _events(first: NDArray[np.float64], second: NDArray[np.float64]) -> Iterator[tuple[str, float]]:
    """Half-lines at quantiles and the most frequent single outcomes."""
    both = np.concatenate([first, second])
    for cut in np.unique(np.quantile(both, np.linspace(0, 1, _CUTS))):
        yield "<=", float(cut)
        yield ">=", float(cut)
    values, counts = np.unique(both, return_counts=True)
    for value in values[np.argsort(-counts)[:_CUTS]]:
        yield "=", float(value)


def _count(values: NDArray[np.float64], side: str, cut: float) -> int:
    if side == "=":
        return int((values == cut).sum())
    return int((values <= cut).sum() if side == "<=" else (values >= cut).sum())
