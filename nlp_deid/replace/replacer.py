"""Rewrites a note by a policy: every span to the outcome of its label's action."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import regex

from nlp_deid.hipaa import generalize_age, year_of, zip3
from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span
from nlp_deid.replace.policy import Policy

_SPACE = regex.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Change:
    """One replaced span: source range, range in the output, label and action."""

    start: int
    end: int
    out_start: int
    out_end: int
    label: str
    action: str


def _tag(label: str) -> str:
    return f"[{label}]"


def _generalize(label: str, value: str) -> str:
    """The value made coarser by the Safe Harbor rule; a tag where it cannot be read."""
    coarser: dict[str, Callable[[str], str]] = {"DATE": year_of, "AGE": generalize_age, "ZIP": zip3}
    try:
        return coarser[label](value) or _tag(label)
    except ValueError:
        return _tag(label)


class Replacer:
    """Carries out a policy. Unknown labels are tagged; nothing falls back to the original."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    def replace(self, note: Note, spans: Sequence[Span]) -> tuple[str, tuple[Change, ...]]:
        """The rewritten text and its changes.

        Args:
            note: the note.
            spans: sorted, without overlap.

        Raises:
            ValueError: spans that overlap or lie outside the text.
        """
        text = note.text
        numbers: dict[tuple[str, str], int] = {}
        counts: dict[str, int] = {}
        parts: list[str] = []
        changes: list[Change] = []
        at = out = 0
        for span in spans:
            if not at <= span.start < span.end <= len(text):
                raise ValueError(f"span [{span.start}, {span.end}) overlaps another or lies outside the note")
            action = self.policy.actions[span.label] if span.label in LABELS else "tag"
            value = text[span.start : span.end]
            if action == "keep":
                new = value
            elif action == "mask":
                new = regex.sub(r"\S", "*", value)
            elif action == "generalize":
                new = _generalize(span.label, value)
            elif action == "number":
                key = (span.label, _SPACE.sub(" ", value).casefold())
                if key not in numbers:
                    numbers[key] = counts[span.label] = counts.get(span.label, 0) + 1
                new = f"[{span.label}-{numbers[key]}]"
            else:
                new = _tag(span.label)
            parts += (text[at : span.start], new)
            start = out + span.start - at
            out = start + len(new)
            at = span.end
            changes.append(Change(span.start, span.end, start, out, span.label, action))
        parts.append(text[at:])
        return "".join(parts), tuple(changes)
