"""Totals of a table, exact and in whole numbers: what queries add noise to.

A unit (a person) may have many rows; at most `max_rows` of them, drawn at random, take part. Sums are
taken over integers on a lattice, so no order of addition changes them and their sensitivity is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nlp_deid.dp.checks import PrivacyError, check_bounds, reals
from nlp_deid.dp.sampling import Entropy, Integers, os_entropy, words

FINENESS = 30
MISSING = ("refuse", "skip")
Key = tuple[str, ...]


@dataclass(frozen=True)
class Bins:
    """Numbers grouped into [edge, next edge); the last bin holds its upper edge. Others fall out."""

    column: str
    edges: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.edges) < 2 or not all(math.isfinite(edge) for edge in self.edges):
            raise PrivacyError("a histogram needs at least two finite edges")
        if list(self.edges) != sorted(set(self.edges)):
            raise PrivacyError("the edges of a histogram must rise")

    @property
    def names(self) -> list[str]:
        """The bins in order, as keys of groups."""
        inner = [f"[{a:.12g}, {b:.12g})" for a, b in zip(self.edges, self.edges[1:], strict=False)]
        return [*inner[:-1], inner[-1][:-1] + "]"]


@dataclass(frozen=True)
class Term:
    """What is added up: ((clamped value - centre)^power) in lattice steps of `grain`."""

    column: str
    low: float
    high: float
    centre: float = 0.0
    power: int = 1

    @property
    def most(self) -> float:
        """The largest size of one row's share."""
        return float(max(abs(self.low - self.centre), abs(self.high - self.centre)) ** self.power)

    @property
    def grain(self) -> float:
        """The lattice step: a power of two, 2^30 of which reach `most`."""
        return math.ldexp(1.0, math.frexp(self.most)[1] - 1 - FINENESS)

    @property
    def steps(self) -> int:
        """`most` in lattice steps, rounded up."""
        return math.ceil(self.most / self.grain)  # both are doubles and grain a power of two: exact


Group = str | Bins


class Totals(Protocol):
    """A table that can be grouped and added up; in memory or on a cluster."""

    @property
    def unit(self) -> str: ...
    @property
    def max_rows(self) -> int: ...

    def totals(self, by: Sequence[Group], terms: Sequence[Term]) -> dict[Key, tuple[int, ...]]:
        """For each group that occurs: the number of rows, and the sum of each term in its grain."""


@dataclass(frozen=True)
class Frame:
    """A table in memory, its units bounded.

    Args:
        columns: numbers as doubles, anything else as text; all of one length, nothing missing.
        unit: "row", or the name of the column that tells the units apart.
        max_rows: the most rows of one unit.
    """

    columns: dict[str, NDArray[Any]]
    unit: str = "row"
    max_rows: int = 1

    def __post_init__(self) -> None:
        if len({len(values) for values in self.columns.values()}) != 1 or not self.rows:
            raise PrivacyError("the table is empty, or its columns differ in length")

    @property
    def rows(self) -> int:
        """Rows that take part; exact, so not to be published."""
        return len(next(iter(self.columns.values())))

    def totals(self, by: Sequence[Group], terms: Sequence[Term]) -> dict[Key, tuple[int, ...]]:
        """For each group that occurs: the number of rows, and the sum of each term in its grain."""
        keep = np.ones(self.rows, dtype=bool)
        codes = np.zeros(self.rows, dtype=np.int64)
        names: list[list[str]] = []
        for group in by:
            code, values = self._codes(group)
            keep &= code >= 0
            codes = codes * len(values) + code
            names.append(values)
        present, place = np.unique(codes[keep], return_inverse=True)
        sums = [np.bincount(place, minlength=len(present))]
        for term in terms:
            total = np.zeros(len(present), dtype=np.int64)
            np.add.at(total, place, self.steps(term)[keep])
            sums.append(total)
        return {
            _key(code, names): tuple(int(total[i]) for total in sums)
            for i, code in enumerate(present.tolist())
        }

    def steps(self, term: Term) -> Integers:
        """Each row's share of a term, rounded half up to the lattice."""
        clamped = np.clip(self.numbers(term.column), term.low, term.high)
        scaled = (clamped - term.centre) ** term.power / term.grain
        whole: Integers = np.floor(scaled).astype(np.int64)
        # The arithmetic above rounds; cut off what it may have added beyond the sensitivity.
        return np.clip(whole + (scaled - whole >= 0.5), -term.steps, term.steps)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column of numbers."""
        return reals(self._column(column), f"column {column}")

    def _column(self, column: str) -> NDArray[Any]:
        if column not in self.columns:
            raise PrivacyError(f"no column {column}; there are {', '.join(self.columns)}")
        return self.columns[column]

    def _codes(self, group: Group) -> tuple[Integers, list[str]]:
        """A code for each row (-1: in no bin) and the texts that codes stand for."""
        if isinstance(group, str):
            texts, code = np.unique(self._column(group).astype(str), return_inverse=True)
            return code.astype(np.int64), texts.tolist()
        numbers, edges = self.numbers(group.column), np.array(group.edges)
        code = np.searchsorted(edges, numbers, side="right") - 1
        code[numbers == edges[-1]] = len(edges) - 2
        code[code > len(edges) - 2] = -1
        return code.astype(np.int64), group.names


def _key(code: int, names: list[list[str]]) -> Key:
    """The texts that a combined code stands for, the last column varying fastest."""
    key = []
    for values in reversed(names):
        code, place = divmod(code, len(values))
        key.append(values[place])
    return tuple(reversed(key))


def bound_units(units: NDArray[Any], max_rows: int, entropy: Entropy = os_entropy) -> NDArray[np.bool_]:
    """Which rows take part: at most `max_rows` of each unit, drawn at random."""
    _, codes = np.unique(units, return_inverse=True)
    order = np.lexsort((words(len(codes), entropy), codes))
    ordered = codes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(ordered)) - np.repeat(starts, np.diff(np.r_[starts, len(ordered)]))
    keep = np.zeros(len(codes), dtype=bool)
    keep[order[rank < max_rows]] = True
    return keep


def read_frame(
    path: Path | str,
    columns: Sequence[str],
    unit: str = "row",
    max_rows: int | None = None,
    missing: str = "refuse",
) -> Frame:
    """A CSV or Parquet table with the named columns.

    Args:
        columns: the columns that queries need.
        unit: the column that tells the units apart, or "row" if every row is a unit of its own.
        max_rows: the most rows of one unit that take part; needed with a unit.
        missing: what is done about rows with a missing or non-finite value: "refuse" the table, or
            "skip" them.

    Raises:
        PrivacyError: unreadable or empty table, unknown columns, missing values. No message holds a value.
    """
    if (unit == "row") != (max_rows is None):
        raise PrivacyError("--unit and --max-rows belong together: how many rows of one unit may take part")
    if max_rows is not None and max_rows < 1:
        raise PrivacyError("max_rows must be at least 1")
    if missing not in MISSING:
        raise PrivacyError(f"missing: allowed are {', '.join(MISSING)}")
    needed = list(dict.fromkeys([*columns, *([] if unit == "row" else [unit])]))
    table = _read(Path(path), needed)
    arrays, lacking = {}, np.zeros(table.num_rows, dtype=bool)
    for name in needed:
        arrays[name], gaps = _array(table, name)
        if gaps.any() and missing == "refuse":
            raise PrivacyError(f"column {name}: missing or non-finite values; clean them, or skip such rows")
        lacking |= gaps
    if not needed:
        arrays["row"] = np.zeros(table.num_rows)
    arrays = {name: values[~lacking] for name, values in arrays.items()}
    if unit != "row" and len(arrays[unit]):
        keep = bound_units(arrays[unit], max_rows or 1)
        arrays = {name: values[keep] for name, values in arrays.items()}
    return Frame(arrays, unit, max_rows or 1)


def _read(path: Path, columns: list[str]) -> Any:
    """The table as Arrow."""
    try:
        import pyarrow as pa
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as missing:
        raise PrivacyError("tables need pyarrow: pip install nlp-deid[dp]") from missing
    try:
        table = pa.parquet.read_table(path) if path.suffix == ".parquet" else pa.csv.read_csv(path)
    except (OSError, pa.ArrowException):
        raise PrivacyError(f"{path}: cannot be read as {path.suffix or 'a CSV'} table") from None
    unknown = [name for name in columns if table.column_names.count(name) != 1]
    if unknown:
        raise PrivacyError(
            f"no single column {', '.join(unknown)}; there are {', '.join(table.column_names)}"
        )
    return table


def _array(table: Any, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """A column as numbers or text, and where it has gaps."""
    import pyarrow as pa

    column = table[name]
    gaps = column.is_null().to_numpy()
    if pa.types.is_integer(column.type):
        return column.fill_null(0).to_numpy(), gaps
    if pa.types.is_floating(column.type):
        values = column.fill_null(math.nan).to_numpy().astype(np.float64)
        return values, gaps | ~np.isfinite(values)
    return np.array(column.cast(pa.string()).fill_null("").to_pylist(), dtype=str), gaps


def term(column: str, bounds: Sequence[float] | None, centred: bool = False, power: int = 1) -> Term:
    """A term with checked bounds; centred ones are measured from the middle of the bounds."""
    low, high = check_bounds(bounds)
    return Term(column, low, high, (low + high) / 2 if centred else 0.0, power)
