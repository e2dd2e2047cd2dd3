"""Local recoding over the lattice of hierarchy levels."""

from __future__ import annotations

import numpy as np

from nlp_deid.tables.anonymizer import Anonymizer
from nlp_deid.tables.arrays import Ints
from nlp_deid.tables.labels import LevelLabels
from nlp_deid.tables.lattice import Lattice, ladders_of
from nlp_deid.tables.problem import Problem, Recoding, finish
from nlp_deid.tables.table import Table


class LocalRecoding(Anonymizer):
    """Walk the lattice from little loss to much; at each node release every class that holds.

    The records that are left go on to the next node. In the end each class takes the lowest levels
    that its records share. Labels of several levels may stand beside each other in a column (35 and
    30-39), as in every local recoding.
    """

    def _search(self, problem: Problem, table: Table) -> Recoding:
        ladders = ladders_of(table)
        of_tuple = _walk(problem, Lattice(ladders, problem.data))
        return finish(problem, LevelLabels(ladders), of_tuple, self.leftovers)


def _walk(problem: Problem, lattice: Lattice) -> Ints:
    """For each tuple the class it was released with, or -1."""
    of_tuple = np.full(len(problem.data), -1, np.int64)
    left = np.arange(len(problem.data))
    data = problem.data
    released = 0
    for node in lattice.nodes()[0]:
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
