"""A table whose columns have roles, each column coded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from nlp_deid.tables.arrays import Bools, Ints
from nlp_deid.tables.classes import Collapsed, Column, collapse
from nlp_deid.tables.frames import Frame, TableError, polars, to_polars
from nlp_deid.tables.hierarchy import MISSING, TOP, Hierarchy

if TYPE_CHECKING:
    import polars as pl

ROLES = ("identifier", "quasi", "sensitive", "keep")


def encode(series: pl.Series, hierarchy: Hierarchy | None = None) -> Column:
    """A series as a coded column."""
    pl = polars()
    text = series if series.dtype == pl.String else _as_text(series)
    distinct = text.unique().drop_nulls().to_list()
    values = [value for value in distinct if value != MISSING]
    values.sort(key=_sort_key(values))
    codes = text.cast(pl.Enum(values), strict=False).to_physical()
    if codes.null_count():
        codes = codes.cast(pl.UInt32).fill_null(len(values))
        values.append(MISSING)
    return Column(series.name, values, codes.to_numpy(), hierarchy)


def _as_text(series: pl.Series) -> pl.Series:
    """Numbers, dates and truth values as text; whole floats without a fraction, NaN as missing."""
    pl = polars()
    if series.dtype.is_float():
        series = series.fill_nan(None)
        if series.drop_nulls().floor().eq(series.drop_nulls()).all():
            series = series.cast(pl.Int64, strict=False)
    if series.dtype.is_nested():
        raise TableError(f"column {series.name!r}: lists and structures are no values of a table")
    return series.cast(pl.String)


def _sort_key(values: Iterable[str]) -> type[float] | None:
    try:
        return float if all(np.isfinite(float(value)) for value in values) else None
    except ValueError:
        return None


class Table:
    """A frame whose columns have roles.

    Attributes:
        frame: the polars frame.
        quasi, sensitive, identifiers: the columns of these roles; all others are kept as they are.
    """

    def __init__(
        self,
        frame: Frame,
        quasi: Iterable[str] = (),
        sensitive: Iterable[str] = (),
        identifiers: Iterable[str] = (),
        hierarchies: Mapping[str, Hierarchy] | None = None,
        weight: str | None = None,
    ) -> None:
        """Hold a frame.

        Args:
            frame: polars, pandas or Arrow.
            quasi, sensitive, identifiers: column names.
            hierarchies: of the quasi-identifiers, and of sensitive columns for distances.
            weight: the column that says how many records a row stands for.

        Raises:
            TableError: an unknown column, one with two roles, or weights that are not whole numbers.
        """
        self.frame = to_polars(frame)
        self.quasi, self.sensitive, self.identifiers = list(quasi), list(sensitive), list(identifiers)
        self._hierarchies = dict(hierarchies or {})
        self._columns: dict[str, Column] = {}
        roles: dict[str, str] = {}
        for role, names in zip(ROLES, (self.identifiers, self.quasi, self.sensitive), strict=False):
            for name in names:
                if name not in self.frame.columns:
                    known = ", ".join(map(repr, self.frame.columns))
                    raise TableError(f"column {name!r} ({role}) is not in the table; it has {known}")
                if name in roles:
                    raise TableError(
                        f"column {name!r} is both {roles[name]} and {role}; a column has one role"
                    )
                roles[name] = role

        self._weights = None if weight is None else self._whole_numbers(weight)

    @property
    def records(self) -> int:
        """The number of records: of rows, or the sum of their weights."""
        return len(self) if self._weights is None else int(self._weights.sum())

    def __len__(self) -> int:
        return self.frame.height

    def __repr__(self) -> str:
        return f"Table({len(self)} rows, quasi {self.quasi}, sensitive {self.sensitive})"

    def column(self, name: str) -> Column:
        """A column, coded when it is first asked for."""
        if name not in self.frame.columns:
            raise TableError(f"column {name!r} is not in the table")
        if name not in self._columns:
            self._columns[name] = encode(self.frame[name], self._hierarchies.get(name))
        return self._columns[name]

    def collapse(self, attributes: Iterable[str] = ()) -> Collapsed:
        """The distinct tuples of the quasi-identifiers with their counts and attributes."""
        names = list(dict.fromkeys(attributes))
        return collapse(
            [self.column(q) for q in self.quasi], [self.column(a) for a in names], len(self), self._weights
        )

    def suppressed(self, collapsed: Collapsed) -> Bools:
        """The tuples whose every quasi-identifier is "*": suppressed records."""
        stars = [np.array([v == TOP for v in self.column(q).values]) for q in self.quasi]
        every = [star[collapsed.tuples[:, j]] for j, star in enumerate(stars)]
        return np.asarray(np.logical_and.reduce(every))

    def _whole_numbers(self, weight: str) -> Ints:
        column = self.column(weight)
        values = column.numbers[column.codes]
        if not ((values >= 1) & (values % 1 == 0)).all():
            raise TableError(f"column {weight!r} must hold whole numbers, 1 or more, none missing")
        return np.asarray(values, np.int64)
