"""A site's own detector and tagger, plugged into nlp-deid without training anything.

`StudyNumbers` finds the site's study numbers. It can be given as an object in Python, by its registered
name in a spaCy config (`{"@misc": "my_site.study_numbers.v1"}`), or, from a package of your own, by the
entry point group `nlp_deid.parts`, after which a pipeline's config.yaml lists it by name.
"""

from __future__ import annotations

import re

import spacy

from nlp_deid.note import Detector, Note, Span

_STUDY = re.compile(r"\bSTUDY-[A-Z]{2}\d{3}\b")


class StudyNumbers(Detector):
    """STUDY- and two letters, three digits."""

    name = "study_numbers"

    def find(self, note: Note) -> list[Span]:
        """Every study number, surely."""
        found = _STUDY.finditer(note.text)
        return [Span(m.start(), m.end(), "IDNUM", 0.99, "my_site.study") for m in found]


@spacy.registry.misc("my_site.study_numbers.v1")
def study_numbers() -> list[Detector]:
    """What the config names."""
    return [StudyNumbers()]
