"""i2b2 XML, 2014 and 2006: offsets, round trip to the byte, attacks."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.corpus import i2b2, i2b2_2006
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span

FIXTURES = Path(__file__).parent / "fixtures" / "corpus"
CANARY = "Quibbleson"


def test_reads_tags_of_the_task_only() -> None:
    (note,) = i2b2.read(FIXTURES / "110-02.xml", strict=True)
    assert (note.id, note.patient) == ("110-02", "110")
    assert [(s.label, note.text[s.start : s.end]) for s in note.spans] == [
        ("DATE", "2071-03-04"),
        ("PATIENT", "Odile Varga"),
        ("AGE", "81"),
        ("DOCTOR", "Brännström"),
        ("HOSPITAL", "Willow Fen Clinic"),
    ]


def test_the_name_of_the_root_means_nothing() -> None:
    data = (FIXTURES / "110-02.xml").read_bytes().replace(b"deIdi2b2", b"MEDDOCAN")
    assert i2b2.parse(data, "x").find("TEXT") is not None


XML_TEXT = st.text(
    st.characters(exclude_characters="\ufffe\uffff", exclude_categories=["Cs", "Cc"])
    | st.sampled_from("\n\r\t]>&<")
)


@given(XML_TEXT, st.sampled_from(["DATE", "FECHAS", "A&B"]))
def test_round_trip_to_the_byte(tmp_path_factory: pytest.TempPathFactory, text: str, label: str) -> None:
    spans = [Span(n, n + 1, label) for n in range(len(text))]
    folder = tmp_path_factory.mktemp("xml")
    i2b2.write(folder, [Note(text, "n", spans=spans)])
    (note,) = i2b2.read(folder, strict=True)
    assert note.text == text
    assert note.spans == spans


def test_line_ends_as_a_foreign_file_has_them() -> None:
    data = b"<x><TEXT>a\r\nb\rc</TEXT><TAGS></TAGS></x>"
    assert i2b2.parse(data, "x").findtext("TEXT") == "a\nb\nc"


def test_cdata_end_and_carriage_return() -> None:
    xml = i2b2.to_xml(Note("a]]>b\r\nc", "n"))
    assert i2b2.parse(xml, "x").findtext("TEXT") == "a]]>b\r\nc"


def test_elements() -> None:
    assert {label: i2b2.element_name(label) for label in CATEGORIES} == CATEGORIES
    assert i2b2.element_name("TERRITORIO") == "LOCATION"
    assert i2b2.element_name("SEXO_SUJETO_ASISTENCIA") == "OTHER"
    assert i2b2.element_name("DIREC_PROT_INTERNET") == "OTHER"
    assert i2b2.element_name("ELSE") == "PHI"


@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x1f", "\ufffe", "\ud800"])
def test_characters_that_xml_cannot_hold(tmp_path: Path, bad: str) -> None:
    with pytest.raises(CorpusError, match=r"note 'n': XML cannot hold U\+[0-9A-F]{4} at character 2"):
        i2b2.write(tmp_path, [Note("ab" + bad, "n")])
    assert not list(tmp_path.iterdir())


BOMB = "<!DOCTYPE x [<!ENTITY a 'ha'>{}]><x><TEXT>&j;</TEXT></x>".format(
    "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
)
ATTACKS = {
    "bomb": BOMB,
    "outside file": "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]><x><TEXT>&e;</TEXT></x>",
    "outside DTD": "<!DOCTYPE x SYSTEM 'http://localhost/x.dtd'><x><TEXT/></x>",
    "DTD": f"<!DOCTYPE {CANARY}><x><TEXT/></x>",
}


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("module", [i2b2, i2b2_2006])
def test_attacks_are_refused_at_once(tmp_path: Path, name: str, module: object) -> None:
    path = tmp_path / "n.xml"
    path.write_text(ATTACKS[name])
    begin = time.perf_counter()
    with pytest.raises(CorpusError, match="DTD or entity") as caught:
        list(module.read(path))  # type: ignore[attr-defined]
    assert time.perf_counter() - begin < 1
    assert CANARY not in "".join(traceback.format_exception(caught.value))


TAG = '<NAME id="P0" start="{}" end="{}" text="{}" TYPE="PATIENT" />'
BROKEN = {
    "not well-formed XML at line 1": f"<x><TEXT>&{CANARY};</TEXT></x>",
    "no TEXT element": f"<x><TAGS>{CANARY}</TAGS></x>",
    "tag 1: span [0, 99)": f"<x><TEXT>{CANARY}</TEXT><TAGS>{TAG.format(0, 99, CANARY)}</TAGS></x>",
    "tag 1: a span offset is": f"<x><TEXT>{CANARY}</TEXT><TAGS>{TAG.format(0, -1, CANARY)}</TAGS></x>",
    "has no label": f'<x><TEXT>{CANARY}</TEXT><TAGS><NAME start="0" end="2"/></TAGS></x>',
    'its "text" is not': f"<x><TEXT>{CANARY}</TEXT><TAGS>{TAG.format(0, 3, CANARY)}</TAGS></x>",
    "cannot be read": f'<?xml version="1.0" encoding="nonsense"?><x>{CANARY}</x>',
}


@pytest.mark.parametrize("message", BROKEN)
def test_broken_files_are_named_without_their_text(tmp_path: Path, message: str) -> None:
    path = tmp_path / "n.xml"
    path.write_text(BROKEN[message])
    with pytest.raises(CorpusError) as caught:
        list(i2b2.read(path, strict=True))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    error = caught.value.__context__
    assert error is None or CANARY not in str(error.args)


def test_inline_tags_of_2006_and_the_broken_one() -> None:
    first, second = i2b2_2006.read(FIXTURES / "inline_2006.xml", labels={"PHONE": "FAX"})
    assert first.text == "\nSeen by O. Varga & team on 03/04.\n"
    assert [(s.label, first.text[s.start : s.end]) for s in first.spans] == [
        ("DOCTOR", "O. Varga"),
        ("DATE", "03/04"),
    ]
    assert second.text == "\nSince the 2nd of May no fever. Call 555-0142.\n"
    assert [(s.label, second.text[s.start : s.end]) for s in second.spans] == [
        ("DATE", "2nd of May"),
        ("FAX", "555-0142"),
    ]


def test_2006_has_no_forgiving_parser(tmp_path: Path) -> None:
    path = tmp_path / "n.xml"
    for body in (
        f'<PHI TYPE="PATIENT">{CANARY}<PHI TYPE="DOCTOR">{CANARY}</PHI></PHI>',
        f'<PHI TYPE="PATIENT">{CANARY}',
        f"<B>{CANARY}</B>",
        f"<PHI>{CANARY}</PHI>",
    ):
        path.write_text(f'<R><RECORD ID="1"><TEXT>{body}</TEXT></RECORD></R>')
        with pytest.raises(CorpusError) as caught:
            list(i2b2_2006.read(path))
        assert CANARY not in "".join(traceback.format_exception(caught.value))
