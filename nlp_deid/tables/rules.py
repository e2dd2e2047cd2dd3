"""Association rules X -> a of one item a, by the search that finds the surest of them.

Of all X that the same holders of `a` have, the largest is the surest. So only sets that are closed
among the holders are visited, each once (Uno, Kiyomi & Arimura, "LCM ver. 2", FIMI 2004).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from nlp_deid.tables.baskets import Baskets, ones


@dataclass
class Bar:
    """What a rule must exceed to be reported; whoever reads the rules may raise it meanwhile."""

    height: Fraction

    def passed(self, both: int, others: int) -> bool:
        """Whether a confidence of both / (both + others) exceeds the bar."""
        return both * self.height.denominator > self.height.numerator * (both + others)


@dataclass(frozen=True)
class Rule:
    """X -> target: `both` records have X and the target, `others` X alone."""

    antecedent: tuple[str, ...]
    target: str
    both: int
    others: int

    @property
    def confidence(self) -> Fraction:
        return Fraction(self.both, self.both + self.others)


def just_below(rho: Fraction, records: int) -> Fraction:
    """A number that exactly the confidences of at least `rho` exceed.

    A confidence has a denominator of at most `records`, so one below `rho` is so by at least
    1 / (records * rho's denominator).
    """
    return rho - Fraction(1, 2 * max(records, 1) * rho.denominator)


def closed_rules(
    baskets: Baskets, target: str, bar: Bar, empty: bool = False, having: Iterable[str] = ()
) -> Iterator[Rule]:
    """The rules with this target above the bar, X closed among the target's holders.

    Args:
        empty: an empty X counts too.
        having: items that X must hold.
    """
    having = tuple(having)
    within = baskets.everyone
    for item in having:
        within &= baskets.bits[item]
    holders = baskets.bits.get(target, 0) & within
    if holders:
        search = _Search(baskets, target, bar, holders, within & ~holders)
        for both, others, items in search.from_root():
            if items or empty:
                yield Rule(items, target, both, others)


class _Search:
    """One depth-first walk over the closed sets of one target."""

    def __init__(self, baskets: Baskets, target: str, bar: Bar, holders: int, rest: int) -> None:
        bits = baskets.bits
        names = [item for item in bits if item != target and bits[item] & holders]
        self.names = sorted(names, key=lambda item: ((bits[item] & holders).bit_count(), item))
        self.bits = [bits[item] for item in self.names]
        self.bar, self.holders, self.rest = bar, holders, rest
        self.doubles = self._doubles()

    def _doubles(self) -> list[tuple[int, int]]:
        """Holders by how many others have all they have, fewest first: (number, mask)."""
        owned = dict.fromkeys(ones(self.holders), self.rest)
        for mask in self.bits:
            for at in ones(mask & self.holders):
                owned[at] &= mask
        groups: dict[int, int] = {}
        for at, mask in owned.items():
            count = mask.bit_count()
            groups[count] = groups.get(count, 0) | 1 << at
        return sorted(groups.items())

    def from_root(self) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        chosen = {i for i, mask in enumerate(self.bits) if not self.holders & ~mask}
        rest = self.rest
        for i in chosen:
            rest &= self.bits[i]
        yield from self._walk(chosen, self.holders, rest, 0)

    def _walk(
        self, chosen: set[int], mine: int, rest: int, start: int
    ) -> Iterator[tuple[int, int, tuple[str, ...]]]:
        both = mine.bit_count()
        # Every larger X lies inside what some holder has, so at least that holder's doubles have it too.
        fewest = next(number for number, mask in self.doubles if mask & mine)
        if not self.bar.passed(both, fewest):
            return
        if self.bar.passed(both, others := rest.bit_count()):
            yield both, others, tuple(sorted(self.names[i] for i in chosen))
        for at in range(start, len(self.bits)):
            if at in chosen or not (fewer := mine & self.bits[at]):
                continue
            closed = {i for i, mask in enumerate(self.bits) if i not in chosen and not fewer & ~mask}
            if min(closed) < at:  # that set is met on the path of its first item
                continue
            left = rest
            for i in closed:
                left &= self.bits[i]
            yield from self._walk(chosen | closed, fewer, left, at + 1)
