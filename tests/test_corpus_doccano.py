"""doccano's JSON Lines: every form of its versions, round trip, and no way to lose spans in silence."""

from __future__ import annotations

import gzip
import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.corpus import formats, jsonl
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.doccano import read, write
from nlp_deid.note import Note, Span
from nlp_deid.predictions import read_found

CANARY = "Zyxhold Quibbleson"
PLAIN = {"id": 7, "text": "Seen 3/4.", "label": [[5, 8, "DATE"]]}


def _file(folder: Path, *rows: Any, name: str = "notes.jsonl") -> Path:
    path = folder / name
    text = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "row",
    [
        PLAIN,
        {"id": "7", "text": "Seen 3/4.", "labels": [[5, 8, "DATE"]], "Comments": [], "meta": {"x": 1}},
        {
            "id": 7,
            "text": "Seen 3/4.",
            "relations": [{"id": 0, "from_id": 1, "to_id": 1, "type": "same"}],
            "entities": [{"id": 1, "label": "DATE", "start_offset": 5, "end_offset": 8}],
        },
        {"id": 7, "text": "Seen 3/4.", "entities": [[5, 8, "DATE"]], "username": "admin"},
    ],
)
def test_the_forms_of_its_versions(tmp_path: Path, row: dict[str, Any]) -> None:
    path = _file(tmp_path, row)
    assert formats.recognise(path) == "doccano"
    (note,) = formats.read(path, strict=True)
    assert (note.id, note.text, list(note.spans)) == ("7", "Seen 3/4.", [Span(5, 8, "DATE")])
    assert type(note) is Note
    assert read_found(path) == {"7": [Span(5, 8, "DATE")]}


@pytest.mark.parametrize("name", ["n.jsonl", "n.jsonl.gz"])
@given(
    drawn=st.lists(
        st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9), st.integers(1, 9)),
        max_size=4,
    )
)
def test_round_trip(
    tmp_path_factory: pytest.TempPathFactory, name: str, drawn: list[tuple[str, int, int]]
) -> None:
    notes = [
        Note(text, str(n), spans=[Span(start, start + width, "DATE")] if start + width <= len(text) else [])
        for n, (text, start, width) in enumerate(drawn)
    ]
    path = tmp_path_factory.mktemp("rows") / name
    write(path, notes)
    back = list(read(path, strict=True))
    assert [(n.id, n.text, list(n.spans)) for n in back] == [(n.id, n.text, list(n.spans)) for n in notes]
    assert not notes or formats.recognise(path) == "doccano"


def test_what_is_written_is_what_doccano_reads(tmp_path: Path) -> None:
    note = Note("é\U0001f600 Jo", "a", "p", {"PATIENT": ["Jo"]}, [Span(3, 5, "PATIENT", 0.5, "rule")])
    write(tmp_path / "n.jsonl.gz", [note])
    row = json.loads(gzip.decompress((tmp_path / "n.jsonl.gz").read_bytes()))
    assert row == {"id": "a", "text": "é\U0001f600 Jo", "label": [[3, 5, "PATIENT"]]}


BAD = {
    "not valid JSON at character": '{"text": "' + CANARY,
    '"text" is missing': {"id": "a", "data": CANARY, "label": []},
    '"id" must be': {"id": [CANARY], "text": "x", "label": []},
    "label, labels, entities, not 0": {"id": "a", "text": CANARY, "spans": []},
    "label, labels, entities, not 2": {"id": "a", "text": CANARY, "label": [], "entities": []},
    "note 'a': label must be a list": {"id": "a", "text": CANARY, "label": None},
    "note 'b': label must be a list": {"id": "b", "text": CANARY, "label": [CANARY]},
    "note 'c': labels must be a list": {"id": "c", "text": CANARY, "labels": [[0, 3]]},
    "label: span offsets must be whole": {"id": "a", "text": CANARY, "label": [[0, True, "X"]]},
    "entities: span offsets must be whole": {
        "id": "a",
        "text": CANARY,
        "entities": [{"start": 0, "end": 3, "label": "X"}],
    },
    "outside the text of 18 characters": {"id": "a", "text": CANARY, "label": [[3, 99, "X"]]},
    "has no label": {"id": "a", "text": CANARY, "label": [[0, 3, 2]]},
    "lone surrogate": '{"id": "a", "text": "' + CANARY + '", "label": [[0, 3, "\\ud800"]]}',
    "'good' occurs twice": {"id": "good", "text": CANARY, "label": []},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_rows_are_named_without_their_text(tmp_path: Path, message: str) -> None:
    path = _file(tmp_path, {"id": "good", "text": "x", "label": []}, BAD[message])
    with pytest.raises(CorpusError) as caught:
        list(read(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "twice" in message or f"{path}, line 2" in str(caught.value)
    assert "Quibble" not in "".join(traceback.format_exception(caught.value))


def test_overlaps_only_when_strict_and_labels_are_mapped(tmp_path: Path) -> None:
    path = _file(tmp_path, {"text": "abcdef", "label": [[2, 4, "B"], [0, 3, "A"]]})
    (note,) = read(path, labels={"A": "DATE"})
    assert (note.id, [span.label for span in note.spans]) == ("row-1", ["DATE", "B"])
    with pytest.raises(CorpusError, match=r"note 'row-1': spans \[0, 3\) and \[2, 4\) overlap"):
        list(read(path, strict=True))


@pytest.mark.parametrize("key", ["label", "labels", "entities", "annotations"])
def test_our_own_reader_does_not_take_such_a_row_for_a_note_without_phi(tmp_path: Path, key: str) -> None:
    for spans in ({}, {"spans": None}):
        path = _file(tmp_path, {"id": "a", "text": CANARY, key: [[0, 3, "PATIENT"]], **spans})
        with pytest.raises(CorpusError, match=f'line 1, note \'a\': "{key}" but no "spans"') as caught:
            list(jsonl.read(path))
        assert "Quibble" not in str(caught.value)
    path = _file(tmp_path, {"id": "a", "text": "x", "spans": [], key: [1]})
    assert formats.recognise(path) == "jsonl"
    assert next(jsonl.read(path)).extra == {key: [1]}


def test_rows_of_two_tools_in_one_file_are_refused(tmp_path: Path) -> None:
    ours = {"id": "a", "text": "x", "spans": []}
    for rows in ((ours, PLAIN), (PLAIN, ours)):
        with pytest.raises(CorpusError, match="line 2"):
            list(formats.read(_file(tmp_path, *rows)))
