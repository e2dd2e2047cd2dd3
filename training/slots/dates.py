"""Dates of a note moved by one number of days, each written as it was; ages of the same stage of life."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from datetime import date

from nlp_deid.replace.date_text import REFERENCE
from nlp_deid.replace.dates import guess_order, parse
from slots.wordlists import words

FIRST, LAST = date(1989, 1, 1), date(2028, 12, 31)
_FEASTS = words("""
Christmas, Christmas Eve, Xmas, Easter, Easter Sunday, Good Friday, Thanksgiving, Labor Day, Memorial Day,
Independence Day, 4th of July, New Year's Day, New Year's Eve, New Year's, Valentine's Day, Halloween,
Mother's Day, Father's Day, Presidents' Day, Columbus Day, Veterans Day, MLK Day, Juneteenth, St. Patrick's
Day, Boxing Day, Canada Day, Australia Day, Anzac Day, Diwali, Eid, Eid al-Fitr, Ramadan, Passover, Rosh
Hashanah, Yom Kippur, Hanukkah, Lunar New Year, Tet, Chinese New Year, Cinco de Mayo, Mardi Gras, Ash
Wednesday, Palm Sunday, Pentecost, Epiphany, All Saints' Day, Kwanzaa, Holi, Nowruz, Bastille Day, St.
Stephen's Day, Bank Holiday Monday, Waitangi Day, Heritage Day, Super Bowl Sunday, Bonalu, CNY, Matariki,
Timkat, Enkutatash, Orthodox Easter, Navratri, Vaisakhi, Seollal, Chuseok, Mid-Autumn, Día de los Muertos,
Tisha B'Av, Lent, Advent, Black Friday, Purim
""")
_FEAST = re.compile(
    "|".join(sorted({re.escape(feast.lower().replace("'", "")) for feast in _FEASTS}, key=len, reverse=True))
)
_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_AGE_WORD = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(_TENS)})(?:(?P<gap>[ -])(?P<ones>{'|'.join(_ONES[1:10])}))?"
    rf"|(?P<low>{'|'.join(_ONES[1:])}))\b",
    re.IGNORECASE,
)
_AGE_NUMBER = re.compile(r"[0-9]+")
_BANDS = ((0, 1), (2, 5), (6, 12), (13, 17), (18, 39), (40, 64), (65, 89), (90, 104))


class Dates:
    """New dates and ages of one note.

    Args:
        texts: every date span of the note.
        rng: draws the offset: the note moves to a day between FIRST and LAST.
    """

    def __init__(self, texts: Iterable[str], rng: random.Random) -> None:
        self._rng = rng
        texts = list(texts)
        self._order = guess_order(texts).order
        self._anchor = max(self._days_of(texts), default=REFERENCE)
        to = date.fromordinal(rng.randint(FIRST.toordinal(), LAST.toordinal()))
        self._days = (to - self._anchor).days or 1
        self._ages: dict[int, int] = {}

    def _days_of(self, texts: list[str]) -> Iterator[date]:
        """The days, months and years of the note up to LAST; the latest is near the day of writing."""
        for text in texts:
            found = parse(text, self._order)
            for part in found.parts if found else ():
                if part.year is not None:
                    day = part.full or part.resolve(REFERENCE)
                    if day <= LAST:
                        yield day

    def rewrite(self, text: str) -> str:
        """A date span moved; a text that is not understood gets other digits."""
        if _FEAST.fullmatch(text.lower().replace("'", "").replace("’", "")):
            return self._feast(text)
        found = parse(text, self._order)
        made = found.shift(self._days, self._anchor) if found else None
        return made if made is not None else self._scrambled(text)

    def _feast(self, text: str) -> str:
        feast = self._rng.choice(_FEASTS)
        return feast.upper() if text.isupper() else feast.lower() if text.islower() else feast

    def _scrambled(self, text: str) -> str:
        """Figures of a date form that the parser does not know, kept below what a month or day may be."""

        def other(found: re.Match[str]) -> str:
            size, value = len(found[0]), int(found[0])
            if size == 4:
                return str(self._rng.randint(1935, 2028))
            high = 12 if value <= 12 else 28 if value <= 31 else 99
            return f"{self._rng.randint(1, high):0{size}d}"[:size] if size <= 2 else found[0]

        return re.sub(r"[0-9]+", other, text)

    def age(self, text: str) -> str:
        """Another age of the same stage of life, in the same form."""
        if text[:1].isdigit() and "s" in text[-1:].lower() and text[:-1].rstrip("'’").isdigit():
            decade = int(_AGE_NUMBER.match(text)[0])  # type: ignore[index]
            return text.replace(
                str(decade), str(self._rng.choice(range(20, 100, 10))) if decade >= 20 else str(decade), 1
            )
        if _AGE_NUMBER.search(text):
            return _AGE_NUMBER.sub(lambda m: str(self._other_age(int(m[0]), text)), text)
        return _AGE_WORD.sub(self._age_word, text)

    def _other_age(self, old: int, text: str) -> int:
        if old not in self._ages:
            small = re.search(r"[a-z]", text, re.IGNORECASE) and old <= 36
            low, high = next(((a, b) for a, b in _BANDS if a <= old <= b), (old, old))
            if small:
                low, high = max(1, old // 2), max(2, old + old // 2)
            new = self._rng.randint(low, high)
            self._ages[old] = new if new not in self._ages.values() else old
        return self._ages[old]

    def _age_word(self, found: re.Match[str]) -> str:
        if found["low"]:
            old = _ONES.index(found["low"].lower())
            new = _ONES[max(1, self._other_age(old, "") % 20)]
        else:
            tens = self._rng.choice(_TENS)
            ones = found["ones"] and self._rng.choice(_ONES[1:10])
            new = tens + (found["gap"] + ones if ones else "")
        return new.upper() if found[0].isupper() else new.capitalize() if found[0][0].isupper() else new
