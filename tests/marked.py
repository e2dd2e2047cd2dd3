"""Texts with their names marked ("Dr. [[Roe]] called"), for the tests of the name detectors."""

from __future__ import annotations

import regex

from nlp_deid.note import Span

_MARK = regex.compile(r"\[\[(.+?)\]\]", regex.DOTALL)


def unmark(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without marks, and where the marked names stand in it."""
    ranges = []
    removed = 0
    for match in _MARK.finditer(marked):
        start = match.start() - removed
        ranges.append((start, start + len(match[1])))
        removed += 4
    return _MARK.sub(r"\1", marked), ranges


def covered(text: str, spans: list[Span]) -> list[str]:
    """The stretches of a text that spans cover, joined where they touch."""
    places = {at for span in spans for at in range(span.start, span.end)}
    flags = "".join("x" if at in places else " " for at in range(len(text)))
    return [text[match.start() : match.end()] for match in regex.finditer("x+", flags)]
