"""Known names in all their forms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.detect.header import Header
from nlp_deid.note import Note


@pytest.fixture(scope="module")
def header() -> Header:
    return Header()


def found(header: Header, text: str, *names: str, label: str = "PATIENT") -> str:
    """The text with what was found in brackets; overlapping finds joined."""
    covered = [False] * len(text)
    for span in header.find(Note(text, known={label: names})):
        covered[span.start : span.end] = [True] * (span.end - span.start)
    marks = [False, *covered, False]
    out = []
    for i, char in enumerate([*text, ""]):
        out += ["]"] if marks[i] and not marks[i + 1] else []
        out += ["["] if marks[i + 1] and not marks[i] else []
        out.append(char)
    return "".join(out)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Zanna Quillfeather", "and [zanna] then [QUILLFEATHER], [Quilfeather] and [z a n n a]"),
        ("Zanna Quillfeather", "wife of [zanna quillfeather]; [Quillfeather, Z]. came; [Z. Quillfeather]"),
        ("Zanna Quillfeather", "spelled [Q-U-I-L-L-F-E-A-T-H-E-R], [Z.A.N.N.A] but g a p s"),
        ("Zanna Quillfeather", "[quillfeather, z]. has a rash, a zebra"),
        ("Quillfeather^Zanna^M", "PID [QUILLFEATHER^ZANNA^M] end"),
        ("Will Long", "[long, will] has a long leg and will walk; mr [long] sat; and [Will] sat"),
        ("Will Long", "Will do. LEG WILL DO. [Will] said so. [WILL LONG] NOW"),
        ("Ebony Brown", "labeled [Brown, E] and [brown ebony]; a brown eye"),
        ("Faith Christian", "sister [faith] came; her faith; [Faith C]. too"),
        ("May Young", "aunt [May], a young man in may; [young, may] slept"),
        ("Pa Houa", "[Pa\nHoua] and mr [pa houa]; pa"),
        ("Trauma Zulu-88", 'alias "[trauma zulu-88]" no trauma'),
        ("Maria de la Cruz", "[Maria de la Cruz] vino de la casa"),
        ("R. O", "r o b o t"),
        ("Quillfeather, William", "[Bill] came, [Willie] too; a bill; [quillfeather, bill]; [Will] sat"),
    ],
)
def test_forms_of_a_known_name(header: Header, name: str, text: str) -> None:
    assert found(header, text.replace("[", "").replace("]", ""), name) == text


def test_known_values_of_other_kinds(header: Header) -> None:
    assert found(header, "at 12 ELM street", "12 Elm Street", label="STREET") == "at [12 ELM street]"
    assert found(header, "from Reading, reading", "Reading", label="CITY") == "from [Reading], reading"


@given(
    name=st.lists(st.sampled_from(["Zanna", "Will", "Young", "Q.", "O'Bleck-Roe", "de"]), max_size=4),
    text=st.lists(
        st.sampled_from(["zanna", "Will", "a", "Q", ".", ",", "\n", " ", "-", "ﬁ", "roe"]), max_size=30
    ),
)
def test_spans_are_of_the_note_and_a_whole_name_is_always_found(
    header: Header, name: list[str], text: list[str]
) -> None:
    value = " ".join(name)
    body = " ".join(text)
    note = Note(f"{body}\n\n{value}", known={"PATIENT": [value]})
    spans = header.find(note)
    assert all(span.end <= len(note.text) for span in spans)
    if len([part for part in name if part != "de"]) > 1 and len(set(name)) > 1:
        assert any(span.start <= len(body) + 2 and span.end >= len(note.text) - 1 for span in spans)
