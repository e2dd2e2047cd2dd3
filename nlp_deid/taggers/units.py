"""Units: the smallest pieces of a text that a tag can stand for.

Runs of letters, runs of digits, single other characters and line ends. A run of letters is cut where
small letters meet a capital, so that fields typed without a blank ("SmithMRN") come apart. A span may
begin and end at any unit, whatever pieces an encoder's own tokenizer makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import regex
from numpy.typing import NDArray

from nlp_deid.layout import WRAP

LINE_ENDS = frozenset({"\n", WRAP})
_UNIT = regex.compile(
    rf"\p{{Lu}}+(?!\p{{Ll}})\p{{M}}*|\p{{Lu}}?[\p{{L}}\p{{M}}--\p{{Lu}}]+|\p{{N}}+|[\n{WRAP}]|\S", regex.V1
)


@dataclass(frozen=True, repr=False)
class Units:
    """The units of a text.

    Attributes:
        texts: the characters of each unit, n of them.
        starts: [n] offset of the first character of each.
        ends: [n] offset behind the last character of each.
    """

    texts: list[str]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        return f"Units({len(self.texts)})"

    @property
    def glued(self) -> NDArray[np.bool_]:
        """[n] whether a unit touches the one before it."""
        touches = np.zeros(len(self.texts), dtype=bool)
        touches[1:] = self.starts[1:] == self.ends[:-1]
        return touches


def split(text: str) -> Units:
    """The units of a text, in order; they cover every character but blanks."""
    texts = _UNIT.findall(text)
    starts = np.fromiter((found.start() for found in _UNIT.finditer(text)), np.int64, len(texts))
    return Units(texts, starts, starts + np.fromiter(map(len, texts), np.int64, len(texts)))


@dataclass(frozen=True, repr=False)
class CharacterUnits(Units):
    """Every character as a unit.

    Attributes:
        words: the units of `split`.
        of_word: [n] which of them each character is part of.
    """

    words: Units
    of_word: NDArray[np.int64]


def split_characters(text: str) -> CharacterUnits:
    """The characters of a text but blanks, each with the word that it is part of."""
    words = split(text)
    sizes = words.ends - words.starts
    of_word = np.repeat(np.arange(len(words)), sizes)
    inside = np.arange(len(of_word)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    starts = words.starts[of_word] + inside
    return CharacterUnits([char for word in words.texts for char in word], starts, starts + 1, words, of_word)


SPLITS = {"word": split, "character": split_characters}
