"""Windows: stretches of a long note that an encoder reads at once, with context on either side.

Each unit belongs to the core of one window, and is decided there; the context is read only. So a
name at a seam is seen whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nlp_deid.taggers.units import LINE_ENDS


class Window(NamedTuple):
    """Units [start, end) are read, of which [core_start, core_end) are decided."""

    start: int
    end: int
    core_start: int
    core_end: int


def windows(texts: Sequence[str], size: int, context: int) -> list[Window]:
    """Windows of at most `size` units whose cores tile the units; cut at a line end where one is near.

    Args:
        texts: the units.
        size: units of the longest window.
        context: units read on either side of a core, less at the ends of the note.

    Raises:
        ValueError: no room for a core.
    """
    room = size - 2 * context
    if room < 1 or context < 0:
        raise ValueError(
            f"a window of {size} units has no room for {context} units of context on either side"
        )
    total = len(texts)
    found = []
    at = 0
    while at < total:
        end = total if total - at <= room + context else _cut(texts, at, at + room)
        found.append(Window(max(0, at - context), min(total, end + context), at, end))
        at = end
    return found


def _cut(texts: Sequence[str], start: int, end: int) -> int:
    """The place behind the last line end in the second half of [start, end), or `end`."""
    return next((at for at in range(end, (start + end) // 2, -1) if texts[at - 1] in LINE_ENDS), end)
