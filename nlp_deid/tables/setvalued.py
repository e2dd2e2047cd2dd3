"""Privacy models for records that are sets of items: k^m-anonymity, ρ-uncertainty, (h,k,p)-coherence.

Each model checks a database and names its worst witness: which items, in how many records. To leave
an item out of all records is safe under every one of them; to leave it out of some is not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from dataclasses import dataclass
from fractions import Fraction

from nlp_deid.tables.baskets import BasketError, Baskets, occurring
from nlp_deid.tables.rules import Bar, Rule, closed_rules, just_below

LEVELWISE = 4  # ρ-uncertainty: rules of up to so many items are listed whole, longer ones by closed sets


@dataclass(frozen=True)
class SetCheck:
    """What a model says of a database.

    Attributes:
        model: the model with its parameters.
        holds: whether it holds; a database without items holds.
        items: the worst set of items; of ρ-uncertainty the antecedent.
        support: how many records have them; None if no set was there to look at.
        target: the sensitive or private item that they tell of.
        share: how many of these records have the target.
        note: what the reader should know.
    """

    model: str
    holds: bool
    items: tuple[str, ...] = ()
    support: int | None = None
    target: str = ""
    share: Fraction | None = None
    note: str = ""

    def __bool__(self) -> bool:
        return self.holds


class SetModel(ABC):
    """A condition on a database of item sets that leaving out whole items cannot break."""

    @abstractmethod
    def check(self, baskets: Baskets) -> SetCheck:
        """Whether it holds, with the worst witness."""

    @abstractmethod
    def sizes(self, longest: int) -> range:
        """The sizes of sets that may break it, in the order in which to repair them."""

    @abstractmethod
    def broken(self, baskets: Baskets, size: int) -> Iterator[tuple[str, ...]]:
        """Sets of this size that break it, given that none of a smaller size does."""

    @abstractmethod
    def breaks_with(self, baskets: Baskets, item: str) -> bool:
        """Whether a set with this item breaks it, given that without the item it holds."""

    def may_suppress(self, item: str) -> bool:
        """Whether leaving this item out is a way to repair."""
        return True


@dataclass(frozen=True)
class KMAnonymity(SetModel):
    """Every set of up to m items that occurs does so in at least k records.

    Terrovitis, Mamoulis & Kalnis, "Privacy-preserving anonymization of set-valued data", VLDB 2008.
    """

    k: int
    m: int

    def __post_init__(self) -> None:
        _whole(self.k, "k")
        _whole(self.m, "m")

    def __str__(self) -> str:
        return f"k_m_anonymity(k={self.k}, m={self.m})"

    def check(self, baskets: Baskets) -> SetCheck:
        worst: tuple[tuple[str, ...], int] | None = None
        for size in self.sizes(baskets.longest):
            for items, mask in occurring(baskets.bits, size):
                if worst is None or mask.bit_count() < worst[1]:
                    worst = tuple(sorted(items)), mask.bit_count()
                if worst[1] == 1:
                    break
            if worst and worst[1] == 1:
                break
        note = ""
        if self.m > baskets.longest:
            note = f"m is more than the longest record, which has {baskets.longest} items: no more is asked"
        if worst is None:
            return SetCheck(str(self), True, note=note)
        return SetCheck(str(self), worst[1] >= self.k, *worst, note=note)

    def sizes(self, longest: int) -> range:
        return range(1, min(self.m, longest) + 1)

    def broken(self, baskets: Baskets, size: int) -> Iterator[tuple[str, ...]]:
        for items, mask in occurring(baskets.bits, size, least=self.k):
            if mask.bit_count() < self.k:
                yield items

    def breaks_with(self, baskets: Baskets, item: str) -> bool:
        others = {name: mask for name, mask in baskets.bits.items() if name != item}
        return any(
            mask.bit_count() < self.k
            for size in range(self.m)
            for _, mask in occurring(others, size, baskets.bits[item], least=self.k)
        )


@dataclass(frozen=True)
class RhoUncertainty(SetModel):
    """No items X of a record tell a further sensitive item `a` with a confidence of rho or more.

    Cao, Karras, Raïssi & Tan, "ρ-uncertainty: inference-proof transaction anonymization", VLDB 2010.

    Args:
        rho: above 0, at most 1; the confidence of every rule X -> a must lie below.
        sensitive: the items not to be told; None: all.
        empty_antecedent: whether the empty X counts: then no sensitive item may itself be as
            frequent as rho of all records.
    """

    rho: float | str | Fraction
    sensitive: Set[str] | None = None
    empty_antecedent: bool = False

    def __post_init__(self) -> None:
        if not 0 < share(self.rho, "rho") <= 1:
            raise BasketError("rho must lie above 0 and be at most 1")
        if self.sensitive is not None:
            object.__setattr__(self, "sensitive", _items(self.sensitive, "sensitive"))

    def __str__(self) -> str:
        which = "all items" if self.sensitive is None else f"{len(self.sensitive)} items"
        return f"rho_uncertainty(rho={self.rho}, sensitive: {which})"

    def check(self, baskets: Baskets) -> SetCheck:
        bar, worst = Bar(Fraction(0)), None
        for target in self._targets(baskets):
            for rule in closed_rules(baskets, target, bar, self.empty_antecedent):
                worst, bar.height = rule, rule.confidence
        if worst is None:
            return SetCheck(str(self), True)
        surest = worst.confidence
        antecedent = self._shortest(baskets, worst, surest)[:-1]
        holds = surest < share(self.rho, "rho")
        return SetCheck(str(self), holds, antecedent, baskets.support(antecedent), worst.target, surest)

    def sizes(self, longest: int) -> range:
        return range(1, min(longest, LEVELWISE) + 2)

    def broken(self, baskets: Baskets, size: int) -> Iterator[tuple[str, ...]]:
        """X and a together; the last size stands for all that are longer, each cut to what is needed."""
        if size > LEVELWISE:
            for rule in self._broken_rules(baskets):
                yield self._shortest(baskets, rule, share(self.rho, "rho"))
            return
        top, bottom = share(self.rho, "rho").as_integer_ratio()
        for target in self._targets(baskets):
            if size == 1 and not self.empty_antecedent:
                continue
            holders = baskets.bits[target]
            others = {name: mask for name, mask in baskets.bits.items() if name != target}
            for items, mask in occurring(others, size - 1, baskets.everyone, focus=holders):
                if (mask & holders).bit_count() * bottom >= top * mask.bit_count():
                    yield (*items, target)

    def breaks_with(self, baskets: Baskets, item: str) -> bool:
        return any(True for _ in self._broken_rules(baskets, item))

    def _targets(self, baskets: Baskets) -> list[str]:
        return [item for item in baskets.bits if self.sensitive is None or item in self.sensitive]

    def _broken_rules(self, baskets: Baskets, item: str | None = None) -> Iterator[Rule]:
        """Rules that break it, all or those with this item."""
        bar = Bar(just_below(share(self.rho, "rho"), baskets.size))
        for target in self._targets(baskets):
            having = () if item in (None, target) else (str(item),)
            yield from closed_rules(baskets, target, bar, self.empty_antecedent, having)

    def _shortest(self, baskets: Baskets, rule: Rule, least: Fraction) -> tuple[str, ...]:
        """The rule's items without those that it does not need to be that sure, the target last."""
        items = list(rule.antecedent)
        for item in rule.antecedent:
            fewer = [other for other in items if other != item]
            whole = baskets.support(fewer)
            if (fewer or self.empty_antecedent) and baskets.support([*fewer, rule.target]) >= least * whole:
                items = fewer
        return (*items, rule.target)


@dataclass(frozen=True)
class HKPCoherence(SetModel):
    """Up to p public items of a record are in at least k records and tell no private item beyond h.

    Xu, Wang, Fu & Yu, "Anonymizing transaction databases for publication", KDD 2008.

    Args:
        h: 0 to 1; at most this share of the records with the public items may have one private item.
        k, p: at least 1.
        private: the items that an attacker does not know; all others are public.
    """

    h: float | str | Fraction
    k: int
    p: int
    private: Set[str]

    def __post_init__(self) -> None:
        if not 0 <= share(self.h, "h") <= 1:
            raise BasketError("h must lie from 0 to 1")
        _whole(self.k, "k")
        _whole(self.p, "p")
        object.__setattr__(self, "private", _items(self.private, "private"))

    def __str__(self) -> str:
        return f"hkp_coherence(h={self.h}, k={self.k}, p={self.p}, private: {len(self.private)} items)"

    def check(self, baskets: Baskets) -> SetCheck:
        rarest: SetCheck | None = None
        surest: SetCheck | None = None
        for size in self.sizes(baskets.longest):
            for items, mask in occurring(self._public(baskets), size):
                support = mask.bit_count()
                told, target = self._told(baskets, mask)
                found = SetCheck(str(self), False, tuple(sorted(items)), support, target, told)
                if rarest is None or support < (rarest.support or 0):
                    rarest = found
                if surest is None or told > (surest.share or 0):
                    surest = found
            if rarest and rarest.support == 1 and self.k > 1:
                break
        if rarest is None or surest is None:
            return SetCheck(str(self), True)
        if (rarest.support or 0) < self.k:
            return rarest
        holds = (surest.share or 0) <= share(self.h, "h")
        return SetCheck(str(self), holds, surest.items, surest.support, surest.target, surest.share)

    def sizes(self, longest: int) -> range:
        return range(1, min(self.p, longest) + 1)

    def broken(self, baskets: Baskets, size: int) -> Iterator[tuple[str, ...]]:
        for items, mask in occurring(self._public(baskets), size, least=self.k):
            if self._is_mole(baskets, mask):
                yield items

    def breaks_with(self, baskets: Baskets, item: str) -> bool:
        public = self._public(baskets)
        within = public.pop(item, baskets.everyone)
        # A private item may be told by any set, a public one makes new sets with itself only.
        sizes = range(1, self.p + 1) if item in self.private else range(self.p)
        return any(
            self._is_mole(baskets, mask) for size in sizes for _, mask in occurring(public, size, within)
        )

    def may_suppress(self, item: str) -> bool:
        return item not in self.private

    def _public(self, baskets: Baskets) -> dict[str, int]:
        return {item: mask for item, mask in baskets.bits.items() if item not in self.private}

    def _told(self, baskets: Baskets, mask: int) -> tuple[Fraction, str]:
        """The largest share of these records that one private item has, and that item."""
        counts = [
            ((mask & baskets.bits[item]).bit_count(), item) for item in self.private & baskets.bits.keys()
        ]
        count, item = max(counts, key=lambda found: (found[0], found[1]), default=(0, ""))
        return Fraction(count, mask.bit_count()), item if count else ""

    def _is_mole(self, baskets: Baskets, mask: int) -> bool:
        top, bottom = share(self.h, "h").as_integer_ratio()
        most = mask.bit_count() * top
        return mask.bit_count() < self.k or any(
            (mask & baskets.bits.get(item, 0)).bit_count() * bottom > most for item in self.private
        )


def share(value: float | str | Fraction, name: str) -> Fraction:
    """A threshold as the decimal that was written: 0.1 is one tenth.

    Raises:
        BasketError: no number.
    """
    try:
        if isinstance(value, bool):
            raise ValueError
        return Fraction(str(value))
    except (ValueError, ZeroDivisionError):
        raise BasketError(f"{name} must be a number") from None


def _whole(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise BasketError(f"{name} must be a whole number, 1 or more")


def _items(items: object, name: str) -> frozenset[str]:
    if not isinstance(items, list | tuple | Set) or not items:
        raise BasketError(f"{name} must be a list of items, at least one")
    if not all(isinstance(item, str) and item for item in items):
        raise BasketError(f"{name} must be a list of items as text; quote codes that are numbers")
    return frozenset(items)
