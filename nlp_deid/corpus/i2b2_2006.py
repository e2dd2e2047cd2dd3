"""The i2b2 2006 corpus: one XML file of records with PHI inline. Read only.

    <RECORD ID="1"><TEXT>... <PHI TYPE="DOCTOR">...</PHI> ...</TEXT></RECORD>

It has no offsets; they are counted along the text (Uzuner, Luo & Szolovits 2007, JAMIA 14:550-563).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from nlp_deid.corpus.checks import CorpusError, Labels, finish_spans, make_span, unique
from nlp_deid.corpus.i2b2 import parse
from nlp_deid.note import Note, Span

# The training file as distributed has one date that ends in an opening DOCTOR tag in place of </PHI>.
_BROKEN = re.compile(rb'(<PHI TYPE="DATE">[^<]*)<PHI TYPE="DOCTOR">(?=[^<]*<(?!/PHI>))')


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of one file, in its order; types are those of 2006 unless `labels` maps them.

    The one known broken tag of the training file is repaired; any other fault is an error.

    Raises:
        CorpusError: unsafe or broken XML, named by line and column, or a record without id or text.
    """
    return unique(_records(Path(path), labels, strict), str(path))


def _records(path: Path, labels: Labels | None, strict: bool) -> Iterator[Note]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None
    for number, record in enumerate(
        parse(_BROKEN.sub(rb"\1</PHI>", data, count=1), str(path)).iter("RECORD"), 1
    ):
        where = f"{path}, record {number}"
        note_id, element = record.get("ID"), record.find("TEXT")
        if not note_id or element is None:
            raise CorpusError(f"{where}: no ID or no TEXT")
        text, spans = _walk(element, f"{where}, note {note_id!r}")
        yield Note(text, note_id, spans=finish_spans(spans, labels, strict, where))


def _walk(element: Element, where: str) -> tuple[str, list[Span]]:
    """The plain text of a record and the spans of its PHI tags."""
    parts = [element.text or ""]
    length = len(parts[0])
    ranges = []
    for tag in element:
        if tag.tag != "PHI" or len(tag):
            raise CorpusError(f"{where}: a tag inside the text that is not a plain PHI tag")
        start, inside, behind = length, tag.text or "", tag.tail or ""
        length += len(inside)
        if inside:
            ranges.append((start, length, tag.get("TYPE")))
        parts += (inside, behind)
        length += len(behind)
    return "".join(parts), [make_span(start, end, label, length, where) for start, end, label in ranges]
