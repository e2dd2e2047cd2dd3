"""Names that a cue announces: titles, kin, fields, roles, contacts, credentials, lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marked import covered, unmark

from nlp_deid.detect.context import CUES, Context
from nlp_deid.note import Note

_NAMES = frozenset({"PATIENT", "DOCTOR"})
CASES = {
    "title.doctor": [
        "Dr. [[Okafor]] called",
        "Dr [[Okafor]] called",
        "dr. [[okafor]] called",
        "DR. [[OKAFOR]] CALLED",
        "Dr.[[Okafor]] called",
        "Dr. [[J. Okafor]] called",
        "Dr. [[Nkechi Okafor]] called",
        "Dr. [[White]] called",
        "Dr. [[Foley]] called",
        "Dr. [[Xzqvorl]] called",
        "Dr.\n[[Okafor]] called",
        "Dr. [[Nkechi\nOkafor]] called",
        "Dr. [[van der Berg]] called",
        "Dr. [[Garcia-Lopez]] called",
        "Dr. [[O'Malley]] called",
        "Dr. [[May]] called",
        "Dr. [[Okafor]]'s note",
        "Drs. [[Okafor]], [[Nguyen]] and [[Patel]] agree",
        "Drs. [[Okafor]] & [[Nguyen]] agree",
        "Drs. [[Okafor]]/[[Nguyen]] agree",
    ],
    "title.lay": [
        "Mr. [[Parkinson]] slept",
        "Mrs. [[Nguyen]]'s son",
        "Ms [[Nguyen]] ate",
        "Miss [[Rose Nguyen]] ate",
        "mr. [[nguyen]] ate",
        "Mr. [[Will Young]] ate",
    ],
    "kin": [
        "wife [[Margaret]] at bedside",
        "wife, [[Margaret Nguyen]], at bedside",
        "wife ([[Margaret]]) at bedside",
        "daughter named [[Margaret]] lives near",
        "daughter: [[Margaret]]",
        "son [[robert]] visits",
        "daughter [[May]] visits",
        'brother "[[Robert]]" visits',
        "sons [[Robert]] and [[Kevin]] visit",
    ],
    "field": [
        "Patient: [[Nguyen, Margaret]]",
        "Patient Name: [[Nguyen, Margaret T]]",
        "PATIENT: [[NGUYEN, MARGARET]]",
        "Patient Name....... [[Margaret Nguyen]]",
        "Name = [[Margaret Nguyen]]",
        "patient: [[xzqvorl]]",
    ],
    "role": [
        "Attending: [[Okafor]]",
        "Attending [[Nkechi Okafor]]",
        "Surgeon: [[Nkechi Okafor]]",
        "nurse [[Margaret]] noted",
        "Assistant: [[J. Okafor]]",
        "seen by [[Okafor]] today",
    ],
    "credential": [
        "[[Nkechi Okafor]], MD",
        "[[N. Okafor]], M.D.",
        "[[Nkechi T. Okafor]] MD",
        "[[NKECHI OKAFOR]], MD",
        "[[Nkechi Okafor]], PA-C",
        "[[Margaret Nguyen]] RN",
        "[[Nkechi\nOkafor]], MD",
        "[[Xzqvorl]], DO",
    ],
}
NEGATIVE = [
    "Dr. called back",
    "Dr. and Mrs.",
    "the doctor will call",
    "her wife and daughter were here",
    "Patient: Phone: Address:",
    "Attending: Yes",
    "mother has diabetes",
    "mother with Diabetes",
    "Father: Hypertension",
    "Son: Healthy",
    "seen by Cardiology",
    "seen by PT",
    "discussed with Radiology",
    "nurse Practitioner",
    "Physical Examination\nMD aware",
    "MD notified",
    "BP stable, RN aware",
    "3 mm lesion",
    "19 Fr drain",
    "",
    "Dr.",
    "Dr. ",
]


@pytest.fixture(scope="module")
def context() -> Context:
    return Context()


def found(context: Context, text: str) -> list[str]:
    return covered(text, [span for span in context.find(Note(text)) if span.label in _NAMES])


def test_every_case_is_of_a_cue() -> None:
    assert set(CASES) <= {cue.name for cue in CUES} | {"credential"}


@pytest.mark.parametrize("marked", [text for texts in CASES.values() for text in texts])
def test_found(context: Context, marked: str) -> None:
    text, ranges = unmark(marked)
    assert found(context, text) == [text[start:end] for start, end in ranges]
    [cue] = [cue for cue, texts in CASES.items() if marked in texts]
    assert f"context.{cue}" in {span.source for span in context.find(Note(text))}


@pytest.mark.parametrize("text", NEGATIVE)
def test_not_found(context: Context, text: str) -> None:
    assert found(context, text) == []


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Dr. Okafor", "DOCTOR"),
        ("Mr. Okafor", "PATIENT"),
        ("wife Margaret", "PATIENT"),
        ("Attending: Okafor", "DOCTOR"),
        ("Patient: Okafor", "PATIENT"),
        ("Nkechi Okafor, MD", "DOCTOR"),
    ],
)
def test_labels(context: Context, text: str, label: str) -> None:
    best = max(context.find(Note(text)), key=lambda span: span.score)
    assert best.label == label


@pytest.mark.parametrize("text", ["Mr. Okafor called, Dr. Nguyen answered", "wife Margaret Nguyen here"])
def test_a_wrap_and_capitals_change_nothing(context: Context, text: str) -> None:
    plain = " ".join(found(context, text))
    wrapped = " ".join(" ".join(found(context, text.replace(" ", "\n", 1))).split())
    upper = " ".join(found(context, text.upper()))
    assert wrapped == plain
    assert upper == plain.upper()


@given(
    name=st.sampled_from(["Okafor", "Nguyen", "Patel", "Hernandez", "O'Malley", "Garcia-Lopez"]),
    title=st.sampled_from(["Dr. ", "Mr. ", "Mrs. ", "Ms. ", "Dr "]),
    before=st.text(alphabet="ab .,;\n", max_size=10),
    after=st.sampled_from([" called", ".", ", who", "'s", "\n", ";", ")"]),
)
def test_a_name_behind_a_title_is_always_found(
    context: Context, name: str, title: str, before: str, after: str
) -> None:
    text = f"{before} {title}{name}{after}"
    assert any(name in stretch for stretch in found(context, text))


@given(st.lists(st.sampled_from(["Dr.", "Mr.", "wife", "Ann", "Roe", ",", "MD", "(", '"', "J.", "de", "and", ":", "\n"])
                | st.text(max_size=4), max_size=12))  # fmt: skip
def test_spans_lie_inside_the_text(context: Context, parts: list[str]) -> None:
    text = " ".join(parts)
    for span in context.find(Note(text)):
        assert 0 <= span.start < span.end <= len(text)
        assert not text[span.start].isspace()


def test_only_the_cues_that_are_asked_for_count() -> None:
    note = Note("Ms. Gaucher, RN, slept. Tali says hello. Her son Boaz came.")
    whole = {span.source for span in Context().find(note)}
    titles = {span.source for span in Context(cues=["title.lay"]).find(note)}
    assert titles == {"context.title.lay"}
    assert titles < whole
    with pytest.raises(ValueError, match=r"known: age, .*title\.lay"):
        Context(cues=["titel"])


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("On 3/4/2019 Mr. Zork came.", ["Zork"]),
        ("BP 120/80\nMr. Zork seen.", ["Zork"]),
        ("Record date: 2067-05-03\nDr. Zork", ["Zork"]),
        ("19 Fr Foley placed", []),
        ("QRS 94 ms Normal axis", []),
    ],
)
def test_a_number_before_a_title_is_no_count_of_it(text: str, names: list[str]) -> None:
    assert [text[span.start : span.end] for span in Context().find(Note(text))] == names
