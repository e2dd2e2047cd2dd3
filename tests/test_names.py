"""Words of names, and names that the dictionaries alone make likely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import covered, unmark

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.name_words import Kind, NameWords, is_gap, plain
from nlp_deid.detect.names import Names
from nlp_deid.layout import WRAP
from nlp_deid.note import Note


@pytest.fixture(scope="module")
def words() -> NameWords:
    return NameWords(Lexicon.load())


@pytest.fixture(scope="module")
def names() -> Names:
    return Names()


# --- words


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("Nguyen", Kind.NAME),
        ("Margaret", Kind.NAME),
        ("O'Brien", Kind.NAME),
        ("McAllister", Kind.NAME),
        ("Garcia-Lopez", Kind.NAME),
        ("José", Kind.NAME),
        ("White", Kind.EPONYM),
        ("Young", Kind.EPONYM),
        ("Rose", Kind.AMBIGUOUS),
        ("Grace", Kind.AMBIGUOUS),
        ("Foley", Kind.EPONYM),
        ("Crohn", Kind.EPONYM),
        ("Hepatitis", Kind.OTHER),
        ("Walked", Kind.OTHER),
        ("Post-Operative", Kind.OTHER),
        ("Xzqvorl", Kind.UNKNOWN),
        ("J", Kind.INITIAL),
    ],
)
def test_kinds(words: NameWords, word: str, kind: Kind) -> None:
    assert words.word(word, 0).kind is kind


@pytest.mark.parametrize("word", ["Monday", "The", "January", "Patient"])
def test_stops(words: NameWords, word: str) -> None:
    assert words.word(word, 0).stop


def test_a_word_knows_its_lists_and_place(words: NameWords) -> None:
    word = words.word("Mary", 7)
    assert (word.start, word.end, word.first, word.common, word.shout) == (7, 11, True, True, False)
    assert words.word("MARY", 0).shout
    assert not words.word("J", 0).shout
    assert words.word("Rose", 0).nameable
    assert not words.word("Hepatitis", 0).nameable


def test_capitalised_words(words: NameWords) -> None:
    text = "Ann's cat, O'Neil-Roe iPhone (Élan) x5Bad 'Tis"
    found = [word.text for word in words.capitalised(text)]
    assert found == ["Ann", "O'Neil-Roe", "Élan"]


@pytest.mark.parametrize(
    ("between", "gap"),
    [
        (" ", True),
        (WRAP, True),
        (". ", True),
        (".", True),
        (' "', True),
        ('" ', True),
        (" (", True),
        (") ", True),
        ("", False),
        (", ", False),
        ("; ", False),
        ("   ", False),
        ("\n", False),
        (" x ", False),
    ],
)
def test_gaps(between: str, gap: bool) -> None:
    text = f"Ann{between}Roe"
    assert is_gap(text, 3, 3 + len(between)) is gap


def test_plain_drops_accents_and_marks() -> None:
    assert [plain(word) for word in ("O'Brien", "José", "Roe-Lee")] == ["obrien", "jose", "roelee"]


# --- runs of words

FOUND = [
    "met [[Margaret Nguyen]] today",
    "met [[Margaret T. Nguyen]] today",
    "met [[M. Nguyen]] today",
    "met [[Nguyen, Margaret]] today",
    "met [[Nguyen, M]].",
    "met [[Margaret Garcia-Lopez]] today",
    "met [[Margaret van Houten]] today",
    "met [[Maria de la Cruz]] today",
    'met [[Margaret "Peggy" Nguyen]] today',
    "met [[Margaret (Peggy) Nguyen]] today",
    "met [[Margaret\nNguyen]] today",
    "met [[José Hernández]] today",
    "saw [[MARGARET NGUYEN]] today",
    "met [[Kathleen O'Malley]] today",
    "met [[Shauna McAllister]] today",
    "i met [[margaret nguyen]] today",
    "we saw [[Nguyen]] yesterday",
    "saw [[Robert Smith]] and [[Margaret Nguyen]] here",
]
NOT_FOUND = [
    "Chest Pain Assessment and Plan",
    "Physical Examination: Normal",
    "The patient was seen. No acute distress.",
    "Foley catheter placed, Kelly clamp used",
    "a Nguyen clamp was used",
    "12 French Nguyen catheter",
    "Old Nguyen tube out",
    "PT OT SLP CBC BMP MRI CT",
    "January February Monday Tuesday",
    "Aspirin Metoprolol Lisinopril daily",
    "will may rose grace mark",
    "she grew hope and faith",
    "Will you come? May be late.",
    "",
    " \n\n ",
]


@pytest.mark.parametrize("marked", FOUND)
def test_found(names: Names, marked: str) -> None:
    text, ranges = unmark(marked)
    assert covered(text, names.find(Note(text))) == [text[start:end] for start, end in ranges]


@pytest.mark.parametrize("text", NOT_FOUND)
def test_not_found(names: Names, text: str) -> None:
    assert covered(text, names.find(Note(text))) == []


def test_two_names_say_more_than_one(names: Names) -> None:
    def score(text: str) -> float:
        return max(span.score for span in names.find(Note(text)))

    assert score("met Margaret Nguyen") > score("met M. Nguyen") > score("met Nguyen")
    assert score("met Margaret Nguyen") >= 0.9 > score("met Nguyen")


@pytest.mark.parametrize("first", ["Margaret", "Kathleen", "Robert"])
@pytest.mark.parametrize("last", ["Nguyen", "Hernandez", "Patterson"])
def test_upper_case_and_a_wrap_change_nothing(names: Names, first: str, last: str) -> None:
    for text in (f"{first} {last}.", f"{first} {last}.".upper(), f"{first}\n{last}."):
        [stretch] = covered(text, names.find(Note(text)))
        assert stretch == text[:-1]


def test_a_function_word_in_capitals_stands_apart(names: Names) -> None:
    text = "WITH MARGARET NGUYEN."
    assert covered(text, names.find(Note(text))) == ["MARGARET NGUYEN"]


@given(
    st.lists(
        st.sampled_from(
            [
                "Margaret",
                "Nguyen",
                "J.",
                "de",
                "la",
                ",",
                '"Peg"',
                "(",
                "Foley",
                "catheter",
                "\n",
                "é",
                "́",
                "'",
                "-",
                "ﬁ",
            ]
        )
        | st.text(max_size=5),
        max_size=12,
    ),
    st.sampled_from([" ", "", "\n"]),
)
def test_spans_lie_inside_and_begin_and_end_with_a_letter(names: Names, parts: list[str], mark: str) -> None:
    text = mark.join(parts)
    for span in names.find(Note(text)):
        assert 0 <= span.start < span.end <= len(text)
        assert text[span.start].isalpha()
        assert text[span.start : span.end].strip() == text[span.start : span.end]
