"""Many literals searched at once (Aho & Corasick 1975), in one pass over a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import ahocorasick

Value = TypeVar("Value")
Hit = tuple[int, int]  # start and end of a literal in a text


class Literals(Generic[Value]):
    """Finds literals and the values tied to them; a literal may have several.

    Args:
        items: (literal, value) pairs; literals must not be empty.
        opening: find a literal only where a word or a number may begin: a letter does not stand
            behind a letter, nor a digit behind a digit.
    """

    def __init__(self, items: Iterable[tuple[str, Value]], opening: bool = False) -> None:
        values: dict[str, list[Value]] = {}
        for literal, value in items:
            values.setdefault(literal, []).append(value)
        self._opening = opening
        self._automaton = ahocorasick.Automaton()
        for literal, tied in values.items():
            self._automaton.add_word(literal, (len(literal), tuple(tied)))
        if values:
            self._automaton.make_automaton()

    def find(self, text: str) -> Iterator[tuple[int, int, tuple[Value, ...]]]:
        """(start, end, values) of every occurrence, in order of the end."""
        if not len(self._automaton):
            return
        opening = self._opening
        for last, (length, tied) in self._automaton.iter(text):
            start = last + 1 - length
            if opening and start:
                before, first = text[start - 1], text[start]
                if (before.isalpha() and first.isalpha()) or (before.isdigit() and first.isdigit()):
                    continue
            yield start, last + 1, tied

    def hits(self, text: str) -> dict[Value, list[Hit]]:
        """Where the literals of each value stand."""
        found: dict[Value, list[Hit]] = {}
        for start, end, tied in self.find(text):
            for value in tied:
                found.setdefault(value, []).append((start, end))
        return found

    def positions(self, text: str) -> list[Hit]:
        """Where any literal stands."""
        return [(start, end) for start, end, _ in self.find(text)]
