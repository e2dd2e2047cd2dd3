"""Rewrites notes by a policy: every span to the outcome of its label's action."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date

import regex

from nlp_deid.hipaa import generalize_age, implies_over_89, year_of, zip3
from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span
from nlp_deid.replace.keys import RandomSource
from nlp_deid.replace.mapfile import Pair
from nlp_deid.replace.policy import Policy
from nlp_deid.replace.surrogates import Options, Surrogates

_SPACE = regex.compile(r"\s+")
_COARSER: dict[str, Callable[[str], str]] = {"DATE": year_of, "AGE": generalize_age, "ZIP": zip3}
_BY_PATIENT = frozenset({"surrogate", "shift", "number"})


@dataclass(frozen=True, slots=True)
class Change:
    """One replaced span: source range, range in the output, label and what was done.

    `action` is the policy's, or "tag" where that could not be carried out.
    """

    start: int
    end: int
    out_start: int
    out_end: int
    label: str
    action: str


def _tag(label: str) -> str:
    return f"[{label}]"


class Replacer:
    """Carries out a policy. Unknown labels and failing actions become tags, never the original.

    Args:
        policy: an action for every label.
        options: how surrogates are made; by default with a random source of this run.
        record: keep a list of all surrogates given out (`pairs`), for a map file.
    """

    def __init__(self, policy: Policy, options: Options | None = None, record: bool = False) -> None:
        self.policy = policy
        self.options = options or Options()
        self.pairs: list[Pair] | None = [] if record else None

    def replace(self, note: Note, spans: Sequence[Span]) -> tuple[str, tuple[Change, ...]]:
        """The rewritten text of one note and its changes; see `replace_all`."""
        [result] = self.replace_all([(note, spans)])
        return result

    def replace_all(
        self, notes: Sequence[tuple[Note, Sequence[Span]]]
    ) -> list[tuple[str, tuple[Change, ...]]]:
        """The rewritten notes of one patient.

        Args:
            notes: notes with their spans, sorted and without overlap.

        Raises:
            ValueError: spans that overlap or lie outside the text.
        """
        for note, spans in notes:
            _check(note, spans)
        case = _Case(self, notes)
        return [case.rewrite(note, spans) for note, spans in notes]


class _Case:
    """The notes of one patient on their way through a policy."""

    def __init__(self, replacer: Replacer, notes: Sequence[tuple[Note, Sequence[Span]]]) -> None:
        self._replacer = replacer
        self._numbers: dict[tuple[str, str], int] = {}
        self._counts: Counter[str] = Counter()
        first = notes[0][0]
        # A note that nothing ties to a patient is a patient of its own.
        self.patient = first.patient or (f"note {first.id}" if first.id else "")
        options = replacer.options
        if not self.patient:
            self.patient = secrets.token_hex(16)
            if isinstance(options.source, RandomSource):
                options = replace(options, source=options.source.forgetful())
        self._latest = _latest_year(notes)
        acting = {self._action(span) for _, spans in notes for span in spans}
        self._surrogates = Surrogates(options, self.patient, notes) if acting & _BY_PATIENT else None

    def _action(self, span: Span) -> str:
        return self._replacer.policy.actions[span.label] if span.label in LABELS else "tag"

    def rewrite(self, note: Note, spans: Sequence[Span]) -> tuple[str, tuple[Change, ...]]:
        """The text of one note with its spans replaced."""
        text = note.text
        parts: list[str] = []
        changes: list[Change] = []
        at = out = 0
        for span in spans:
            action, new = self._new(note, span)
            parts += (text[at : span.start], new)
            start = out + span.start - at
            out = start + len(new)
            at = span.end
            changes.append(Change(span.start, span.end, start, out, span.label, action))
        parts.append(text[at:])
        return "".join(parts), tuple(changes)

    def _new(self, note: Note, span: Span) -> tuple[str, str]:
        """What was done with a span, and its new text."""
        action, value = self._action(span), note.text[span.start : span.end]
        if action == "keep":
            return action, value
        if action == "mask":
            return action, regex.sub(r"\S", "*", value)
        made: str | None = None
        if action == "generalize":
            made = self._generalized(span.label, value)
        elif action == "number":
            made = self._numbered(note, span, value)
        elif action in ("surrogate", "shift") and self._surrogates is not None:
            made = self._surrogates.value(note, span)
            if made is not None and self._replacer.pairs is not None:
                self._replacer.pairs.append(Pair(note.id, self.patient, span.label, value, made))
        return (action, made) if made is not None else ("tag", _tag(span.label))

    def _generalized(self, label: str, value: str) -> str | None:
        """The value made coarser by the Safe Harbor rule; None where it cannot be read or a year tells an age over 89."""
        try:
            made = _COARSER[label](value)
        except ValueError:
            return None
        old = label == "DATE" and any(implies_over_89(year, self._latest) for year in _years(made))
        return None if old else made or None

    def _numbered(self, note: Note, span: Span, value: str) -> str:
        if span.label == "DATE" and self._surrogates is not None:
            token = self._surrogates.date_token(note, value)
            if token is not None:
                return token
            return _tag(span.label)
        key = (span.label, _SPACE.sub(" ", value).casefold())
        if key not in self._numbers:
            self._counts[span.label] += 1
            self._numbers[key] = self._counts[span.label]
        return f"[{span.label}-{self._numbers[key]}]"


def _latest_year(notes: Sequence[tuple[Note, Sequence[Span]]]) -> int:
    """The year that ages count to: the latest that the notes tell; this one if they tell one year or none."""
    years = {
        year
        for note, spans in notes
        for span in spans
        if span.label == "DATE"
        for year in _years(note.text[span.start : span.end])
    }
    return max(years) if len(years) > 1 else date.today().year


def _years(text: str) -> list[int]:
    return [int(year) for year in year_of(text).split("-") if year]


def _check(note: Note, spans: Sequence[Span]) -> None:
    """Refuse spans that cannot be replaced one after another."""
    end = 0
    for span in spans:
        if not end <= span.start < span.end <= len(note.text):
            raise ValueError(f"span [{span.start}, {span.end}) overlaps another or lies outside the note")
        end = span.end
