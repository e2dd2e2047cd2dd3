"""The label table against the schemes it speaks for."""

from __future__ import annotations

import pytest

from nlp_deid.labels import CATEGORIES, LABELS, SCHEMES, check_label, from_scheme, to_scheme

# i2b2 2014 evaluation, README of the scripts: the HIPAA subset.
HIPAA_SUBSET = (
    "PATIENT AGE CITY STREET ZIP ORGANIZATION DATE PHONE FAX EMAIL SSN MEDICALRECORD HEALTHPLAN ACCOUNT "
    "LICENSE VEHICLE DEVICE BIOID IDNUM"
)
# 45 CFR 164.514(e)(2) drops these letters of the Safe Harbor list, and of (B) all but city, State and ZIP.
NEVER_IN_A_LIMITED_DATA_SET = set("ADEFGHIJKLMNOPQ")


def test_there_are_31_types_in_eight_categories() -> None:
    assert len(LABELS) == 31
    assert set(CATEGORIES.values()) == {
        "NAME",
        "PROFESSION",
        "LOCATION",
        "AGE",
        "DATE",
        "CONTACT",
        "ID",
        "OTHER",
    }
    assert set(CATEGORIES) == set(LABELS)
    assert all(name == label.name for name, label in LABELS.items())


def test_hipaa_subset_is_the_published_one() -> None:
    assert {label.name for label in LABELS.values() if label.i2b2_hipaa} == set(HIPAA_SUBSET.split())


def test_hipaa_letters() -> None:
    assert all(label.hipaa in tuple("ABCDEFGHIJKLMNOPR") or label.hipaa == "" for label in LABELS.values())
    assert {label.name for label in LABELS.values() if not label.hipaa} == {"PROFESSION", "STATE", "COUNTRY"}


def test_what_may_stay_in_a_limited_data_set() -> None:
    kept = {label.name for label in LABELS.values() if label.limited}
    assert kept == {"CITY", "STATE", "COUNTRY", "ZIP", "AGE", "DATE"}
    assert not any(LABELS[name].hipaa in NEVER_IN_A_LIMITED_DATA_SET for name in kept)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", LABELS)
def test_every_label_goes_to_every_scheme_and_back(scheme: str, name: str) -> None:
    foreign = to_scheme(scheme, name)
    assert foreign or (scheme == "i2b2_2006" and name in ("PROFESSION", "OTHER"))
    if foreign:
        back = from_scheme(scheme, foreign)
        assert back in LABELS
        # What a scheme lumps together comes back as one label of the lump.
        assert to_scheme(scheme, back) == foreign


@pytest.mark.parametrize("name", LABELS)
def test_own_labels_pass_through_every_scheme_they_do_not_clash_with(name: str) -> None:
    assert from_scheme("i2b2_2014", name) == to_scheme("i2b2_2014", name) == check_label(name) == name


@pytest.mark.parametrize(
    ("scheme", "foreign", "expected"),
    [
        ("i2b2_2006", "ID", "IDNUM"),
        ("i2b2_2006", "LOCATION", "LOCATION-OTHER"),
        ("i2b2_2006", "HOSPITAL", "HOSPITAL"),
        ("i2b2_2006", "DOCTOR", "DOCTOR"),
        ("physionet", "HCPName", "DOCTOR"),
        ("physionet", "RelativeProxyName", "PATIENT"),
        ("physionet", "DateYear", "DATE"),
        ("meddocan", "NOMBRE_SUJETO_ASISTENCIA", "PATIENT"),
        ("meddocan", "TERRITORIO", "CITY"),
        ("meddocan", "HOSPITAL", "HOSPITAL"),
        ("meddocan", "FECHAS", "DATE"),
        ("presidio", "PERSON", "PATIENT"),
        ("presidio", "US_SSN", "SSN"),
        ("presidio", "CREDIT_CARD", "ACCOUNT"),
        ("presidio", "DATE_TIME", "DATE"),
    ],
)
def test_types_of_other_schemes(scheme: str, foreign: str, expected: str) -> None:
    assert from_scheme(scheme, foreign) == expected


def test_physionet_types() -> None:
    names = ["DOCTOR", "CITY", "DATE", "AGE", "FAX", "SSN", "EMAIL", "PROFESSION"]
    expected = ["PTName", "Location", "Date", "Age", "Phone", "Other", "Other", "Other"]
    assert [to_scheme("physionet", name) for name in names] == expected


def test_unknown_names_are_errors_that_list_the_allowed() -> None:
    with pytest.raises(ValueError, match=r"unknown label 'PERSON'; known labels: PATIENT, DOCTOR.*OTHER"):
        check_label("PERSON")
    with pytest.raises(ValueError, match="unknown label"):
        to_scheme("presidio", "patient")
    with pytest.raises(ValueError, match="'NAME' is not a type of the presidio scheme"):
        from_scheme("presidio", "NAME")
    for call in (from_scheme, to_scheme):
        with pytest.raises(ValueError, match="unknown label scheme 'muc'; known: i2b2_2014, i2b2_2006"):
            call("muc", "PATIENT")
