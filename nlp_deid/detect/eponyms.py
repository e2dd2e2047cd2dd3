"""Names of people in medicine, and whether one stands for a thing: "Foley catheter", "Crohn's."

The list eponyms.txt gives a row for each eponym: (eponym, after, before), comma-separated words
that make it medical when they stand right behind or before it, besides those that do so for every
eponym. Marks among the words behind:

* `*` the eponym is always medical;
* `'s` its possessive is, when it ends a phrase ("has Crohn's.");
* `#` it is before a number or a grade ("Braden 17", "Mason II");
* `+/-` it is before the result of a test ("Murphy neg").
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
_ALWAYS, _POSSESSIVE = "*", "'s"
_AHEAD = {
    _POSSESSIVE: re.compile(r"[ \x0b]*(?![ \x0b\w])|[ \x0b]+(?:and|or|with|on|in|since|dx)\b"),
    "#": re.compile(r"[ \x0b]{0,2}[:=(#]?[ ]?(?:\d|i{1,3}v?[ab]?\b|iv[ab]?\b|vi?\b)"),
    "+/-": re.compile(
        r"[ \x0b]{0,2}(?:[+−]|-(?!\w)|(?:neg|pos|negative|positive|absent|present|n/a|intact)\b)"
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
        for term, after, before in rows:
            heads = frozenset(head.strip() for head in after.split(",")) - {""}
            marks = heads & {_ALWAYS, *_AHEAD}
            cues = frozenset(phrase_key(cue.strip()) for cue in before.split(",") if cue.strip())
            rule = _Rule(marks, _HEADS.union(map(phrase_key, heads - marks)), _CUES | cues)
            eponym = phrase_key(term)
            self._table.add((eponym, f"{eponym}s"), rule)

    def find(self, words: Words) -> Iterator[tuple[int, int]]:
        """View ranges of eponyms that are medical, with the words behind that make them so."""
        for first, last, rule in self._table.find(words):
            behind = _longest(words, last, rule.after)
            if behind > last or _marked(words, last, rule.marks) or _cued(words, first, rule.before):
                yield words.start(first), words.tail(behind)


def _marked(words: Words, last: int, marks: frozenset[str]) -> bool:
    """Whether what stands behind the eponym fits one of its marks."""
    possessive = words.tail(last) > words.end(last)
    return _ALWAYS in marks or any(
        _AHEAD[mark].match(words.text, words.tail(last)) and (possessive or mark != _POSSESSIVE)
        for mark in marks
    )


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
