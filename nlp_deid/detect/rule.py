"""One rule: a pattern, where in a text it is tried, and what of its matches counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import regex

from nlp_deid.detect.checks import CHECKS
from nlp_deid.detect.literals import Hit, Literals
from nlp_deid.detect.word_list import WordList
from nlp_deid.labels import LABELS
from nlp_deid.layout import View

_GROUP_LABELS = {name.replace("-", "_"): name for name in LABELS}
# A rule that needs longer is hostile or broken; the note is then quarantined.
_SECONDS, _SECONDS_PER_CHARACTER = 2.0, 2e-6
# Asking the clock costs more than most searches. Shipped rules pass the hostile texts of rulecheck.py
# (10,000 characters each), so in short texts they run without it.
_SHORT = 20_000
# A find this close to the end of its window may hang on what stands beyond it.
_EDGE = 24


@dataclass(frozen=True)
class Rule:
    """One rule; see the module's text for its fields."""

    id: str
    why: str
    label: str
    score: float
    pattern: str
    match: tuple[str, ...] = field(repr=False)
    no_match: tuple[str, ...] = field(repr=False)
    ignore_case: bool = False
    need: tuple[str, ...] = ()
    window: int = 0
    check: str = ""
    near: tuple[str, ...] = ()
    reach: int = 40
    starts: tuple[str, ...] = ()
    small: WordList | None = None
    not_first: WordList | None = None
    last: WordList | None = None
    shipped: bool = False

    @cached_property
    def compiled(self) -> regex.Pattern[str]:
        """The pattern, compiled on first use: compiling is slow and many notes need few rules."""
        flags = regex.VERSION0 | regex.MULTILINE | (regex.IGNORECASE if self.ignore_case else 0)
        return regex.compile(self.pattern, flags)

    @cached_property
    def _groups(self) -> tuple[tuple[str, str], ...]:
        """(group, label) pairs to report."""
        named = self.compiled.groupindex
        groups = [
            (group, _GROUP_LABELS.get(group, self.label))
            for group in named
            if group in _GROUP_LABELS or group == "phi"
        ]
        return tuple(groups) or (("", self.label),)

    @cached_property
    def _sees_wraps(self) -> bool:
        """Whether the pattern names the wrap; to every other pattern a wrap is a blank."""
        return r"\x0b" in self.pattern

    def find(self, view: View, hits: Sequence[Hit] | None = None) -> Iterator[tuple[int, int, str]]:
        """(start, end, label) of every find, offsets into the view.

        Args:
            view: the searched text.
            hits: where the literals of `need` or `starts` stand, if they have been looked up already.

        Raises:
            TimeoutError: the pattern took longer than its share for a text of this length.
        """
        if hits is None:
            literals = Literals(((literal, None) for literal in self.literals), opening=bool(self.starts))
            hits = literals.positions(view.lower)
        passes = CHECKS[self.check] if self.check else None
        text = view.text if self._sees_wraps else view.joined
        if self.small:
            text = self.small.in_small(text)
        for found in self._search(text, hits):
            if self.near and not self._is_near(view, found.start()):
                continue
            for group, label in self._groups:
                for start, end in found.spans(group) if group else (found.span(),):
                    if self.last:
                        end = self.last.back(text, start, end)
                    start = self._begin(found, start, end)
                    if start < end and (passes is None or passes(view.text[start:end])):
                        yield start, end, label

    def _begin(self, found: regex.Match[str], start: int, end: int) -> int:
        """Where a find begins without the words of `not_first`; its end if it is dropped."""
        if self.not_first is None:
            return start
        begin = self.not_first.skip(found.string, start, end)
        kind = found.start("kind") if "kind" in self.compiled.groupindex else start
        return begin if begin == start or begin < kind else end

    @property
    def literals(self) -> tuple[str, ...]:
        """The literals of `need` or `starts`; none for a rule that searches the whole text."""
        return self.need or self.starts

    def _search(self, text: str, hits: Sequence[Hit]) -> Iterator[regex.Match[str]]:
        """Matches in the whole text, at the hits or around them."""
        limit = (
            None if self.shipped and len(text) <= _SHORT else _SECONDS + _SECONDS_PER_CHARACTER * len(text)
        )
        if self.starts:
            return self._at(text, hits, limit)
        if self.window:
            return self._around(text, hits, limit)
        if hits or not self.need:
            return self.compiled.finditer(text, timeout=limit)
        return iter(())

    def _at(self, text: str, hits: Sequence[Hit], limit: float | None) -> Iterator[regex.Match[str]]:
        done = 0
        match = self.compiled.match
        for start, _ in sorted(hits):
            if start >= done and (found := match(text, start, timeout=limit)):
                done = found.end()
                yield found

    def _around(self, text: str, hits: Sequence[Hit], limit: float | None) -> Iterator[regex.Match[str]]:
        """Matches in windows; one that comes near a window's end is matched again beyond it."""
        for start, end in _windows(hits, self.window, len(text)):
            for found in self.compiled.finditer(text, start, end, timeout=limit):
                if found.end() + _EDGE < end or end == len(text):
                    yield found
                elif whole := self.compiled.match(text, found.start(), timeout=limit):
                    yield whole

    def _is_near(self, view: View, start: int) -> bool:
        before = view.lower[max(0, start - self.reach) : start]
        return any(word in before for word in self.near)


def _windows(hits: Iterable[Hit], reach: int, length: int) -> Iterator[tuple[int, int]]:
    """Ranges of `reach` characters around the hits, joined where they meet."""
    start, end = 0, -1
    for first, last in sorted(hits):
        low, high = max(0, first - reach), min(length, last + reach)
        if low > end:
            if end >= 0:
                yield start, end
            start = low
        end = max(end, high)
    if end >= 0:
        yield start, end
