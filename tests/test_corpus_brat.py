"""BRAT standoff: fragments, line ends, broken lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.corpus.brat import read, to_ann, write
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.note import Note, Span


def _note(folder: Path, text: str, ann: str, strict: bool = True) -> Note:
    (folder / "n.txt").write_bytes(text.encode())
    (folder / "n.ann").write_bytes(ann.encode())
    (note,) = read(folder, strict=strict)
    return note


def test_lines_of_other_kinds_are_passed_over(tmp_path: Path) -> None:
    ann = (
        "T1\tFECHAS 0 10\t03/03/1946\r\n#1\tNotes T1\tx\nR1\tRel Arg1:T1 Arg2:T1\n\nT2\tPAIS 12 18\tEspaña\n"
    )
    note = _note(tmp_path, "03/03/1946, España.", ann)
    assert note.spans == [Span(0, 10, "FECHAS"), Span(12, 18, "PAIS")]


def test_fragments(tmp_path: Path) -> None:
    note = _note(tmp_path, "Ana and Lu Roe", "T1\tPATIENT 0 3;11 14\tAna Roe\n")
    assert note.spans == [Span(0, 3, "PATIENT"), Span(11, 14, "PATIENT")]


def test_a_span_over_a_line_end_is_one_span(tmp_path: Path) -> None:
    spans = [Span(0, 8, "PATIENT")]
    ann = to_ann(Note("Ana\r\nRoe.", "n", spans=spans))
    assert ann == "T1\tPATIENT 0 3;5 8\tAna Roe\n"
    assert _note(tmp_path, "Ana\r\nRoe.", ann).spans == spans


@given(st.text("ab \r\n\u2028é🩺", min_size=1), st.data())
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    piece = text[start:end]
    note = Note(text, "n", spans=[Span(start, end, "X")])
    folder = tmp_path_factory.mktemp("brat")
    if not piece.strip("\r\n"):
        with pytest.raises(CorpusError, match="cannot hold"):
            write(folder, [note])
        assert not list(folder.iterdir())
        return
    write(folder, [note])
    (back,) = read(folder, strict=True)
    assert (back.id, back.text) == (note.id, text)
    first = start + len(piece) - len(piece.lstrip("\r\n"))
    assert back.spans == [Span(first, first + len(piece.strip("\r\n")), "X")]


@pytest.mark.parametrize(
    "line",
    [
        "T1\tX 0 99\tQuibbleson",
        "T1\tX 0\tx",
        "T1\tX\tx",
        "T1",
        "T1\tX a b\tx",
        "T1\tX 3 1\tx",
        "T1\tX 0 3;\tx",
        "T1\tX 0 3\tother",
        "T1\tX ¹ 3\tx",
    ],
)
def test_broken_lines_are_named_without_their_text(tmp_path: Path, line: str) -> None:
    with pytest.raises(CorpusError, match=r"n\.ann, line 2: ") as caught:
        _note(tmp_path, "Quibbleson", f"T0\tX 0 10\tQuibbleson\n{line}\n")
    assert "Quibble" not in str(caught.value)


def test_a_missing_ann_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("x")
    with pytest.raises(CorpusError, match=r"n\.ann: missing"):
        list(read(tmp_path))
    (tmp_path / "n.ann").write_text("")
    assert [note.id for note in read(tmp_path / "n.ann")] == ["n"]


def test_a_label_with_a_blank_is_not_written() -> None:
    with pytest.raises(CorpusError):
        to_ann(Note("abc", "n", spans=[Span(0, 1, "A B")]))
