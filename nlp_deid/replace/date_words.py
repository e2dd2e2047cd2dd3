"""Words of the calendar: months, weekdays, seasons, feasts and spelled numbers, read and written.

A series is one way to write all months (or weekdays, seasons), as `Jan Feb Mar ...`; a word is read
as (number, series), so that another month is written in the same language and the same short form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from itertools import pairwise

Write = Callable[[int], str]

_MONTHS = """
January February March April May June July August September October November December
Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre
ene feb mar abr may jun jul ago sep oct nov dic
janvier février mars avril mai juin juillet août septembre octobre novembre décembre
janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre
janv févr mars avr mai juin juil août sept oct nov déc
Januar Februar März April Mai Juni Juli August September Oktober November Dezember
Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro
januari februari maart april mei juni juli augustus september oktober november december
Ionawr Chwefror Mawrth Ebrill Mai Mehefin Gorffennaf Awst Medi Hydref Tachwedd Rhagfyr
"""
_WEEKDAYS = """
Monday Tuesday Wednesday Thursday Friday Saturday Sunday
Mon Tue Wed Thu Fri Sat Sun
Mon Tues Weds Thurs Fri Sat Sun
Mon Tue Wed Thur Fri Sat Sun
Mo Tu We Th Fr Sa Su
Mondays Tuesdays Wednesdays Thursdays Fridays Saturdays Sundays
lunes martes miércoles jueves viernes sábado domingo
lunes martes miercoles jueves viernes sabado domingo
lundi mardi mercredi jeudi vendredi samedi dimanche
Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonntag
lunedì martedì mercoledì giovedì venerdì sabato domenica
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag
Llun Mawrth Mercher Iau Gwener Sadwrn Sul
"""
_SEASONS = """
spring summer fall winter
spring summer autumn winter
primavera verano otoño invierno
printemps été automne hiver
Frühling Sommer Herbst Winter
"""

_UNITS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_TEENS = [
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
_FIRSTS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
]
_ORDINALS = [*_FIRSTS, *(word + "th" for word in _TEENS[3:])]
DECADES = {word[:-1] + "ies": 10 * at for at, word in enumerate(_TENS, 2)}

# Pieces for patterns; J is what joins two words.
_J = r"(?:-|\s+)"
_UNIT, _TEEN, _TEN = ("|".join(words) for words in (_UNITS, _TEENS, _TENS))
_BELOW_100 = f"(?:(?:{_TEN})(?:{_J}(?:{_UNIT}))?|{_TEEN}|{_UNIT})"
ORDINAL = f"(?:(?:twenty|thirty){_J}(?:{'|'.join(_FIRSTS[:9])})|{'|'.join(_ORDINALS)}|twentieth|thirtieth)"
CARDINAL = f"(?:twenty{_J}(?:{_UNIT})|thirty{_J}one|{_TEEN}|{_UNIT}|twenty|thirty)"
YEAR = (
    f"(?:two{_J}thousand(?:{_J}and)?(?:{_J}{_BELOW_100})?"
    f"|(?:eighteen|nineteen|twenty){_J}(?:hundred|oh{_J}(?:{_UNIT})|(?:{_TEN})(?:{_J}(?:{_UNIT}))?|{_TEEN}))"
)
DECADE = f"(?:(?:eighteen|nineteen|twenty){_J})?(?:{'|'.join(DECADES)})"


def _table(rows: str) -> tuple[list[list[str]], dict[str, tuple[int, int]]]:
    """The series, and each lower-case word as (place in its series, series); the first series wins."""
    series = [row.split() for row in rows.strip().splitlines()]
    words: dict[str, tuple[int, int]] = {}
    for number, row in enumerate(series):
        for place, word in enumerate(row):
            words.setdefault(word.lower(), (place, number))
    return series, words


MONTH_SERIES, MONTHS = _table(_MONTHS)
WEEKDAY_SERIES, WEEKDAYS = _table(_WEEKDAYS)
SEASON_SERIES, SEASONS = _table(_SEASONS)


def cased(word: str, like: str) -> str:
    """The word in the case of another: upper, lower, Title Words or First letter."""
    if like.isupper():
        return word.upper()
    if like.islower():
        return word.lower()
    return word.title() if like == like.title() and like != like.capitalize() else word.capitalize()


def series_writer(rows: Sequence[Sequence[str]], series: int, like: str, first: int = 0) -> Write:
    """Writes the word of a number of one series, in the case of `like`; `first` is its lowest number."""
    words = [cased(word, like) for word in rows[series]]
    return lambda number: words[number - first]


def _below_100(number: int) -> list[str]:
    """The words of 1 to 99."""
    if number < 10:
        return [_UNITS[number - 1]]
    if number < 20:
        return [_TEENS[number - 10]]
    tens, unit = divmod(number, 10)
    return [_TENS[tens - 2], *([_UNITS[unit - 1]] if unit else [])]


def ordinal_words(number: int) -> list[str]:
    """The words of 1st to 31st."""
    if number < 20:
        return [_ORDINALS[number - 1]]
    tens, unit = divmod(number, 10)
    return [_TENS[tens - 2], _ORDINALS[unit - 1]] if unit else [_TENS[tens - 2][:-1] + "ieth"]


def year_words(year: int, like: Sequence[str]) -> list[str]:
    """The words of a year 1800 to 2999, in the style of other year words ("two thousand", "oh", "and")."""
    century, rest = divmod(year, 100)
    if century == 20 and ("thousand" in like or (rest < 10 and "oh" not in like)):
        joint = ["and"] if "and" in like and rest else []
        return ["two", "thousand", *joint, *(_below_100(rest) if rest else [])]
    if not rest:
        return [*_below_100(century), "hundred"]
    return [*_below_100(century), *(["oh"] if rest < 10 else []), *_below_100(rest)]


def decade_words(year: int, like: Sequence[str]) -> list[str]:
    """The words of a decade ("nineteen eighties", "fifties"); a KeyError for 1900s, 1910s, 2000s."""
    names = {value: word for word, value in DECADES.items()}
    return [*(_below_100(year // 100) if len(like) > 1 else []), names[year % 100]]


_SMALL_NUMBERS = {" ".join(_below_100(number)): number for number in range(1, 100)}
_DAYS = _SMALL_NUMBERS | {" ".join(ordinal_words(number)): number for number in range(1, 32)}
_GAP = re.compile(r"-|\s+")


def _year_value(parts: Sequence[str]) -> int:
    """The year that words tell; the last word of a decade counts as its tens."""
    if parts[1:2] == ["thousand"]:
        rest = [part for part in parts[2:] if part != "and"]
        return 2000 + (_SMALL_NUMBERS[" ".join(rest)] if rest else 0)
    rest = [part for part in parts[1:] if part not in ("oh", "hundred")]
    return 100 * _SMALL_NUMBERS[parts[0]] + (_SMALL_NUMBERS[" ".join(rest)] if rest else 0)


def spelled(kind: str, phrase: str) -> tuple[int, Write]:
    """What number words mean, and the writer of others with the same case, joints and style.

    kind: "O" ordinal day, "N" cardinal day, "y" year, "e" decade (its first year; "fifties" is 1950).
    """
    parts, joints = _GAP.split(phrase.lower()), _GAP.findall(phrase)
    if kind == "y":
        return _year_value(parts), lambda year: _joined(year_words(year, parts), parts, joints, phrase)
    if kind == "e":
        century = 100 * _SMALL_NUMBERS[parts[0]] if len(parts) > 1 else 1900
        return century + DECADES[parts[-1]], lambda year: _joined(
            decade_words(year, parts), parts, joints, phrase
        )
    make = ordinal_words if kind == "O" else _below_100
    return _DAYS[" ".join(parts)], lambda day: _joined(make(day), parts, joints, phrase)


def _joined(new: Sequence[str], old: Sequence[str], joints: Sequence[str], like: str) -> str:
    """The words with the joints of the old ones: the one behind tens ("twenty-one") and the others by place."""
    is_tens = [word in _TENS for word in old[:-1]]
    tens = next((joint for joint, behind in zip(joints, is_tens, strict=True) if behind), " ")
    others = iter([joint for joint, behind in zip(joints, is_tens, strict=True) if not behind])
    text = new[0]
    for before, word in pairwise(new):
        text += (tens if before in _TENS else next(others, " ")) + word
    return cased(text, like)


def is_computable(feast_name: str) -> bool:
    """False for a feast (a key of FEASTS) of another calendar."""
    return FEASTS[feast_name] is not None


def feast(name: str, year: int) -> date:
    """The day of a feast (a key of FEASTS) in a year.

    Raises:
        ValueError: the feast follows another calendar.
    """
    rule = FEASTS[name]
    if rule is None:
        raise ValueError("a feast of another calendar has no computed day")
    month, day, weekday = rule
    if month == 0:
        return _easter(year) + timedelta(days=day)
    if weekday is None:
        return date(year, month, day)
    if day < 0:  # the last one of the month
        last = date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)
        return last - timedelta(days=(last.weekday() - weekday) % 7)
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (day - 1))


def _easter(year: int) -> date:
    """Easter Sunday in the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    h = (19 * a + b - d - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    last = (32 + 2 * e + 2 * i - h - k) % 7
    m = (a + 11 * h + 22 * last) // 451
    month, day = divmod(h + last - 7 * m + 114, 31)
    return date(year, month, day + 1)


# Feast to (month, day, None); (month, n, weekday) for the n-th such weekday, -1 the last; (0, days, None)
# for days after Easter; None where the calendar is not ours to compute.
_Rule = tuple[int, int, int | None] | None
_FIXED = """
1/1 new year's day|new years day|new year's|new years|new year
1/6 epiphany|three kings day
1/7 orthodox christmas|russian orthodox christmas
1/26 australia day
2/2 groundhog day
2/6 waitangi day|waitangi
2/14 valentine's day|valentines day|valentine's|valentines|st valentine's day
3/17 st patrick's day|st. patrick's day|saint patrick's day|st paddy's day|st patricks day
4/1 april fools' day|april fool's day|april fools day|april fools
4/22 earth day
4/25 anzac day
5/1 may day
5/5 cinco de mayo
6/14 flag day
6/19 juneteenth
7/1 canada day
7/4 independence day
7/14 bastille day
9/24 heritage day
10/31 halloween|hallowe'en
11/1 all saints' day|all saints day
11/5 guy fawkes night|bonfire night|guy fawkes
11/11 veterans day|veterans' day|veteran's day|remembrance day|armistice day
11/30 st andrew's day|st. andrew's day
12/24 christmas eve|xmas eve|nochebuena|heiligabend
12/25 christmas day|xmas day|christmas|xmas|x-mas|navidad|noël|weihnachten
12/26 boxing day|kwanzaa|st stephen's day
12/31 new year's eve|new years eve|nye|hogmanay|silvester
"""
_MOVING = """
1/3/0 mlk day|martin luther king day|martin luther king jr day|mlk
2/3/0 presidents' day|presidents day|president's day
5/2/6 mother's day|mothers day|mothers' day
5/-1/0 memorial day
6/3/6 father's day|fathers day|fathers' day
9/1/0 labor day|labour day
10/2/0 columbus day|indigenous peoples' day|indigenous peoples day
11/1/1 melbourne cup day|melbourne cup|election day
11/4/3 thanksgiving day|thanksgiving
"""
_AFTER_EASTER = """
-47 mardi gras|fat tuesday|shrove tuesday
-46 ash wednesday
-7 palm sunday
-3 maundy thursday|holy thursday
-2 good friday
0 easter sunday|easter day|easter|pâques|pascua|ostern
1 easter monday
39 ascension day
49 pentecost|whit sunday
"""
_OTHER = """
ramadan|eid al-fitr|eid al-adha|eid|diwali|holi|onam|bonalu|navratri|dussehra|passover|pesach|purim|yom kippur
rosh hashanah|rosh hashana|sukkot|hanukkah|chanukah|lunar new year|chinese new year|cny|tet|matariki|timkat|nowruz
orthodox easter|greek easter|vesak|obon|lent|advent|carnival|songkran|juhannus|midsummer
"""


def _feasts() -> dict[str, _Rule]:
    found: dict[str, _Rule] = {}
    for rows in (_FIXED, _MOVING, _AFTER_EASTER):
        for row in rows.strip().splitlines():
            head, names = row.split(" ", 1)
            numbers = [int(number) for number in head.split("/")]
            rule: _Rule
            if len(numbers) == 1:
                rule = (0, numbers[0], None)
            else:
                rule = (numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None)
            found |= dict.fromkeys(names.split("|"), rule)
    return found | dict.fromkeys(_OTHER.strip().replace("\n", "|").split("|"))


FEASTS = _feasts()
FEAST_NAMES = tuple(FEASTS)
FEAST_NUMBERS = {name: number for number, name in enumerate(FEAST_NAMES)}
