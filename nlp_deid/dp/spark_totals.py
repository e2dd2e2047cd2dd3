"""The totals of a table on a Spark cluster: counts and sums there, noise at the driver.

The same plans as in memory: clamping, lattice and bounds on the rows of a unit run as Spark SQL, and
only one row of whole numbers a group comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nlp_deid.dp.checks import MOST, PrivacyError
from nlp_deid.dp.frame import Bins, Group, Key, Term


@dataclass(frozen=True)
class SparkTotals:
    """A Spark DataFrame that Queries can ask (all but quantiles).

    Args:
        data: the table. It is read anew for every question; rows of a unit beyond `max_rows` are left
            out at random.
        unit: "row", or the name of the column that tells the units apart.
        max_rows: the most rows of one unit.
    """

    data: Any
    unit: str = "row"
    max_rows: int = 1

    def __post_init__(self) -> None:
        if self.max_rows < 1 or (self.unit == "row" and self.max_rows != 1):
            raise PrivacyError("max_rows must be at least 1, and 1 where each row is a unit")
        if self.unit != "row" and self.unit not in self.data.columns:
            raise PrivacyError(f"no column {self.unit}; there are {', '.join(self.data.columns)}")

    def totals(self, by: Sequence[Group], terms: Sequence[Term]) -> dict[Key, tuple[int, ...]]:
        """For each group that occurs: the number of rows, and the sum of each term in its grain.

        Raises:
            PrivacyError: empty table, unknown columns, missing, non-finite or too large values.
        """
        from pyspark.sql import functions as sql

        self._check(by, terms)
        names = [f"group_{i}" for i in range(len(by))]
        rows = self._bounded()
        rows = rows.select(
            *(_group(group).alias(name) for group, name in zip(by, names, strict=True)),
            *(_steps(term).alias(f"term_{i}") for i, term in enumerate(terms)),
        )
        for name in names:
            rows = rows.where(sql.col(name).isNotNull())
        # Decimals add up exactly and cannot overflow as 64-bit sums do.
        sums = [
            sql.sum(sql.col(f"term_{i}").cast("decimal(38,0)")).alias(f"sum_{i}") for i in range(len(terms))
        ]
        found = rows.groupBy(*names).agg(sql.count(sql.lit(1)).alias("rows"), *sums).collect()
        return {
            tuple(str(row[name]) for name in names): (
                int(row["rows"]),
                *(int(row[f"sum_{i}"] or 0) for i in range(len(terms))),
            )
            for row in found
        }

    def _check(self, by: Sequence[Group], terms: Sequence[Term]) -> None:
        """Refuse what the noise could not cover for; one pass over the table."""
        from pyspark.sql import functions as sql

        numbers = [term.column for term in terms] + [group.column for group in by if isinstance(group, Bins)]
        needed = dict.fromkeys([*numbers, *(group for group in by if isinstance(group, str))])
        if self.unit != "row":
            needed[self.unit] = None
        unknown = [name for name in needed if name not in self.data.columns]
        if unknown:
            raise PrivacyError(f"no column {', '.join(unknown)}; there are {', '.join(self.data.columns)}")
        kinds = dict(self.data.dtypes)
        words = [
            name
            for name in numbers
            if not kinds[name].startswith(("int", "bigint", "small", "tiny", "double", "float"))
        ]
        if words:
            raise PrivacyError(f"column {', '.join(words)}: numbers are needed")
        tests = [sql.count(sql.lit(1)).alias("rows")]
        for i, name in enumerate(needed):
            bad = sql.col(f"`{name}`").isNull()
            if name in numbers:
                number = sql.col(f"`{name}`").cast("double")
                bad = bad | sql.isnan(number) | (sql.abs(number) > MOST)
            tests.append(sql.max(bad).alias(f"bad_{i}"))
        found = self.data.agg(*tests).first()
        if not found["rows"]:
            raise PrivacyError("the table is empty")
        for i, name in enumerate(needed):
            if found[f"bad_{i}"]:
                raise PrivacyError(f"column {name}: missing, non-finite or too large values")

    def _bounded(self) -> Any:
        """The rows that take part: at most `max_rows` of each unit."""
        if self.unit == "row":
            return self.data
        from pyspark.sql import Window
        from pyspark.sql import functions as sql

        order = Window.partitionBy(f"`{self.unit}`").orderBy(sql.rand())
        ranked = self.data.withColumn("__rank", sql.row_number().over(order))
        return ranked.where(sql.col("__rank") <= self.max_rows)


def _steps(term: Term) -> Any:
    """One row's share of a term in lattice steps, as Frame.steps takes it."""
    from pyspark.sql import functions as sql

    value = sql.col(f"`{term.column}`").cast("double")
    clamped = sql.least(sql.greatest(value, sql.lit(term.low)), sql.lit(term.high)) - sql.lit(term.centre)
    scaled = (clamped if term.power == 1 else clamped * clamped) / sql.lit(term.grain)
    whole = sql.floor(scaled)
    up = sql.when(scaled - whole >= 0.5, 1).otherwise(0)
    return sql.least(sql.greatest(whole + up, sql.lit(-term.steps)), sql.lit(term.steps))


def _group(group: Group) -> Any:
    """The text of a row's group; null outside all bins."""
    from pyspark.sql import functions as sql

    if isinstance(group, str):
        return sql.col(f"`{group}`").cast("string")
    value = sql.col(f"`{group.column}`").cast("double")
    chosen = sql.lit(None).cast("string")
    pairs = list(zip(group.names, group.edges[:-1], group.edges[1:], strict=True))
    for name, low, high in pairs:
        last = name == pairs[-1][0]
        inside = (value >= low) & ((value <= high) if last else (value < high))
        chosen = sql.when(inside, sql.lit(name)).otherwise(chosen)
    return chosen
