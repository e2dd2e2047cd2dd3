"""What surrogates and shifted dates keep, what they give away, and what they cost.

    python benchmarks/surrogates.py [--patients 200] [--notes 2000] [--data NOTES.jsonl]

Runs over a made-up cohort with known spans (cohort.py), so detection plays no part. `--data` measures what
replacing costs on top of detection by rules. Prints figures only.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cohort import Case, Mark, cohort, is_name, read_alike, read_name, same_shape

from nlp_deid.note import Note, Span
from nlp_deid.pipeline import load
from nlp_deid.replace.dates import SPAN_DAYS, offset
from nlp_deid.replace.keys import Secret, new_key
from nlp_deid.replace.policy import PRESETS
from nlp_deid.replace.replacer import Change, Replacer
from nlp_deid.replace.surrogates import CONSISTENCY, Options

MISSED = 0.02
OFFSETS = 2 * SPAN_DAYS
# Words that say of what kind a thing is; they stay, and so may stand on both sides.
KIND_WORDS = frozenset({"general", "hospital", "street", "mr", "mrs", "ms", "dr"})
_TOKEN = re.compile(r"[^\W\d_]{2,}|\d{5,}")
_FREE = frozenset({"DATE", "AGE"})  # their figures are small numbers, which meet by chance
Rewritten = Sequence[tuple[str, Sequence[Change]]]


def rewrite(case: Case, replacer: Replacer) -> Rewritten:
    """The notes of a patient with surrogates."""
    return replacer.replace_all(case.gold())


def pairs(case: Case, made: Rewritten) -> Iterator[tuple[Mark, Span, str, str]]:
    """(mark, span, original, replacement) of every span of a patient."""
    for note, marks, (text, changes) in zip(case.notes, case.marks, made, strict=True):
        for mark, span, change in zip(marks, note.spans, changes, strict=True):
            yield mark, span, note.text[span.start : span.end], text[change.out_start : change.out_end]


def check_dates(case: Case, made: Rewritten) -> Counter[str]:
    """How many dates there are, in the same form as before, and moved by the same days as the first."""
    counts: Counter[str] = Counter()
    first: int | None = None
    for mark, _, old, new in pairs(case, made):
        if mark.day is None:
            continue
        counts["dates"] += 1
        if not mark.is_full:
            counts["form kept"] += same_shape(old, new)
            continue
        counts["full dates"] += 1
        day = read_alike(new, old)
        if day is not None:
            moved = (day - mark.day).days
            first = moved if first is None else first
            counts["form kept"] += 1
            counts["interval kept"] += moved == first and moved != 0
        elif new == "[DATE]":
            counts["full dates tagged"] += 1
    return counts


def check_people(case: Case, made: Rewritten) -> Counter[str]:
    """How many people are named twice or more, how many by one surrogate, how many surrogates are shared."""
    seen: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    mentions: Counter[str] = Counter()
    broken = set()
    for mark, span, _, new in pairs(case, made):
        if not mark.person or new == f"[{span.label}]":  # initials that would have stayed by chance
            continue
        mentions[mark.person] += 1
        words = read_name(new, mark.form)
        if words is None:
            broken.add(mark.person)
        for role, word in (words or {}).items():
            seen[mark.person][role].add(word)
    repeated = [person for person, count in mentions.items() if count > 1]
    steady = [p for p in repeated if p not in broken and all(len(words) == 1 for words in seen[p].values())]
    whole = Counter(tuple(sorted(seen[p].get("first", ()))) + tuple(sorted(seen[p]["last"])) for p in steady)
    return Counter(repeated=len(repeated), steady=len(steady), shared=len(steady) - len(whole))


def check_tokens(case: Case, made: Rewritten) -> Counter[str]:
    """Real words and numbers of a patient that stand in any replacement, and spans that came out unchanged."""
    counts: Counter[str] = Counter()
    real: set[str] = set()
    out: list[tuple[str, str]] = []
    for _, span, old, new in pairs(case, made):
        if span.label not in _FREE:
            real.update(_TOKEN.findall(old.lower()))
            out.append((span.label, new))
            counts["unchanged"] += old.lower() == new.lower()
    real -= KIND_WORDS
    for label, new in out:
        counts["replacements"] += 1
        counts["real tokens"] += (
            any(word in real for word in _TOKEN.findall(new.lower())) and new != f"[{label}]"
        )
        counts["tags"] += new == f"[{label}]"
    return counts


def p_value(counts: Sequence[int]) -> float:
    """Chi-square against equal cells; the tail by Wilson and Hilferty 1931."""
    expected = sum(counts) / len(counts)
    freedom = len(counts) - 1
    square = sum((count - expected) ** 2 for count in counts) / expected
    spread = 2 / (9 * freedom)
    z = ((square / freedom) ** (1 / 3) - (1 - spread)) / math.sqrt(spread)
    return math.erfc(z / math.sqrt(2)) / 2


def cell(days: int, cells: int) -> int:
    """Which of so many equal cells an offset falls in."""
    index = days + SPAN_DAYS - (days > 0)  # 0 is no offset
    return index * cells // OFFSETS


def check_offsets(key: Secret, other: Secret, patients: int) -> dict[str, float]:
    """Chi-square p of offsets: alone, for a patient given the one before, and across two keys."""
    ids = [f"P{number:06d}" for number in range(patients)]
    mine, theirs = [offset(key, one) for one in ids], [offset(other, one) for one in ids]
    alone = Counter(cell(days, 73) for days in mine)
    after = Counter(
        (cell(known, 10), cell(days, 10)) for known, days in zip(mine[::2], mine[1::2], strict=True)
    )
    across = Counter((cell(a, 10), cell(b, 10)) for a, b in zip(mine, theirs, strict=True))
    grid = [(a, b) for a in range(10) for b in range(10)]
    return {
        "uniform": p_value([alone[number] for number in range(73)]),
        "another patient given one": p_value([after[place] for place in grid]),
        "another key given one": p_value([across[place] for place in grid]),
        "same offset under both keys": sum(a == b for a, b in zip(mine, theirs, strict=True)) / patients,
    }


def other_process(key: bytes, ids: Sequence[str]) -> list[int]:
    """The offsets that a new process finds; the key goes through its standard input."""
    code = (
        "import json, sys\n"
        "from nlp_deid.replace.dates import offset\n"
        "from nlp_deid.replace.keys import Secret\n"
        "given = json.load(sys.stdin)\n"
        "key = Secret(bytes.fromhex(given['key']))\n"
        "print(json.dumps([offset(key, one) for one in given['ids']]))\n"
    )
    given = json.dumps({"key": key.hex(), "ids": list(ids)})
    run = subprocess.run(
        [sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True
    )
    found: list[int] = json.loads(run.stdout)
    return found


@dataclass(frozen=True)
class Mention:
    """A name as the reader of scrubbed notes sees it."""

    note: int
    role: str
    surname: str
    missed: bool


def with_misses(case: Case, replacer: Replacer, share: float, draw: random.Random) -> list[Mention]:
    """The surnames of a patient's scrubbed notes, where detection missed so large a share of the names."""
    found, kept = [], []
    for note in case.notes:
        spans = [span for span in note.spans if not (is_name(span) and draw.random() < share)]
        found.append((note, spans))
        kept.append({span.start for span in spans})
    made = replacer.replace_all(found)
    mentions = []
    for number, (note, marks, (text, changes)) in enumerate(zip(case.notes, case.marks, made, strict=True)):
        new = {change.start: text[change.out_start : change.out_end] for change in changes}
        for mark, span in zip(marks, note.spans, strict=True):
            seen = new.get(span.start, note.text[span.start : span.end])
            words = read_name(seen, mark.form) if mark.person else None
            if words and "last" in words:
                mentions.append(Mention(number, mark.person, words["last"], span.start not in kept[number]))
    return mentions


def not_recurring(mentions: Iterable[Mention]) -> list[Mention]:
    """Reader 1: the names that do not come again."""
    mentions = list(mentions)
    counts = Counter(mention.surname for mention in mentions)
    return [mention for mention in mentions if counts[mention.surname] == 1]


def odd_ones(mentions: Iterable[Mention]) -> list[Mention]:
    """Reader 2: knows from the context who is meant, and picks who is not named as most of the time."""
    by_role: dict[str, list[Mention]] = defaultdict(list)
    for mention in mentions:
        by_role[mention.role].append(mention)
    picked = []
    for same in by_role.values():
        [(usual, count)] = Counter(mention.surname for mention in same).most_common(1)
        if count > 1 and 2 * count > len(same):
            picked += [mention for mention in same if mention.surname != usual]
    return picked


def recurring(mentions: Iterable[Mention]) -> list[Mention]:
    """Reader 3: the names that stand in two notes or more, where surrogates do not last so long."""
    mentions = list(mentions)
    notes: dict[str, set[int]] = defaultdict(set)
    for mention in mentions:
        notes[mention.surname].add(mention.note)
    return [mention for mention in mentions if len(notes[mention.surname]) > 1]


READERS = {"does not recur": not_recurring, "odd one out": odd_ones, "recurs": recurring}


def leaks(cases: Sequence[Case], mode: str, key: Secret, share: float = MISSED) -> dict[str, Counter[str]]:
    """Of each reader: missed names in all, missed names found, names picked."""
    draw = random.Random(7)
    replacer = Replacer(PRESETS["surrogate"], Options(source=key, consistency=mode))
    counts: dict[str, Counter[str]] = {reader: Counter() for reader in READERS}
    for case in cases:
        mentions = with_misses(case, replacer, share, draw)
        for reader, picks in READERS.items():
            scopes = [mentions]
            if mode == "document" and picks is not recurring:  # names change from note to note
                scopes = [[m for m in mentions if m.note == note] for note in range(len(case.notes))]
            picked = [mention for scope in scopes for mention in picks(scope)]
            found = sum(mention.missed for mention in picked)
            counts[reader].update(missed=sum(m.missed for m in mentions), found=found, picked=len(picked))
    return counts


def cost(data: Path) -> tuple[float, float]:
    """CPU seconds of detection by rules and of replacing, each over all notes."""
    rows = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    notes = [Note(row["text"], str(number)) for number, row in enumerate(rows)]
    deid = load("rules", "surrogate", surrogates={"source": Secret(new_key())})
    for note in notes:  # lists are read and caches filled
        deid(note)
    start = time.process_time()
    found = [(note, deid.detect(note)) for note in notes]
    middle = time.process_time()
    for note, spans in found:
        deid.replacer.replace(note, spans)
    return middle - start, time.process_time() - middle


def print_checks(cases: Sequence[Case], key: Secret) -> None:
    """What is kept and what stays over the cohort."""
    replacer = Replacer(PRESETS["surrogate"], Options(source=key))
    dates: Counter[str] = Counter()
    people: Counter[str] = Counter()
    tokens: Counter[str] = Counter()
    reordered = 0
    for case in cases:
        made = rewrite(case, replacer)
        dates.update(check_dates(case, made))
        people.update(check_people(case, made))
        tokens.update(check_tokens(case, made))
        backwards = replacer.replace_all(case.gold()[::-1])
        reordered += [text for text, _ in made] != [text for text, _ in backwards][::-1]
    for name, counts in (("dates", dates), ("people", people), ("replacements", tokens)):
        print(f"{name}: " + ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    print(f"patients whose notes change with their order: {reordered}")


def print_leaks(cases: Sequence[Case], key: Secret) -> None:
    """The table of residual leaks."""
    print(f"\n{MISSED:.0%} of names missed: share found, share of picks that are right")
    for mode in CONSISTENCY:
        for reader, counts in leaks(cases, mode, key).items():
            found = counts["found"] / max(counts["missed"], 1)
            right = counts["found"] / max(counts["picked"], 1)
            print(
                f"{mode:<10} {reader:<16} {counts['missed']:4} missed, {found:6.1%} found,"
                f" {counts['picked']:6} picked, {right:6.1%} right"
            )


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=200)
    parser.add_argument("--notes", type=int, default=2000)
    parser.add_argument("--data", type=Path, help="notes to measure the cost on")
    arguments = parser.parse_args()
    secret = new_key()
    key = Secret(secret)
    cases = cohort(arguments.patients, arguments.notes)
    print(f"{len(cases)} patients, {sum(len(case.notes) for case in cases)} notes")
    print_checks(cases, key)
    for name, value in check_offsets(key, Secret(new_key()), 50_000).items():
        print(f"offsets, {name}: {value:.4f}")
    ids = [case.patient for case in cases]
    print(
        f"offsets equal in another process: {other_process(secret, ids) == [offset(key, one) for one in ids]}"
    )
    print_leaks(cases, key)
    if arguments.data:
        detect, replace = cost(arguments.data)
        print(f"\ndetection {detect:.2f} CPU-s, replacing {replace:.2f} CPU-s: {replace / detect:.1%} on top")


if __name__ == "__main__":
    main()
