"""What every row must obey: ranges, orders of two columns, combinations that exist."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nlp_deid.synth.columns import Categories, Column, numbers_of, plain
from nlp_deid.synth.encoder import require_columns
from nlp_deid.synth.frames import Floats, SynthError
from nlp_deid.synth.kinds import date_unit

Bools = NDArray[np.bool_]
MOST_ORDERED = 60  # columns of numbers up to which orders are looked for
SEEN = 2  # rows that must share a combination for it to be kept
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_RANGE = re.compile(rf"\s*(?:({_NUMBER})\s*<=\s*)?([^<>=]+?)\s*(?:<=\s*({_NUMBER})\s*)?")
_ORDER = re.compile(r"\s*([^<>=]+?)\s*(<=?)\s*([^<>=]+?)\s*")


@dataclass(frozen=True)
class Range:
    """Numbers of a column lie in [low, high]; missing ones pass."""

    column: str
    low: float | None = None
    high: float | None = None
    kind: ClassVar[str] = "range"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns looked at."""
        return (self.column,)

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Whether each row obeys."""
        numbers = _numbers(frame[self.column])
        bad = np.zeros(len(numbers), dtype=bool)
        if self.low is not None:
            bad |= numbers < self.low
        if self.high is not None:
            bad |= numbers > self.high
        return ~bad


@dataclass(frozen=True)
class Order:
    """One column is at most another (below it, if strict); rows with a missing one pass."""

    low: str
    high: str
    strict: bool = False
    kind: ClassVar[str] = "order"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns looked at."""
        return (self.low, self.high)

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Whether each row obeys."""
        low, high = _numbers(frame[self.low]), _numbers(frame[self.high])
        return ~((low >= high) if self.strict else (low > high))


@dataclass(frozen=True)
class Combination:
    """Values of several columns stand together in a row as they do in at least two training rows."""

    columns: tuple[str, ...]
    allowed: tuple[tuple[str, ...], ...] = ()
    kind: ClassVar[str] = "combination"

    def learned(self, frame: pd.DataFrame) -> Combination:
        """With the combinations of a table."""
        rows = Counter(_tuples(frame, self.columns))
        allowed = sorted(row for row, count in rows.items() if count >= SEEN)
        if not allowed:
            raise SynthError(f"no combination of {', '.join(self.columns)} occurs in {SEEN} rows")
        return Combination(self.columns, tuple(allowed))

    def holds(self, frame: pd.DataFrame) -> Bools:
        """Whether each row obeys."""
        allowed = set(self.allowed)
        return np.array([row in allowed for row in _tuples(frame, self.columns)], dtype=bool)


Constraint = Range | Order | Combination
KINDS: dict[str, type[Range] | type[Order] | type[Combination]] = {
    kind.kind: kind for kind in (Range, Order, Combination)
}


def parse(text: str) -> Constraint:
    """A constraint from "0 <= age <= 110", "0 <= charges", "ap_lo < ap_hi" or "city, state".

    Raises:
        SynthError: none of these.
    """
    if "<" not in text and "," in text:
        return Combination(tuple(name.strip() for name in text.split(",")))
    if (found := _RANGE.fullmatch(text)) and (found[1] or found[3]) and not re.fullmatch(_NUMBER, found[2]):
        return Range(found[2], float(found[1]) if found[1] else None, float(found[3]) if found[3] else None)
    if found := _ORDER.fullmatch(text):
        return Order(found[1], found[3], found[2] == "<")
    raise SynthError(f'constraint {text!r}: write "0 <= a <= 9", "a <= b", "a < b", or "a, b"')


def prepare(constraints: Iterable[Constraint | str], frame: pd.DataFrame) -> tuple[Constraint, ...]:
    """Constraints ready for use, checked against the table.

    Raises:
        SynthError: an unknown column, or a constraint that more than half the rows break.
    """
    ready: list[Constraint] = []
    for given in constraints:
        constraint = parse(given) if isinstance(given, str) else given
        require_columns(frame, constraint.columns, "a constraint names columns that the table lacks: it")
        if isinstance(constraint, Combination) and not constraint.allowed:
            constraint = constraint.learned(frame)
        if constraint.holds(frame).mean() < 0.5:
            raise SynthError(f"the {constraint.kind} of {', '.join(constraint.columns)} fails in most rows")
        ready.append(constraint)
    return tuple(ready)


def declared(constraints: Iterable[Constraint | str]) -> tuple[Constraint, ...]:
    """Constraints that need no look at the table.

    Raises:
        SynthError: combinations, which would have to be learned from it.
    """
    ready = tuple(parse(given) if isinstance(given, str) else given for given in constraints)
    if any(isinstance(constraint, Combination) and not constraint.allowed for constraint in ready):
        raise SynthError("a private fit cannot learn combinations from the table; name them as allowed")
    return ready


def orders_of(frame: pd.DataFrame, numeric: Sequence[str]) -> tuple[Order, ...]:
    """Orders that every row obeys, of columns whose ranges overlap; none if a table has very many columns.

    Of two equal columns one order is kept: rows that obey both could hardly be drawn.
    """
    if len(numeric) > MOST_ORDERED:
        return ()
    found: list[Order] = []
    numbers = {name: _numbers(frame[name]) for name in numeric}
    unit = {name: date_unit(frame[name]) for name in numeric}
    for low in numeric:
        for high in numeric:
            a, b = numbers[low], numbers[high]
            if low == high or unit[low] != unit[high] or not np.nanmax(a) > np.nanmin(b):
                continue
            known = any(order.low == high and order.high == low for order in found)
            if not known and not (a > b).any():
                found.append(Order(low, high, strict=not (a == b).any()))
    return tuple(found)


def holds(constraints: Sequence[Constraint], frame: pd.DataFrame) -> Bools:
    """Whether each row obeys all of them."""
    good = np.ones(len(frame), dtype=bool)
    for constraint in constraints:
        good &= constraint.holds(frame)
    return good


def check_conditions(columns: Iterable[Column], where: Mapping[str, Any]) -> None:
    """Refuse conditions that no row can meet.

    Raises:
        SynthError: a list, a range of text, bounds of the wrong kind or order, values that never occur.
    """
    known = {column.name: column for column in columns}
    for name, wanted in where.items():
        column = known[name]
        if not pd.api.types.is_scalar(wanted) and not (isinstance(wanted, tuple) and len(wanted) == 2):
            raise SynthError(f"the condition on {name!r} must be one value or a pair (low, high)")
        if isinstance(column, Categories) and not isinstance(wanted, tuple):
            shown = pd.Series(list(column.values), dtype=object, name=name)
        elif isinstance(column, Categories):
            shown = pd.Series([value for value in column.values if value is not None], name=name)
            if column.ordered:
                shown = shown.astype(pd.CategoricalDtype(shown, ordered=True))
        elif plain(wanted) is None and not column.missing:
            raise SynthError(f"the condition on {name!r}: no value is missing there")
        else:
            ends = pd.Series([column.values[0], column.values[-1]], name=name)
            low, high = (
                _bounds(ends, wanted, column.unit) if plain(wanted) is not None else (ends[0], ends[0])
            )
            if not (low <= high and low <= ends[1] and high >= ends[0]):
                raise SynthError(f"the condition on {name!r} lies outside what the column holds")
            continue
        if not _meets(shown, wanted, "").any():
            raise SynthError(f"the condition on {name!r}: none of its {len(shown)} values meets it")


def meets(frame: pd.DataFrame, columns: Iterable[Column], where: Mapping[str, Any]) -> Bools:
    """Whether each row meets all conditions; a missing value meets None only."""
    good = np.ones(len(frame), dtype=bool)
    for column in columns:
        if column.name in where:
            unit = "" if isinstance(column, Categories) else column.unit
            good &= _meets(frame[column.name], where[column.name], unit)
    return good


def _meets(series: pd.Series[Any], wanted: Any, unit: str) -> Bools:
    if plain(wanted) is None:
        return series.isna().to_numpy(dtype=bool)
    ordered = isinstance(series.dtype, pd.CategoricalDtype) and bool(series.dtype.ordered)
    if isinstance(wanted, tuple) and ordered:
        codes = [series.cat.categories.get_indexer(pd.Index([end]))[0] for end in wanted]
        if min(codes) < 0:
            raise SynthError(f"the condition on {series.name!r}: low and high must be categories of it")
        return np.asarray((series.cat.codes >= codes[0]) & (series.cat.codes <= codes[1]), dtype=bool)
    numeric = pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype)
    if unit or isinstance(wanted, tuple):
        if not unit and not numeric:
            raise SynthError(
                f"the condition on {series.name!r}: a range needs numbers, dates or ordered values"
            )
        low, high = _bounds(series, wanted, unit)
        numbers = numbers_of(series, unit)
        return np.asarray((numbers >= low) & (numbers <= high))
    same = series.notna() & (series.astype(object).map(str) == str(wanted))
    if numeric:
        with contextlib.suppress(ValueError, TypeError):
            return np.asarray(numbers_of(series) == float(wanted))
    return same.to_numpy(dtype=bool)


def _bounds(series: pd.Series[Any], wanted: Any, unit: str) -> tuple[float, float]:
    """A value or a pair as numbers in the unit of a column."""
    low, high = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    try:
        if unit:
            ends = numbers_of(pd.Series([pd.Timestamp(low), pd.Timestamp(high)]), unit)
            return float(ends[0]), float(ends[1])
        return float(low), float(high)
    except (ValueError, TypeError):
        kind = "dates" if unit else "numbers"
        raise SynthError(f"the condition on {series.name!r} must be of {kind}") from None


def to_dict(constraint: Constraint) -> dict[str, Any]:
    """Plain values for JSON."""
    return {"kind": constraint.kind, **asdict(constraint)}


def from_dict(found: Mapping[str, Any]) -> Constraint:
    """What `to_dict` gave."""
    entry = dict(found)
    kind = entry.pop("kind")
    if kind == Combination.kind:
        return Combination(tuple(entry["columns"]), tuple(tuple(row) for row in entry["allowed"]))
    return KINDS[kind](**entry)


def _numbers(series: pd.Series[Any]) -> Floats:
    try:
        return numbers_of(series, date_unit(series))
    except (ValueError, TypeError):
        raise SynthError(f"column {series.name!r} holds no numbers or dates") from None


def _tuples(frame: pd.DataFrame, columns: Sequence[str]) -> list[tuple[str, ...]]:
    parts = [frame[name].astype(object).where(frame[name].notna(), "").map(str) for name in columns]
    return list(zip(*parts, strict=True))
