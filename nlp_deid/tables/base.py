"""What a privacy model is: one object that checks a table and that the anonymizers make hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints
from nlp_deid.tables.classes import Classes
from nlp_deid.tables.frames import Frame, TableError
from nlp_deid.tables.table import Table

Number = int | float | str | Fraction


class ModelError(ValueError):
    """A model with parameters out of range, or one that no anonymization can make hold."""


@dataclass(frozen=True)
class Treatment:
    """How records that are not plain are counted; every field is a choice of the literature.

    Attributes:
        suppressed: rows whose quasi-identifiers are all "*" are "exempt" (as in ARX), or they are
            a "class" like any other (strict).
        missing: a missing quasi-identifier is a "category" of its own, or a "wildcard" that any
            value matches (sdcMicro's default).
        missing_sensitive: a missing sensitive value is a "category", or "ignored".
        distribution: t-closeness compares with "all" rows, or with the "kept" ones.
    """

    suppressed: str = "exempt"
    missing: str = "category"
    missing_sensitive: str = "category"
    distribution: str = "all"

    def __post_init__(self) -> None:
        allowed = {
            "suppressed": ("exempt", "class"),
            "missing": ("category", "wildcard"),
            "missing_sensitive": ("category", "ignored"),
            "distribution": ("all", "kept"),
        }
        for name, choices in allowed.items():
            if getattr(self, name) not in choices:
                raise ModelError(f"{name} must be one of {', '.join(choices)}")


@dataclass(frozen=True)
class Check:
    """What a model says of a table; true if it holds.

    Attributes:
        model: the model with its parameters.
        holds: whether it holds.
        worst: the figure of the worst class (for what it means see the model); NaN without classes.
        classes, failing_classes, failing_records, suppressed: counts.
    """

    model: str
    holds: bool
    worst: float
    classes: int
    failing_classes: int
    failing_records: int
    suppressed: int

    def __bool__(self) -> bool:
        return self.holds


class Model(ABC):
    """A condition on equivalence classes.

    Attributes:
        merge_monotone: the union of two classes that hold does hold.
        prunable_under_suppression: coarser levels never need more suppressed records, so a search
            may skip all specialisations of a node that fails.
        classwise: the condition is on each class alone (given the table's distribution).
        least: `worst` is the least figure of all classes, else the greatest.
    """

    merge_monotone: bool = True
    prunable_under_suppression: bool = False
    classwise: bool = True
    least: bool = True

    @property
    def attributes(self) -> tuple[str, ...]:
        """The columns it reads beside the quasi-identifiers."""
        return ()

    @property
    def smallest(self) -> int:
        """A class of fewer records cannot hold."""
        return 1

    @abstractmethod
    def fine(self, classes: Classes) -> Bools:
        """For each class whether it holds."""

    @abstractmethod
    def figures(self, classes: Classes) -> Floats:
        """For each class the figure that the model bounds."""

    def holds(self, classes: Classes) -> bool:
        """Whether the model holds for a table of these classes."""
        return bool(self.fine(classes).all())

    def worst(self, classes: Classes) -> float:
        """The figure of the worst class, NaN if there is none."""
        figures = self.figures(classes)
        if not len(figures):
            return float("nan")
        return float(figures.min() if self.least else figures.max())

    def check(
        self, table: Table | Frame, quasi: Iterable[str] = (), treatment: Treatment | None = None
    ) -> Check:
        """Whether a table holds it.

        Args:
            table: a `Table`, or a frame together with `quasi`.
            quasi: the quasi-identifiers of a frame.
            treatment: how suppressed and missing values count.

        Raises:
            TableError: no rows, no quasi-identifiers, or an unknown column.
        """
        table = table if isinstance(table, Table) else Table(table, quasi, self.attributes)
        classes, suppressed = table_classes(table, self.attributes, treatment or Treatment())
        return self.of_classes(classes, suppressed)

    def of_classes(self, classes: Classes, suppressed: int = 0) -> Check:
        """What the model says of these classes."""
        fine = self.fine(classes)
        return Check(
            model=str(self),
            holds=self.holds(classes),
            worst=self.worst(classes),
            classes=len(classes),
            failing_classes=int((~fine).sum()),
            failing_records=int(classes.sizes[~fine].sum()),
            suppressed=suppressed,
        )

    def enforced(self, whole: Classes) -> Model:
        """A condition on single classes that, met by all, makes this model hold.

        Args:
            whole: the table as one class.
        """
        return self


def table_classes(table: Table, attributes: Iterable[str], treatment: Treatment) -> tuple[Classes, int]:
    """The classes of a table as it stands, and its number of suppressed rows."""
    if not len(table):
        raise TableError("the table has no rows")
    if not table.quasi:
        raise TableError("no quasi-identifiers are named: a model needs at least one")
    for name in attributes:
        if name in table.quasi:
            raise TableError(f"column {name!r} is both quasi and sensitive; a column has one role")
    collapsed = table.collapse(attributes)
    stars = table.suppressed(collapsed)
    of_tuple = np.arange(len(collapsed.counts))
    if treatment.suppressed == "exempt":
        of_tuple = np.where(stars, -1, np.cumsum(~stars) - 1)
    count = int(of_tuple.max(initial=-1)) + 1
    ignored = treatment.missing_sensitive == "ignored"
    classes = collapsed.classes(of_tuple, count, treatment.distribution, ignored)
    if treatment.missing == "wildcard":
        classes = _wildcard(
            collapsed.tuples, [table.column(q).missing for q in table.quasi], of_tuple, classes
        )
    return classes, int(collapsed.counts[stars].sum())


def _wildcard(tuples: Ints, missing: Sequence[int], of_tuple: Ints, classes: Classes) -> Classes:
    """Classes that overlap: each tuple with all that agree where neither has a missing value."""
    kept = tuples[of_tuple >= 0]
    absent = kept == np.array(missing)
    patterns, pattern = np.unique(absent, axis=0, return_inverse=True)
    pairs: list[tuple[Ints, Ints]] = []
    for i, mine in enumerate(patterns):
        for j, theirs in enumerate(patterns):
            both = ~(mine | theirs)
            a, b = np.flatnonzero(pattern == i), np.flatnonzero(pattern == j)
            rows = np.concatenate([kept[a][:, both], kept[b][:, both]])
            _, group = np.unique(rows, axis=0, return_inverse=True)
            order = np.argsort(group[len(a) :], kind="stable")
            sorted_groups = group[len(a) :][order]
            low = np.searchsorted(sorted_groups, group[: len(a)])
            high = np.searchsorted(sorted_groups, group[: len(a)], "right")
            span = high - low
            at = np.arange(span.sum()) - np.repeat(np.cumsum(span) - span, span) + np.repeat(low, span)
            pairs.append((np.repeat(a, span), b[order][at]))
    owner = np.concatenate([pair[0] for pair in pairs]) if pairs else np.zeros(0, np.int64)
    member = np.concatenate([pair[1] for pair in pairs]) if pairs else np.zeros(0, np.int64)
    return classes.gathered(owner, member, len(kept))


def exact(value: Number, name: str) -> Fraction:
    """A parameter as the decimal that was written: 0.1 is one tenth.

    Raises:
        ModelError: no number.
    """
    try:
        return Fraction(str(value))
    except ValueError:
        raise ModelError(f"{name} must be a number") from None


def at_most(part: Ints, whole: Ints, bound: Fraction) -> Bools:
    """Whether part <= bound * whole, without rounding."""
    top, bottom = bound.numerator, bound.denominator
    largest = max(int(np.abs(part).max(initial=0)) * bottom, int(np.abs(whole).max(initial=0)) * abs(top))
    if largest < 2**62:
        return np.asarray(part * bottom <= whole * top)
    return np.asarray(part.astype(object) * bottom <= whole.astype(object) * top, np.bool_)


def names(value: str | Iterable[str]) -> tuple[str, ...]:
    """One column name or several, as a tuple without repeats."""
    return (value,) if isinstance(value, str) else tuple(dict.fromkeys(value))


def whole(value: object, name: str, least: int = 1) -> int:
    """A parameter that must be a whole number.

    Raises:
        ModelError: it is none, or too small.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ModelError(f"{name} must be a whole number, {least} or more")
    return int(value)
