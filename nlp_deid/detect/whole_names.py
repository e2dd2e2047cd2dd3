"""Known names as wholes: the words of one person side by side, and names spelled letter by letter.

A word of a name that is also a plain word ("Will", "Young", "May") says little alone; beside another
word of the same person it says all, in any order and in lower case: "young, will", "Brown, E".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import regex

from nlp_deid.detect.name_words import WORD, NameWords, Word, plain
from nlp_deid.layout import WRAP

TOKEN = regex.compile(rf"(?<![\p{{L}}']){WORD}")
_GAP = regex.compile(rf"[ {WRAP}]{{0,2}}[,^]?[ {WRAP}\"'(]{{0,3}}")
_POINT = regex.compile(rf"\.?(?:{_GAP.pattern})")
_SPELLED = regex.compile(r"(?<![\p{L}\d])\p{L}(?P<mark>[ .-]|[.,] | - )\p{L}(?:(?P=mark)\p{L})+(?![\p{L}\d])")
_SHORTEST_SPELLED = 3
_LONGEST = 8  # words of a name


class Person(NamedTuple):
    """The words of one name.

    Args:
        words: its words of two letters or more, folded; of hyphenated ones the parts too.
        strong: those that are neither function words nor particles.
        sure: those that are no plain words.
        initials: first letters of all its words.
    """

    words: frozenset[str]
    strong: frozenset[str]
    sure: frozenset[str]
    initials: frozenset[str]


def person(value: Sequence[Word], names: NameWords, sure: Collection[str]) -> Person:
    """The person whose name has these words; `sure` are folded words that are no plain words."""
    parts = [part for word in value for part in {word.text, *word.text.split("-")}]
    words = frozenset(plain(part) for part in parts if len(part) > 1)
    strong = words - {plain(word.text) for word in value if word.stop} - names.particles
    initials = frozenset(plain(part[0]) for part in parts if part)
    return Person(words, strong, words & frozenset(sure), initials)


def find_whole(
    text: str, tokens: Sequence[regex.Match[str]], keys: Sequence[str], people: Mapping[Person, str]
) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) of runs of words and initials of one person.

    Args:
        text: a view's text.
        tokens: the matches of TOKEN in it.
        keys: each token folded.
        people: names and their labels.
    """
    holders: dict[str, list[Person]] = {}
    for one in people:
        for word in one.words:
            holders.setdefault(word, []).append(one)
    done: set[tuple[Person, int]] = set()
    for i, key in enumerate(keys):
        for one in holders.get(key, ()):
            first, last = _extend(text, tokens, keys, i, one)
            if (one, last) not in done and _says_name(tokens, keys, first, last, one):
                yield tokens[first].start(), tokens[last].end(), people[one]
            done.add((one, last))


def _extend(
    text: str, tokens: Sequence[regex.Match[str]], keys: Sequence[str], i: int, one: Person
) -> tuple[int, int]:
    """The first and last token of the run of this person's words around token `i`."""
    first = last = i
    while (
        first
        and last - first < _LONGEST
        and _joins(text, tokens, first - 1)
        and _fits(text, tokens, keys, first - 1, one)
    ):
        first -= 1
    while (
        last + 1 < len(keys)
        and last - first < _LONGEST
        and _joins(text, tokens, last)
        and _fits(text, tokens, keys, last + 1, one)
    ):
        last += 1
    return first, last


def _joins(text: str, tokens: Sequence[regex.Match[str]], i: int) -> bool:
    """Whether nothing but a gap, a comma, or the point of an initial parts a token from the next."""
    start, end = tokens[i].end(), tokens[i + 1].start()
    gap = _POINT if start - tokens[i].start() == 1 else _GAP
    return 0 < end - start <= 5 and gap.fullmatch(text, start, end) is not None


def _fits(text: str, tokens: Sequence[regex.Match[str]], keys: Sequence[str], i: int, one: Person) -> bool:
    """Whether a token is a word or an initial of the person; "a" and "i" are mostly words."""
    key = keys[i]
    if len(key) > 1:
        return key in one.words
    end = tokens[i].end()
    written = tokens[i][0].isupper() or key not in "ai" or text[end : end + 1] == "."
    return key in one.initials and written


def _says_name(
    tokens: Sequence[regex.Match[str]], keys: Sequence[str], first: int, last: int, one: Person
) -> bool:
    """Whether a run of a person's words is the name and not plain words that happen to meet."""
    run = range(first, last + 1)
    words = {keys[i] for i in run if len(keys[i]) > 1}
    if len(run) == 1:
        return False
    if len(words) > 1:
        return not words.isdisjoint(one.strong) or words == one.words
    return not words.isdisjoint(one.sure) or all(tokens[i][0][0].isupper() for i in run)


def find_spelled(text: str, words: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) of known words spelled letter by letter: "R-o-e", "r o e"."""
    for match in _SPELLED.finditer(text.replace(WRAP, " ")):
        places = [i for i in range(*match.span()) if text[i].isalpha()]
        key = "".join(text[i] for i in places).lower()
        for word, label in words.items():
            if len(word) < _SHORTEST_SPELLED or (len(word) == _SHORTEST_SPELLED and key != word):
                continue
            at = key.find(word)
            if at >= 0:
                yield places[at], places[at + len(word) - 1] + 1, label
