"""The shape of an identifier: which characters carry it, and which only lay it out.

"MRN 12-34A5" has the slots 1 2 3 4 A 5; the word MRN, the blank and the hyphen stay. Digits may be
dictated ("seven oh two"), or misread letters ("O1l4" for 0114): both are slots of digits.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_TOKEN = re.compile(r"[^\W_]+")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
# Word to (kind, value): a spelled slot has one of ten digits, ten teens, or eight tens.
_SPELLED = {
    **{word: ("w", str(at)) for at, word in enumerate(_DIGITS)},
    **{word: ("n", str(at)) for at, word in enumerate(_TEENS.split())},
    **{word: ("y", str(at)) for at, word in enumerate(_TENS.split())},
    "oh": ("w", "0"),
}
_WORDS: dict[str, tuple[str, ...]] = {"w": _DIGITS, "n": tuple(_TEENS.split()), "y": tuple(_TENS.split())}
# Words that say what a number is, or how it is read out; they name nobody.
_KEPT = (
    "mrn mr med rec record number num no nr id acct account ssn npi dea vin lic license policy member group visit "
    "case encounter csn fin har serial sn lot ref model tel phone ph fax cell mobile home work office pager beeper "
    "x ext extension extn opt option poste or and at dot dash hyphen slash point plus area code double triple hundred "
    "thousand xxx xx xxxx xxxxx dl state bed room rm ward floor unit"
)
KEPT_WORDS = frozenset(_KEPT.split())
_LOOK_ALIKE = str.maketrans("OoQlI|", "000111")
_MARKED = re.compile(r"(?:x|extn?|opt|tel|ph|fax|cell|pager)(?=[0-9])", re.IGNORECASE)
_LOOKS_NUMERIC = re.compile(r"[0-9OoQlI]+")


@dataclass(slots=True)
class Shape:
    """The slots of a text.

    Args:
        text: as written.
        slots: character ranges, in order.
        kinds: one character a slot: 0 digit, A or a letter, w n y a spelled digit, teen or multiple of ten.
        values: one character a slot: an ASCII digit or letter, letters in lower case.
    """

    text: str
    slots: list[tuple[int, int]]
    kinds: str
    values: str

    def fill(self, values: str) -> str:
        """The text with other values in its slots."""
        chars = list(self.text)
        for (start, end), kind, value in zip(self.slots, self.kinds, values, strict=True):
            if kind == "A":
                value = value.upper()
            elif kind in _WORDS:
                words = _WORDS[kind]
                value = match_case(self.text[start:end], words[int(value) % len(words)])
                chars[start:end] = [""] * (end - start)
            chars[start] = value
        return "".join(chars)


def match_case(like: str, word: str) -> str:
    """`word` in the case of `like`: upper, title or lower."""
    if like.isupper() and len(like) > 1:
        return word.upper()
    return word.capitalize() if like[:1].isupper() else word.lower()


def shape_of(text: str, numeric: bool = False) -> Shape:
    """The slots of a text.

    Args:
        text: an identifier as written.
        numeric: read O and l between digits as digits however few the digits are (telephones, SSN).
    """
    slots: list[tuple[int, int]] = []
    kinds: list[str] = []
    values: list[str] = []
    for token in _TOKEN.finditer(text):
        word, start = token[0], token.start()
        if numeric and (marked := _MARKED.match(word)):
            word, start = word[marked.end() :], start + marked.end()
        if word.isascii() and word.isdigit():
            kind, value = "0" * len(word), word
        elif spelled := _SPELLED.get(lower := word.lower()):
            slots.append((start, token.end()))
            kinds.append(spelled[0])
            values.append(spelled[1])
            continue
        elif lower in KEPT_WORDS:
            continue
        elif _is_numeric(word, numeric):
            kind, value = "0" * len(word), word.translate(_LOOK_ALIKE)
        else:
            pairs = [_slot(char) for char in word]
            kind, value = "".join([pair[0] for pair in pairs]), "".join([pair[1] for pair in pairs])
        slots += [(at, at + 1) for at in range(start, token.end())]
        kinds.append(kind)
        values.append(value)
    return Shape(text, slots, "".join(kinds), "".join(values))


def _is_numeric(word: str, numeric: bool) -> bool:
    if not _LOOKS_NUMERIC.fullmatch(word):
        return False
    digits = sum(char.isdigit() for char in word)
    # A letter at either end belongs to the number, as in I023.
    return numeric or (2 * digits >= len(word) and word[0].isdigit() and word[-1].isdigit())


def _slot(char: str) -> tuple[str, str]:
    """Kind and value of one letter or number of any script."""
    if char.isascii():
        return ("0", char) if char.isdigit() else ("A" if char.isupper() else "a", char.lower())
    if char.isnumeric():
        return "0", str(int(unicodedata.numeric(char)) % 10)
    plain = unicodedata.normalize("NFKD", char)[0].lower()
    value = plain if plain.isascii() and plain.isalpha() else chr(ord("a") + ord(char) % 26)
    return ("A" if char.isupper() else "a"), value
