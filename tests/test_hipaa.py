"""The Safe Harbor rule: published lists, boundaries, and that no message repeats a value."""

from __future__ import annotations

import traceback
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid import hipaa

RESTRICTED = {
    2000: "036 059 063 102 203 556 692 790 821 823 830 831 878 879 884 890 893",
    2010: "036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893",
    2020: "036 059 102 202 203 204 205 369 556 692 753 772 821 823 878 879 884 893",
}


@pytest.mark.parametrize("census", hipaa.CENSUSES)
def test_the_published_lists_are_restricted_and_nothing_else_of_the_table(census: int) -> None:
    table = hipaa.zip3_populations(2020 if census == 2020 else 2010)
    found = {prefix for prefix in table if not hipaa.is_populous(prefix, census)}
    assert found == set(RESTRICTED[census].split()) & set(table)
    assert all(hipaa.zip3(prefix + "01", census) == "000" for prefix in RESTRICTED[census].split())


def test_populations_are_those_of_the_census() -> None:
    assert len(hipaa.zip3_populations(2010)) == len(hipaa.zip3_populations(2020)) == 894
    known = {"036": 13153, "059": 3352, "202": 0, "203": 772, "204": 60, "576": 20310, "893": 10701}
    assert {prefix: hipaa.zip3_populations(2020)[prefix] for prefix in known} == known
    assert hipaa.zip3_populations(2010)["036"] == 13759
    with pytest.raises(TypeError):
        hipaa.zip3_populations(2020)["036"] = 99_999  # type: ignore[index]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("02139", "021"),
        ("2139", "021"),
        (2139, "021"),
        (" 02139-4307 ", "021"),
        ("021394307", "021"),
        ("21394307", "021"),
        ("02139 4307", "021"),
        ("０２１３９", "021"),
        ("02139–4307", "021"),
        ("00601", "006"),
        (601, "006"),
        ("57601", "576"),
        ("03601", "000"),
        ("00000", "000"),
        ("000", "000"),
        ("09012", "000"),
        ("00112-0001", "000"),
    ],
)
def test_zip3(value: str | int, expected: str) -> None:
    assert hipaa.zip3(value) == expected


@pytest.mark.parametrize(
    "value", ["", "601", "021", "21", "123456", "0213943", "K1A 0B1", "02139-", "-2139", -2139]
)
def test_what_is_no_zip_is_refused_without_being_shown(value: str | int) -> None:
    with pytest.raises(ValueError, match="five digits, or nine") as caught:
        hipaa.zip3(value)
    assert not value or str(value) not in str(caught.value)


@pytest.mark.parametrize("census", [1990, 2015, 0])
def test_unknown_census_names_the_allowed(census: int) -> None:
    with pytest.raises(ValueError, match="2020, 2010, 2000"):
        hipaa.zip3("02139", census)
    with pytest.raises(ValueError, match="2010 and 2020"):
        hipaa.zip3_populations(census)


@given(st.integers(0, 99_999), st.sampled_from(hipaa.CENSUSES))
def test_zip3_is_the_prefix_of_a_populous_area_or_nothing(number: int, census: int) -> None:
    code = f"{number:05d}"
    out = hipaa.zip3(code, census)
    assert out == (code[:3] if hipaa.is_populous(code[:3], census) else "000")
    if census != 2000 and out != "000":
        assert hipaa.zip3_populations(census)[out] > 20_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (date(2019, 3, 4), "2019"),
        ("3/4/2019", "2019"),
        ("2019-03-04T20:15", "2019"),
        ("2019-03-04T2015", "2019"),
        ("15MAR2019", "2019"),
        ("March 4th, ２０１９", "2019"),
        ("12/30/2019 - 1/2/2020", "2019-2020"),
        ("3/4 - 3/7/2019", "2019"),
        ("3/4", ""),
        ("3/4/19", ""),
        ("20190304", ""),
        ("19111912", ""),
        ("Christmas", ""),
    ],
)
def test_year_of(value: date | str, expected: str) -> None:
    assert hipaa.year_of(value) == expected


@given(
    st.dates(date(1800, 1, 1), date(2199, 12, 31)),
    st.sampled_from(["%m/%d/%Y", "%d.%m.%Y", "%Y-%m-%d", "%B %d, %Y"]),
)
def test_year_of_any_format_is_the_year_alone(day: date, form: str) -> None:
    assert hipaa.year_of(day.strftime(form)) == hipaa.year_of(day) == str(day.year)


@pytest.mark.parametrize(
    ("birth", "reference", "expected"),
    [
        (1934, 2024, "90+"),
        (1935, 2024, "1935"),
        (2024, 2024, "2024"),
        (date(1934, 12, 31), 2024, "90+"),
        (date(1935, 1, 1), 2024, "1935"),
        (1900, 2024, "90+"),
    ],
)
def test_a_birth_that_tells_an_age_over_89_goes(birth: date | int, reference: int, expected: str) -> None:
    assert hipaa.generalize_birth(birth, reference) == expected


@pytest.mark.parametrize(("birth", "reference"), [(2025, 2024), (0, 2024), (1990, 10_000)])
def test_impossible_births(birth: int, reference: int) -> None:
    with pytest.raises(ValueError, match="birth year") as caught:
        hipaa.generalize_birth(birth, reference)
    assert "1990" not in str(caught.value)


@pytest.mark.parametrize(
    "age",
    [
        90, 90.0, 104, 1e9, "90", "92", "92-year-old", "92 y/o", "92M", "in her 90s", "90's", "mid-90s",
        "early nineties", "ninety", "ninety-two", "ninety\ntwo", "Ninety Two Years", "one hundred and four",
        "a nonagenarian", "102.5", "centenarian", "85-94", "1080 months", "1,100 months", "33,000 days",
        "90+", "> 90", "٩٢", "９２", "9\u200b2", "92 years and 3 months", "104yof", "91 and 88",
    ],
)  # fmt: skip
def test_ages_over_89_become_one_category(age: float | str) -> None:
    assert hipaa.generalize_age(age) == "90+"


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0, "0"),
        (0.5, "0"),
        (89, "89"),
        (89.9, "89"),
        ("89", "89"),
        (" 84-year-old ", "84-year-old"),
        ("84F", "84F"),
        ("80s", "80s"),
        ("late eighties", "late eighties"),
        ("eighty-nine", "eighty-nine"),
        ("3-week", "3-week"),
        ("in his teens", "in his teens"),
        ("100 days", "100 days"),
        ("ninety days", "ninety days"),
        ("18 months", "18 months"),
        ("1,079 months", "1,079 months"),
        ("6 y 11 mo", "6 y 11 mo"),
        ("3 w/o", "3 w/o"),
    ],
)
def test_other_ages_stay(age: float | str, expected: str) -> None:
    assert hipaa.generalize_age(age) == expected


@pytest.mark.parametrize(
    "age", [-1, float("nan"), float("inf"), "", "elderly", "9O", "l04", "፱፪", "novanta due", "92½"]
)
def test_ages_not_understood_are_refused_without_being_shown(age: float | str) -> None:
    with pytest.raises(ValueError, match="an age must be a number") as caught:
        hipaa.generalize_age(age)
    text = "".join(traceback.format_exception_only(caught.value))
    assert not age or str(age) not in text
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@given(st.integers(0, 200))
def test_numbers_and_texts_agree(years: int) -> None:
    expected = str(years) if years <= 89 else "90+"
    assert hipaa.generalize_age(years) == hipaa.generalize_age(str(years)) == expected
    assert (hipaa.generalize_age(f"{12 * years} months") == "90+") == (years >= 90)
    assert hipaa.generalize_age(hipaa.generalize_age(years)) == expected


@given(st.text(max_size=20) | st.text(alphabet="0189 -.,/ymodswk\u200b٩²", max_size=12))
def test_any_text_gives_an_age_or_a_value_error(text: str) -> None:
    message = "an age must be"
    try:
        assert hipaa.generalize_age(text) in ("90+", text.strip())
    except ValueError as error:
        message = str(error)
    assert message.startswith("an age must be")
    hipaa.year_of(text)


@pytest.mark.parametrize("age", ["-3", " -84", "−3"])
def test_a_negative_age_in_words_is_refused(age):
    with pytest.raises(ValueError, match="an age must be a number"):
        hipaa.generalize_age(age)
