"""The i2b2 2014 XML form, one file a note; MEDDOCAN uses it too.

    <deIdi2b2><TEXT><![CDATA[...]]></TEXT><TAGS><NAME id="P0" start="16" end="20" text="..." TYPE="DOCTOR"
    comment="" /></TAGS></deIdi2b2>

Offsets count Unicode characters of TEXT after XML parsing, end exclusive. The name of the root differs
between corpora and is never looked at (Stubbs & Uzuner 2015, J Biomed Inform 58:S20).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError
from xml.sax.saxutils import quoteattr

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from nlp_deid.corpus.checks import CorpusError, Labels, encode, finish_spans, make_span, offset, unique
from nlp_deid.corpus.files import Folder, find, whole
from nlp_deid.labels import CATEGORIES, from_scheme
from nlp_deid.note import Note, Span

ELEMENTS = ("NAME", "PROFESSION", "LOCATION", "AGE", "DATE", "CONTACT", "ID", "OTHER", "PHI")

_FILE_NAME = re.compile(r"(\d+)-(\d+).*")
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, section 2.2


def parse(data: bytes, where: str) -> Element:
    """The root of an XML document without a DTD.

    Raises:
        CorpusError: not well-formed, or it declares a DTD or entities (entity bombs, outside files).
    """
    try:
        root: Element = fromstring(data, forbid_dtd=True)
        return root
    except DefusedXmlException:
        problem = "a DTD or entity declaration is not allowed"
    except ParseError as error:  # its message may quote the text
        line, column = error.position
        problem = f"not well-formed XML at line {line}, column {column}"
    except (ValueError, LookupError):
        problem = "an XML encoding that cannot be read"
    raise CorpusError(f"{where}: {problem}")


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of one .xml file or of a folder. A file "PPP-NN.xml" gives the patient "PPP".

    Elements without a TYPE (other tasks of the 2014 corpus) are passed over. `labels` as in
    `checks.finish_spans`; `strict` refuses overlaps and tags whose own text is not what their
    offsets say.

    Raises:
        CorpusError: an unsafe or broken file, named by path and tag id.
    """
    return unique(
        (_read(file, note_id, labels, strict) for note_id, file in find(Path(path), ".xml")), str(path)
    )


def _read(file: Path, note_id: str, labels: Labels | None, strict: bool) -> Note:
    root = parse(file.read_bytes(), str(file))
    element = root.find("TEXT")
    if element is None:
        raise CorpusError(f"{file}: no TEXT element")
    text = element.text or ""
    spans = finish_spans(_spans(root, text, strict, str(file)), labels, strict, str(file))
    name = _FILE_NAME.fullmatch(file.stem)
    return Note(text, note_id, patient=name[1] if name else None, spans=spans)


def _spans(root: Element, text: str, strict: bool, where: str) -> Iterator[Span]:
    for number, tag in enumerate(root.iterfind("TAGS/*"), start=1):
        place = f"{where}, tag {number}"
        label = tag.get("TYPE")
        if label is None and tag.tag not in ELEMENTS:
            continue
        start, end = offset(tag.get("start"), place), offset(tag.get("end"), place)
        span = make_span(start, end, label, len(text), place)
        quoted = tag.get("text")
        # Annotation tools write line ends in the attribute as blanks.
        if strict and quoted is not None and quoted.split() != text[start:end].split():
            raise CorpusError(f'{place}: its "text" is not the text at [{start}, {end})')
        yield span


def element_name(label: str) -> str:
    """The element of a label of ours or of MEDDOCAN; "PHI" for any other label."""
    if label in CATEGORIES:
        return CATEGORIES[label]
    if label == "DIREC_PROT_INTERNET":  # CONTACT by its nature, OTHER in the corpus
        return "OTHER"
    try:
        return CATEGORIES[from_scheme("meddocan", label)]
    except ValueError:
        return "PHI"


def _cdata(text: str) -> str:
    """`text` as CDATA that a parser gives back unchanged: `]]>` is cut in two, CR is a reference."""
    text = text.replace("]]>", "]]]]><![CDATA[>").replace("\r", "]]>&#13;<![CDATA[")
    return f"<![CDATA[{text}]]>"


def to_xml(note: Note, root: str = "deIdi2b2") -> bytes:
    """A note and its spans as an XML document in UTF-8.

    Raises:
        CorpusError: the text holds a character that XML 1.0 does not allow.
    """
    where = f"note {note.id!r}"
    if bad := _NOT_XML.search(note.text):
        raise CorpusError(f"{where}: XML cannot hold U+{ord(bad[0]):04X} at character {bad.start()}")
    tags = "".join(
        f'<{element_name(span.label)} id="P{number}" start="{span.start}" end="{span.end}" '
        f'text={quoteattr(note.text[span.start : span.end])} TYPE={quoteattr(span.label)} comment="" />\n'
        for number, span in enumerate(note.spans)
    )
    return encode(
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<{root}>\n<TEXT>{_cdata(note.text)}</TEXT>\n'
        f"<TAGS>\n{tags}</TAGS>\n</{root}>\n",
        where,
    )


def write(path: str | Path, notes: Iterable[Note], root: str = "deIdi2b2") -> None:
    """Write each note to `path`/`id`.xml. The text survives to the byte, CR included.

    Raises:
        CorpusError: an id that cannot be a file name, or a text that XML cannot hold.
    """
    folder = Folder(Path(path))
    for note in notes:
        data = to_xml(note, root)
        with whole(folder.path(note.id, ".xml")) as stream:
            stream.write(data)
