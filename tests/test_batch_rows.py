"""Tables of notes: CSV, TSV, Parquet, saved datasets; columns, pseudonyms, the report."""

from __future__ import annotations

import csv
import gzip
import json
import re
from datetime import date
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from nlp_deid.batch import Here, Recipe, Settings, Summary, scrub
from nlp_deid.batch.names import pseudonyms
from nlp_deid.batch.report import check_report, figures, page
from nlp_deid.batch.worker import answer
from nlp_deid.deid import Deid
from nlp_deid.entries import Columns
from nlp_deid.note import Detector, Note, Span
from nlp_deid.outputs import OutputError
from nlp_deid.replace.keys import Secret
from nlp_deid.replace.policy import PRESETS
from nlp_deid.sources import SourceError, open_source

SECRET = re.compile(r"zq\w+", re.IGNORECASE)
KEEP, DROP = Columns(other="keep"), Columns(other="drop")
KEY = Secret(bytes((37 * n + n * n) % 256 for n in range(64)))


class Finder(Detector):
    """Finds words that begin with zq; fails on BAD."""

    name = "finder"

    def find(self, note: Note) -> list[Span]:
        if "BAD" in note.text:
            raise RuntimeError(note.text)
        return [Span(*found.span(), "PATIENT", 0.99, "finder") for found in SECRET.finditer(note.text)]


def run(path: Path, out: Path, columns: Columns = KEEP, **settings: Any) -> Summary:
    deid = Deid([Finder()], PRESETS["tag"])
    return scrub(deid, open_source(path, columns=columns), out, settings=Settings(**settings))


def write_csv(path: Path, rows: list[list[str]], **options: Any) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **options).writerows(rows)
    return path


def read_csv(path: Path, **options: Any) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file, strict=True, **options))


def refused(path: Path, out: Path, columns: Columns = KEEP) -> str:
    with pytest.raises((SourceError, OutputError)) as caught:
        run(path, out, columns)
    assert not SECRET.search(str(caught.value))
    assert not out.exists()
    return str(caught.value)


ROWS = [
    ["id", "ward", "text", "patient", "plan"],
    ["a", "3", 'zqada, "quoted"\nnext line', "p1", "call zqbo"],
    ["b", "=1+1", "=cmd zqada", "p2", "-"],
    ["c", "-2.5", "", "p1", "@zqada"],
]


def test_csv_keeps_its_form_and_runs_no_formula(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", ROWS)
    columns = Columns(("text", "plan"), other="keep")
    summary = run(path, tmp_path / "out.csv", columns)
    assert (summary.read, summary.written) == (6, 6)
    assert read_csv(tmp_path / "out.csv") == [
        ROWS[0],
        ["a", "3", '[PATIENT], "quoted"\nnext line', "p1", "call [PATIENT]"],
        ["b", "'=1+1", "'=cmd [PATIENT]", "p2", "'-"],
        ["c", "-2.5", "", "p1", "'@[PATIENT]"],
    ]


def test_tsv_packed_and_marked(tmp_path: Path) -> None:
    plain = write_csv(tmp_path / "plain.tsv", [row[:3] for row in ROWS], delimiter="\t")
    path = tmp_path / "in.tsv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + plain.read_bytes()))
    run(path, tmp_path / "out.tsv")
    assert read_csv(tmp_path / "out.tsv", delimiter="\t")[1] == ["a", "3", '[PATIENT], "quoted"\nnext line']
    run(path, tmp_path / "out.jsonl", DROP)
    assert json.loads((tmp_path / "out.jsonl").read_text().splitlines()[1]) == {
        "id": "b",
        "text": "=cmd [PATIENT]",
    }
    run(path, tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["a.txt", "b.txt", "c.txt"]


def test_other_columns_are_refused_by_name_unless_it_is_said(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", ROWS)
    assert "other columns 'ward', 'plan'" in refused(path, tmp_path / "out.csv", Columns())
    run(path, tmp_path / "out.csv", DROP)
    assert read_csv(tmp_path / "out.csv")[0] == ["id", "text", "patient"]
    (tmp_path / "in.jsonl").write_text('{"id": 1, "text": "zqa"}\n{"id": 2, "text": "zqa", "ward": "zqx"}\n')
    summary = run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", Columns(other="refuse"))
    assert [(failed.place, failed.reason) for failed in summary.failures] == [("row 2", "column")]


def test_columns_that_do_not_fit(tmp_path: Path) -> None:
    path, out = write_csv(tmp_path / "in.csv", ROWS), tmp_path / "out.csv"
    assert "column 'note' is not there; the table has 5 columns" in refused(path, out, Columns(("note",)))
    assert "column 'mrn'" in refused(path, out, Columns(patient="mrn", other="keep"))
    twice = write_csv(tmp_path / "twice.csv", [["id", "text", "text"], ["a", "zqa", "zqb"]])
    assert "'text' is there twice" in refused(twice, out)
    headless = write_csv(tmp_path / "headless.csv", [["zqada", "zqbo"], ["zqc", "zqd"]])
    refused(headless, out)
    (tmp_path / "empty.csv").write_text("")
    assert "is empty" in refused(tmp_path / "empty.csv", out)
    assert "a .csv file, a .jsonl file" in refused(path, tmp_path / "out.parquet")
    for wrong in (((),), (("",),), (("id",),)):
        with pytest.raises(SourceError):
            Columns(*wrong)
    with pytest.raises(SourceError, match="allowed: keep, drop, refuse"):
        Columns(other="burn")


def test_broken_csv(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    head = b"id,text,patient\n"
    (tmp_path / "quotes.csv").write_bytes(head + b'a,zqada,p\nb,"zqbo,p\nc,zqc,p\n')
    assert "quotes that do not match" in refused(tmp_path / "quotes.csv", out)
    (tmp_path / "inside.csv").write_bytes(head + b'a,"zq"ada,p\n')
    assert "line 2: not CSV" in refused(tmp_path / "inside.csv", out)
    (tmp_path / "wide.csv").write_bytes("id,text,patient\na,zq,p".encode("utf-16"))
    assert "UTF-16" in refused(tmp_path / "wide.csv", out)
    (tmp_path / "rows.csv").write_bytes(
        head + b"a,zqada,p\nb,zqbo\nc,zq \xe9,p\n\nd,BAD zqada,p\na,zqagain,p\ne,\0zqada,p\n,zqnobody,p\n"
    )
    summary = run(tmp_path / "rows.csv", out)
    assert [(failed.place, failed.stage, failed.reason) for failed in summary.failures] == [
        ("row 3", "read", "format"),
        ("row 4", "read", "encoding"),
        ("row 6", "finder", "RuntimeError"),
        ("row 7", "read", "duplicate_id"),
    ]
    assert read_csv(out)[1:] == [
        ["a", "[PATIENT]", "p"],
        ["e", "\0[PATIENT]", "p"],
        ["row-9", "[PATIENT]", "p"],
    ]


def test_a_row_without_an_id_is_named_after_its_place(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "in.csv", [["id", "a", "b"], ["", "zqa", "x"], ["row-2", "zqb", "y"]])
    summary = run(table, tmp_path / "out.csv", Columns(("a", "b")))
    assert [(failed.id, failed.reason) for failed in summary.failures] == [
        ("row-2.a", "duplicate_id"),
        ("row-2.b", "duplicate_id"),
    ]
    assert read_csv(tmp_path / "out.csv")[1:] == [["row-2", "[PATIENT]", "x"]]
    (tmp_path / "in.jsonl").write_text(
        '{"id": null, "text": "zqa"}\n{"id": "", "text": "zqb"}\n{"text": "zqc"}\n{"id": [], "text": "zqd"}\n'
    )
    summary = run(tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    assert [(failed.place, failed.reason) for failed in summary.failures] == [("row 4", "format")]
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert found == [{"id": f"row-{n}", "text": "[PATIENT]"} for n in (1, 2, 3)]
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"id": [None, 7.0], "text": ["zqa", "zqb"]}), tmp_path / "in.parquet")
    summary = run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert summary.failures == []
    rows = parquet.read_table(tmp_path / "out.parquet").to_pylist()
    assert rows == [{"id": None, "text": "[PATIENT]"}, {"id": 7.0, "text": "[PATIENT]"}]
    run(tmp_path / "in.parquet", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["7.txt", "row-1.txt"]


def test_a_row_goes_out_whole_or_not_at_all(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", [["id", "a", "b"], ["1", "zqa", "BAD zqb"], ["2", "zqc", "zqd"]])
    summary = run(path, tmp_path / "out.csv", Columns(("a", "b")))
    assert [(failed.id, failed.stage, failed.reason) for failed in summary.failures] == [
        ("1.a", "row", "other_text"),
        ("1.b", "finder", "RuntimeError"),
    ]
    assert read_csv(tmp_path / "out.csv") == [["id", "a", "b"], ["2", "[PATIENT]", "[PATIENT]"]]


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp_deid.row_sources._FREE_BYTES", 1 << 20)
    path = tmp_path / "in.jsonl.gz"
    row = json.dumps({"text": "a" * 1000}).encode() + b"\n"
    path.write_bytes(gzip.compress(row * 2_000))
    assert "grows more than 200 times" in refused(path, tmp_path / "out.jsonl")


def table() -> Any:
    pyarrow = pytest.importorskip("pyarrow")
    return pyarrow.table(
        {
            "id": pyarrow.array([1, 2, 3, 4], pyarrow.int64()),
            "patient": pyarrow.array(["p", None, "p", "q"]),
            "on": pyarrow.array([date(2019, 1, 2), None, None, None]),
            "text": pyarrow.array(["zqada", "BAD zqbo", None, "fine"]).dictionary_encode(),
            "codes": pyarrow.array([[1], None, [], [2, 3]]),
        }
    )


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    made = table()
    import pyarrow.parquet

    path = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(made, path)
    summary = run(path, tmp_path / "out.parquet")
    assert [(failed.place, failed.reason) for failed in summary.failures] == [("row 2", "RuntimeError")]
    found = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.field("id").type == pyarrow.int64()
    assert found.to_pylist() == [
        {**row, "text": {"zqada": "[PATIENT]"}.get(row["text"], row["text"])}
        for row in made.to_pylist()
        if row["id"] != 2
    ]
    run(path, tmp_path / "out.jsonl", DROP)
    assert [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()] == [
        {"id": 1, "patient": "p", "text": "[PATIENT]"},
        {"id": 3, "patient": "p", "text": None},
        {"id": 4, "patient": "q", "text": "fine"},
    ]
    run(path, tmp_path / "names.parquet", rename=pseudonyms(KEY), rename_id="key")
    renamed = pyarrow.parquet.read_table(tmp_path / "names.parquet").to_pylist()
    assert renamed[0]["patient"] == renamed[1]["patient"] == pseudonyms(KEY)("p")
    assert len({row["id"] for row in renamed}) == 3
    assert "codes" in refused(path, tmp_path / "no.parquet", Columns(("codes",), other="keep"))
    path.write_bytes(path.read_bytes()[:-20])
    assert "not a sound Parquet file" in refused(path, tmp_path / "no.parquet")


def test_a_saved_dataset(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    rows = table().to_pylist()
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "in"))
    summary = run(tmp_path / "in", tmp_path / "out")
    assert (summary.written, len(summary.failures)) == (3, 1)
    assert summary.report == tmp_path / "out.quarantine.jsonl"
    found = datasets.load_from_disk(str(tmp_path / "out")).to_list()
    assert [row["text"] for row in found] == ["[PATIENT]", None, "fine"]
    assert [row["codes"] for row in found] == [[1], [], [2, 3]]
    run(tmp_path / "in", tmp_path / "out.parquet", DROP)
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/dataset_dict.json").write_text("{}")
    with pytest.raises(SourceError, match="several splits"):
        open_source(tmp_path / "splits")
    names = sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("."))
    assert names == []


def with_metadata() -> Any:
    """A table whose schema, fields and fields of fields say who made it, and a column of few values."""
    pyarrow = pytest.importorskip("pyarrow")
    note = {"description": "zqmade by Dr. zqada"}

    def field(name: str, kind: Any) -> Any:
        return pyarrow.field(name, kind, metadata=note)

    deep = [pyarrow.list_(field("item", pyarrow.int8())), pyarrow.large_list(field("item", pyarrow.int8()))]
    deep += [pyarrow.list_(field("item", pyarrow.int8()), 1)]
    ward = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    schema = pyarrow.schema(
        [
            field("id", pyarrow.string()),
            field("text", pyarrow.string()),
            field("codes", pyarrow.struct([field(f"c{at}", kind) for at, kind in enumerate(deep)])),
            field("ward", ward),
        ],
        metadata={"pandas": "{}", "comment": "exported by zqbo", "huggingface": HUGGING_FACE},
    )
    codes = {"c0": [1], "c1": [2], "c2": [3]}
    rows = [
        {"id": "a", "text": "BAD zqc", "codes": codes, "ward": "zqleft"},
        {"id": "b", "text": "zqd", "codes": codes, "ward": "north"},
        {"id": "c", "text": "fine", "codes": None, "ward": None},
        {"id": "d", "text": "fine", "codes": None, "ward": "east"},
    ]
    return pyarrow.Table.from_pylist(rows, schema)


HUGGING_FACE = json.dumps({"info": {"description": "zqe", "citation": "zqf", "homepage": "zqg"}})


def test_no_metadata_and_nothing_of_other_rows_goes_out(tmp_path: Path) -> None:
    made = with_metadata()
    from pyarrow import parquet

    parquet.write_table(made, tmp_path / "in.parquet")
    assert SECRET.search((tmp_path / "in.parquet").read_bytes().decode("latin-1"))
    run(tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert not SECRET.search((tmp_path / "out.parquet").read_bytes().decode("latin-1"))
    found = parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.equals(made.schema), "types stay"
    assert [row["ward"] for row in found.to_pylist()] == ["north", None, "east"]
    assert found.to_pylist()[0]["codes"] == {"c0": [1], "c1": [2], "c2": [3]}
    statistics = parquet.read_metadata(tmp_path / "out.parquet").row_group(0).column(1).statistics
    assert (statistics.min, statistics.max) == ("[PATIENT]", "fine")


def test_a_saved_dataset_goes_out_without_what_is_said_of_it(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    info = datasets.DatasetInfo(description="zqe", citation="zqf", homepage="zqg", license="zqh")
    data = datasets.Dataset.from_dict({"id": ["a"], "text": ["zqd"], "ward": ["north"]}, info=info)
    data.save_to_disk(str(tmp_path / "in"))
    assert "zqe" in (tmp_path / "in/dataset_info.json").read_text()
    for out in ("out", "out.parquet"):
        run(tmp_path / "in", tmp_path / out)
    files = [tmp_path / "out.parquet", *(tmp_path / "out").iterdir()]
    assert len(files) == 4
    for path in files:
        assert not SECRET.search(path.read_bytes().decode("latin-1")), path.name
        assert str(tmp_path) not in path.read_bytes().decode("latin-1"), path.name
    assert datasets.load_from_disk(str(tmp_path / "out"))[0] == {
        "id": "a",
        "text": "[PATIENT]",
        "ward": "north",
    }


def test_names_become_pseudonyms(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    for name in ("zqward/a.txt", "zqward/b.txt", "zqc.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("zqada")
    rename = pseudonyms(KEY)
    for number in range(2):
        run(folder, tmp_path / f"out{number}", rename=rename, rename_id="key")
    out = [
        sorted(p.relative_to(tmp_path / n).as_posix() for p in (tmp_path / n).rglob("*.txt"))
        for n in ("out0", "out1")
    ]
    assert out[0] == out[1]
    assert {name.count("/") for name in out[0]} == {0, 1}
    assert not any("zq" in name for name in out[0])
    (tmp_path / "in.jsonl").write_text('{"id": "zqid", "patient": "zqp", "text": "zqada", "k": 1}\n')
    run(tmp_path / "in.jsonl", tmp_path / "out.jsonl", rename=rename, rename_id="key")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "id": rename("zqid"),
        "patient": rename("zqp"),
        "text": "[PATIENT]",
        "k": 1,
    }
    assert len(rename("x")) == 20


def test_quarantined_notes_have_pseudonyms_too(tmp_path: Path) -> None:
    rename = pseudonyms(KEY)
    folder = tmp_path / "in"
    (folder / "zqward").mkdir(parents=True)
    for name in ("zqward/zqa.txt", "zqward/zqb.pdf", "zqc.txt"):
        (folder / name).write_text("fine")
    (folder / "zqc.txt").write_text("BAD")
    run(folder, tmp_path / "out", rename=rename, rename_id="key")
    report = (tmp_path / "out/quarantine.jsonl").read_text()
    assert [(row["id"], row["place"]) for row in map(json.loads, report.splitlines())] == [
        (rename("zqc"), "file 1"),
        (rename("zqward/zqb.pdf"), "file 3"),
    ]
    table = write_csv(
        tmp_path / "in.csv", [["id", "a", "b"], ["zq1", "fine", "BAD"], ["zq2", "fine"], ["zq1", "x", "y"]]
    )
    run(table, tmp_path / "out.csv", Columns(("a", "b")), rename=rename, rename_id="key")
    found = [json.loads(line) for line in (tmp_path / "out.quarantine.jsonl").read_text().splitlines()]
    assert [(row["id"], row["place"], row["reason"]) for row in found] == [
        (f"{rename('zq1')}.a", "row 2", "other_text"),
        (f"{rename('zq1')}.b", "row 2", "RuntimeError"),
        (rename("row-3"), "row 3", "format"),
        (f"{rename('zq1')}.a", "row 4", "duplicate_id"),
        (f"{rename('zq1')}.b", "row 4", "duplicate_id"),
    ]
    assert not SECRET.search(report + json.dumps(found))


class Checker(HTMLParser):
    """Whether a page is whole and loads nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onload"}


def test_the_report_holds_figures_and_no_text(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "in.csv", [*ROWS, ["d", "1", "BAD zqada", "p9", ""]])
    deid = Deid([Finder()], PRESETS["tag"])
    source = open_source(path, columns=KEEP)
    summary = scrub(Here(partial(answer, deid)), source, tmp_path / "out.csv")
    found = figures(summary, Recipe(), "tag", source)
    assert found["notes"]["read"] == found["notes"]["written"] + found["notes"]["quarantined"] == 4
    assert found["quarantined"] == {"finder: RuntimeError": 1}
    assert found["spans_by_label"] == {"PATIENT": 2}
    assert found["spans_by_source"] == {"finder": 2}
    assert set(found["seconds"]) == {"index", "scrub", "write"}
    html = page({**found, "policy": "<script>alert(1)</script>"})
    checker = Checker()
    checker.feed(html)
    assert "table" in checker.tags
    assert "script" not in checker.tags
    assert not SECRET.search(html + json.dumps(found))
    for wrong, problem in (
        ("r.txt", "end in .json"),
        ("no/r.json", "no such folder"),
        ("out/r.json", "in the output"),
    ):
        (tmp_path / "out").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match=problem):
            check_report(tmp_path / wrong, str(tmp_path / "out"))
