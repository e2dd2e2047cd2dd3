"""Known values, and where they stand in a text in any of their forms.

A name comes back whole or in part, in lower case, with a possessive, misspelt by a letter, as
initials, spelled out, as a nickname (if known beforehand), or inside a user name; a number comes back
with other separators, an address in other case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import regex
from rapidfuzz.distance import OSA

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.literals import Literals
from nlp_deid.detect.name_words import CALENDAR_NAMES, GAP, Kind, Word, name_words, plain
from nlp_deid.detect.whole_names import TOKEN, Person, find_spelled, find_whole, person
from nlp_deid.layout import WRAP, View
from nlp_deid.note import Note, Span

_LOGIN = regex.compile(
    r"(?<![\w.@-])(?=[\w.]*[a-z])(?=\w*(?:[\d_]|\.\w))[A-Za-z][\w.]{3,30}(?<!\.)(?![\w@-])"
)
_INITIALS = regex.compile(r"(?<![\w.])(\p{Lu})\.[ ]?(\p{Lu})\.(?:[ ]?(\p{Lu})\.)?(?!\w)")
_NUMBER = regex.compile(
    r"(?<![A-Za-z\d])(?=[A-Z-]{0,6}\d|\(\d)[\dA-Z(](?:[\dA-Z]|[ ./()-]{1,2}(?=[\dA-Z(]))*+"
)
# What follows a name at the start of a sentence, and never "Will" or "May" the verb.
_VERB = regex.compile(
    rf"{GAP}(?:is|was|has|had|did|does|says|said|states|stated|reports|reported|denies|denied|came|comes|went|goes|left"
    r"|saw|seen|arrived|returned|refused|asked|asks|agreed|agrees|called|calls|lives|lived|works|worked|wants|wanted|feels"
    r"|felt|takes|took|told|tells|drove|drives|fell|walked|walks|slept|ate|remains|remained|complains|complained|tolerated"
    r"|ambulated|presents|presented|attended|received|underwent|understands|understood|requests|requested)\b"
)
_SEPARATORS = regex.compile(r"[^\dA-Za-z]+")
_GROUP = regex.compile(r"[\dA-Za-z]+")
_MISSPELT = 5  # letters from which a word may be one edit away
_CUE_LISTS = ("kinship", "titles_lay", "titles_doctor")  # a name in lower case may follow
_SHORTEST_NUMBER = 4  # digits and letters of a number that is searched for


Found = tuple[int, int, str, float, str]  # start and end in the view, label, score, what it is


@dataclass(frozen=True)
class Seeds:
    """What to look for; every key has its label.

    Args:
        words: folded name words, found in any case.
        capitals: name words that are also plain words, found with a capital inside a sentence.
        known: such words of a known person, found with a capital anywhere.
        initials: first and last initial of full names.
        people: known persons by all words of their names, found side by side in any case.
        numbers: numbers without separators.
        values: other values, found in any case if they have two words or a digit.
    """

    words: dict[str, str] = field(default_factory=dict)
    capitals: dict[str, str] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)
    initials: dict[str, str] = field(default_factory=dict)
    people: dict[Person, str] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def joined(self, other: Seeds) -> Seeds:
        """These seeds and others; of two labels ours stays."""
        return Seeds(*(getattr(other, name) | getattr(self, name) for name in self.__dataclass_fields__))


class Search:
    """Makes seeds of values and finds them in notes."""

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self._lexicon = lexicon = lexicon or Lexicon.load()
        self.words = name_words(lexicon)
        self._cues = frozenset().union(*(lexicon.words(name) for name in _CUE_LISTS))

    def add_name(self, seeds: Seeds, value: str, label: str, known: bool = False) -> None:
        """Take in a person's name.

        Words of one letter count only beside another word of a known name. Function words too,
        except that "Will", "May" and those of a known name are also found with a capital inside a
        sentence.
        """
        value = View(value).text
        words = [self.words.word(match[0], match.start()) for match in TOKEN.finditer(value)]
        full = [word for word in words if self._counts(word, known)]
        if len(full) > 1:
            first, last = (full[1], full[0]) if "," in value else (full[0], full[-1])
            seeds.initials.setdefault((first.text[0] + last.text[0]).upper(), label)
        short = self._short_forms(full) if known else []
        for word in (*full, *short):
            self._add_word(seeds, word, label, known)
        if known and len(words) > 1:
            seeds.people.setdefault(person((*words, *short), self.words, seeds.words), label)
            seeds.values.setdefault(value.replace(WRAP, " ").strip(), label)

    @staticmethod
    def _add_word(seeds: Seeds, word: Word, label: str, known: bool) -> None:
        key = plain(word.text)
        if word.kind in (Kind.NAME, Kind.UNKNOWN) and len(key) > 2 and not word.stop:
            seeds.words.setdefault(key, label)
        elif known and not word.stop:
            seeds.known.setdefault(key, label)
        elif known or (word.kind in (Kind.AMBIGUOUS, Kind.EPONYM) and word.text[0].isupper()):
            seeds.capitals.setdefault(key, label)

    def _short_forms(self, words: Sequence[Word]) -> list[Word]:
        """Nicknames of the first names among some words: "Bill" and "Will" of "William"."""
        return [
            self.words.word(nickname.capitalize(), 0)
            for word in words
            for nickname in self._nicknames.get(plain(word.text), ())
        ]

    @cached_property
    def _nicknames(self) -> dict[str, list[str]]:
        """First name to nicknames."""
        found: dict[str, list[str]] = {}
        for nickname, names in self._lexicon.rows("nicknames"):
            for name in names.split(", "):
                found.setdefault(name, []).append(nickname)
        return found

    def _counts(self, word: Word, known: bool) -> bool:
        """Whether a word of a name is looked for by itself."""
        key = plain(word.text)
        if word.stop and key not in CALENDAR_NAMES:
            return known and len(key) > 2 and key not in self.words.particles
        return len(word.text) > (1 if known else 2)

    @staticmethod
    def add_value(seeds: Seeds, value: str, label: str) -> None:
        """Take in a number, to be found with any separators, or another value, as it is."""
        value = View(value).text.replace(WRAP, " ").strip()
        key = _SEPARATORS.sub("", value).upper()
        if len(key) < _SHORTEST_NUMBER:
            return
        if sum(char.isdigit() for char in key) * 2 >= len(key):
            seeds.numbers.setdefault(key, label)
        else:
            seeds.values.setdefault(value, label)

    def find(self, note: Note, seeds: Seeds, source: str) -> list[Span]:
        """Where the seeds stand in a note; `source` begins the spans' sources."""
        view = note.view
        found = [*self._names(view, seeds), *_numbers(view.text, seeds), *_values(view, seeds)]
        return [
            Span(*view.span(start, end), label, score, f"{source}.{what}")
            for start, end, label, score, what in found
        ]

    def _names(self, view: View, seeds: Seeds) -> Iterator[Found]:
        if not (seeds.words or seeds.capitals or seeds.known or seeds.people):
            return
        text = view.text
        tokens, keys = _tokens(text)
        yield from self._single(text, tokens, keys, seeds)
        for start, end, label in find_whole(text, tokens, keys, seeds.people):
            yield start, end, label, 0.95, "whole"
        for start, end, label in find_spelled(text, {**seeds.capitals, **seeds.known, **seeds.words}):
            yield start, end, label, 0.95, "spelled"
        for match in _INITIALS.finditer(text):
            if label := seeds.initials.get(match[1] + (match[3] or match[2]), ""):
                yield *match.span(), label, 0.85, "initials"
        long = Literals((word, None) for word in seeds.words if len(word) >= _MISSPELT)
        for match in _LOGIN.finditer(text):
            if long.positions(match[0].lower()):
                yield *match.span(), "USERNAME", 0.9, "login"

    def _single(
        self, text: str, tokens: Sequence[regex.Match[str]], keys: Sequence[str], seeds: Seeds
    ) -> Iterator[Found]:
        """Words that are seeds each by itself."""
        near = _Misspelt(seeds.words)
        before = ""
        for token, key in zip(tokens, keys, strict=True):
            capital = token[0][0].isupper()
            if label := seeds.words.get(key, ""):
                yield *token.span(), label, 0.95, "name"
            elif label := seeds.known.get(key, ""):
                if capital or before in self._cues:
                    yield *token.span(), label, 0.93, "name"
            elif capital and (label := seeds.capitals.get(key, "")):
                if self._is_name(text, token):
                    yield *token.span(), label, 0.92, "name"
            elif capital and len(key) >= _MISSPELT and (meant := near.find(key)) and self._may_err(token[0]):
                yield *token.span(), seeds.words[meant], 0.9, "misspelt"
            before = key

    def _is_name(self, text: str, token: regex.Match[str]) -> bool:
        """Whether the capital of a plain word says that it is a name here."""
        if token[0].isupper() and self.words.word(token[0], 0).stop:
            return False
        return not _starts_sentence(text, token.start()) or _VERB.match(text, token.end()) is not None

    def _may_err(self, word: str) -> bool:
        """Whether a word that is nearly a seed may be one: a plain word is not."""
        return self.words.word(word, 0).kind in (Kind.UNKNOWN, Kind.NAME)


@lru_cache(maxsize=1)
def _tokens(text: str) -> tuple[list[regex.Match[str]], list[str]]:
    """The words of a text and their plain forms; header and echo ask for those of one note in turn."""
    tokens = list(TOKEN.finditer(text))
    return tokens, [plain(token[0]) for token in tokens]


class _Misspelt:
    """Words one edit away from a set of words, found by the words that dropping a letter leaves.

    Two words one edit apart share a form with at most one letter less (Mor & Fraenkel 1982).
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._forms: dict[str, list[str]] = {}
        for word in words:
            if len(word) >= _MISSPELT:
                for form in _forms(word):
                    self._forms.setdefault(form, []).append(word)

    def find(self, key: str) -> str:
        """A word one edit from `key`, or ""."""
        for form in _forms(key):
            for word in self._forms.get(form, ()):
                if OSA.distance(key, word, score_cutoff=1) == 1:
                    return word
        return ""


def _forms(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _numbers(text: str, seeds: Seeds) -> Iterator[Found]:
    """Known numbers, written with any separators, alone or among other numbers."""
    if not seeds.numbers:
        return
    longest = max(map(len, seeds.numbers))
    for match in _NUMBER.finditer(text):
        groups = [
            (match.start() + g.start(), match.start() + g.end(), g[0].upper())
            for g in _GROUP.finditer(match[0])
        ]
        for first, (start, _, _) in enumerate(groups):
            joined = ""
            for _, end, key in groups[first:]:
                joined += key
                if len(joined) > longest:
                    break
                if label := seeds.numbers.get(joined):
                    yield start, end, label, 0.95, "number"


def _values(view: View, seeds: Seeds) -> Iterator[Found]:
    """Known values; a single word only as it is written, since in lower case it may be a plain word."""
    if not seeds.values:
        return
    text = view.text.replace(WRAP, " ")
    literals = Literals((value.lower(), (value, label)) for value, label in seeds.values.items())
    for start, end, found in literals.find(view.lower):
        if text[start - 1 : start].isalnum() or text[end : end + 1].isalnum():
            continue
        for value, label in found:
            if not value.isalpha() or text[start:end] == value:
                yield start, end, label, 0.95, "value"


def _starts_sentence(text: str, start: int) -> bool:
    """Whether a word stands where any word has a capital."""
    before = text[max(0, start - 4) : start].rstrip(" \x0b\"'(*-")
    return not before or before[-1] in ".!?:\n"
