"""Notes with inline markup: `{{LABEL|surface}}` around every identifier, all else as it is.

    Seen by Dr. {{DOCTOR|Ada Winborne}} on {{DATE|3/4/2019}}.

Marks do not nest; a surface may hold line breaks and "|", neither "{{" nor "}}". A file is UTF-8, its name
`<id>_<genre>.txt`. Errors tell file, line and column of the marked text, never text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span

_MARK = re.compile(r"\{\{|\}\}")
_LABEL = re.compile(r"([A-Z][A-Z-]*)\|")


class MarkupError(ValueError):
    """A marked text that cannot be read or written; the message holds no text of the note."""


def parse(marked: str, id: str = "") -> Note:
    """The note of a marked text.

    Raises:
        MarkupError: an unknown label, an empty surface, or marks that do not pair.
    """
    out: list[str] = []
    spans: list[Span] = []
    at = length = 0
    opened: tuple[int, str] | None = None  # where the surface begins in the plain text, and its label
    for mark in _MARK.finditer(marked):
        if mark.start() < at:
            continue  # the second half of "{{{{" is judged with the label
        out.append(marked[at : mark.start()])
        length += mark.start() - at
        at = mark.end()
        if mark[0] == "{{":
            if opened:
                raise _error(marked, mark.start(), id, "a mark within a mark")
            found = _LABEL.match(marked, at)
            if not found or found[1] not in LABELS:
                raise _error(marked, mark.start(), id, f"no known label; allowed: {', '.join(LABELS)}")
            opened = length, found[1]
            at = found.end()
            continue
        if not opened:
            raise _error(marked, mark.start(), id, "a mark is closed that was not opened")
        start, label = opened
        if start == length:
            raise _error(marked, mark.start(), id, f"an empty {label}")
        spans.append(Span(start, length, label))
        opened = None
    if opened:
        raise _error(marked, len(marked), id, f"a {opened[1]} is not closed")
    out.append(marked[at:])
    return Note("".join(out), id, spans=spans)


def _error(marked: str, at: int, id: str, problem: str) -> MarkupError:
    line = marked.count("\n", 0, at) + 1
    column = at - marked.rfind("\n", 0, at)
    return MarkupError(f"{id or 'marked text'}, line {line}, column {column}: {problem}")


def render(note: Note) -> str:
    """The marked text of a note with spans; `parse` gives the same note back.

    Raises:
        MarkupError: spans that overlap or leave the text, or a text that holds the marks' own characters.
    """
    out: list[str] = []
    at = 0
    for span in sorted(note.spans):
        if span.start < at or span.end > len(note.text):
            raise MarkupError(f"{note.id}: span [{span.start}, {span.end}) overlaps or leaves the text")
        surface = note.text[span.start : span.end]
        out += (note.text[at : span.start], "{{", span.label, "|", surface, "}}")
        at = span.end
    out.append(note.text[at:])
    marked = "".join(out)
    if parse(marked, note.id).text != note.text:
        raise MarkupError(f"{note.id}: the text holds characters of the markup")
    return marked


def note_id(path: Path) -> str:
    """The id of a note, from its file name."""
    return path.stem.partition("_")[0]


def read(path: Path) -> Note:
    """The note of one file.

    Raises:
        MarkupError: marks that cannot be read, or bytes that are not UTF-8.
        OSError: the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            marked = file.read()
    except UnicodeDecodeError as error:
        raise MarkupError(f"{path}: byte {error.start} is not UTF-8") from None
    try:
        note = parse(marked)
    except MarkupError as error:
        raise MarkupError(f"{path}: {error}") from None
    note.id = note_id(path)
    return note


def read_folder(folder: Path) -> Iterator[Note]:
    """The notes of all .txt files of a folder and its subfolders, by path.

    Raises:
        MarkupError: as `read`, or two notes with one id.
    """
    seen: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.txt")):
        note = read(path)
        if note.id in seen:
            raise MarkupError(f"{path}: the note {note.id} is also {seen[note.id]}")
        seen[note.id] = path
        yield note


def write(path: Path, note: Note) -> None:
    """Write one note with its marks.

    Raises:
        MarkupError: as `render`.
    """
    marked = render(note)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(marked)
