"""What an encoder reads of each unit: rows of whole numbers, found by type of unit and kept.

* `WordFeatures`: for the word and character encoder; hashed form, affixes and shape, the lists that
  hold the word, its characters (Dernoncourt et al. 2017, J Am Med Inform Assoc 24:596; hashed
  embeddings after Miranda et al. 2022, arXiv 2212.09255).
* `PieceFeatures`: word pieces of a public vocabulary, shape and lists, for a transformer.

No word is stored: forms are hashed, vocabularies and lists are public.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray
from tokenizers import Tokenizer

from nlp_deid.taggers.gazetteer import Gazetteer, hash32, plain
from nlp_deid.taggers.units import LINE_ENDS, Units

Rows = NDArray[np.int32]
MOST_KEPT = 200_000  # types of unit kept ready
DIGIT = regex.compile(r"\p{N}")
_SHAPES = (
    "newline", "digit", "digits2", "digits3", "digits4", "digits5", "digits", "letter", "Letter",
    "lower", "Title", "UPPER", "mixed", "point", "colon", "dash", "slash", "other",
)  # fmt: skip
_MARKS = {".": "point", ":": "colon", "-": "dash", "/": "slash"}


def shape(unit: str) -> int:
    """The written form of a unit, an index below `SHAPES`."""
    if unit in LINE_ENDS:
        name = "newline"
    elif unit.isnumeric():
        name = {1: "digit", 2: "digits2", 3: "digits3", 4: "digits4", 5: "digits5"}.get(len(unit), "digits")
    elif not unit[0].isalpha():
        name = _MARKS.get(unit, "other")
    elif len(unit) == 1:
        name = "Letter" if unit.isupper() else "letter"
    elif unit.islower():
        name = "lower"
    elif unit.isupper():
        name = "UPPER"
    else:
        name = "Title" if unit[1:].islower() else "mixed"
    return _SHAPES.index(name)


SHAPES = len(_SHAPES)


class Features(ABC):
    """Rows of features for the units of a note."""

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}
        self._rows: list[list[int]] = []

    def __call__(self, units: Units) -> Rows:
        """[n, F] the features of each unit."""
        return self._types(units.texts)

    @abstractmethod
    def _row(self, unit: str) -> list[int]:
        """The features of a type of unit."""

    def _types(self, texts: Sequence[str]) -> Rows:
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
            self._rows.clear()
        kept, rows = self._kept, self._rows
        for unit in set(texts):
            if unit not in kept:
                rows.append(self._row(unit))
                kept[unit] = len(rows) - 1
        order = [kept[unit] for unit in texts]
        if not order:
            return np.zeros((0, self.width), dtype=np.int32)
        distinct, place = np.unique(order, return_inverse=True)
        return np.array([rows[at] for at in distinct], dtype=np.int32)[place]

    @property
    def width(self) -> int:
        """F, the features of a unit."""
        return len(self._row("a"))


def signed(value: int) -> int:
    """A 32-bit hash as a signed number."""
    return value - (1 << 32) if value >= 1 << 31 else value


class WordFeatures(Features):
    """Columns: type, two rows for the form, prefix, suffix, shape, glue and lists, then characters.

    Args:
        gazetteer: lists of words.
        rows: rows of the hashed tables.
        characters: characters read of a unit; of longer ones the first and the last.
    """

    FIXED = 8  # columns before the characters
    ALPHABET = 600  # characters told apart; the rest is one

    def __init__(self, gazetteer: Gazetteer, rows: int, characters: int = 16) -> None:
        super().__init__()
        self.gazetteer, self.rows, self.characters = gazetteer, rows, characters

    def _row(self, unit: str) -> list[int]:
        form = DIGIT.sub("0", plain(unit))
        half = self.characters // 2
        seen = unit if len(unit) <= self.characters else unit[:half] + unit[-half:]
        codes = [1 + min(ord(char), self.ALPHABET - 2) for char in seen]
        return [
            signed(hash32(unit)),
            *(hash32(form, salt) % self.rows for salt in (1, 2)),
            hash32(form[:3], 3) % self.rows,
            hash32(form[-3:], 4) % self.rows,
            shape(unit),
            0,
            self.gazetteer(unit),
            *codes,
            *[0] * (self.characters - len(codes)),
        ]

    def __call__(self, units: Units) -> Rows:
        rows = super().__call__(units)
        rows[:, 6] = units.glued
        return rows


class PieceFeatures(Features):
    """Columns: shape, glue, lists, then word pieces, -1 where there are no more.

    Args:
        tokenizer: of a public vocabulary.
        gazetteer: lists of words.
        pieces: pieces read of a unit.
    """

    FIXED = 3

    def __init__(self, tokenizer: Tokenizer, gazetteer: Gazetteer, pieces: int = 6) -> None:
        super().__init__()
        self.tokenizer, self.gazetteer, self.pieces = tokenizer, gazetteer, pieces
        self._newline, self._unknown = (_piece(tokenizer, name) for name in ("[SEP]", "[UNK]"))

    def _row(self, unit: str) -> list[int]:
        if unit in LINE_ENDS:
            ids = [self._newline]
        else:
            whole = unit[:100].encode("utf-8", "replace").decode()  # half a surrogate pair is no text
            ids = self.tokenizer.encode(whole, add_special_tokens=False).ids[: self.pieces]
        ids = ids or [self._unknown]
        return [shape(unit), 0, self.gazetteer(unit), *ids, *[-1] * (self.pieces - len(ids))]

    def __call__(self, units: Units) -> Rows:
        rows = super().__call__(units)
        rows[:, 1] = units.glued
        return rows


def _piece(tokenizer: Tokenizer, name: str) -> int:
    found: int | None = tokenizer.token_to_id(name)
    if found is None:
        raise ValueError(f"the vocabulary lacks {name}")
    return found
