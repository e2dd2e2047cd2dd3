"""What every reader checks; one error type that never holds note text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import TypeVar

from nlp_deid.note import Note, Span

Labels = Mapping[str, str]
AnyNote = TypeVar("AnyNote", bound=Note)


class CorpusError(ValueError):
    """A corpus file cannot be read or written. The message names the place, never the text."""


def make_span(start: object, end: object, label: object, length: int, where: str) -> Span:
    """A checked span over a text of `length` characters.

    Raises:
        CorpusError: offsets that are no whole numbers or lie outside the text, or no label.
    """
    if type(start) is not int or type(end) is not int:
        raise CorpusError(f"{where}: span offsets must be whole numbers")
    if not 0 <= start < end <= length:
        raise CorpusError(
            f"{where}: span [{start}, {end}) is outside the text of {length} characters or empty"
        )
    if not isinstance(label, str) or not label.strip():
        raise CorpusError(f"{where}: span [{start}, {end}) has no label")
    return Span(start, end, label)


def offset(value: str | None, where: str) -> int:
    """A character offset written in ASCII digits.

    Raises:
        CorpusError: it is missing or anything else.
    """
    if value is None or not (value.isascii() and value.isdecimal() and len(value) <= 18):
        raise CorpusError(f"{where}: a span offset is missing or is not a whole number")
    return int(value)


def finish_spans(spans: Iterable[Span], labels: Labels | None, strict: bool, where: str) -> list[Span]:
    """Spans in ascending order with their labels mapped.

    `labels` maps a label of the file to another one; a label that it lacks stays, and "" drops
    the span. Overlaps are allowed unless `strict`.

    Raises:
        CorpusError: two spans overlap although `strict`.
    """
    mapping = labels or {}
    done = []
    for span in sorted(spans):
        label = mapping.get(span.label, span.label)
        if label:
            done.append(Span(span.start, span.end, label, span.score, span.source))
    if strict:
        for left, right in pairwise(done):
            if left.overlaps(right):
                raise CorpusError(
                    f"{where}: spans [{left.start}, {left.end}) and [{right.start}, {right.end}) overlap"
                )
    return done


def unique(notes: Iterable[AnyNote], where: str) -> Iterator[AnyNote]:
    """The notes themselves, one by one.

    Raises:
        CorpusError: two of them have the same id.
    """
    seen: set[str] = set()
    for note in notes:
        if note.id in seen:
            raise CorpusError(f"{where}: note id {note.id!r} occurs twice")
        seen.add(note.id)
        yield note


def check_id(value: object, where: str) -> str:
    """The id of a note in JSON.

    Raises:
        CorpusError: neither a text nor a whole number, or empty.
    """
    note_id = str(value) if type(value) is int else value
    if not isinstance(note_id, str) or not note_id:
        raise CorpusError(f'{where}: "id" must be a text or a whole number')
    encode(note_id, f"{where}: id")
    return note_id


def check_text(value: object, where: str) -> str:
    """The text of a note in JSON.

    Raises:
        CorpusError: it is missing, no text, or cannot be written as UTF-8.
    """
    if not isinstance(value, str):
        raise CorpusError(f'{where}: "text" is missing or is not a text')
    encode(value, where)
    return value


def encode(text: str, where: str) -> bytes:
    """UTF-8 bytes of a text.

    Raises:
        CorpusError: the text holds half of a surrogate pair, which no encoding can carry.
    """
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        position = error.start
    raise CorpusError(f"{where}: lone surrogate at character {position}")
