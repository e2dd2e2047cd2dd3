"""Takes a written name apart, so that other names can be put in its place in the same shape.

A mention becomes pieces whose texts join to the mention again: words, initials and spelled-out
words, each with the part of the name it plays; and what stays (blanks, points, titles, particles).
What stays is only what closed lists name: anything else that is no name makes the mention unreadable.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

import regex

from nlp_deid.replace.name_pools import Pools, fold


class Kind(Enum):
    """How a piece is written."""

    STAY = "stays"
    WORD = "word"
    LETTER = "initial"
    SPELLED = "word spelled letter by letter"


class Role(Enum):
    """The part that a piece plays in a name."""

    NONE = "none"
    GIVEN = "first name"
    MIDDLE = "middle name"
    LAST = "surname"
    NICK = "nickname in quotes"
    BARE = "first name or surname"
    TAIL = "initial behind a bare name"
    INITIALS = "initials alone"


class Piece(NamedTuple):
    """One piece of a mention.

    Args:
        text: as written.
        word: folded letters; "" for what stays.
        kind: how it is written.
        role: its part in the name.
        person: number of the person within the mention ("John and Mary Smith" has two).
    """

    text: str
    word: str = ""
    kind: Kind = Kind.STAY
    role: Role = Role.NONE
    person: int = 0


_TITLES = frozenset([
    "dr", "drs", "doctor", "mr", "mrs", "ms", "miss", "mx", "prof", "professor", "rev", "reverend", "sr",
    "sra", "srta", "dra", "mlle", "mme", "sister", "nurse", "uncle", "aunt", "grandma", "grandpa", "hon",
    "capt", "captain", "sgt", "sergeant", "lt", "lieutenant", "col", "cpl", "pvt",
])  # fmt: skip
_BEFORE_FIRST_NAMES = frozenset({"sister", "nurse", "uncle", "aunt", "grandma", "grandpa"})
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
_PARTICLES = frozenset([
    "af", "al", "ap", "bin", "bint", "binti", "da", "das", "de", "del", "della", "den", "der", "di", "do",
    "dos", "du", "e", "el", "ibn", "la", "las", "le", "los", "st", "ten", "ter", "van", "von", "y", "zu",
    "zur",
])  # fmt: skip
# As first word with a capital these are as often a first name or a surname.
_PARTICLE_OR_NAME = frozenset(
    {"al", "bin", "den", "do", "el", "la", "le", "van", "e", "y", "ten", "ap", "af"}
)
_JOINTS = frozenset({"and", "or", "aka", "nee"})
_DASHES = ("-", "‐", "‑", "–")
_DASH = "".join(map(regex.escape, _DASHES))
_QUOTE = "\"“”„'‘’´`"
_WORD = r"\p{L}[\p{L}\p{M}\d]*+(?:['’ʼ´`](?=\p{L}{2})[\p{L}\p{M}\d]++)*+"
_TOKEN = regex.compile(
    rf"(?P<own>(?<=\w)['’ʼ´`][sS](?!\w))"
    rf"|(?P<spelled>(?<!\w)\p{{L}}(?:(?P<gap>[{_DASH}]|[ ]{{1,2}})\p{{L}})(?:(?P=gap)\p{{L}})+(?!\w))"
    rf"|(?P<word>{_WORD})"
)
_STAYS = regex.compile(rf"[\s.,;:/&^()\[\]{_DASH}{_QUOTE}]*")
_HYPHEN = regex.compile(rf"\s?[{_DASH}]\s{{0,3}}")
_NEXT_PERSON = regex.compile(r"[/&;]")
_LETTER = regex.compile(r"\p{L}")


def parse(text: str, pools: Pools) -> tuple[Piece, ...] | None:
    """The pieces of a mention, or None if it holds no name or something that is none (digits, signs)."""
    pieces = list(_tokens(text, pools))
    if not all(piece.word or _STAYS.fullmatch(piece.text) for piece in pieces if piece.kind is Kind.STAY):
        return None
    hl7 = "^" in text
    start = person = 0
    out: list[Piece] = []
    for at in [*_borders(pieces), len(pieces)]:
        part = _roles(_set_aside(pieces[start:at], pools, hl7), hl7)
        out += (piece._replace(person=person) for piece in part) if person else part
        person += any(piece.kind is not Kind.STAY for piece in part)
        start = at
    return tuple(out) if any(piece.kind is not Kind.STAY for piece in out) else None


def _tokens(text: str, pools: Pools) -> Iterator[Piece]:
    """Words and what is between them; roles are still open."""
    at = 0
    for match in _TOKEN.finditer(text):
        if match.start() > at:
            yield Piece(text[at : match.start()])
        at = match.end()
        found = match[0]
        if match["own"]:
            yield Piece(found, "'")
        elif match["spelled"]:
            yield from _spelled(found, match["gap"], pools)
        elif len(found) == 1 or (
            not _hyphened(text, match) and _is_cluster(found, found == text.strip(), pools)
        ):
            yield from (Piece(letter, fold(letter), Kind.LETTER) for letter in found)
        else:
            word = fold(found)
            yield Piece(found, word, Kind.STAY if word in _JOINTS else Kind.WORD)
    if at < len(text):
        yield Piece(text[at:])


def _spelled(text: str, gap: str, pools: Pools) -> Iterator[Piece]:
    """A run of single letters: a spelled word, or initials if it is short and no known name."""
    word = fold("".join(_LETTER.findall(text)))
    if len(word) > 3 or gap.strip() or pools.listed(word):
        yield Piece(text, word, Kind.SPELLED)
        return
    for number, letter in enumerate(_LETTER.findall(text)):
        if number:
            yield Piece(gap)
        yield Piece(letter, fold(letter), Kind.LETTER)


def _hyphened(text: str, match: regex.Match[str]) -> bool:
    """Whether a word hangs on another by a hyphen."""
    return text[match.end() : match.end() + 1] in _DASHES or text[: match.start()][-1:] in _DASHES


def _is_cluster(word: str, alone: bool, pools: Pools) -> bool:
    """Whether two or three letters are initials ("JS", "JAS"), not a short name ("NG", "AL")."""
    if not 2 <= len(word) <= 3 or not (word.isupper() or (alone and word.islower())):
        return False
    low = fold(word)
    if low in _SUFFIXES or low in _TITLES or low in _PARTICLES:
        return False
    if not set(low) & set("aeiouy"):
        return low not in pools.common_last
    return word.isupper() and not pools.listed(low)


def _set_aside(pieces: list[Piece], pools: Pools, hl7: bool) -> list[Piece]:
    """Titles before the name (in HL7 behind it), suffixes and credentials behind it stay."""
    stay = [False] * len(pieces)
    names = [i for i, piece in enumerate(pieces) if piece.kind is not Kind.STAY]
    while names and pieces[names[0]].word in _TITLES and pieces[names[0]].kind is Kind.WORD:
        stay[names.pop(0)] = True
    while len(names) > 1:
        first = _credential(pieces, names, pools)
        if first == len(names):
            break
        for i in names[first:]:
            stay[i] = True
        del names[first:]
    closing = _SUFFIXES | _TITLES if hl7 else _SUFFIXES
    for i in names[1:]:
        stay[i] |= pieces[i].word in closing and pieces[i].kind is Kind.WORD
    return [Piece(p.text, p.word) if gone else p for p, gone in zip(pieces, stay, strict=True)]


def _credential(pieces: list[Piece], names: list[int], pools: Pools) -> int:
    """Where in `names` a credential that ends the mention begins ("M.D." is two names); its length if none."""
    first = len(names) - 1
    while first > 1 and "".join(p.text for p in pieces[names[first - 1] + 1 : names[first]]) in (
        "",
        ".",
        "-",
    ):
        first -= 1
    word = "".join(pieces[i].word for i in names[first:])
    before = "".join(piece.text for piece in pieces[names[first - 1] + 1 : names[first]])
    if word not in pools.credentials or len(word) < 2 or not (before and before.strip(",. \t\r\n") == ""):
        return len(names)
    certain = not pools.listed(word) or not set(word) & set("aeiouy")
    shown = pieces[names[first]].text[:2].isupper() or len(names) - first > 1 or word in ("phd", "pharmd")
    return first if shown and (certain or ("," in before and first > 1)) else len(names)


def _borders(pieces: list[Piece]) -> Iterator[int]:
    """Where the next person of a mention begins: behind "and", "&", "/"."""
    for i, piece in enumerate(pieces):
        if piece.kind is Kind.STAY and (piece.word in _JOINTS or _NEXT_PERSON.search(piece.text)):
            yield i


def _roles(pieces: list[Piece], hl7: bool) -> list[Piece]:
    """The pieces of one person with their roles."""
    out = list(pieces)
    groups: list[list[int]] = []  # words joined by hyphens
    for i, piece in enumerate(pieces):
        if piece.kind is Kind.STAY:
            continue
        joined = groups and _HYPHEN.fullmatch("".join(p.text for p in pieces[groups[-1][-1] + 1 : i]))
        if joined:
            groups[-1].append(i)
        else:
            groups.append([i])

    def give(role: Role, *chosen: list[int]) -> None:
        for group in chosen:
            for i in group:
                out[i] = out[i]._replace(role=role)

    for group in [group for group in groups if len(groups) > 1 and _quoted(pieces, group)]:
        give(Role.NICK, group)
        groups.remove(group)
    groups, echoes = _without_echoes(pieces, groups)
    kept = _without_particles(pieces, groups)
    for group in groups:
        if group not in kept:
            out[group[0]] = Piece(out[group[0]].text, out[group[0]].word)
    comma = _comma(pieces, kept, hl7)
    titles = _TITLES - _BEFORE_FIRST_NAMES
    titled = any(piece.kind is Kind.STAY and piece.word in titles for piece in pieces)
    for group, role in zip(kept, _order(pieces, kept, comma, titled), strict=True):
        give(role, group)
    for group, first in echoes:
        give(out[first[0]].role, group)
    return out


def _quoted(pieces: list[Piece], group: list[int]) -> bool:
    """Whether a group stands in quotes or brackets."""
    before = pieces[group[0] - 1].text.rstrip() if group[0] else ""
    after = pieces[group[-1] + 1].text.lstrip() if group[-1] + 1 < len(pieces) else ""
    return before[-1:] in (*_QUOTE, "(", "[") and after[:1] in (*_QUOTE, ")", "]") and bool(before and after)


_Echo = tuple[list[int], list[int]]


def _without_echoes(pieces: list[Piece], groups: list[list[int]]) -> tuple[list[list[int]], list[_Echo]]:
    """Groups, and apart from them the spelled ones that repeat a word ("Feerick, F-E-E-R-I-C-K")."""
    kept: list[list[int]] = []
    echoes: list[_Echo] = []
    for group in groups:
        word = pieces[group[0]].word
        same = [g for g in kept if len(g) == 1 and pieces[g[0]].word == word]
        if same and pieces[group[0]].kind is Kind.SPELLED:
            echoes.append((group, same[0]))
        else:
            kept.append(group)
    return kept, echoes


def _without_particles(pieces: list[Piece], groups: list[list[int]]) -> list[list[int]]:
    """Groups that are no particle: a particle has a name behind it, and its like is no name there."""
    kept = []
    # "VAN BUREN, MARTIN", "Van der Berg": a second particle or a later comma tells it from a first name.
    surely = len(groups) > 1 and (
        _comma(pieces, groups, False) > 1 or pieces[groups[1][0]].word in _PARTICLES
    )
    for number, group in enumerate(groups):
        piece = pieces[group[0]]
        particle = (
            piece.word in _PARTICLES
            and piece.kind is Kind.WORD
            and len(group) == 1
            and number + 1 < len(groups)
            and (number > 0 or surely or piece.text.islower() or piece.word not in _PARTICLE_OR_NAME)
            and "," not in pieces[group[0] + 1].text
        )
        if not particle:
            kept.append(group)
    return kept


def _comma(pieces: list[Piece], groups: list[list[int]], hl7: bool) -> int:
    """Number of groups before the comma (or caret) of "Last, First"; 0 if there is none."""
    for number in range(1, len(groups)):
        between = "".join(piece.text for piece in pieces[groups[number - 1][-1] + 1 : groups[number][0]])
        if ("^" if hl7 else ",") in between:
            return number
    return 0


def _order(pieces: list[Piece], groups: list[list[int]], comma: int, titled: bool) -> list[Role]:
    """Roles of the groups of one person, in order."""
    count = len(groups)
    letters = [pieces[group[0]].kind is Kind.LETTER for group in groups]
    if all(letters):
        return [Role.INITIALS] * count
    if comma:
        return [Role.LAST] * comma + [Role.GIVEN] + [Role.MIDDLE] * (count - comma - 1)
    if count == 1:
        return [Role.LAST if titled else Role.BARE]
    if letters.count(False) == 1 and not letters[0]:
        return [Role.BARE] + [Role.TAIL] * (count - 1)
    last = max(number for number, letter in enumerate(letters) if not letter)
    return [
        Role.GIVEN if number == 0 else Role.LAST if number == last else Role.MIDDLE for number in range(count)
    ]
