"""Demographics of the header and known values, found in the body."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import covered

from nlp_deid.detect.header import Header, read_header
from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.layout import View
from nlp_deid.note import Note

HL7 = (
    "MSH|^~\\&|LAB|X|EHR|Y\n"
    "PID|1||4488130^^^MRN||NGUYEN^MARGARET^T||19500101|F|||12 ELM ROW||6175550142|||||ACC99871|555019988\n"
    "NK1|1|NGUYEN^ROBERT|SPO||6175550143\n"
    "PV1|1|I|||||1234^OKAFOR^NKECHI|5678^PATEL^ARUN\n"
    "OBX|1|TX|||seen\n"
)


@pytest.fixture(scope="module")
def keys() -> dict[str, str]:
    return dict(Lexicon.load().rows("header_keys"))


@pytest.fixture(scope="module")
def header() -> Header:
    return Header()


def found(header: Header, text: str, body: str, **known: list[str]) -> list[str]:
    """What is found in the body of a note."""
    note = Note(f"{text}{body}", known=known)
    spans = [span for span in header.find(note) if span.start >= len(text)]
    return covered(note.text, spans)


# --- reading


@pytest.mark.parametrize(
    ("text", "label", "value"),
    [
        ("Patient: Margaret Nguyen\n\nSeen.", "PATIENT", "Margaret Nguyen"),
        ("PATIENT NAME: NGUYEN, MARGARET\n", "PATIENT", "NGUYEN, MARGARET"),
        ("Patient Name....: Margaret Nguyen\n", "PATIENT", "Margaret Nguyen"),
        ("Patient = Margaret Nguyen\n", "PATIENT", "Margaret Nguyen"),
        ("Name: Margaret Nguyen   MRN: 4488130\n", "PATIENT", "Margaret Nguyen"),
        ("Name: Margaret Nguyen   MRN: 4488130\n", "MEDICALRECORD", "4488130"),
        ("| Name: Margaret Nguyen | MRN: 4488130 |\n", "PATIENT", "Margaret Nguyen"),
        ("Name: Margaret Nguyen DOB: 1/2/1950\n", "PATIENT", "Margaret Nguyen"),
        ("Attending: Nkechi Okafor, MD\n", "DOCTOR", "Nkechi Okafor, MD"),
        ("MRN: 448-81-30\n", "MEDICALRECORD", "448-81-30"),
        ("Phone: (617) 555-0142\n", "PHONE", "(617) 555-0142"),
        ("SSN: 555-01-9988\n", "SSN", "555-01-9988"),
        (HL7, "PATIENT", "NGUYEN MARGARET T"),
        (HL7, "PATIENT", "NGUYEN ROBERT"),
        (HL7, "DOCTOR", "OKAFOR NKECHI"),
        (HL7, "DOCTOR", "PATEL ARUN"),
        (HL7, "MEDICALRECORD", "4488130"),
        (HL7, "PHONE", "6175550142"),
        (HL7, "PHONE", "6175550143"),
        (HL7, "ACCOUNT", "ACC99871"),
        (HL7, "SSN", "555019988"),
    ],
)
def test_read_header(keys: dict[str, str], text: str, label: str, value: str) -> None:
    assert value in read_header(View(text), keys)[label]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Diagnosis: Margaret Nguyen\n",
        "the patient: she is well",
        "PIDX|1||448\n",
        "Name:\n",
        "x" * 4000 + "\nName: Ann Roe\n",
    ],
)
def test_no_header(keys: dict[str, str], text: str) -> None:
    assert read_header(View(text), keys) == {}


# --- finding

HEAD = "Patient: Nguyen, Margaret\nMRN: 448-8130\n\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("then nguyen slept", ["nguyen"]),
        ("then Margaret slept", ["Margaret"]),
        ("then MARGARET NGUYEN slept", ["MARGARET", "NGUYEN"]),
        ("then Nguyem slept", ["Nguyem"]),
        ("then M.N. slept", ["M.N."]),
        ("no. 448 8130", ["448 8130"]),
        ("no. 4488130", ["4488130"]),
        ("no. 4488131", []),
        ("the patient slept", []),
    ],
)
def test_header_values_in_the_body(header: Header, body: str, expected: list[str]) -> None:
    assert found(header, HEAD, body) == expected


@pytest.mark.parametrize("surname", ["Foley", "Graves", "Parkinson"])
def test_a_header_name_that_is_an_eponym(header: Header, surname: str) -> None:
    assert found(header, f"Patient: {surname}, Margaret\n\n", f"then we told {surname} so") == [surname]


@pytest.mark.parametrize(
    ("names", "body", "expected"),
    [
        (["Margaret Nguyen"], "saw nguyen here", ["nguyen"]),
        (["Will Young"], "saw Will here", ["Will"]),
        (["Will Young"], "he will sit, young man", []),
        (["Will Young"], "Young left early", ["Young"]),
        (["Xi Li"], "saw Li here", ["Li"]),
        (["J"], "J is here, vitamin J", []),
        (["", " ", "-"], "nothing - here", []),
        (["J Nguyen"], "saw J here, Nguyen", ["Nguyen"]),
        ([], "nothing here", []),
    ],
)
def test_known_names(header: Header, names: list[str], body: str, expected: list[str]) -> None:
    assert found(header, "", body, PATIENT=names) == expected


def test_known_values_of_other_kinds(header: Header) -> None:
    body = "tel 617 555 0142 at Mercy Point Clinic"
    assert found(header, "", body, PHONE=["617-555-0142"], HOSPITAL=["Mercy Point Clinic"]) == [
        "617 555 0142",
        "Mercy Point Clinic",
    ]


def test_an_unknown_label_is_an_error_without_the_value(header: Header) -> None:
    with pytest.raises(ValueError, match="unknown label") as error:
        header.find(Note("text", known={"NICK": ["Margaret"]}))
    assert "Margaret" not in str(error.value)


@given(
    st.text(max_size=40),
    st.text(max_size=20),
    st.sampled_from(["Name: ", "MRN: ", "PID|1||", "NK1|", "Name...."]),
)
def test_any_header(header: Header, body: str, value: str, key: str) -> None:
    text = f"{key}{value}\n{body}{value}"
    for span in header.find(Note(text, known={"PATIENT": [value], "PHONE": [value]})):
        assert 0 <= span.start < span.end <= len(text)
