"""JSON Lines: round trip, streaming, and errors that name the row and show no text."""

from __future__ import annotations

import gzip
import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.corpus import jsonl
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.jsonl import FOLD, Row, ignore_ranges, read, write
from nlp_deid.note import Note, Span

CANARY = "Zyxhold Quibbleson"


def _file(folder: Path, *rows: Any) -> Path:
    path = folder / "notes.jsonl"
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_keep_their_further_keys(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "Jo\r\n\u2028é", "patient": "p", "known": {"PATIENT": ["Jo"]}, "spans": []},
        {
            "id": "b",
            "text": "Jo is 9",
            "spans": [{"start": 0, "end": 2, "label": "PATIENT"}],
            "x": {"y": [1, None]},
        },
        {
            "id": "c",
            "text": "Jo",
            "spans": [{"start": 0, "end": 2, "label": "AGE", "score": 0.5, "source": "r"}],
        },
    ]
    path = _file(tmp_path, *rows)
    notes = list(read(path))
    assert notes[0].patient == "p"
    assert notes[0].known == {"PATIENT": ["Jo"]}
    assert notes[1].extra == {"x": {"y": [1, None]}}
    assert notes[2].spans == [Span(0, 2, "AGE", 0.5, "r")]
    for name in ("copy.jsonl", "copy.jsonl.gz"):
        write(tmp_path / name, notes)
        raw = (tmp_path / name).read_bytes()
        data = gzip.decompress(raw) if name.endswith("gz") else raw
        assert [json.loads(line) for line in data.decode().split("\n") if line] == rows
        assert b"\r" not in data


def test_gzip_output_depends_on_the_notes_only(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write(tmp_path / name, [Note("x", "1")])
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


@given(
    st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9), st.integers(1, 9)),
        max_size=4,
    )
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int, int]]) -> None:
    notes = [
        Note(text, str(n), spans=[Span(start, start + width, "DATE")] if start + width <= len(text) else [])
        for n, (text, start, width) in enumerate(drawn)
    ]
    path = tmp_path_factory.mktemp("rows") / "n.jsonl"
    write(path, notes)
    back = list(read(path))
    assert [(n.id, n.text, list(n.spans)) for n in back] == [(n.id, n.text, list(n.spans)) for n in notes]


def test_reads_row_by_row(tmp_path: Path) -> None:
    notes = read(_file(tmp_path, {"id": "a", "text": "x"}, "broken"))
    assert next(notes).id == "a"
    with pytest.raises(CorpusError, match="line 2"):
        next(notes)


def test_blank_lines_mark_and_missing_ids(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"text": "x"}\r\n\r\n{"id": 7, "text": "y"}')
    assert [note.id for note in read(path)] == ["row-1", "7"]


def test_labels_are_mapped_and_dropped(tmp_path: Path) -> None:
    labels = ["DATE_YEAR", "DATE_WEEKDAY", "DATE_HOLIDAY", "OTHER_NAME", "CITY", "TITLE"]
    spans = [{"start": n, "end": n + 1, "label": label} for n, label in enumerate(labels)]
    path = _file(tmp_path, {"id": "a", "text": "abcdefgh", "spans": spans})
    (note,) = read(path, labels={**FOLD, "TITLE": ""})
    assert [span.label for span in note.spans] == ["DATE", "DATE", "DATE", "PATIENT", "CITY"]


BAD = {
    "not valid JSON at character": '{"text": "' + CANARY,
    "not a JSON object": f'["{CANARY}"]',
    '"text" is missing': {"id": "a", "note": CANARY},
    '"text" is missing or is not a text': {"id": "a", "text": [CANARY]},
    '"id" must be': {"id": [CANARY], "text": "x"},
    "lone surrogate at character 18": '{"id": "a", "text": "' + CANARY + '\\ud800"}',
    "id: lone surrogate at character 0": '{"id": "\\udfff", "text": "x"}',
    "outside the text": {"id": "a", "text": CANARY, "spans": [{"start": 3, "end": 99, "label": "X"}]},
    "outside the text of 18 characters or empty": {
        "id": "a",
        "text": CANARY,
        "spans": [{"start": 3, "end": 3, "label": "X"}],
    },
    "must be whole numbers": {
        "id": "a",
        "text": CANARY,
        "spans": [{"start": 3.0, "end": True, "label": "X"}],
    },
    "has no label": {"id": "a", "text": CANARY, "spans": [{"start": 0, "end": 3}]},
    '"spans" must be a list': {"id": "a", "text": CANARY, "spans": {"start": 0}},
    "a span must be": {"id": "a", "text": CANARY, "spans": [[0, 3]]},
    '"score" must lie': {
        "id": "a",
        "text": CANARY,
        "spans": [{"start": 0, "end": 3, "label": "X", "score": 2}],
    },
    '"known" must map': {"id": "a", "text": CANARY, "known": {"PATIENT": CANARY}},
    '"patient" must be': {"id": "a", "text": CANARY, "patient": [CANARY]},
    "JSON that cannot be read": "[" * 100_000,
}


@pytest.mark.parametrize("message", BAD)
def test_bad_rows_are_named_without_their_text(tmp_path: Path, message: str) -> None:
    path = _file(tmp_path, {"id": "good", "text": "x"}, BAD[message])
    with pytest.raises(CorpusError) as caught:
        list(read(path))
    assert message in str(caught.value)
    assert f"{path}, line 2" in str(caught.value)
    error: BaseException | None = caught.value
    while error is not None:
        assert "Quibble" not in str(vars(error)) + str(error.args)
        error = error.__cause__ or error.__context__
    assert "Quibble" not in "".join(traceback.format_exception(caught.value))


def test_ids_occur_once(tmp_path: Path) -> None:
    path = _file(tmp_path, {"id": "1", "text": "x"}, {"id": 1, "text": "y"})
    with pytest.raises(CorpusError, match="'1' occurs twice"):
        list(read(path))


def test_overlaps_only_when_strict(tmp_path: Path) -> None:
    spans = [{"start": 0, "end": 3, "label": "A"}, {"start": 2, "end": 4, "label": "B"}]
    path = _file(tmp_path, {"id": "a", "text": "abcdef", "spans": spans})
    assert len(next(read(path)).spans) == 2
    with pytest.raises(CorpusError, match=r"note 'a': spans \[0, 3\) and \[2, 4\) overlap"):
        next(read(path, strict=True))


def test_damaged_gzip_utf16_and_long_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.compress(json.dumps({"id": "a", "text": "x" * 500}).encode())
    (tmp_path / "n.jsonl.gz").write_bytes(whole[:-9])
    with pytest.raises(CorpusError, match="gzip"):
        list(read(tmp_path / "n.jsonl.gz"))
    (tmp_path / "u.jsonl").write_bytes('{"text": "x"}'.encode("utf-16"))
    with pytest.raises(CorpusError, match="must be UTF-8"):
        list(read(tmp_path / "u.jsonl"))
    with pytest.raises(CorpusError, match="No such file"):
        list(read(tmp_path / "gone.jsonl"))
    (tmp_path / "n.jsonl.gz").write_bytes(whole)
    monkeypatch.setattr(jsonl, "LONGEST_ROW", 100)
    with pytest.raises(CorpusError, match="line 1: longer than 100 bytes"):
        list(read(tmp_path / "n.jsonl.gz"))


def test_ignored_ranges() -> None:
    ranges = [{"start": 0, "end": 2}, [3, 4]]
    assert ignore_ranges(Row("abcdef", "a", extra={"ignore": ranges})) == [(0, 2), (3, 4)]
    assert ignore_ranges(Row("abcdef", "a")) == ignore_ranges(Note("x", "b")) == []
    for bad in ([[0, 9]], [[1]], {"start": 0}, ["ab"], [{"start": 1}]):
        with pytest.raises(CorpusError, match="note 'a': ignore"):
            ignore_ranges(Row("abcdef", "a", extra={"ignore": bad}))


def test_repr_shows_no_text(tmp_path: Path) -> None:
    assert CANARY not in repr(Row(CANARY, "a", extra={"x": CANARY}))
