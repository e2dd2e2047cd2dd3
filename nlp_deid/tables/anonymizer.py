"""The manner of all anonymizers: settings, then `fit_transform` on a frame, then a `release`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nlp_deid.tables.base import Check, Model, ModelError, Treatment
from nlp_deid.tables.builders import Builder
from nlp_deid.tables.frames import Frame, TableError, like, polars
from nlp_deid.tables.hierarchy import MISSING, TOP, Hierarchy
from nlp_deid.tables.loss import Loss, measure
from nlp_deid.tables.problem import Problem, Recoding
from nlp_deid.tables.table import Table

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Release:
    """What an anonymizer did.

    Attributes:
        rows, classes, suppressed, merged: records in, classes out, records suppressed, records that
            were left over and went into the nearest class.
        loss: the loss of the released labels.
        checks: what each model says of the release.
        levels: of a full-domain recoding the level of each quasi-identifier.
        optimal: whether the search was exhaustive (full-domain only).
    """

    rows: int
    classes: int
    suppressed: int
    merged: int
    loss: Loss
    checks: tuple[Check, ...]
    levels: Mapping[str, int] | None = None
    optimal: bool | None = None


class Anonymizer(ABC):
    """Makes privacy models hold.

    Attributes:
        release: what the last `fit_transform` did.
    """

    release: Release

    def __init__(
        self,
        models: Model | Sequence[Model],
        hierarchies: Mapping[str, Hierarchy | Builder],
        *,
        quasi: Iterable[str] | None = None,
        identifiers: Iterable[str] = (),
        suppression_limit: float = 0.0,
        suppressed_rows: str = "mark",
        leftovers: str = "merge",
        treatment: Treatment | None = None,
        shuffle: int | bool = False,
    ) -> None:
        """Settings.

        Args:
            models: all of them hold in the output.
            hierarchies: of the quasi-identifiers, and of sensitive columns for distances; a
                builder makes one from the column's values.
            quasi: the quasi-identifiers; None: the columns of `hierarchies` that no model reads.
            identifiers: columns that are left out of the output.
            suppression_limit: the largest share of suppressed records, 0 to 1.
            suppressed_rows: "mark" them with "*" in every quasi-identifier, or "drop" them.
            leftovers: records that fit no class are to "merge" with the nearest, or "suppress"
                within the limit.
            treatment: how suppressed and missing values count.
            shuffle: give the rows a random order; a number is a seed, for tests.

        Raises:
            ModelError, TableError: a setting out of range.
        """
        self.models = (models,) if isinstance(models, Model) else tuple(models)
        self.hierarchies = dict(hierarchies)
        self.identifiers = list(identifiers)
        self.suppression_limit = suppression_limit
        self.suppressed_rows, self.leftovers, self.shuffle = suppressed_rows, leftovers, shuffle
        self.treatment = treatment or Treatment()
        if not self.models:
            raise ModelError("give at least one model")
        if not 0 <= suppression_limit <= 1:
            raise TableError("suppression_limit must lie from 0 to 1")
        if suppressed_rows not in ("mark", "drop") or leftovers not in ("merge", "suppress"):
            raise TableError('suppressed_rows must be "mark" or "drop", leftovers "merge" or "suppress"')
        if self.treatment.missing == "wildcard":
            raise TableError("anonymizers take a missing value as a category; wildcard is for checks")
        read = self.attributes
        self.quasi = list(quasi) if quasi is not None else [c for c in self.hierarchies if c not in read]
        for name in self.quasi:
            if name in read:
                raise TableError(f"column {name!r} is both quasi and sensitive; a column has one role")

    @property
    def attributes(self) -> list[str]:
        """The columns that the models read."""
        return list(dict.fromkeys(name for model in self.models for name in model.attributes))

    def fit_transform(self, frame: Frame, weight: str | None = None) -> Frame:
        """The anonymized frame, of the same kind as the given one.

        Args:
            frame: the table.
            weight: the column that says how many records a row stands for; for tables that were
                grouped elsewhere by quasi-identifiers and sensitive columns.

        Raises:
            TableError, HierarchyError: a table or hierarchy that does not fit.
            ModelError: a model that cannot hold; the message says which and why.
        """
        table = self._table(frame, weight)
        problem = self._problem(table)
        recoding = self._search(problem, table)
        released = self._apply(table, problem, recoding)
        self.release = self._report(table, problem, recoding)
        return like(self._reordered(released), frame)

    @abstractmethod
    def _search(self, problem: Problem, table: Table) -> Recoding:
        """Find the classes."""

    def _table(self, frame: Frame, weight: str | None) -> Table:
        plain = Table(frame, self.quasi, self.attributes, self.identifiers)
        if not len(plain):
            raise TableError("the table has no rows")
        if not self.quasi:
            raise TableError("no quasi-identifiers: name them by `quasi` or by their hierarchies")
        made = {}
        for name, source in self.hierarchies.items():
            if name not in plain.frame.columns:
                raise TableError(f"column {name!r} has a hierarchy but is not in the table")
            if isinstance(source, Hierarchy):
                made[name] = source
            else:
                values = [value for value in plain.column(name).values if value != MISSING]
                made[name] = source(values, name) if values else Hierarchy([[MISSING, TOP]], name)
        return Table(plain.frame, self.quasi, self.attributes, self.identifiers, made, weight)

    def _problem(self, table: Table) -> Problem:
        data = table.collapse(self.attributes)
        budget = int(self.suppression_limit * table.records + 1e-9)
        whole = data.classes(np.zeros(len(data), np.int64), 1)
        enforced = tuple(model.enforced(whole) for model in self.models)
        problem = Problem(data, self.models, enforced, self.treatment, budget)
        if not budget and all(model.merge_monotone for model in self.models) and problem.infeasible():
            raise ModelError(f"cannot hold: {'; '.join(problem.infeasible())}")
        return problem

    def _apply(self, table: Table, problem: Problem, recoding: Recoding) -> pl.DataFrame:
        """The frame with the labels in place of the values; suppressed rows as set."""
        pl = polars()
        frame = table.frame.drop(self.identifiers)
        of_row = recoding.of_tuple[problem.data.row_tuple]
        for j, name in enumerate(table.quasi):
            texts = [*(text if text != MISSING else None for text in recoding.labels.texts[j]), TOP]
            index = np.append(recoding.labels.index[:, j], len(texts) - 1)[of_row]  # -1 is the last
            frame = frame.with_columns(pl.Series(name, texts, pl.String).gather(index))
        if self.suppressed_rows == "drop" and (of_row < 0).any():
            frame = frame.filter(pl.Series(of_row >= 0))
        return frame

    def _reordered(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.shuffle is False:
            return frame
        seed = None if self.shuffle is True else self.shuffle
        return frame[np.random.default_rng(seed).permutation(frame.height)]

    def _report(self, table: Table, problem: Problem, recoding: Recoding) -> Release:
        kept = recoding.of_tuple >= 0
        classes = problem.classes(recoding.of_tuple, recoding.count)
        suppressed = int(problem.data.counts[~kept].sum())
        if self.treatment.suppressed == "class" and suppressed:
            strict = np.where(kept, recoding.of_tuple, recoding.count)
            classes = problem.classes(strict, recoding.count + 1)
        checks = tuple(model.of_classes(classes, suppressed) for model in self.models)
        loss = measure(
            table.quasi,
            classes.sizes[: recoding.count],
            recoding.labels.losses,
            table.records,
            problem.smallest,
        )
        return Release(table.records, recoding.count, suppressed, recoding.merged, loss, checks)
