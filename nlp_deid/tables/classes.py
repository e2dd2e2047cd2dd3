"""What privacy models read: coded columns, distinct tuples with counts, equivalence classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp_deid.tables.arrays import Bools, Floats, Ints, fold, number, summed
from nlp_deid.tables.frames import TableError
from nlp_deid.tables.hierarchy import MISSING, Hierarchy


@dataclass(frozen=True)
class Column:
    """A column as codes.

    Attributes:
        name: its name.
        values: the distinct values as text, in order (of numbers if all are numbers, else of
            text); a missing value is the last one, "".
        codes: for each row the index of its value.
        hierarchy: its hierarchy, for models that measure distances by it.
    """

    name: str
    values: list[str]
    codes: NDArray[np.integer[Any]]
    hierarchy: Hierarchy | None = None

    @property
    def missing(self) -> int:
        """The code of a missing value, or -1 if none is missing."""
        return len(self.values) - 1 if self.values and self.values[-1] == MISSING else -1

    @cached_property
    def numbers(self) -> Floats:
        """The values as numbers; NaN for a missing one.

        Raises:
            TableError: a value is no number.
        """
        try:
            return np.array([float(v) if v != MISSING else np.nan for v in self.values])
        except ValueError:
            raise TableError(f"column {self.name!r} must hold numbers only") from None


@dataclass(frozen=True)
class Classes:
    """Equivalence classes, and how often each value of each attribute occurs in them.

    Attributes:
        sizes: the records of each class.
        attributes: the columns that models read, by name (their codes are not used here).
        cell_class, cell_codes, cell_counts: the classes' contents: class, one code an attribute
            (array cells x attributes), number of records.
        totals: for each attribute the records of each value in the whole table.
        ignore_missing: missing values of attributes are no value (else a value of their own).
    """

    sizes: Ints
    attributes: dict[str, Column]
    cell_class: Ints
    cell_codes: Ints
    cell_counts: Ints
    totals: dict[str, Ints]
    ignore_missing: bool = False

    def __len__(self) -> int:
        return len(self.sizes)

    def column(self, name: str) -> Column:
        """An attribute's column.

        Raises:
            TableError: it was not declared when the classes were made.
        """
        try:
            return self.attributes[name]
        except KeyError:
            raise TableError(f"column {name!r} is not in the table") from None

    def counts(self, name: str) -> tuple[Ints, Ints, Ints]:
        """(class, value, records) of each value that occurs in a class, sorted by class and value."""
        column = self.column(name)
        width = len(column.values)
        at = list(self.attributes).index(name)
        key = self.cell_class * width + self.cell_codes[:, at]
        if len(self) * width <= 8 * len(key) + 65536:
            dense = summed(key, self.cell_counts, len(self) * width)
            found = np.flatnonzero(dense)
            records = dense[found]
        else:
            found, inverse = np.unique(key, return_inverse=True)
            records = summed(inverse, self.cell_counts, len(found))
        if self.ignore_missing and column.missing >= 0:
            known = found % width != column.missing
            found, records = found[known], records[known]
        return found // width, found % width, records

    def total(self, name: str) -> Ints:
        """The records of each value of an attribute in the whole table."""
        column, total = self.column(name), self.totals[name]
        if self.ignore_missing and column.missing >= 0:
            total = total.copy()
            total[column.missing] = 0
        return total

    def joined(self, names: Sequence[str]) -> tuple[Classes, Ints]:
        """The classes split further by the values of `names`; and for each part its class."""
        places = [list(self.attributes).index(self.column(name).name) for name in names]
        widths = [len(self.attributes[name].values) for name in names]
        key = fold([self.cell_class, *(self.cell_codes[:, at] for at in places)], [len(self), *widths])
        part, parts = number(key)
        whole = np.zeros(parts, np.int64)
        whole[part] = self.cell_class
        sizes = summed(part, self.cell_counts, parts)
        return replace(self, sizes=sizes, cell_class=part), whole

    def gathered(self, owner: Ints, member: Ints, count: int) -> Classes:
        """Classes made of others, which may be in several: class `member[i]` is part of `owner[i]`."""
        sizes = summed(owner, self.sizes[member], count)
        order = np.argsort(self.cell_class, kind="stable")
        cells = np.bincount(self.cell_class, minlength=len(self))
        start = np.cumsum(cells) - cells
        span = cells[member]
        at = order[
            np.arange(span.sum()) - np.repeat(np.cumsum(span) - span, span) + np.repeat(start[member], span)
        ]
        return replace(
            self,
            sizes=sizes,
            cell_class=np.repeat(owner, span),
            cell_codes=self.cell_codes[at],
            cell_counts=self.cell_counts[at],
        )

    def select(self, wanted: Bools) -> Classes:
        """The classes where `wanted` is true, in order; the table's totals stay."""
        place = np.cumsum(wanted) - 1
        inside = wanted[self.cell_class]
        return replace(
            self,
            sizes=self.sizes[wanted],
            cell_class=place[self.cell_class[inside]],
            cell_codes=self.cell_codes[inside],
            cell_counts=self.cell_counts[inside],
        )


class Collapsed:
    """The distinct tuples of the quasi-identifiers, their counts and their attributes' contents.

    Attributes:
        tuples: (tuples, quasi-identifiers) codes, in lexical order.
        counts: the records of each tuple.
        row_tuple: for each row its tuple.
        attributes: the columns that models read.
        cell_tuple, cell_codes, cell_counts: as in `Classes`, by tuple.
    """

    def __init__(self, quasi: Sequence[Column], attributes: Sequence[Column], rows: int) -> None:
        self.quasi = list(quasi)
        self.attributes = {column.name: column for column in attributes}
        widths = [len(column.values) for column in quasi]
        key = fold([column.codes for column in quasi], widths) if quasi else np.zeros(rows, np.int64)
        span = int(np.prod([float(width) for width in widths])) if quasi else 1
        self.row_tuple, tuples = number(key, span if span < 2**31 else None)
        first = np.empty(tuples, np.int64)
        first[self.row_tuple[::-1]] = np.arange(rows - 1, -1, -1)
        self.tuples: Ints = (
            np.stack([c.codes[first] for c in quasi], 1) if quasi else np.zeros((tuples, 0), np.int64)
        )
        self.counts: Ints = np.bincount(self.row_tuple, minlength=tuples).astype(np.int64)
        self._collapse_cells(list(attributes), rows)

    def _collapse_cells(self, attributes: list[Column], rows: int) -> None:
        if not attributes:
            self.cell_tuple = np.arange(len(self.counts))
            self.cell_codes = np.zeros((len(self.counts), 0), np.int64)
            self.cell_counts, self.row_cell = self.counts, self.row_tuple
            return
        widths = [len(column.values) for column in attributes]
        key = fold([self.row_tuple, *(c.codes for c in attributes)], [max(len(self.counts), 1), *widths])
        self.row_cell, cells = number(key)
        first = np.empty(cells, np.int64)
        first[self.row_cell[::-1]] = np.arange(rows - 1, -1, -1)
        self.cell_tuple = self.row_tuple[first]
        self.cell_codes = np.stack([c.codes[first] for c in attributes], 1)
        self.cell_counts = np.bincount(self.row_cell, minlength=cells).astype(np.int64)

    @cached_property
    def totals(self) -> dict[str, Ints]:
        """For each attribute the records of each value."""
        return {
            name: summed(self.cell_codes[:, at], self.cell_counts, len(column.values))
            for at, (name, column) in enumerate(self.attributes.items())
        }

    def classes(
        self,
        of_tuple: Ints,
        count: int | None = None,
        distribution: str = "all",
        ignore_missing: bool = False,
    ) -> Classes:
        """The classes that an assignment of tuples makes.

        Args:
            of_tuple: for each tuple its class, or -1 if it is left out.
            count: the number of classes; None: the largest number plus one.
            distribution: "all" records make the totals, or only the "kept" ones.
            ignore_missing: as in `Classes`.
        """
        count = int(of_tuple.max(initial=-1)) + 1 if count is None else count
        kept = of_tuple >= 0
        sizes = summed(of_tuple[kept], self.counts[kept], count)
        inside = kept[self.cell_tuple]
        cells = (of_tuple[self.cell_tuple[inside]], self.cell_codes[inside], self.cell_counts[inside])
        totals = self.totals
        if distribution == "kept":
            totals = {
                name: summed(cells[1][:, at], cells[2], len(column.values))
                for at, (name, column) in enumerate(self.attributes.items())
            }
        return Classes(sizes, self.attributes, *cells, totals, ignore_missing)
