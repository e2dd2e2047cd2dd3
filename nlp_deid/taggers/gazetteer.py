"""Which public word lists hold a word: a table of hashes, kept with the model that was trained on it.

The table is made from dictionaries once, at training, so that a model sees the same features wherever
it runs, whatever dictionaries are there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

MOST_LISTS = 31


def plain(word: str) -> str:
    """A word in lower case and without accents."""
    low = word.lower()
    if low.isascii():
        return low
    return "".join(c for c in unicodedata.normalize("NFD", low) if not unicodedata.combining(c))


def hash32(text: str, salt: int = 0) -> int:
    """A hash in [0, 2**32), the same on every machine."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4, salt=salt.to_bytes(8, "little"))
    return int.from_bytes(digest.digest(), "little")


class Gazetteer:
    """Flags of words, looked up by the hash of their plain form.

    Args:
        names: the lists, at most `MOST_LISTS`.
        hashes: [n] sorted hashes.
        flags: [n] for each hash the lists that hold it, list i as bit i.

    Raises:
        ValueError: too many lists, or tables that do not fit.
    """

    def __init__(self, names: tuple[str, ...], hashes: NDArray[np.uint32], flags: NDArray[np.uint32]) -> None:
        if len(names) > MOST_LISTS:
            raise ValueError(f"{len(names)} lists; at most {MOST_LISTS}")
        if hashes.shape != flags.shape or hashes.ndim != 1 or np.any(hashes[1:] <= hashes[:-1]):
            raise ValueError("a gazetteer needs as many flags as hashes, and these in rising order")
        self.names, self.hashes, self.flags = names, hashes, flags

    @classmethod
    def build(cls, lists: Mapping[str, Iterable[str]]) -> Gazetteer:
        """From words by list; a phrase counts for each of its words of three letters or more."""
        table: dict[int, int] = {}
        for bit, terms in enumerate(lists.values()):
            for word in {word for term in terms for word in plain(term).split()}:
                if len(word) > 2:
                    key = hash32(word)
                    table[key] = table.get(key, 0) | 1 << bit
        hashes = np.array(sorted(table), dtype=np.uint32)
        flags = np.array([table[int(key)] for key in hashes], dtype=np.uint32)
        return cls(tuple(lists), hashes, flags)

    def __call__(self, word: str) -> int:
        """The lists that hold a word, list i as bit i."""
        key = hash32(plain(word))
        at = int(np.searchsorted(self.hashes, np.uint32(key)))
        return int(self.flags[at]) if at < len(self.hashes) and self.hashes[at] == key else 0
