"""Local recoding over the lattice of hierarchy levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nlp_deid.tables.anonymizer import Anonymizer
from nlp_deid.tables.arrays import Ints
from nlp_deid.tables.classes import Collapsed
from nlp_deid.tables.labels import LevelLabels
from nlp_deid.tables.lattice import LARGEST, Lattice, ladders_of
from nlp_deid.tables.problem import Problem, Recoding, finish
from nlp_deid.tables.table import Table


class LocalRecoding(Anonymizer):
    """Walk the lattice from little loss to much; at each node release every class that holds.

    The records that are left go on to the next node. In the end each class takes the lowest levels
    that its records share. Labels of several levels may stand beside each other in a column (35 and
    30-39), as in every local recoding. Of lattices of more than `LARGEST` nodes only a path is
    walked, with the nodes one step off it.
    """

    def _search(self, problem: Problem, table: Table) -> Recoding:
        ladders = ladders_of(table)
        of_tuple = _walk(problem, Lattice(ladders, problem.data))
        return finish(problem, LevelLabels(ladders), of_tuple, self.leftovers)


def _walk(problem: Problem, lattice: Lattice) -> Ints:
    """For each tuple the class it was released with, or -1."""
    of_tuple = np.full(len(problem.data), -1, np.int64)
    left, data = np.arange(len(problem.data)), problem.data
    released = 0
    nodes = lattice.nodes()[0] if lattice.size <= LARGEST else _ascent(lattice, lambda: data)
    for node in nodes:
        group, count = lattice.groups(data.tuples, node)
        fine = problem.fine(group, count, data)
        if not fine.any():
            continue
        out = fine[group]
        place = np.cumsum(fine) - 1
        of_tuple[left[out]] = released + place[group[out]]
        released += int(fine.sum())
        left, data = left[~out], data.part(~out)
        if not len(left):
            break
    return of_tuple


def _ascent(lattice: Lattice, remaining: Callable[[], Collapsed]) -> Iterator[Ints]:
    """A path from the values to the top, with the nodes one step above each of its nodes.

    The next step raises the column that joins most classes of the remaining records for its loss.
    """
    node = np.zeros(len(lattice.heights), np.int64)
    yield node
    while open_columns := [j for j, height in enumerate(lattice.heights) if node[j] < height - 1]:
        steps = []
        before = lattice.groups(remaining().tuples, node)[1]
        for j in open_columns:
            above = node.copy()
            above[j] += 1
            yield above
            joined = before - lattice.groups(remaining().tuples, above)[1]
            added = lattice.losses[j][above[j]] - lattice.losses[j][node[j]]
            steps.append((-joined / (added + 1e-9), j))
        node[min(steps)[1]] += 1
