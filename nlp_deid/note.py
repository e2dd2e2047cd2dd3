"""The words everything else uses: Span, Note, Detector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from nlp_deid.layout import View


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters [start, end) of one note, with a PHI label.

    A span carries no text, so it may be logged. `score` lies in [0, 1]; `source` names the
    rule, list or tagger that proposed it.

    Raises:
        ValueError: an empty or negative range, or a score outside [0, 1] (NaN included).
    """

    start: int
    end: int
    label: str
    score: float = 1.0
    source: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ValueError(f"span [{self.start}, {self.end}) is empty or negative")
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"span score {self.score} is outside [0, 1] (source {self.source!r})")

    def overlaps(self, other: Span) -> bool:
        """True if the two spans share at least one character."""
        return self.start < other.end and other.start < self.end


@dataclass(repr=False, eq=False)
class Note:
    """One clinical note.

    Args:
        text: the note, any Unicode.
        id: a name for messages and output; must not be PHI.
        patient: ties notes that share surrogates and one date shift.
        known: label to values known from a header or a demographics table,
            e.g. {"PATIENT": ["Jane Roe"]}.
        spans: gold or found spans.

    Raises:
        ValueError: one text where a label's list of known values belongs; its letters would be looked for.
    """

    text: str
    id: str = ""
    patient: str | None = None
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)
    spans: Sequence[Span] = ()

    def __post_init__(self) -> None:
        for label, values in self.known.items():
            if isinstance(values, (str, bytes)):
                raise ValueError(
                    f"note {self.id!r}: known values of {label} must be a list of texts, not one text"
                )

    def __repr__(self) -> str:
        return f"Note(id={self.id!r}, {len(self.text)} characters)"

    @cached_property
    def view(self) -> View:
        """The plain view of the text that detectors search (see layout.py)."""
        return View(self.text)


class Detector(ABC):
    """Proposes spans; never decides. Order of detectors has no effect on the result."""

    name: str

    @abstractmethod
    def find(self, note: Note) -> list[Span]:
        """Spans proposed for one note, offsets into `note.text`, in any order."""

    def find_all(self, notes: Iterable[Note]) -> Iterator[list[Span]]:
        """Like find, over many notes in order; overridden where batching pays."""
        for note in notes:
            yield self.find(note)
