"""Names to draw: US census lists in bands of frequency, and lists by origin (training/names).

Drawn uniformly within a band, so that rare names are common in training: a tagger that has seen only the
frequent ones learns a list. Names are as written ("Al-Masri", "García", "van der Merwe").
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from nlp_deid.replace.name_case import in_shape
from nlp_deid.replace.name_pools import fold
from nlp_deid.resources import folder

FOLDER = Path(__file__).parents[1] / "names"
CENSUS = "census"
# Shares of draws.
CENSUS_SHARE = 0.42
WORDS_SHARE = 0.10  # names that are also words: Will, Rose, Young, Summer
EPONYM_SHARE = 0.03  # of surnames: Parkinson, Graves
KEPT_SHARE = 0.3  # of eponyms in notes that play with them ("Mr. Graves has no Graves disease"): stay
LIKE_SHARE = 0.6  # of names that are eponyms or words: become another of that kind
DOUBLE_SHARE = 0.05  # of surnames: two with a hyphen
US_FIRST_SHARE = 0.2  # people of another origin with a first name of the census


@dataclass(frozen=True)
class Origin:
    """The names of one origin."""

    firsts: tuple[str, ...]
    lasts: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """All names, by origin, and the bands of the census from frequent to rare."""

    origins: dict[str, Origin]
    first_bands: tuple[tuple[str, ...], ...]
    last_bands: tuple[tuple[str, ...], ...]
    words: Origin
    eponyms: tuple[str, ...]
    nicknames: tuple[str, ...]

    @cached_property
    def folded_words(self) -> tuple[frozenset[str], frozenset[str]]:
        """First names and surnames that are words, folded."""
        return frozenset(map(fold, self.words.firsts)), frozenset(map(fold, self.words.lasts))

    @cached_property
    def folded_eponyms(self) -> frozenset[str]:
        """The eponyms, folded."""
        return frozenset(map(fold, self.eponyms))

    def origin(self, rng: random.Random) -> str:
        """An origin: the census, or one of the lists with equal chances."""
        return CENSUS if rng.random() < CENSUS_SHARE else rng.choice(tuple(self.origins))

    def first(self, rng: random.Random, origin: str, like: str = "") -> str:
        """A first name in place of another (folded), or in place of none."""
        if rng.random() < (LIKE_SHARE if like in self.folded_words[0] else WORDS_SHARE):
            return rng.choice(self.words.firsts)
        if origin == CENSUS or rng.random() < US_FIRST_SHARE:
            return _written(rng.choice(rng.choices(self.first_bands, (5, 4, 2))[0]))
        return rng.choice(self.origins[origin].firsts)

    def last(self, rng: random.Random, origin: str, like: str = "") -> str:
        """A surname in place of another (folded), or in place of none; now and then a double one."""
        drawn = rng.random()
        eponym = like in self.folded_eponyms
        if eponym and drawn < KEPT_SHARE:
            return _written(like)
        if drawn < (LIKE_SHARE if eponym else EPONYM_SHARE):
            return _written(rng.choice(self.eponyms))
        if rng.random() < (LIKE_SHARE if like in self.folded_words[1] else WORDS_SHARE):
            return rng.choice(self.words.lasts)
        one = self._last(rng, origin)
        if rng.random() < DOUBLE_SHARE and " " not in one and "-" not in one:
            return f"{one}-{self._last(rng, self.origin(rng))}"
        return one

    def _last(self, rng: random.Random, origin: str) -> str:
        if origin == CENSUS:
            return _written(rng.choice(rng.choices(self.last_bands, (4, 4, 3))[0]))
        return rng.choice(self.origins[origin].lasts)


def _written(word: str) -> str:
    """A name of the lists with its capitals: Mcdonald as McDonald, obrien as O'Brien."""
    return "-".join(in_shape(part, "Title") for part in word.split("-"))


def read_list(path: Path) -> Origin:
    """The names of one file: lines "[first]" and "[last]", below each names with commas between."""
    first, _, last = path.read_text(encoding="utf-8").partition("[last]")
    parts = (first.replace("[first]", ""), last)
    firsts, lasts = (tuple(name for item in part.split(",") if (name := item.strip())) for part in parts)
    return Origin(firsts, lasts)


def _lines(name: str) -> list[str]:
    return (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@cache
def load() -> Names:
    """The names of this folder and of the shipped dictionaries."""
    lists = {path.stem: read_list(path) for path in sorted(FOLDER.glob("*.txt"))}
    words, nicknames = lists.pop("common_words"), lists.pop("nicknames").firsts
    surnames = {*_lines("surnames_common"), *_lines("surnames")}
    heads = (line.split("\t")[0] for line in _lines("eponyms"))
    frequent = {"firstnames_common", "firstnames_female_common", "firstnames_male_common"}
    also_words = set(_lines("surnames_ambiguous")) & set(_lines("surnames_common"))
    return Names(
        origins=lists,
        first_bands=(
            tuple(sorted({word for name in frequent for word in _lines(name)})),
            (*_lines("firstnames_female"), *_lines("firstnames_male")),
            tuple(_lines("firstnames")),
        ),
        last_bands=tuple(tuple(_lines(name)) for name in ("surnames_common", "surnames", "surnames_rare")),
        words=Origin(words.firsts, tuple(sorted({*words.lasts, *map(_written, also_words)}))),
        eponyms=tuple(sorted(word for word in heads if word in surnames)),
        nicknames=nicknames,
    )
