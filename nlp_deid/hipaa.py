"""The Safe Harbor rule as pure functions, used by notes and by tables.

45 CFR 164.514(b)(2)(i): (B) a ZIP keeps its first three digits where more than 20,000 people share
them, else 000; (C) of a date only the year stays; ages over 89, and years that tell such an age,
become one category, 90+. No message of this module repeats a value.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from types import MappingProxyType

from nlp_deid.layout import View
from nlp_deid.resources import folder

OVER_89 = "90+"
NO_ZIP3 = "000"
CENSUSES = (2020, 2010, 2000)
SMALL_POPULATION = 20_000

# HHS, "Guidance Regarding Methods for De-identification" (2012), which prints the list by the 2000 census.
_RESTRICTED_2000 = "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893"
_ZIP = re.compile(r"([0-9]{4,5})(?:[- ]?[0-9]{4})?")
_YEAR = re.compile(r"(?<![0-9:])(?<![0-9][Tt])(?:1[89]|2[01])[0-9]{2}(?![0-9:])")

_TENS = ("twent", "thirt", "fort", "fift", "sixt", "sevent", "eight", "ninet")
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
)
_NUMBERS = {
    **{word: value for value, word in enumerate(_SMALL.split())},
    **{ten + end: 10 * at for at, ten in enumerate(_TENS, 2) for end in ("y", "ies", "ieth")},
    **dict.fromkeys(("teen", "teens", "teenage", "teenager"), 13),
    "octogenarian": 80,
    "nonagenarian": 90,
    "centenarian": 100,
    "supercentenarian": 110,
    "hundred": 100,
}
_UNITS = {
    1.0: "y yr yrs yo y/o yof yom year years",
    12.0: "mo m/o mos mth mths month months",
    365.25 / 7: "wk wks w/o week weeks",
    365.25: "d d/o day days",
    365.25 * 24: "hr hrs hour hours",
}
_PER_YEAR = {word: rate for rate, words in _UNITS.items() for word in words.split()}
# Words that change no number; a sex may follow it ("84F"). Any other word makes the text unreadable.
_NEUTRAL = (
    "a about above age aged ages almost an and approximately around at between birthday early f female going "
    "half her his in into just late low m male man mid nearly now of old older on or over past s she the "
    "their to turned under upper w woman younger"
)
_FILLERS = frozenset(_NEUTRAL.split())
_TOKEN = re.compile(r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|[ymwd]/o\b|[a-z]+|[^a-z0-9]")
_BAD_AGE = (
    'an age must be a number with or without a unit ("84", "84-year-old", "80s", "eighty", "18 months")'
)
_MARKS = frozenset(" \t\n\x0b.,;:/'\"()[]<>=+~-&")


def year_of(value: date | str) -> str:
    """The year of a date, or every four-digit year written in the text of a date or range.

    Years of a range are joined by "-"; "" if the text states no year with four digits (years 1800
    to 2199). A year run together with month and day (20190304) is not split, as its order is unsure.
    """
    if isinstance(value, date):
        return f"{value.year:04d}"
    return "-".join(dict.fromkeys(_YEAR.findall(View(value).text)))


def implies_over_89(birth_year: int, reference_year: int) -> bool:
    """True if someone born in `birth_year` may be over 89 at some day of `reference_year`."""
    return reference_year - birth_year > 89


def generalize_birth(birth: date | int, reference_year: int) -> str:
    """The year of a birth (a date or a year), or "90+" if it implies an age over 89.

    Args:
        birth: date or year of birth.
        reference_year: the latest year the record tells of; the age counts as reached on 1 January.

    Raises:
        ValueError: a birth after the reference year, or a year outside 1 to 9999.
    """
    year = birth.year if isinstance(birth, date) else birth
    if not 1 <= year <= reference_year <= 9999:
        raise ValueError("a birth year must lie from 1 to the reference year, and that at most 9999")
    return OVER_89 if implies_over_89(year, reference_year) else f"{year:04d}"


def generalize_age(age: float | str) -> str:
    """An age that may be published: "90+" for every age over 89, else the age as it was.

    Args:
        age: completed or decimal years (released as completed years), or the words of a note:
            "92", "92-year-old", "in her 90s", "ninety-two", "18 months", "85-94". A text with
            several ages is as old as its highest.

    Raises:
        ValueError: a negative or non-finite number, or a text that is not surely understood.
    """
    if isinstance(age, str):
        if age.lstrip()[:1] in ("-", "−"):
            raise ValueError(_BAD_AGE)
        return OVER_89 if _oldest(View(age).text.lower()) >= 90 else age.strip()
    if not (math.isfinite(age) and age >= 0):
        raise ValueError("an age must be a number of years, zero or more")
    return OVER_89 if age >= 90 else str(int(age))


def _oldest(text: str) -> float:
    """The highest age in the text, in years; numbers before a unit are all in that unit."""
    pending: list[float] = []
    ages: list[float] = []
    for token in _TOKEN.findall(text):
        if token[0].isdecimal():
            pending.append(float(token.replace(",", "")))
        elif token in _NUMBERS:
            pending.append(_NUMBERS[token])
        elif token in _PER_YEAR:
            ages += [number / _PER_YEAR[token] for number in pending]
            pending = []
        elif token not in _FILLERS and token not in _MARKS:
            raise ValueError(_BAD_AGE)
    ages += pending
    if not ages:
        raise ValueError(_BAD_AGE)
    return max(ages)


@cache
def zip3_populations(census: int) -> Mapping[str, int]:
    """Residents of each three-digit ZIP area by the 2010 or 2020 census (US Census Bureau).

    Raises:
        ValueError: no populations are shipped for that census.
        FileNotFoundError: the installation lacks the table.
    """
    if census not in (2010, 2020):
        raise ValueError("populations of three-digit ZIPs are shipped for the censuses 2010 and 2020")
    with (folder("dictionaries") / "zip3_population.tsv").open(encoding="ascii", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t")
        return MappingProxyType({row["zip3"]: int(row[f"population_{census}"]) for row in rows})


def is_populous(prefix: str, census: int = 2020) -> bool:
    """True if more than 20,000 people live in the area of a three-digit ZIP.

    An area that the table lacks counts as not populous, for the 2000 census too.

    Raises:
        ValueError: a census other than CENSUSES.
    """
    if census not in CENSUSES:
        raise ValueError(f"unknown census; allowed: {', '.join(map(str, CENSUSES))}")
    if census == 2000:
        return prefix in zip3_populations(2010) and prefix not in _RESTRICTED_2000.split()
    return zip3_populations(census).get(prefix, 0) > SMALL_POPULATION


def zip3(zip_code: str | int, census: int = 2020) -> str:
    """The first three digits of a ZIP where more than 20,000 people share them, else "000".

    Args:
        zip_code: ZIP or ZIP+4, with or without its hyphen; four or eight digits lost their leading
            zero in a spreadsheet. "000" passes, so the function may be applied twice to it.
        census: 2020, 2010 or 2000.

    Raises:
        ValueError: not a ZIP (three digits are refused: 601 may be 00601 without its zeros), or
            an unknown census.
    """
    plain = View(zip_code).text.strip() if isinstance(zip_code, str) else f"{zip_code:05d}"
    found = _ZIP.fullmatch(plain)
    if plain != NO_ZIP3 and not found:
        raise ValueError(
            "a ZIP must be five digits, or nine as ZIP+4 (four or eight if a leading zero was lost)"
        )
    prefix = found[1].zfill(5)[:3] if found else NO_ZIP3
    return prefix if is_populous(prefix, census) else NO_ZIP3
