"""How far two reviewers agree: Cohen's kappa on tokens, F1 of spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nlp_deid.note import Span
from nlp_deid.scoring import Score, Tokens, compare_sets

_OUTSIDE = ""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of two reviewers on the notes that both have done.

    Attributes:
        notes, tokens: how many were compared.
        kappa: Cohen's kappa of the tokens' labels, no label being one of them; None where chance alone
            would agree everywhere (Cohen 1960, Educ Psychol Meas 20:37).
        kappa_phi: the same of PHI or not.
        spans: spans with equal offsets and label; F1 does not depend on who is called gold
            (Hripcsak & Rothschild 2005, J Am Med Inform Assoc 12:296).
        places: spans with equal offsets, whatever the label.
    """

    notes: int
    tokens: int
    kappa: float | None
    kappa_phi: float | None
    spans: Score
    places: Score


def compare(pairs: Iterable[tuple[str, Sequence[Span], Sequence[Span]]]) -> Agreement:
    """The agreement over notes: text, spans of the one, spans of the other (neither with overlaps)."""
    table: Counter[tuple[str, str]] = Counter()
    spans = places = Score()
    notes = 0
    for text, mine, theirs in pairs:
        notes += 1
        tokens = Tokens(text)
        table.update(zip(_labels(tokens, mine), _labels(tokens, theirs), strict=True))
        spans += compare_sets(*({(s.start, s.end, s.label) for s in side} for side in (mine, theirs)))
        places += compare_sets(*({(s.start, s.end) for s in side} for side in (mine, theirs)))
    binary: Counter[tuple[str, str]] = Counter()
    for (one, other), count in table.items():
        binary["PHI" if one else _OUTSIDE, "PHI" if other else _OUTSIDE] += count
    return Agreement(notes, table.total(), cohen_kappa(table), cohen_kappa(binary), spans, places)


def _labels(tokens: Tokens, spans: Sequence[Span]) -> list[str]:
    """The label of every token; a token that two spans share takes the later one's."""
    labels = [_OUTSIDE] * len(tokens.ranges)
    for span in spans:
        for index in tokens.touched(span.start, span.end):
            labels[index] = span.label
    return labels


def cohen_kappa(table: Counter[tuple[str, str]]) -> float | None:
    """(observed - expected) / (1 - expected) of counted pairs of answers; None if expected is 1 or nothing is."""
    total = table.total()
    if not total:
        return None
    mine: Counter[str] = Counter()
    theirs: Counter[str] = Counter()
    for (one, other), count in table.items():
        mine[one] += count
        theirs[other] += count
    # Whole numbers up to the last step: a rounded 1 - expected could be a tiny number in place of 0.
    same = sum(count for (one, other), count in table.items() if one == other) * total
    by_chance = sum(count * theirs[label] for label, count in mine.items())
    if by_chance == total * total:
        return None
    return (same - by_chance) / (total * total - by_chance)
