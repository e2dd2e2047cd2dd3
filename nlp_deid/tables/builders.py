"""Hierarchies made from a column's values: intervals, prefixes, dates, order, taxonomy, or by looks.

A builder is called with the values and the column's name and gives a `Hierarchy`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from nlp_deid.tables.hierarchy import MISSING, TOP, Hierarchy, HierarchyError

Builder = Callable[[Sequence[str], str], Hierarchy]
Tree = Mapping[str, "Tree | Sequence[str]"]


@dataclass(frozen=True)
class Intervals:
    """Numbers in intervals of growing width: `Intervals(5, 10, 20)` gives 35-39, 30-39, 20-39, *.

    Whole numbers are written "35-39", others as half-open "[1.5, 2)".
    """

    widths: tuple[float, ...]
    origin: float = 0

    def __init__(self, *widths: float, origin: float = 0) -> None:
        """Hold the widths: positive, each a multiple of the one before.

        Raises:
            HierarchyError: other widths.
        """
        exact = [Fraction(str(width)) for width in widths]
        if not widths or exact[0] <= 0 or any(b % a or b <= a for a, b in itertools.pairwise(exact)):
            raise HierarchyError("interval widths must be positive, each a multiple of the one before")
        object.__setattr__(self, "widths", tuple(widths))
        object.__setattr__(self, "origin", origin)

    def __call__(self, values: Sequence[str], name: str = "") -> Hierarchy:
        rows = []
        for value in values:
            try:
                at = Fraction(value)
            except ValueError:
                raise HierarchyError(f"hierarchy of column {name!r}: value {value!r} is no number") from None
            rows.append([value, *(self._label(at, Fraction(str(width))) for width in self.widths), TOP])
        return Hierarchy(rows, name, numeric=True if values else None)

    def _label(self, at: Fraction, width: Fraction) -> str:
        origin = Fraction(str(self.origin))
        low = origin + math.floor((at - origin) / width) * width
        if all(number.denominator == 1 for number in (Fraction(str(self.widths[0])), origin)):
            return f"{low}-{low + width - 1}" if width > 1 else str(low)
        return f"[{float(low):g}, {float(low + width):g})"


@dataclass(frozen=True)
class Prefixes:
    """Codes with their last characters masked: 12345, 1234*, 123**, ...

    Attributes:
        keep: for each level the characters that stay, falling; empty: one less a level.
    """

    keep: tuple[int, ...] = ()

    def __call__(self, values: Sequence[str], name: str = "") -> Hierarchy:
        longest = max(map(len, values), default=0)
        steps = self.keep or tuple(range(longest - 1, 0, -1))
        if any(a <= b for a, b in itertools.pairwise(steps)) or any(step < 1 for step in steps):
            raise HierarchyError(f"hierarchy of column {name!r}: prefix lengths must fall and be 1 or more")
        rows = [[v, *(v[:step] + TOP * (longest - step) for step in steps), TOP] for v in values]
        return Hierarchy(rows, name, numeric=False)


@dataclass(frozen=True)
class Dates:
    """ISO dates (a time after them is cut at the first level): day, month, year, decade, *."""

    def __call__(self, values: Sequence[str], name: str = "") -> Hierarchy:
        rows = []
        for value in values:
            try:
                day = date.fromisoformat(value[:10])
            except ValueError:
                raise HierarchyError(
                    f"hierarchy of column {name!r}: value {value!r} is no ISO date"
                ) from None
            iso = day.isoformat()
            rows.append([value, iso, iso[:7], iso[:4], f"{iso[:3]}0s", TOP])
        if all(row[0] == row[1] for row in rows):
            rows = [[row[0], *row[2:]] for row in rows]
        return Hierarchy(rows, name, numeric=False)


@dataclass(frozen=True)
class Ordered:
    """Ordered values in runs of `fanout` neighbours, these in runs of `fanout` again, and so on.

    Attributes:
        order: the values in order; empty: as the column has them.
        fanout: neighbours that make one label of the next level, 2 or more.
    """

    order: tuple[str, ...] = ()
    fanout: int = 2

    def __call__(self, values: Sequence[str], name: str = "") -> Hierarchy:
        order = list(self.order or values)
        if self.fanout < 2:
            raise HierarchyError(f"hierarchy of column {name!r}: fanout must be 2 or more")
        rows = [[value] for value in order]
        width = self.fanout
        while width < len(order):
            for i, row in enumerate(rows):
                run = order[i // width * width : i // width * width + width]
                row.append(run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}")
            width *= self.fanout
        return Hierarchy([[*row, TOP] for row in rows], name)


@dataclass(frozen=True)
class Taxonomy:
    """A tree of categories, given as nested mappings with lists of values at the ends.

    Values less deep than others keep their own label until they join.
    """

    tree: Tree

    def __call__(self, values: Sequence[str], name: str = "") -> Hierarchy:
        paths = _paths(self.tree, ())
        depth = max((len(path) for path in paths), default=0)
        rows = [[path[0]] * (depth - len(path)) + [*path, TOP] for path in paths]
        return Hierarchy(rows, name, numeric=False)


def _paths(tree: Tree | Sequence[str], above: tuple[str, ...]) -> list[tuple[str, ...]]:
    if isinstance(tree, Mapping):
        return [path for label, below in tree.items() for path in _paths(below, (str(label), *above))]
    return [(str(value), *above) for value in tree]


@dataclass(frozen=True)
class Automatic:
    """A hierarchy by the looks of the values.

    ISO dates by calendar; codes of one length of digits with a leading zero somewhere by prefix;
    numbers in about 16, 8, 4 and 2 intervals of round width; few other values at once to "*", many
    by the start of the word.
    """

    def __call__(self, values: Sequence[str], name: str = "") -> Hierarchy:
        if not values:
            return Hierarchy([[MISSING, TOP]], name)
        if all(_is_date(value) for value in values):
            return Dates()(values, name)
        digits = all(value.isascii() and value.isdigit() for value in values)
        if (
            digits
            and len(values[0]) > 1
            and len({len(v) for v in values}) == 1
            and any(v[0] == "0" for v in values)
        ):
            return Prefixes()(values, name)
        try:
            numbers = [float(value) for value in values]
        except ValueError:
            numbers = []
        if numbers and all(map(math.isfinite, numbers)):
            return Intervals(*_round_widths(max(numbers) - min(numbers), digits))(values, name)
        if len(values) > 32:
            return Prefixes((3, 1))(values, name)
        return Hierarchy([[value, TOP] for value in values], name, numeric=False)


def _round_widths(span: float, integers: bool) -> list[float]:
    """A width of 1, 2 or 5 times a power of ten that cuts the span in about 16, and its doubles."""
    ideal = span / 16 or 1.0
    power = 10.0 ** math.floor(math.log10(ideal))
    first = next(step * power for step in (1, 2, 5, 10) if step * power >= ideal)
    first = max(first, 2.0) if integers else float(f"{first:.3g}")
    return [first * factor for factor in (1, 2, 4, 8)] if span else [first]


def _is_date(value: str) -> bool:
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return len(value) >= 10 and value[4] == "-"
