"""What a release loses: discernibility, class size, certainty penalty, entropy, suppressed share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nlp_deid.tables.arrays import Bools, Floats, Ints
from nlp_deid.tables.classes import Column
from nlp_deid.tables.frames import Frame, TableError
from nlp_deid.tables.hierarchy import TOP, Hierarchy
from nlp_deid.tables.table import Table

_INTERVAL = re.compile(r"\[(.+)\.\.(.+)\]")
_SET = re.compile(r"\{(.+)\}")


@dataclass(frozen=True)
class Loss:
    """The loss of a release against its original.

    Attributes:
        gcp: mean normalised certainty penalty over all cells, 0 to 1; a suppressed cell loses 1.
        ncp: the same for each quasi-identifier.
        c_dm: discernibility: squared class sizes, and the table's size for each suppressed record
            (Bayardo & Agrawal 2005).
        c_avg: released records / classes / k (LeFevre et al. 2006).
        suppressed: share of suppressed records.
        entropy: for each quasi-identifier the information lost, 0 to 1 (non-uniform entropy,
            Gionis & Tassa 2009, over that of a column fully generalised); empty if not measured.
    """

    gcp: float
    ncp: Mapping[str, float]
    c_dm: int
    c_avg: float
    suppressed: float
    entropy: Mapping[str, float] = field(default_factory=dict)


def measure(quasi: Sequence[str], sizes: Ints, losses: Floats, rows: int, k: int) -> Loss:
    """The loss of classes.

    Args:
        quasi: the columns.
        sizes: records of each class.
        losses: (classes, columns) loss of each label.
        rows: records of the original table; those in no class are suppressed.
        k: the least class size asked for.
    """
    kept = int(sizes.sum())
    lost = rows - kept
    ncp = (sizes @ losses + lost) / rows
    return Loss(
        gcp=float(ncp.mean()),
        ncp={name: float(value) for name, value in zip(quasi, ncp, strict=True)},
        c_dm=int((sizes.astype(object) ** 2).sum()) + lost * rows,
        c_avg=kept / max(len(sizes), 1) / max(k, 1),
        suppressed=lost / rows,
    )


def compare(
    original: Frame, released: Frame, quasi: Sequence[str], hierarchies: Mapping[str, Hierarchy], k: int = 1
) -> Loss:
    """The loss of a released table, read from its labels.

    Args:
        original, released: the tables; rows may be missing from the release. The entropy is measured
            if both have the same rows in the same order.
        quasi: the quasi-identifiers.
        hierarchies: of the quasi-identifiers that have one; labels are values, labels of the
            hierarchy, intervals "[17..24]", sets "{a|b}" or "*".
        k: the least class size asked for, for `c_avg`.

    Raises:
        TableError: no rows, more rows released than there were, or a label that is none of these.
    """
    before, after = Table(original, quasi, hierarchies=hierarchies), Table(released, quasi)
    if not len(before) or len(after) > len(before):
        raise TableError(
            "the released table must have at most the rows of the original, and that at least one"
        )
    data = after.collapse()
    kept = ~after.suppressed(data)
    columns = [(before.column(name), after.column(name)) for name in quasi]
    covers = [_covers(*pair) for pair in columns]
    losses = [_label_losses(*pair, cover) for pair, cover in zip(columns, covers, strict=True)]
    cells = np.stack([loss[data.tuples[kept, j]] for j, loss in enumerate(losses)], 1)
    loss = measure(quasi, data.counts[kept], cells, len(before), k)
    if len(after) < len(before):
        return loss
    entropy = [_entropy(*pair, cover) for pair, cover in zip(columns, covers, strict=True)]
    return replace(loss, entropy={n: e for n, e in zip(quasi, entropy, strict=True) if e is not None})


def _covers(original: Column, released: Column) -> Bools:
    """(labels, values) whether a label of the release stands for a value of the original."""
    index = {value: i for i, value in enumerate(original.values)}
    covers = np.zeros((len(released.values), len(index)), np.bool_)
    for row, label in zip(covers, released.values, strict=True):
        if label in index:
            row[index[label]] = True
        elif label == TOP:
            row[:] = True
        elif original.hierarchy and (leaves := original.hierarchy.leaves(label)):
            row[[index[value] for value in leaves if value in index]] = True
        elif match := _INTERVAL.fullmatch(label):
            row[:] = (original.numbers >= float(match[1])) & (original.numbers <= float(match[2]))
        elif match := _SET.fullmatch(label):
            row[[index[value] for value in match[1].split("|") if value in index]] = True
        if not row.any():
            raise TableError(
                f"column {released.name!r}: a released label stands for no value of the original"
            )
    return covers


def _label_losses(original: Column, released: Column, covers: Bools) -> Floats:
    """The certainty penalty of each label."""
    hierarchy = original.hierarchy
    if hierarchy and original.missing >= 0:
        hierarchy = hierarchy.with_missing()
    known = original.numbers[~np.isnan(original.numbers)] if original.numeric else np.zeros(0)
    span = (float(known[0]), float(known[-1])) if len(known) else (None, None)
    of_level = hierarchy.label_losses(*span) if hierarchy else {}
    values = set(original.values)
    result = np.zeros(len(released.values))
    for i, (label, row) in enumerate(zip(released.values, covers, strict=True)):
        if label in values:
            continue
        if label in of_level:
            result[i] = of_level[label]
        elif label == TOP or (original.numeric and row[original.missing] and original.missing >= 0):
            result[i] = 1.0
        elif match := _INTERVAL.fullmatch(label) if original.numeric else None:
            result[i] = (float(match[2]) - float(match[1])) / max(known[-1] - known[0], 1e-300)
        else:
            result[i] = row.sum() / original.domain if row.sum() > 1 else 0.0
    return result


def _entropy(original: Column, released: Column, covers: Bools) -> float | None:
    """The information lost in a column over that of one label for all; None if rows do not match."""
    if not covers[released.codes, original.codes].all():
        return None
    count = np.bincount(original.codes, minlength=len(original.values)).astype(np.float64)
    lost = np.log2((covers @ count)[released.codes] / count[original.codes]).sum()
    most = np.log2(len(original.codes) / count[original.codes]).sum()
    return float(lost / most) if most > 0 else 0.0
