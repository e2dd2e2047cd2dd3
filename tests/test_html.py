"""The page of found spans: marks where they belong, all text escaped."""

from __future__ import annotations

import json
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.entries import Entry
from nlp_deid.html import marked, page, write_page
from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span
from nlp_deid.outputs import OutputError
from nlp_deid.predictions import read_found
from nlp_deid.row_sources import same


class Reader(HTMLParser):
    """The text of a page, the tags it uses, and what is inside marks."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.tags, self.found, self.inside = "", set[str](), list[str](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "mark":
            self.inside = True
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag != "mark"

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.inside:
            self.found[-1] += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@given(
    st.text(), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9), st.sampled_from(sorted(CATEGORIES))))
)
def test_the_text_comes_back_and_marks_hold_their_spans(text: str, gaps: list[tuple[int, int, str]]) -> None:
    spans, at = [], 0
    for gap, length, label in gaps:
        start, end = at + gap, at + gap + length
        if end <= len(text):
            spans.append(Span(start, end, label, 0.5, '<b>"source"'))
            at = end
    found = read(marked(Note(text, "n"), spans))
    assert found.text == text
    assert found.found == [text[span.start : span.end] for span in spans]
    assert found.tags <= {"mark"}


@pytest.mark.parametrize("spans", [[Span(0, 3, "DATE"), Span(2, 4, "DATE")], [Span(3, 9, "DATE")]])
def test_spans_that_do_not_fit_are_refused_without_text(spans: list[Span]) -> None:
    with pytest.raises(ValueError, match="note 'n': spans overlap or lie outside") as caught:
        marked(Note("Zqada", "n"), spans)
    assert "Zqada" not in str(caught.value)


def entry(note_id: str, text: str) -> Entry:
    return Entry(note_id, note_id, ".txt", partial(same, Note(text, note_id)))


def test_the_page_stands_alone_and_escapes_everything(tmp_path: Path) -> None:
    notes = [entry("<i>", "<script>alert(1)</script> Zqada & <img src=x onerror=y>"), entry("lost", "Zqbo")]
    target = tmp_path / "page.html"
    write_page(target, notes, {"<i>": [Span(26, 31, "PATIENT", 0.9, "names")]})
    html = target.read_text()
    found = read(html)
    assert found.found == ["Zqada"]
    assert not {"script", "img", "i", "link"} & found.tags
    assert "<script>alert(1)</script>" in found.text
    assert "could not be processed" in found.text
    assert "Zqbo" not in html, "a note without an answer is not shown"
    assert "http" not in html.replace("http-equiv", "")


def test_a_page_that_fails_is_not_written(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    with pytest.raises(OutputError, match="outside the text"):
        write_page(target, [entry("n", "abc")], {"n": [Span(0, 9, "DATE")]})
    with pytest.raises(OutputError, match="cannot be written"):
        write_page(tmp_path / "no" / "page.html", [], {})
    assert list(tmp_path.iterdir()) == []


def test_scores_and_sources_of_found_rows_are_kept(tmp_path: Path) -> None:
    spans = [
        {"start": 0, "end": 2, "label": "DATE", "score": 0.25, "source": "dates"},
        {"start": 2, "end": 4, "label": "DATE", "score": 97, "source": None},
        {"start": 4, "end": 6, "label": "DATE", "score": float("nan")},
        {"start": 6, "end": 8, "label": "DATE", "score": True},
    ]
    (tmp_path / "f.jsonl").write_text(json.dumps({"id": "n", "spans": spans}) + "\n")
    assert read_found(tmp_path / "f.jsonl")["n"] == [
        Span(0, 2, "DATE", 0.25, "dates"),
        *(Span(start, start + 2, "DATE") for start in (2, 4, 6)),
    ]


def test_a_first_line_end_of_the_note_is_kept() -> None:
    html = "".join(page([entry("n", "\nfirst")], {"n": []}))
    assert "<pre>\n\nfirst</pre>" in html, "a browser drops the first line end behind <pre>"
