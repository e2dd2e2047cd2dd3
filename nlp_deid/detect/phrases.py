"""Multi-word terms in a text: longest match, on word boundaries, in time that does not grow with
the number of terms.

A table maps the first two words of each phrase to the lengths that begin with them; every length
then costs one look-up of the joined words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from functools import lru_cache
from typing import Generic, TypeVar

Value = TypeVar("Value")

# A word, with a possessive ending that is no part of it.
_WORD = re.compile(r"[^\W_]+(?:'s?(?![^\W_]))?")
_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i"}
_FOLD = str.maketrans(_LETTERS)
_GAP = 3  # most characters between two words of a phrase


def fold(word: str) -> str:
    """A lower-case word without accents, apostrophes and other marks: "o'brien" is "obrien"."""
    if word.isascii() and word.isalnum():
        return word
    plain = unicodedata.normalize("NFD", word.translate(_FOLD))
    return "".join(char for char in plain if char.isalnum() and unicodedata.category(char) != "Lm")


def phrase_key(term: str) -> str:
    """A lower-case term as a table keeps it: folded words, one blank between, no possessive endings."""
    if term.isascii() and "  " not in term and term.replace(" ", "a").isalnum():
        return term
    return " ".join(filter(None, Words(term).words))


class Words:
    """The words of a lower-cased view and where they stand.

    Attributes:
        text: the lower-cased view.
        words: each word folded, without a possessive ending.
    """

    __slots__ = ("_raw", "_starts", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = text
        self._raw: list[str] = _WORD.findall(text)
        self._starts: list[int] | None = None
        self.words = [word.partition("'")[0] for word in self._raw] if "'" in text else self._raw
        if not text.isascii():
            self.words = [fold(word) for word in self.words]

    def __len__(self) -> int:
        return len(self.words)

    def start(self, i: int) -> int:
        """Where word `i` begins."""
        if self._starts is None:
            self._starts = [match.start() for match in _WORD.finditer(self.text)]
        return self._starts[i]

    def end(self, i: int) -> int:
        """Where word `i` ends, its possessive ending left out."""
        return self.start(i) + len(self._raw[i].partition("'")[0])

    def tail(self, i: int) -> int:
        """Where word `i` ends with its possessive ending."""
        return self.start(i) + len(self._raw[i])

    def gap(self, i: int) -> str:
        """The text between word `i` and the next one."""
        return self.text[self.tail(i) : self.start(i + 1)]


@lru_cache(maxsize=1)
def words_of(lower: str) -> Words:
    """The words of a lower-cased view; detectors ask for those of one note one after another."""
    return Words(lower)


class PhraseTable(Generic[Value]):
    """Phrases (as `phrase_key` gives them), each with a value."""

    def __init__(self) -> None:
        self._values: dict[str, Value] = {}
        self._lengths: dict[str, int] = {}  # first two words: bit n is set if a phrase has n words

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def add(self, keys: Iterable[str], value: Value, without: Container[str] = ()) -> None:
        """Give each of `keys`, except those in `without`, a value; a later value replaces an earlier one."""
        values, lengths = self._values, self._lengths
        for key in keys:
            if not key or key in without:
                continue
            values[key] = value
            blanks = key.count(" ")
            if blanks:
                words = key.split(" ", 2)
                start = f"{words[0]} {words[1]}"
                lengths[start] = lengths.get(start, 0) | 2 << blanks

    def find(self, words: Words) -> Iterator[tuple[int, int, Value]]:
        """(first, last, value) of the longest phrase at each place, as indices into `words`.

        A phrase that lies wholly inside an earlier one is left out. Words of a phrase are at most a
        few blanks or marks apart and on one line (a line that wraps is one line).
        """
        values, lengths = self._values, self._lengths
        plain = words.words
        last_end = -1
        for first, (word, following) in enumerate(zip(plain, [*plain[1:], ""], strict=False)):
            bits = lengths.get(f"{word} {following}")
            last = self._longest(words, first, bits) if bits else -1
            if last < 0 and word in values:
                last = first
            if last > last_end:
                last_end = last
                yield first, last, values[" ".join(plain[first : last + 1])]

    def _longest(self, words: Words, first: int, bits: int) -> int:
        """The last word of the longest phrase from `first` on, or -1."""
        while bits:
            count = bits.bit_length() - 1
            bits ^= 1 << count
            last = first + count - 1
            if (
                last < len(words)
                and " ".join(words.words[first : last + 1]) in self._values
                and all(_near(words.gap(i)) for i in range(first, last))
            ):
                return last
        return -1


def _near(gap: str) -> bool:
    """Whether words this far apart may belong to one phrase."""
    return len(gap) <= _GAP and "\n" not in gap
