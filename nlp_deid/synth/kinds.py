"""Which kind each column of a table is: categories, numbers or dates; and which look like identifiers."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pandas as pd

from nlp_deid.synth.columns import (
    PEOPLE,
    Categories,
    Column,
    Numbers,
    curve_of,
    decimals_of,
    numbers_of,
    plain,
    shares_of,
)
from nlp_deid.synth.frames import SynthError

FEW = 12  # whole numbers with at most so many distinct values are categories
MOST_CATEGORIES = 300
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


class SynthWarning(UserWarning):
    """Something about a table that its owner should know; names columns and counts only."""


def warn(message: str) -> None:
    """Warn the caller of the package."""
    warnings.warn(message, SynthWarning, stacklevel=3)


def identifiers(frame: pd.DataFrame) -> list[str]:
    """Columns that look like identifiers: text or whole numbers of which (nearly) every row has its own."""
    found = []
    for name in frame.columns:
        series = frame[name].dropna()
        if len(series) < 20 or date_unit(series):
            continue
        own = series.nunique() / len(series)
        whole = pd.api.types.is_integer_dtype(series.dtype)
        if (whole and own == 1) or (_may_be_text(series) and own > 0.9):
            found.append(str(name))
    return found


def date_unit(series: pd.Series[Any]) -> str:
    """ "day" or "second" for a column of dates or of ISO dates as text, else ""."""
    present = series.dropna()
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return "day" if (present == present.dt.normalize()).all() else "second"
    if not _may_be_text(series) or present.empty or not all(isinstance(value, str) for value in present):
        return ""
    for unit, form in (("day", _DAY), ("second", _TIME)):
        if all(form.fullmatch(value) for value in present):
            times = pd.to_datetime(present, errors="coerce")
            return unit if times.notna().all() else ""
    return ""


def _may_be_text(series: pd.Series[Any]) -> bool:
    """Texts are objects up to pandas 2, and of a dtype of their own from pandas 3 on."""
    return bool(series.dtype == object or isinstance(series.dtype, pd.StringDtype))


def learn(series: pd.Series[Any]) -> Column:
    """The kind of a column and what is kept of it.

    A column with fewer than `PEOPLE` values among more rows counts as missing throughout.

    Raises:
        SynthError: text of which no value occurs twice, too many categories, or mixed types.
    """
    name, dtype = str(series.name), str(series.dtype)
    present_rows = int(series.notna().sum())
    if 0 < present_rows < min(PEOPLE, len(series)):
        warn(f"column {name!r}: only {present_rows} values, which tells of single people; all left out")
        series = series.where(np.zeros(len(series), dtype=bool))
    unit = date_unit(series)
    numeric = pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)
    if series.notna().any() and (unit or (numeric and not _few(series))):
        numbers = numbers_of(series, unit)
        present = numbers[~np.isnan(numbers)]
        places, values = curve_of(present)
        missing = 1 - len(present) / len(numbers)
        text = bool(unit) and not dtype.startswith("datetime64")
        decimals = 0 if unit else decimals_of(present)
        return Numbers(name, places, values, decimals, dtype, missing, unit, text)
    return _categories(series, name, dtype)


def _few(series: pd.Series[Any]) -> bool:
    present = series.dropna()
    return present.nunique() <= FEW and bool((present == present.round()).all())


def _categories(series: pd.Series[Any], name: str, dtype: str) -> Categories:
    counts = series.value_counts(dropna=False)
    table = {plain(value): int(count) for value, count in counts.items() if count}
    if len({type(value) for value in table if value is not None}) > 1:
        raise SynthError(f"column {name!r}: values of several types; make them all text or all numbers")
    if any(not isinstance(value, str | int | float | bool | None) for value in table):
        raise SynthError(f"column {name!r}: values must be text, numbers, truth values or dates")
    once = [value for value, count in table.items() if count == 1 and value is not None]
    if once and len(table) > 1:
        if len(once) == len(table):
            raise SynthError(f"column {name!r}: no value occurs twice; it looks like an identifier, drop it")
        warn(f"column {name!r}: {len(once)} categories occur once, which tells of one person; left out")
        table = {value: count for value, count in table.items() if value not in set(once)}
    if len(table) > MOST_CATEGORIES:
        raise SynthError(
            f"column {name!r}: {len(table)} categories, at most {MOST_CATEGORIES} are possible; group or drop it"
        )
    ordered = isinstance(series.dtype, pd.CategoricalDtype) and bool(series.dtype.ordered)
    order = list(series.dtype.categories) if isinstance(series.dtype, pd.CategoricalDtype) else None
    values = sorted(
        table, key=lambda value: (value is None, order.index(value) if order and value is not None else value)
    )
    return Categories(name, tuple(values), shares_of([table[value] for value in values]), dtype, ordered)
