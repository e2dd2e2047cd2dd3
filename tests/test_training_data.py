"""training/data.py: what the review page exports comes back for training."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from nlp_deid.corpus import jsonl
from nlp_deid.note import Note, Span
from nlp_deid.review.exports import EXPORTS, export

pytest.importorskip("datasets")
TRAINING = Path(__file__).parents[1] / "training"


def _note(note_id: str, text: str, **found: str) -> Note:
    """A note with a span of each label at its text's first place."""
    spans = [Span(at := text.index(piece), at + len(piece), label) for label, piece in found.items()]
    return Note(text, note_id, spans=spans)


NOTES = [
    _note("a", "Seen by Zqada Q. on 3/4/2019.\nZqbo came later.\n", DOCTOR="Zqada Q.", DATE="3/4/2019"),
    _note("b-2", "\U0001f600\U0001f600 é Zqbo, <b>MRN</b> 00481\n", PATIENT="Zqbo", MEDICALRECORD="00481"),
    _note("c", "Nothing is known of this one.\n"),
]


@pytest.fixture(scope="module")
def data() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAINING))
        before = set(sys.modules)
        yield import_module("data")
        for name in set(sys.modules) - before:
            if name.split(".")[0] in ("data", "held", "markup", "make_notes", "slots"):
                del sys.modules[name]


@pytest.mark.parametrize("format", EXPORTS)
def test_every_export_is_read_back_with_equal_spans(data: Any, tmp_path: Path, format: str) -> None:
    path = export(tmp_path, "ann", format, NOTES)
    back = {note.id: note for note in data.read([path])}
    assert set(back) == {note.id for note in NOTES}
    for note in NOTES:
        assert back[note.id].text == note.text
        assert list(back[note.id].spans) == list(note.spans)


def test_what_is_kept_apart_can_be_written(data: Any, tmp_path: Path) -> None:
    notes = [Note(f"Note {number}", f"n{number}") for number in range(40)]
    jsonl.write(tmp_path / "all.jsonl", notes)
    import_module("held").main([tmp_path / "all.jsonl"], tmp_path / "held.jsonl", None, 3)
    kept = [note.id for note in jsonl.read(tmp_path / "held.jsonl")]
    assert kept == [note.id for note in data.held_out(notes, 3)[1]]
    assert len(kept) == 4
