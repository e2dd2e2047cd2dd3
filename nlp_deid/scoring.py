"""What one note counts: spans, tokens and characters of the gold against those found.

Every measure is a count that adds up over notes; `evaluate` adds, `official` has the shared tasks' own.
A token is a match of `\\w+|\\S`; it is PHI when any of its characters lies inside a span.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TypeVar

from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span

Ranges = Sequence[tuple[int, int]]
Key = TypeVar("Key")

_TOKEN = re.compile(r"\w+|\S")


@dataclass(frozen=True, slots=True)
class Score:
    """True and false positives and false negatives. A ratio of nothing is 0, as in the shared tasks."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        return self.tp / (self.tp + self.fp) if self.tp else 0.0

    @property
    def recall(self) -> float:
        return self.tp / (self.tp + self.fn) if self.tp else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp else 0.0

    def to_dict(self) -> dict[str, int | float]:
        """Counts and ratios, for JSON."""
        return {
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
        }


@dataclass(frozen=True, slots=True)
class Share:
    """`count` of `total`; the value of a share of nothing is None."""

    count: int = 0
    total: int = 0

    def __add__(self, other: Share) -> Share:
        return Share(self.count + other.count, self.total + other.total)

    @property
    def value(self) -> float | None:
        return self.count / self.total if self.total else None

    def to_dict(self) -> dict[str, int | float | None]:
        """Count, total and value, for JSON."""
        return {"count": self.count, "total": self.total, "value": self.value}


def compare_sets(gold: Set[Key], found: Set[Key]) -> Score:
    """Score of two sets of keys."""
    tp = len(gold & found)
    return Score(tp, len(found) - tp, len(gold) - tp)


def category(label: str) -> str:
    """The i2b2 category of a label; a label of another scheme is its own."""
    return CATEGORIES.get(label, label)


@dataclass(frozen=True, slots=True)
class Pair:
    """One note, its gold, and what was found.

    Attributes:
        gold: gold spans that do not lie inside an ignored range.
        found: found spans to be scored as spans: those that touch no ignored range or are exactly gold.
        removed: all found spans, for tokens and characters, where ignored ones are left out one by one.
        ignore: ranges that count neither way.
        answered: False if the system gave no answer for the note.
    """

    note: Note
    gold: tuple[Span, ...]
    found: tuple[Span, ...]
    removed: tuple[Span, ...]
    ignore: tuple[tuple[int, int], ...] = ()
    answered: bool = True


def make_pair(note: Note, found: Sequence[Span] | None, ignore: Ranges = ()) -> Pair:
    """Pair a gold note with the spans found in it; None if the system gave no answer.

    Raises:
        ValueError: a span or range that ends behind the text.
    """
    length = len(note.text)
    for start, end in [*((s.start, s.end) for s in (*note.spans, *(found or ()))), *ignore]:
        if not 0 <= start <= end <= length:
            raise ValueError(f"note {note.id!r}: [{start}, {end}) is outside its {length} characters")
    gold = tuple(s for s in note.spans if not any(a <= s.start and s.end <= b for a, b in ignore))
    exact = {(s.start, s.end) for s in gold}
    removed = tuple(found or ())
    kept = tuple(
        s
        for s in removed
        if (s.start, s.end) in exact or not any(s.start < b and a < s.end for a, b in ignore)
    )
    return Pair(note, gold, kept, removed, tuple(ignore), found is not None)


class Tokens:
    """The tokens of a text: `ranges[i]` is the range of token i."""

    def __init__(self, text: str) -> None:
        self.ranges = [match.span() for match in _TOKEN.finditer(text)]
        self._ends = [end for _, end in self.ranges]

    def touched(self, start: int, end: int) -> Iterator[int]:
        """Indices of the tokens with at least one character in [start, end)."""
        index = bisect_right(self._ends, start)
        while index < len(self.ranges) and self.ranges[index][0] < end:
            yield index
            index += 1


def _cover(length: int, ranges: Iterable[tuple[int, int]]) -> bytearray:
    """One byte a character, 1 where a range covers it."""
    mask = bytearray(length)
    for start, end in ranges:
        mask[start:end] = b"\1" * (end - start)
    return mask


def _bits(mask: bytearray) -> int:
    """The mask as one whole number, for fast boolean arithmetic; a byte a character."""
    return int.from_bytes(mask, "little")


@dataclass(frozen=True, slots=True)
class NoteScore:
    """The counts of one note.

    Attributes:
        strict: spans with equal offsets and label. strict_labels: the same by label.
        untyped: spans with equal offsets. untyped_labels: recall by gold label.
        token: tokens with their label. token_labels: the same by label.
        binary: tokens, PHI or not. binary_labels: recall by gold label.
        redact: gold characters covered, whatever the label.
        full: True if no PHI token is left.
        removed: characters outside the gold that were removed.
    """

    strict: Score
    strict_labels: Mapping[str, Score]
    untyped: Score
    untyped_labels: Mapping[str, Share]
    token: Score
    token_labels: Mapping[str, Score]
    binary: Score
    binary_labels: Mapping[str, Share]
    redact: Share
    full: bool
    removed: Share


def _by_label(gold: Set[tuple[Key, str]], found: Set[tuple[Key, str]]) -> dict[str, Score]:
    """Score of sets of (key, label), label by label."""
    tp, in_found, in_gold = (Counter(label for _, label in keys) for keys in (gold & found, found, gold))
    return {
        label: Score(tp[label], in_found[label] - tp[label], in_gold[label] - tp[label])
        for label in in_gold | in_found
    }


def _recall_by_label(gold: Set[tuple[Key, str]], found: Set[Key]) -> dict[str, Share]:
    """Share of the gold keys of each label that were found."""
    total = Counter(label for _, label in gold)
    hit = Counter(label for key, label in gold if key in found)
    return {label: Share(hit[label], total[label]) for label in total}


def score_note(pair: Pair) -> NoteScore:
    """Count everything in one note."""
    gold_spans = {((s.start, s.end), s.label) for s in pair.gold}
    found_spans = {((s.start, s.end), s.label) for s in pair.found}
    tokens = Tokens(pair.note.text)
    ignored = {index for start, end in pair.ignore for index in tokens.touched(start, end)}
    gold_tokens = _tokens(tokens, pair.gold, ignored)
    found_tokens = _tokens(tokens, pair.removed, ignored)
    gold_places = {place for place, _ in gold_spans}
    found_places = {place for place, _ in found_spans}
    gold_indices = {index for index, _ in gold_tokens}
    found_indices = {index for index, _ in found_tokens}
    redact, removed = _characters(pair)
    return NoteScore(
        strict=compare_sets(gold_spans, found_spans),
        strict_labels=_by_label(gold_spans, found_spans),
        untyped=compare_sets(gold_places, found_places),
        untyped_labels=_recall_by_label(gold_spans, found_places),
        token=compare_sets(gold_tokens, found_tokens),
        token_labels=_by_label(gold_tokens, found_tokens),
        binary=compare_sets(gold_indices, found_indices),
        binary_labels=_recall_by_label(gold_tokens, found_indices),
        redact=redact,
        full=gold_indices <= found_indices,
        removed=removed,
    )


def _tokens(tokens: Tokens, spans: Iterable[Span], ignored: Set[int]) -> set[tuple[int, str]]:
    return {(i, s.label) for s in spans for i in tokens.touched(s.start, s.end) if i not in ignored}


def _characters(pair: Pair) -> tuple[Share, Share]:
    """Gold characters covered, and characters outside the gold removed."""
    length = len(pair.note.text)
    ignored = _bits(_cover(length, pair.ignore))
    gold = _bits(_cover(length, ((s.start, s.end) for s in pair.gold))) & ~ignored
    found = _bits(_cover(length, ((s.start, s.end) for s in pair.removed))) & ~ignored
    phi = gold.bit_count()
    plain = length - phi - ignored.bit_count()
    return Share((gold & found).bit_count(), phi), Share((found & ~gold).bit_count(), plain)


def removed_terms(pair: Pair) -> Iterator[str]:
    """Runs of tokens outside the gold that a found span removed. They are note text: only on request."""
    tokens = Tokens(pair.note.text)
    phi = {i for s in pair.gold for i in tokens.touched(s.start, s.end)}
    phi |= {i for start, end in pair.ignore for i in tokens.touched(start, end)}
    for span in pair.removed:
        run: list[int] = []
        for index in [*tokens.touched(span.start, span.end), -1]:
            if index >= 0 and index not in phi:
                run.append(index)
            elif run:
                piece = pair.note.text[tokens.ranges[run[0]][0] : tokens.ranges[run[-1]][1]]
                yield " ".join(piece.split())
                run = []
