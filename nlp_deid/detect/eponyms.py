"""Names of people in medicine, and whether one stands for a thing: "Foley catheter", "Crohn's."

The list eponyms.txt gives a row for each eponym: (eponym, after, before), comma-separated words
that make it medical when they stand right behind or before it, besides those that do so for every
eponym. Marks among the words behind:

* `*` the eponym is always medical;
* `'s` its possessive is, when it ends a phrase ("has Crohn's.");
* `#` it is before a number or a grade ("Braden 17", "Mason II", "Child-Pugh B");
* `+/-` it is before the result of a test ("Murphy neg").

The row `*` names things that make a medical phrase of whatever word stands right before them, listed
or not ("Bentson wire"); `-ectomy` there is the ending of such a thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nlp_deid.detect.phrases import PhraseTable, Words, phrase_key

COLUMNS = ("term", "after", "before")
# What makes every eponym medical, behind it and before it.
_HEADS = frozenset(
    {"disease", "diseases", "dz", "syndrome", "sign", "signs", "test", "tests", "score", "scale", "criteria"}
    | {"classification", "grade", "maneuver", "manoeuvre", "procedure", "phenomenon", "protocol", "technique"}
    | {"index", "nodes"}
)
_CUES = frozenset({"no", "hx", "hx of", "history of", "h o", "s p", "r o", "status post", "modified", "ddx"})
_LONGEST = 3  # words of a head or a cue
_ANY = "*"  # the row that holds for every word
# Words that stand before a thing and are no eponym but a date ("Monday drain").
_CALENDAR = frozenset(
    {"january", "february", "march", "april", "may", "june", "july", "august", "september", "october"}
    | {"november", "december", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov"}
    | {"dec", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "mon", "tue"}
    | {"tues", "wed", "thu", "thurs", "fri", "sat", "sun"}
)
_ALWAYS, _POSSESSIVE = "*", "'s"
_AHEAD = {
    _POSSESSIVE: re.compile(r"(?=[ \x0b]*(?![ \x0b\w])|[ \x0b]+(?:and|or|with|on|in|since|dx)\b)"),
    "#": re.compile(r"[ \x0b]{0,2}[:=(#]?[ ]?(?:\d+|i{1,3}v?[ab]?\b|iv[ab]?\b|vi?\b|[a-f]\d*(?![\w.]))"),
    "+/-": re.compile(
        r"[ \x0b]{0,2}[:=]?[ ]?(?:[+−]|-(?!\w)|(?:neg|pos|negative|positive|absent|present|n/a|intact)\b)"
    ),
}


class _Rule(NamedTuple):
    marks: frozenset[str]
    after: frozenset[str]
    before: frozenset[str]


class Eponyms:
    """Finds the eponyms of a list where they are medical.

    Args:
        rows: (eponym, after, before), see above.
    """

    def __init__(self, rows: Iterable[Sequence[str]]) -> None:
        self._table: PhraseTable[_Rule] = PhraseTable()
        self._things: frozenset[str] = frozenset()
        self._endings: tuple[str, ...] = ()
        for term, after, before in rows:
            heads = frozenset(head.strip() for head in after.split(",")) - {""}
            if term == _ANY:
                self._endings = tuple(head[1:] for head in heads if head.startswith("-"))
                self._things = heads
                continue
            marks = heads & {_ALWAYS, *_AHEAD}
            cues = frozenset(phrase_key(cue.strip()) for cue in before.split(",") if cue.strip())
            rule = _Rule(marks, _HEADS.union(map(phrase_key, heads - marks)), _CUES | cues)
            eponym = phrase_key(term)
            self._table.add((eponym, f"{eponym}s"), rule)

    def find(self, words: Words) -> Iterator[tuple[int, int]]:
        """View ranges of eponyms that are medical, with the words behind that make them so."""
        for first, last, rule in self._table.find(words):
            behind = _longest(words, last, rule.after)
            end = _marked(words, last, rule.marks)
            if behind > last or end or _cued(words, first, rule.before):
                yield words.start(first), max(words.tail(behind), end)
        yield from self._before_things(words)

    def _before_things(self, words: Words) -> Iterator[tuple[int, int]]:
        """View ranges of a thing with the word before it, or the hyphened words ("Bishop-Koop ileostomy")."""
        plain, things, endings = words.words, self._things, self._endings
        for i, word in enumerate(plain):
            if i and (word in things or word.endswith(endings)):
                first = i - 1
                if len(plain[first]) < 3 or plain[first] in _CALENDAR or not _close(words.gap(first)):
                    continue
                while first and words.gap(first - 1) == "-":
                    first -= 1
                yield words.start(first), words.tail(i)


def _marked(words: Words, last: int, marks: frozenset[str]) -> int:
    """Where the eponym ends with what fits one of its marks, 0 if none fits."""
    tail = words.tail(last)
    possessive = tail > words.end(last)
    found = [
        match.end()
        for mark in marks & _AHEAD.keys()
        if (match := _AHEAD[mark].match(words.text, tail)) and (possessive or mark != _POSSESSIVE)
    ]
    return max(found, default=tail if _ALWAYS in marks else 0)


def _cued(words: Words, first: int, cues: frozenset[str]) -> bool:
    """Whether a cue stands right before the eponym."""
    cue = ""
    for before in range(first - 1, max(-1, first - 1 - _LONGEST), -1):
        if not _close(words.gap(before)):
            break
        cue = f"{words.words[before]} {cue}".rstrip()
        if cue in cues:
            return True
    return False


def _longest(words: Words, last: int, heads: frozenset[str]) -> int:
    """The last word of the longest head behind word `last`; `last` itself if there is none."""
    found, head = last, ""
    for behind in range(last + 1, min(len(words), last + 1 + _LONGEST)):
        if not _close(words.gap(behind - 1)):
            break
        head = f"{head} {words.words[behind]}".lstrip()
        if head in heads:
            found = behind
    return found


def _close(gap: str) -> bool:
    """Whether two words are of one phrase: no end of sentence, item or line between them."""
    return len(gap) <= 3 and gap != ". " and not any(mark in gap for mark in "\n;:,")
