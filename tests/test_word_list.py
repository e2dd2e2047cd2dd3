"""detect/word_list.py: words without weight, words no find begins with, words a find ends with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.detect.rules import RuleError, Rules
from nlp_deid.detect.word_list import WordList
from nlp_deid.note import Note

STOPS = WordList("from at the in or seen dictat*")
GENERIC = WordList("pain & heart *ology")
JOBS = WordList("driver cook")


def test_words_and_stems_in_any_case():
    assert [word in STOPS for word in ("From", "DICTATED", "Fromm")] == [True, True, False]
    assert [word in GENERIC for word in ("Cardiology", "logy")] == [True, False]


@pytest.mark.parametrize(
    ("text", "small"),
    [
        ("Seen At Kestrel FROM THE East", "seen at Kestrel from the East"),
        ("A. Roe In-house O'In", "A. Roe in-house O'In"),
        ("Salem, OR 97301 and Elkton IN 47001", "Salem, OR 97301 and Elkton IN 47001"),
        ("Elkton|IN|47001", "Elkton|IN|47001"),
        ("IN KESTREL OR ELSEWHERE", "in KESTREL or ELSEWHERE"),
    ],
)
def test_words_of_the_list_lose_their_capitals_but_codes_and_initials_do_not(text, small):
    assert STOPS.in_small(text) == small


@given(st.text(alphabet="AaIiNnOoRr .,|-'019é\n\v", max_size=60))
def test_small_text_keeps_its_length_and_all_other_letters(text):
    small = STOPS.in_small(text)
    assert (len(small), small.lower()) == (len(text), text.lower())
    assert STOPS.in_small(small) == small


def test_leading_words_are_skipped_up_to_the_end():
    text = "x Pain & Heart Kestrel Clinic"
    assert text[GENERIC.skip(text, 2, len(text)) :] == "Kestrel Clinic"
    assert GENERIC.skip(text, 2, 14) == 14
    assert GENERIC.skip(text, 0, len(text)) == 0


def test_a_find_goes_back_to_its_last_listed_word_or_plural():
    text = "truck drivers who cook late"
    assert text[: JOBS.back(text, 0, len(text))] == "truck drivers who cook"
    assert text[: JOBS.back(text, 0, 17)] == "truck drivers"
    assert JOBS.back("no such thing", 0, 13) == 0


SITE = r"""
words:
  dull: seen at
  kinds_of_care: pain
  trades: driver
rules:
- id: site.house
  why: houses
  label: HOSPITAL
  score: 0.8
  small: dull
  not_first: kinds_of_care
  pattern: '(?P<kind>Clinic)(?<=(?P<phi>(?:\p{Lu}\w+ ){1,3}Clinic))'
  match: ['[[Kestrel Clinic]]', 'x [[Alder Clinic]]']
  no_match: [x, y]
- id: site.trade
  why: trades
  label: PROFESSION
  score: 0.8
  last: trades
  pattern: 'works as (?P<phi>\w+(?: \w+){0,3})'
  match: ['works as [[driver]] now', 'works as [[bus driver]]']
  no_match: [x, y]
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site.yaml").write_text(SITE, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "finds"),
    [
        ("Seen At Kestrel Clinic", ["Kestrel Clinic"]),
        ("Pain Kestrel Clinic", ["Kestrel Clinic"]),
        ("Pain Clinic", []),
        ("works as night bus driver for us", ["night bus driver"]),
        ("works as night owl for us", []),
    ],
)
def test_rules_trim_their_finds_by_lists(site, text, finds):
    only = Rules(folders=[site], shipped=False)
    assert [text[span.start : span.end] for span in only.find(Note(text))] == finds


def test_an_unknown_list_is_refused_by_name(site):
    path = site / "site.yaml"
    path.write_text(path.read_text("utf-8").replace("small: dull", "small: dim"), encoding="utf-8")
    with pytest.raises(RuleError, match=r"site\.house: small: unknown list dim; known: .*dull"):
        Rules(folders=[site])
