"""The searched view of a text, and its offsets back to the original.

Identifiers hide in layout: full-width digits, zero-width marks, soft hyphens, no-break spaces,
odd dashes, a line wrap in the middle of a name. Detectors search a plain view in which all of
that is folded; every offset maps back exactly.

In the view
* width, digit, ligature and accent composition variants are folded (NFKC); dashes, quotes,
  slashes and blanks become `-`, `'`, `"`, `/` and the ASCII blank; tab becomes a blank;
* zero-width, bidi and soft-hyphen marks and carriage returns are gone;
* a line wrap that may stand inside an identifier, with its indentation, is one WRAP character
  (U+000B); every other line end stays `\\n`. A wrap behind a hyphen or slash inside a word is gone.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_left
from functools import cached_property, lru_cache

import regex

WRAP = "\x0b"

_DASHES = dict.fromkeys("‐‑‒–—―−﹘﹣-", "-")
_QUOTES = {**dict.fromkeys("‘’‚‛′ʹʼ＇`´", "'"), **dict.fromkeys("“”„‟″＂«»", '"')}
_SLASHES = "⁄∕"
_CONFUSABLE = str.maketrans(
    "АВСЕНІЈКМОРЅТХУаеорсухіјѕԁӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧοα", "ABCEHIJKMOPSTXYaeopcyxijsdlABEZHIKMNOPTYXoa"
)
_OTHER_SCRIPT = regex.compile(r"[\p{Cyrillic}\p{Greek}]")
_MIXED_SCRIPT = regex.compile(r"\b(?=\w*[A-Za-z])(?=\w*[\p{Cyrillic}\p{Greek}])\w+\b")
_CONTROL = regex.compile(r"[\r\t\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_RETURN = regex.compile(r"\r\r?\n|\r|\n\r")
_BLANKS = {**dict.fromkeys([*range(0x20), 0x7F], " "), 0x0A: "\n", 0x0B: "\n", 0x0C: "\n", 0x0D: "\r"}
# Combining sequences compose (NFD to NFC). What still hangs on a Latin letter or a digit is decoration.
_MARK = regex.compile(r"\p{M}")
_COMBINING = regex.compile(r"(?P<plain>[\p{Latin}\p{N}]\p{M}+)|\p{L}\p{M}+")
_INVISIBLE = frozenset(
    map(chr, (0x34F, 0x115F, 0x1160, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
# A wrap joins two words; a line end before a blank line, a bullet, a numbered item, a rule of
# dashes or a "Key:" field does not.
_LINE_END = regex.compile(
    r"(?P<split>(?<=\w[-/])[ ]{0,3}\n[ ]*+(?=\w))"
    r"|(?P<wrap>(?<=\S)[ ]*+\n[ ]*+(?=[\w(\[\"'#@&/+])"
    r"(?!(?:\d{1,2}[.)][ ]|[A-Za-z][\w/#&-]{0,20}+[ ]?(?::|\.{3,}))))"
)


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    """The plain form of one non-ASCII character: none, one or several characters."""
    if char in _DASHES:
        return "-"
    if char in _QUOTES:
        return _QUOTES[char]
    if char in _SLASHES:
        return "/"
    category = unicodedata.category(char)
    if category in ("Cf", "Cc") or char in _INVISIBLE:
        return "" if char != "\x85" else "\n"
    if category == "Zs":
        return " "
    if category in ("Zl", "Zp"):
        return "\n"
    if category == "Nd":
        return str(unicodedata.decimal(char))
    if category == "Cs":
        return char
    if category == "No" and char in "½¼¾⅓⅔⅛⅜⅝⅞":
        return char
    plain = unicodedata.normalize("NFKC", char)
    return plain if plain and not plain[0].isspace() else char


def _compose(found: regex.Match[str]) -> str:
    composed = unicodedata.normalize("NFC", found[0])
    return composed[0] if found["plain"] else composed


class View:
    """A plain view of `source` and the way back.

    Attributes:
        source: the original text.
        text: the plain text that detectors search.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._offsets: array[int] | None = None  # source offset of each view character, and of the end
        text = source if source.isascii() else self._plain(source)
        if _CONTROL.search(text):
            text = self._edit(text.translate(_BLANKS), [(*m.span(), "\n") for m in _RETURN.finditer(text)])
        wraps = [(*m.span(), "" if m.lastgroup == "split" else WRAP) for m in _LINE_END.finditer(text)]
        self.text = self._edit(text, wraps)

    @cached_property
    def joined(self) -> str:
        """The view with wraps as blanks, of the same length."""
        return self.text.replace(WRAP, " ")

    @cached_property
    def lower(self) -> str:
        """The view in lower case, of the same length, wraps as blanks."""
        text = self.joined
        low = text.lower()
        if len(low) == len(text):
            return low
        return "".join(c if len(c.lower()) != 1 else c.lower() for c in text)

    def _plain(self, text: str) -> str:
        """Fold the non-ASCII characters of `text`."""
        single: dict[int, str] = {}
        other: dict[str, str] = {}
        for char in set(text):
            if not char.isascii():
                plain = _fold(char)
                if len(plain) == 1:
                    single[ord(char)] = plain
                else:
                    other[char] = plain
        text = text.translate(single)
        if other:
            one_of = regex.compile(f"[{regex.escape(''.join(other), special_only=False)}]")
            text = self._edit(text, [(*m.span(), other[m[0]]) for m in one_of.finditer(text)])
        if _MARK.search(text):
            text = self._edit(text, [(*m.span(), _compose(m)) for m in _COMBINING.finditer(text)])
        if _OTHER_SCRIPT.search(text):
            text = _MIXED_SCRIPT.sub(lambda m: m[0].translate(_CONFUSABLE), text)
        return text

    def _edit(self, text: str, edits: list[tuple[int, int, str]]) -> str:
        """Apply ascending edits (start, end, new) to `text` and carry the offsets along."""
        edits = [(start, end, new) for start, end, new in edits if text[start:end] != new]
        if all(end - start == len(new) == 1 for start, end, new in edits):
            return self._replace(text, edits)
        old = self._offsets or range(len(text) + 1)
        offsets = array("I")
        parts: list[str] = []
        at = 0
        for start, end, new in edits:
            parts += (text[at:start], new)
            offsets.extend(old[at:start])
            offsets.extend([old[start]] * len(new))
            at = end
        parts.append(text[at:])
        offsets.extend(old[at:])
        self._offsets = offsets
        return "".join(parts)

    @staticmethod
    def _replace(text: str, edits: list[tuple[int, int, str]]) -> str:
        """Edits of one character by one: the offsets stay."""
        parts: list[str] = []
        at = 0
        for start, end, new in edits:
            parts += (text[at:start], new)
            at = end
        return "".join((*parts, text[at:]))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Source range of the view range [start, end), which must not be empty.

        A mark that the view dropped right behind the range belongs to it, and so does the whole
        of a ligature that the range cuts: no part of a source character is left over.
        """
        offsets = self._offsets
        if offsets is None:
            return start, end
        while offsets[end] == offsets[end - 1]:
            end += 1
        return offsets[start], offsets[end]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """View range of the source range [start, end): the way back from `span`."""
        offsets = self._offsets
        if offsets is None:
            return start, end
        return bisect_left(offsets, start), bisect_left(offsets, end)
