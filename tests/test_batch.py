"""Batches: whole files, quarantine, nothing lost, nothing out unscrubbed."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid import batch, outputs
from nlp_deid.corpus.i2b2 import to_xml
from nlp_deid.deid import Deid
from nlp_deid.note import Detector, Note, Span
from nlp_deid.outputs import OutputError
from nlp_deid.pipeline import load
from nlp_deid.replace.policy import PRESETS
from nlp_deid.sources import SourceError, open_source

SECRET = re.compile(r"zq\w+|\d{9}")
SEVEN = "Seen by Zqada on 123456789."
SCRUBBED = "Seen by [PATIENT] on [IDNUM]."


class Finder(Detector):
    """Finds words that begin with zq, and nine digits."""

    name = "finder"

    def find(self, note: Note) -> list[Span]:
        found = re.compile(SECRET.pattern, re.IGNORECASE).finditer(note.text)
        return [Span(*m.span(), "IDNUM" if m[0].isdigit() else "PATIENT", 0.99, "finder") for m in found]


class Broken(Detector):
    """Does `fault(note)` on notes that hold BAD, and finds nothing on others."""

    name = "broken"

    def __init__(self, fault: Callable[[Note], Any]) -> None:
        self.fault = fault

    def find(self, note: Note) -> list[Span]:
        if "BAD" not in note.text:
            return []
        answer: list[Span] = self.fault(note)
        return answer


def finder(policy: str = "tag") -> Deid:
    return Deid([Finder()], PRESETS[policy])


def folder(root: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def report(path: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return {row["place"]: f"{row['stage']}: {row['reason']}" for row in rows}


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def names(path: Path) -> list[str]:
    return sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())


def test_a_folder_keeps_its_names_and_line_ends(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", a_txt=f"{SEVEN}\r\nzqbo\n", ward__b_txt=SEVEN, ward__C_TXT=SEVEN)
    summary = batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert str(summary) == "3 notes read, 3 written, 0 quarantined"
    assert names(tmp_path / "out") == ["a.txt", "ward/C.TXT", "ward/b.txt"]
    assert (tmp_path / "out/a.txt").read_bytes() == f"{SCRUBBED}\r\n[PATIENT]\n".encode()


def test_bad_files_are_quarantined_and_the_others_go_on(tmp_path: Path) -> None:
    source = folder(
        tmp_path / "in",
        good_txt=SEVEN,
        empty_txt="",
        blank_txt=" \n\t\n",
        zero_txt=f"\0{SEVEN}\0",
        utf16_txt=SEVEN.encode("utf-16"),
        utf8bom_txt=SEVEN.encode("utf-8-sig"),
        unmarked_txt=SEVEN.encode("utf-16-le"),
        latin_txt=f"{SEVEN} é".encode("latin-1"),
        cut_txt=SEVEN.encode("utf-16")[:-1],
        broken_xml=f"<deIdi2b2><TEXT>{SEVEN}",
        bomb_xml=f'<!DOCTYPE x [<!ENTITY a "{SEVEN}">]><deIdi2b2><TEXT>&a;</TEXT></deIdi2b2>',
        many_xml=f'<ROOT><RECORD ID="1"><TEXT>{SEVEN}</TEXT></RECORD></ROOT>',
        scan_pdf=SEVEN,
        good_pdf=SEVEN,
    )
    summary = batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert report(tmp_path / "out/quarantine.jsonl") == {
        "unmarked.txt": "read: encoding",
        "latin.txt": "read: encoding",
        "cut.txt": "read: encoding",
        "broken.xml": "read: format",
        "bomb.xml": "read: format",
        "many.xml": "read: many_notes",
        "scan.pdf": "read: suffix",
        "good.pdf": "read: suffix",
    }
    written = {path.name: path.read_bytes().decode() for path in (tmp_path / "out").glob("*.txt")}
    assert written == {
        "good.txt": SCRUBBED,
        "empty.txt": "",
        "blank.txt": " \n\t\n",
        "zero.txt": f"\0{SCRUBBED}\0",
        "utf16.txt": SCRUBBED,
        "utf8bom.txt": SCRUBBED,
    }
    assert summary.read == 14 == summary.written + len(summary.failures)


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", secret_txt=SEVEN)
    source = folder(tmp_path / "in", a_txt=SEVEN)
    (source / "link.txt").symlink_to(outside / "secret.txt")
    (source / "inside.txt").symlink_to(source / "a.txt")
    (source / "gone.txt").symlink_to(source / "nowhere")
    (source / "linked").symlink_to(outside)
    os.mkfifo(source / "pipe.txt")
    batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert names(tmp_path / "out") == ["a.txt", "quarantine.jsonl"]
    assert report(tmp_path / "out/quarantine.jsonl") == {
        **dict.fromkeys(("gone.txt", "inside.txt", "link.txt", "linked"), "read: symlink"),
        "pipe.txt": "read: not_a_file",
    }


def test_xml_goes_out_without_tags_and_brat_without_its_spans(tmp_path: Path) -> None:
    text = f"{SEVEN} <b> & ]]> zqx"
    spans = [Span(8, 13, "PATIENT"), Span(17, 26, "IDNUM")]
    source = folder(
        tmp_path / "in",
        **{
            "220-01_xml": to_xml(Note(text, spans=spans)),
            "b_txt": SEVEN,
            "b_ann": "T1\tPATIENT 8 13\tZqada\n",
        },
    )
    summary = batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert summary.read == summary.written == 2
    assert names(tmp_path / "out") == ["220-01.xml", "b.txt"]
    assert not re.search(r"zq|\d{9}", (tmp_path / "out/220-01.xml").read_text(), re.IGNORECASE)
    again = next(open_source(tmp_path / "out/220-01.xml").entries()).read()
    assert again.text == f"{SCRUBBED} <b> & ]]> [PATIENT]"


def test_an_orphan_of_brat_is_not_lost(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", a_txt=SEVEN, b_ann="T1\tPATIENT 8 13\tZqada\n")
    batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert report(tmp_path / "out/quarantine.jsonl") == {"b.ann": "read: suffix"}


def test_rows_keep_their_other_fields_and_lose_gold_and_known_values(tmp_path: Path) -> None:
    row = {
        "id": 7,
        "ward": "B",
        "text": SEVEN,
        "patient": "p1",
        "spans": [{"start": 8, "end": 13, "label": "X"}],
    }
    row |= {"known": {"PATIENT": ["Zqada"]}, "ignore": [[0, 3]]}
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(row) + "\n\n" + json.dumps({"text": "é 😀 zqx"}) + "\n", "utf-8")
    batch.scrub(finder(), open_source(source), tmp_path / "out.jsonl")
    assert rows(tmp_path / "out.jsonl") == [
        {"id": 7, "ward": "B", "text": SCRUBBED, "patient": "p1"},
        {"id": "row-3", "text": "é 😀 [PATIENT]"},
    ]
    assert not (tmp_path / "out.quarantine.jsonl").exists()


BAD_ROWS = {
    "not json": "read: format",
    '["a list"]': "read: format",
    '{"id": "no-text"}': "read: format",
    '{"id": "number", "text": 5}': "read: format",
    '{"id": ["x"], "text": "zq"}': "read: format",
    '{"id": true, "text": "zq"}': "read: format",
    '{"id": 1.5, "text": "zq"}': "read: format",
    '{"id": "known", "text": "zq", "known": {"PATIENT": "Zqada"}}': "read: format",
    "[" * 100_000: "read: format",
    '{"id": "lone", "text": "zq \\ud800"}': "pipeline: encoding",
    '{"id": "ok", "text": "zq again"}': "read: duplicate_id",
}


def test_bad_rows_are_left_out_and_reported(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    lines = [json.dumps({"id": "ok", "text": SEVEN}), *BAD_ROWS, json.dumps({"id": "last", "text": "zqx"})]
    source.write_bytes("\n".join(lines).encode() + b'\n{"id": "latin", "text": "zq \xe9"}\n')
    summary = batch.scrub(finder(), open_source(source), tmp_path / "out.jsonl")
    assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == ["ok", "last"]
    wanted = {f"row {n}": reason for n, reason in enumerate(BAD_ROWS.values(), start=2)}
    assert report(tmp_path / "out.quarantine.jsonl") == {**wanted, "row 14": "read: encoding"}
    assert summary.read == summary.written + len(summary.failures) == 14


UNSAFE_IDS = [
    "../up",
    "/etc/x",
    "a/../../b",
    "..",
    "a\0b",
    "CON",
    "x" * 300,
    "a\nb",
    7.5,
    "C:\\x",
    ".hidden",
    "a//b",
]


def test_ids_cannot_lead_out_of_the_output_folder(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    ids = [*UNSAFE_IDS, "Ward/One", "ward/one", "fine"]
    source.write_text("".join(json.dumps({"id": note_id, "text": SEVEN}) + "\n" for note_id in ids))
    out = tmp_path / "deep/er/out"
    summary = batch.scrub(finder(), open_source(source), out)
    assert names(tmp_path) == [
        "deep/er/out/Ward/One.txt",
        "deep/er/out/fine.txt",
        "deep/er/out/quarantine.jsonl",
        "in.jsonl",
    ]
    assert summary.read == summary.written + len(summary.failures) == len(ids)
    assert {f.reason for f in summary.failures} == {"unsafe_id", "format"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("rename", [None, str.upper])
@pytest.mark.parametrize("out", ["out", "out.jsonl"])
def test_a_name_that_is_no_utf8_stops_only_itself(tmp_path: Path, out: str, rename: Any) -> None:
    source = folder(tmp_path / "in", a_txt=SEVEN)
    for name in (b"Jos\xe9.txt", b"\xff.pdf", b"\xe9"):
        path = Path(os.fsdecode(os.fsencode(source) + b"/" + name))
        if path.suffix:
            path.write_text(SEVEN)
        else:
            path.mkdir()
            (path / "b.txt").write_text(SEVEN)
    settings = batch.Settings(rename=rename, rename_id="upper" if rename else "")
    summary = batch.scrub(finder(), open_source(source), tmp_path / out, settings=settings)
    assert (summary.read, summary.written) == (4, 1)
    assert {failed.reason for failed in summary.failures} == {"unsafe_id"}
    assert not list(tmp_path.rglob("*nlp-deid-run"))
    assert summary.report is not None
    told = rows(summary.report)
    if rename is None:
        assert os.fsencode(told[0]["place"]) == b"Jos\xe9.txt", "the report has the name itself, in escapes"


@pytest.mark.parametrize("out", ["out", "out.jsonl"])
def test_an_id_with_half_a_surrogate_pair(tmp_path: Path, out: str) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "\\ud800", "text": "zqa"}\n{"id": "ok", "text": "zqb"}\n')
    summary = batch.scrub(finder(), open_source(tmp_path / "in.jsonl"), tmp_path / out)
    assert [(failed.place, failed.reason) for failed in summary.failures] == [("row 1", "unsafe_id")]
    assert summary.written == 1


@pytest.mark.parametrize("ids", [["a", "a.txt/b", "c"], ["a.txt/b", "a", "c"]])
def test_an_id_cannot_take_a_note_for_a_folder(tmp_path: Path, ids: list[str]) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps({"id": note_id, "text": SEVEN}) + "\n" for note_id in ids))
    summary = batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert [(failure.id, failure.reason) for failure in summary.failures] == [(ids[1], "unsafe_id")]
    assert summary.written == 2


@given(st.lists(st.text(max_size=12), max_size=6))
def test_any_id_stays_inside(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    root = tmp_path_factory.mktemp("ids")
    (root / "in.jsonl").write_text("".join(json.dumps({"id": i, "text": SEVEN}) + "\n" for i in ids) or "\n")
    summary = batch.scrub(finder(), open_source(root / "in.jsonl"), root / "out")
    assert summary.read == summary.written + len(summary.failures) == len(ids)
    outside = [name for name in names(root) if not name.startswith("out/")]
    assert outside == ["in.jsonl"]
    written = [path for path in (root / "out").rglob("*.txt") if path.is_file()]
    assert len(written) == summary.written
    assert all(path.read_text() == SCRUBBED for path in written)


def test_detect_writes_rows_in_input_order(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", b_txt="zqx", a_txt=SEVEN, c_txt=b"\xff zq", d_txt="")
    batch.detect(finder(), open_source(source), tmp_path / "out.jsonl")
    assert rows(tmp_path / "out.jsonl") == [
        {
            "id": "a",
            "spans": [
                {"start": 8, "end": 13, "label": "PATIENT", "score": 0.99, "source": "finder"},
                {"start": 17, "end": 26, "label": "IDNUM", "score": 0.99, "source": "finder"},
            ],
        },
        {"id": "b", "spans": [{"start": 0, "end": 3, "label": "PATIENT", "score": 0.99, "source": "finder"}]},
        {"id": "d", "spans": []},
    ]
    assert report(tmp_path / "out.quarantine.jsonl") == {"c.txt": "read: encoding"}


def test_a_folder_can_become_rows_and_rows_a_folder(tmp_path: Path) -> None:
    source = folder(tmp_path / "in", ward__a_txt=SEVEN, b_txt="zqx")
    batch.scrub(finder(), open_source(source), tmp_path / "mid.jsonl")
    assert rows(tmp_path / "mid.jsonl") == [
        {"id": "b", "text": "[PATIENT]"},
        {"id": "ward/a", "text": SCRUBBED},
    ]
    packed = tmp_path / "mid.jsonl.gz"
    packed.write_bytes(gzip.compress((tmp_path / "mid.jsonl").read_bytes()))
    batch.scrub(finder(), open_source(packed), tmp_path / "out")
    assert names(tmp_path / "out") == ["b.txt", "ward/a.txt"]


def test_damaged_gzip_leaves_no_rows(tmp_path: Path) -> None:
    packed = tmp_path / "in.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps({"text": SEVEN}).encode() * 50)[:-9])
    with pytest.raises(SourceError, match="damaged"):
        batch.scrub(finder(), open_source(packed), tmp_path / "out.jsonl")
    assert names(tmp_path) == ["in.jsonl.gz"]


def test_one_note(tmp_path: Path) -> None:
    source = folder(tmp_path, a_txt=SEVEN) / "a.txt"
    (tmp_path / "there").mkdir()
    batch.scrub(finder(), open_source(source), tmp_path / "out.txt")
    batch.scrub(finder(), open_source(source), tmp_path / "there")
    assert (tmp_path / "out.txt").read_text() == (tmp_path / "there/a.txt").read_text() == SCRUBBED


def refused(source: Path | str, out: Path | str, **options: Any) -> str:
    with pytest.raises((OutputError, SourceError)) as caught:
        batch.scrub(finder(), open_source(source), out, **options)
    return str(caught.value)


def test_files_of_annotations_are_no_notes(tmp_path: Path) -> None:
    for name in ("tasks.json", "a.conll", "a.text", "a.docx"):
        (tmp_path / name).write_text("[]")
        said = refused(tmp_path / name, tmp_path / "out")
        assert "unknown suffix" in said
        assert "allowed: .txt, .xml, .jsonl, .csv, .tsv, .parquet" in said
        assert ("nlp-deid fhir reads FHIR" in said) == name.endswith(".json")
    assert names(tmp_path) == ["a.conll", "a.docx", "a.text", "tasks.json"]


def test_rows_with_labels_of_another_tool_are_rows(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "a", "text": SEVEN, "label": "urgent"}) + "\n")
    source = open_source(tmp_path / "in.jsonl")
    assert (source.kind, source.format) == ("rows", "jsonl")
    assert [entry.read().text for entry in source.entries()] == [SEVEN]


def test_wrong_inputs_and_outputs_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    notes = folder(tmp_path / "in", a_txt=SEVEN)
    (tmp_path / "empty").mkdir()
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": SEVEN}) + "\n")
    (tmp_path / "file").write_text("here")
    before = names(tmp_path)
    assert "no such file or folder" in refused(tmp_path / "missing", tmp_path / "out")
    assert "holds no files" in refused(tmp_path / "empty", tmp_path / "out")
    assert "unknown suffix" in refused(tmp_path / "file", tmp_path / "out")
    assert "inside the input" in refused(notes, notes / "out")
    assert "inside the input" in refused(notes, notes / ".." / "in" / "out", overwrite=True)
    assert "the same" in refused(notes, notes, overwrite=True)
    assert "the same" in refused(notes / "a.txt", notes / "a.txt", overwrite=True)
    assert "the same" in refused(notes / "a.txt", notes, overwrite=True)
    assert "the same" in refused(tmp_path / "in.jsonl", tmp_path / "in.jsonl", overwrite=True)
    assert "inside the output" in refused(notes, tmp_path, overwrite=True)
    assert "--overwrite" in refused(tmp_path / "in.jsonl", notes)
    assert "no folder" in refused(notes, tmp_path / "file")
    assert "--overwrite" in refused(notes / "a.txt", tmp_path / "file")
    assert "no such folder" in refused(notes / "a.txt", tmp_path / "nowhere" / "out.txt")
    assert "standard output" in refused(notes, "-")
    assert "not compressed" in refused(tmp_path / "in.jsonl", tmp_path / "out.jsonl.gz")
    assert "no suffix" in refused(tmp_path / "in.jsonl", tmp_path / "out.json")
    (tmp_path / "link").symlink_to(notes)
    assert "the same" in refused(tmp_path / "link", notes, overwrite=True)
    assert "inside the input" in refused(notes, tmp_path / "link" / "out")
    (tmp_path / "link").unlink()
    assert names(tmp_path) == before


def test_a_second_run_needs_overwrite_and_leaves_nothing_of_a_failed_note(tmp_path: Path) -> None:
    notes = folder(tmp_path / "in", a_txt=SEVEN, b_txt="zqx")
    out = tmp_path / "out"
    batch.scrub(finder(), open_source(notes), out)
    assert "not empty" in refused(notes, out)
    (notes / "b.txt").write_bytes(b"\xff")
    batch.scrub(finder("mask"), open_source(notes), out, overwrite=True)
    assert names(out) == ["a.txt", "quarantine.jsonl"]
    assert (out / "a.txt").read_text() == "Seen by ***** on *********."
    (notes / "b.txt").write_text("zqx")
    batch.scrub(finder(), open_source(notes), out, overwrite=True)
    assert names(out) == ["a.txt", "b.txt"]


def test_a_full_disk_ends_the_batch_without_half_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = folder(tmp_path / "in", a_txt=SEVEN, b_txt="zqx")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    for out in ("out", "out.jsonl"):
        with pytest.raises(OutputError, match="No space left"):
            batch.scrub(finder(), open_source(notes), tmp_path / out)
    assert names(tmp_path) == ["in/a.txt", "in/b.txt"]


def test_ten_megabytes(tmp_path: Path) -> None:
    line = f"{SEVEN} BP 98/60, strength 5/5, Foley in place.\n"
    text = line * (10_000_000 // len(line))
    source = folder(tmp_path / "in", big_txt=text, small_txt=SEVEN)
    summary = batch.scrub(finder(), open_source(source), tmp_path / "out")
    assert summary.written == 2
    assert (tmp_path / "out/big.txt").read_text() == text.replace(SEVEN, SCRUBBED)


def _raise(error: BaseException) -> Any:
    raise error


def _nan(note: Note) -> Any:
    return [Span(0, 1, "AGE", float("nan"))]


# What a detector may do wrong; every one must stop its note. Messages carry the note's text on purpose.
FAULTS: dict[str, Callable[[Note], Any]] = {
    "value error": lambda note: _raise(ValueError(note.text)),
    "runtime error": lambda note: _raise(RuntimeError(note.text)),
    "time out": lambda note: _raise(TimeoutError(note.text)),
    "recursion": lambda note: _raise(RecursionError(note.text)),
    "memory": lambda note: _raise(MemoryError(note.text)),
    "stop iteration": lambda note: _raise(StopIteration(note.text)),
    "key error": lambda note: _raise(KeyError(note.text)),
    "os error": lambda note: _raise(OSError(5, note.text)),
    "unicode": lambda note: _raise(UnicodeDecodeError("utf-8", note.text.encode(), 0, 1, note.text)),
    "chained": lambda note: _raise(ValueError(note.text).with_traceback(None)),
    "none": lambda note: None,
    "a text": lambda note: note.text,
    "a generator": lambda note: (span for span in ()),
    "a tuple": lambda note: (Span(0, 1, "AGE"),),
    "nan": _nan,
    "score above one": lambda note: [Span(0, 1, "AGE", 1.5)],
    "empty span": lambda note: [Span(1, 1, "AGE")],
    "negative span": lambda note: [Span(-2, 1, "AGE")],
    "behind the end": lambda note: [Span(0, len(note.text) + 1, "AGE")],
    "unknown label": lambda note: [Span(0, 1, note.text[:9])],
    "not spans": lambda note: [(0, 1, "AGE")],
    "nones": lambda note: [None],
    "text offsets": lambda note: [Span("0", "1", "AGE")],  # type: ignore[arg-type]
}


class BrokenKeep:
    """A keep list that does what a fault says."""

    def __init__(self, fault: Callable[[Note], Any]) -> None:
        self.fault = fault

    def find(self, note: Note) -> Any:
        return self.fault(note) if "BAD" in note.text else []


def stages(fault: Callable[[Note], Any]) -> Iterator[Deid]:
    """Pipelines with the fault in one stage each: a detector (first, last), a keep list, merge, replace."""
    yield Deid([Finder(), Broken(fault)], PRESETS["tag"])
    yield Deid([Broken(fault), Finder()], PRESETS["tag"])
    yield Deid([Finder()], PRESETS["tag"], keep=[BrokenKeep(fault)])
    for owner, method in (("merge", "spans"), ("replacer", "replace_all")):
        deid = finder()
        part = getattr(deid, owner)

        class Part:
            def __getattr__(self, name: str, part: Any = part) -> Any:
                return getattr(part, name)

        def work(*args: Any, note: Any = None, part: Any = part, method: str = method) -> Any:
            text = args[0][0][0].text if method == "replace_all" else args[2]
            return fault(Note(text)) if "BAD" in text else getattr(part, method)(*args)

        stand_in = Part()
        setattr(stand_in, method, work)
        setattr(deid, owner, stand_in)
        yield deid


# Answers that are well formed where they are given, by (kind, stage): nothing can tell them from true ones.
LAWFUL = {
    *((kind, 2) for kind in ("a generator", "not spans")),  # a keep list gives (start, end, source)
    *((kind, 3) for kind in ("a generator", "a tuple", "unknown label")),  # an unknown label is tagged
}


@pytest.mark.parametrize("kind", FAULTS)
def test_no_fault_lets_a_note_out(kind: str, tmp_path: Path) -> None:
    """Every fault in every stage: the faulty note is quarantined, the others are scrubbed."""
    source = folder(tmp_path / "in", a_txt=SEVEN, b_txt=f"BAD {SEVEN}", c_txt="zqlast")
    for number, deid in enumerate(stages(FAULTS[kind])):
        if (kind, number) in LAWFUL:
            continue
        out = tmp_path / f"out{number}"
        summary = batch.scrub(deid, open_source(source), out)
        assert names(out) == ["a.txt", "c.txt", "quarantine.jsonl"], f"{kind} in stage {number}"
        assert (summary.read, summary.written, len(summary.failures)) == (3, 2, 1)
        everything = b"".join(path.read_bytes() for path in out.iterdir()).decode()
        assert not re.search(r"zq|\d{9}", everything, re.IGNORECASE)


def test_faults_in_reading_and_rendering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder(tmp_path / "in", a_txt=SEVEN)
    for module, name in (("nlp_deid.sources.decode", None), ("nlp_deid.batch.stream.encode", None)):
        with monkeypatch.context() as patch:
            patch.setattr(module, lambda *args, name=name: _raise(RuntimeError(str(args))))
            out = tmp_path / module
            assert batch.scrub(finder(), open_source(source), out).written == 0
            assert names(out) == ["quarantine.jsonl"]
            assert "ada" not in (out / "quarantine.jsonl").read_text()


def test_a_broken_report_of_a_note_is_not_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the disk while reading stops that note only."""
    source = folder(tmp_path / "in", a_txt=SEVEN, b_txt=SEVEN)
    (source / "a.txt").chmod(0)
    real = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    batch.scrub(finder(), open_source(source), tmp_path / "out")
    monkeypatch.undo()
    assert report(tmp_path / "out/quarantine.jsonl") == {"a.txt": "read: PermissionError"}


def canaries(count: int) -> dict[str, tuple[str, str]]:
    """Texts by file name with a unique name and number each; a third of them fails."""
    notes = {}
    for number in range(count):
        name, digits = f"Zqcanary{number:05d}xq", f"{271_828_000 + number}"
        notes[f"{number:05d}.txt"] = (
            f"{'BAD ' if number % 3 == 0 else ''}{name} rang {digits}.",
            f"{name}|{digits}",
        )
    return notes


@pytest.mark.parametrize("kind", ["value error", "time out", "unicode", "behind the end", "unknown label"])
def test_no_canary_in_logs_outputs_or_streams(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).setLevel(logging.DEBUG)
    notes = canaries(100)
    source = folder(tmp_path / "in", **{name.replace(".", "_"): text for name, (text, _) in notes.items()})
    deid = Deid([Finder(), Broken(FAULTS[kind])], PRESETS["tag"], name="test")
    summary = batch.scrub(deid, open_source(source), tmp_path / "out")
    assert (summary.written, len(summary.failures)) == (66, 34)
    streams = capfd.readouterr()
    told = [caplog.text, streams.out, streams.err, repr(summary), str(summary), repr(deid)]
    told += [path.read_text() for path in (tmp_path / "out").iterdir()]
    told += [str(path) for path in tmp_path.rglob("*")]
    everything = "\n".join(told)
    assert "Zqcanary" not in everything
    assert "271828" not in everything


def test_exceptions_of_the_pipeline_hold_no_text() -> None:
    for kind, fault in FAULTS.items():
        for number, deid in enumerate(stages(fault)):
            if (kind, number) in LAWFUL or number == 3:  # merge never sees text
                continue
            with pytest.raises(Exception) as caught:  # noqa: PT011
                deid(Note(f"BAD {SEVEN}", "n1"))
            if type(caught.value).__name__ == "DeidError":
                assert "ada" not in f"{caught.value} {caught.value!r} {caught.value.args}"
                assert caught.value.__cause__ is None


def test_standard_input_and_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def run(data: bytes, format: str | None, out: str = "-") -> tuple[bytes, batch.Summary]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        stdout = io.TextIOWrapper(io.BytesIO())
        monkeypatch.setattr(sys, "stdout", stdout)
        summary = batch.scrub(finder(), open_source("-", format), out)
        buffer = stdout.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue(), summary

    assert run(SEVEN.encode(), None)[0] == SCRUBBED.encode()
    assert run(b"\xff zq", None)[0] == b""
    lines = b'{"id": "a", "text": "zqx"}\nzq\n{"id": "b", "text": "zqy", "k": 1}\n'
    data, summary = run(lines, "jsonl")
    assert [json.loads(line) for line in data.splitlines()] == [
        {"id": "a", "text": "[PATIENT]"},
        {"id": "b", "text": "[PATIENT]", "k": 1},
    ]
    assert [failure.place for failure in summary.failures] == ["row 2"]
    assert summary.report is None
    run(SEVEN.encode(), None, str(tmp_path / "out.txt"))
    assert (tmp_path / "out.txt").read_text() == SCRUBBED


def test_formats_and_suffixes(tmp_path: Path) -> None:
    source = folder(tmp_path, note_dat=SEVEN, many_xml=f'<R><RECORD ID="1"><TEXT>{SEVEN}</TEXT></RECORD></R>')
    batch.scrub(finder(), open_source(source / "note.dat", "text"), tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == SCRUBBED
    batch.scrub(finder(), open_source(source / "many.xml"), tmp_path / "out.jsonl")
    assert [row["text"].strip() for row in rows(tmp_path / "out.jsonl")] == [SCRUBBED]
    for where, format in ((source, "text"), (source / "note.dat", "word"), ("-", "i2b2")):
        with pytest.raises(SourceError):
            open_source(where, format)
    with pytest.raises(SourceError, match=r"\.txt file beside it"):
        open_source(folder(tmp_path, x_ann="") / "x.ann")


def test_detect_needs_rows(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path / "in", a_txt=SEVEN))
    with pytest.raises(OutputError, match=r"\.jsonl"):
        batch.detect(finder(), source, tmp_path / "out.txt")


def test_the_number_of_notes_is_known_for_folders(tmp_path: Path) -> None:
    seen: list[int] = []
    source = open_source(folder(tmp_path / "in", a_txt=SEVEN, b_txt=b"\xff"))
    batch.scrub(finder(), source, tmp_path / "out", after_note=lambda: seen.append(1))
    assert len(seen) == source.count() == 2


def test_policies_and_order_change_no_count(tmp_path: Path) -> None:
    source = open_source(folder(tmp_path / "in", a_txt=SEVEN, b_txt="zqx"))
    for policy, number in product(("tag", "mask", "consistent_tags", "safe_harbor"), range(2)):
        out = tmp_path / f"{policy}{number}"
        assert batch.scrub(finder(policy), source, out).written == 2
        texts = [path.read_bytes() for path in sorted(out.iterdir())]
        assert texts == [path.read_bytes() for path in sorted((tmp_path / f"{policy}0").iterdir())]


def test_the_shipped_pipeline_on_hostile_files(tmp_path: Path) -> None:
    """The real pipeline: the same notes in odd clothes, nothing of the identifiers left."""
    text = (
        "Patient: Ada Quillfeather  MRN: 00481-7729  DOB: 11/02/1951\nPhone (218) 555-0134, ada@example.org\n"
    )
    source = folder(
        tmp_path / "in",
        a_txt=text,
        b_txt=text.encode("utf-16"),
        c_txt=text.replace("\n", "\r\n"),
        d_txt=f"\0{text}",
        e_txt="",
    )
    summary = batch.scrub(load("rules"), open_source(source), tmp_path / "out")
    assert summary.written == 5
    for path in (tmp_path / "out").iterdir():
        assert not re.search(r"Quillfeather|7729|1951|0134|ada@", path.read_bytes().decode()), path.name


def test_the_writers_are_the_only_ones(tmp_path: Path) -> None:
    """No other open or temporary file is left in the output folder."""
    batch.scrub(finder(), open_source(folder(tmp_path / "in", a_txt=SEVEN)), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]
    assert outputs.OutputError.__mro__[1] is ValueError
