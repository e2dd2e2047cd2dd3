"""The searched view: what it folds, and that every offset leads back."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.layout import WRAP, View

# A part of the view, and the source characters it must lead back to.
CASES = [
    ("composed accent", "for José Roe", "José", "José"),
    ("decomposed accent", "for Jose\u0301 Roe", "José", "Jose\u0301"),
    ("accent at the end of a span", "Rene\u0301", "René", "Rene\u0301"),
    ("two accents on a letter", "Nguye\u0323\u0302n", "Nguyện", "Nguye\u0323\u0302n"),
    ("marks that do not compose", "J\u0332o\u0332h\u0332n Roe", "John", "J\u0332o\u0332h\u0332n"),
    ("marks under digits", "6\u03321\u03327\u0332-555", "617-555", "6\u03321\u03327\u0332-555"),
    ("variation selector", "617\ufe0e-\ufe0e555", "617-555", "617\ufe0e-\ufe0e555"),
    ("zero width space", "Jo\u200bhn Roe", "John", "Jo\u200bhn"),
    ("joiners", "J\u200do\u200ch\u2060n", "John", "J\u200do\u200ch\u2060n"),
    ("grapheme joiner", "Jo\u034fhn", "John", "Jo\u034fhn"),
    ("byte order mark", "\ufeffJohn Roe", "John", "John"),
    ("soft hyphen", "Cam\u00adbridge, MA", "Cambridge", "Cam\u00adbridge"),
    ("bidi marks", "\u202eJohn\u202c Roe", "John", "John\u202c"),
    ("carriage return and line feed", "Roe,\r\n\r\nJane", "Jane", "Jane"),
    ("line feed and carriage return", "Roe,\n\rJane", f",{WRAP}J", ",\n\rJ"),
    ("old line end", "Roe,\rJane", f",{WRAP}J", ",\rJ"),
    ("tab", "MRN\t12345", "MRN 12345", "MRN\t12345"),
    ("NUL and control characters", "MRN\x0012\x1f", "MRN 12 ", "MRN\x0012\x1f"),
    ("no-break space", "555\u00a00123", "555 0123", "555\u00a00123"),
    ("thin space", "555\u20090123", "555 0123", "555\u20090123"),
    ("ideographic space", "555\u30000123", "555 0123", "555\u30000123"),
    ("en dash", "617–555–0123", "617-555-0123", "617–555–0123"),
    ("non-breaking hyphen, minus", "617‑555−0123", "617-555-0123", "617‑555−0123"),
    ("fraction and division slash", "3⁄4∕2019", "3/4/2019", "3⁄4∕2019"),
    ("quotes", "O’Brien “Pat”", 'O\'Brien "Pat"', "O’Brien “Pat”"),
    ("full width", "ＭＲＮ：１２３", "MRN:123", "ＭＲＮ：１２３"),
    ("Arabic digits", "tel ٠١٢٣", "0123", "٠١٢٣"),
    ("Devanagari digits", "tel ०१२३", "0123", "०१२३"),
    ("ligature", "Dr Griﬃn Roe", "Griffin", "Griﬃn"),
    ("ligature cut at its end", "Griﬃn", "Griff", "Griﬃ"),
    ("ligature cut at its start", "Griﬃn", "in", "ﬃn"),
    ("one character behind a whole one", "Griﬃn", "rif", "riﬃ"),
    ("mathematical letters", "by 𝐉𝐨𝐡𝐧 Roe", "John", "𝐉𝐨𝐡𝐧"),
    ("circled letters", "ⒿⓞⒽⓝ", "JoHn", "ⒿⓞⒽⓝ"),
    ("Cyrillic in a Latin word", "by Ѕmіth", "Smith", "Ѕmіth"),
    ("Greek in a Latin word", "ΑnnΑ", "AnnA", "ΑnnΑ"),
    ("a Cyrillic word", "by Анна", "Анна", "Анна"),
    ("ellipsis before a name", "…John", "John", "John"),
    ("wrap in a name", "Mary\n   Smith", f"Mary{WRAP}Smith", "Mary\n   Smith"),
    ("wrap with blanks before it", "Mary  \r\nSmith", f"Mary{WRAP}Smith", "Mary  \r\nSmith"),
    ("wrap in a phone number", "(617)\n555-0123", f"(617){WRAP}555-0123", "(617)\n555-0123"),
    ("wrap behind a hyphen", "617-\n  555-0123", "617-555-0123", "617-\n  555-0123"),
    ("wrap behind a slash", "3/4/\r\n2019", "3/4/2019", "3/4/\r\n2019"),
    ("wrap in a hyphenated name", "Smith-\nJones", "Smith-Jones", "Smith-\nJones"),
    ("line separator", "Mary\u2028Smith", f"Mary{WRAP}Smith", "Mary\u2028Smith"),
    ("next line", "Mary\u0085Smith", f"Mary{WRAP}Smith", "Mary\u0085Smith"),
    ("vertical tab, form feed", "Mary\x0bAnn\x0cSmith", f"Mary{WRAP}Ann{WRAP}Smith", "Mary\x0bAnn\x0cSmith"),
]


@pytest.mark.parametrize(
    ("source", "plain", "original"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_plain_text_leads_back_to_its_source(source: str, plain: str, original: str) -> None:
    view = View(source)
    start = view.text.find(plain)
    assert start >= 0, ascii(view.text)
    low, high = view.span(start, start + len(plain))
    assert source[low:high] == original


@pytest.mark.parametrize(
    "text",
    [
        "end of one.\n\nNext one",
        "end of one.\n   \nNext one",
        "John Roe\nDOB: 3/4/2019",
        "John Roe\n- aspirin",
        "John Roe\n* aspirin",
        "John Roe\n1. aspirin",
        "John Roe\n12) aspirin",
        "John Roe\n-----",
        "John Roe\nName....... Jane",
        "John Roe\n",
        "\nJohn Roe",
    ],
)
def test_blank_lines_items_and_fields_stay_hard(text: str) -> None:
    assert View(text).text == text
    assert View(text.replace("\n", "\r\n")).text == text


@pytest.mark.parametrize(
    "end", ["\n", "\r\n", "\r", "\n\r", "\r\r\n", "\x0b", "\x0c", "\u2028", "\u2029", "\x85"]
)
def test_a_blank_line_stays_one_whatever_ends_the_lines(end: str) -> None:
    assert View(f"one{end}{end}two").text == "one\n\ntwo"
    assert View(f"one{end}two").text == f"one{WRAP}two"


def test_fractions_are_not_read_as_numbers() -> None:
    assert View("take 1½ daily").text == "take 1½ daily"


def test_lower_keeps_length_where_lower_case_is_longer() -> None:
    view = View("İstanbul STRASSE")
    assert len(view.lower) == len(view.text)
    assert view.lower.endswith("stanbul strasse")


HOSTILE = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "aZ9 -/\n\r\t\x00\x0b\x0c\x85\u00ad\u200b\u0301\u0332\ufe0f\u2028\u00a0"
            "–’ﬃﷺ½٣Аα𝐉İŉ\ud83d\udc68👨🏽…:."
        ),
        st.characters(),
    ),
    max_size=60,
)


@given(HOSTILE)
def test_offsets_lead_back_for_any_text(source: str) -> None:
    view = View(source)
    length = len(view.text)
    assert len(view.lower) == length
    spans = [view.span(at, at + 1) for at in range(length)]
    assert all(0 <= start < end <= len(source) for start, end in spans)
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    assert starts == sorted(starts)
    assert ends == sorted(ends)
    assert all(next_start in (start, end) for (start, end), (next_start, _) in pairwise(spans))
    if spans:
        assert ends[-1] == len(source)


@given(HOSTILE, st.data())
def test_a_range_covers_what_its_characters_cover(source: str, data: st.DataObject) -> None:
    view = View(source)
    if not view.text:
        return
    start = data.draw(st.integers(0, len(view.text) - 1))
    end = data.draw(st.integers(start + 1, len(view.text)))
    each = [view.span(at, at + 1) for at in range(start, end)]
    assert view.span(start, end) == (each[0][0], each[-1][1])


@given(HOSTILE)
def test_the_view_is_plain(source: str) -> None:
    text = View(source).text
    assert not set(text) & set("\r\t\x00\x0c\x7f\x85\u00ad\u200b\u2028\ufeff\u00a0–’٣")
    assert all(a.strip() for a, mark in pairwise(text) if mark == WRAP)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,;0123456789'"))
def test_plain_text_is_its_own_view(source: str) -> None:
    view = View(source)
    assert view.text == source
    assert all(view.span(at, at + 1) == (at, at + 1) for at in range(len(source)))


@given(
    st.sampled_from(["John", "Mary Smith", "617-555-0123", "José"]),
    st.text(alphabet="\u200b\u00ad\u2060\ufeff\u202e", max_size=9),
)
def test_invisible_marks_between_letters_change_nothing(name: str, marks: str) -> None:
    source = "".join(char + marks for char in name)
    view = View(source)
    assert view.text == name
    assert view.span(0, len(name)) == (0, len(source))


@pytest.mark.parametrize(
    "unit", ["\r", " ", "\n", "-\n", "a \n", "\u0301", "é", "A:", "Аa", "\n ", "ﬃ", "\u200b"]
)
def test_time_grows_with_length_not_its_square(unit: str) -> None:
    started = time.process_time()
    View(unit * (400_000 // len(unit)))
    assert time.process_time() - started < 4


def test_a_note_in_ascii_costs_little() -> None:
    note = (
        "Mr. Roe was seen on 3/4 for chest pain\nand left with his wife Jane.\n\nPlan: aspirin\n- rest\n"
        * 5_000
    )
    best = min(_seconds(note) for _ in range(3))
    assert len(note) / best > 1_000_000


def _seconds(note: str) -> float:
    started = time.process_time()
    View(note)
    return time.process_time() - started
