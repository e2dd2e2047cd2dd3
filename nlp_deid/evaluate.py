"""Gold notes against found spans: every measure by its name, intervals, comparison of two systems.

No measure is called "F1" alone: strict typed, strict untyped, typed token and binary token figures of one
system differ by several points and must not be mixed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from nlp_deid.mistakes import Mistake, find_mistakes
from nlp_deid.note import Note, Span
from nlp_deid.official import MeddocanScore, OfficialScore, i2b2, meddocan
from nlp_deid.scoring import (
    NoteScore,
    Pair,
    Ranges,
    Score,
    Share,
    category,
    make_pair,
    removed_terms,
    score_note,
)
from nlp_deid.significance import bootstrap, randomise

Missing = Literal["raise", "miss"]
Found = Mapping[str, Sequence[Span]]


@dataclass(frozen=True, slots=True)
class Interval:
    """A share with its 95 % bootstrap interval over notes (or patients); None where there is nothing."""

    share: Share
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, int | float | None]:
        """For JSON."""
        return {**self.share.to_dict(), "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Typed:
    """A measure that looks at labels: pooled, and by label."""

    micro: Score
    labels: Mapping[str, Score]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"micro": self.micro.to_dict(), "labels": _plain(self.labels)}


@dataclass(frozen=True, slots=True)
class Untyped:
    """A measure that does not look at labels: pooled, and recall by gold label and category."""

    micro: Score
    recall_by_label: Mapping[str, Share]
    recall_by_category: Mapping[str, Share]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "micro": self.micro.to_dict(),
            "recall_by_label": _plain(self.recall_by_label),
            "recall_by_category": _plain(self.recall_by_category),
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All measures of one system on one set of notes.

    Attributes:
        notes, notes_with_phi, missing: numbers of notes; `missing` had no answer and count as misses.
        strict: spans with equal offsets and label. strict_untyped: spans with equal offsets.
        token: tokens with their label. binary_token: tokens, PHI or not.
        redact: gold characters covered, whatever the label.
        redact_full: notes with no PHI token left, of all; redact_full_phi: of those that hold PHI.
        over_scrubbing: share of the characters outside the gold that were removed.
        i2b2: official variants, see `official.i2b2`. meddocan: see `official.meddocan`.
        removed_terms: what was wrongly removed and how often, most often first; None unless asked for.
            It is note text and may hold PHI that the gold lacks; repr leaves it out.
    """

    notes: int
    notes_with_phi: int
    missing: int
    strict: Typed
    strict_untyped: Untyped
    token: Typed
    binary_token: Untyped
    redact: Interval
    redact_full: Interval
    redact_full_phi: Interval
    over_scrubbing: Share
    i2b2: Mapping[str, OfficialScore]
    meddocan: MeddocanScore
    removed_terms: Mapping[str, int] | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Every figure, for JSON; `removed_terms` only if it was asked for."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value.to_dict() if hasattr(value, "to_dict") else value


def pair_up(
    gold: Iterable[Note],
    found: Found,
    *,
    ignore: Mapping[str, Ranges] | None = None,
    missing: Missing = "raise",
) -> Iterator[Pair]:
    """Each gold note with the spans found in it.

    Args:
        gold: notes whose spans are the truth.
        found: spans by note id; an empty list is an answer, a missing id is none.
        ignore: ranges by note id that count neither way.
        missing: "raise", or "miss" to count all PHI of an unanswered note as missed.

    Raises:
        ValueError: an unanswered note (unless "miss"), an answer for a note that is not in the gold,
            a gold id that occurs twice, or a span outside its note. Silently scoring only what both
            sides have would hide notes that a system failed on.
    """
    if missing not in ("raise", "miss"):
        raise ValueError(f"missing={missing!r}; allowed: raise, miss")
    seen: set[str] = set()
    for note in gold:
        if note.id in seen:
            raise ValueError(f"gold note id {note.id!r} occurs twice")
        seen.add(note.id)
        if missing == "raise" and note.id not in found:
            raise ValueError(f"no answer for note {note.id!r}; missing='miss' counts it as missed")
        yield make_pair(note, found.get(note.id), (ignore or {}).get(note.id, ()))
    for name, ids in (("an answer", found), ("ignored ranges", ignore or {})):
        if strangers := sorted(set(ids) - seen):
            raise ValueError(f"{name} for {len(strangers)} notes that are not in the gold: {strangers[:3]}")


def evaluate(
    gold: Iterable[Note],
    found: Found,
    *,
    ignore: Mapping[str, Ranges] | None = None,
    missing: Missing = "raise",
    compat: bool = False,
    sentences: Mapping[str, int] | None = None,
    terms: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> Report:
    """Score found spans against gold notes by every measure.

    Args:
        gold, found, ignore, missing: see `pair_up`.
        compat: the two official parts keep the faults of their scripts.
        sentences: number of sentences by note id, for MEDDOCAN's leak score.
        terms: list what was wrongly removed (note text).
        resamples, seed: of the bootstrap. Notes of one patient are drawn together.

    Raises:
        ValueError: see `pair_up`.
    """
    pairs = list(pair_up(gold, found, ignore=ignore, missing=missing))
    scores = [score_note(pair) for pair in pairs]
    clusters = _clusters(pairs)

    def interval(shares: Sequence[Share]) -> Interval:
        units = [sum((shares[i] for i in cluster), Share()) for cluster in clusters]
        low, high = bootstrap(units, resamples, seed) or (None, None)
        return Interval(sum(units, Share()), low, high)

    return Report(
        notes=len(pairs),
        notes_with_phi=sum(s.redact.total > 0 for s in scores),
        missing=sum(not pair.answered for pair in pairs),
        strict=_typed((s.strict for s in scores), (s.strict_labels for s in scores)),
        strict_untyped=_untyped((s.untyped for s in scores), (s.untyped_labels for s in scores)),
        token=_typed((s.token for s in scores), (s.token_labels for s in scores)),
        binary_token=_untyped((s.binary for s in scores), (s.binary_labels for s in scores)),
        redact=interval([s.redact for s in scores]),
        redact_full=interval([Share(s.full, 1) for s in scores]),
        redact_full_phi=interval([Share(s.full, 1) if s.redact.total else Share() for s in scores]),
        over_scrubbing=sum((s.removed for s in scores), Share()),
        i2b2=i2b2(pairs, compat),
        meddocan=meddocan(pairs, compat, sentences),
        removed_terms=_terms(pairs) if terms else None,
    )


def _clusters(pairs: Sequence[Pair]) -> list[list[int]]:
    """Indices of the notes of each patient; a note without a patient stands alone."""
    groups: dict[tuple[bool, str], list[int]] = defaultdict(list)
    for index, pair in enumerate(pairs):
        patient = pair.note.patient
        groups[patient is None, pair.note.id if patient is None else patient].append(index)
    return list(groups.values())


def _typed(micro: Iterable[Score], tables: Iterable[Mapping[str, Score]]) -> Typed:
    labels: dict[str, Score] = defaultdict(Score)
    for table in tables:
        for label, score in table.items():
            labels[label] += score
    return Typed(sum(micro, Score()), dict(labels))


def _untyped(micro: Iterable[Score], tables: Iterable[Mapping[str, Share]]) -> Untyped:
    labels: dict[str, Share] = defaultdict(Share)
    categories: dict[str, Share] = defaultdict(Share)
    for table in tables:
        for label, share in table.items():
            labels[label] += share
            categories[category(label)] += share
    return Untyped(sum(micro, Score()), dict(labels), dict(categories))


def _terms(pairs: Iterable[Pair]) -> dict[str, int]:
    return dict(Counter(term for pair in pairs for term in removed_terms(pair)).most_common())


def list_mistakes(
    gold: Iterable[Note],
    found: Found,
    *,
    ignore: Mapping[str, Ranges] | None = None,
    missing: Missing = "raise",
    context: int | None = None,
) -> list[Mistake]:
    """Every mistake of a system, note by note.

    Args:
        gold, found, ignore, missing: see `pair_up`.
        context: characters of text to show on either side, which shows PHI; None shows no text.
    """
    return list(find_mistakes(pair_up(gold, found, ignore=ignore, missing=missing), context))


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of two systems on the same notes, and p of their difference (two-sided)."""

    measure: str
    a: float
    b: float
    p: float
    trials: int

    def to_dict(self) -> dict[str, str | float | int]:
        """For JSON."""
        return asdict(self)


_SCORES: dict[str, Callable[[NoteScore], Score]] = {
    "strict": lambda s: s.strict,
    "strict_untyped": lambda s: s.untyped,
    "token": lambda s: s.token,
    "binary_token": lambda s: s.binary,
}
_SHARES: dict[str, Callable[[NoteScore], Share]] = {
    "redact": lambda s: s.redact,
    "redact_full": lambda s: Share(s.full, 1),
    "over_scrubbing": lambda s: s.removed,
}
_FIGURES: dict[str, Callable[[Score], float]] = {
    "precision": lambda score: score.precision,
    "recall": lambda score: score.recall,
    "f1": lambda score: score.f1,
}
MEASURES = (*(f"{name} {figure}" for name in _SCORES for figure in _FIGURES), *_SHARES)


def compare(
    gold: Iterable[Note],
    a: Found,
    b: Found,
    measure: str = "binary_token f1",
    *,
    ignore: Mapping[str, Ranges] | None = None,
    missing: Missing = "raise",
    trials: int = 9999,
    seed: int = 0,
) -> Comparison:
    """Compare two systems by approximate randomisation over notes (patients where known).

    Args:
        measure: one of MEASURES.
        gold, ignore, missing: see `pair_up`.
        trials, seed: random swaps, and where they start.

    Raises:
        ValueError: an unknown measure, no notes; see also `pair_up`.
    """
    if measure not in MEASURES:
        raise ValueError(f"unknown measure {measure!r}; known: {', '.join(MEASURES)}")
    notes = list(gold)
    sides = [list(pair_up(notes, found, ignore=ignore, missing=missing)) for found in (a, b)]
    clusters = _clusters(sides[0])
    rows = [[score_note(pair) for pair in side] for side in sides]
    name, _, figure = measure.partition(" ")
    if figure:
        count = _SCORES[name]
        left, right = ([sum((count(row[i]) for i in c), Score()) for c in clusters] for row in rows)
        value = _FIGURES[figure]
        totals = value(sum(left, Score())), value(sum(right, Score()))
        p = randomise(left, right, value, trials, seed)
    else:
        part = _SHARES[name]
        ours, theirs = ([sum((part(row[i]) for i in c), Share()) for c in clusters] for row in rows)
        totals = _value(sum(ours, Share())), _value(sum(theirs, Share()))
        p = randomise(ours, theirs, _value, trials, seed)
    return Comparison(measure, *totals, p, trials)


def _value(share: Share) -> float:
    return share.value or 0.0
