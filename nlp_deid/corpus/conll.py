"""CoNLL columns: a token a line, its tag in the last column, a blank line behind each sentence.

    -DOCSTART- -X- -X- O

    Tilda NNP B-PATIENT
    Moss  NNP I-PATIENT
    was   VBD O

Columns are parted by tabs, or else by blanks (Tjong Kim Sang & De Meulder 2003, CoNLL). Tags are read as BIO
(either kind), BIOES, BILOU or IO, also without a prefix. The form has no text: it is made of the tokens,
with a blank between two and a line end behind each sentence.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError, Labels, finish_spans, unique
from nlp_deid.corpus.files import Folder, find, whole
from nlp_deid.corpus.text import decode, to_bytes
from nlp_deid.note import Note, Span

SUFFIX = ".conll"
DOCUMENT = "-DOCSTART-"

_TAG = re.compile(r"(?:([BIESLU])[-_])?(\S+)")
_TOKEN = re.compile(r"\w+|\S")
_Sentence = list[tuple[str, str]]  # token and tag


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of one file, or of every .conll file of a folder.

    A file without -DOCSTART- is one note, called after the file; documents of others are "NAME-1",
    "NAME-2" and so on. `labels` as in `checks.finish_spans`; there is nothing more for `strict`.

    Raises:
        CorpusError: a line that is no token with a tag, named by file and line.
    """
    return unique(
        (
            _note(sentences, note_id, labels, strict, str(file))
            for name, file in find(Path(path), SUFFIX)
            for note_id, sentences in _documents(file, name)
        ),
        str(path),
    )


def _documents(file: Path, name: str) -> Iterator[tuple[str, list[_Sentence]]]:
    """Id and sentences of each document of a file."""
    documents: list[list[_Sentence]] = [[[]]]
    marked = False
    for at, line in enumerate(decode(file.read_bytes(), str(file)).split("\n"), start=1):
        columns = [part.strip() for part in line.split("\t")] if "\t" in line else line.split()
        if not any(columns):
            documents[-1].append([])
        elif columns[0] == DOCUMENT:
            if marked or any(documents[-1]):
                documents.append([[]])
            marked = True
        elif len(columns) < 2 or not columns[0] or not _TAG.fullmatch(columns[-1]):
            raise CorpusError(f"{file}, line {at}: not a token with a tag in the last column")
        else:
            documents[-1][-1].append((columns[0], columns[-1]))
    for number, sentences in enumerate(documents, start=1):
        yield f"{name}-{number}" if marked else name, sentences


def _note(sentences: list[_Sentence], note_id: str, labels: Labels | None, strict: bool, where: str) -> Note:
    spans: list[Span] = []
    lines: list[str] = []
    at = 0
    for sentence in filter(None, sentences):
        spans += _spans(sentence, at)
        lines.append(" ".join(token for token, _ in sentence) + "\n")
        at += len(lines[-1])
    spans = finish_spans(spans, labels, strict, f"{where}, note {note_id!r}")
    return Note("".join(lines), note_id, spans=spans)


def _spans(sentence: _Sentence, at: int) -> Iterator[Span]:
    """The spans of a sentence whose first character is `at`."""
    begin, end, held = at, at, ""
    for token, tag in sentence:
        found = _TAG.fullmatch(tag)
        assert found is not None
        prefix, label = found[1] or "I", "" if tag == "O" else found[2]
        if held and (label != held or prefix in "BSU"):
            yield Span(begin, end, held)
            held = ""
        if label and not held:
            begin, held = at, label
        end = at + len(token)
        if held and prefix in "ESLU":
            yield Span(begin, end, held)
            held = ""
        at = end + 1
    if held:
        yield Span(begin, end, held)


def to_conll(note: Note) -> str:
    """Token, tab and BIO tag of each token of a note; a line of the note is a sentence.

    Tokens are runs of letters and digits and single signs, cut at the edges of spans. What lies between
    tokens is lost, and a span over a line end is cut there.

    Raises:
        CorpusError: spans that overlap, one without a token, or a label with a blank.
    """
    spans = sorted(note.spans)
    end = 0
    for span in spans:
        if span.start < end or len(span.label.split()) != 1 or not note.text[span.start : span.end].strip():
            raise CorpusError(f"note {note.id!r}: CoNLL cannot hold span [{span.start}, {span.end})")
        end = span.end
    ends = [found.start() for found in re.finditer("\n", note.text)]
    rows = [
        row
        for start, end, label in _pieces(spans, len(note.text))
        for row in _rows(note.text, start, end, label, ends)
    ]
    lines = (list(group) for _, group in groupby(rows, key=itemgetter(0)))
    return "\n".join("".join(f"{token}\t{tag}\n" for _, token, tag in line) for line in lines)


def _pieces(spans: Iterable[Span], length: int) -> Iterator[tuple[int, int, str]]:
    """The text cut at the edges of its spans; "" is the label of what lies between."""
    at = 0
    for span in spans:
        yield at, span.start, ""
        yield span.start, span.end, span.label
        at = span.end
    yield at, length, ""


def _rows(text: str, start: int, end: int, label: str, ends: list[int]) -> Iterator[tuple[int, str, str]]:
    """Line, token and tag of each token of a piece; `ends` are the places of line ends."""
    last = -1
    for token in _TOKEN.finditer(text, start, end):
        line = bisect_left(ends, token.start())
        yield line, token[0], f"{'I' if line == last else 'B'}-{label}" if label else "O"
        last = line


def write(path: str | Path, notes: Iterable[Note]) -> None:
    """Write each note's tokens and tags to `path`/`id`.conll; see `to_conll` for what is lost.

    Raises:
        CorpusError: an id that cannot be a file name, or a text or span that CoNLL cannot hold.
    """
    folder = Folder(Path(path))
    for note in notes:
        data = to_bytes(to_conll(note), f"note {note.id!r}")
        with whole(folder.path(note.id, SUFFIX)) as stream:
            stream.write(data)
