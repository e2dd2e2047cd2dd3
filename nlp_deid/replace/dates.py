"""Dates as clinicians write them, moved by a whole number of days and written the same way again.

`parse` reads the text of one date span; `DateText.shift` writes it moved by the patient's `offset`, the
same in all notes of the patient: form and precision stay, full dates keep their intervals exactly. A text
is accepted only if moving it by 0 days gives it back byte for byte; what is not accepted is tagged by the
caller. docs/dates.md has the rule of each partial form. No message or repr of this module shows a date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise

from nlp_deid.hipaa import implies_over_89
from nlp_deid.replace.date_parse import LONGEST, layouts, shape
from nlp_deid.replace.date_slots import Layout
from nlp_deid.replace.date_text import FIRST_YEAR, LAST_YEAR, DateText, Part
from nlp_deid.replace.date_words import MONTHS, WEEKDAYS
from nlp_deid.replace.keys import Source

ORDERS = ("mdy", "dmy")
LATEST = 2029  # two figures name a year of the hundred that end with this one
SPAN_DAYS = 5 * 365
SEASON_DAYS = 30  # an offset that keeps the season is so near to whole years
_FEWEST_OFFSETS = 50

_ALIKE = str.maketrans("lIOo", "1100")
_RUN = re.compile(r"[^\W_]+")
_NOISE = re.compile(r"[^\W\d_][0-9]|[0-9][^\W\d_]|(?<![^\W_])[lIOo]{1,2}(?![^\W_])")
_NUMERIC = re.compile(r"(?<![\w./-])(\d{1,2})([/.-])(\d{1,2})\2(?:\d{4}|\d{2})(?![\w/-]|\.\d)")
_SAFE = frozenset({("mdY",), ("dmY",), ("Ymd",), ("mdy",), ("dmy",), ("md",), ("dm",)})  # nothing to refuse
_ENDING = "stndrheSTNDRHE"


def parse(text: str, order: str = "mdy", latest: int = LATEST) -> DateText | None:
    """The text of one date span, understood; None if it is not surely a possible date (the caller tags it).

    Args:
        text: the whole span: one date, a list or range of dates, a partial date, with a time of day or not.
        order: "mdy" or "dmy", for figures that may be either; a text that only the other order makes
            possible (13/6) is read in that. `guess_order` finds one for a corpus.
        latest: the last year that two figures may mean.

    Raises:
        ValueError: an order that is not one of ORDERS.
    """
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}; guess_order() finds one for a corpus")
    if not 2 <= len(text) <= LONGEST:
        return None
    day_first = order == "dmy"
    found = _parse(text, text, day_first, latest)
    if found is None and _NOISE.search(text):
        found = _parse(text, _denoise(text), day_first, latest)
    return found


def _parse(text: str, plain: str, day_first: bool, latest: int) -> DateText | None:
    """The first reading of `plain` that is possible and gives `text` back."""
    for layout in layouts(shape(plain), day_first):
        try:
            values = _values(plain, layout)
            _refuse(plain, layout, values)
            parts = _parts(layout, values, latest)
        except ValueError:
            continue
        found = DateText(text, plain, layout, values, parts)
        if found.shift(0) == text:
            return found
    return None


def _denoise(text: str) -> str:
    """The text with letters that a scanner took for figures, and figures for letters, put right."""

    def right(run: re.Match[str]) -> str:
        seen = run[0]
        figures = seen.translate(_ALIKE)
        if figures.isdecimal() and figures.isascii():
            return figures
        letters = seen.replace("0", "O" if seen.isupper() else "o")
        return letters if letters.lower() in MONTHS or letters.lower() in WEEKDAYS else seen

    return _RUN.sub(right, text)


def _values(plain: str, layout: Layout) -> list[int]:
    """What stands in each slot."""
    return [
        slot.value
        if slot.value is not None
        else int(plain[slot.start : slot.end].rstrip(_ENDING))
        if slot.start < slot.end
        else 0
        for slot in layout.slots
    ]


def _refuse(plain: str, layout: Layout, values: list[int]) -> None:
    """Refuse readings that would make an impossible date possible.

    Raises:
        ValueError: 2/30 read as February 1930, or 2/29, 2019 read as a day and a year.
    """
    roles = layout.roles
    if roles in _SAFE:
        return
    for slot, value in zip(layout.slots, values, strict=True):
        before = roles[slot.part - 1] if slot.part else "Y"
        alone = roles[slot.part] in ("Y", "y")
        if alone and not {"Y", "y"} & set(before):
            raise ValueError("a year behind a date without one")
        bare = slot.role == "y" and value <= 31 and plain[slot.start - 1 : slot.start] != "'"
        if bare and roles[slot.part] in ("y", "my", "ym") and not (alone and slot.part):
            raise ValueError("two figures that may be a day")


def _parts(layout: Layout, values: list[int], latest: int) -> tuple[Part, ...]:
    """The dates of a reading.

    Raises:
        ValueError: one of them is impossible.
    """
    known: list[dict[str, int]] = [{} for _ in layout.roles]
    for slot, value in zip(layout.slots, values, strict=True):
        known[slot.part][slot.role] = value
        if slot.role == "y" or (slot.role == "e" and slot.width == 2):
            known[slot.part]["Y"] = latest - (latest - value) % 100
        elif slot.role == "e":
            known[slot.part]["Y"] = value
    if len(known) > 1:
        _complete(known)
    return tuple(_part(one) for one in known)


def _complete(known: list[dict[str, int]]) -> None:
    """Months and years that the parts of a list or range take from each other."""
    for before, after in pairwise(known):
        if "G" in after:
            after["m"] = before["m"]
    for before, after in reversed(list(pairwise(known))):
        if "g" in before:
            before["m"] = after["m"]
        if "m" in before and "m" in after and "Y" in after and "Y" not in before:
            before["Y"] = after["Y"] - (_month_day(before) > _month_day(after))
    for before, after in pairwise(known):
        if "m" in before and "m" in after and "Y" in before and "Y" not in after:
            after["Y"] = before["Y"] + (_month_day(before) > _month_day(after))


def _month_day(known: dict[str, int]) -> tuple[int, int]:
    return known["m"], known.get("d", 15)


_KINDS = (("d", "day"), ("m", "month"), ("s", "season"), ("q", "quarter"), ("f", "feast"), ("e", "decade"))


def _part(known: dict[str, int]) -> Part:
    """One part, checked.

    Raises:
        ValueError: an impossible date.
    """
    year, month, day = known.get("Y"), known.get("m"), known.get("d")
    kind = "year" if year is not None else "weekday"
    for role, name in _KINDS:
        if role in known:
            kind = name
            break
    if year is not None and not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError("a year that is not dated here")
    date(year or 2000, month or 1, day or 1)  # 2000 has a 29 February
    number = known.get("s", known.get("q", known.get("f", 0)))
    if kind in ("day", "month") and 0 in (month, day):
        raise ValueError("days and months begin with 1")
    if (kind == "quarter" and not 1 <= number <= 4) or (kind == "decade" and (year or 0) % 10):
        raise ValueError("no such quarter or decade")
    return Part(kind, year, month, day, number)


def full_dates(text: str, order: str = "mdy", latest: int = LATEST) -> list[date]:
    """The calendar days that a span states with year, month and day; for interval checks and anchors."""
    found = parse(text, order, latest)
    return [part.full for part in found.parts if part.full] if found else []


@dataclass(frozen=True, slots=True)
class Guess:
    """The order of figures in a corpus and its evidence: how many dates only one order makes possible."""

    order: str
    month_first: int
    day_first: int
    undecided: int


def guess_order(texts: Iterable[str]) -> Guess:
    """Whether 4/3/2019 is in March or April, by the numeric dates of the texts (notes or spans) that decide it.

    Without evidence, or with as much for both, the order is "mdy"; the caller reports the counts.
    """
    month_first = day_first = undecided = 0
    for text in texts:
        for found in _NUMERIC.finditer(text):
            first, second = int(found[1]), int(found[3])
            if 1 <= first <= 12 < second <= 31:
                month_first += 1
            elif 1 <= second <= 12 < first <= 31:
                day_first += 1
            elif 1 <= first <= 12 and 1 <= second <= 12:
                undecided += 1
    return Guess("dmy" if day_first > month_first else "mdy", month_first, day_first, undecided)


def offset(
    source: Source,
    patient: str,
    span_days: int = SPAN_DAYS,
    keep_weekday: bool = False,
    keep_season: bool = False,
) -> int:
    """The patient's offset in days: uniform over the allowed days of [-span_days, span_days], never 0.

    Args:
        source: the key, or the random source of a run.
        patient: the patient's id.
        span_days: the largest offset either way.
        keep_weekday: only multiples of 7; a seventh of the offsets is left to guess among.
        keep_season: only offsets within SEASON_DAYS of whole years; who knows the season gains nothing,
            who knows one true date has few offsets to try.

    Raises:
        ValueError: fewer than 50 offsets are left: the shift could be searched by hand.
    """
    allowed = _offsets(span_days, keep_weekday, keep_season)
    return allowed[source.derive("dates").number(len(allowed), patient)]


@lru_cache(maxsize=16)
def _offsets(span_days: int, keep_weekday: bool, keep_season: bool) -> tuple[int, ...]:
    def fits(days: int) -> bool:
        years = round(days / 365.2425)
        return (not keep_weekday or days % 7 == 0) and (
            not keep_season or (years != 0 and abs(days - years * 365.2425) <= SEASON_DAYS)
        )

    allowed = tuple(days for days in range(-span_days, span_days + 1) if days and fits(days))
    if len(allowed) < _FEWEST_OFFSETS:
        raise ValueError(
            f"{len(allowed)} date offsets are left; span_days must allow {_FEWEST_OFFSETS} or more"
        )
    return allowed


def safe_birth(text: str, days: int, note_date: date, order: str = "mdy") -> str | None:
    """The shifted text of a birth date or year, or None if it tells an age over 89 at the note's date.

    Ages agree: the note moves by the same days. The test is on what is shown, the difference of the shifted
    years, so that a year alone cannot imply 90 either. May be asked of any date that lies far in the past.

    Args:
        text: the span.
        days: the patient's offset.
        note_date: the true date of the note; two figures name a year up to this one.
        order: as for `parse`.
    """
    found = parse(text, order, note_date.year)
    try:
        shown = note_date + timedelta(days=days)
    except OverflowError:
        return None
    if not found or any(_tells_over_89(part, days, note_date, shown.year) for part in found.parts):
        return None
    return found.shift(days, note_date)


def _tells_over_89(part: Part, days: int, note_date: date, shown_year: int) -> bool:
    if part.year is None:
        return False
    first = part.year if part.kind == "decade" else (part.resolve(note_date) + timedelta(days=days)).year
    return implies_over_89(first, shown_year) or implies_over_89(part.year, note_date.year)
