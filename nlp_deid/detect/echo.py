"""A value found surely once is found everywhere in that patient's notes.

Names come back in lower case, with a possessive, misspelt by a letter, as initials, or inside a
user name; numbers, phones and institutions come back as they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import regex
from rapidfuzz.distance import OSA

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.names import STOP, WORD, Kind, NameWords, plain
from nlp_deid.layout import View
from nlp_deid.note import Note, Span

_WORD = regex.compile(rf"(?<![\p{{L}}']){WORD}")
_LOGIN = regex.compile(r"(?<![\w.@-])(?=[\w.]*[a-z])(?=[\w.]*[\d_.])[A-Za-z][\w.]{3,30}(?<!\.)(?![\w@-])")
_INITIALS = regex.compile(r"(?<![\w.])(\p{Lu})\.[ ]?(\p{Lu})\.(?:[ ]?(\p{Lu})\.)?(?!\w)")
_SURE = 0.9
_EXACT = frozenset(
    "HOSPITAL ORGANIZATION STREET PHONE FAX EMAIL SSN MEDICALRECORD HEALTHPLAN ACCOUNT LICENSE VEHICLE DEVICE BIOID IDNUM USERNAME".split()
)


@dataclass
class Seeds:
    """What was found surely: name words and values, each with its label."""

    words: dict[str, str] = field(default_factory=dict)  # plain word, matched in any case
    capitals: dict[str, str] = field(default_factory=dict)  # words that are also words: matched with a capital
    initials: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)

    def add(self, other: Seeds) -> None:
        """Take in the seeds of another note of the same patient."""
        for name in ("words", "capitals", "initials", "values"):
            mine = getattr(self, name)
            for key, label in getattr(other, name).items():
                mine.setdefault(key, label)


class Echo:
    """Finds again what was found surely."""

    name = "echo"

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self.words = NameWords(lexicon or Lexicon.load())

    def seeds(self, note: Note, spans: Iterable[Span]) -> Seeds:
        """The seeds that the decided spans of a note give."""
        seeds = Seeds()
        for span in spans:
            if span.score < _SURE:
                continue
            value = View(note.text[span.start : span.end]).text
            if span.label in ("PATIENT", "DOCTOR"):
                self._seed_name(seeds, value, span.label)
            elif span.label in _EXACT and len(value) > 5:
                seeds.values.setdefault(value, span.label)
        return seeds

    def _seed_name(self, seeds: Seeds, value: str, label: str) -> None:
        words = [self.words.word(match[0], match.start()) for match in _WORD.finditer(value)]
        full = [word for word in words if len(word.text) > 2 and word.text.lower() not in STOP]
        for word in full:
            if word.kind in (Kind.NAME, Kind.UNKNOWN):
                seeds.words.setdefault(plain(word.text), label)
            elif word.kind in (Kind.AMBIGUOUS, Kind.EPONYM) and word.text[0].isupper():
                seeds.capitals.setdefault(plain(word.text), label)
        if len(full) > 1 and "," not in value:
            seeds.initials.setdefault(full[0].text[0].upper() + full[-1].text[0].upper(), label)

    def find(self, note: Note, seeds: Seeds) -> list[Span]:
        """Where the seeds stand in a note."""
        view = note.view
        found = [*self._words(view, seeds), *self._values(view, seeds)]
        if seeds.initials:
            for match in _INITIALS.finditer(view.text):
                if label := seeds.initials.get(match[1] + (match[3] or match[2])):
                    found.append((*match.span(), label, 0.85, "echo.initials"))
        return [Span(*view.span(start, end), *rest) for start, end, *rest in found]

    def _words(self, view: View, seeds: Seeds) -> Iterator[tuple[int, int, str, float, str]]:
        text = view.text
        if not (seeds.words or seeds.capitals):
            return
        long = [word for word in seeds.words if len(word) > 4]
        for match in _WORD.finditer(text):
            key = plain(match[0])
            capital = match[0][0].isupper()
            if label := seeds.words.get(key):
                yield *match.span(), label, 0.95, "echo.name"
            elif capital and (label := seeds.capitals.get(key)):
                if not _starts_sentence(text, match.start()):
                    yield *match.span(), label, 0.92, "echo.name"
            elif len(key) > 4 and capital and (near := self._near(key, long)):
                yield *match.span(), seeds.words[near], 0.9, "echo.misspelt"
        for match in _LOGIN.finditer(text):
            low = match[0].lower()
            if any(word in low for word in long):
                yield *match.span(), "USERNAME", 0.9, "echo.login"

    def _near(self, key: str, words: list[str]) -> str:
        """A seed one edit away from a word that no list of words holds."""
        if self.words.word(key, 0).kind not in (Kind.UNKNOWN, Kind.NAME):
            return ""
        return next((word for word in words if OSA.distance(key, word, score_cutoff=1) == 1), "")

    @staticmethod
    def _values(view: View, seeds: Seeds) -> Iterator[tuple[int, int, str, float, str]]:
        for value, label in seeds.values.items():
            at = view.text.find(value)
            while at >= 0:
                end = at + len(value)
                if not (view.text[at - 1 : at].isalnum() or view.text[end : end + 1].isalnum()):
                    yield at, end, label, 0.95, "echo.value"
                at = view.text.find(value, end)


def _starts_sentence(text: str, start: int) -> bool:
    """Whether a word stands where any word has a capital."""
    before = text[max(0, start - 4) : start].rstrip(" \x0b\"'(*-")
    return not before or before[-1] in ".!?:\n"
