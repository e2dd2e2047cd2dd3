"""The surrogates of one patient: every label's made-up value or shifted date, from one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

import regex

from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span
from nlp_deid.replace.date_tokens import DateTokens, group
from nlp_deid.replace.dates import SPAN_DAYS, full_dates, offset, parse, safe_birth
from nlp_deid.replace.ids import IdSurrogates, surrogate_age
from nlp_deid.replace.keys import RandomSource, Source
from nlp_deid.replace.names import Markov, People
from nlp_deid.replace.places import PlaceSurrogates
from nlp_deid.replace.professions import ProfessionSurrogates

CONSISTENCY = ("patient", "document", "markov", "none")
ORDERS = ("mdy", "dmy")
_WORD = regex.compile(r"\w{2,}")
_NAMES = ("PATIENT", "DOCTOR")
_TELLING_YEARS = 88  # a date this far back may tell an age over 89
_AHEAD = 25  # characters behind a city in which its state or ZIP may stand


class SurrogateFault(ValueError):
    """An option that cannot be used; says which and what is allowed."""


@dataclass(frozen=True)
class Options:
    """How surrogates are made.

    Args:
        source: a `Secret` for values that match over runs, or a `RandomSource` of this run.
        consistency: scope in which a name keeps its surrogate: "patient", "document", "none" (each
            mention anew), or "markov" (a person's surrogate changes now and then, so that a name
            that was missed does not stand out; Osborne et al. 2025).
        date_shift_range: largest offset of dates in days, either way.
        keep_weekday, keep_season: restrict the offset; see `dates.offset` for what that gives away.
        date_order: "mdy" or "dmy", for dates that can be read both ways.
        group_dates: lump all dates of a period to its first day (Scrub; after the review, never before).
        checks: "break" check digits or make "valid" ones.

    Raises:
        SurrogateFault: an unknown choice.
    """

    source: Source = field(default_factory=RandomSource, repr=False)
    consistency: str = "patient"
    date_shift_range: int = SPAN_DAYS
    keep_weekday: bool = False
    keep_season: bool = False
    date_order: str = "mdy"
    group_dates: str = ""
    checks: str = "break"

    def __post_init__(self) -> None:
        if self.consistency not in CONSISTENCY:
            raise SurrogateFault(
                f"unknown consistency {self.consistency!r}; allowed: {', '.join(CONSISTENCY)}"
            )
        if self.date_order not in ORDERS:
            raise SurrogateFault(f"unknown date order {self.date_order!r}; allowed: {', '.join(ORDERS)}")
        if self.group_dates not in ("", "month", "quarter", "year"):
            raise SurrogateFault(f"unknown period {self.group_dates!r}; allowed: month, quarter, year")
        try:
            offset(RandomSource(), "", self.date_shift_range, self.keep_weekday, self.keep_season)
        except ValueError as error:
            raise SurrogateFault(f"date_shift_range {self.date_shift_range}: {error}") from None


class Surrogates:
    """The surrogates of the notes of one patient.

    All notes are given at once, so that one person gets one surrogate in all of them and nothing
    real of the patient comes out as a surrogate. A value that cannot be replaced gives None.

    Args:
        options: how they are made.
        patient: the scope of names, numbers, places and dates.
        notes: the patient's notes with their decided spans.
    """

    def __init__(self, options: Options, patient: str, notes: Sequence[tuple[Note, Sequence[Span]]]) -> None:
        self._options = options
        self._patient = patient
        values = [(note, span, note.text[span.start : span.end]) for note, spans in notes for span in spans]
        self._taken = _taken(value for _, span, value in values if span.label != "DATE")
        source = options.source
        self._ids = IdSurrogates(source.derive("ids"), patient, self._taken, checks=options.checks)
        self._places = PlaceSurrogates(source.derive("places"), patient, self._taken)
        self._professions = ProfessionSurrogates(source.derive("professions"), patient, self._taken)
        self._people: dict[str, People | Markov] = {}
        for note, span, value in values:
            if span.label in _NAMES:
                self._names_of(note, span).add(value, span.label)
        self._days = offset(
            source, patient, options.date_shift_range, options.keep_weekday, options.keep_season
        )
        self._dates = [(note, value) for note, span, value in values if span.label == "DATE"]
        self._anchors = _anchors(self._dates, options.date_order)

    def value(self, note: Note, span: Span) -> str | None:
        """The surrogate of one span; None where none can be made, and never the original."""
        text = note.text[span.start : span.end]
        made = self._make(note, span, text)
        if made is None or (span.label != "AGE" and made.casefold() == text.casefold()):
            return None
        return made

    def _make(self, note: Note, span: Span, text: str) -> str | None:
        label = span.label
        if label in _NAMES:
            return self._names_of(note, span).surrogate(text, label)
        if label == "DATE":
            return self.date(note, text)
        if label == "AGE":
            return surrogate_age(text)
        if label == "PROFESSION":
            return self._professions.make(text)
        if CATEGORIES.get(label) == "LOCATION":
            return self._places.make(label, text, note.text[span.end : span.end + _AHEAD].strip(" ,\n")[:5])
        if label in ("EMAIL", "USERNAME"):
            login = self._names_of(note, span).login(text)
            return self._ids.make(label, text, login) if label == "EMAIL" or login is None else login
        return None if label == "OTHER" else self._ids.make(label, text)

    def date(self, note: Note, text: str) -> str | None:
        """A date moved by the patient's offset, in its own form."""
        options, anchor = self._options, self._anchors.get(id(note))
        found = parse(text, options.date_order)
        if found is None:
            return None
        if period := options.group_dates:
            return found.move(lambda day: group([day], period)[day] + timedelta(self._days), anchor)
        years = [part.year for part in found.parts if part.year is not None]
        if anchor and years and anchor.year - min(years) >= _TELLING_YEARS:
            return safe_birth(text, self._days, anchor, options.date_order)
        return found.shift(self._days, anchor)

    def date_token(self, note: Note, text: str) -> str | None:
        """A date as a token that keeps intervals ([DATE-1+12d])."""
        return self._tokens.token(text, self._anchors.get(id(note)))

    @cached_property
    def _tokens(self) -> DateTokens:
        tokens = DateTokens(self._options.date_order)
        for note, value in self._dates:
            tokens.add(value, self._anchors.get(id(note)))
        return tokens

    def _names_of(self, note: Note, span: Span) -> People | Markov:
        """The people in whose scope a mention is named."""
        mode = self._options.consistency
        scope = self._patient
        if mode == "document":
            scope = f"{self._patient}\x1f{note.id}"
        elif mode == "none":
            scope = f"{self._patient}\x1f{note.id}\x1f{span.start}"
        if scope not in self._people:
            kind = Markov if mode == "markov" else People
            self._people[scope] = kind(self._options.source, scope, self._taken)
        return self._people[scope]


def _taken(values: Iterable[str]) -> set[str]:
    """Whole values and the words of names: what must not come out."""
    taken: set[str] = set()
    for value in values:
        taken.add(value)
        taken.update(_WORD.findall(value))
    return taken


def _anchors(dates: Sequence[tuple[Note, str]], order: str) -> dict[int, date]:
    """The likely date of each note, by the identity of the note: its latest full date."""
    anchors: dict[int, date] = {}
    for note, value in dates:
        for day in full_dates(value, order):
            anchors[id(note)] = max(day, anchors.get(id(note), day))
    latest = max(anchors.values(), default=None)
    if latest is not None:
        for note, _ in dates:
            anchors.setdefault(id(note), latest)
    return anchors
