"""Template features of linear CRFs, hashed: each column is a bucket.

* `TemplateFeatures`: over words (Yang & Garibaldi 2015, J Biomed Inform 58:S30, section 2.3).
* `CharacterFeatures`: over characters within their words (Liu et al. 2015, J Biomed Inform 58:S47,
  section 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

from nlp_deid.taggers.features import DIGIT, Features, Rows, shape, signed
from nlp_deid.taggers.gazetteer import Gazetteer, hash32, plain
from nlp_deid.taggers.units import LINE_ENDS, CharacterUnits, Units

Hashes = NDArray[np.uint32]


class TemplateFeatures(Features):
    """Hashed template features of a linear CRF: each column is a bucket below `buckets`.

    Args:
        gazetteer: lists of words.
        buckets: a power of two.
    """

    _ALONE = (-2, -1, 0, 1, 2)

    def __init__(self, gazetteer: Gazetteer, buckets: int = 1 << 20) -> None:
        super().__init__()
        self.gazetteer, self.buckets = gazetteer, _checked(buckets)

    def _row(self, unit: str) -> list[int]:
        form = DIGIT.sub("0", plain(unit))
        outline = regex.sub(
            r"(.)\1+", r"\1\1", regex.sub(r"\p{Ll}", "a", regex.sub(r"\p{Lu}", "A", DIGIT.sub("0", unit)))
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
        return [signed(hash32(value, 10 + kind)) for kind, value in enumerate(values)]

    def __call__(self, units: Units) -> Rows:
        base = super().__call__(units).astype(np.uint32)
        glue = units.glued.astype(np.uint32)
        section = _sections(units)
        total = len(units)
        if not total:
            return np.zeros((0, self._columns), dtype=np.int32)

        def near(column: int, offset: int) -> Hashes:
            return _near(base[:, column], offset)

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
        return _bucketed(columns, self.buckets)

    @property
    def _columns(self) -> int:
        return 1 + len(self._ALONE) * (self.width - 1) + 10 + 6 + 5


class CharacterFeatures(Features):
    """Hashed template features of a linear CRF over characters.

    Of each character: what it and its neighbours are and of which kind, their pairs and triples, the word
    it stands in, its place there, the words on either side, the lists that hold the word, and the line's key.

    Args:
        gazetteer: lists of words.
        buckets: a power of two.
    """

    _AROUND = range(-4, 5)

    def __init__(self, gazetteer: Gazetteer, buckets: int = 1 << 20) -> None:
        super().__init__()
        self.gazetteer, self.buckets = gazetteer, _checked(buckets)

    def _row(self, unit: str) -> list[int]:
        word = DIGIT.sub("0", plain(unit))
        values = [unit, word, word[:3], word[-3:], str(shape(unit)), f"{self.gazetteer(unit):x}"]
        return [signed(hash32(value, 40 + kind)) for kind, value in enumerate(values)]

    def __call__(self, units: Units) -> Rows:
        if not isinstance(units, CharacterUnits):
            raise TypeError("these features are of characters; split the text into them")
        if not len(units):
            return np.zeros((0, self._columns), dtype=np.int32)
        words = self._types(units.words.texts).astype(np.uint32)
        char, kind = self._types(units.texts).astype(np.uint32)[:, [0, 4]].T
        line, _ = _sections(units.words)
        first = np.searchsorted(units.of_word, units.of_word)
        place = np.minimum(np.arange(len(units)) - first, 9).astype(np.uint32)
        columns = [_near(column, at) for column in (char, kind) for at in self._AROUND]
        for column in (char, kind):
            for at in (-2, -1, 0, 1):
                columns.append(_mix(_near(column, at), 3) ^ _near(column, at + 1))
            for at in (-2, -1, 0):
                pair = _mix(_near(column, at), 3) ^ _near(column, at + 1)
                columns.append(_mix(pair, 5) ^ _near(column, at + 2))
        columns += [words[units.of_word, part] for part in range(words.shape[1])]
        for offset in (-2, -1, 1, 2):
            columns += [_near(words[:, part], offset)[units.of_word] for part in (1, 4, 5)]
        columns += [place, _mix(words[units.of_word, 1], 7) ^ place, line[units.of_word]]
        columns.append(units.glued.astype(np.uint32) + np.uint32(1))
        return _bucketed(columns, self.buckets)

    @property
    def _columns(self) -> int:
        return 2 * len(self._AROUND) + 2 * 7 + self.width + 4 * 3 + 4


def _checked(buckets: int) -> int:
    if buckets & (buckets - 1):
        raise ValueError("buckets must be a power of two")
    return buckets


def _near(column: Hashes, offset: int) -> Hashes:
    """A column read `offset` units further on; beyond the note a fixed value."""
    moved = np.full(len(column), 7, dtype=np.uint32)
    if offset == 0:
        moved[:] = column
    elif 0 < offset < len(column):
        moved[:-offset] = column[offset:]
    elif -len(column) < offset < 0:
        moved[-offset:] = column[:offset]
    return moved


def _bucketed(columns: Sequence[Hashes], buckets: int) -> Rows:
    """[n, F] each column by a hash function of its own."""
    mixed = [_mix(column, 101 + 2 * salt) for salt, column in enumerate(columns)]
    return (np.stack(mixed, 1) & np.uint32(buckets - 1)).astype(np.int32)


def _mix(values: Hashes, salt: int) -> Hashes:
    """Scrambled 32-bit values (the finaliser of MurmurHash3)."""
    mixed = values + np.uint32(salt * 0x9E3779B9 & 0xFFFFFFFF)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    return np.asarray(mixed ^ (mixed >> np.uint32(16)), dtype=np.uint32)


def _sections(units: Units) -> tuple[Hashes, Hashes]:
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
