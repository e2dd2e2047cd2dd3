"""What an encoder reads of each unit: rows of whole numbers, found by type of unit and kept.

* `WordFeatures`: for the word and character encoder; hashed form, affixes and shape, the lists that
  hold the word, its characters (Dernoncourt et al. 2017, J Am Med Inform Assoc 24:596; hashed
  embeddings after Miranda et al. 2022, arXiv 2212.09255).
* `TemplateFeatures`: hashed templates of a linear CRF over words (Yang & Garibaldi 2015, J Biomed Inform
  58:S30, section 2.3) or characters (Liu et al. 2015, J Biomed Inform 58:S47, section 2.2).
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
_DIGIT = regex.compile(r"\p{N}")
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


def _signed(value: int) -> int:
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
        form = _DIGIT.sub("0", plain(unit))
        half = self.characters // 2
        seen = unit if len(unit) <= self.characters else unit[:half] + unit[-half:]
        codes = [1 + min(ord(char), self.ALPHABET - 2) for char in seen]
        return [
            _signed(hash32(unit)),
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


class TemplateFeatures(Features):
    """Hashed template features of a linear CRF: each column is a bucket below `buckets`.

    Args:
        gazetteer: lists of words.
        buckets: a power of two.
        unit: "word" or "character"; characters are read within their words.
    """

    _ALONE = (-2, -1, 0, 1, 2)

    def __init__(self, gazetteer: Gazetteer, buckets: int = 1 << 20) -> None:
        super().__init__()
        if buckets & (buckets - 1):
            raise ValueError("buckets must be a power of two")
        self.gazetteer, self.buckets = gazetteer, buckets

    def _row(self, unit: str) -> list[int]:
        form = _DIGIT.sub("0", plain(unit))
        outline = regex.sub(
            r"(.)\1+", r"\1\1", regex.sub(r"\p{Ll}", "a", regex.sub(r"\p{Lu}", "A", _DIGIT.sub("0", unit)))
        )
        values = [
            unit,
            form,
            outline,
            str(shape(unit)),
            *(form[:n] for n in (2, 3, 4)),
            *(form[-n:] for n in (2, 3, 4)),
            f"{self.gazetteer(unit):x}",
        ]
        return [_signed(hash32(value, 10 + kind)) for kind, value in enumerate(values)]

    def __call__(self, units: Units) -> Rows:
        base = super().__call__(units).astype(np.uint32)
        glue = units.glued.astype(np.uint32)
        section = _sections(units)
        total = len(units)
        if not total:
            return np.zeros((0, self._columns), dtype=np.int32)

        def near(column: int, offset: int) -> NDArray[np.uint32]:
            """A column read `offset` units further on; beyond the note a fixed value."""
            moved = np.full(total, 7, dtype=np.uint32)
            if abs(offset) < total:
                if offset >= 0:
                    moved[: total - offset] = base[offset:, column]
                else:
                    moved[-offset:] = base[:offset, column]
            return moved

        columns = [base[:, 0], *(near(kind, at) for at in self._ALONE for kind in range(1, base.shape[1]))]
        pairs = [
            (1, -1, 1, 0),
            (1, 0, 1, 1),
            (1, -2, 1, -1),
            (1, 1, 1, 2),
            (2, -1, 2, 0),
            (2, 0, 2, 1),
            (10, -1, 10, 0),
            (10, 0, 10, 1),
            (1, -1, 2, 0),
            (2, 0, 1, 1),
        ]
        for one, at, other, also in pairs:
            columns.append(_mix(near(one, at), 3) ^ near(other, also))
        for one in (2, 3, 10):
            triple = _mix(_mix(near(one, -1), 5) ^ near(one, 0), 5) ^ near(one, 1)
            columns.append(triple)
            columns.append(_mix(_mix(triple, 5) ^ near(one, 2), 5) ^ near(one, -2))
        line, place = section
        columns += [
            line,
            line * np.uint32(31) + place,
            _mix(line, 9) ^ base[:, 2],
            glue + np.uint32(1),
            _mix(near(2, 1), 9) ^ glue,
        ]
        salts = range(len(columns))
        mixed = [_mix(column, 101 + 2 * salt) for column, salt in zip(columns, salts, strict=True)]
        return (np.stack(mixed, 1) & np.uint32(self.buckets - 1)).astype(np.int32)

    @property
    def _columns(self) -> int:
        return 1 + len(self._ALONE) * (self.width - 1) + 10 + 6 + 5


def _mix(values: NDArray[np.uint32], salt: int) -> NDArray[np.uint32]:
    """Scrambled 32-bit values (the finaliser of MurmurHash3)."""
    mixed = values + np.uint32(salt * 0x9E3779B9 & 0xFFFFFFFF)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    return np.asarray(mixed ^ (mixed >> np.uint32(16)), dtype=np.uint32)


def _sections(units: Units) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """[n] a hash of the key that opens each unit's line ("Name:"), and the unit's place behind it."""
    keys = np.zeros(len(units), dtype=np.uint32)
    places = np.zeros(len(units), dtype=np.uint32)
    begin = 0
    for end in [*(at for at, text in enumerate(units.texts) if text in LINE_ENDS), len(units)]:
        head = units.texts[begin : begin + 6]
        if ":" in head:
            keys[begin:end] = hash32(plain(" ".join(head[: head.index(":")])), 99)
            places[begin:end] = np.minimum(np.arange(end - begin), 7)
        begin = end + 1
    return keys, places
