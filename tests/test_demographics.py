"""Demographics tables: reading, joining, and what a user meets."""

from __future__ import annotations

import builtins
import io
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid import cli
from nlp_deid.demographics import (
    COLUMNS,
    Demographics,
    DemographicsError,
    Joined,
    parse_columns,
    read_demographics,
)
from nlp_deid.labels import LABELS
from nlp_deid.note import Note
from nlp_deid.sources import open_source

RULES = ("--pipeline", "rules")
TABLE = """Patient,First Name,Last Name,Mother,MRN,Address,shoe size
P1,Zanna,Quillfeather,Will May,0044-71,12 Elm Street,canary
P1,Zan,Blorp,,,,
P2,Q,,unknown,,N/A,
,No,Body,,,,
"""


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def call(text: str, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    return call


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call main() as a shell would."""

    def call(*arguments: object, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "argv", ["nlp-deid", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        return Result(code, *capfd.readouterr())

    return call


def test_rows_of_a_patient_are_joined_and_parts_make_a_name(write: Write) -> None:
    table = read_demographics(write(TABLE))
    assert table.known == {
        "P1": {
            "PATIENT": ["Will May", "Zanna Quillfeather", "Zan Blorp"],
            "MEDICALRECORD": ["0044-71"],
            "STREET": ["12 Elm Street"],
        },
        "P2": {},
    }
    assert (table.left_out, table.nameless) == (1, 1)
    assert "Zanna" not in f"{table!r} {table}"


def test_columns_of_your_own(write: Write) -> None:
    path = write("id,Mein Name,mrn\n1,Zanna,77\n")
    table = read_demographics(path, "ID", parse_columns("mein name=DOCTOR, mrn=IDNUM,id=ACCOUNT"))
    assert table.known == {"1": {"DOCTOR": ["Zanna"], "IDNUM": ["77"], "ACCOUNT": ["1"]}}
    assert set(COLUMNS.values()) <= set(LABELS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_line_ends_and_quotes(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes('patient,name\r\n\r\n1,"Jörg ""Jo""\r\nRoe"\r\n'.encode(encoding))
    assert read_demographics(tmp_path / "t.csv").known == {"1": {"PATIENT": ['Jörg "Jo" Roe']}}
    (tmp_path / "t.tsv").write_bytes("patient\tname\n1\tRoe, Jane\n".encode(encoding))
    assert read_demographics(tmp_path / "t.tsv").known == {"1": {"PATIENT": ["Roe, Jane"]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "pid,name,canary\n1,Jane,x\n",
            "is not there; the first row has 3 columns, of which known by name: name.",
        ),
        ("P7,Canary Roe\nP8,x\n", "the first row has 2 columns, of which known by name: none."),
        ("patient,Patient,name\n1,2,Canary\n", "is twice or more"),
        ("patient,name\n1,Canary\n2,Canary,3\n", "table.csv: line 3: 3 cells, but the first row has 2"),
        ("patient,name\n1\n", "line 2: 1 cells"),
        ('patient,name\n1,"Canary\n', "behind line 1: not CSV"),
        ("patient,name\n1,Can\udcffary\n", "table.csv: not valid UTF-8 at byte 18"),
        ("patient,canary\n1,2\n", "none of its 2 columns has a known name"),
        ("", "is empty"),
        ("\n\n", "is empty"),
    ],
)
def test_tables_with_faults(run: Run, write: Write, text: str, message: str) -> None:
    result = run("scrub", "-", "-", *RULES, "--demographics", write(text), stdin="Jane")
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "canary" not in result.err.lower()
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("name=PATIENTS", "column 'name': unknown label 'PATIENTS'"),
        ("nam=PATIENT", "no column 'nam' among 7 columns"),
        ("name", "columns must be given as"),
        ("=PATIENT", "columns must be given as"),
    ],
)
def test_columns_with_faults(write: Write, columns: str, message: str) -> None:
    with pytest.raises(DemographicsError, match=message):
        read_demographics(write(TABLE.replace("Mother", "name")), columns=parse_columns(columns))


def test_no_table(run: Run, write: Write, tmp_path: Path) -> None:
    for path, message in (
        (tmp_path / "no.csv", "No such file"),
        (tmp_path / "no.parquet", "no such file"),
        (write("x", "table.xlsx"), "must end in .csv, .tsv or .parquet"),
        (write(TABLE, "text.parquet"), "not a sound Parquet file"),
    ):
        if path.suffix == ".parquet":
            pytest.importorskip("pyarrow.parquet")
        result = run("detect", "-", "-", *RULES, "--demographics", path, stdin="x")
        assert result.code == 2
        assert message in result.err


def test_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    columns = {
        "patient": [1, 2, None],
        "name": ["Zanna Roe", None, "x y"],
        "DOB": [date(1957, 4, 3), None, None],
        "mrn": pa.array([4471182.0, None, None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    table = read_demographics(tmp_path / "t.parquet")
    first = {"PATIENT": ["Zanna Roe"], "DATE": ["1957-04-03"], "MEDICALRECORD": ["4471182"]}
    assert table.known == {"1": first, "2": {}}
    assert table.nameless == 1
    pq.write_table(pa.table({"patient": [1], "name": [["Canary"]]}), tmp_path / "t.parquet")
    with pytest.raises(DemographicsError, match=r"column 2 holds list values; allowed") as caught:
        read_demographics(tmp_path / "t.parquet")
    assert "Canary" not in str(caught.value)


def test_parquet_without_pyarrow(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DemographicsError, match="needs pyarrow: pip install pyarrow"):
        read_demographics(write("x", "t.parquet"))


@pytest.mark.parametrize(
    ("patient", "place", "joined"),
    [
        ("220", "", "220"),
        ("221", "220/a", None),
        (None, "220/a/b", "220"),
        (None, "ward/220-01", "220"),
        (None, "220-01", "220"),
        (None, "220", "220"),
        (None, "a-1-02", "a-1"),
        (None, "ward/2201", None),
        (None, "", None),
    ],
)
def test_the_patient_of_a_note(patient: str | None, place: str, joined: str | None) -> None:
    table = Demographics({"220": {"PATIENT": ["A"]}, "a-1": {"PATIENT": ["B"]}})
    note = table.fill(Note("x", "n", patient), place)
    assert note.patient == (joined or patient)
    assert note.known == (table.known[joined] if joined else {})
    assert (table.notes, table.unmatched) == (1, joined is None)


@given(
    given_values=st.lists(st.text(max_size=3), max_size=4), values=st.lists(st.text(max_size=3), max_size=4)
)
def test_known_values_of_a_note_stay(given_values: list[str], values: list[str]) -> None:
    table = Demographics({"p": {"PATIENT": values, "MEDICALRECORD": ["1"]}})
    note = table.fill(Note("x", patient="p", known={"PATIENT": given_values, "FAX": ["2"]}))
    assert set(note.known["PATIENT"]) == {*given_values, *values}
    assert len(note.known["PATIENT"]) == len({*given_values, *values})
    assert (note.known["FAX"], note.known["MEDICALRECORD"]) == (["2"], ["1"])


def test_a_folder_and_rows(run: Run, write: Write, tmp_path: Path) -> None:
    text = "Quillfeather is z a n n a, number 00 4471, 12 ELM STREET; and Will sat; may go.\n"
    for name in ("P1/a.txt", "P1-02.txt", "P9/b.txt", "P2-1.txt"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    table = write(TABLE)
    result = run("scrub", tmp_path / "in", tmp_path / "out", *RULES, "--demographics", table)
    assert result.code == 0
    assert (
        "2 patients, 1 of 4 notes have no row, 1 names of one letter left out, 1 rows without" in result.err
    )
    assert "P9" not in result.err
    scrubbed = {p.stem: p.read_text() for p in (tmp_path / "out").rglob("*.txt")}
    wanted = "[PATIENT] is [PATIENT], number [MEDICALRECORD], [STREET]; and [PATIENT] sat; may go.\n"
    assert scrubbed["a"] == scrubbed["P1-02"] == wanted
    assert "z a n n a" in scrubbed["b"]
    assert "z a n n a" in scrubbed["P2-1"]
    rows = "".join(
        json.dumps({"id": i, "patient": p, "text": text, "x": 1}) + "\n" for i, p in ((1, "P1"), (2, None))
    )
    result = run("scrub", "-", "-", "--format", "jsonl", *RULES, "--demographics", table, stdin=rows)
    first, second = map(json.loads, result.out.splitlines())
    assert first == {"id": 1, "patient": "P1", "text": wanted, "x": 1}
    assert "z a n n a" in second["text"]
    assert "1 of 2 notes have no row" in result.err
    explained = run("explain", tmp_path / "in/P1/a.txt", *RULES, "--demographics", table, "--json")
    assert "header.spelled" in {row["source"] for row in json.loads(explained.out)}
    assert "0 of 1 notes" in explained.err
    assert "Quillfeather" not in explained.out + explained.err


def test_a_broken_note_fails_alone(write: Write, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/P1-1.txt").write_text("x")
    (tmp_path / "in/P1-2.txt").write_bytes(b"\xff")
    source = Joined.of(open_source(tmp_path / "in"), read_demographics(write(TABLE)))
    good, bad = source.entries()
    assert good.read().patient == "P1"
    with pytest.raises(ValueError, match="not valid UTF-8"):
        bad.read()
    assert source.demographics.notes == 1
