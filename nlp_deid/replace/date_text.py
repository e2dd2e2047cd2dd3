"""A date text understood: its parts, and how they are written again after a move.

Every part of a text (one day, a month, a year, a weekday, a season ...) is resolved to one calendar day,
that day is moved, and what was written of it is written anew. No repr of this module shows a date.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

from nlp_deid.replace.date_slots import Layout, Slot
from nlp_deid.replace.date_words import FEAST_NAMES, feast, is_computable

FIRST_YEAR, LAST_YEAR = 1800, 2299
# Stands for the date of the note where the caller knows none.
REFERENCE = date(2001, 7, 2)

_WRITTEN = ([str(number) for number in range(100)], [f"{number:02d}" for number in range(100)])
_SEASON_MONTHS = (4, 7, 10, 1)
_SEASON_OF = (3, 3, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3)  # of January to December


class Part(NamedTuple):
    """One date of a text, with what is known of it.

    kind: "day", "month", "year", "season", "quarter", "decade", "feast" or "weekday", the finest thing
    written. `number`: season 0 (spring) to 3, quarter 1 to 4, or place in FEAST_NAMES.
    """

    kind: str
    year: int | None = None
    month: int | None = None
    day: int | None = None
    number: int = 0

    @property
    def full(self) -> date | None:
        """The calendar day, if year, month and day are known."""
        if self.year is None or self.month is None or self.day is None:
            return None
        return date(self.year, self.month, self.day)

    def resolve(self, anchor: date) -> date:
        """The calendar day that stands for this part; what is missing is taken nearest to `anchor`.

        A month stands for its 15th, a year for 2 July, a decade for its middle, a season or quarter for
        the middle of its middle month.

        Raises:
            ValueError, OverflowError: an impossible date.
        """
        year, month = self.year, self.month
        if self.kind == "day":
            if month is None:
                return _nearest_day(self.day or 0, anchor)
            return _in_year(year, month, self.day or 0, anchor)
        if self.kind == "month":
            return _in_year(year, month or 0, 15, anchor)
        if self.kind == "season":
            return _in_year(year, _SEASON_MONTHS[self.number], 15, anchor)
        if self.kind == "quarter":
            return _in_year(year, 3 * self.number - 1, 15, anchor)
        if self.kind == "feast" and self.computable:
            name = FEAST_NAMES[self.number]
            return feast(name, year) if year else _nearest(lambda y: feast(name, y), anchor)
        if year is None:
            return anchor
        return date(year + 5, 1, 1) if self.kind == "decade" else date(year, 7, 2)

    @property
    def computable(self) -> bool:
        """False for a feast of a calendar that is not computed here; it has no day to move."""
        return self.kind != "feast" or is_computable(FEAST_NAMES[self.number])

    def __repr__(self) -> str:
        return f"Part({self.kind})"


def _in_year(year: int | None, month: int, day: int, anchor: date) -> date:
    """The day of a year; without a year the one nearest to `anchor`."""
    return date(year, month, day) if year else _nearest(lambda y: date(y, month, day), anchor)


def _nearest(make: Callable[[int], date], anchor: date) -> date:
    """The one of a date of each year that lies nearest to `anchor`; 29 February waits for its year."""
    year = anchor.year
    try:
        found = make(year)
        days = (found - anchor).days
        return found if -182 <= days <= 182 else make(year - 1 if days > 0 else year + 1)
    except ValueError:
        leaps = [make(one) for one in range(year - 8, year + 9) if isleap(one)]
        return min(leaps, key=lambda day: abs((day - anchor).days))


def _nearest_day(day: int, anchor: date) -> date:
    """The day of a month with this number that lies nearest to `anchor`."""
    near = [anchor + timedelta(days=days) for days in range(-31, 32)]
    return min((one for one in near if one.day == day), key=lambda one: abs((one - anchor).days))


class DateText:
    """The text of a date span, understood.

    Attributes:
        text: the text.
        parts: its dates, in the order of the text.
    """

    __slots__ = ("_noise", "_pads", "_slots", "_values", "parts", "text")

    def __init__(
        self, text: str, plain: str, layout: Layout, values: list[int], parts: tuple[Part, ...]
    ) -> None:
        self.text = text
        self.parts = parts
        self._slots = layout.slots
        self._values = values
        self._pads = _pads(plain, layout)
        self._noise = _noise(text, plain, layout.slots) if text is not plain else None

    def __repr__(self) -> str:
        return f"DateText({len(self.text)} characters, {len(self.parts)} parts)"

    def spans(self) -> list[tuple[int, int]]:
        """The characters [start, end) of each part, from its first to its last written value."""
        of = [[slot for slot in self._slots if slot.part == part] for part in range(len(self.parts))]
        return [(min(slot.start for slot in slots), max(slot.end for slot in slots)) for slots in of]

    def shift(self, days: int, anchor: date | None = None) -> str | None:
        """The text moved by `days`, in the same form.

        Args:
            days: the patient's offset.
            anchor: the likely date of the note, which tells the year (or month) a partial date leaves out.

        Returns:
            The new text; None (the caller writes a tag) if a date would lie outside FIRST_YEAR to LAST_YEAR,
            if a feast has no computable day, if the form cannot hold the new date, or if a text with a full
            date would come out unchanged.
        """
        try:
            by = timedelta(days=days)
        except OverflowError:
            return None
        return self.move(lambda day: day + by, anchor)

    def move(self, to: Callable[[date], date | None], anchor: date | None = None) -> str | None:
        """The text with every date replaced by `to(date)`, as `shift`; None where `to` gives None."""
        olds: list[date] = []
        news: list[date] = []
        try:
            for part in self.parts:
                old = part.full or part.resolve(anchor or REFERENCE)
                new = to(old)
                if new is None or not FIRST_YEAR <= new.year <= LAST_YEAR:
                    return None
                if new != old and not part.computable:
                    return None
                olds.append(old)
                news.append(new)
            out = self._write(olds, news)
        except (ValueError, OverflowError, KeyError, IndexError):
            return None
        if out == self.text and olds != news and any(part.full for part in self.parts):
            return None
        return out

    def _write(self, olds: list[date], news: list[date]) -> str:
        """The text with new dates in the slots."""
        text, at = self.text, 0
        out: list[str] = []
        for number, slot in enumerate(self._slots):
            new = news[slot.part]
            role = slot.role
            if role == "d":
                value = new.day
            elif role == "m":
                value = new.month
            elif role == "Y" or role == "y":
                # The winter of December is named by the January it leads to.
                value = new.year + (new.month == 12 and self.parts[slot.part].kind == "season")
            else:
                out += (text[at : slot.start], self._word(number, slot, olds, news))
                at = slot.end
                continue
            if slot.write is not None:
                new_text = slot.write(value)
            elif role == "Y":
                new_text = str(value)
            else:
                new_text = _WRITTEN[self._pads[number] - 1][value % 100]
            if self._noise is not None:
                new_text = new_text.translate(self._noise[number])
            out += (text[at : slot.start], new_text)
            at = slot.end
        out.append(text[at:])
        return "".join(out)

    def _word(self, number: int, slot: Slot, olds: list[date], news: list[date]) -> str:
        """What is written in a slot that is neither day, month nor year."""
        old, new = olds[slot.part], news[slot.part]
        written = ""
        if slot.role in "gG":
            other = news[slot.part + (1 if slot.role == "g" else -1)]
            written = slot.write(new.month) if slot.write and other.month != new.month else ""
        elif slot.role == "w" and slot.write:
            written = slot.write((self._values[number] + (new - old).days) % 7)
        elif slot.role == "s" and slot.write:
            written = slot.write(_SEASON_OF[new.month - 1])
        elif slot.role == "q":
            written = str((new.month + 2) // 3)
        elif slot.role == "e":
            decade = new.year // 10 * 10
            written = slot.write(decade) if slot.write else f"{decade:04d}"[-slot.width :]
        elif slot.role == "f" and slot.write:
            written = self.text[slot.start : slot.end]
            if new != old:
                comma = "," if self._slots[-1].start == slot.end + 1 else ""
                written = f"{slot.write(new.month)} {new.day}{comma}"
        return written.translate(self._noise[number]) if self._noise is not None else written


def _pads(source: str, layout: Layout) -> list[int]:
    """The figures each slot writes at least: as its own zero or the others' tell, else as the form does."""
    doubtful = layout.width
    for slot in layout.slots:
        if slot.width == 0 and slot.write is None:
            if source[slot.start] == "0":
                doubtful = 2
                break
            if slot.end - slot.start == 1:
                doubtful = 1
    return [
        slot.width
        or (2 if source[slot.start : slot.start + 1] == "0" else min(slot.end - slot.start, doubtful))
        for slot in layout.slots
    ]


def _noise(text: str, plain: str, slots: tuple[Slot, ...]) -> list[dict[int, str]]:
    """For each slot the scanner's misreadings to repeat: those of characters it never reads right."""
    everywhere = _misread(plain, text)
    return [
        everywhere | _misread(plain[slot.start : slot.end], text[slot.start : slot.end]) for slot in slots
    ]


def _misread(plain: str, text: str) -> dict[int, str]:
    pairs = set(zip(plain, text, strict=True))
    right = {true for true, seen in pairs if true == seen}
    return {ord(true): seen for true, seen in pairs if true not in right}
