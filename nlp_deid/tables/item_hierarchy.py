"""Hierarchies over items: a tree from each item up to one root, of any depth.

Built from the prefixes of codes, from ICD-10's categories and chapters, or from a parent table
(a line a label and its parent), the form in which SNOMED CT's "is a" relations can be written.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from nlp_deid.tables.baskets import BasketError

ROOT = "*"

# First and last category of each chapter, as ICD-10 and ICD-10-CM together have them.
_CHAPTERS = (
    "A00-B99 C00-D49 D50-D89 E00-E90 F00-F99 G00-G99 H00-H59 H60-H95 I00-I99 J00-J99 K00-K95 L00-L99 "
    "M00-M99 N00-N99 O00-O9A P00-P96 Q00-Q99 R00-R99 S00-T98 U00-U99 V00-Y99 Z00-Z99"
)


class ItemHierarchy:
    """A tree of labels.

    Attributes:
        parent: the label above each label but the root.
        children: the labels under each inner label, sorted.
    """

    def __init__(self, parent: Mapping[str, str]) -> None:
        """Hold a tree; labels without a parent are put under the root "*".

        Raises:
            BasketError: no labels, an empty label, or a label that is its own ancestor.
        """
        if not parent:
            raise BasketError("the hierarchy has no items")
        self.parent = {label: above for label, above in parent.items() if label != ROOT}
        for above in set(self.parent.values()) - {ROOT}:
            self.parent.setdefault(above, ROOT)
        if not all(self.parent) or not all(self.parent.values()):
            raise BasketError("the hierarchy has an empty label")
        self._check_roots()
        children: dict[str, list[str]] = {}
        for label in sorted(self.parent):
            children.setdefault(self.parent[label], []).append(label)
        self.children = children

    @classmethod
    def from_prefixes(cls, items: Iterable[str], lengths: Sequence[int]) -> ItemHierarchy:
        """Codes under their prefixes: lengths [3, 1] put E119 under E11*, that under E* and that under *.

        Raises:
            BasketError: lengths that do not fall, or below 1.
        """
        if not lengths or lengths[-1] < 1 or any(a <= b for a, b in pairwise(lengths)):
            raise BasketError("prefix lengths must fall and be 1 or more, such as [3, 1]")
        return cls.from_paths((item, *(item[:length] + ROOT for length in lengths)) for item in items)

    @classmethod
    def icd10(cls, items: Iterable[str]) -> ItemHierarchy:
        """ICD-10 codes, with or without the point, under categories (E11*) and chapters (E00-E90).

        Raises:
            BasketError: an item that no chapter holds.
        """
        return cls.from_paths((item, item[:3].upper() + ROOT, _chapter(item)) for item in items)

    @classmethod
    def from_paths(cls, paths: Iterable[Sequence[str]]) -> ItemHierarchy:
        """Items with their ancestors from below.

        Raises:
            BasketError: a label under two different ones.
        """
        parent: dict[str, str] = {}
        for path in paths:
            for label, above in pairwise((*path, ROOT)):
                if parent.setdefault(label, above) != above:
                    raise BasketError(
                        f"hierarchy: {label!r} lies under {parent[label]!r} and under {above!r}; "
                        "a label has one parent"
                    )
        return cls(parent)

    @classmethod
    def from_csv(cls, path: str | Path, delimiter: str = ",") -> ItemHierarchy:
        """A parent table without header: label, parent (UTF-8).

        Raises:
            BasketError: not two columns, a label with two parents, or not UTF-8.
        """
        pairs = []
        try:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                for row in csv.reader(file, delimiter=delimiter):
                    pairs.append([cell.strip() for cell in row])
        except UnicodeDecodeError:
            raise BasketError(f"{path}: not UTF-8") from None
        parent: dict[str, str] = {}
        for number, row in enumerate(pairs, 1):
            if row and len(row) != 2:
                raise BasketError(f"{path}: line {number}: needs two columns, label and parent")
            if row and parent.setdefault(row[0], row[1]) != row[1]:
                raise BasketError(
                    f"{path}: line {number}: {row[0]!r} has another parent above; only one is allowed"
                )
        return cls(parent)

    def check_items(self, items: Iterable[str]) -> None:
        """Refuse items that are no leaves.

        Raises:
            BasketError: such an item.
        """
        for item in items:
            if item not in self.parent:
                raise BasketError(f"item {item!r} is missing in the hierarchy")
            if item in self.children:
                raise BasketError(
                    f"item {item!r} has items under it in the hierarchy; records may hold leaves only"
                )

    def trimmed(self, items: Iterable[str]) -> ItemHierarchy:
        """The part of the tree that lies above these items."""
        parent: dict[str, str] = {}
        for item in items:
            label = item
            while label != ROOT and label not in parent:
                parent[label] = self.parent[label]
                label = parent[label]
        return ItemHierarchy(parent)

    @cached_property
    def leaves(self) -> Mapping[str, tuple[str, ...]]:
        """The leaves at or under each label."""
        found: dict[str, list[str]] = {ROOT: []}
        for label in self.parent:
            if label not in self.children:
                found[label] = [label]
                for above in self.ancestors(label):
                    found.setdefault(above, []).append(label)
        return {label: tuple(sorted(leaves)) for label, leaves in found.items()}

    def ancestors(self, label: str) -> list[str]:
        """The labels above one, from below, the root last."""
        above = []
        while label != ROOT:
            label = self.parent[label]
            above.append(label)
        return above

    def loss(self, label: str) -> float:
        """The normalised certainty penalty of a label: its share of all leaves, 0 if it has one."""
        under = len(self.leaves[label])
        return 0.0 if under == 1 else under / len(self.leaves[ROOT])

    def _check_roots(self) -> None:
        safe: set[str] = {ROOT}
        for start in self.parent:
            path: dict[str, None] = {}
            label = start
            while label not in safe:
                if label in path:
                    raise BasketError(f"hierarchy: {label!r} is its own ancestor")
                path[label] = None
                label = self.parent[label]
            safe.update(path)


def _chapter(code: str) -> str:
    category = code[:3].upper()
    chapters = _CHAPTERS.split()
    at = bisect_right([chapter[:3] for chapter in chapters], category) - 1
    if at < 0 or len(category) < 3 or not category[1].isdigit() or category > chapters[at][4:]:
        raise BasketError(f"item {code!r} is no ICD-10 code: no chapter holds it")
    return chapters[at]
