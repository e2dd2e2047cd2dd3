"""Counts of one note, against a slow count character by character."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.note import Note, Span
from nlp_deid.scoring import Score, Share, Tokens, category, make_pair, removed_terms, score_note

LABELS = ("PATIENT", "CITY")
TEXTS = st.text("ab1_é-. \n", max_size=14)


@st.composite
def ranges(draw: st.DrawFn, length: int) -> tuple[int, int]:
    start = draw(st.integers(0, length - 1))
    return start, draw(st.integers(start + 1, length))


@st.composite
def cases(draw: st.DrawFn) -> tuple[str, list[Span], list[Span], list[tuple[int, int]]]:
    text = draw(TEXTS)
    if not text:
        return "", [], [], []
    spans = st.lists(
        st.builds(lambda r, label: Span(*r, label), ranges(len(text)), st.sampled_from(LABELS)), max_size=3
    )
    return text, draw(spans), draw(spans), draw(st.lists(ranges(len(text)), max_size=2))


@given(cases())
def test_tokens_and_characters_as_a_slow_count_has_them(
    case: tuple[str, list[Span], list[Span], list[tuple[int, int]]],
) -> None:
    text, gold, found, ignore = case
    ignored = {i for start, end in ignore for i in range(start, end)}

    def characters(spans: list[Span]) -> set[int]:
        return {i for s in spans for i in range(s.start, s.end)}

    tokens = [set(range(*match.span())) for match in re.finditer(r"\w+|\S", text)]
    scored = [token for token in tokens if not token & ignored]
    phi, taken = characters(gold), characters(found)
    expected = Score(
        sum(bool(t & phi) and bool(t & taken) for t in scored),
        sum(not t & phi and bool(t & taken) for t in scored),
        sum(bool(t & phi) and not t & taken for t in scored),
    )
    score = score_note(make_pair(Note(text, "n", spans=gold), found, ignore))
    assert score.binary == expected
    assert score.full == (expected.fn == 0)
    assert score.redact == Share(len(phi & taken - ignored), len(phi - ignored))
    plain = set(range(len(text))) - phi - ignored
    assert score.removed == Share(len(plain & taken), len(plain))
    for label in LABELS:
        of_label = characters([s for s in gold if s.label == label])
        total = [t for t in scored if t & of_label]
        got = score.binary_labels.get(label, Share())
        assert got == Share(sum(bool(t & taken) for t in total), len(total))


@given(cases())
def test_labels_add_up_and_gold_against_itself_is_perfect(
    case: tuple[str, list[Span], list[Span], list[tuple[int, int]]],
) -> None:
    text, gold, found, ignore = case
    score = score_note(make_pair(Note(text, "n", spans=gold), found, ignore))
    assert sum(score.strict_labels.values(), Score()) == score.strict
    assert sum(score.token_labels.values(), Score()) == score.token
    perfect = score_note(make_pair(Note(text, "n", spans=gold), gold, ignore))
    for part in (perfect.strict, perfect.untyped, perfect.token, perfect.binary):
        assert part.fp == part.fn == 0
    assert perfect.full
    assert perfect.redact.count == perfect.redact.total
    assert perfect.removed.count == 0


def test_one_character_makes_a_token_phi() -> None:
    note = Note("O'Neil-Smith, 1971", "n", spans=[Span(0, 12, "PATIENT")])
    score = score_note(make_pair(note, [Span(5, 8, "CITY")]))
    assert [note.text[a:b] for a, b in Tokens(note.text).ranges] == [
        "O",
        "'",
        "Neil",
        "-",
        "Smith",
        ",",
        "1971",
    ]
    assert score.binary == Score(3, 0, 2)
    assert score.token == Score(0, 3, 5)
    assert score.strict == Score(0, 1, 1)
    assert not score.full


def test_span_measures() -> None:
    note = Note("Ana Roe of Reno", "n", spans=[Span(0, 7, "PATIENT"), Span(11, 15, "CITY")])
    score = score_note(make_pair(note, [Span(0, 7, "DOCTOR"), Span(11, 15, "CITY"), Span(8, 10, "CITY")]))
    assert score.strict == Score(1, 2, 1)
    assert score.strict_labels == {
        "PATIENT": Score(0, 0, 1),
        "DOCTOR": Score(0, 1, 0),
        "CITY": Score(1, 1, 0),
    }
    assert score.untyped == Score(2, 1, 0)
    assert score.untyped_labels == {"PATIENT": Share(1, 1), "CITY": Share(1, 1)}


def test_ignored_ranges_count_neither_way() -> None:
    note = Note("Dr. X saw Ana in Reno", "n", spans=[Span(4, 5, "DOCTOR"), Span(10, 13, "PATIENT")])
    found = [Span(0, 5, "DOCTOR"), Span(10, 13, "PATIENT")]
    score = score_note(make_pair(note, found, [(0, 5)]))
    assert score.strict == score.untyped == Score(1, 0, 0)
    assert score.binary == Score(1, 0, 0)
    assert score.redact == Share(3, 3)
    assert score.removed == Share(0, 13)
    # one span over an ignored range and PHI still covers the PHI
    wide = score_note(make_pair(note, [Span(0, 13, "DOCTOR")], [(0, 5)]))
    assert wide.binary == Score(1, 1, 0)
    assert wide.strict == Score(0, 0, 1)


def test_terms_wrongly_removed() -> None:
    note = Note("Foley\n catheter for Ana Roe today", "n", spans=[Span(20, 27, "PATIENT")])
    pair = make_pair(note, [Span(0, 5, "DOCTOR"), Span(7, 33, "PATIENT")])
    assert list(removed_terms(pair)) == ["Foley", "catheter for", "today"]
    assert list(removed_terms(make_pair(note, [Span(0, 15, "DOCTOR")]))) == ["Foley catheter"]


def test_ratios_of_nothing() -> None:
    assert (Score(0, 3, 2).precision, Score().recall, Score().f1) == (0, 0, 0)
    assert Score(6, 2, 4).to_dict() == {
        "tp": 6, "fp": 2, "fn": 4, "precision": 0.75, "recall": 0.6, "f1": pytest.approx(2 / 3)
    }  # fmt: skip
    assert Share().value is None
    assert Share(1, 4).to_dict() == {"count": 1, "total": 4, "value": 0.25}


def test_categories() -> None:
    assert (category("ZIP"), category("FECHAS")) == ("LOCATION", "FECHAS")


def test_spans_behind_the_text_are_refused() -> None:
    for gold, found, ignore in (
        ([Span(0, 9, "CITY")], [], []),
        ([], [Span(0, 9, "CITY")], []),
        ([], [], [(0, 9)]),
    ):
        with pytest.raises(ValueError, match=r"note 'n': \[0, 9\) is outside"):
            make_pair(Note("short", "n", spans=gold), found, ignore)
