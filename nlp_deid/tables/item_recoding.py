"""Global recoding over an item hierarchy: each item is published as itself, as an ancestor, or not.

k^m-anonymity climbs from the items by the size of the sets that are too rare (Terrovitis et al.,
VLDB 2008, Apriori anonymization); ρ-uncertainty comes down from the root (Cao et al., VLDB 2010,
TDControl). Both end by splitting every label that can be split with the models still holding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice

from nlp_deid.tables.baskets import Baskets
from nlp_deid.tables.item_hierarchy import ROOT, ItemHierarchy
from nlp_deid.tables.item_suppression import BATCH, InfeasibleError
from nlp_deid.tables.setvalued import KMAnonymity, RhoUncertainty, SetModel


class Recoding:
    """Labels that stand for items of a database; items without one are suppressed.

    Attributes:
        labels: the published labels, none an ancestor of another.
    """

    def __init__(self, baskets: Baskets, hierarchy: ItemHierarchy, labels: Iterable[str]) -> None:
        self.baskets, self.hierarchy = baskets, hierarchy.trimmed(baskets.bits)
        self.labels = set(labels)
        self._bits: dict[str, int] = {}

    def bits(self, label: str) -> int:
        """The records that have an item under a label."""
        if label not in self._bits:
            mask = 0
            for leaf in self.hierarchy.leaves[label]:
                mask |= self.baskets.bits[leaf]
            self._bits[label] = mask
        return self._bits[label]

    def published(self, labels: Iterable[str]) -> Baskets:
        """The database with these labels; items that become one label count once in a record."""
        return Baskets(self.baskets.size, {label: self.bits(label) for label in sorted(labels)})

    def mapping(self) -> dict[str, str | None]:
        """For each item its label, None if it is suppressed."""
        result: dict[str, str | None] = {}
        for item in self.baskets.bits:
            lineage = (item, *self.hierarchy.ancestors(item))
            result[item] = next((label for label in lineage if label in self.labels), None)
        return result

    def cost(self, label: str) -> float:
        """What is lost at the occurrences of the items under a label, if it is published."""
        return self.weight(label) * self.hierarchy.loss(label)

    def weight(self, label: str) -> int:
        """The occurrences of the items under a label."""
        return sum(self.baskets.bits[leaf].bit_count() for leaf in self.hierarchy.leaves[label])

    def climb(self, above: str) -> None:
        """Publish one label instead of all under it."""
        under = set(self.hierarchy.leaves[above])
        self.labels = {label for label in self.labels if self.hierarchy.leaves[label][0] not in under}
        self.labels.add(above)

    def specialise(self, models: Sequence[SetModel], drop: bool) -> None:
        """Split labels, costly ones first, as long as the models hold and less is lost.

        Args:
            drop: what would break a model may be suppressed; else all children must stay.
        """
        waiting = [label for label in self.labels if label in self.hierarchy.children]
        while waiting:
            label = max(waiting, key=lambda name: (self.cost(name), name))
            waiting.remove(label)
            children = self.hierarchy.children[label]
            rest = self.labels - {label}
            kept = self.placed(rest, children, models, drop) - rest
            covered = sum(map(self.weight, kept))
            lost = sum(map(self.cost, kept)) + self.weight(label) - covered
            if kept == set(children) or (drop and lost < self.cost(label)):
                self.labels = rest | kept
                waiting += [child for child in kept if child in self.hierarchy.children]

    def placed(
        self, labels: Set[str], more: Iterable[str], models: Sequence[SetModel], deeper: bool
    ) -> set[str]:
        """`labels` with those of `more` that break no model, frequent ones first.

        Args:
            deeper: for a label that does break one its children are tried.
        """
        placed = set(labels)
        for label in sorted(more, key=lambda name: (-self.bits(name).bit_count(), name)):
            wider = self.published(placed | {label})
            if not any(model.breaks_with(wider, label) for model in models):
                placed.add(label)
            elif deeper and label in self.hierarchy.children:
                placed = self.placed(placed, self.hierarchy.children[label], models, deeper)
        return placed


def recode_km(
    baskets: Baskets, hierarchy: ItemHierarchy, models: Sequence[KMAnonymity], drop: bool = False
) -> Recoding:
    """Labels under which k^m-anonymity holds.

    Args:
        drop: items are suppressed where that loses less; else all are published.

    Raises:
        InfeasibleError: fewer than k records have any item.
    """
    result = Recoding(baskets, hierarchy, baskets.bits)
    for model in models:
        for size in model.sizes(baskets.longest):
            while sets := list(islice(model.broken(result.published(result.labels), size), BATCH)):
                result.climb(_best_step(result, sets, model))
    result.specialise(models, drop)
    return result


def recode_rho(
    baskets: Baskets, hierarchy: ItemHierarchy, model: RhoUncertainty, sensitive: Iterable[str]
) -> Recoding:
    """Labels under which ρ-uncertainty holds; sensitive items stay themselves or are suppressed."""
    hidden = set(sensitive) & baskets.bits.keys()
    flat = dict.fromkeys(hidden, ROOT)
    public = baskets.kept(baskets.bits.keys() - hidden)
    tree = (
        ItemHierarchy({**flat, **hierarchy.trimmed(public.bits).parent})
        if public.bits
        else ItemHierarchy(flat)
    )
    result = Recoding(baskets, tree, ())
    tops = set(tree.children[ROOT]) - hidden
    rare_first = sorted(hidden, key=lambda item: (baskets.bits[item].bit_count(), item))
    for item in rare_first:
        result.labels = result.placed(result.labels, [item], [model], deeper=False)
    result.labels = result.placed(result.labels, tops, [model], deeper=True)
    result.specialise([model], drop=True)
    return result


def _best_step(result: Recoding, sets: Sequence[tuple[str, ...]], model: SetModel) -> str:
    """The label to climb to: most rare sets changed per loss added."""
    hits: Counter[str] = Counter()
    for labels in sets:
        hits.update({result.hierarchy.parent[label] for label in labels if label != ROOT})
    if not hits:
        raise InfeasibleError(f"{model}: too few records have any item; k must be lower")
    paid = {above: _added(result, above) for above in hits}
    return min(hits, key=lambda above: (paid[above] / hits[above], above))


def _added(result: Recoding, above: str) -> float:
    under = set(result.hierarchy.leaves[above])
    now = (label for label in result.labels if result.hierarchy.leaves[label][0] in under)
    return result.cost(above) - sum(map(result.cost, now))


def loss_of(mapping: Mapping[str, str | None], baskets: Baskets, hierarchy: ItemHierarchy | None) -> float:
    """The normalised certainty penalty over all occurrences of items: 0 as it was, 1 suppressed.

    Terrovitis et al., VLDB 2008, section 2: each occurrence costs its label's share of all items.
    """
    paid = 0.0
    for item, label in mapping.items():
        lost = 1.0 if label is None else 0.0 if label == item or hierarchy is None else hierarchy.loss(label)
        paid += lost * baskets.bits[item].bit_count()
    return paid / baskets.occurrences if baskets.occurrences else 0.0
