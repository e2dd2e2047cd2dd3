"""A note as a row of pieces: the identifiers and the text between them."""

from __future__ import annotations

from dataclasses import dataclass

from nlp_deid.note import Note, Span


@dataclass(slots=True)
class Segment:
    """A piece of a note: an identifier with its label, or the text between two (label "")."""

    text: str
    label: str = ""


def segments_of(note: Note) -> list[Segment]:
    """The pieces of a note; joined, they are its text.

    Raises:
        ValueError: spans overlap.
    """
    out: list[Segment] = []
    at = 0
    for span in sorted(note.spans):
        if span.start < at:
            raise ValueError(f"note {note.id!r}: spans overlap at {span.start}")
        if span.start > at:
            out.append(Segment(note.text[at : span.start]))
        out.append(Segment(note.text[span.start : span.end], span.label))
        at = span.end
    if at < len(note.text):
        out.append(Segment(note.text[at:]))
    return out


def assembled(segments: list[Segment], id: str) -> Note:
    """The note of its pieces; a span never begins or ends with a blank."""
    spans: list[Span] = []
    at = 0
    for segment in segments:
        text = segment.text
        if segment.label and text.strip():
            start = at + len(text) - len(text.lstrip())
            spans.append(Span(start, at + len(text.rstrip()), segment.label))
        at += len(text)
    return Note("".join(segment.text for segment in segments), id, spans=spans)
