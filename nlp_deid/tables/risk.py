"""Risk of re-identification from class sizes: prosecutor, journalist, marketer, uniqueness.

The three attackers are those of El Emam & Dankar, "Protecting privacy using k-anonymity", J Am Med
Inform Assoc 15:627, 2008, and Dankar & El Emam, "A method for evaluating marketer
re-identification risk", PAIS 2010.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nlp_deid.tables.arrays import Ints
from nlp_deid.tables.base import Treatment, exact, table_classes
from nlp_deid.tables.frames import Frame, TableError
from nlp_deid.tables.hierarchy import TOP
from nlp_deid.tables.population import PopulationUniqueness, population_uniqueness
from nlp_deid.tables.table import Table

THRESHOLDS = (0.2, 0.09, 0.05)  # those that data holders commonly use


@dataclass(frozen=True)
class Attack:
    """Chances that an attacker names the right person.

    Attributes:
        highest: for the record at most risk.
        mean: over all records.
        above: for each threshold the share of records whose risk is greater.
    """

    highest: float
    mean: float
    above: Mapping[float, float]


@dataclass(frozen=True)
class Risk:
    """The risk of a table. Shares are of the records that are not suppressed.

    Attributes:
        records, classes, suppressed: counts; suppressed records take part in nothing else.
        prosecutor: the attacker knows that the person is in the table.
        journalist: the attacker does not; needs a population table, else None.
        marketer: expected share of records named rightly by matching all with the population
            (with the table itself if there is no population table).
        sample_uniques: share of records alone in their class.
        class_sizes: (size, number of classes of it), rising.
        population: estimated population uniqueness; None without a population size.
    """

    records: int
    classes: int
    suppressed: int
    prosecutor: Attack
    journalist: Attack | None
    marketer: float
    sample_uniques: float
    class_sizes: tuple[tuple[int, int], ...]
    population: PopulationUniqueness | None = None

    def share_within(self, size: int) -> float:
        """The share of records in classes of at most `size` records."""
        return sum(s * n for s, n in self.class_sizes if s <= size) / max(self.records, 1)


def risk(
    table: Table | Frame,
    quasi: Iterable[str] = (),
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    population: Table | Frame | None = None,
    population_size: int | None = None,
) -> Risk:
    """The risk of a table as it stands.

    Args:
        table: a `Table`, or a frame together with `quasi`.
        quasi: the quasi-identifiers of a frame.
        thresholds: from 0 to 1.
        population: a table with the same quasi-identifiers, written with the same labels, whose
            records include those of the table.
        population_size: for the estimators; by default the population table's.

    Raises:
        TableError: no rows, an unknown column, a threshold out of range, or a population that
            does not contain the table.
    """
    table = table if isinstance(table, Table) else Table(table, quasi)
    if any(not 0 <= threshold <= 1 for threshold in thresholds):
        raise TableError("a threshold must lie from 0 to 1")
    classes, suppressed = table_classes(table, (), Treatment())
    sizes, journalist, marketer = classes.sizes, None, None
    records = int(sizes.sum())
    if population is not None:
        outer = population if isinstance(population, Table) else Table(population, table.quasi)
        around = _population_sizes(table, outer)
        journalist = _attack(sizes, around, thresholds)
        marketer = float((sizes / around).sum()) / max(records, 1)
        population_size = population_size or len(outer)
    size, count = np.unique(sizes, return_counts=True)
    prosecutor = _attack(sizes, sizes, thresholds)
    return Risk(
        records=records,
        classes=len(sizes),
        suppressed=suppressed,
        prosecutor=prosecutor,
        journalist=journalist,
        marketer=prosecutor.mean if marketer is None else marketer,
        sample_uniques=int((sizes == 1).sum()) / max(records, 1),
        class_sizes=tuple(zip(size.tolist(), count.tolist(), strict=True)),
        population=population_uniqueness(sizes, population_size) if population_size and records else None,
    )


def _attack(sizes: Ints, candidates: Ints, thresholds: Sequence[float]) -> Attack:
    """The attack in which each record of a class hides among `candidates` people."""
    records = int(sizes.sum())
    if not records:
        return Attack(0.0, 0.0, dict.fromkeys(thresholds, 0.0))
    above = {}
    for threshold in thresholds:
        bound = exact(threshold, "threshold")
        risky = candidates * bound.numerator < bound.denominator
        above[threshold] = int(sizes[risky].sum()) / records
    return Attack(1 / int(candidates.min()), float((sizes / candidates).sum()) / records, above)


def _population_sizes(table: Table, outer: Table) -> Ints:
    """For each class of the table the records of the population with the same labels."""
    held = dict(zip(_labels(outer), outer.collapse().counts.tolist(), strict=True))
    inner = _labels(table)
    counts = table.collapse().counts.tolist()
    kept = [(labels, n) for labels, n in zip(inner, counts, strict=True) if set(labels) != {TOP}]
    missing = sum(held.get(labels, 0) < n for labels, n in kept)
    if missing:
        raise TableError(
            f"{missing} of {len(kept)} classes have fewer records in the population than in the table; "
            "the population must contain the table and be written with the same labels"
        )
    return np.array([held[labels] for labels, _ in kept], np.int64)


def _labels(table: Table) -> list[tuple[str, ...]]:
    """The labels of each distinct tuple, in the order of `collapse`."""
    values = [table.column(name).values for name in table.quasi]
    tuples = table.collapse().tuples.tolist()
    return [tuple(v[code] for v, code in zip(values, row, strict=True)) for row in tuples]
