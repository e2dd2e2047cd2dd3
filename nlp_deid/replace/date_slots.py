"""Slots: the places of a date text that hold a value, and what writes another value in the same form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nlp_deid.replace import date_words as words


class Token(NamedTuple):
    """A piece of a date text; `kind` is its letter in the grammar of date_parse."""

    kind: str
    start: int
    end: int


class Slot(NamedTuple):
    """One written value.

    Attributes:
        start, end: its characters in the text.
        role: "d" day, "m" month, "Y" year, "y" year of two figures, "w" weekday, "s" season, "q" quarter,
            "e" decade, "f" feast; "g" a month written only where it differs from that of the next part
            (behind a day), "G" from that of the part before (before a day).
        part: number of the date it belongs to.
        value: what the word means; None for figures, which are read from the text.
        write: writes another value in the same form; None for figures.
        width: figures to write; 0 if leading zeros are to be judged from the text.
    """

    start: int
    end: int
    role: str
    part: int
    value: int | None = None
    write: words.Write | None = None
    width: int = 0


class Layout(NamedTuple):
    """One way to read a shape: its slots by position, the roles of each part, the width of doubtful figures."""

    slots: tuple[Slot, ...]
    roles: tuple[str, ...]
    width: int


Piece = tuple[str, int]  # a role, "next" (the next part begins), or "run:" with roles; and the token's number
Element = tuple[Piece, ...]

_FIGURE_BEFORE = re.compile(r"9[-/]?\Z")
_FIGURE_BEHIND = re.compile(r"[-/]?9")


def make_layout(blanked: str, tokens: Sequence[Token], elements: Sequence[Element]) -> Layout:
    """The slots of a reading of a shape."""
    slots: list[Slot] = []
    part = -1
    for element in elements:
        part += 1
        first = len(slots)
        for role, place in element:
            if role == "next":
                part += 1
            elif role.startswith("run:"):
                slots += _run(role[4:], tokens[place], part)
            else:
                slots.append(_slot(blanked, role, tokens[place], part))
        _fill_ghosts(slots, first, blanked)
    named = [slot for slot in slots if slot.role == "m" and slot.value is not None]
    padded = any(_tight(blanked, slot.start, slot.end) for slot in named)
    if not named:
        padded = any(slot.role == "Y" for slot in slots)
    order = {"G": 0, "d": 1, "g": 2}
    slots.sort(key=lambda slot: (slot.start, order.get(slot.role, 1)))
    roles = ("".join(slot.role for slot in slots if slot.part == one) for one in range(part + 1))
    return Layout(tuple(slots), tuple(roles), 2 if padded else 1)


def _tight(blanked: str, start: int, end: int) -> bool:
    """True for a month name with figures right beside it: 04-MAR-2019, 04MAR2019."""
    return bool(
        _FIGURE_BEFORE.search(blanked[max(start - 2, 0) : start]) or _FIGURE_BEHIND.match(blanked, end)
    )


def _slot(blanked: str, role: str, token: Token, part: int) -> Slot:
    """The slot of one token: figures are read later, words here."""
    start, end, word = token.start, token.end, blanked[token.start : token.end]
    if token.kind == "D":
        return Slot(start, end, "y" if role == "Y" else role, part, width=2 if role == "Y" else 0)
    if token.kind == "Y":
        return Slot(start, end, "Y", part, width=4)
    if token.kind == "A":
        return Slot(start + 1, end, "y", part, width=2)
    if token.kind == "E":
        start += word.startswith("'")
        figures = len(word.strip("'").rstrip("sS'"))
        return Slot(start, start + figures, "e", part, width=figures)
    if token.kind == "o":
        return Slot(start, end, role, part, write=_ordinal_writer(word))
    value, write = _read_word(token.kind, word, _tight(blanked, start, end))
    return Slot(start, end, role, part, value, write)


def _run(roles: str, token: Token, part: int) -> Iterator[Slot]:
    """The slots of figures run together, as 20190304; hours and minutes behind them are left alone."""
    at = token.start
    for role in roles:
        width = 2 if role != "Y" or token.end - token.start == 6 else 4
        yield Slot(at, at + width, "y" if role == "Y" and width == 2 else role, part, width=width)
        at += width


def _fill_ghosts(slots: list[Slot], first: int, blanked: str) -> None:
    """Give the ghosts of a list of days their month's form and the characters between month and day."""
    months = [slot for slot in slots[first:] if slot.role == "m"]
    for at in range(first, len(slots)):
        ghost, month = slots[at], months[0] if months else None
        if ghost.role not in "gG" or month is None:
            continue
        if ghost.role == "G":
            between = blanked[month.end : next(slot.start for slot in slots[first:] if slot.role == "d")]
            place = ghost.start
        else:
            between = blanked[max(slot.end for slot in slots[first:] if slot.role == "d") : month.start]
            place = ghost.end
        slots[at] = Slot(
            place, place, ghost.role, ghost.part, None, _ghost_writer(ghost.role, month, between)
        )


def _ghost_writer(role: str, month: Slot, between: str) -> words.Write:
    write = month.write or str
    return lambda number: write(number) + between if role == "G" else between + write(number)


def _ordinal_writer(like: str) -> words.Write:
    """Writes 1st to 31st, the ending in the case of `like`."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    upper = like.isupper()

    def write(number: int) -> str:
        if like.endswith("er"):  # French knows only 1er
            return "1er" if number == 1 else str(number)
        end = "th" if number in (11, 12, 13) else ends.get(number % 10, "th")
        return f"{number}{end.upper() if upper else end}"

    return write


def _read_word(kind: str, word: str, tight: bool) -> tuple[int, words.Write]:
    """What a word means, and the writer of others like it."""
    low = word.lower()
    if kind == "M":
        place, series = words.MONTHS[low]
        if low == "may" and tight:
            series = 1
        return place + 1, words.series_writer(words.MONTH_SERIES, series, word, 1)
    if kind == "W":
        place, series = words.WEEKDAYS[low]
        return place, words.series_writer(words.WEEKDAY_SERIES, series, word)
    if kind == "S":
        place, series = words.SEASONS[low]
        return place, words.series_writer(words.SEASON_SERIES, series, word)
    if kind == "H":
        return words.FEAST_NUMBERS[low], lambda number: words.cased(words.MONTH_SERIES[0][number - 1], word)
    return words.spelled(kind, word)
