"""Label Studio's JSON: one list of tasks, each a note with its annotation.

    [{"data": {"id": "a", "text": "Seen 3/4."},
      "annotations": [{"result": [{"from_name": "label", "to_name": "text", "type": "labels",
                                   "value": {"start": 5, "end": 8, "text": "3/4", "labels": ["DATE"]}}]}]}]

This is the export "JSON" of a labelling interface with `<Text name="text" value="$text"/>`; its "JSON-MIN"
lacks the annotations. Offsets count characters, end exclusive (before Label Studio 1.5 UTF-16 units, so
that they are wrong behind an emoji: `strict` sees it). Predictions and drafts are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from nlp_deid.corpus.checks import (
    CorpusError,
    Labels,
    check_id,
    check_text,
    encode,
    finish_spans,
    make_span,
    unique,
)
from nlp_deid.corpus.files import whole
from nlp_deid.corpus.jsonl import dump, load
from nlp_deid.corpus.text import decode
from nlp_deid.note import Note, Span

_LABELS = "labels"  # the type of a span in plain text


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of one file, task by task.

    A note is called after its data's "id", else after its task's, else "task-N". Results of other types
    than labels (choices, relations, text areas) are passed over. `labels` as in `checks.finish_spans`;
    `strict` refuses overlaps and results whose own text is not what their offsets say.

    Raises:
        CorpusError: a task that is none of these, has no annotation or several of them that are not
            cancelled, or labels what is no plain text; named by file, task and id.
    """
    path = Path(path)
    return unique(_notes(path, labels, strict), str(path))


def _notes(path: Path, labels: Labels | None, strict: bool) -> Iterator[Note]:
    problem = ""
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = error.strerror or "cannot be read"
    if problem:
        raise CorpusError(f"{path}: {problem}")
    tasks = load(decode(data, str(path)), str(path))
    if not isinstance(tasks, list):
        raise CorpusError(f"{path}: not a list of Label Studio tasks")
    for number, task in enumerate(tasks, start=1):
        yield _note(task, number, labels, strict, f"{path}, task {number}")


def _note(task: object, number: int, labels: Labels | None, strict: bool, where: str) -> Note:
    data = task.get("data") if isinstance(task, dict) else None
    if not isinstance(task, dict) or not isinstance(data, dict):
        raise CorpusError(f'{where}: no "data": not a task of Label Studio\'s JSON (JSON-MIN is not read)')
    note_id = check_id(data.get("id", task.get("id", f"task-{number}")), where)
    where = f"{where}, note {note_id!r}"
    text = check_text(data.get("text"), f"{where}: data")
    spans = _spans(_result(task.get("annotations"), where), text, strict, where)
    return Note(text, note_id, spans=finish_spans(spans, labels, strict, where))


def _result(annotations: object, where: str) -> list[Any]:
    """The results of the one annotation that counts."""
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise CorpusError(f'{where}: "annotations" is missing or is not a list of annotations')
    valid = [one for one in annotations if not one.get("was_cancelled")]
    if len(valid) != 1:
        raise CorpusError(
            f"{where}: {len(valid)} annotations that are not cancelled; a note must have one: annotate it, "
            "keep the right one, or leave the task out"
        )
    result = valid[0].get("result")
    if not isinstance(result, list):
        raise CorpusError(f'{where}: "result" is missing or is not a list')
    return result


def _spans(result: list[Any], text: str, strict: bool, where: str) -> Iterator[Span]:
    for number, item in enumerate(result, start=1):
        here = f"{where}, result {number}"
        kind = item.get("type") if isinstance(item, dict) else None
        if not isinstance(kind, str):
            raise CorpusError(f'{here}: no "type"')
        if kind == _LABELS:
            yield _span(item.get("value"), text, strict, here)
        elif kind.endswith(_LABELS):  # spans of HTML, dialogues, pictures: to pass over them would lose PHI
            raise CorpusError(
                f'{here}: spans of another type than "{_LABELS}"; only those of <Text> are read'
            )


def _span(value: object, text: str, strict: bool, where: str) -> Span:
    if not isinstance(value, dict):
        raise CorpusError(f'{where}: "value" is missing or is not an object')
    names = value.get(_LABELS)
    if not isinstance(names, list) or len(names) != 1:
        raise CorpusError(f'{where}: "{_LABELS}" must be a list of one label')
    span = make_span(value.get("start"), value.get("end"), names[0], len(text), where)
    encode(span.label, f"{where}: label")
    quoted = value.get("text")
    if strict and quoted is not None and _plain(quoted) != _plain(text[span.start : span.end]):
        raise CorpusError(f"{where}: its text is not the text at [{span.start}, {span.end})")
    return span


def _plain(text: object) -> str:
    """A text without blanks and line ends, which Label Studio's page joins or writes as backslash and n."""
    return "".join(str(text).replace("\\n", " ").split())


def write(path: str | Path, notes: Iterable[Note]) -> None:
    """Write notes to one list of tasks for `<Labels name="label" toName="text">`; the file appears whole.

    Patients, known values, and the scores and sources of spans are not written.

    Raises:
        CorpusError: a text that UTF-8 cannot carry.
    """
    with whole(Path(path)) as stream:
        stream.write(b"[")
        for number, note in enumerate(notes):
            stream.write((b",\n" if number else b"\n") + dump(_task(note), note.id))
        stream.write(b"\n]\n")


def _task(note: Note) -> dict[str, Any]:
    result = [
        {
            "id": f"P{number}",
            "from_name": "label",
            "to_name": "text",
            "type": _LABELS,
            "value": {
                "start": span.start,
                "end": span.end,
                "text": note.text[span.start : span.end],
                _LABELS: [span.label],
            },
        }
        for number, span in enumerate(note.spans)
    ]
    return {"data": {"id": note.id, "text": note.text}, "annotations": [{"result": result}]}
