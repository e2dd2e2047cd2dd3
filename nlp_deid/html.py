"""Found spans as a page that stands alone: every note with its spans marked, for `detect --html`.

The page holds the notes' text, so it is PHI. It has no script and loads nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.files import whole
from nlp_deid.entries import Entry, SourceError
from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span
from nlp_deid.outputs import OutputError, check_target, disk
from nlp_deid.sources import Source

# Light and dark; black and white text have a contrast of at least 4.5 on them.
_COLOURS = {
    "NAME": ("#ffd9d4", "#6b2a24"),
    "LOCATION": ("#d5ecd4", "#23502a"),
    "DATE": ("#d5e5fb", "#1f4373"),
    "AGE": ("#fbe6b0", "#5d4708"),
    "CONTACT": ("#e8dbfb", "#4a2f73"),
    "ID": ("#d0efee", "#14504f"),
    "PROFESSION": ("#f6d9ec", "#6a2453"),
    "OTHER": ("#e2e2e2", "#48484a"),
}
_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:light-dark(#111,#eee);background:light-dark(#fff,#161616)}"
    "pre{font:14px/1.9 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}"
    "article{border-top:1px solid light-dark(#bbb,#555);content-visibility:auto;contain-intrinsic-size:auto 40rem}"
    "mark{color:inherit;border-radius:3px;padding:.1em .2em}"
    "mark::after{content:attr(data-label);font:600 .7rem system-ui,sans-serif;margin-left:.4em}"
) + "".join(f".{name}{{background:light-dark({light},{dark})}}" for name, (light, dark) in _COLOURS.items())
_HEAD = (
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    f"<title>Found spans</title><style>{_STYLE}</style></head><body><main><h1>Found spans</h1>"
    "<p>This page holds the text of the notes: treat it as you treat them.</p>\n"
)


def marked(note: Note, spans: Sequence[Span]) -> str:
    """The note's text as HTML with its spans marked; all that is text is escaped.

    Args:
        spans: sorted, without overlap. Label, source and score stand in the title of a mark.

    Raises:
        ValueError: spans that overlap or lie outside the text.
    """
    last = spans[-1].end if spans else 0
    if last > len(note.text) or any(left.end > right.start for left, right in pairwise(spans)):
        raise ValueError(f"note {note.id!r}: spans overlap or lie outside the text")
    parts: list[str] = []
    at = 0
    for span in spans:
        said = f"{span.label}, {span.source or 'no source'}, {span.score:.2f}"
        parts += (
            escape(note.text[at : span.start]),
            f'<mark class="{CATEGORIES.get(span.label, "OTHER")}" data-label="{escape(span.label)}" '
            f'title="{escape(said)}">{escape(note.text[span.start : span.end])}</mark>',
        )
        at = span.end
    parts.append(escape(note.text[at:]))
    return "".join(parts)


def page(entries: Iterable[Entry], found: Mapping[str, Sequence[Span]]) -> Iterator[str]:
    """The page, a piece a note.

    Args:
        entries: the notes, as `sources` gives them.
        found: spans by note id; a note without an entry there is said to have failed.

    Raises:
        ValueError: spans that do not fit their note.
    """
    yield _HEAD
    for entry in entries:
        body = "<p>No spans: this note could not be processed.</p>"
        if entry.id in found:
            try:
                text = marked(entry.read(), sorted(found[entry.id]))
            except (CorpusError, SourceError, OSError):
                body = "<p>This note cannot be read any more.</p>"
            else:
                body = f"<p>{len(found[entry.id])} spans</p><pre>\n{text}</pre>"
        yield f"<article><h2>{escape(entry.id)}</h2>{body}</article>\n"
    yield "</main></body></html>\n"


def check_page(path: Path, source: Source, out: Path, overwrite: bool) -> None:
    """Refuse a page that would touch the source, the rows or what is there already.

    Raises:
        OutputError: it would.
    """
    if path.resolve() == out.resolve():
        raise OutputError(f"{path}: the page and the rows are the same file")
    check_target(source, path, folder=False, overwrite=overwrite)


def write_page(path: Path, entries: Iterable[Entry], found: Mapping[str, Sequence[Span]]) -> None:
    """Write the page; it appears whole or not at all.

    Raises:
        OutputError: the disk refuses, or spans that do not fit their notes.
    """
    try:
        with disk(str(path)), whole(path) as stream:
            for piece in page(entries, found):
                stream.write(piece.encode("utf-8", "replace"))
        return
    except OutputError:
        raise
    except ValueError as error:  # it names the note, not its text
        problem = str(error)
    raise OutputError(f"{path}: {problem}")
