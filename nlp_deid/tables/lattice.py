"""The lattice of hierarchy levels, and full-domain (global) recoding by an optimal search in it."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nlp_deid.tables.anonymizer import Anonymizer, Release
from nlp_deid.tables.arrays import Bools, Floats, Ints, fold, number, summed
from nlp_deid.tables.classes import Collapsed
from nlp_deid.tables.hierarchy import HierarchyError
from nlp_deid.tables.labels import Ladder, LevelLabels, ladder
from nlp_deid.tables.problem import Problem, Recoding, cannot
from nlp_deid.tables.table import Table

LARGEST = 200_000  # nodes of a lattice that is searched whole
VISITS = 5_000  # nodes visited in a larger one


def ladders_of(table: Table) -> list[Ladder]:
    """The ladders of a table's quasi-identifiers.

    Raises:
        HierarchyError: a quasi-identifier without hierarchy, or a value not in it.
    """
    ladders = []
    for name in table.quasi:
        column = table.column(name)
        if column.hierarchy is None:
            raise HierarchyError(f"quasi-identifier {name!r} has no hierarchy; give one, or Automatic()")
        ladders.append(ladder(column, column.hierarchy))
    return ladders


class Lattice:
    """All combinations of one level a column."""

    def __init__(self, ladders: Sequence[Ladder], data: Collapsed) -> None:
        self.ladders = list(ladders)
        self.heights = [rungs.levels for rungs in ladders]
        self.size = math.prod(self.heights)
        rows = data.counts.sum()
        self.losses = [
            (rungs.losses[:, data.tuples[:, j]] @ data.counts) / rows for j, rungs in enumerate(ladders)
        ]

    def nodes(self) -> tuple[Ints, Floats]:
        """(nodes, columns) levels and each node's mean loss, by rising loss."""
        grid = np.indices(self.heights, np.int8).reshape(len(self.heights), -1)
        loss = sum(losses[level] for losses, level in zip(self.losses, grid, strict=True)) / len(grid)
        order = np.argsort(loss, kind="stable")
        return grid[:, order].T.astype(np.int64), np.asarray(loss)[order]

    def groups(self, tuples: Ints, node: Ints) -> tuple[Ints, int]:
        """For each tuple its class at a node, and the number of classes."""
        columns = [rungs.codes[node[j]][tuples[:, j]] for j, rungs in enumerate(self.ladders)]
        widths = [len(rungs.labels[node[j]]) for j, rungs in enumerate(self.ladders)]
        span = math.prod(widths)
        return number(fold(columns, widths), span)


class GlobalRecoding(Anonymizer):
    """One level a column for the whole table; classes that do not hold are suppressed.

    The node of least loss within `suppression_limit` is found by visiting nodes by rising loss: a
    node's loss without suppression bounds its true loss from below for every model, so the search
    ends once that bound reaches the best node found. Nodes that must suppress too much are skipped
    unseen, by bounds from pairs of columns. Lattices of more than `LARGEST` nodes are searched from
    the top down, best first, and the release says that it is not `optimal`.
    """

    def _search(self, problem: Problem, table: Table) -> Recoding:
        ladders = ladders_of(table)
        lattice = Lattice(ladders, problem.data)
        search = _Search(problem, lattice)
        if lattice.size <= LARGEST:
            search.exhaustive()
        else:
            search.from_top()
        if search.best is None:
            raise cannot(problem, [])
        self._node = {name: int(level) for name, level in zip(table.quasi, search.best, strict=True)}
        self._optimal = lattice.size <= LARGEST
        of_tuple, _ = search.released(search.best)
        labels = LevelLabels(ladders, search.best.tolist()).labels(
            problem.data.tuples, of_tuple, int(of_tuple.max(initial=-1)) + 1
        )
        return Recoding(of_tuple, labels)

    def _report(self, table: Table, problem: Problem, recoding: Recoding) -> Release:
        return replace(super()._report(table, problem, recoding), levels=self._node, optimal=self._optimal)


class _Search:
    """A search for the node of least loss.

    Attributes:
        best: the node found, and `cost` its loss with suppression.
    """

    def __init__(self, problem: Problem, lattice: Lattice) -> None:
        self.problem, self.lattice = problem, lattice
        self.best: Ints | None = None
        self.cost = math.inf

    def exhaustive(self) -> None:
        """Every node that can be better than the best, by rising loss."""
        nodes, losses = self.lattice.nodes()
        possible = self._possible(nodes)
        for node, loss in zip(nodes[possible], losses[possible], strict=True):
            if loss >= self.cost:
                return
            self._visit(node)

    def from_top(self) -> None:
        """Best first from the top node through nodes that hold, at most `VISITS` of them."""
        top = np.array(self.lattice.heights) - 1
        queue = [(self._visit(top), tuple(top))]
        seen = {tuple(top)}
        while queue and len(seen) < VISITS:
            _, node = heapq.heappop(queue)
            for j, level in enumerate(node):
                below = (*node[:j], level - 1, *node[j + 1 :])
                if level and below not in seen:
                    seen.add(below)
                    cost = self._visit(np.array(below))
                    if cost < math.inf:
                        heapq.heappush(queue, (cost, below))

    def released(self, node: Ints) -> tuple[Ints, int]:
        """For each tuple its class at a node, -1 if it does not hold; and the suppressed records."""
        data = self.problem.data
        group, count = self.lattice.groups(data.tuples, node)
        fine = self.problem.fine(group, count)
        of_tuple = np.where(fine[group], (np.cumsum(fine) - 1)[group], -1)
        return of_tuple, int(data.counts[of_tuple < 0].sum())

    def _visit(self, node: Ints) -> float:
        """The node's loss, infinite if it does not hold within the budget; it may be the best."""
        data = self.problem.data
        of_tuple, suppressed = self.released(node)
        if suppressed > self.problem.budget:
            return math.inf
        kept = of_tuple >= 0
        loss = sum(
            rungs.losses[node[j], data.tuples[kept, j]] for j, rungs in enumerate(self.lattice.ladders)
        )
        cost = float((loss / len(node) @ data.counts[kept] + suppressed) / self.problem.rows)
        if cost < self.cost:
            if self.problem.failing(of_tuple, int(of_tuple.max(initial=-1)) + 1)[0]:
                return math.inf
            self.best, self.cost = node, cost
        return cost

    def _possible(self, nodes: Ints) -> Bools:
        """Nodes that the pairs of their levels do not rule out.

        With all other columns at the top a node suppresses least: the bound is on the models
        themselves if all are `prunable_under_suppression`, else on the least class size they imply.
        """
        data, lattice = self.problem.data, self.lattice
        prunable = all(model.prunable_under_suppression for model in self.problem.enforced)
        possible = np.ones(len(nodes), np.bool_)
        for i, j in itertools.combinations(range(len(lattice.heights)), 2):
            allowed = np.ones((lattice.heights[i], lattice.heights[j]), np.bool_)
            for levels in np.ndindex(allowed.shape):
                node = np.array(lattice.heights) - 1
                node[[i, j]] = levels
                group, count = lattice.groups(data.tuples, node)
                sizes = summed(group, data.counts, count)
                fine = self.problem.fine(group, count) if prunable else sizes >= self.problem.smallest
                allowed[levels] = sizes[~fine].sum() <= self.problem.budget
            possible &= allowed[nodes[:, i], nodes[:, j]]
        return possible
