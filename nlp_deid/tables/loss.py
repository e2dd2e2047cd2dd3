"""What a release loses: discernibility, class size, certainty penalty, entropy, suppressed share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nlp_deid.tables.arrays import Floats, Ints


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
