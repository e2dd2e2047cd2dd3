"""A value found surely once is found everywhere in that patient's notes."""

from __future__ import annotations

from collections.abc import Iterable

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.seeds import Search, Seeds
from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span

_SURE = 0.9
_VALUES = frozenset(
    name
    for name, label in LABELS.items()
    if label.category in ("CONTACT", "ID") or name in ("HOSPITAL", "ORGANIZATION", "STREET", "USERNAME")
)


class Echo:
    """Finds again what merge decided surely (score 0.9 or more)."""

    name = "echo"

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self.search = Search(lexicon)

    def seeds(self, note: Note, spans: Iterable[Span]) -> Seeds:
        """What the decided spans of a note say must be found again."""
        seeds = Seeds()
        for span in spans:
            if span.score < _SURE:
                continue
            value = note.text[span.start : span.end]
            if span.label in ("PATIENT", "DOCTOR"):
                self.search.add_name(seeds, value, span.label)
            elif span.label in _VALUES and len(value) > 5:
                self.search.add_value(seeds, value, span.label)
        return seeds

    def find(self, note: Note, seeds: Seeds) -> list[Span]:
        """Where the seeds stand in a note."""
        return self.search.find(note, seeds, self.name)
