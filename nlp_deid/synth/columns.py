"""Columns as numbers a network can make, and back.

A category becomes one-hot. A number becomes its place in the column's own distribution, uniform on
[-1, 1] whatever the skew; a value that many rows share (a spike) owns an interval of it, in which its
rows are spread at random. What is kept of a column is its curve: each point is a value that several
rows share or the mean of several neighbouring values, so that no number of one person is stored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from nlp_deid.synth.frames import Floats, Generator

PEOPLE = 5  # a stored number stands for at least so many rows, if the table has as many
POINTS = 128  # of a curve, at most, beside its spikes
MOST_DECIMALS = 8


@dataclass(frozen=True)
class Categories:
    """A column of categories, truth values or few whole numbers.

    Args:
        name: of the column.
        values: all that may come out; None stands for missing.
        shares: how common each is.
        dtype: pandas dtype of what comes out.
        ordered: the dtype is an ordered pandas category.
    """

    name: str
    values: tuple[Any, ...]
    shares: tuple[float, ...]
    dtype: str
    ordered: bool = False
    kind: ClassVar[str] = "categories"

    @property
    def width(self) -> int:
        """How many numbers encode one value."""
        return len(self.values)

    @property
    def variety(self) -> float:
        """How many values may come out."""
        return len(self.values)

    def encode(self, series: pd.Series[Any], rng: Generator) -> Floats:
        """One-hot rows; a value that is not known is drawn by the shares of the known ones."""
        place = {value: at for at, value in enumerate(self.values)}
        codes, distinct = pd.factorize(series, use_na_sentinel=True)
        known = np.array(
            [place.get(plain(value), -1) for value in distinct] + [place.get(None, -1)], dtype=int
        )
        found = known[codes]
        strange = found < 0
        found[strange] = rng.choice(self.width, int(strange.sum()), p=self.shares)
        return np.asarray(np.eye(self.width)[found])

    def decode(self, block: Floats) -> pd.Series[Any]:
        """Values from one-hot rows."""
        values = np.empty(self.width, dtype=object)
        values[:] = self.values
        series = pd.Series(values[block.argmax(axis=1)], name=self.name, dtype=object)
        if self.dtype == "category":
            known = [value for value in self.values if value is not None]
            return series.astype(pd.CategoricalDtype(known, ordered=self.ordered))
        return _cast(series, self.dtype)


@dataclass(frozen=True)
class Numbers:
    """A column of numbers or dates.

    Args:
        name: of the column.
        places, values: the curve: rising places on [0, 1] and the value there; a spike is flat.
        decimals: to round to.
        dtype: pandas dtype of what comes out.
        missing: the share of missing values.
        unit: "" for numbers; "day" or "second" for dates, whose numbers count these from 1970.
        text: dates come out as ISO text.
    """

    name: str
    places: tuple[float, ...]
    values: tuple[float, ...]
    decimals: int
    dtype: str
    missing: float = 0.0
    unit: str = ""
    text: bool = False
    kind: ClassVar[str] = "numbers"

    @property
    def width(self) -> int:
        """How many numbers encode one value: its place and, if values may be missing, a one-hot of two."""
        return 3 if self.missing else 1

    @property
    def variety(self) -> float:
        """How many values may come out."""
        return round((self.values[-1] - self.values[0]) * 10.0**self.decimals) + 1 + bool(self.missing)

    def encode(self, series: pd.Series[Any], rng: Generator) -> Floats:
        """Places on [-1, 1]; a missing value has a random one."""
        numbers = numbers_of(series, self.unit)
        gaps = np.isnan(numbers)
        grain = 10.0**-self.decimals
        curve, at = np.asarray(self.values), np.asarray(self.places)
        numbers = np.clip(np.where(gaps, curve[0], numbers), curve[0], curve[-1])
        spread = numbers + grain * (rng.random(len(numbers)) - 0.5)
        place = np.interp(spread, curve, at)
        low = np.searchsorted(curve, numbers - grain / 4)
        high = np.searchsorted(curve, numbers + grain / 4) - 1
        flat = ~gaps & (high > low)
        start, end = at[low[flat]], at[high[flat]]
        place[flat] = start + (end - start) * rng.random(int(flat.sum()))
        place[gaps] = rng.random(int(gaps.sum()))
        place = np.asarray(2 * place - 1, dtype=np.float64)
        return np.column_stack([place, ~gaps, gaps]).astype(np.float64) if self.missing else place[:, None]

    def decode(self, block: Floats) -> pd.Series[Any]:
        """Numbers or dates from places."""
        place = (np.clip(block[:, 0], -1, 1) + 1) / 2
        curve, at = np.asarray(self.values), np.asarray(self.places)
        high = np.clip(np.searchsorted(at, place), 1, len(at) - 1)
        step = np.maximum(at[high] - at[high - 1], 1e-12)
        numbers = curve[high - 1] + (curve[high] - curve[high - 1]) * ((place - at[high - 1]) / step)
        numbers = np.round(np.clip(numbers, curve[0], curve[-1]), self.decimals)
        if self.missing:
            numbers[block[:, 2] > block[:, 1]] = np.nan
        if self.unit:
            return _dates(pd.Series(numbers, name=self.name), self.unit, self.text, self.dtype)
        return _cast(pd.Series(numbers, name=self.name), self.dtype)


Column = Categories | Numbers


def plain(value: Any) -> Any:
    """A Python scalar for a numpy or pandas one; None if it is missing."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def numbers_of(series: pd.Series[Any], unit: str = "") -> Floats:
    """A series as doubles, NaN where missing; dates as days or seconds from 1970."""
    if not unit:
        return pd.to_numeric(series).to_numpy(dtype=np.float64, na_value=np.nan)
    times = pd.to_datetime(series)
    seconds = (times - pd.Timestamp(0)) / pd.Timedelta(1, "s" if unit == "second" else "D")
    found: Any = seconds.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.asarray(found, dtype=np.float64)


def decimals_of(numbers: Floats) -> int:
    """The fewest decimals that keep every number as it is."""
    for decimals in range(MOST_DECIMALS):
        if np.allclose(numbers, np.round(numbers, decimals), rtol=0, atol=1e-9):
            return decimals
    return MOST_DECIMALS


def curve_of(numbers: Floats, points: int = POINTS) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Places and values of a column's curve (see `Numbers`).

    A value is a spike if at least `PEOPLE` rows and half a point's worth of rows share it.
    """
    ordered = np.sort(numbers)
    size = len(ordered)
    people = min(PEOPLE, size)
    chunk = max(people, math.ceil(size / points))
    distinct, first, count = np.unique(ordered, return_index=True, return_counts=True)
    spikes = np.flatnonzero(count >= max(people, chunk / 2))
    places: list[float] = []
    values: list[float] = []
    start = 0
    for spike in [*spikes, None]:
        end = size if spike is None else int(first[spike])
        for piece in _pieces(start, end, chunk, people):
            places.append((piece.start + piece.stop) / 2 / size)
            values.append(float(ordered[piece].mean()))
        if spike is not None:
            start = end + int(count[spike])
            places += [end / size, start / size]  # the spike's own interval
            values += [float(distinct[spike])] * 2
    if not values:
        places, values = [0.5], [float(ordered.mean())]
    places = [0.0, *places, 1.0]
    values = [values[0], *values, values[-1]]
    return tuple(places), tuple(np.maximum.accumulate(values).tolist())


def _pieces(start: int, end: int, chunk: int, people: int) -> list[slice]:
    """Near-equal runs of [start, end), each of at least `people` rows; none if there are fewer."""
    if end - start < people:
        return []
    edges = np.linspace(start, end, max(1, (end - start) // chunk) + 1).round().astype(int)
    return [slice(a, b) for a, b in pairwise(edges.tolist())]


def _dates(numbers: pd.Series[Any], unit: str, text: bool, dtype: str) -> pd.Series[Any]:
    times = pd.to_datetime(numbers.round(), unit="s" if unit == "second" else "D")
    if not text:
        return times.astype(pd.api.types.pandas_dtype(dtype))
    form = "%Y-%m-%d" if unit == "day" else "%Y-%m-%dT%H:%M:%S"
    return _cast(times.dt.strftime(form).astype(object), dtype)


def _cast(series: pd.Series[Any], dtype: str) -> pd.Series[Any]:
    """The dtype of the training column, or the nearest one that holds missing values."""
    if series.isna().any() and (dtype.startswith(("int", "uint")) or dtype == "bool"):
        return series.astype("float64" if dtype != "bool" else object)
    if dtype == "str":  # how pandas 3 has texts; older ones have objects
        return series.astype(pd.Series([""]).dtype)
    return series.astype(pd.api.types.pandas_dtype(dtype))


def shares_of(counts: Sequence[int]) -> tuple[float, ...]:
    """Counts as shares of their sum."""
    total = sum(counts)
    return tuple(count / total for count in counts)
