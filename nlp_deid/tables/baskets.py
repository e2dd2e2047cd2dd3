"""Records that are sets of items, held as one bitset of records an item.

A Python integer is the bitset: a set's support is the number of ones of the AND of its items.
Counting walks the sets depth first, so it needs memory for one path only, however many there are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

ALL_RECORDS = -1  # as a mask: no record is left out


class BasketError(ValueError):
    """Records, a hierarchy or thresholds that cannot be used."""


@dataclass(frozen=True)
class Baskets:
    """A database of item sets.

    Attributes:
        size: the number of records, empty ones included.
        bits: for each item that occurs the records that have it, one bit a record.
        duplicates: items that stood twice in one record and count once.
    """

    size: int
    bits: Mapping[str, int]
    duplicates: int = 0

    @classmethod
    def of(cls, records: Iterable[Iterable[str]]) -> Baskets:
        """Hold records; an item given twice in one counts once.

        Raises:
            BasketError: an item that is no text or is empty, or a record that is one string.
        """
        places: dict[str, list[int]] = {}
        size = duplicates = 0
        for at, record in enumerate(records):
            size = at + 1
            if isinstance(record, str):
                raise BasketError(f"record {size}: a record must be several items, not one string")
            items = list(record)
            for item in items:
                if not isinstance(item, str) or not item:
                    raise BasketError(f"record {size}: an item must be a text that is not empty")
            distinct = dict.fromkeys(items)
            duplicates += len(items) - len(distinct)
            for item in distinct:
                places.setdefault(item, []).append(at)
        return cls(size, {item: _mask(places[item], size) for item in sorted(places)}, duplicates)

    def __repr__(self) -> str:
        return f"Baskets({self.size} records, {len(self.bits)} items)"

    @property
    def everyone(self) -> int:
        """The mask of all records."""
        return (1 << self.size) - 1

    @cached_property
    def occurrences(self) -> int:
        """How many items all records hold together."""
        return sum(mask.bit_count() for mask in self.bits.values())

    @cached_property
    def longest(self) -> int:
        """The most items of one record."""
        return max(map(len, self.records()), default=0)

    def support(self, items: Iterable[str]) -> int:
        """How many records have all these items."""
        mask = self.everyone
        for item in items:
            mask &= self.bits.get(item, 0)
        return mask.bit_count()

    def kept(self, items: Collection[str]) -> Baskets:
        """The same records with these items only."""
        return Baskets(self.size, {item: mask for item, mask in self.bits.items() if item in items})

    def records(self) -> list[list[str]]:
        """The records, their items sorted."""
        records: list[list[str]] = [[] for _ in range(self.size)]
        for item in sorted(self.bits):
            for at in ones(self.bits[item]):
                records[at].append(item)
        return records


def ones(mask: int) -> Iterator[int]:
    """The places of the ones of a bitset."""
    for byte, value in enumerate(mask.to_bytes((mask.bit_length() + 7) // 8, "little")):
        while value:
            low = value & -value
            yield 8 * byte + low.bit_length() - 1
            value ^= low


def occurring(
    bits: Mapping[str, int], size: int, within: int = ALL_RECORDS, focus: int = ALL_RECORDS, least: int = 1
) -> Iterator[tuple[tuple[str, ...], int]]:
    """Each set of `size` items that a record in `within` and `focus` has, with its mask in `within`.

    Args:
        bits: the items to choose from.
        within: the records that count.
        focus: a set none of these records has is passed over.
        least: sets of fewer records are not extended; they are yielded at their own size
            (what Apriori prunes: Agrawal & Srikant, VLDB 1994).
    """
    items = sorted(bits, key=lambda item: (bits[item].bit_count(), item))
    yield from _extended([(item, bits[item]) for item in items], size, within, focus, least, ())


def _extended(
    items: Sequence[tuple[str, int]], size: int, mask: int, focus: int, least: int, prefix: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], int]]:
    if size == 0:
        yield prefix, mask
        return
    for at, (item, holders) in enumerate(items):
        both = mask & holders
        if not both & focus:
            continue
        if size == 1:
            yield (*prefix, item), both
        elif both.bit_count() >= least:
            yield from _extended(items[at + 1 :], size - 1, both, focus, least, (*prefix, item))


def _mask(places: Iterable[int], size: int) -> int:
    data = bytearray(size // 8 + 1)
    for at in places:
        data[at >> 3] |= 1 << (at & 7)
    return int.from_bytes(data, "little")
