"""Looks for faults of annotation in notes with inline markup; what it names must be read by a person.

    python training/check_notes.py training/corpora/english [--show | --counts]

Each line: file, line:column of the plain text, kind of suspicion. --show adds the words (the notes are fictional).
--counts gives instead the numbers of notes, characters and spans of each family, and the spans of each label.
Guidelines: labels as in i2b2 2014 (Stubbs & Uzuner 2015); see corpora/english/README.md.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import markup

from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note
from nlp_deid.resources import folder

Fault = tuple[int, int, str]  # characters [start, end) of the plain text, kind

_TITLE = re.compile(r"(?:Drs?|Mrs?|Ms|Miss|Mx|Prof|Nurse|Sister|Rev|Fr|Sgt)\.?\s", re.IGNORECASE)
_CREDENTIAL = re.compile(
    r",?\s(?:M\.?D\.?|D\.?O\.?|R\.?N\.?|NP|PA-?C?|Ph\.?D\.?|LCSW|MSW|FACS|MBBS|RT|PT|OT|CRNA)\.?\Z"
)
_OWN = re.compile(r"['’][sS]\Z")
_MONTH = (
    "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|January|February|March|April|June|July|August|September|"
    "October|November|December"
)
_UNMARKED = {
    "date": rf"(?<![\w/.-])(?:0?[1-9]|[12]\d|3[01])([/.-])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)?\d\d(?![\w/-]|\.\d)"
    rf"|\b(?:{_MONTH})\.? \d{{1,2}}(?:st|nd|rd|th)?\b|\b\d{{1,2}} (?:{_MONTH})\b"
    r"|\b(?:19[3-9]|20[0-2])\d\b(?! ?(?:mg|ml|mL|cc|kcal|units))"
    r"|\b(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b|\b(?:Christmas|Thanksgiving|Easter|Halloween)\b",
    "phone": r"(?<![\w-])\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?!\w)|(?<![\w-])0\d{3,4} \d{3} \d{3,4}(?!\w)",
    "email": r"[\w.+-]+@[\w-]+\.[\w.]+",
    "url": r"https?://\S+|\bwww\.\S+",
    "ssn": r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])",
    "ip": r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])",
    "age": r"\b\d{1,3}[ -]?(?:year|yr|month|week|day|y/?o)s?[ -](?:old|o)\b|\b\d{2}[ -]?y/?o\b|\b\d{2} ?(?:M|F)\b(?=[ ,.])"
    r"|\baged? \d{1,3}\b",
    "doctor": r"\bDrs?\.? [A-Z][a-z]+",
    "identifier": r"\b(?:MRN|Acct|Account|CSN|Accession|NHS|SSN|DEA|NPI|Policy|Member ID|Serial|Lot)\b[ #:]*"
    r"(?:No\.? )?[A-Z]*\d[\w-]{3,}",
}  # fmt: skip
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _UNMARKED.items()}
_WORD = re.compile(r"[^\W\d_]{3,}")


def _lines(name: str) -> set[str]:
    return {
        line.split("\t")[0]
        for line in (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    }


def faults(note: Note, common: set[str], things: set[str]) -> Iterator[Fault]:
    """Everything suspicious in one note.

    Args:
        note: with its gold spans.
        common: words, in lower case, that are not looked for outside spans.
        things: words behind an eponym ("disease", "sign").
    """
    covered = bytearray(len(note.text))
    for span in note.spans:
        covered[span.start : span.end] = b"\1" * (span.end - span.start)
    yield from _of_spans(note, things)
    for kind, pattern in _PATTERNS.items():
        for found in pattern.finditer(note.text):
            if not any(covered[found.start() : found.end()]):
                yield found.start(), found.end(), f"unmarked {kind}"
    known = {
        word.lower()
        for span in note.spans
        if CATEGORIES[span.label] == "NAME" or span.label in ("HOSPITAL", "ORGANIZATION", "CITY")
        for word in _WORD.findall(note.text[span.start : span.end])
        if word.lower() not in common
    }
    for found in _WORD.finditer(note.text):
        if found[0].lower() in known and not any(covered[found.start() : found.end()]):
            yield found.start(), found.end(), "unmarked again"
    surfaces = {
        note.text[span.start : span.end]
        for span in note.spans
        if CATEGORIES[span.label] in ("ID", "CONTACT", "DATE") and span.end - span.start > 3
    }
    for surface in sorted(surfaces):
        for found in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)", note.text):
            if not any(covered[found.start() : found.end()]):
                yield found.start(), found.end(), "unmarked again"


def _of_spans(note: Note, things: set[str]) -> Iterator[Fault]:
    """Faults of the borders and labels of spans."""
    for span in note.spans:
        text = note.text[span.start : span.end]
        where = span.start, span.end
        if text != text.strip():
            yield *where, f"{span.label} with a blank at its edge"
        if span.label in ("PATIENT", "DOCTOR"):
            if _TITLE.match(text):
                yield *where, f"{span.label} with a title"
            if _CREDENTIAL.search(text):
                yield *where, f"{span.label} with a credential"
            if _OWN.search(text):
                yield *where, f"{span.label} with a possessive"
            behind = re.match(r"(?:['’]s)?\s+([a-z]+)", note.text[span.end : span.end + 30])
            if behind and behind[1] in things:
                yield *where, "eponym marked"
        elif text[-1] in ",;:" or text[0] in ",;:":
            yield *where, f"{span.label} with punctuation at its edge"
        if span.label == "AGE" and re.search(r"old|y/?o|year", text):
            yield *where, "AGE with more than the age"


def counts(notes: Iterable[Note]) -> Iterator[str]:
    """Lines of two tables: by family (the id up to its hyphen), and by label."""
    families: dict[str, Counter[str]] = {}
    labels: Counter[str] = Counter()
    for note in notes:
        added = {"notes": 1, "characters": len(note.text), "spans": len(note.spans)}
        for family in (note.id.partition("-")[0], "all"):
            families.setdefault(family, Counter()).update(added)
        labels.update(span.label for span in note.spans)
    yield "| family | notes | characters | spans |"
    yield "|---|---|---|---|"
    for family, count in sorted(families.items(), key=lambda item: (item[0] == "all", item[0])):
        yield f"| {family} | {count['notes']} | {count['characters']} | {count['spans']} |"
    yield ""
    yield ", ".join(f"{label} {count}" for label, count in labels.most_common())


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--show", action="store_true", help="show the words")
    parser.add_argument("--counts", action="store_true", help="count instead")
    options = parser.parse_args(arguments)
    if options.counts:
        sys.stdout.writelines(f"{line}\n" for line in counts(markup.read_folder(options.folder)))
        return
    common = (
        _lines("common_words")
        | _lines("medical_words")
        | _lines("hospital_words")
        | _lines("organization_words")
    )
    things = _lines("eponym_things")
    for path in sorted(options.folder.rglob("*.txt")):
        note = markup.read(path)
        for start, end, kind in sorted(set(faults(note, common, things))):
            line = note.text.count("\n", 0, start) + 1
            column = start - note.text.rfind("\n", 0, start)
            shown = f": {note.text[max(0, start - 30) : start]!r} [{note.text[start:end]!r}] {note.text[end : end + 25]!r}"
            sys.stdout.write(f"{path.name} {line}:{column} {kind}{shown if options.show else ''}\n")


if __name__ == "__main__":
    main()
