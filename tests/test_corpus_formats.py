"""The front: every format of the table, recognised by its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.formats import read, recognise, write
from nlp_deid.note import Note, Span

FIXTURES = Path(__file__).parent / "fixtures" / "corpus"
NOTES = [
    Note("Ana Roe\r\nseen 3/4.\n", "a/1", spans=[Span(0, 7, "PATIENT"), Span(14, 17, "DATE")]),
    Note("ünïcode 🩺 Ola", "b", spans=[Span(10, 13, "DOCTOR")]),
]


@pytest.mark.parametrize("name", ["text", "jsonl", "i2b2", "brat"])
def test_what_is_written_is_recognised_and_read_back(tmp_path: Path, name: str) -> None:
    path = tmp_path / ("out.jsonl" if name == "jsonl" else "out")
    write(path, NOTES, name)
    assert recognise(path) == name
    back = list(read(path, strict=True))
    assert [(note.id, note.text) for note in back] == [(note.id, note.text) for note in NOTES]
    if name != "text":
        assert [list(note.spans) for note in back] == [list(note.spans) for note in NOTES]
        mapped = read(path, labels={"DATE": "OTHER", "DOCTOR": ""})
        assert [[span.label for span in note.spans] for note in mapped] == [["PATIENT", "OTHER"], []]


def test_recognise_files(tmp_path: Path) -> None:
    assert recognise(FIXTURES / "inline_2006.xml") == "i2b2_2006"
    assert recognise(FIXTURES / "110-02.xml") == "i2b2"
    for name, expected in {
        "a.JSONL": "jsonl",
        "a.b.jsonl.gz": "jsonl",
        "a.JSON": "label_studio",
        "a.txt": "text",
        "a.ann": "brat",
    }.items():
        (tmp_path / name).touch()
        assert recognise(tmp_path / name) == expected


def test_what_cannot_be_recognised(tmp_path: Path) -> None:
    (tmp_path / "n.docx").touch()
    for path, message in (
        (tmp_path / "n.docx", "unknown suffix"),
        (tmp_path, "holds no"),
        (tmp_path / "gone", "no such file"),
    ):
        with pytest.raises(CorpusError, match=message):
            recognise(path)
    (tmp_path / "a.xml").touch()
    (tmp_path / "a.txt").touch()
    with pytest.raises(CorpusError, match="several formats"):
        recognise(tmp_path)


def test_unknown_and_read_only_formats(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="unknown format 'csv'; known: text, jsonl"):
        write(tmp_path / "x", NOTES, "csv")
    with pytest.raises(CorpusError, match="only read"):
        write(tmp_path / "x", NOTES, "i2b2_2006")


def test_a_format_is_imported_when_it_is_used() -> None:
    code = "import sys, nlp_deid.corpus.formats; sys.exit(any('i2b2' in name for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=FIXTURES.parents[2], check=False).returncode == 0
