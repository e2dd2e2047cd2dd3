"""training/markup.py: inline markup and back, and errors that tell a place and no text."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span

TRAINING = Path(__file__).parents[1] / "training"


@pytest.fixture(scope="module")
def markup() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAINING))
        yield import_module("markup")
        sys.modules.pop("markup", None)


def test_marks_become_spans(markup: ModuleType) -> None:
    note = markup.parse("Dr. {{DOCTOR|Ada\nWinborne}}, {{DATE|3|4}}.", "x1")
    assert note.text == "Dr. Ada\nWinborne, 3|4."
    assert note.spans == [Span(4, 16, "DOCTOR"), Span(18, 21, "DATE")]
    assert note.id == "x1"


_PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="{}"), max_size=12)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(_PLAIN, st.sampled_from(sorted(LABELS)), _PLAIN.filter(bool)), max_size=6), _PLAIN)
def test_a_note_is_the_same_after_writing_and_reading(
    markup: ModuleType, tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str, str]], end: str
) -> None:
    text, spans = "", []
    for between, label, surface in parts:
        text += between
        spans.append(Span(len(text), len(text) + len(surface), label))
        text += surface
    note = Note(text + end, "a1", spans=spans)
    assert (again := markup.parse(markup.render(note))).text == note.text
    assert again.spans == spans
    path = tmp_path_factory.mktemp("notes") / "t1" / "a1_letter.txt"
    markup.write(path, note)
    assert ((read := markup.read(path)).text, read.spans, read.id) == (note.text, spans, "a1")


@pytest.mark.parametrize(
    ("marked", "place", "problem"),
    [
        ("one\nSecret {{NAME|Ada}}", "line 2, column 8", "no known label"),
        ("{{DOCTOR|Secret", "line 1, column 16", "not closed"),
        ("Secret }}", "line 1, column 8", "not opened"),
        ("{{DOCTOR|Secret {{DATE|1}}", "line 1, column 17", "a mark within a mark"),
        ("Secret {{DATE|}}", "line 1, column 15", "an empty DATE"),
        ("{{{{DATE|1}}}}", "line 1, column 1", "no known label"),
    ],
)
def test_errors_tell_file_and_place_but_no_text(
    markup: ModuleType, tmp_path: Path, marked: str, place: str, problem: str
) -> None:
    path = tmp_path / "b2_note.txt"
    path.write_text(marked, encoding="utf-8")
    with pytest.raises(markup.MarkupError) as caught:
        markup.read(path)
    message = str(caught.value)
    assert "b2_note.txt" in message
    assert place in message
    assert problem in message
    assert "Secret" not in message


def test_what_cannot_be_written_is_refused(markup: ModuleType) -> None:
    with pytest.raises(markup.MarkupError, match="overlaps"):
        markup.render(Note("abcd", "x", spans=[Span(0, 3, "DATE"), Span(2, 4, "DATE")]))
    with pytest.raises(markup.MarkupError, match="leaves the text"):
        markup.render(Note("abcd", "x", spans=[Span(2, 9, "DATE")]))
    with pytest.raises(markup.MarkupError):
        markup.render(Note("a }} b", "x"))


def test_two_notes_with_one_id_and_bytes_that_are_no_text_are_refused(
    markup: ModuleType, tmp_path: Path
) -> None:
    for folder in ("t1", "t2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "c3_note.txt").write_text("x", encoding="utf-8")
    with pytest.raises(markup.MarkupError, match="c3"):
        list(markup.read_folder(tmp_path))
    (tmp_path / "d4_note.txt").write_bytes(b"ab\xff")
    with pytest.raises(markup.MarkupError, match="byte 2"):
        markup.read(tmp_path / "d4_note.txt")
