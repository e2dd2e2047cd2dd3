"""Writes a surrogate name in the case and manner of the name that it replaces."""

from __future__ import annotations

import regex

_LETTER = regex.compile(r"\p{L}")
# Folded names that are written with an apostrophe.
_O_NAMES = frozenset([
    "obrien", "oconnell", "oconner", "oconnor", "odaniel", "odell", "odonnell", "odriscoll", "ohara", "ohare",
    "okeefe", "oleary", "omalley", "omara", "oneal", "oneil", "oneill", "oreilly", "orourke", "oshea",
    "osullivan", "otoole", "ogrady", "ohalloran", "obyrne", "odea", "odonoghue",
])  # fmt: skip


def in_shape(word: str, like: str) -> str:
    """A folded name written in the case of another: UPPER, lower or Title (McX, O'X)."""
    name = _capital(word)
    letters = [char for char in like if char.isalpha()]
    if len(letters) == 1:
        return name.lower() if letters[0].islower() else name
    if all(char.isupper() for char in letters[-2:]):
        return name.upper()
    return name.lower() if all(char.islower() for char in letters) else name


def _capital(word: str) -> str:
    if word in _O_NAMES:
        return f"O'{word[1:].capitalize()}"
    if word.startswith("mc") and len(word) > 4:
        return f"Mc{word[2:].capitalize()}"
    return word.capitalize()


def spelled_like(word: str, like: str) -> str:
    """A folded name spelled letter by letter in the manner of another."""
    first, *_ = letters = _LETTER.findall(like)
    gap = like[1 : like.index(letters[1], 1)]
    upper = first.isupper(), letters[1].isupper()
    return gap.join(char.upper() if upper[min(i, 1)] else char for i, char in enumerate(word))
