"""dates.py and its parts: every form moves, keeps its form, and full dates keep their intervals exactly."""

import calendar
import hashlib
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.replace.date_tokens import DateTokens, group
from nlp_deid.replace.date_words import FEASTS, MONTHS, decade_words, feast, ordinal_words, year_words
from nlp_deid.replace.dates import full_dates, guess_order, offset, parse, safe_birth
from nlp_deid.replace.keys import Secret

ANCHOR = date(2019, 3, 4)
KEY_BYTES = hashlib.sha256(b"a test").digest()
KEY = Secret(KEY_BYTES)
DAYS = st.dates(date(1931, 1, 1), date(2028, 12, 31))
OFFSETS = st.integers(-1825, 1825)
MOVES = OFFSETS.filter(bool)
_MONTHS = list(calendar.month_name)[1:]


def ordinal(number: int) -> str:
    return f"{number}{'th' if 10 < number < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


# Forms of full dates, written by this file's own code: a form, and the shape every date of it has.
FULL = {
    "mdy": (lambda d: f"{d:%m/%d/%Y}", r"\d\d/\d\d/\d{4}"),
    "mdy short": (lambda d: f"{d.month}/{d.day}/{d:%y}", r"\d\d?/\d\d?/\d\d"),
    "mdy dashes": (lambda d: f"{d:%m-%d-%y}", r"\d\d?-\d\d?-\d\d"),
    "iso": (lambda d: f"{d:%Y-%m-%d}", r"\d{4}-\d\d-\d\d"),
    "iso time": (lambda d: f"{d:%Y-%m-%d}T08:15", r"\d{4}-\d\d-\d\dT08:15"),
    "slashed ymd": (lambda d: f"{d:%Y/%m/%d}", r"\d{4}/\d\d/\d\d"),
    "run": (lambda d: f"{d:%Y%m%d}", r"\d{8}"),
    "run time": (lambda d: f"{d:%Y%m%d}081530", r"\d{8}081530"),
    "clock": (lambda d: f"{d.month}/{d.day}/{d.year} at 5:30 pm", r"\d\d?/\d\d?/\d{4} at 5:30 pm"),
    "words": (lambda d: f"{_MONTHS[d.month - 1]} {d.day}, {d.year}", r"[A-Z][a-z]+ \d\d?, \d{4}"),
    "ordinal": (
        lambda d: f"{_MONTHS[d.month - 1]} {ordinal(d.day)} {d.year}",
        r"[A-Z][a-z]+ \d\d?[a-z]{2} \d{4}",
    ),
    "day month": (lambda d: f"{d.day} {_MONTHS[d.month - 1][:3]} {d.year}", r"\d\d? [A-Z][a-z]+ \d{4}"),
    "upper": (lambda d: f"{d:%d}-{_MONTHS[d.month - 1][:3].upper()}-{d.year}", r"\d\d-[A-Z]{3}-\d{4}"),
    "tight": (lambda d: f"{d:%d}{_MONTHS[d.month - 1][:3].upper()}{d.year}", r"\d\d[A-Z]{3}\d{4}"),
    "apostrophe": (lambda d: f"{_MONTHS[d.month - 1][:3]} {d.day} '{d:%y}", r"[A-Z][a-z]+ \d\d? '\d\d"),
    "weekday": (lambda d: f"{d:%a} {d.month}/{d.day}/{d.year}", r"[A-Z][a-z]{2} \d\d?/\d\d?/\d{4}"),
    "full weekday": (
        lambda d: f"{d:%A}, {d.day} {_MONTHS[d.month - 1]} {d.year}",
        r"[A-Z][a-z]+day, \d\d? [A-Z][a-z]+ \d{4}",
    ),
    "spelled": (
        lambda d: (
            f"{' '.join(ordinal_words(d.day))} of {_MONTHS[d.month - 1].lower()} {' '.join(year_words(d.year, []))}"
        ),
        r"[a-z]+( [a-z]+)? of [a-z]+( [a-z]+)+",
    ),
}
FORMS = st.sampled_from(sorted(FULL))


def written(form: str, day: date) -> str:
    return FULL[form][0](day)


def moved(text: str, days: int, order: str = "mdy") -> str | None:
    found = parse(text, order)
    return found.shift(days, ANCHOR) if found else None


@given(FORMS, DAYS, MOVES)
def test_a_full_date_moves_by_the_days_and_keeps_its_form(form, day, days):
    text = written(form, day)
    new = moved(text, days)
    assert full_dates(text) == [day]
    assert new is not None
    assert new != text
    assert re.fullmatch(FULL[form][1], new)
    assert full_dates(new, latest=(day + timedelta(days=days)).year + 50) == [day + timedelta(days=days)]


@given(FORMS, DAYS, OFFSETS)
def test_there_and_back_is_the_same_day(form, day, days):
    there = moved(written(form, day), days)
    assert there is not None
    latest = (day + timedelta(days=days)).year + 50
    back = parse(there, latest=latest).shift(-days)
    assert full_dates(back, latest=day.year + 50) == [day]


@pytest.mark.parametrize(
    "form", ["iso", "iso time", "run", "mdy", "upper", "tight", "ordinal", "full weekday"]
)
@given(day=DAYS, days=OFFSETS)
def test_there_and_back_is_the_same_text_where_the_form_has_one_width(form, day, days):
    text = written(form, day)
    assert moved(moved(text, days), -days) == text


@given(st.tuples(FORMS, DAYS), st.tuples(FORMS, DAYS), OFFSETS)
def test_intervals_and_order_are_kept_over_all_forms(first, second, days):
    latest = 2060
    texts = [written(*first), written(*second)]
    news = [full_dates(parse(text, latest=2028).shift(days), latest=latest)[0] for text in texts]
    true = [first[1], second[1]]
    for at, day in enumerate(news):  # two figures tell no century: the forms with four do
        if day.year - true[at].year > 50:
            news[at] = day.replace(year=day.year - 100)
    assert news[1] - news[0] == true[1] - true[0]


@given(DAYS, MOVES)
def test_the_weekday_beside_a_date_agrees_with_it(day, days):
    new = moved(written("full weekday", day), days)
    assert new.startswith(f"{full_dates(new)[0]:%A},")


CASES = [
    ("3/4", "4/8"),
    ("03/04", "04/08"),
    ("13/6", "18/7"),
    ("4 Mar", "8 Apr"),
    ("Mar '19", "Apr '19"),
    ("03/2019", "04/2019"),
    ("1/90", "2/90"),
    ("2011-11", "2011-12"),
    ("the 4th", "the 8th"),
    ("Sun 23rd", "Sun 30th"),
    ("3/4-3/7", "4/8-4/11"),
    ("10/12 & 10/15", "11/16 & 11/19"),
    ("between 3/4 and 3/7", "between 4/8 and 4/11"),
    ("3/4-7", "4/8-11"),
    ("12/30-1/2/19", "2/3-2/6/19"),
    ("Dec 30 - Jan 2, 2019", "Feb 3 - Feb 6, 2019"),
    ("April 3, 5 and 12, 2018", "May 8, 10 and 17, 2018"),
    ("April 20, 25 and 28, 2018", "May 25, 30 and June 2, 2018"),
    ("20-28 November 2018", "25 December-2 January 2019"),
    ("Feb 29", "Apr 4"),
    ("2/29/2020", "4/4/2020"),
    ("l2/O5/2O19", "Ol/O9/2O2O"),
    ("1 N0V 16", "6 DEC 16"),
    ("fourteenth of March", "eighteenth of April"),
    ("march twenty eighth", "may second"),
    ("FOURTEENTH OF MARCH NINETEEN NINETY\nONE", "EIGHTEENTH OF APRIL NINETEEN NINETY\nONE"),
    ("seventeenth of the ninth nineteen fifty one", "twenty second of the tenth nineteen fifty one"),
    ("Christmas", "January 29"),
    ("HALLOWEEN", "DECEMBER 5"),
    ("Easter 2018", "May 6, 2018"),
    ("Thanksgiving", "December 27"),
    ("Q3 2019", "Q3 2019"),
    ("12 de mayo 1966", "16 de junio 1966"),
    ("1er mars 2019", "5 avril 2019"),
    ("Dydd Llun 3 Chwefror 2020", "Dydd Llun 9 Mawrth 2020"),
    ("7\nJanuary 1995", "11\nFebruary 1995"),
    ("3/4/2019 8:15 AM EST", "4/8/2019 8:15 AM EST"),
    ("0815 3/4/19", "0815 4/8/19"),
    ("Mon-Wed", "Mon-Wed"),
    ("2009-2011", "2009-2011"),
]
FAR = [
    ("1990s", 3650, "2000s"),
    ("'90s", 3650, "'00s"),
    ("nineteen eighties", -3650, "nineteen seventies"),
    ("fifties", 3650, "sixties"),
    ("2019", -801, "2017"),
    ("'98", 801, "'00"),
    ("nineteen eighty-nine", 801, "nineteen ninety-one"),
    ("spring 2018", -801, "winter 2016"),
    ("Autumn 2019", 100, "Winter 2020"),
    ("fall", 100, "winter"),
    ("Thurs", 2, "Sat"),
    ("TUESDAY", 10, "FRIDAY"),
    ("Sundays", 1, "Mondays"),
    ("may", -40, "april"),
    ("December", 20, "January"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_forms_moved_by_five_weeks(text, expected):
    assert moved(text, 35) == expected


@pytest.mark.parametrize(("text", "days", "expected"), FAR)
def test_coarse_forms_moved_far(text, days, expected):
    assert moved(text, days) == expected


@pytest.mark.parametrize("text", [text for text, _ in CASES] + [text for text, _, _ in FAR] + sorted(FEASTS))
def test_moved_by_nothing_every_form_is_itself(text):
    assert parse(text).shift(0) == text
    assert parse(text).shift(0, ANCHOR) == text


def test_day_first():
    assert full_dates("4/3/2019", "dmy") == [date(2019, 3, 4)]
    assert full_dates("04.03.2019", "dmy") == [date(2019, 3, 4)]
    assert full_dates("04.03.2019", "mdy") == [date(2019, 4, 3)]
    assert moved("31/12/2018", 1, "dmy") == "01/01/2019"


IMPOSSIBLE = [
    "2/30",
    "2/30/2019",
    "2/29/2019",
    "Feb 29, 2019",
    "30 Feb 2019",
    "4/31",
    "0/10/2017",
    "13/13/2019",
    "2019-02-30",
]
NO_DATES = [
    "",
    " ",
    "1",
    "22",
    "Colombia",
    "12 years",
    "[DATE-1]",
    "[**2118-3-4**]",
    "1/1/1799",
    "5/5/5",
    "day 3",
    "½",
    "²",
    "٣/٤",
]


@pytest.mark.parametrize("text", IMPOSSIBLE + NO_DATES)
def test_impossible_dates_and_other_texts_are_not_read(text):
    assert parse(text) is None
    assert parse(text, "dmy") is None


def test_a_date_that_would_leave_the_calendar_is_none():
    assert moved("1/1/1800", -1) is None
    assert moved("12/31/2299", 1) is None
    assert moved("3/4/2019", 10**9) is None
    assert moved("3/4/2019", -(10**6)) is None
    assert parse("3/4").shift(5, date.min) is None
    assert moved("3/4/19", 36524) is None  # a century on, two figures say the same day


def test_no_feast_word_outlives_a_shift():
    for name in FEASTS:
        for days in (-371, -7, 7, 364, 365, 366):
            new = moved(name, days)
            assert new is None or not any(word in new for word in name.split() if word not in MONTHS)


def test_feasts_against_known_calendars():
    easters = {1818: (3, 22), 1943: (4, 25), 2000: (4, 23), 2018: (4, 1), 2019: (4, 21), 2038: (4, 25)}
    assert all(feast("easter", year) == date(year, *day) for year, day in easters.items())
    assert feast("thanksgiving", 2018) == date(2018, 11, 22)
    assert feast("memorial day", 2019) == date(2019, 5, 27)
    assert feast("labor day", 2019) == date(2019, 9, 2)
    assert feast("mother's day", 2019) == date(2019, 5, 12)
    with pytest.raises(ValueError, match="another calendar"):
        feast("ramadan", 2019)


@given(st.integers(1800, 2099))
def test_spelled_years_are_read_back(year):
    text = " ".join(year_words(year, []))
    assert parse(text).parts[0].year == year


def test_decades_without_a_word_become_tags():
    assert moved("twenties", -3650) is None
    with pytest.raises(KeyError):
        decade_words(1910, ["fifties"])


_SOUP = st.lists(
    st.sampled_from(
        [*"0123456789/-., '&()[]\n", "Mar", "may", "the", "th", "1st", "of", "Mon", "two", "thousand"]
    ),
    max_size=30,
).map("".join)


@given(st.one_of(st.text(max_size=120), _SOUP), st.integers(-4000, 4000), st.sampled_from(["mdy", "dmy"]))
def test_no_text_raises_and_what_is_read_is_given_back(text, days, order):
    found = parse(text, order)
    if found:
        assert found.shift(0) == text
        new = found.shift(days, ANCHOR)
        assert new is None or not days or new != text or not any(part.full for part in found.parts)
    safe_birth(text, days, ANCHOR, order)
    guess_order([text])


def test_hostile_lengths_take_no_time():
    began = time.process_time()
    for text in (
        "3/4-" * 25,
        "Mon " * 25,
        "1, " * 33,
        "Mar 1, " * 14,
        "of " * 33,
        "9" * 100,
        " " * 100,
        "3/4 & " * 100,
    ):
        parse(text)
    assert time.process_time() - began < 2


def test_no_repr_or_message_shows_a_date():
    found = parse("March 4, 2019")
    assert not re.search(r"2019|Mar|4", repr(found) + repr(found.parts))
    with pytest.raises(ValueError, match="mdy, dmy"):
        parse("3/4/2019", "auto")


def test_partial_dates_follow_the_full_ones_of_their_note():
    for days in range(-1825, 1826, 100):
        full = full_dates(moved("12/24/2018", days))[0]
        assert moved("12/24", days) == f"{full.month}/{full.day}"
        assert moved("Christmas Eve", days) == f"{full:%B} {full.day}"
        assert moved("Monday", days) == f"{full:%A}"


def test_guess_order_reports_its_evidence():
    notes = [
        "seen 3/14/2019 and 4/3/2019",
        "on 12-25-18, BP 120/80",
        "am 14.3.2019",
        "ratio 3/4/5, v1.2.13.4",
    ]
    guess = guess_order(notes)
    assert (guess.order, guess.month_first, guess.day_first, guess.undecided) == ("mdy", 2, 1, 1)
    assert guess_order(["14/3/2019"]).order == "dmy"
    assert guess_order([]).order == "mdy"


def test_offsets_are_uniform_and_never_zero():
    counts = Counter(offset(KEY, f"p{number}", 50) for number in range(20_000))
    assert set(counts) == set(range(-50, 51)) - {0}
    chi2 = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert 56 < chi2 < 156  # 99 degrees of freedom, p between 0.9999 and 0.0002


def test_offsets_fill_ten_years_without_a_trend():
    numbers = [offset(KEY, f"p{number}") for number in range(20_000)]
    assert min(numbers) >= -1825
    assert max(numbers) <= 1825
    assert 0 not in numbers
    bins = Counter((number + 1825) * 20 // 3651 for number in numbers)
    assert sum((count - 1000) ** 2 / 1000 for count in bins.values()) < 50  # 19 degrees, p > 0.0001
    mean = sum(a * b for a, b in pairwise(numbers)) / len(numbers)
    assert abs(mean) < 5 * 1054**2 / len(numbers) ** 0.5  # neighbours in id order are unrelated


def test_offset_options():
    weeks = {offset(KEY, f"p{number}", keep_weekday=True) for number in range(2000)}
    assert all(days % 7 == 0 and days for days in weeks)
    seasons = {offset(KEY, f"p{number}", keep_season=True) for number in range(2000)}
    assert all(min(days % 365.2425, -days % 365.2425) <= 30 and abs(days) > 300 for days in seasons)
    with pytest.raises(ValueError, match="50 or more"):
        offset(KEY, "p", 100, keep_weekday=True)
    with pytest.raises(ValueError, match="50 or more"):
        offset(KEY, "p", 0)


def test_offsets_are_the_same_in_another_process_and_order():
    ids = [f"patient {number}" for number in range(20)]
    code = (
        "from nlp_deid.replace.dates import offset; from nlp_deid.replace.keys import Secret;"
        f"print([offset(Secret(bytes.fromhex('{KEY_BYTES.hex()}')), name) for name in {ids[::-1]!r}])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == str([offset(KEY, name) for name in ids][::-1])
    assert [offset(Secret(hashlib.sha256(b"another").digest()), name) for name in ids] != [
        offset(KEY, name) for name in ids
    ]


@given(DAYS, st.integers(0, 110 * 365), MOVES)
def test_no_birth_shown_tells_an_age_over_89(birth, lived, days):
    note = birth + timedelta(days=lived)
    text = f"{birth:%m/%d/%Y}"
    new = safe_birth(text, days, note)
    shown = note + timedelta(days=days)
    if new is None:
        assert note.year - birth.year >= 89
    else:
        day = full_dates(new)[0]
        assert shown.year - day.year <= 89
        assert (shown - day).days == lived


def test_safe_birth_of_years_and_two_figures():
    note = date(2019, 6, 1)
    assert safe_birth("1925", 400, note) is None
    assert safe_birth("'25", 400, note) is None
    assert safe_birth("3/4/25", 400, note) is None
    assert safe_birth("1920s", 400, note) is None
    assert safe_birth("1950", 400, note) == "1951"
    assert safe_birth("3/4", 35, note) == "4/8"
    assert safe_birth("nonsense", 35, note) is None


def test_tokens_keep_intervals_without_a_calendar():
    tokens = DateTokens()
    for text in ("3/16/2019", "March 4, 2019", "2019", "Christmas"):
        tokens.add(text)
    assert tokens.token("03/04/2019 08:15") == "[DATE-1] 08:15"
    assert tokens.token("3/16/19") == "[DATE-1+12d]"
    assert tokens.token("3/6", date(2019, 3, 9)) == "[DATE-1+2d]"
    assert tokens.token("3/5/2019-3/7/2019") == "[DATE-1+1d]-[DATE-1+3d]"
    assert tokens.token("Mon 3/4/2019") == "[DATE-1]"
    assert all(
        tokens.token(text) is None for text in ("3/6", "March 2019", "2019", "Monday", "1/1/2019", "xyz")
    )
    assert DateTokens().token("3/4/2019") is None
    assert "2019" not in repr(tokens)


@given(
    st.lists(DAYS, min_size=1, max_size=20),
    st.one_of(st.sampled_from(["month", "quarter", "year"]), st.integers(2, 400)),
)
def test_groups_keep_order_and_lump(days, period):
    mapping = group(days, period)
    assert set(mapping) == set(days)
    longest = {"month": 31, "quarter": 92, "year": 366}.get(period, period)
    assert all(0 <= (day - lump).days < longest for day, lump in mapping.items())
    ordered = sorted(days)
    assert [mapping[day] for day in ordered] == sorted(mapping[day] for day in days)


def test_groups_are_written_by_move():
    mapping = group([date(2019, 3, 4), date(2019, 3, 20)], "month")
    assert parse("Wed 3/20/2019").move(mapping.get) == "Fri 3/1/2019"
    assert parse("3/21/2019").move(mapping.get) is None
    assert set(group([date(2019, 3, 4), date(2019, 3, 20)], 7).values()) == {
        date(2019, 3, 4),
        date(2019, 3, 18),
    }
    for period in ("day", 1):
        with pytest.raises(ValueError, match="period"):
            group([date(2019, 3, 4)], period)
