"""Global suppression: which items leave every record so that models hold.

Items are taken greedily by broken sets mended per occurrence lost (Xu et al., KDD 2008, their
MM / IL; Cao et al., VLDB 2010, their payoff ratio), then all that can return do so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from itertools import islice

from nlp_deid.tables.baskets import BasketError, Baskets
from nlp_deid.tables.setvalued import SetModel

BATCH = 50_000  # broken sets held at a time
SWAPS = 200  # items tried at most for giving way to others


class InfeasibleError(BasketError):
    """Models that cannot hold for these records without losing all."""


def suppress(baskets: Baskets, models: Sequence[SetModel], prefer: Set[str] = frozenset()) -> set[str]:
    """The items that stay, such that the models hold and no other single item could stay too.

    Two ways are gone and the one that keeps more occurrences is taken: mend greedily and let items
    return, or add items by falling frequency; then items are swapped. Without `prefer` and private items that never loses
    more than cutting off rare items.

    Args:
        prefer: items that go only where no others would do; private items of a model always are so.

    Raises:
        InfeasibleError: the models do not hold for any item.
    """
    first = {item for item in baskets.bits if any(not model.may_suppress(item) for model in models)}
    start = grow(baskets, models, (), only=first)
    start = grow(baskets, models, start, only=prefer & baskets.bits.keys(), rare_first=True)
    ways = [grow(baskets, models, mended(baskets, models, start)), grow(baskets, models, start)]
    best = swapped(baskets, models, max(ways, key=lambda kept: baskets.kept(kept).occurrences), start)
    if baskets.bits and not best:
        raise InfeasibleError(
            f"{', '.join(map(str, models))}: no item can be published; relax the thresholds"
        )
    return best


def mended(baskets: Baskets, models: Sequence[SetModel], keep: Set[str] = frozenset()) -> set[str]:
    """The items that stay after greedy mending; the models must hold for those of `keep`."""
    kept = set(baskets.bits)
    for model in models:
        for size in model.sizes(baskets.longest):
            while sets := list(islice(model.broken(baskets.kept(kept), size), BATCH)):
                kept -= _hitting(baskets, sets, keep)
    return kept


def grow(
    baskets: Baskets,
    models: Sequence[SetModel],
    start: Iterable[str],
    only: Iterable[str] | None = None,
    rare_first: bool = False,
) -> set[str]:
    """`start` and what may join it, tried by falling frequency.

    Args:
        only: the items that may join; None: all.
        rare_first: tried by rising frequency; of sensitive items more can stay then.
    """
    kept = set(start)
    rest = (set(baskets.bits) if only is None else set(only)) - kept
    sign = 1 if rare_first else -1
    for item in sorted(rest, key=lambda item: (sign * baskets.bits[item].bit_count(), item)):
        wider = baskets.kept(kept | {item})
        if not any(model.breaks_with(wider, item) for model in models):
            kept.add(item)
    return kept


def swapped(baskets: Baskets, models: Sequence[SetModel], kept: set[str], fixed: Set[str]) -> set[str]:
    """`kept`, or what stays after one item gives way to others, as long as that keeps more occurrences.

    Args:
        fixed: items that do not give way.
    """
    trials = 0
    waiting = sorted(kept - fixed, key=lambda item: (baskets.bits[item].bit_count(), item))
    while waiting and trials < SWAPS:
        item, trials = waiting.pop(0), trials + 1
        other = grow(baskets, models, kept - {item}, only=baskets.bits.keys() - {item})
        if baskets.kept(other).occurrences > baskets.kept(kept).occurrences:
            kept = other
            waiting = sorted(kept - fixed, key=lambda item: (baskets.bits[item].bit_count(), item))
    return grow(baskets, models, kept)


def by_frequency(baskets: Baskets, models: Sequence[SetModel]) -> set[str]:
    """The most frequent items, as many as may stay: what cutting off rare items reaches."""
    ranked = sorted(baskets.bits, key=lambda item: (-baskets.bits[item].bit_count(), item))
    kept: set[str] = set()
    for item in ranked:
        wider = baskets.kept(kept | {item})
        if any(model.breaks_with(wider, item) for model in models):
            break
        kept.add(item)
    return kept


def _hitting(baskets: Baskets, sets: Sequence[tuple[str, ...]], keep: Set[str]) -> set[str]:
    """Items of which each set has one, by most sets per occurrence."""
    at: dict[str, list[int]] = {}
    for number, items in enumerate(sets):
        for item in items:
            if item not in keep:
                at.setdefault(item, []).append(number)
    count = Counter({item: len(numbers) for item, numbers in at.items()})
    alive = set(range(len(sets)))
    chosen: set[str] = set()
    while alive:
        best = max(count, key=lambda item: (count[item] / baskets.bits[item].bit_count(), item))
        chosen.add(best)
        for number in alive.intersection(at[best]):
            alive.discard(number)
            for item in sets[number]:
                if item in count:
                    count[item] -= 1
        del count[best]
    return chosen
