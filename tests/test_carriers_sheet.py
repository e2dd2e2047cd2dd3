"""The sheet: values and texts of one patient agree, pieces get their own part, and errors hold no text."""

from __future__ import annotations

import pickle
import re
from datetime import date

import pytest
from carrier_samples import pipeline
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.carriers.pseudonyms import Pseudonyms, target_type
from nlp_deid.carriers.sheet import CarrierError, Piece, Sheet
from nlp_deid.deid import Deid
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.keys import RandomSource
from nlp_deid.replace.policy import PRESETS


class Marked(Detector):
    """Finds every run of the letter Q, across blanks too."""

    name = "marked"

    def find(self, note: Note) -> list[Span]:
        return [Span(*found.span(), "PATIENT") for found in re.finditer(r"Q[Q\s]*Q|Q", note.text)]


def marked() -> Deid:
    return Deid([Marked()], PRESETS["mask"])


@settings(deadline=None)
@given(st.lists(st.text("Qa \n", max_size=6), min_size=1, max_size=6))
def test_pieces_get_back_their_own_part(parts: list[str]) -> None:
    sheet, got = Sheet(marked()), dict(enumerate(parts))

    def put(at: int) -> Piece:
        return Piece(parts[at], lambda new: got.__setitem__(at, new))

    sheet.text([put(at) for at in range(len(parts))])
    sheet.write()
    assert list(got.values()) == [part.replace("Q", "*") for part in parts]


def test_equal_texts_are_read_once_and_put_everywhere() -> None:
    got: list[str] = []
    sheet = Sheet(pipeline("tag"), "p", known={"PATIENT": ["Zephyrine Quillfeather"]})
    for _ in range(3):
        sheet.text([Piece("Saw Quillfeather.", got.append)])
    sheet.write()
    assert got == ["Saw [PATIENT]."] * 3


@pytest.mark.parametrize("name", ["rules", "scrub"])
def test_values_are_known_to_texts_and_agree(name: str) -> None:
    got: dict[str, str] = {}
    sheet = Sheet(pipeline("surrogate", name), "p")
    sheet.value("PATIENT", "Zephyrine Quillfeather", lambda new: got.__setitem__("name", new))
    sheet.value("MEDICALRECORD", "H-0077-1234", lambda new: got.__setitem__("number", new))
    sheet.text([Piece("quillfeather, zephyrine: h 0077 1234", lambda new: got.__setitem__("text", new))])
    sheet.write()
    first, last = got["name"].lower().split()
    assert got["text"].startswith(f"{last}, {first}: ")
    assert "0077" not in got["text"]


def test_values_before_and_after_today_move_alike() -> None:
    got: dict[str, str] = {}
    sheet = Sheet(pipeline(), "p")
    for text in ("2019-05-06", "2019-05", "2019", f"{date.today().year + 30}-01-01", "9999-12-31"):
        sheet.date(text, lambda new, text=text: got.__setitem__(text, new))  # type: ignore[misc]
    sheet.write()
    shift = date.fromisoformat(got["2019-05-06"]) - date(2019, 5, 6)
    assert (
        date.fromisoformat(got[f"{date.today().year + 30}-01-01"])
        == date(date.today().year + 30, 1, 1) + shift
    )
    assert len(got["2019-05"]) == 7


class Leaky(Detector):
    """Misses everything."""

    name = "leaky"

    def find(self, note: Note) -> list[Span]:
        return []


class BlindDeid(Deid):
    """A pipeline whose every part is blind, the header too."""

    def detect_together(self, notes: object) -> list[list[Span]]:  # type: ignore[override]
        return [[] for _ in notes]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("label", "value", "text"),
    [
        ("PATIENT", "Zephyrine Quillfeather", "call ZEPHYRINE  quillfeather"),
        ("PATIENT", "Zephyrine Quillfeather", "QUILLFEATHER^ZEPHYRINE"),
        ("PATIENT", "Zephyrine Quillfeather", "zephyrine q. quillfeather"),
        ("DOCTOR", "Ada Beth Quill", "Quill, Ada_Beth"),
        ("PHONE", "802-555-0147", "tel 802-555-0147."),
        ("PHONE", "(802) 555-0147", "8025550147"),
        ("SSN", "219099999", "^219-09-9999"),
        ("MEDICALRECORD", "00483921", "no. 483921"),
        ("ACCOUNT", "AB12345", "is ab12345"),
    ],
)
def test_what_is_left_stops_the_document(
    label: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlp_deid.carriers.sheet._looking_for_known", lambda deid: deid)
    sheet = Sheet(BlindDeid([Leaky()], PRESETS["tag"]), "p")
    sheet.value(label, value, lambda new: None)
    sheet.text([Piece(text, lambda new: None)])
    with pytest.raises(CarrierError) as caught:
        sheet.write()
    assert (caught.value.reason, caught.value.where) == ("residue", label)


@pytest.mark.parametrize(
    ("label", "value", "text"),
    [
        ("PATIENT", "Zephyrine Quillfeather", "Zephyrine called. A quillfeather fell."),
        ("PATIENT", "Quillfeather", "quillfeather"),
        ("PHONE", "802-555-0147", "1802555014 70, 802-555-01471, 555-0147"),
        ("MEDICALRECORD", "00483921", "4839.5 21, 1483921, 4839210"),
        ("URL", "https://h.example/20190304", "2019-03-04"),
    ],
)
def test_what_only_looks_alike_does_not(
    label: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlp_deid.carriers.sheet._looking_for_known", lambda deid: deid)
    got: list[str] = []
    sheet = Sheet(BlindDeid([Leaky()], PRESETS["tag"]), "p")
    sheet.value(label, value, lambda new: None)
    sheet.text([Piece(text, got.append)])
    sheet.write()
    assert got == [text]


def test_an_error_can_cross_processes() -> None:
    error = pickle.loads(pickle.dumps(CarrierError("invalid", "Patient.name")))
    assert (str(error), error.reason, error.where) == ("invalid (Patient.name)", "invalid", "Patient.name")


def test_links() -> None:
    ids = Pseudonyms(RandomSource())
    local = ids.link("Patient/1")
    assert local is not None
    assert local.startswith("Patient/")
    assert ids.link("Patient/1/_history/3") == local
    url = ids.link("https://h.example/fhir/Patient/1")
    assert url is not None
    assert url.endswith("/" + local)
    assert "h.example" not in url
    assert ids.link("https://h.example/fhir/Observation/1") != url
    assert ids.link("#") == "#"
    assert ids.link("#a") == ids.link("#a") != ids.link("#b")
    assert ids.link("urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0") == ids.uri(
        "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    )
    for conditional in ("Patient?identifier=1", "Dellworth", "", "ftp://a/Patient/1", "Patient/1 2"):
        assert ids.link(conditional) is None
    assert target_type("https://h.example/fhir/Patient/1") == "Patient"
    assert target_type("#a") == ""
