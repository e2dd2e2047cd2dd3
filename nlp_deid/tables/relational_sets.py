"""One table with demographics and a set of items per row: both parts anonymized together.

Needs the extra `tables`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nlp_deid.tables.anonymizer import Anonymizer, Release
from nlp_deid.tables.baskets import BasketError, Baskets
from nlp_deid.tables.frames import Frame, like, polars, to_polars
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.item_suppression import InfeasibleError, suppress
from nlp_deid.tables.setvalued import KMAnonymity
from nlp_deid.tables.transactions import Published, anonymize

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class JointRelease:
    """A table both of whose parts are anonymized.

    Attributes:
        frame: of the kind that was given; its item column holds sorted lists.
        relational: what was done to the demographics.
        items: what was done to the items as a whole, before classes were looked at.
        suppressed_in_classes: occurrences left out of single classes beyond that.
    """

    frame: Frame
    relational: Release
    items: Published
    suppressed_in_classes: int


def anonymize_joint(
    frame: Frame,
    items: str,
    anonymizer: Anonymizer,
    model: KMAnonymity,
    hierarchy: ItemHierarchy | None = None,
    within_classes: bool = False,
) -> JointRelease:
    """Make the anonymizer's models hold for the demographics and k^m-anonymity for the items.

    Each part alone does not stop someone who knows demographics and items of one person. With
    `within_classes` k^m-anonymity holds inside each class of equal demographics as well, so that
    both together leave k records: (k,k^m)-anonymity (Poulis, Loukides, Gkoulalas-Divanis &
    Skiadopoulos, "Anonymizing data with relational and transaction attributes", ECML PKDD 2013).
    Each class is then a database of its own, from which items are left out whole.

    Args:
        frame: polars, pandas or Arrow.
        items: the column of lists of text.
        anonymizer: for the demographics; it must keep every row in its place.
        hierarchy: recode items over it before any are left out of classes; None: suppress.

    Raises:
        BasketError: a column that holds no lists of text, or an anonymizer that moves or drops rows.
        TableError, ModelError: as the anonymizer raises them.
    """
    if anonymizer.shuffle is not False or anonymizer.suppressed_rows != "mark":
        raise BasketError('the anonymizer must leave rows in place: shuffle=False, suppressed_rows="mark"')
    table = to_polars(frame)
    records = _records(table, items)
    released = to_polars(anonymizer.fit_transform(table.drop(items)))
    published = anonymize(records, model, "recode" if hierarchy else "suppress", hierarchy)
    labels, suppressed = published.records, 0
    if within_classes:
        classes = _classes(released, anonymizer.quasi)
        labels, suppressed = _inside(labels, classes, model)
    pl = polars()
    both = released.with_columns(pl.Series(items, labels, pl.List(pl.String)))
    return JointRelease(like(both, frame), anonymizer.release, published, suppressed)


def _records(table: pl.DataFrame, items: str) -> list[list[str]]:
    pl = polars()
    if items not in table.columns or table[items].dtype != pl.List(pl.String):
        raise BasketError(f"column {items!r} must be there and hold lists of text")
    return [list(record or []) for record in table[items].to_list()]


def _classes(table: pl.DataFrame, quasi: list[str]) -> list[list[int]]:
    """The rows of each class of equal demographics, in order."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for at, row in enumerate(table.select(quasi).iter_rows()):
        groups.setdefault(row, []).append(at)
    return list(groups.values())


def _inside(
    records: list[list[str]], classes: list[list[int]], model: KMAnonymity
) -> tuple[list[list[str]], int]:
    """Records without the items that break the model in their class, and how many were left out."""
    result: list[list[str]] = [[] for _ in records]
    for rows in classes:
        baskets = Baskets.of(records[at] for at in rows)
        try:
            kept = suppress(baskets, [model])
        except InfeasibleError:
            kept = set()
        for at in rows:
            result[at] = [label for label in records[at] if label in kept]
    return result, sum(map(len, records)) - sum(map(len, result))
