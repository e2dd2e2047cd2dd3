"""How alike two tables are, column by column and pair by pair."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nlp_deid.synth.columns import numbers_of
from nlp_deid.synth.frames import Floats
from nlp_deid.synth.kinds import FEW, date_unit
from nlp_deid.synth.neighbours import Space

PIECES = 10  # of a column of numbers, for pairs


def marginals(real: pd.DataFrame, synthetic: pd.DataFrame) -> dict[str, float]:
    """For each column 1 for equal laws down to 0 for disjoint ones.

    Numbers and dates: 1 less the Kolmogorov-Smirnov distance; categories: 1 less the total variation.
    Missing values count as a category, and for numbers as far apart as their shares are.
    """
    found = {}
    for name in real.columns:
        unit = date_unit(real[name])
        if unit or (pd.api.types.is_numeric_dtype(real[name].dtype) and real[name].notna().any()):
            a, b = numbers_of(real[name], unit), numbers_of(synthetic[name], unit)
            gaps = abs(float(np.isnan(a).mean() - np.isnan(b).mean()))
            a, b = np.sort(a[~np.isnan(a)]), np.sort(b[~np.isnan(b)])
            found[name] = 1 - max(_kolmogorov(a, b) if len(b) else 1.0, gaps)
        else:
            found[name] = 1 - _variation(_shares(real[name]), _shares(synthetic[name]))
    return found


def pairs(real: pd.DataFrame, synthetic: pd.DataFrame) -> tuple[list[str], Floats]:
    """Column names, and for each pair 1 less the total variation of their joint law.

    Numbers fall into tenths of the real column.
    """
    names = list(real.columns)
    coded = [_coded(real[name], synthetic[name]) for name in names]
    alike = np.ones((len(names), len(names)))
    for i, (a, b) in enumerate(coded):
        for j, (c, d) in enumerate(coded[:i]):
            width = int(max(c.max(), d.max())) + 1
            size = int(max(a.max(), b.max()) + 1) * width
            first = np.bincount(a * width + c, minlength=size) / len(a)
            second = np.bincount(b * width + d, minlength=size) / len(b)
            alike[i, j] = alike[j, i] = 1 - np.abs(first - second).sum() / 2
    return names, alike


def correlations(frame: pd.DataFrame, space: Space) -> Floats:
    """Correlations of the numbers and of the one-hot categories; 0 where one is constant."""
    points = space.place(frame)
    centred = points - points.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    scaled = np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 1e-12)
    return np.asarray(scaled.T @ scaled)


def cosine(real: Floats, synthetic: Floats) -> float:
    """Cosine of the angle between the mean rows of two tables in `Space`; 1 if they point one way."""
    a, b = real.mean(axis=0), synthetic.mean(axis=0)
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def row_cosine(real: Floats, synthetic: Floats, most: int = 2000) -> float:
    """Mean over synthetic rows of the highest cosine with a real row: how similar, not identical, they are."""
    a, b = _unit(real[:most]), _unit(synthetic[:most])
    return float((b @ a.T).max(axis=1).mean())


def _unit(points: Floats) -> Floats:
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12))


def _kolmogorov(a: Floats, b: Floats) -> float:
    at = np.concatenate([a, b])
    apart = np.searchsorted(a, at, "right") / len(a) - np.searchsorted(b, at, "right") / len(b)
    return float(np.abs(apart).max())


def _shares(series: pd.Series[Any]) -> pd.Series[float]:
    return series.astype(object).where(series.notna(), "").map(str).value_counts(normalize=True)


def _variation(a: pd.Series[float], b: pd.Series[float]) -> float:
    return float(a.sub(b, fill_value=0.0).abs().sum() / 2)


def _coded(real: pd.Series[Any], synthetic: pd.Series[Any]) -> tuple[Any, Any]:
    """Both columns as small whole numbers by the same rule."""
    unit = date_unit(real)
    numeric = unit or pd.api.types.is_numeric_dtype(real.dtype)
    if numeric and real.nunique() > FEW:
        a, b = numbers_of(real, unit), numbers_of(synthetic, unit)
        edges = np.unique(np.nanquantile(a, np.linspace(0, 1, PIECES + 1)[1:-1]))
        gap = len(edges) + 1
        pieces = [np.where(np.isnan(x), gap, np.searchsorted(edges, x, "right")) for x in (a, b)]
        return pieces[0], pieces[1]
    both = pd.concat([real.astype(object), synthetic.astype(object)])
    codes = pd.factorize(both.where(both.notna(), "").map(_as_text))[0]
    return codes[: len(real)], codes[len(real) :]


def _as_text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
