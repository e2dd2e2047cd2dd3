"""Real-language notes: their placeholders filled, and identifiers put into them from templates.

The templates (training/templates, inline markup) tell of one patient, her family and her doctors; `notes.resample`
gives all of them new names, the same ones throughout a note.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import markup

from nlp_deid.corpus.jsonl import FOLD, ignore_ranges, read
from nlp_deid.note import Note, Span
from slots.segments import Segment, segments_of

FOLDER = Path(__file__).parents[1] / "templates"
AT_TOP = AT_BOTTOM = 0.6  # shares of notes
MOST_LINES, MOST_SENTENCES = 3, 5
BROKEN = 0.7  # of notes whose lines were lost: the lines are put back
_ORDER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DOCTORS = [
    "Kessel",
    "Ferris",
    "Okafor",
    "Anand",
    "Lowe",
    "Vega",
    "Haddad",
    "Novak",
    "Pratt",
    "Quist",
    "Rossi",
    "Sato",
    "Tran",
    "Ueda",
    "Vogel",
    "Weiss",
    "Xiong",
    "Young",
    "Zeller",
    "Abbott",
    "Brandt",
    "Chu",
    "Dorsey",
    "Eng",
    "Fultz",
    "Grieg",
]
_DOCTOR = re.compile(r"(?P<title>Drs?\.|Doctor)\s+(?P<letter>[A-Z]+)(?P<rest>['’]s|\.)?")
_PATIENT = re.compile(r"(?P<title>Mr\.|Mrs\.|Ms\.|Miss)\s+(?P<letter>[A-Z]+)(?P<rest>['’]s|\.)?")
_PLACE = re.compile(r"(?P<title>)ABCD?(?P<letter> (?:General )?Hospital)(?P<rest>)")
_DATE = re.compile(r"Month DD, YYYY|MM/DD/YYYY|MM/DD/YY")
_BLANK = re.compile(r"[_*\s]+|X{2,}")
_LOST_LINE = re.compile(r"(?<=[.:])\s*,\s*(?=[A-Z0-9])|(?<=:),\s+")
_SENTENCE = re.compile(r"(?<=[a-z]{2}[.!?]) {1,2}(?=[A-Z])")
_LINE = re.compile(r"(?<=\n)(?=[A-Z0-9])")


@dataclass(frozen=True)
class Templates:
    """Marked pieces of text by the place where they fit."""

    top: tuple[str, ...]
    bottom: tuple[str, ...]
    lines: tuple[str, ...]
    sentences: tuple[str, ...]
    queries: tuple[str, ...]


@cache
def templates() -> Templates:
    """All templates."""

    def text(name: str) -> str:
        return (FOLDER / f"{name}.txt").read_text(encoding="utf-8").rstrip("\n")

    return Templates(
        *(tuple(text(name).split("\n---\n")) for name in ("top", "bottom")),
        *(tuple(text(name).split("\n")) for name in ("lines", "sentences", "queries")),
    )


def pieces(template: str) -> list[Segment]:
    """The pieces of one template."""
    return segments_of(markup.parse(template, "template"))


def read_real(path: Path) -> Iterator[Note]:
    """The notes of a JSON Lines file, placeholders filled; a note with one that nothing fits is left out.

    Raises:
        CorpusError: as the reader.
    """
    for note in read(path, FOLD):
        filled = _filled(note, ignore_ranges(note))
        if filled is not None:
            yield filled


def _filled(note: Note, ranges: list[tuple[int, int]]) -> Note | None:
    text, spans = note.text, list(note.spans)
    for start, end in sorted(ranges, reverse=True):
        made = _value(text[start:end])
        if made is None:
            return None
        new, label = made
        if label:
            at = start + new.index("{")
            surface = new[new.index("{") + 1 : new.index("}")]
            new = new.replace("{", "").replace("}", "")
        else:
            at, surface = start, ""
        grown = len(new) - (end - start)
        spans = [
            Span(s.start + grown, s.end + grown, s.label) if s.start >= end else s
            for s in spans
            if s.start >= end or s.end <= start
        ]
        if label:
            spans.append(Span(at, at + len(surface), label))
        text = text[:start] + new + text[end:]
    return Note(text, note.id, spans=sorted(spans))


def _value(placeholder: str) -> tuple[str, str] | None:
    """The text for a placeholder, its identifier in braces, and the label; None for what is not understood."""
    if _BLANK.fullmatch(placeholder):
        return placeholder, ""
    if found := _DOCTOR.fullmatch(placeholder):
        name = _DOCTORS[_ORDER.index(found["letter"][0])]
        return f"{found['title']} {{{name}}}{found['rest'] or ''}", "DOCTOR"
    if found := _PATIENT.fullmatch(placeholder):
        return f"{found['title']} {{Whitlock}}{found['rest'] or ''}", "PATIENT"
    if found := _PLACE.fullmatch(placeholder):
        return f"{{Brookhaven{found['letter']}}}", "HOSPITAL"
    return ("{March 14, 2019}", "DATE") if _DATE.fullmatch(placeholder) else None


def inject(segments: list[Segment], rng: random.Random) -> list[Segment]:
    """The pieces of a note with templates at its top and bottom, and between its lines and sentences."""
    stock = templates()
    out = _with_lines(segments) if rng.random() < BROKEN else list(segments)
    out = _between(out, _SENTENCE, stock.sentences, " ", rng.randint(0, MOST_SENTENCES), rng)
    out = _between(out, _LINE, stock.lines, "\n", rng.randint(0, MOST_LINES), rng)
    gap = rng.choice(("\n", "\n\n"))
    if rng.random() < AT_TOP:
        blocks = rng.sample(stock.top, rng.randint(1, 2))
        out = [piece for block in blocks for piece in (*pieces(block), Segment(gap))] + out
    if rng.random() < AT_BOTTOM:
        blocks = rng.sample(stock.bottom, rng.randint(1, 2))
        out += [piece for block in blocks for piece in (Segment(gap), *pieces(block))]
    return out


def _with_lines(segments: list[Segment]) -> list[Segment]:
    """A text whose line breaks became commas with its breaks again; others stay."""
    if sum(segment.text.count("\n") for segment in segments) > 5:
        return list(segments)
    return [s if s.label else Segment(_LOST_LINE.sub("\n", s.text)) for s in segments]


def _between(
    segments: list[Segment],
    place: re.Pattern[str],
    stock: tuple[str, ...],
    behind: str,
    count: int,
    rng: random.Random,
) -> list[Segment]:
    """The pieces with `count` templates at places outside identifiers."""
    places = [
        (number, found.end())
        for number, segment in enumerate(segments)
        if not segment.label
        for found in place.finditer(segment.text)
    ]
    picked = sorted(rng.sample(places, min(count, len(places))), reverse=True)
    out = list(segments)
    for number, at in picked:
        text = out[number].text
        new = pieces(rng.choice(stock))
        out[number : number + 1] = [Segment(text[:at]), *new, Segment(behind + text[at:])]
    return [segment for segment in out if segment.text]
