"""Notes, detectors and a desk for the tests of the review page."""

from __future__ import annotations

import re
from pathlib import Path

from nlp_deid.deid import Deid
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.policy import load_policy
from nlp_deid.review.desk import MINE, Act, Desk, Opened
from nlp_deid.review.folder import NoteFolder
from nlp_deid.review.store import Store

SMILE = "\U0001f600"
# The second note holds markup, characters of two UTF-16 units and CR LF.
NOTES = {
    "a": "Seen by Zqada on 3/4/2019.\nZqbo came later.\n",
    "b": f"<script>alert('x')</script> {SMILE}{SMILE} Zqada {SMILE} called.\r\nMRN 00481772 <b>bold</b>\r\n",
    "c": "Nothing is known of this one.\n",
}


class Finds(Detector):
    """Proposes every match of a pattern."""

    def __init__(self, pattern: str, label: str, score: float, name: str) -> None:
        self.pattern, self.label, self.score, self.name = re.compile(pattern), label, score, name

    def find(self, note: Note) -> list[Span]:
        return [
            Span(m.start(), m.end(), self.label, self.score, self.name)
            for m in self.pattern.finditer(note.text)
        ]


def detectors() -> list[Detector]:
    return [
        Finds(r"\bZq\w+", "PATIENT", 0.95, "names"),
        Finds(r"\bZqb\w+", "DOCTOR", 0.91, "other names"),
        Finds(r"\d+/\d+/\d+", "DATE", 0.9, "dates"),
        Finds(r"\d{8}", "MEDICALRECORD", 0.95, "numbers"),
        Finds(r"\blater\b", "DATE", 0.3, "vague dates"),
    ]


def write_notes(folder: Path, notes: dict[str, str] = NOTES) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in notes.items():
        (folder / f"{name}.txt").write_bytes(text.encode())
    return folder


def desk_of(folder: Path, found: list[Detector] | None = None) -> Desk:
    """A desk whose detectors have read all notes."""
    deid = Deid(found or detectors(), load_policy("tag"), name="test")
    state = folder / ".nlp-deid-review"
    desk = Desk(NoteFolder(folder), deid, Store(state), state / "exports")
    desk.scout.start()
    for page in desk.folder.pages.values():
        assert desk.scout.wait(page, 60) is not None
    desk.scout.stop()
    return desk


def key_of(desk: Desk, note_id: str) -> str:
    return next(page.key for page in desk.folder.pages.values() if page.note.id == note_id)


def opened(desk: Desk, who: str, note_id: str, book: str = MINE) -> Opened:
    found = desk.open(who, key_of(desk, note_id), book)
    assert found is not None
    return found


def do(desk: Desk, who: str, note_id: str, name: str, *place: object, book: str = MINE) -> Opened:
    """One act with the version that is current."""
    now = opened(desk, who, note_id, book)
    done = desk.act(who, now.page.key, book, Act(name, now.review.version, *place))  # type: ignore[arg-type]
    assert done is not None
    return done


def finish(desk: Desk, who: str, note_id: str, book: str = MINE) -> Opened:
    if opened(desk, who, note_id, book).review.undecided:
        do(desk, who, note_id, "accept_rest", book=book)
    return do(desk, who, note_id, "finish", book=book)
