"""The measures of two shared tasks as their own scripts compute them: i2b2 2014 and MEDDOCAN 2019.

Sources: the evaluation script of the 2014 i2b2/UTHealth track 1 (Kotfila; metrics in Stubbs, Kotfila & Uzuner
2015, J Biomed Inform 58:S11) and that of MEDDOCAN (Marimon et al. 2019, IberLEF).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from statistics import fmean, pstdev

from nlp_deid.labels import CATEGORIES, LABELS
from nlp_deid.scoring import Pair, Score, category, compare_sets

Tag = tuple[str, str, int, int]  # element, TYPE, start, end

RELAXED_END = 2  # characters by which the end may differ in relaxed matching

_HIPAA = frozenset(name for name, label in LABELS.items() if label.i2b2_hipaa)
# The script's pattern for IDNUM ends in a blank, so that it never matches.
_HIPAA_AS_RUN = _HIPAA - {"IDNUM"}
_WORD = re.compile(r"[a-zA-Z0-9]+")


@dataclass(frozen=True, slots=True)
class OfficialScore:
    """Micro (pooled, primary) and macro (mean over documents, with population SD) of one variant.

    `macro_f1` is the harmonic mean of the two macro means. A document without gold and output counts 0.
    """

    micro: Score
    macro_precision: float
    macro_precision_sd: float
    macro_recall: float
    macro_recall_sd: float

    @property
    def macro_f1(self) -> float:
        total = self.macro_precision + self.macro_recall
        return 2 * self.macro_precision * self.macro_recall / total if total else 0.0

    def to_dict(self) -> dict[str, object]:
        """All figures, for JSON."""
        return {**asdict(self), "micro": self.micro.to_dict(), "macro_f1": self.macro_f1}


def _pool(scores: Sequence[Score]) -> OfficialScore:
    precisions = [score.precision for score in scores] or [0.0]
    recalls = [score.recall for score in scores] or [0.0]
    return OfficialScore(
        sum(scores, Score()), fmean(precisions), pstdev(precisions), fmean(recalls), pstdev(recalls)
    )


def _tags(pair: Pair) -> tuple[list[Tag], list[Tag]]:
    """Gold and found tags, upper-cased, each once, in their order."""
    both = []
    for spans in (pair.gold, pair.found):
        names = ((s, s.label.upper()) for s in spans)
        both.append(list(dict.fromkeys((category(name), name, s.start, s.end) for s, name in names)))
    return both[0], both[1]


def _split(tags: Iterable[Tag], text: str, compat: bool) -> Iterator[Tag]:
    """Each tag cut into its runs of ASCII letters and digits.

    The script gives a tag without any such run one empty token at its end (`compat`).
    """
    for element, name, start, end in tags:
        runs = [(start + m.start(), start + m.end()) for m in _WORD.finditer(text[start:end])]
        if not runs and compat:
            runs = [(end, end)]
        for first, last in runs:
            yield element, name, first, last


def _relaxed(gold: Iterable[Tag], found: Iterable[Tag]) -> Score:
    """Each found tag matches at most one gold tag of equal element, TYPE and start, and near end.

    Ends of one group are taken in ascending order, which gives the largest matching.
    """
    groups: dict[tuple[str, str, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, tags in enumerate((gold, found)):
        for element, name, start, end in tags:
            groups[element, name, start][side].append(end)
    total = Score()
    for gold_ends, found_ends in groups.values():
        gold_ends.sort()
        found_ends.sort()
        tp = at = 0
        for end in found_ends:
            while at < len(gold_ends) and gold_ends[at] < end - RELAXED_END:
                at += 1
            if at < len(gold_ends) and gold_ends[at] <= end + RELAXED_END:
                tp += 1
                at += 1
        total += Score(tp, len(found_ends) - tp, len(gold_ends) - tp)
    return total


def _near(tag: Tag, others: Iterable[Tag]) -> bool:
    return any(tag[:3] == other[:3] and abs(tag[3] - other[3]) <= RELAXED_END for other in others)


def _relaxed_as_run(gold: Iterable[Tag], found: Iterable[Tag]) -> Score:
    """The script's sets whose equality forgives the end: the first of near tags stays, the others vanish."""

    def collapse(tags: Iterable[Tag]) -> list[Tag]:
        kept: list[Tag] = []
        for tag in tags:
            if not _near(tag, kept):
                kept.append(tag)
        return kept

    gold_set, found_set = collapse(gold), collapse(found)
    small, large = (gold_set, found_set) if len(gold_set) < len(found_set) else (found_set, gold_set)
    return Score(
        len([tag for tag in small if _near(tag, large)]),
        len([tag for tag in found_set if not _near(tag, gold_set)]),
        len([tag for tag in gold_set if not _near(tag, found_set)]),
    )


def i2b2(pairs: Iterable[Pair], compat: bool = False) -> dict[str, OfficialScore]:
    """Every variant of the i2b2 2014 track 1 evaluation.

    Keys: "strict", "relaxed", "token", "binary strict", "binary token", each also with "hipaa " before
    its last word (the corpus's HIPAA subset on both sides), and for each category "NAME strict",
    "NAME token", "NAME hipaa strict", "NAME hipaa token".

    With `compat` the script's faults come back: IDNUM is not in the HIPAA subset, notes without an answer
    are skipped (else they are misses), near tags collapse in relaxed matching, and a tag without ASCII
    letters or digits counts as one token. What the script does under Python 2 is meant; under Python 3
    its relaxed matching never matches.
    """
    hipaa = _HIPAA_AS_RUN if compat else _HIPAA
    relaxed = _relaxed_as_run if compat else _relaxed
    scores: dict[str, list[Score]] = defaultdict(list)
    for pair in pairs:
        if compat and not pair.answered:
            continue
        tags = _tags(pair)
        words = [list(_split(side, pair.note.text, compat)) for side in tags]
        for element, only_hipaa in product((None, *dict.fromkeys(CATEGORIES.values())), (False, True)):
            allowed = hipaa if only_hipaa else None
            gold, found = (_subset(side, element, allowed) for side in tags)
            gold_words, found_words = (_subset(side, element, allowed) for side in words)
            subset = (f"{element} " if element else "") + ("hipaa " if only_hipaa else "")
            scores[f"{subset}strict"].append(compare_sets(set(gold), set(found)))
            scores[f"{subset}token"].append(compare_sets(set(gold_words), set(found_words)))
            if element is None:
                scores[f"{subset}relaxed"].append(relaxed(gold, found))
                scores[f"binary {subset}strict"].append(_binary(gold, found))
                scores[f"binary {subset}token"].append(_binary(gold_words, found_words))
    return {name: _pool(documents) for name, documents in scores.items()}


def _subset(tags: Iterable[Tag], element: str | None, types: frozenset[str] | None) -> list[Tag]:
    return [tag for tag in tags if element in (None, tag[0]) and (types is None or tag[1] in types)]


def _binary(gold: Iterable[Tag], found: Iterable[Tag]) -> Score:
    return compare_sets({tag[2:] for tag in gold}, {tag[2:] for tag in found})


@dataclass(frozen=True, slots=True)
class MeddocanScore:
    """Track 1 (TYPE and offsets), track 2 strict (offsets) and merged, all micro.

    `leak` is missed spans for each sentence of track 1; None if the sentences were not given.
    """

    track1: Score
    track2_strict: Score
    track2_merged: Score
    leak: float | None

    def to_dict(self) -> dict[str, object]:
        """All figures, for JSON."""
        return {
            "track1": self.track1.to_dict(),
            "track2_strict": self.track2_strict.to_dict(),
            "track2_merged": self.track2_merged.to_dict(),
            "leak": self.leak,
        }


def meddocan(
    pairs: Iterable[Pair], compat: bool = False, sentences: Mapping[str, int] | None = None
) -> MeddocanScore:
    """The three measures of MEDDOCAN and its leak score.

    Args:
        pairs: the notes; labels are compared as they are.
        compat: skip notes without an answer, as the script does; else they are misses.
        sentences: number of sentences of each note, by id (the task counted them with FreeLing).

    Raises:
        KeyError: `sentences` lacks a note.
    """
    track1 = strict = merged = Score()
    total = 0
    for pair in pairs:
        if compat and not pair.answered:
            continue
        typed = ({(s.label, s.start, s.end) for s in spans} for spans in (pair.gold, pair.found))
        track1 += compare_sets(*typed)
        gold, found = (sorted((s.start, s.end) for s in spans) for spans in (pair.gold, pair.found))
        strict += compare_sets(set(gold), set(found))
        merged += _merged(gold, found, pair.note.text)
        total += sentences[pair.note.id] if sentences is not None else 0
    leak = None if sentences is None else track1.fn / total if total else 0.0
    return MeddocanScore(track1, strict, merged, leak)


def join(places: Iterable[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Join, from left to right, places with no letter or digit between them; `places` ascend."""
    joined: list[tuple[int, int]] = []
    for start, end in places:
        if joined and not any(char.isalnum() for char in text[joined[-1][1] : start]):
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _merged(gold: list[tuple[int, int]], found: list[tuple[int, int]], text: str) -> Score:
    """Hits are equal places before or after joining; a place inside a hit is no error."""
    gold_set, found_set = set(gold), set(found)
    hits = (gold_set & found_set) | (set(join(gold, text)) & set(join(found, text)))

    def errors(places: set[tuple[int, int]]) -> int:
        return sum(not any(a <= start and end <= b for a, b in hits) for start, end in places)

    return Score(len(hits), errors(found_set - gold_set), errors(gold_set - found_set))
