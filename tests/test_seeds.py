"""Seeds: what is taken in of a value, and in which forms it is found again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import covered, unmark

from nlp_deid.detect.seeds import Search, Seeds
from nlp_deid.note import Note


@pytest.fixture(scope="module")
def search() -> Search:
    return Search()


def seeds_of(search: Search, *names: str, known: bool = False) -> Seeds:
    seeds = Seeds()
    for name in names:
        search.add_name(seeds, name, "PATIENT", known)
    return seeds


def found(search: Search, seeds: Seeds, text: str) -> list[str]:
    return covered(text, search.find(Note(text), seeds, "test"))


# --- taking in


@pytest.mark.parametrize(
    "name", ["Margaret Nguyen", "Nguyen, Margaret", "MARGARET NGUYEN", "margaret nguyen"]
)
def test_words_and_initials_of_a_name(search: Search, name: str) -> None:
    seeds = seeds_of(search, name)
    assert set(seeds.words) == {"margaret", "nguyen"}
    assert set(seeds.initials) == {"MN"}


def test_letters_and_function_words_alone_are_left_out(search: Search) -> None:
    assert seeds_of(search, "J", "The", "", "-", "J.") == Seeds()


def test_a_plain_word_of_a_name_needs_a_capital(search: Search) -> None:
    seeds = seeds_of(search, "Rose Nguyen")
    assert set(seeds.capitals) == {"rose"}
    assert set(seeds_of(search, "Rose Nguyen", known=True).known) == {"rose"}


@pytest.mark.parametrize(
    ("value", "numbers", "values"),
    [
        ("555-01-9988", {"555019988"}, set()),
        ("MR 44-88-13", {"MR448813"}, set()),
        ("Mercy Hospital", set(), {"Mercy Hospital"}),
        ("12", set(), set()),
        ("", set(), set()),
        ("--- ", set(), set()),
    ],
)
def test_numbers_and_values(value: str, numbers: set[str], values: set[str]) -> None:
    seeds = Seeds()
    Search.add_value(seeds, value, "IDNUM")
    assert set(seeds.numbers) == numbers
    assert set(seeds.values) == values


def test_of_two_labels_the_own_one_stays(search: Search) -> None:
    mine, other = Seeds(), Seeds()
    search.add_name(mine, "Nguyen", "PATIENT")
    search.add_name(other, "Nguyen", "DOCTOR")
    search.add_name(other, "Okafor", "DOCTOR")
    joined = mine.joined(other)
    assert joined.words == {"nguyen": "PATIENT", "okafor": "DOCTOR"}
    assert mine.words == {"nguyen": "PATIENT"}


# --- finding

FORMS = [
    "saw [[Nguyen]] today",
    "saw [[nguyen]] today",
    "SAW [[NGUYEN]] TODAY",
    "[[Nguyen]]'s mother",
    "saw [[Nguyem]] today",  # a letter changed
    "saw [[Nguyyen]] today",  # a letter doubled
    "saw [[Nguen]] today",  # a letter lost
    "saw [[Ngyuen]] today",  # two letters changed places
    "signed [[M.N.]] here",
    "signed [[M. N.]] here",
    "signed [[M. T. N.]] here",
    "login [[mnguyen2]] used",
    "login [[m.nguyen]] used",
    "[[N-G-U-Y-E-N]], that is how",
    "no ngu here, nor nguyenism",
    "saw Nguyeness today",  # two letters away
    "N.M. and M.X. and MN",
]


@pytest.mark.parametrize("marked", FORMS)
def test_forms_of_a_name(search: Search, marked: str) -> None:
    text, ranges = unmark(marked)
    assert found(search, seeds_of(search, "Margaret Nguyen"), text) == [text[a:b] for a, b in ranges]


@pytest.mark.parametrize(
    ("marked", "known"),
    [
        ("she told [[Rose]] so", False),
        ("Rose to 101 overnight", False),
        ("temp rose overnight", False),
        ("ok. Rose petals", False),
        ("[[Rose]] was here", False),
        ("[[Rose]] petals", True),
        ("temp rose overnight", True),
    ],
)
def test_a_name_that_is_a_word(search: Search, marked: str, known: bool) -> None:
    text, ranges = unmark(marked)
    seeds = seeds_of(search, "Rose Nguyen", known=known)
    assert found(search, seeds, text) == [text[start:end] for start, end in ranges]


def test_a_plain_word_one_letter_away_is_no_misspelling(search: Search) -> None:
    seeds = seeds_of(search, "Haart Patten")
    assert found(search, seeds, "the Heart, a Pattern and Patient data") == []


@pytest.mark.parametrize(
    "marked",
    [
        "MRN [[44-88-13-07]] here",
        "MRN [[44881307]] here",
        "MRN [[4488 1307]] here",
        "MRN [[4488.1307]] here",
        "no 448813071 here",
        "no 544881307 here",
        "no 44881308 here",
    ],
)
def test_forms_of_a_number(search: Search, marked: str) -> None:
    seeds = Seeds()
    search.add_value(seeds, "4488-1307", "MEDICALRECORD")
    text, ranges = unmark(marked)
    spans = search.find(Note(text), seeds, "test")
    assert covered(text, spans) == [text[start:end] for start, end in ranges]
    assert {span.label for span in spans} <= {"MEDICALRECORD"}


def test_other_values_stand_alone(search: Search) -> None:
    seeds = Seeds()
    search.add_value(seeds, "12 Elm Row", "STREET")
    assert found(search, seeds, "at 12 Elm Row, at 12 ELM ROW, at 112 Elm Row, 12 Elm Rowe") == [
        "12 Elm Row",
        "12 ELM ROW",
    ]


def test_sources_say_how(search: Search) -> None:
    seeds = seeds_of(search, "Margaret Nguyen")
    spans = search.find(Note("Nguyen, Nguyem, M.N., mnguyen2"), seeds, "echo")
    assert [span.source for span in sorted(spans)] == [
        "echo.name",
        "echo.misspelt",
        "echo.initials",
        "echo.login",
    ]


def test_no_seeds_find_nothing(search: Search) -> None:
    assert search.find(Note("Margaret Nguyen, 44881307, M.N."), Seeds(), "echo") == []


@given(st.text(max_size=30), st.text(max_size=60), st.booleans())
def test_spans_lie_inside_the_text(search: Search, value: str, text: str, known: bool) -> None:
    seeds = seeds_of(search, value, known=known)
    search.add_value(seeds, value, "IDNUM")
    for span in search.find(Note(f"{text} {value} {text}"), seeds, "test"):
        assert 0 <= span.start < span.end <= 2 * len(text) + len(value) + 2


@given(
    st.sampled_from(["Nguyen", "Okafor", "Hernandez", "Patterson"]),
    st.integers(0, 20),
    st.sampled_from("qxz"),
)
def test_one_wrong_letter_is_found(search: Search, name: str, place: int, letter: str) -> None:
    place = 1 + place % (len(name) - 1)
    text = f"saw {name[:place]}{letter}{name[place + 1 :]} there"
    assert found(search, seeds_of(search, name), text) == [text[4:-6]]
