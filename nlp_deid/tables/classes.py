"""What privacy models read: coded columns, distinct tuples with counts, equivalence classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlp_deid.tables.arrays import Bools, Floats, Ints, fold, number, summed
from nlp_deid.tables.frames import TableError
from nlp_deid.tables.hierarchy import MISSING, Hierarchy

_LARGEST_SPAN = 2**25  # a table of this many marks is quicker than a sort


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

    @property
    def domain(self) -> int:
        """The number of values it may have: its hierarchy's, or those it has; missing counts if one is."""
        if self.hierarchy is None:
            return len(self.values)
        return len((self.hierarchy.with_missing() if self.missing >= 0 else self.hierarchy).values)

    @cached_property
    def numeric(self) -> bool:
        """Whether it spans intervals: its hierarchy says so; without one, if its values are numbers.

        Digits with a leading zero are codes, not numbers.
        """
        if self.hierarchy is not None:
            return self.hierarchy.numeric
        known = [value for value in self.values if value != MISSING]
        try:
            return bool(known) and all(math.isfinite(float(v)) and not _is_code(v) for v in known)
        except ValueError:
            return False

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


def _is_code(value: str) -> bool:
    return len(value) > 1 and value[0] == "0" and value.isdigit()


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


@dataclass(frozen=True)
class Collapsed:
    """The distinct tuples of the quasi-identifiers, their counts and their attributes' contents.

    Attributes:
        tuples: (tuples, quasi-identifiers) codes, in lexical order.
        counts: the records of each tuple.
        attributes: the columns that models read.
        cell_tuple, cell_codes, cell_counts: as in `Classes`, by tuple.
        totals: as in `Classes`.
        row_tuple: for each row its tuple; empty for a part of a table.
    """

    tuples: Ints
    counts: Ints
    attributes: dict[str, Column]
    cell_tuple: Ints
    cell_codes: Ints
    cell_counts: Ints
    totals: dict[str, Ints]
    row_tuple: Ints

    def __len__(self) -> int:
        return len(self.counts)

    def part(self, wanted: Bools) -> Collapsed:
        """The tuples where `wanted` is true; the table's totals stay."""
        place = np.cumsum(wanted) - 1
        inside = wanted[self.cell_tuple]
        return replace(
            self,
            tuples=self.tuples[wanted],
            counts=self.counts[wanted],
            cell_tuple=place[self.cell_tuple[inside]],
            cell_codes=self.cell_codes[inside],
            cell_counts=self.cell_counts[inside],
            row_tuple=np.zeros(0, np.int64),
        )

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
        totals = _totals(self.attributes, cells[1], cells[2]) if distribution == "kept" else self.totals
        return Classes(sizes, self.attributes, *cells, totals, ignore_missing)


def collapse(
    quasi: Sequence[Column], attributes: Sequence[Column], rows: int, weights: Ints | None = None
) -> Collapsed:
    """Group the rows of a table by its quasi-identifiers, then by the attributes.

    Args:
        quasi, attributes: the columns.
        rows: their length.
        weights: how many records each row stands for; None: one.
    """
    row_tuple, first = _grouped([c.codes for c in quasi], [len(c.values) for c in quasi], rows)
    tuples = np.stack([c.codes[first] for c in quasi], 1).astype(np.int64)
    counts = np.bincount(row_tuple, weights, len(first)).astype(np.int64)
    by_name = {column.name: column for column in attributes}
    if attributes:
        columns = [row_tuple, *(c.codes for c in attributes)]
        row_cell, at = _grouped(columns, [len(first), *(len(c.values) for c in attributes)], rows)
        cells = row_tuple[at], np.stack([c.codes[at] for c in attributes], 1).astype(np.int64)
        records = np.bincount(row_cell, weights, len(at)).astype(np.int64)
    else:
        cells, records = (np.arange(len(first)), np.zeros((len(first), 0), np.int64)), counts
    return Collapsed(tuples, counts, by_name, *cells, records, _totals(by_name, cells[1], records), row_tuple)


def _grouped(
    columns: Sequence[NDArray[np.integer[Any]]], widths: Sequence[int], rows: int
) -> tuple[Ints, Ints]:
    """For each row its group, and for each group one of its rows."""
    span = math.prod(widths)
    group, groups = number(fold(columns, widths), span if span <= _LARGEST_SPAN else None)
    one = np.empty(groups, np.int64)
    one[group] = np.arange(rows)
    return group, one


def _totals(attributes: dict[str, Column], codes: Ints, records: Ints) -> dict[str, Ints]:
    return {
        name: summed(codes[:, at], records, len(column.values))
        for at, (name, column) in enumerate(attributes.items())
    }
