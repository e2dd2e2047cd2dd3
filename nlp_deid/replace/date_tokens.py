"""Dates without a calendar, and dates lumped together: two ways to show less than a shifted date.

A patient's dates become `[DATE-1]` and `[DATE-1+12d]`, which keep the intervals and nothing else (the tokens
of De-ID, University of Pittsburgh). `group` maps all dates of a period to one (Scrub: Sweeney, "Replacing
personally-identifying information in medical records", 1996), so that the one patient seen on one day
cannot be found again by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from nlp_deid.replace.date_text import Part
from nlp_deid.replace.dates import parse

PERIODS = ("month", "quarter", "year")


class DateTokens:
    """The date tokens of one patient. Add every date of every note first: the earliest becomes [DATE-1].

    Args:
        order: order of figures, as for `parse`.
    """

    def __init__(self, order: str = "mdy") -> None:
        self._order = order
        self._first: date | None = None

    def __repr__(self) -> str:
        return "DateTokens()"

    def add(self, text: str, anchor: date | None = None) -> None:
        """Take note of the dates of a span; `anchor` is the date of its note, for dates without a year."""
        found = parse(text, self._order)
        for part in found.parts if found else ():
            if day := _day(part, anchor):
                self._first = min(self._first or day, day)

    def token(self, text: str, anchor: date | None = None) -> str | None:
        """The span with a token for each date; None (the caller tags it) if it is not only of known days.

        Joints between dates and times of day stay. A month, a year or another partial date has no day, and
        a date without its year has one only beside an `anchor`.
        """
        found = parse(text, self._order)
        if not found or not found.parts:
            return None
        out, at = "", 0
        for part, (start, end) in zip(found.parts, found.spans(), strict=True):
            day = _day(part, anchor)
            if day is None or self._first is None or day < self._first:
                return None
            days = (day - self._first).days
            out += text[at:start] + (f"[DATE-1+{days}d]" if days else "[DATE-1]")
            at = end
        return out + text[at:]


def _day(part: Part, anchor: date | None) -> date | None:
    """The calendar day of a part that names month and day."""
    if part.full:
        return part.full
    known = part.kind == "day" and part.month is not None and anchor is not None
    return part.resolve(anchor) if known and anchor else None


def group(dates: Iterable[date], period: str | int = "month") -> dict[date, date]:
    """Each date and the one date that stands for its period; use as `DateText.move(mapping.get)`.

    Order is kept (dates may fall together); intervals are true only to the length of the period. For a
    release, after its review, never before: a reviewer needs the true sequence.

    Args:
        dates: the dates of one patient or of the whole release.
        period: "month", "quarter" or "year" (lumped to the first day), or a number of days, counted from
            the earliest date.

    Raises:
        ValueError: another period, or fewer than 2 days.
    """
    days = sorted(set(dates))
    if isinstance(period, int):
        if period < 2:
            raise ValueError("a period must have 2 days or more")
        return {day: day - timedelta(days=(day - days[0]).days % period) for day in days}
    if period not in PERIODS:
        raise ValueError(f"period must be a number of days or one of {', '.join(PERIODS)}")
    months = {"month": 1, "quarter": 3, "year": 12}[period]
    return {day: date(day.year, (day.month - 1) // months * months + 1, 1) for day in days}
