"""Units, BIOES tags, and the way from source to view and back."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.layout import WRAP
from nlp_deid.note import Note, Span
from nlp_deid.taggers.bio import TagError, Tags
from nlp_deid.taggers.tagger import places_of
from nlp_deid.taggers.units import split

_TEXT = st.text(max_size=60) | st.text("aB1é\u0301 .-\n\x0b\u00ad\u200bﬁ½", max_size=60)
_TAGS = Tags(("NAME", "DATE", "ID"))


@settings(deadline=None)
@given(_TEXT)
def test_units_cover_every_character_but_blanks(text: str) -> None:
    units = split(text)
    covered = set()
    for unit, start, end in zip(units.texts, units.starts, units.ends, strict=True):
        assert text[start:end] == unit != ""
        covered |= set(range(start, end))
    assert all(a <= b for a, b in zip(units.ends, units.starts[1:], strict=False))
    blank = {at for at, char in enumerate(text) if char.isspace() and char not in "\n" + WRAP}
    assert covered | blank == set(range(len(text)))


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("SmithMRN 12a", ["Smith", "MRN", "12", "a"]),
        ("McDonald", ["Mc", "Donald"]),
        ("USAid", ["US", "Aid"]),
        ("O'Brien-Ruiz", ["O", "'", "Brien", "-", "Ruiz"]),
        ("03/04\nx", ["03", "/", "04", "\n", "x"]),
        ("E\u0301mile", ["E\u0301", "mile"]),
    ],
)
def test_units_of(text: str, texts: list[str]) -> None:
    assert split(text).texts == texts


@st.composite
def _tagged(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, str]]]:
    """A text and spans of whole units, [first unit, behind the last)."""
    text = draw(_TEXT)
    total = len(split(text))
    edges = sorted(draw(st.sets(st.integers(0, total), max_size=8)))
    spans = [(a, b, draw(st.sampled_from(_TAGS.labels))) for a, b in pairwise(edges)]
    return text, [span for span in spans if draw(st.booleans())]


@settings(deadline=None)
@given(_tagged())
def test_decode_undoes_encode(case: tuple[str, list[tuple[int, int, str]]]) -> None:
    text, spans = case
    units = split(text)
    places = [(int(units.starts[a]), int(units.ends[b - 1]), label) for a, b, label in spans]
    tags = _TAGS.encode(places, units)
    assert _TAGS.decode(tags) == spans
    assert all(_TAGS.follows[a, b] for a, b in pairwise(tags))


@settings(deadline=None)
@given(st.lists(st.integers(0, len(_TAGS) - 1), max_size=12))
def test_any_row_of_tags_keeps_every_tagged_unit(tags: list[int]) -> None:
    spans = _TAGS.decode(tags)
    covered = [at for first, last, _ in spans for at in range(first, last)]
    assert covered == [at for at, tag in enumerate(tags) if tag]
    for first, last, label in spans:
        assert {_TAGS.names[tag][2:] for tag in tags[first:last]} == {label}


def test_grammar() -> None:
    tags = Tags(("X", "Y"))
    after = {"O": "OBS", "B": "IE", "I": "IE", "E": "OBS", "S": "OBS"}
    for (i, one), (j, other) in product(enumerate(tags.names), repeat=2):
        same = one[1:] == other[1:]
        assert tags.follows[i, j] == (other[0] in after[one[0]] and (same or one[0] in "OES"))


def test_a_span_inside_a_unit_takes_the_whole_unit() -> None:
    units = split("seen Falkenberg today")
    assert _TAGS.decode(_TAGS.encode([(7, 9, "NAME")], units)) == [(1, 2, "NAME")]


def test_two_spans_that_touch_one_unit() -> None:
    units = split("12345 67")
    assert _TAGS.decode(_TAGS.encode([(0, 2, "ID"), (2, 8, "DATE")], units)) == [(0, 1, "ID"), (1, 2, "DATE")]


@pytest.mark.parametrize("spans", [[(0, 4, "WHAT")], [(0, 4, "ID"), (3, 5, "ID")], [(2, 2, "ID")]])
def test_spans_that_cannot_be_tags(spans: list[tuple[int, int, str]]) -> None:
    with pytest.raises(TagError) as error:
        _TAGS.encode(spans, split("Falk Quill"))
    assert "Falk" not in str(error.value)


def test_labels_given_twice() -> None:
    with pytest.raises(TagError, match="twice"):
        Tags(("A", "A"))


@settings(deadline=None)
@given(_TEXT, st.data())
def test_a_gold_span_comes_back_from_the_view_with_all_its_characters(text: str, data: st.DataObject) -> None:
    note = Note(text)
    units = split(note.view.text)
    if not len(units):
        return
    first = data.draw(st.integers(0, len(units) - 1))
    last = data.draw(st.integers(first + 1, len(units)))
    start, end = note.view.span(int(units.starts[first]), int(units.ends[last - 1]))
    note.spans = [Span(start, end, "ID")]
    ((a, b, _),) = _TAGS.decode(_TAGS.encode(places_of(note), units))
    # A character that the view writes as several units is taken whole.
    assert a <= first
    assert last <= b
    assert note.view.span(int(units.starts[a]), int(units.ends[b - 1])) == (start, end)


def test_tags_are_small_numbers_in_a_fixed_order() -> None:
    tags = Tags(("X", "Y"))
    assert tags.names == ["O", "B-X", "I-X", "E-X", "S-X", "B-Y", "I-Y", "E-Y", "S-Y"]
    assert tags.encode([(0, 1, "Y")], split("a b")).dtype == np.int64
