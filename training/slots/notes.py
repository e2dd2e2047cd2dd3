"""One note anew: the same text, every identifier replaced by a fresh value in the same form."""

from __future__ import annotations

import random
from dataclasses import dataclass

from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span

from slots.dates import Dates
from slots.ids import Ids
from slots.names import Names
from slots.people import People
from slots.places import Places

_VOWELS = "aeiou8"


@dataclass(slots=True)
class Segment:
    """A piece of a note: an identifier with its label, or the text between two (label "")."""

    text: str
    label: str = ""


def segments_of(note: Note) -> list[Segment]:
    """The pieces of a note; joined, they are its text.

    Raises:
        ValueError: spans overlap.
    """
    out: list[Segment] = []
    at = 0
    for span in sorted(note.spans):
        if span.start < at:
            raise ValueError(f"note {note.id!r}: spans overlap at {span.start}")
        if span.start > at:
            out.append(Segment(note.text[at : span.start]))
        out.append(Segment(note.text[span.start : span.end], span.label))
        at = span.end
    if at < len(note.text):
        out.append(Segment(note.text[at:]))
    return out


def assembled(segments: list[Segment], id: str) -> Note:
    """The note of its pieces; a span never begins or ends with a blank."""
    texts: list[str] = []
    spans: list[Span] = []
    at = 0
    for segment in segments:
        text = segment.text
        if segment.label and text.strip():
            start = at + len(text) - len(text.lstrip())
            spans.append(Span(start, at + len(text.rstrip()), segment.label))
        texts.append(text)
        at += len(text)
    return Note("".join(texts), id, spans=spans)


def resample(segments: list[Segment], rng: random.Random, names: Names) -> list[Segment]:
    """The pieces of one note with new values, coherent within the note."""
    of = {label: [s.text for s in segments if s.label == label] for label in CATEGORIES}
    people = People([(text, label) for label in ("PATIENT", "DOCTOR") for text in of[label]], rng, names)
    dates, places, ids = Dates(of["DATE"], rng), Places(rng, names), Ids(rng, people.login)
    out: list[Segment] = []
    for segment in segments:
        text, label = segment.text, segment.label
        match CATEGORIES.get(label):
            case None:
                made = text
            case "NAME" if label != "USERNAME":
                made = people.rewrite(text, label)
            case "DATE":
                made = dates.rewrite(text)
            case "AGE":
                made = dates.age(text)
            case "LOCATION" | "PROFESSION":
                made = places.rewrite(text, label)
            case _:
                made = ids.rewrite(text, label)
        if not made.strip():
            made = text
        if label in ("AGE", "PROFESSION") and out and not out[-1].label:
            out[-1].text = _article(out[-1].text, made)
        out.append(Segment(made, label))
    return out


def _article(before: str, value: str) -> str:
    """The text before a value with "a" or "an" as the value asks."""
    for article in (" a ", " an ", " A ", " AN ", " An "):
        if before.endswith(article):
            n = value[:1].lower() in _VOWELS or value.startswith(("11", "18"))
            new = article[1] + (
                ("N" if article == " AN " or value.isupper() and article[1] == "A" else "n") if n else ""
            )
            return before[: -len(article)] + f" {new} "
    return before
