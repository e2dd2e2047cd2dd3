"""The map from surrogates back to originals, for those who must be able to go back.

It is written only when asked for: whoever holds it holds the identifiers. One JSON object a line:
note, patient, label, original, surrogate.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import regex


class MapFault(ValueError):
    """A map that cannot be written or read; the message holds no value of it."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One replacement in one note. Its repr shows the label only."""

    note: str = field(repr=False)
    patient: str = field(repr=False)
    label: str
    original: str = field(repr=False)
    surrogate: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Restored:
    """A text with originals put back.

    Args:
        text: the text.
        restored: how many surrogates were put back.
        ambiguous: how many were left, as two originals share the surrogate.
    """

    text: str = field(repr=False)
    restored: int
    ambiguous: int


def write_map(path: Path, pairs: Iterable[Pair]) -> int:
    """Writes a new map that only its owner may read (mode 0600), whole or not at all.

    Returns:
        How many different pairs it holds.

    Raises:
        MapFault: the file exists; a map is never overwritten.
        OSError: it cannot be written, or the file system has no hard links.
    """
    # mkstemp gives mode 0600; a link, other than a rename, never replaces a file.
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".map-", suffix=".part")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass", newline="\n") as file:
            count = 0
            for pair in dict.fromkeys(pairs):
                file.write(json.dumps(asdict(pair), ensure_ascii=True) + "\n")
                count += 1
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            raise MapFault(f"{path}: exists already; a map is never overwritten") from None
    finally:
        Path(temporary).unlink()
    return count


def read_map(path: Path) -> list[Pair]:
    """The pairs of a map.

    Raises:
        MapFault: other users may open the file, or a line is no pair (the message gives its number).
        OSError: it cannot be read.
    """
    names = {entry.name for entry in fields(Pair)}
    pairs = []
    with path.open("rb") as file:
        if os.name != "nt" and os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise MapFault(f"{path}: other users may open this map; allow only its owner (chmod 600)")
        for number, line in enumerate(file, 1):
            try:
                data = json.loads(line)
            except ValueError:
                data = None
            if (
                not isinstance(data, dict)
                or set(data) != names
                or not all(isinstance(v, str) for v in data.values())
            ):
                raise MapFault(
                    f"{path}, line {number}: not an object of the strings {', '.join(sorted(names))}"
                )
            pairs.append(Pair(**data))
    return pairs


def put_back(
    text: str, pairs: Iterable[Pair], spans: Sequence[tuple[int, int, str]] | None = None
) -> Restored:
    """Puts originals back where that is unambiguous.

    Args:
        text: a text with surrogates.
        pairs: the pairs of its note.
        spans: replaced ranges (start, end, label) of the text, sorted, without overlap. Without them
            every whole word that is a surrogate of the note is put back, be it one by chance.

    Raises:
        ValueError: spans that overlap or lie outside the text.
    """
    by_label: dict[tuple[str, str], set[str]] = defaultdict(set)
    by_text: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        by_label[pair.label, pair.surrogate].add(pair.original)
        by_text[pair.surrogate].add(pair.original)
    if spans is None:
        found = [(start, end, by_text[text[start:end]]) for start, end in _occurrences(text, by_text)]
    else:
        found = [(start, end, by_label.get((label, text[start:end]), set())) for start, end, label in spans]
    parts: list[str] = []
    at = restored = ambiguous = 0
    for start, end, originals in found:
        if not at <= start < end <= len(text):
            raise ValueError(f"span [{start}, {end}) overlaps another or lies outside the text")
        ambiguous += len(originals) > 1
        restored += len(originals) == 1
        parts += (text[at:start], next(iter(originals)) if len(originals) == 1 else text[start:end])
        at = end
    parts.append(text[at:])
    return Restored("".join(parts), restored, ambiguous)


def _occurrences(text: str, surrogates: Iterable[str]) -> list[tuple[int, int]]:
    """Whole-word places of the surrogates, the longest first where two begin together."""
    longest = sorted(filter(None, surrogates), key=len, reverse=True)
    if not longest:
        return []
    pattern = regex.compile(r"(?<!\w)(?:" + "|".join(map(regex.escape, longest)) + r")(?!\w)")
    return [match.span() for match in pattern.finditer(text)]
