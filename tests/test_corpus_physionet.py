"""PhysioNet's deid corpus: records, phrases, positions, broken files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.physionet import read
from nlp_deid.labels import SCHEMES, from_scheme
from nlp_deid.note import Note, Span

_FIRST = "Seen by Dr Quill-Adair\non 3/14.\n"
_SECOND = "\nÉva Moss,\r\n92 yo\x0c\n"
_TEXT = (
    f"\nSTART_OF_RECORD=3||||1||||\n{_FIRST}||||END_OF_RECORD\n\n"
    f"START_OF_RECORD=3||||12||||\n{_SECOND}||||END_OF_RECORD\n"
)
_PHRASES = (
    "3 1 11 22 HCPName Quill-Adair\n3 1 26 30 Date 3/14\n\n3 12 1 9 PTName Éva Moss\n3 12 12 14 Age 92\n"
)
_POSITIONS = "\nPatient 3\tNote 1\n11\t11\t22\n26\t26\t30\n\nPatient 3\tNote 12\n1\t1\t9\n12\t12\t14\n"


def _notes(folder: Path, text: str = _TEXT, strict: bool = True, **files: str) -> list[Note]:
    (folder / "id.text").write_bytes(text.encode())
    for name, data in files.items():
        (folder / {"phrase": "id-phi.phrase"}.get(name, f"id.{name}")).write_bytes(data.encode())
    return list(read(folder / "id.text", strict=strict))


def test_phrases(tmp_path: Path) -> None:
    one, other = _notes(tmp_path, phrase=_PHRASES, phi="")
    assert (one.id, one.patient, one.text) == ("3-1", "3", _FIRST)
    assert (other.id, other.patient, other.text) == ("3-12", "3", _SECOND)
    assert one.spans == [Span(11, 22, "HCPName"), Span(26, 30, "Date")]
    assert other.spans == [Span(1, 9, "PTName"), Span(12, 14, "Age")]


@pytest.mark.parametrize("name", ["phi", "deid"])
def test_positions_have_no_types(name: str, tmp_path: Path) -> None:
    one, other = _notes(tmp_path, **{name: _POSITIONS})
    assert one.spans == [Span(11, 22, "PHI"), Span(26, 30, "PHI")]
    assert other.spans == [Span(1, 9, "PHI"), Span(12, 14, "PHI")]


def test_a_file_of_positions_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "deid.phi").write_text(_POSITIONS)
    assert [len(note.spans) for note in _notes(tmp_path)] == [2, 2]


def test_through_the_table_of_formats(tmp_path: Path) -> None:
    assert "physionet" in SCHEMES
    _notes(tmp_path, phrase=_PHRASES)
    types = {name: from_scheme("physionet", name) for name in ("HCPName", "PTName", "Date", "Age")}
    assert formats.recognise(tmp_path) == formats.recognise(tmp_path / "id.text") == "physionet"
    labels = [span.label for note in formats.read(tmp_path, labels=types) for span in note.spans]
    assert labels == ["DOCTOR", "DATE", "PATIENT", "AGE"]
    with pytest.raises(CorpusError, match="only read"):
        formats.write(tmp_path / "out", [], "physionet")


def test_ids_of_several_files(tmp_path: Path) -> None:
    _notes(tmp_path, phrase=_PHRASES)
    (tmp_path / "b.text").write_text(_TEXT)
    (tmp_path / "b.phi").write_text("")
    assert [note.id for note in read(tmp_path)] == ["b/3-1", "b/3-12", "id/3-1", "id/3-12"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (_TEXT.replace("START_OF_RECORD=3||||12||||", ""), "line 9"),
        (_TEXT.replace("||||END_OF_RECORD\n\n", ""), "line 5"),
        (_TEXT.removesuffix("||||END_OF_RECORD\n"), "does not end"),
        ("Quill" + _TEXT, "line 1"),
        (_TEXT.replace("3||||12", "3||||1"), "'3-1' occurs twice"),
    ],
)
def test_broken_records(text: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=place) as error:
        _notes(tmp_path, text, phi="")
    assert "id.text" in str(error.value)
    assert "Quill" not in str(error.value).replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("3 1 11\n", "line 1: not patient"),
        ("\n3 1 11 1e9 HCPName Quill\n", "line 2: a span offset"),
        ("3 1 11 900 HCPName Quill\n", "line 1: span"),
        ("3 1 22 11 HCPName Quill\n", "line 1: span"),
        ("3 1 8 22 HCPName Quill\n", "line 1: the phrase"),
        ("3 1 0 9 A Seen by D\n3 1 8 10 B Dr\n", "patient 3, note 1: spans"),
        ("4 1 0 2 HCPName Quill\n", "PHI of patient 4, note 1"),
    ],
)
def test_broken_phrases(line: str, place: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=place) as error:
        _notes(tmp_path, phrase=line)
    assert "id-phi.phrase" in str(error.value)
    assert "Quill" not in str(error.value)


def test_a_phrase_that_differs_passes_unless_strict(tmp_path: Path) -> None:
    one, _ = _notes(tmp_path, phrase="3 1 8 22 HCPName Quill\n", strict=False)
    assert one.spans == [Span(8, 22, "HCPName")]


@pytest.mark.parametrize(
    "line", ["11\t11\t22\n", "Patient 3\tNote 1\n11\t22\n", "Patient 3\tNote 1\nx\tx\ty\n"]
)
def test_broken_positions(line: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"id\.phi, line"):
        _notes(tmp_path, phi=line)


def test_no_file_of_phi(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"neither id-phi\.phrase nor id\.phi"):
        _notes(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"no \.text file"):
        list(read(tmp_path / "empty"))
