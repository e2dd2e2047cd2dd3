"""What a word of a note can be: a name, a plain word, both, or in no list.

Words are sorted as Neamatullah et al. 2008 (BMC Med Inform Decis Mak 8:32, Methods) sort
dictionary entries: unambiguous names, names that are also words ("White", "May"), and words that
are no names. Unknown words are kept apart: rare and foreign names are mostly in no list.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

import regex

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.phrases import fold, phrase_key
from nlp_deid.layout import WRAP

# Of the words that end a name, those that a title or kinship word makes certain ("daughter May").
CALENDAR_NAMES = frozenset({"may", "will", "april", "june", "august"})
# A word: letters, with inner apostrophes and hyphens; a possessive 's stays outside.
WORD = r"\p{L}\p{M}*+(?:[\p{L}\p{M}]|['-](?=\p{L}{2}))*+"
GAP = rf"(?:[ {WRAP}]{{1,2}})"
_AROUND = 24  # characters on either side that show whether a text is in capitals
_SHORTEST_SHOUT = 4  # letters; shorter words in capitals are mostly abbreviations
_CAPITAL = regex.compile(rf"(?<![\w'])(?=\p{{Lu}}){WORD}")
_ARTICLE = regex.compile(rf"(?i)(?<!\w)(?:an?|no|\d+-?(?:french|fr|mm|cm|gauge|g)){GAP}$")
_HEAD = regex.compile(rf"(?:'s)?(?:{GAP}|-)(?:(\p{{L}}+){GAP})?(\p{{L}}+)")
_BETWEEN = regex.compile(rf"[\"')]{{0,2}}\.?{GAP}[\"'(]{{0,2}}|\.|[ ]\"|\"[ ]")


class Kind(Enum):
    """What a word can be."""

    NAME = "name"
    AMBIGUOUS = "name or word"
    UNKNOWN = "in no list"
    INITIAL = "initial"
    EPONYM = "medical eponym"
    OTHER = "no name"


class Word(NamedTuple):
    """A word of a view, [start, end), and what it can be."""

    start: int
    end: int
    text: str
    kind: Kind
    first: bool  # a listed first name
    last: bool  # a listed surname
    common: bool  # a frequent name
    stop: bool  # a function word, heading, month or role

    @property
    def shout(self) -> bool:
        """Whether the word is in capitals."""
        return len(self.text) > 1 and self.text.isupper()

    @property
    def nameable(self) -> bool:
        """Whether the word may be part of a name."""
        return self.kind is not Kind.OTHER


def plain(word: str) -> str:
    """A word as the lists spell it: lower case, no accents, apostrophes or hyphens."""
    return fold(word.lower())


@lru_cache(maxsize=4)
def name_words(lexicon: Lexicon) -> NameWords:
    """The sorter of a lexicon, shared by all that ask."""
    return NameWords(lexicon)


class NameWords:
    """Sorts words by the lexicon; ask `name_words` for one."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._first_common = lexicon.words("firstnames_common")
        self._first = lexicon.words("firstnames")
        self._last_common = lexicon.words("surnames_common")
        self._last = lexicon.words("surnames") | lexicon.words("surnames_rare")
        self.plain_words = lexicon.words("common_words") | lexicon.words("medical_words")
        # First names that are no plain words, to be found in lower case too.
        self.given = (self._first_common | self._first) - self.plain_words
        self._eponyms = lexicon.words("eponyms")
        self._others = frozenset().union(
            *(
                lexicon.words(name)
                for name in (
                    "nationalities",
                    "languages",
                    "titles",
                    "credentials",
                    "kinship",
                    "cues_kin",
                    "shorthand",
                )
            )
        )
        self._abbreviations = lexicon.words("abbreviations")
        self._stops = lexicon.words("name_stops")
        self.particles = lexicon.words("name_particles")
        self.things = lexicon.words("eponym_things")
        self._known: dict[str, tuple[Kind, bool, bool, bool, bool]] = {}
        self._last_text: tuple[str, list[Word]] = ("", [])

    def _sort(self, word: str) -> tuple[Kind, bool, bool, bool]:
        if len(word) == 1:
            return Kind.INITIAL, False, False, False
        key = plain(word)
        first_common = key in self._first_common
        last_common = key in self._last_common
        first = first_common or key in self._first
        last = last_common or key in self._last
        is_word = key in self.plain_words or key in self._others or word in self._abbreviations
        if "-" in word and not (first or last or is_word):
            return self._sort_parts(word), False, True, False
        if key in self._eponyms and not first_common:
            return Kind.EPONYM, first, last, last_common
        if first or last:
            return (Kind.AMBIGUOUS if is_word else Kind.NAME), first, last, first_common or last_common
        if key.startswith(("mc", "mac")) and word[:1].isupper() and any(char.isupper() for char in word[2:4]):
            return Kind.NAME, False, True, False
        return (Kind.OTHER if is_word else Kind.UNKNOWN), False, False, False

    def _sort_parts(self, word: str) -> Kind:
        """What a hyphened word in no list can be, by its parts."""
        kinds = [self._look(part)[0] for part in word.split("-") if len(part) > 1]
        if Kind.NAME in kinds and Kind.OTHER not in kinds:
            return Kind.NAME
        if all(kind is Kind.EPONYM for kind in kinds):
            return Kind.EPONYM
        if Kind.OTHER in kinds:
            return Kind.OTHER
        return Kind.AMBIGUOUS if Kind.AMBIGUOUS in kinds else Kind.UNKNOWN

    def _look(self, word: str) -> tuple[Kind, bool, bool, bool, bool]:
        found = self._known.get(word)
        if found is None:
            if len(self._known) > 200_000:
                self._known.clear()
            found = self._known[word] = (*self._sort(word), plain(word) in self._stops)
        return found

    def word(self, text: str, start: int) -> Word:
        """The word `text` at `start`, sorted."""
        return Word(start, start + len(text), text, *self._look(text))

    @staticmethod
    def is_loud(word: Word, text: str) -> bool:
        """Whether a word in capitals says nothing by them: all around it is in capitals, or it is short."""
        if not word.shout:
            return False
        around = text[max(0, word.start - _AROUND) : word.start] + text[word.end : word.end + _AROUND]
        return len(word.text) < _SHORTEST_SHOUT or not any(map(str.islower, around))

    def is_eponym(self, words: Sequence[Word]) -> bool:
        """Whether words as a whole are an eponym ("Bence Jones")."""
        return phrase_key(" ".join(word.text for word in words).lower()) in self._eponyms

    def is_thing(self, word: Word, text: str) -> bool:
        """Whether a name stands for a thing called after a person ("a Kelly clamp", "Homan sign")."""
        if _ARTICLE.search(text, max(0, word.start - 14), word.start):
            return True
        behind = _HEAD.match(text, word.end)
        return behind is not None and not self.things.isdisjoint(
            map(str.lower, filter(None, behind.groups()))
        )

    def capitalised(self, text: str) -> list[Word]:
        """The capitalised words of a view's text, in order; those of the last text are kept."""
        last, words = self._last_text
        if last is not text:
            words = [self.word(match[0], match.start()) for match in _CAPITAL.finditer(text)]
            self._last_text = (text, words)
        return words


def is_gap(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] only parts words of one name: a blank or wrap, a point, nickname quotes."""
    return 0 < end - start <= 4 and _BETWEEN.fullmatch(text, start, end) is not None
