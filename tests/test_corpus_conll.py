"""CoNLL columns: every kind of tag, documents, broken lines, writing."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.conll import read, to_conll, write
from nlp_deid.note import Note, Span


def _read(folder: Path, text: str, strict: bool = True) -> list[Note]:
    (folder / "a.conll").write_bytes(text.encode())
    return list(read(folder / "a.conll", strict=strict))


def _found(folder: Path, tags: str) -> list[tuple[str, str]]:
    """Text and label of the spans of a sentence "t0 t1 ..." with these tags."""
    (note,) = _read(folder, "".join(f"t{at}\t{tag}\n" for at, tag in enumerate(tags.split())))
    return [(note.text[span.start : span.end], span.label) for span in note.spans]


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("B-A I-A O B-A B-A", [("t0 t1", "A"), ("t3", "A"), ("t4", "A")]),  # BIO
        ("I-A I-A B-A O I-B", [("t0 t1", "A"), ("t2", "A"), ("t4", "B")]),  # the older BIO
        ("B-A I-A E-A S-A S-A", [("t0 t1 t2", "A"), ("t3", "A"), ("t4", "A")]),  # BIOES
        ("B-A L-A U-B O", [("t0 t1", "A"), ("t2", "B")]),  # BILOU
        ("A A O B", [("t0 t1", "A"), ("t3", "B")]),  # IO
        ("E-A E-A I-B L-B", [("t0", "A"), ("t1", "A"), ("t2 t3", "B")]),  # broken ones lose nothing
        ("B-A I-B", [("t0", "A"), ("t1", "B")]),
        ("B-A-1 I-A-1", [("t0 t1", "A-1")]),
        ("O O", []),
    ],
)
def test_kinds_of_tags(tags: str, found: list[tuple[str, str]], tmp_path: Path) -> None:
    assert _found(tmp_path, tags) == found


def test_sentences_and_columns(tmp_path: Path) -> None:
    text = "Tilda NNP I-NP B-PATIENT\r\nMoss NNP I-NP I-PATIENT\r\n\r\n\r\nHome\tx\tI-PATIENT\n"
    (note,) = _read(tmp_path, text)
    assert note.text == "Tilda Moss\nHome\n"
    assert note.spans == [Span(0, 10, "PATIENT"), Span(11, 15, "PATIENT")]
    assert note.id == "a"


def test_documents(tmp_path: Path) -> None:
    start = "-DOCSTART- -X- O O\n\n"
    ids = [(note.id, note.text) for note in _read(tmp_path, f"{start}a O\n{start}{start}b O\n")]
    assert ids == [("a-1", "a\n"), ("a-2", ""), ("a-3", "b\n")]
    assert [note.id for note in _read(tmp_path, f"x O\n\n{start}b O\n")] == ["a-1", "a-2"]
    assert [(note.id, note.text) for note in _read(tmp_path, "")] == [("a", "")]


@pytest.mark.parametrize(
    ("text", "line"), [("Quill\n", 1), ("a O\n\n\tO\n", 3), ("a O\nb\t\n", 2), ("a\tO O\n", 1)]
)
def test_broken_lines(text: str, line: int, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=rf"a\.conll, line {line}:") as error:
        _read(tmp_path, text)
    assert "Quill" not in str(error.value).replace(str(tmp_path), "")


def test_labels_are_mapped(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Moss B-PER\nYork B-LOC\n")
    (note,) = formats.read(tmp_path, labels={"PER": "PATIENT", "LOC": ""})
    assert note.spans == [Span(0, 4, "PATIENT")]


def test_what_is_written(tmp_path: Path) -> None:
    note = Note(
        "Dr. Quill-\nAdair,  07/04\n\n12mg", "ward/7", spans=[Span(4, 16, "DOCTOR"), Span(19, 21, "DATE")]
    )
    assert to_conll(note) == (
        "Dr\tO\n.\tO\nQuill\tB-DOCTOR\n-\tI-DOCTOR\n\nAdair\tB-DOCTOR\n,\tO\n07\tB-DATE\n/\tO\n04\tO\n\n12mg\tO\n"
    )
    formats.write(tmp_path, [note, Note("", "none")], "conll")
    assert formats.recognise(tmp_path) == "conll"
    back = {note.id: note for note in formats.read(tmp_path)}
    assert back["none"].text == ""
    assert back["ward/7"].text == "Dr . Quill -\nAdair , 07 / 04\n12mg\n"
    assert [s.label for s in back["ward/7"].spans] == ["DOCTOR", "DOCTOR", "DATE"]


@pytest.mark.parametrize(
    "spans", [[Span(0, 4, "A"), Span(3, 5, "B")], [Span(0, 4, "A B")], [Span(0, 4, " ")], [Span(4, 5, "A")]]
)
def test_what_cannot_be_written(spans: list[Span]) -> None:
    with pytest.raises(CorpusError, match="note 'n': CoNLL cannot hold span") as error:
        to_conll(Note("Moss Home", "n", spans=spans))
    assert "Moss" not in str(error.value)


def test_half_a_surrogate_pair(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="surrogate"):
        write(tmp_path, [Note("a \ud800", "n")])


_SIGNS = st.text("aé1 -\t\u2028\ufeff\x1c.", max_size=20)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_SIGNS, st.booleans()), max_size=6))
def test_tokens_and_spans_come_back(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, bool]]
) -> None:
    folder = tmp_path_factory.mktemp("conll")
    text, spans = "", []
    for part, marked in parts:
        if marked and part.strip():
            spans.append(Span(len(text), len(text) + len(part), "A"))
        text += part
    write(folder, [Note(text, "n", spans=spans)])
    (note,) = read(folder)
    token = re.compile(r"\w+|\S")
    edges = sorted({edge for span in spans for edge in (span.start, span.end)} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(edges)]
    assert note.text.split() == [found for piece in pieces for found in token.findall(piece)]
    wanted = [token.findall(text[span.start : span.end]) for span in spans]
    assert [note.text[span.start : span.end].split() for span in note.spans] == wanted
