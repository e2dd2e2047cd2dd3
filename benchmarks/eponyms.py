"""Surnames in medical use and as people: how many of each are masked.

    python benchmarks/eponyms.py [--data tests/data] [--pipeline rules] [--show tuned]

Every phrase of eponym_phrases.yaml stands in sentences of its kind (eponym_templates.yaml), each a note
of its own; the same surnames stand as people. Phrases and surnames fall into two halves by a checksum;
the holdout half goes with the holdout sentences. Lists are mended with the tuned half only.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import regex
import yaml

from nlp_deid.deid import Deid
from nlp_deid.note import Note, Span
from nlp_deid.pipeline import load

HALVES = ("tuned", "holdout")
DATA = Path(__file__).parents[1] / "tests" / "data"
_NAME = regex.compile(r"_(.+?)_")
_PLACES = "place"  # a kind whose names are no surnames


@dataclass(frozen=True)
class Case:
    """One sentence.

    Args:
        half: of HALVES.
        use: "medical" or "people".
        name: the surname or place name.
        text: the sentence.
        ranges: where the phrase or the surname stands in it.
    """

    half: str
    use: str
    name: str
    text: str
    ranges: tuple[tuple[int, int], ...]

    def masked(self, spans: list[Span]) -> bool:
        """Medical: whether any character of the phrase is masked. People: whether all of every name is."""
        covered = {at for span in spans for at in range(span.start, span.end)}
        marked = {at for start, end in self.ranges for at in range(start, end)}
        return not covered.isdisjoint(marked) if self.use == "medical" else covered >= marked


@dataclass(frozen=True)
class Tally:
    """How many of the cases of one half and use are masked, and over how many names and sentences."""

    masked: int
    total: int
    names: int
    templates: int

    @property
    def share(self) -> float:
        """Masked cases of all, 0 to 1."""
        return self.masked / self.total


def half(name: str) -> str:
    """The half a surname falls into, whatever else is on the list."""
    return HALVES[zlib.crc32(name.encode()) % 2]


def cases(data: Path, each: int = 4) -> Iterator[Case]:
    """The sentences of both halves; each phrase and each surname stands in at most `each`, in turn."""
    phrases = yaml.safe_load((data / "eponym_phrases.yaml").read_text(encoding="utf-8"))
    templates = yaml.safe_load((data / "eponym_templates.yaml").read_text(encoding="utf-8"))
    surnames: dict[str, None] = {}
    for kind, listed in phrases.items():
        for turn, marked in enumerate(map(str.strip, listed.split(";"))):
            name = _NAME.search(marked)[1]  # type: ignore[index]  # the loader's error will do
            if kind != _PLACES:
                surnames[name] = None
            part = half(name)
            for template in _turn(templates["medical"][part][kind], turn, each):
                yield _case(part, "medical", name, template, "{x}", marked.replace("_", ""))
    for turn, name in enumerate(surnames):
        part = half(name)
        for template in _turn(templates["people"][part], turn, each):
            mark = "{N}" if "{N}" in template else "{n}"
            yield _case(part, "people", name, template, mark, name.upper() if mark == "{N}" else name)


def _turn(templates: list[str], turn: int, each: int) -> list[str]:
    """`each` templates, beginning with another one at every turn."""
    return [templates[(turn * each + i) % len(templates)] for i in range(min(each, len(templates)))]


def _case(part: str, use: str, name: str, template: str, mark: str, value: str) -> Case:
    pieces = [piece.replace("{n}", name) for piece in template.split(mark)]
    text = value.join(pieces)
    ranges, at = [], 0
    for piece in pieces[:-1]:
        at += len(piece)
        ranges.append((at, at + len(value)))
        at += len(value)
    return Case(part, use, name, text, tuple(ranges))


def measure(deid: Deid, found: list[Case]) -> tuple[dict[tuple[str, str], Tally], list[Case]]:
    """A tally for each (half, use), and the cases that went wrong."""
    tallies: dict[tuple[str, str], Tally] = {}
    wrong: list[Case] = []
    for part in HALVES:
        for use in ("medical", "people"):
            chosen = [case for case in found if (case.half, case.use) == (part, use)]
            masked = [case.masked(deid.detect(Note(case.text))) for case in chosen]
            wrong += [case for case, hit in zip(chosen, masked, strict=True) if hit == (use == "medical")]
            frames = {_frame(case) for case in chosen}
            names = {case.name for case in chosen}
            tallies[part, use] = Tally(sum(masked), len(chosen), len(names), len(frames))
    return tallies, wrong


def _frame(case: Case) -> str:
    """The sentence without the phrase."""
    frame = case.text
    for start, end in reversed(case.ranges):
        frame = frame[:start] + "_" + frame[end:]
    return frame


def main(arguments: list[str] | None = None) -> None:
    """Print the tallies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the two YAML files")
    parser.add_argument("--pipeline", default="rules")
    parser.add_argument("--show", choices=HALVES, help="print the cases of this half that went wrong")
    options: Any = parser.parse_args(arguments)
    begin = time.perf_counter()
    tallies, wrong = measure(load(options.pipeline), list(cases(options.data)))
    for (part, use), tally in tallies.items():
        print(
            f"{part:8} {use:8} masked {100 * tally.share:6.2f} %  ({tally.masked} of {tally.total}; "
            f"{tally.names} names, {tally.templates} sentences)"
        )
    print(f"{time.perf_counter() - begin:.1f} s")
    for case in wrong:
        if case.half == options.show:
            print(f"{case.use:8} {case.text!r}")


if __name__ == "__main__":
    main()
