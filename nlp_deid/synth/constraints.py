"""What every row must obey: ranges, orders of two columns, combinations that exist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nlp_deid.synth.columns import numbers_of
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
    """Orders that every row obeys, of columns whose ranges overlap; none if a table has very many columns."""
    if len(numeric) > MOST_ORDERED:
        return ()
    found = []
    numbers = {name: _numbers(frame[name]) for name in numeric}
    unit = {name: date_unit(frame[name]) for name in numeric}
    for low in numeric:
        for high in numeric:
            a, b = numbers[low], numbers[high]
            if low == high or unit[low] != unit[high] or not np.nanmax(a) > np.nanmin(b):
                continue
            if not (a > b).any():
                found.append(Order(low, high, strict=not (a == b).any()))
    return tuple(found)


def holds(constraints: Sequence[Constraint], frame: pd.DataFrame) -> Bools:
    """Whether each row obeys all of them."""
    good = np.ones(len(frame), dtype=bool)
    for constraint in constraints:
        good &= constraint.holds(frame)
    return good


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
