"""Many literals searched at once (Aho & Corasick 1975), in one pass over a text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

import ahocorasick

Value = TypeVar("Value")


class Literals(Generic[Value]):
    """Finds literals and the values tied to them; a literal may have several.

    Args:
        items: (literal, value) pairs; literals must not be empty.
    """

    def __init__(self, items: Iterable[tuple[str, Value]]) -> None:
        values: dict[str, list[Value]] = {}
        for literal, value in items:
            values.setdefault(literal, []).append(value)
        self._automaton = ahocorasick.Automaton()
        for literal, tied in values.items():
            self._automaton.add_word(literal, (len(literal), tuple(tied)))
        if values:
            self._automaton.make_automaton()

    def find(self, text: str) -> Iterator[tuple[int, int, tuple[Value, ...]]]:
        """(start, end, values) of every occurrence, in order of the end."""
        if len(self._automaton):
            for last, (length, tied) in self._automaton.iter(text):
                yield last + 1 - length, last + 1, tied

    def hits(self, text: str) -> dict[Value, list[tuple[int, int]]]:
        """Where the literals of each value stand."""
        found: dict[Value, list[tuple[int, int]]] = {}
        for start, end, tied in self.find(text):
            for value in tied:
                found.setdefault(value, []).append((start, end))
        return found

    def positions(self, text: str) -> list[tuple[int, int]]:
        """Where any literal stands."""
        return [(start, end) for start, end, _ in self.find(text)]
