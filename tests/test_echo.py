"""What was surely found is found again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import covered, unmark

from nlp_deid.detect.echo import Echo
from nlp_deid.detect.seeds import Seeds
from nlp_deid.note import Note, Span


@pytest.fixture(scope="module")
def echo() -> Echo:
    return Echo()


def seeded(echo: Echo, value: str, label: str, score: float = 0.95) -> Seeds:
    return echo.seeds(Note(f"x {value} x"), [Span(2, 2 + len(value), label, score)])


@pytest.mark.parametrize("label", ["PATIENT", "DOCTOR"])
@pytest.mark.parametrize(
    "marked",
    [
        "later [[Okafor]] left",
        "later [[okafor]] left",
        "[[OKAFOR]]'S NOTE",
        "later [[Okafar]] left",
        "user [[nokafor1]] wrote",
        "signed [[N.O.]] here",
        "nothing here",
    ],
)
def test_a_sure_name_is_found_again(echo: Echo, label: str, marked: str) -> None:
    text, ranges = unmark(marked)
    spans = echo.find(Note(text), seeded(echo, "Nkechi Okafor", label))
    assert covered(text, spans) == [text[start:end] for start, end in ranges]
    assert {span.label for span in spans} <= {label, "USERNAME"}
    assert all(span.source.startswith("echo.") for span in spans)


def test_a_name_inside_an_address_is_found(echo: Echo) -> None:
    text = "write to okafor@mail.example"
    assert covered(text, echo.find(Note(text), seeded(echo, "Nkechi Okafor", "DOCTOR")))[0].startswith(
        "okafor"
    )


def test_an_unsure_span_is_no_seed(echo: Echo) -> None:
    assert seeded(echo, "Nkechi Okafor", "DOCTOR", 0.89) == Seeds()
    assert seeded(echo, "Nkechi Okafor", "DOCTOR", 0.9) != Seeds()


@pytest.mark.parametrize("label", ["CITY", "DATE", "AGE", "PROFESSION", "STATE"])
def test_labels_that_do_not_echo(echo: Echo, label: str) -> None:
    assert seeded(echo, "Okaforville 1234", label) == Seeds()


@pytest.mark.parametrize(
    ("value", "label", "marked"),
    [
        ("617-555-0142", "PHONE", "or [[6175550142]] again"),
        ("44881307", "MEDICALRECORD", "or [[4488-1307]] again"),
        ("Mercy Point Clinic", "HOSPITAL", "back at [[Mercy Point Clinic]]"),
        ("1234", "MEDICALRECORD", "or 1234 again"),  # too short to be sure of
    ],
)
def test_values_echo(echo: Echo, value: str, label: str, marked: str) -> None:
    text, ranges = unmark(marked)
    spans = echo.find(Note(text), seeded(echo, value, label))
    assert covered(text, spans) == [text[start:end] for start, end in ranges]
    assert {span.label for span in spans} <= {label}


def test_a_plain_word_echoes_with_a_capital_inside_a_sentence_only(echo: Echo) -> None:
    seeds = seeded(echo, "Rose Okafor", "PATIENT")
    text = "Rose petals. She told Rose that it rose. Rose leaves."
    spans = echo.find(Note(text), seeds)
    assert [(span.start, span.end) for span in spans] == [(22, 26)]


@given(text=st.text(max_size=40), start=st.integers(0, 39), length=st.integers(1, 12))
def test_any_span_of_any_text(echo: Echo, text: str, start: int, length: int) -> None:
    end = min(start + length, len(text))
    if start >= end:
        return
    seeds = echo.seeds(Note(text), [Span(start, end, "PATIENT"), Span(start, end, "PHONE")])
    for span in echo.find(Note(text), seeds):
        assert 0 <= span.start < span.end <= len(text)
