"""Label Studio's JSON: round trip, what counts of a task, and errors that show no text."""

from __future__ import annotations

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.label_studio import read, write
from nlp_deid.note import Note, Span

CANARY = "Zyxhold Quibbleson"


def _item(start: object, end: object, *labels: object, text: str | None = None) -> dict[str, Any]:
    value = {"start": start, "end": end, "labels": list(labels)}
    if text is not None:
        value["text"] = text
    return {"id": "r", "from_name": "label", "to_name": "text", "type": "labels", "value": value}


def _task(*items: Any, text: str = CANARY, **more: Any) -> dict[str, Any]:
    annotation = {"id": 1, "completed_by": 1, "was_cancelled": False, "result": list(items)}
    return {"id": 31, "data": {"id": "a", "text": text}, "annotations": [annotation], **more}


def _file(folder: Path, *tasks: Any) -> Path:
    path = folder / "notes.json"
    path.write_text(json.dumps(list(tasks)), encoding="utf-8")
    return path


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
    path = tmp_path_factory.mktemp("tasks") / "n.json"
    write(path, notes)
    assert formats.recognise(path) == "label_studio"
    back = list(formats.read(path, strict=True))
    assert [(n.id, n.text, list(n.spans)) for n in back] == [(n.id, n.text, list(n.spans)) for n in notes]


def test_what_is_written_is_what_label_studio_reads(tmp_path: Path) -> None:
    note = Note("\U0001f600 Jo", "a", "p", {"PATIENT": ["Jo"]}, [Span(2, 4, "PATIENT", 0.5, "rule")])
    write(tmp_path / "n.json", [note])
    value = {"start": 2, "end": 4, "text": "Jo", "labels": ["PATIENT"]}
    item = {"id": "P0", "from_name": "label", "to_name": "text", "type": "labels", "value": value}
    assert json.loads((tmp_path / "n.json").read_bytes()) == [
        {"data": {"id": "a", "text": "\U0001f600 Jo"}, "annotations": [{"result": [item]}]}
    ]


def test_the_one_annotation_that_is_not_cancelled_counts(tmp_path: Path) -> None:
    task = _task(_item(0, 7, "PATIENT", text="Zyxhold"))
    task["annotations"].insert(0, {"was_cancelled": True, "result": [_item(8, 18, "DOCTOR")]})
    task["predictions"] = [{"result": [_item(8, 18, "CITY")]}]
    task["drafts"] = [{"result": [_item(8, 18, "CITY")]}]
    (note,) = read(_file(tmp_path, task), strict=True)
    assert (note.id, note.text, list(note.spans)) == ("a", CANARY, [Span(0, 7, "PATIENT")])


def test_other_results_are_passed_over_and_an_empty_annotation_is_a_note_without_phi(tmp_path: Path) -> None:
    choice = {"type": "choices", "value": {"choices": ["seen"]}}
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"}
    (note,) = read(_file(tmp_path, _task(choice, relation, {"type": "textarea", "value": {"text": ["x"]}})))
    assert note.spans == []


def test_ids(tmp_path: Path) -> None:
    tasks = [_task(), _task(), _task()]
    del tasks[1]["data"]["id"], tasks[2]["data"]["id"], tasks[2]["id"]
    assert [note.id for note in read(_file(tmp_path, *tasks))] == ["a", "31", "task-3"]
    with pytest.raises(CorpusError, match="'a' occurs twice"):
        list(read(_file(tmp_path, _task(), _task())))


def test_the_text_of_a_result_is_checked_when_strict(tmp_path: Path) -> None:
    text = f"\U0001f600 {CANARY}\nB  C"
    moved = _file(tmp_path, _task(_item(3, 10, "PATIENT", text="Zyxhold"), text=text))  # UTF-16 offsets
    (note,) = read(moved)
    assert list(note.spans) == [Span(3, 10, "PATIENT")]
    with pytest.raises(
        CorpusError, match=r"note 'a', result 1: its text is not the text at \[3, 10\)"
    ) as error:
        list(read(moved, strict=True))
    assert "Zyx" not in str(error.value)
    for quoted in (None, "Quibbleson\\nB C", "Quibbleson\nB  C", "Quibbleson B C"):  # as its page has it
        (note,) = read(_file(tmp_path, _task(_item(10, 25, "X", text=quoted), text=text)), strict=True)
        assert list(note.spans) == [Span(10, 25, "X")]


def test_overlaps_only_when_strict_and_labels_are_mapped(tmp_path: Path) -> None:
    path = _file(tmp_path, _task(_item(2, 4, "B"), _item(0, 3, "A")))
    (note,) = read(path, labels={"A": "DATE"})
    assert [span.label for span in note.spans] == ["DATE", "B"]
    with pytest.raises(CorpusError, match=r"note 'a': spans \[0, 3\) and \[2, 4\) overlap"):
        list(read(path, strict=True))


MINIMAL = {"id": 1, "text": CANARY, "label": [{"start": 0, "end": 3, "labels": ["X"]}], "annotator": 1}
BAD = {
    'task 2: no "data": not a task of Label Studio\'s JSON (JSON-MIN is not read)': MINIMAL,
    'task 2: no "data"': [CANARY],
    'data: "text" is missing': {"data": {"id": "a", "body": CANARY}, "annotations": [{"result": []}]},
    'data: "text" is missing or is not a text': {"data": {"text": [{"author": CANARY}]}, "annotations": []},
    '"id" must be': {"data": {"id": CANARY.split(), "text": "x"}, "annotations": []},
    '"annotations" is missing': {"data": {"text": CANARY}, "completions": [{"result": []}]},
    '"annotations" is missing or is not a list of': {"data": {"text": CANARY}, "annotations": [5]},
    "note 'a': 0 annotations that are not cancelled": _task(annotations=[]),
    "0 annotations that are not": _task(annotations=[{"was_cancelled": True, "result": []}]),
    "note 'a': 2 annotations that are not cancelled": _task(annotations=[{"result": []}, {"result": []}]),
    '"result" is missing': _task(annotations=[{}]),
    'result 1: no "type"': _task(CANARY),
    'result 2: no "type"': _task(_item(0, 3, "X"), {"value": {}}),
    'spans of another type than "labels"': _task({**_item(0, 3, "X"), "type": "hypertextlabels"}),
    '"value" is missing': _task({"type": "labels", "value": CANARY}),
    "must be a list of one label": _task(_item(0, 3)),
    '"labels" must be a list of one label': _task(_item(0, 3, "X", "Y")),
    "must be whole numbers": _task(_item("/div[1]/text()[1]", "/div[1]/text()[1]", "X")),
    "outside the text of 18 characters": _task(_item(0, 19, "X")),
    "has no label": _task(_item(0, 3, [CANARY])),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_tasks_are_named_without_their_text(tmp_path: Path, message: str) -> None:
    good = {"data": {"id": "good", "text": "x"}, "annotations": [{"result": []}]}
    path = _file(tmp_path, good, BAD[message])
    with pytest.raises(CorpusError) as caught:
        list(read(path))
    assert message in str(caught.value)
    assert f"{path}, task 2" in str(caught.value)
    assert "Quibble" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"data": {"text": "' + CANARY.encode(), "not valid JSON at character"),
        (json.dumps(_task()).encode(), "not a list of Label Studio tasks"),
        (b"[" * 100_000, "JSON that cannot be read"),
        (b'["caf\xe9"]', "not valid UTF-8 at byte 5"),
        (json.dumps([_task()]).encode().replace(b"Zyx", b"\\ud800"), "lone surrogate at character 0"),
    ],
)
def test_files_that_are_no_list_of_tasks(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "n.json"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match=message) as caught:
        list(read(path))
    assert str(path) in str(caught.value)
    assert "Quibble" not in "".join(traceback.format_exception(caught.value))


def test_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.json"):
        with pytest.raises(CorpusError, match=str(path)):
            list(read(path))
