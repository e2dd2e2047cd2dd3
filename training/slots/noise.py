"""Faults of real records: case, typos, line wraps, blanks, misread characters, lost punctuation, tabs, accents.

Each kind changes the pieces of a note one by one, so spans stay exact.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable

from slots.segments import Segment

TYPO_RATE = 0.015  # of words
MISREAD_RATE = 0.03  # of characters that a scanner may misread
SCANNED_RATE = 0.08  # the same in a note that was written as a scan
_WORD = re.compile(r"[^\W\d_]{4,}")
_MISREAD = {
    "l": "1I|", "1": "lI", "I": "l1", "O": "0", "0": "O", "o": "0c", "S": "5", "5": "S", "B": "8", "8": "B", "Z": "2",
    "2": "Z", "e": "c", "c": "e", "u": "ii", "g": "q9", "h": "b", "t": "f", "i": "l1", "6": "G", ".": ",", ",": ".",
}  # fmt: skip
_PAIRS = (("rn", "m"), ("m", "rn"), ("cl", "d"), ("vv", "w"), ("w", "vv"), ("li", "h"), ("ri", "n"))
_NEAR = {
    letter: row[max(0, at - 1) : at] + row[at + 1 : at + 2]
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for at, letter in enumerate(row)
}
# Notes written as scans: figures within words, as in "P0tomac" and "TOSHlBA".
_SCANNED = re.compile(r"[A-Za-z]{2,}[01][A-Za-z]{2,}|[A-Z]{2,}l[A-Z]+")


def add(segments: list[Segment], rng: random.Random, share: float) -> None:
    """Give the note each kind of noise with probability `share`."""
    scanned = is_scan(segments)
    for kind in KINDS:
        if rng.random() < share and not (scanned and kind is scan):
            kind(segments, rng)


def is_scan(segments: list[Segment]) -> bool:
    """Whether the note was written with a scanner's faults."""
    return sum(len(_SCANNED.findall(segment.text)) for segment in segments) >= 8


def misread(text: str, rng: random.Random, rate: float) -> str:
    """Text as a scanner reads it."""
    for seen, read in _PAIRS:
        if seen in text and rng.random() < 2 * rate:
            text = text.replace(seen, read, 1)
    return "".join(
        rng.choice(_MISREAD[char]) if char in _MISREAD and rng.random() < rate else char for char in text
    )


def case(segments: list[Segment], rng: random.Random) -> None:
    """All in capitals, or all in small letters."""
    change = rng.choice((str.upper, str.lower))
    for segment in segments:
        segment.text = change(segment.text)


def typos(segments: list[Segment], rng: random.Random) -> None:
    """Slips of the keyboard, in identifiers a little more often."""

    def slip(found: re.Match[str], rate: float) -> str:
        word = found[0]
        if rng.random() > rate:
            return word
        at = rng.randrange(1, len(word) - 1)
        kind = rng.randrange(4)
        if kind == 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if kind == 1:
            return word[:at] + word[at + 1 :]
        if kind == 2:
            return word[:at] + word[at] + word[at:]
        return word[:at] + rng.choice(_NEAR.get(word[at], word[at])) + word[at + 1 :]

    for segment in segments:
        rate = 4 * TYPO_RATE if segment.label else TYPO_RATE
        segment.text = _WORD.sub(lambda m, rate=rate: slip(m, rate), segment.text)  # type: ignore[misc]


def wraps(segments: list[Segment], rng: random.Random) -> None:
    """Lines broken hard at 60 to 80 columns, within identifiers too; some lines joined before."""
    width = rng.randint(60, 80)
    joined = rng.random() < 0.5
    column = 0
    for segment in segments:
        out = []
        text = segment.text
        for at, char in enumerate(text):
            before, behind = text[at - 1 : at], text[at + 1 : at + 2]
            if char == "\n" and joined and before.isalnum() and behind.isalpha() and behind.islower():
                char = " "
            if char == " " and column >= width and before != " " and behind != " ":
                char = "\n"
            column = 0 if char == "\n" else column + 1
            out.append(char)
        segment.text = "".join(out)


def blanks(segments: list[Segment], rng: random.Random) -> None:
    """Blanks lost beside punctuation and between letters and figures, or doubled."""
    for at, segment in enumerate(segments):
        text = segment.text
        if rng.random() < 0.5:
            text = re.sub(r"(?<=[,;:.)]) (?=\w)", lambda _: "" if rng.random() < 0.25 else " ", text)
        else:
            text = re.sub(r"(?<=\S) (?=\S)", lambda _: "  " if rng.random() < 0.08 else " ", text)
        behind = segments[at + 1].text if at + 1 < len(segments) else ""
        loose = text[-2:-1] in (",", ":", ".", ")", "(", "#") or (
            text[-2:-1].isalpha() and behind[:1].isdigit()
        )
        if not segment.label and text.endswith(" ") and len(text) > 2 and loose and rng.random() < 0.3:
            text = text[:-1]
        segment.text = text


def scan(segments: list[Segment], rng: random.Random) -> None:
    """Characters misread by a scanner."""
    for segment in segments:
        segment.text = misread(segment.text, rng, MISREAD_RATE)


def punctuation(segments: list[Segment], rng: random.Random) -> None:
    """Punctuation lost outside identifiers; dots lost after initials within them."""
    rate = rng.choice((0.3, 1.0))
    for segment in segments:
        if segment.label in ("PATIENT", "DOCTOR"):
            segment.text = re.sub(
                r"(?<=\b\w)\.(?= )", lambda _: "" if rng.random() < rate else ".", segment.text
            )
        elif not segment.label:
            text = re.sub(r"[,.;:](?=\s|$)", lambda m: "" if rng.random() < rate else m[0], segment.text)
            segment.text = text or segment.text


def tabs(segments: list[Segment], rng: random.Random) -> None:
    """Tabs between columns, and behind the names of fields."""
    for segment in segments:
        if not segment.label:
            text = re.sub(r" {2,}", "\t", segment.text)
            segment.text = re.sub(r"(?<=:) (?=$)", lambda _: "\t" if rng.random() < 0.5 else " ", text)


def plain(segments: list[Segment], rng: random.Random) -> None:
    """Accents lost, quotes straight or curly."""
    quote = rng.choice("'’`")
    for segment in segments:
        marks = unicodedata.normalize("NFKD", segment.text)
        text = "".join(char for char in marks if not unicodedata.combining(char))
        segment.text = text.replace("'", quote).replace("’", quote)


def lost_lines(segments: list[Segment], rng: random.Random) -> None:
    """Blank lines and the indents of lines lost, as text fields of databases lose them."""
    for segment in segments:
        segment.text = (
            re.sub(r"\n[ \t]*(?:\n[ \t]*)*", "\n", segment.text) if segment.text.strip() else segment.text
        )


KINDS: tuple[Callable[[list[Segment], random.Random], None], ...] = (
    typos,
    wraps,
    blanks,
    punctuation,
    tabs,
    plain,
    lost_lines,
    scan,
    case,
)
