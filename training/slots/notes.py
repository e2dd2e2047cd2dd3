"""One note anew: the same text, every identifier replaced by a fresh value in the same form."""

from __future__ import annotations

import random

from nlp_deid.labels import CATEGORIES
from slots.dates import Dates
from slots.ids import Ids
from slots.names import Names
from slots.noise import SCANNED_RATE, is_scan, misread
from slots.people import People
from slots.places import Places
from slots.segments import Segment

_VOWELS = "aeiou8"


def resample(segments: list[Segment], rng: random.Random, names: Names) -> list[Segment]:
    """The pieces of one note with new values, coherent within the note."""
    of = {label: [s.text for s in segments if s.label == label] for label in CATEGORIES}
    people = People([(text, label) for label in ("PATIENT", "DOCTOR") for text in of[label]], rng, names)
    dates, places, ids = Dates(of["DATE"], rng), Places(rng, names), Ids(rng, names, people.login)
    scanned = is_scan(segments)
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
            out[-1].text = _with_article(out[-1].text, made)
        if scanned and label:
            made = misread(made, rng, SCANNED_RATE)
        out.append(Segment(made, label))
    return out


def _with_article(before: str, value: str) -> str:
    """The text before a value with "a" or "an" as the value asks."""
    for article in (" a ", " an ", " A ", " AN ", " An "):
        if before.endswith(article):
            vowel = value[:1].lower() in _VOWELS or value.startswith(("11", "18"))
            capital = article == " AN " or (article == " A " and value.isupper())
            new = article[1] + (("N" if capital else "n") if vowel else "")
            return f"{before[: -len(article)]} {new} "
    return before
