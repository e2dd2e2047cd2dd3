"""detect/month_day.py: months and days without a year, near full dates and, boldly, anywhere."""

import pytest

from nlp_deid.detect.month_day import MonthDay
from nlp_deid.note import Note


def found(text: str, bold: bool = False) -> list[tuple[str, float]]:
    return [(text[s.start : s.end], s.score) for s in MonthDay(bold).find(Note(text))]


def test_a_pair_near_a_full_date_is_a_date() -> None:
    assert found("Seen 3/4/2019, again 3/14 and 7/14.") == [("3/14", 0.85)]
    assert found("Whipple 3/14, seen 3/4/2019.") == [("3/14", 0.85)]  # the end of a word is no cue of a grade


def test_without_a_date_nearby_only_the_bold_one_guesses() -> None:
    assert found("Drain 2/9, labs 6-10.") == []
    assert found("Drain 2/9, labs 6-10.", bold=True) == [("2/9", 0.6), ("6-10", 0.6)]


@pytest.mark.parametrize(
    "text", ["strength 5/5", "le 4/5", "2/6 murmur", "0/5", "13/40", "120/80", "2/30", "x3/4"]
)
def test_grades_doses_and_what_is_no_day_stay(text: str) -> None:
    assert found(f"{text} today", bold=True) == []
