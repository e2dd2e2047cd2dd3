"""XHTML of FHIR narratives, and HTML pages: text nodes are rewritten, all that could hide text goes.

Comments, scripts, styles, forms and media are taken out, and every attribute but those that shape a table
and those whose value is shown as text. XML is read by defusedxml: no DTD, no entities, nothing external.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.entities import html5
from typing import Any
from xml.etree import ElementTree

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from nlp_deid.carriers.sheet import CarrierError, Piece, Sheet

XHTML = "http://www.w3.org/1999/xhtml"
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]*;)")
_XML_ENTITIES = frozenset({"amp;", "lt;", "gt;", "quot;", "apos;"})
_INLINE = frozenset([
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "del", "dfn", "em", "font", "i",
    "ins", "kbd", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt",
    "u", "var", "wbr",
])  # fmt: skip
_CELLS = frozenset({"td", "th"})
_NO_TEXT = frozenset([
    "script", "style", "object", "embed", "iframe", "applet", "noscript", "template", "form", "input",
    "button", "textarea", "select", "option", "svg", "math", "img", "audio", "video", "canvas", "map",
    "area", "link", "meta", "base",
])  # fmt: skip
_TEXT_ATTRIBUTES = frozenset({"title", "alt", "summary", "abbr"})
_SHAPE_ATTRIBUTES = frozenset({"colspan", "rowspan", "border", "cellpadding", "cellspacing", "span", "start"})


def narrative(sheet: Sheet, div: str, put: Callable[[str], None]) -> Callable[[], None]:
    """Put the text of a narrative `<div>` on the sheet; the result, called after `write`, puts it back.

    Raises:
        CarrierError: not well-formed XML, or a root that is no div.
    """
    plain = _ENTITY.sub(_character, div)
    try:
        root = fromstring(plain, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError):
        root = None
    if root is None or _local(root) != "div":
        raise CarrierError("narrative")
    for node in root.iter():
        node.tag = _local(node)
    _clean(sheet, root)

    def back() -> None:
        root.set("xmlns", XHTML)
        put(ElementTree.tostring(root, encoding="unicode"))

    return back


def page(sheet: Sheet, text: str, put: Callable[[str], None]) -> Callable[[], None]:
    """As `narrative`, for a page of HTML as it comes.

    Raises:
        CarrierError: nothing in it can be read.
    """
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring, tostring

    try:
        parser = HTMLParser(remove_comments=True, remove_pis=True, no_network=True)
        root = document_fromstring(re.sub(r"\A\s*<\?xml[^>]*\?>", "", text), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError):
        root = None
    if root is None:
        raise CarrierError("html")
    _clean(sheet, root)
    return lambda: put(str(tostring(root, encoding="unicode", doctype="<!DOCTYPE html>")))


def _character(entity: re.Match[str]) -> str:
    return entity[0] if entity[1] in _XML_ENTITIES else html5.get(entity[1], entity[0])


def _local(node: Any) -> str:
    return node.tag.rpartition("}")[2].lower() if isinstance(node.tag, str) else ""


def _clean(sheet: Sheet, root: Any) -> None:
    """Take out what may not stay; put the rest of the text on the sheet."""
    _prune(root)
    for node in root.iter():
        for name in list(node.attrib):
            value = node.attrib[name]
            if name in _TEXT_ATTRIBUTES:
                sheet.text([Piece(value, _setter(node.set, name))])
            elif name not in _SHAPE_ATTRIBUTES or not re.fullmatch(r"[0-9]{1,4}%?", value):
                del node.attrib[name]
    sheet.text(list(_pieces(root)))


def _prune(node: Any) -> None:
    """Take out children that are no text, but keep what follows them."""
    before = None
    for child in list(node):
        if _local(child) in _NO_TEXT or not isinstance(child.tag, str):
            tail = child.tail or ""
            node.remove(child)
            if before is None:
                node.text = (node.text or "") + tail
            else:
                before.tail = (before.tail or "") + tail
        else:
            _prune(child)
            before = child


def _pieces(node: Any) -> Iterator[Piece]:
    """The text nodes in order, with a line end or tab where the page would show one."""
    name = _local(node)
    gap = "" if name in _INLINE else "\t" if name in _CELLS else "\n"
    yield Piece(gap)
    if node.text:
        yield Piece(node.text, _setter(_attribute, node, "text"))
    for child in node:
        yield from _pieces(child)
        if child.tail:
            yield Piece(child.tail, _setter(_attribute, child, "tail"))
    yield Piece(gap)


def _attribute(node: Any, name: str, value: str) -> None:
    setattr(node, name, value)


def _setter(call: Callable[..., None], *first: Any) -> Callable[[str], None]:
    return lambda value: call(*first, value)
