"""Personal names by dictionary alone: runs of words that read as a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import regex

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.name_words import GAP, WORD, Kind, Word, is_gap, name_words
from nlp_deid.detect.phrases import words_of
from nlp_deid.layout import WRAP, View
from nlp_deid.note import Detector, Note, Span

_PAIR = regex.compile(rf"({WORD}){GAP}(?=\p{{Ll}})({WORD})")
_INITIAL = regex.compile(rf"(?<![\w.'-])\p{{Ll}}\.{GAP}?(?=\p{{Ll}}{{4}})({WORD})(?!\.\w|[@\w])")
_LONGEST = 6  # words of a name


class Names(Detector):
    """Proposes names that the dictionaries alone make likely, as PATIENT."""

    name = "names"

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self.words = name_words(lexicon or Lexicon.load())

    def find(self, note: Note) -> list[Span]:
        """Runs of name words, "Last, First" pairs, and lower-case pairs of first name and surname."""
        view = note.view
        text = view.text
        spans: list[Span] = []
        before: list[Word] = []
        for run in self._runs(text):
            start, end = run[0].start, run[-1].end
            if before and text[before[-1].end : start] in (", ", ",", f",{WRAP}") and _inverted(before, run):
                spans.append(Span(*view.span(before[0].start, end), "PATIENT", 0.88, "names.inverted"))
            elif score := self._score(run, text):
                spans.append(Span(*view.span(start, end), "PATIENT", score, "names.run"))
            before = run
        return spans + [Span(*view.span(*pair), "PATIENT", 0.8, "names.small") for pair in self._small(view)]

    def _runs(self, text: str) -> Iterator[list[Word]]:
        """Groups of nameable words with nothing but a gap, an initial's point or a particle between them."""
        run: list[Word] = []
        for word in self.words.capitalised(text):
            if run and not (word.nameable and self._joined(text, run[-1], word)):
                yield from _trimmed(run)
                run = []
            if word.nameable:
                run.append(word)
        yield from _trimmed(run)

    def _joined(self, text: str, last: Word, word: Word) -> bool:
        between = text[last.end : word.start]
        if is_gap(text, last.end, word.start):
            return "." not in between or last.kind is Kind.INITIAL
        particles = between.strip(f" {WRAP}").split()
        return 0 < len(between) < 12 and bool(particles) and self.words.particles.issuperset(particles)

    def _score(self, run: Sequence[Word], text: str) -> float:
        """How sure a run of words is a person's name without any cue, 0 if it is not proposed."""
        full = [word for word in run if word.kind is not Kind.INITIAL]
        if not full or len(run) > _LONGEST or any(word.stop for word in full):
            return 0.0
        first, last = full[0], full[-1]
        if len(full) == 1:
            return self._score_single(first, len(run) > 1, text)
        kinds = [word.kind for word in full]
        names = kinds.count(Kind.NAME)
        if names == 1 and first.kind is not Kind.NAME and self.words.is_thing(last, text):
            return 0.0  # "Old Nguyen tube"
        if names and (first.first or last.first):
            return 0.85 if self.words.is_eponym(full) else 0.92  # an unsure name yields to a keep list
        if names > 1:
            return 0.85
        if names and Kind.UNKNOWN in kinds:
            return 0.8
        return 0.7 if first.first and first.common and last.last and last.common else 0.0

    def _score_single(self, word: Word, initial: bool, text: str) -> float:
        if (self.words.is_loud(word, text) and not word.common) or self.words.is_thing(word, text):
            return 0.0
        if word.kind is Kind.NAME:
            return (0.75 if word.common else 0.62) + (0.15 if initial else 0)
        if (
            initial
            and word.last
            and word.kind is Kind.AMBIGUOUS
            and text[word.start - 2 : word.start] == ". "
        ):
            return 0.7
        return 0.0

    def _small(self, view: View) -> Iterator[tuple[int, int]]:
        """Lower-case names, as in dictation and chat: first name and surname, or initial and surname."""
        text, words, given = view.text, words_of(view.lower), self.words.given
        for i, word in enumerate(words.words):
            if word in given and text[words.start(i)].islower():
                pair = _PAIR.match(text, words.start(i))
                if pair and self._is_name(pair, 1) and self._is_name(pair, 2):
                    yield pair.span()
        for initial in _INITIAL.finditer(text):
            if self.words.word(initial[1], initial.start(1)).kind in (Kind.NAME, Kind.UNKNOWN):
                yield initial.span()

    def _is_name(self, pair: regex.Match[str], group: int) -> bool:
        word = self.words.word(pair[group], pair.start(group))
        return word.kind is Kind.NAME and (word.first if group == 1 else word.last)


def _trimmed(run: list[Word]) -> Iterator[list[Word]]:
    """A run without stop words at its ends, if anything is left."""
    while run and run[-1].stop:
        run.pop()
    while run and run[0].stop:
        run.pop(0)
    if run:
        yield run


def _inverted(last: Sequence[Word], first: Sequence[Word]) -> bool:
    """Whether two runs around a comma read as "Last, First"."""
    surname, given = last[-1], first[0]
    if len(last) > 2:
        return False
    if given.kind is Kind.INITIAL:
        return len(first) == 1 and surname.last and surname.kind is Kind.NAME
    known = (surname.last or surname.kind is Kind.UNKNOWN) and (given.first or given.kind is Kind.UNKNOWN)
    return known and Kind.NAME in (surname.kind, given.kind)
