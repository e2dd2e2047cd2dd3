"""BRAT standoff: NAME.txt and, beside it, NAME.ann with a line a span.

    T1<TAB>LABEL 215 225<TAB>the text

Offsets count characters, end exclusive. Lines of other kinds (relations, attributes, notes) are passed over.
A discontinuous span ("LABEL 0 4;9 12") becomes one span a fragment, except where only line ends lie
between: BRAT cuts every span at line ends, so there it is one span again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError, Labels, encode, finish_spans, make_span, offset, unique
from nlp_deid.corpus.files import Folder, find, whole
from nlp_deid.corpus.text import decode, to_bytes
from nlp_deid.note import Note, Span

_INSIDE_A_LINE = re.compile(r"[^\r\n]+")


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of a folder, or of one .ann or .txt file and its twin.

    `labels` as in `checks.finish_spans`; `strict` refuses overlaps and lines whose own text is not
    what their offsets say.

    Raises:
        CorpusError: a .txt without .ann (write an empty one if it has no spans), or a broken line.
    """
    path = Path(path)
    if path.suffix.lower() == ".ann":
        path = path.with_suffix(".txt")
    return unique((_read(file, note_id, labels, strict) for note_id, file in find(path, ".txt")), str(path))


def _read(file: Path, note_id: str, labels: Labels | None, strict: bool) -> Note:
    text = decode(file.read_bytes(), str(file))
    twin = file.with_suffix(".ann")
    if not twin.is_file():
        raise CorpusError(f"{twin}: missing; BRAT needs it beside every .txt, empty if there are no spans")
    lines = decode(twin.read_bytes(), str(twin)).split("\n")
    spans = [
        span
        for n, line in enumerate(lines, start=1)
        for span in _line(line, text, strict, f"{twin}, line {n}")
    ]
    return Note(text, note_id, spans=finish_spans(spans, labels, strict, str(twin)))


def _line(line: str, text: str, strict: bool, where: str) -> Iterator[Span]:
    """The spans of one line of an .ann file."""
    if not line.startswith("T"):
        return
    _, _, rest = line.rstrip("\r").partition("\t")
    what, _, quoted = rest.partition("\t")
    label, _, ranges = what.partition(" ")
    spans: list[Span] = []
    for fragment in ranges.split(";"):
        first, _, last = fragment.partition(" ")
        span = make_span(offset(first, where), offset(last, where), label, len(text), where)
        if spans and text[spans[-1].end : span.start].strip("\r\n") == "" and spans[-1].end < span.start:
            span = Span(spans.pop().start, span.end, label)
        spans.append(span)
    if strict and quoted.split() != " ".join(text[span.start : span.end] for span in spans).split():
        raise CorpusError(f"{where}: the text of the line is not the text at its offsets")
    yield from spans


def to_ann(note: Note) -> str:
    """The .ann file of a note.

    Raises:
        CorpusError: a label with a blank, or a span of line ends only.
    """
    lines = []
    for number, span in enumerate(note.spans, start=1):
        pieces = list(_INSIDE_A_LINE.finditer(note.text, span.start, span.end))
        if not pieces or len(span.label.split()) != 1:
            raise CorpusError(f"note {note.id!r}: BRAT cannot hold span [{span.start}, {span.end})")
        ranges = ";".join(f"{piece.start()} {piece.end()}" for piece in pieces)
        lines.append(f"T{number}\t{span.label} {ranges}\t{' '.join(piece[0] for piece in pieces)}\n")
    return "".join(lines)


def write(path: str | Path, notes: Iterable[Note]) -> None:
    """Write each note to `path`/`id`.txt and .ann, the text unchanged to the byte.

    Line ends at the edge of a span are lost: BRAT cannot say them.

    Raises:
        CorpusError: an id that cannot be a file name, or a text or span that BRAT cannot hold.
    """
    folder = Folder(Path(path))
    for note in notes:
        where = f"note {note.id!r}"
        data, ann = to_bytes(note.text, where), encode(to_ann(note), where)
        target = folder.path(note.id, ".txt")
        with whole(target) as stream:
            stream.write(data)
        with whole(target.with_suffix(".ann")) as stream:
            stream.write(ann)
