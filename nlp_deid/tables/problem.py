"""What every anonymizer shares: a collapsed table, the models it must meet, and repair by merging."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints, fold, number, summed
from nlp_deid.tables.base import Model, ModelError, Treatment
from nlp_deid.tables.classes import Classes, Collapsed
from nlp_deid.tables.hierarchy import TOP
from nlp_deid.tables.labels import Labeller, Labels

_NEAREST = 24  # classes tried for one that takes records in and still holds
_BATCH = 256  # tuples that are placed by one table of costs
_CELLS = 2**22  # cells of a table of costs


@dataclass(frozen=True)
class Problem:
    """Models to enforce on a table.

    Attributes:
        data: the collapsed table.
        models: as the caller gave them; all must hold in the end.
        enforced: the same as conditions on single classes, for searches.
        treatment: how suppressed and missing records count.
        budget: the most records that may be suppressed.
    """

    data: Collapsed
    models: tuple[Model, ...]
    enforced: tuple[Model, ...]
    treatment: Treatment
    budget: int

    @property
    def rows(self) -> int:
        """The number of records."""
        return int(self.data.counts.sum())

    @property
    def smallest(self) -> int:
        """A class of fewer records cannot hold."""
        return max(model.smallest for model in self.enforced)

    @property
    def by_size(self) -> bool:
        """Whether the size of a class alone decides."""
        return not any(model.attributes for model in self.enforced)

    def classes(self, of_tuple: Ints, count: int, data: Collapsed | None = None) -> Classes:
        """Classes of an assignment, counted as the treatment says."""
        ignored = self.treatment.missing_sensitive == "ignored"
        return (data or self.data).classes(of_tuple, count, self.treatment.distribution, ignored)

    def fine(self, of_tuple: Ints, count: int, data: Collapsed | None = None) -> Bools:
        """For each class whether it holds by itself."""
        data = data or self.data
        kept = of_tuple >= 0
        fine = summed(of_tuple[kept], data.counts[kept], count) >= self.smallest
        if self.by_size or not fine.any():
            return fine
        # Only classes that are large enough are looked into.
        place = np.where(fine, np.cumsum(fine) - 1, -1)
        narrowed = np.where(kept, place[of_tuple], -1)
        classes = self.classes(narrowed, int(fine.sum()), data)
        if self.treatment.distribution == "kept":
            classes = replace(classes, totals=self.data.totals)
        fine[fine] = np.logical_and.reduce([model.fine(classes) for model in self.enforced])
        return fine

    def failing(self, of_tuple: Ints, count: int, top: int = -1) -> tuple[list[Model], Bools]:
        """The models that do not hold for a release, and the classes at fault.

        Args:
            of_tuple, count: the classes.
            top: the class whose labels are all "*", if there is one: a reader takes it for
                suppressed records, so the models must hold with it and read so.
        """
        strict = self.treatment.suppressed == "class" and (of_tuple < 0).any()
        if strict:
            of_tuple = np.where(of_tuple < 0, top if top >= 0 else count, of_tuple)
        models, at_fault = self._failing(of_tuple, count + int(strict and top < 0))
        if top >= 0 and self.treatment == replace(self.treatment, suppressed="exempt", distribution="kept"):
            without = np.where(of_tuple == top, -1, of_tuple - (of_tuple > top))
            more, fault = self._failing(without, count - 1)
            models, at_fault = models + more, at_fault | np.insert(fault, top, False)
        return models, at_fault

    def _failing(self, of_tuple: Ints, count: int) -> tuple[list[Model], Bools]:
        classes = self.classes(of_tuple, count)
        models = [model for model in self.models if not model.holds(classes)]
        faults = [_at_fault(model, classes) for model in models]
        return models, np.logical_or.reduce(faults) if faults else np.zeros(count, np.bool_)

    def infeasible(self) -> list[str]:
        """For each model that not even the whole table as one class meets, what is wrong."""
        whole = self.classes(np.zeros(len(self.data), np.int64), 1)
        return [
            f"{model}: the whole table as one class of {self.rows} records has the figure "
            f"{float(model.figures(whole)[0]):.6g}"
            for model in self.models
            if not model.fine(whole)[0]
        ]


def _at_fault(model: Model, classes: Classes) -> Bools:
    """The classes that fail, or the worst one if all are fine by themselves."""
    fine = model.fine(classes)
    if not fine.all():
        return ~fine
    figures = model.figures(classes)
    worst = int(figures.argmin() if model.least else figures.argmax())
    return np.asarray(np.arange(len(classes)) == worst)


@dataclass(frozen=True)
class Recoding:
    """A table's classes.

    Attributes:
        of_tuple: for each tuple its class, -1 if it is suppressed.
        labels: of the classes.
        merged: records that were left over and went into the nearest class.
    """

    of_tuple: Ints
    labels: Labels
    merged: int = 0

    @property
    def count(self) -> int:
        """The number of classes."""
        return len(self.labels.index)


def finish(problem: Problem, labeller: Labeller, of_tuple: Ints, leftovers: str) -> Recoding:
    """Place what a search left over, join classes of equal labels, and repair until all models hold.

    Args:
        problem: the models.
        labeller: how classes are written.
        of_tuple: the search's classes; -1 for a tuple that is left over.
        leftovers: "merge" into the nearest class, or "suppress" as far as the budget goes.

    Raises:
        ModelError: some model cannot hold.
    """
    merged = 0
    left = of_tuple < 0
    if left.any() and not (leftovers == "suppress" and problem.data.counts[left].sum() <= problem.budget):
        of_tuple = _place(problem, labeller, of_tuple)
        merged = int(problem.data.counts[left & (of_tuple >= 0)].sum())
    while True:
        of_tuple, labels = _joined(problem, labeller, of_tuple)
        failing, at_fault = problem.failing(of_tuple, len(labels.index), _top(labels))
        if not failing:
            return Recoding(of_tuple, labels, merged)
        if at_fault[len(labels.index) :].any() or not at_fault.any() or len(labels.index) < 2:
            raise cannot(problem, failing)
        weakest = np.flatnonzero(at_fault)[0]
        block = np.flatnonzero(of_tuple == weakest)
        of_tuple = np.where(of_tuple == weakest, -1, of_tuple)
        of_tuple = _absorb(problem, labeller, _renumbered(of_tuple), block)


def _joined(problem: Problem, labeller: Labeller, of_tuple: Ints) -> tuple[Ints, Labels]:
    """The classes without two of equal labels, numbered in the order of their labels."""
    while True:
        of_tuple = _renumbered(of_tuple)
        count = int(of_tuple.max(initial=-1)) + 1
        labels = labeller.labels(problem.data.tuples, of_tuple, count)
        key = fold(list(labels.index.T), [max(len(texts), 1) for texts in labels.texts])
        same, distinct = number(key)
        if distinct == count:
            return of_tuple, labels
        of_tuple = np.where(of_tuple >= 0, same[of_tuple], -1)


def _top(labels: Labels) -> int:
    """The class whose labels are all "*", or -1."""
    stars = [text.index(TOP) if TOP in text else -1 for text in labels.texts]
    found = np.flatnonzero((labels.index == np.array(stars)).all(1))
    return int(found[0]) if len(found) else -1


def _renumbered(of_tuple: Ints) -> Ints:
    """Classes 0, 1, ... without gaps."""
    kept = of_tuple >= 0
    result = np.full(len(of_tuple), -1, np.int64)
    if kept.any():
        result[kept] = number(of_tuple[kept], int(of_tuple.max()) + 1)[0]
    return result


def _place(problem: Problem, labeller: Labeller, of_tuple: Ints) -> Ints:
    """Each tuple left over goes into the nearest class that takes it; the rest make one block.

    In each round every tuple asks the class that is its nearest but the ones asked before; a class
    takes all who ask, or the first one, or none, as the models allow.
    """
    of_tuple = _renumbered(of_tuple)
    count = int(of_tuple.max(initial=-1)) + 1
    left = np.flatnonzero(of_tuple < 0)
    for first in range(
        0, len(left) if count else 0, _BATCH
    ):  # labels grow: costs are taken anew for each batch
        rest = left[first : first + _BATCH]
        for choice in _wanted(problem, labeller, of_tuple, count, rest).T:
            for one_each in (False, True):
                waiting = of_tuple[rest] < 0
                asking, asked = rest[waiting], choice[waiting]
                if one_each:
                    asked, at = np.unique(asked, return_index=True)
                    asking = asking[at]
                trial = of_tuple.copy()
                trial[asking] = asked
                fine = problem.fine(trial, count)
                of_tuple[asking[fine[asked]]] = asked[fine[asked]]
            if (of_tuple[rest] >= 0).all():
                break
    left = np.flatnonzero(of_tuple < 0)
    return _absorb(problem, labeller, of_tuple, left) if len(left) else of_tuple


def _wanted(problem: Problem, labeller: Labeller, of_tuple: Ints, count: int, rest: Ints) -> Ints:
    """(tuples, choices) the nearest classes of each tuple left over, the best first."""
    data = problem.data
    kept = of_tuple >= 0
    sizes = summed(of_tuple[kept], data.counts[kept], count)
    before = labeller.labels(data.tuples, of_tuple, count).losses.mean(1)
    choices = np.empty((len(rest), min(_NEAREST, count)), np.int64)
    step = max(1, _CELLS // max(count, 1))
    for first in range(0, len(rest), step):
        some = rest[first : first + step]
        after = labeller.newcomer_losses(data.tuples, of_tuple, count, some)
        cost = (after - before) * sizes + after * data.counts[some, None]
        nearest = np.argpartition(cost, choices.shape[1] - 1, axis=1)[:, : choices.shape[1]]
        order = np.argsort(np.take_along_axis(cost, nearest, 1), axis=1, kind="stable")
        choices[first : first + step] = np.take_along_axis(nearest, order, 1)
    return choices


def _absorb(problem: Problem, labeller: Labeller, of_tuple: Ints, block: Ints) -> Ints:
    """The block joins the nearest class that takes it, or takes classes in until it holds itself."""
    step, absorbed = 1, 0
    while True:
        target = _nearest_fine(problem, labeller, of_tuple, block)
        if target is not None:
            of_tuple[block] = target
            return of_tuple
        costs = _costs(problem, labeller, of_tuple, block)
        if not len(costs):
            break
        taken = np.flatnonzero(np.isin(of_tuple, np.argsort(costs, kind="stable")[:step]))
        absorbed += step
        step = 1 + absorbed // 20  # few at first, then a twentieth more each time
        of_tuple[taken] = -1
        block = np.concatenate([block, taken])
        of_tuple = _renumbered(of_tuple)
        alone = np.full(len(of_tuple), -1, np.int64)
        alone[block] = 0
        if problem.fine(alone, 1)[0]:
            of_tuple[block] = int(of_tuple.max(initial=-1)) + 1
            return of_tuple
    if int(problem.data.counts[block].sum()) <= problem.budget:
        return of_tuple
    raise cannot(problem, [])


def _costs(problem: Problem, labeller: Labeller, of_tuple: Ints, block: Ints) -> Floats:
    """For each class what its label's growth costs if the block comes in, in records."""
    data = problem.data
    count = int(of_tuple.max(initial=-1)) + 1
    if not count:
        return np.zeros(0)
    kept = of_tuple >= 0
    sizes = summed(of_tuple[kept], data.counts[kept], count)
    before = labeller.labels(data.tuples, of_tuple, count).losses.mean(1)
    after = labeller.union_losses(data.tuples, of_tuple, count, block)
    return np.asarray((after - before) * sizes + after * int(data.counts[block].sum()))


def _nearest_fine(problem: Problem, labeller: Labeller, of_tuple: Ints, block: Ints) -> int | None:
    """The class that takes a block in at least cost and then holds, among the nearest."""
    costs = _costs(problem, labeller, of_tuple, block)
    for target in np.argsort(costs, kind="stable")[:_NEAREST]:
        trial = np.where(of_tuple == target, 0, -1)
        trial[block] = 0
        if problem.fine(trial, 1)[0]:
            return int(target)
    return None


def cannot(problem: Problem, failing: Sequence[Model]) -> ModelError:
    """The error that says which model cannot hold, and why."""
    reasons = problem.infeasible() or [f"{model}: no classes were found that meet it" for model in failing]
    reasons = reasons or [f"{model}" for model in problem.models]
    return ModelError(
        f"cannot hold with at most {problem.budget} of {problem.rows} records suppressed: {'; '.join(reasons)}"
    )
