"""What a published set-valued database has lost: certainty, occurrences, frequent sets, rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from nlp_deid.tables.baskets import BasketError, Baskets, occurring
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.item_recoding import loss_of
from nlp_deid.tables.setvalued import share

LARGEST_SET = 3


@dataclass(frozen=True)
class ItemLoss:
    """Losses of a published database against the original.

    Attributes:
        ncp: normalised certainty penalty over all occurrences, 0 to 1.
        occurrences: item occurrences of the original.
        suppressed: those left out of the published records.
        suppressed_items: for each item left out how many records lost it.
        generalised_items: items published as an ancestor.
        emptied: records that had items and have none now.
        itemsets, itemsets_kept: frequent sets of up to three items, and those frequent still.
        rules, rules_kept: sure rules X -> y within these sets, and those sure still.
    """

    ncp: float
    occurrences: int
    suppressed: int
    suppressed_items: Mapping[str, int]
    generalised_items: int
    emptied: int
    itemsets: int
    itemsets_kept: int
    rules: int
    rules_kept: int


def item_loss(
    before: Baskets,
    after: Baskets,
    mapping: Mapping[str, str | None],
    hierarchy: ItemHierarchy | None = None,
    support: float = 0.05,
    confidence: float = 0.5,
) -> ItemLoss:
    """Compare a published database with the original.

    Args:
        mapping: for each item its published label, None if suppressed.
        support: share of records from which on a set is frequent.
        confidence: from which on a rule is sure.

    Raises:
        BasketError: support or confidence not in (0, 1].
    """
    for name, value in (("support", support), ("confidence", confidence)):
        if not 0 < share(value, name) <= 1:
            raise BasketError(f"{name} must lie above 0 and be at most 1")
    gone = {item: before.support([item]) for item, label in mapping.items() if label is None}
    least = max(1, ceil(share(support, "support") * before.size))
    frequent = _frequent(before, least)
    rules = _rules(before, frequent, confidence)
    still = [items for items in frequent if after.support(items) >= least]
    return ItemLoss(
        ncp=loss_of(mapping, before, hierarchy),
        occurrences=before.occurrences,
        suppressed=sum(gone.values()),
        suppressed_items=gone,
        generalised_items=sum(label not in (None, item) for item, label in mapping.items()),
        emptied=_union(before) - _union(after),
        itemsets=len(frequent),
        itemsets_kept=len(still),
        rules=len(rules),
        rules_kept=len(rules & _rules(after, still, confidence)),
    )


def _frequent(baskets: Baskets, least: int) -> list[tuple[str, ...]]:
    bits = {item: mask for item, mask in baskets.bits.items() if mask.bit_count() >= least}
    sets = (found for size in range(1, LARGEST_SET + 1) for found in occurring(bits, size, least=least))
    return [items for items, mask in sets if mask.bit_count() >= least]


def _rules(
    baskets: Baskets, sets: list[tuple[str, ...]], confidence: float
) -> set[tuple[frozenset[str], str]]:
    sure: Fraction = share(confidence, "confidence")
    found = set()
    for items in sets:
        both = baskets.support(items)
        for target in items if len(items) > 1 else ():
            rest = frozenset(items) - {target}
            if both >= sure * baskets.support(rest):
                found.add((rest, target))
    return found


def _union(baskets: Baskets) -> int:
    mask = 0
    for holders in baskets.bits.values():
        mask |= holders
    return mask.bit_count()
