"""Plain text: encodings, bytes kept, refusals without text."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.text import decode, read, to_bytes, write
from nlp_deid.note import Note

CANARY = "Zyxhold Quibbleson"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("Märta".encode(), "Märta"),
        (b"\xef\xbb\xbfJo", "Jo"),
        ("Jo\r\nMä".encode("utf-16"), "Jo\r\nMä"),
        (b"\xfe\xff" + "Jo".encode("utf-16-be"), "Jo"),
        (b"\xff\xfe\x00\x00" + "Jo".encode("utf-32-le"), "Jo"),
        (b"a\x00b\rc\nd\r\n", "a\x00b\rc\nd\r\n"),
    ],
)
def test_decode(data: bytes, text: str) -> None:
    assert decode(data, "x") == text


@pytest.mark.parametrize(
    ("data", "position"),
    [
        (b"abc\xff", 3),
        (b"\xef\xbb\xbfab\xe9x", 5),  # the offset counts from the start of the file
        (b"ab\xed\xa0\x80", 2),  # half of a surrogate pair
        (b"\xff\xfeJ\x00\x00\xd8", 4),
    ],
)
def test_bytes_that_are_no_text_are_named_by_offset(data: bytes, position: int) -> None:
    with pytest.raises(CorpusError, match=rf"^note\.txt: not valid .* at byte {position}$"):
        decode(data, "note.txt")


def test_utf16_without_its_mark_is_refused() -> None:
    with pytest.raises(CorpusError, match="byte order mark"):
        decode("Seen by Dr. Varga".encode("utf-16-le"), "note.txt")


def test_no_text_in_the_error_or_its_chain() -> None:
    with pytest.raises(CorpusError) as caught:
        decode(CANARY.encode() + b"\xff", "note.txt")
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value.args)
    assert "Quibble" not in shown


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_bytes_round_trip(text: str) -> None:
    if text.count("\0") * 3 < len(text.encode()):  # else it looks like UTF-16
        assert decode(to_bytes(text, "x"), "x") == text


def test_folder_round_trip_keeps_bytes(tmp_path: Path) -> None:
    texts = {"b": "\ufeffmark\r\n", "a/one.two": "line\nline\r", "a/é": "\x00 \u2028 é 🩺"}
    write(tmp_path, [Note(text, name) for name, text in texts.items()])
    assert (tmp_path / "a/one.two.txt").read_bytes() == b"line\nline\r"
    assert {note.id: note.text for note in read(tmp_path)} == texts
    assert not list(tmp_path.rglob("*.part"))


def test_one_file_and_hidden_files(tmp_path: Path) -> None:
    (tmp_path / ".hidden.txt").write_text("x")
    (tmp_path / "n1.TXT").write_text("one")
    assert [(note.id, note.text) for note in read(tmp_path)] == [("n1", "one")]
    assert [note.id for note in read(tmp_path / "n1.TXT")] == ["n1"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no \.txt file"):
        list(read(tmp_path))
    with pytest.raises(CorpusError, match="no such file"):
        list(read(tmp_path / "gone"))


def test_two_files_of_one_id(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("a")
    (tmp_path / "n.TXT").write_text("b")
    if len(list(tmp_path.iterdir())) == 2:  # not on a file system that ignores case
        with pytest.raises(CorpusError, match="'n' occurs twice"):
            list(read(tmp_path))


def test_lone_surrogate_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="note 'n': lone surrogate at character 2") as caught:
        write(tmp_path, [Note("ab\ud800", "n")])
    assert caught.value.__context__ is None
    assert not list(tmp_path.rglob("*.*"))
