"""User names and e-mail addresses that are built from a name follow the surrogate of that name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import regex

from nlp_deid.replace.keys import Source
from nlp_deid.replace.persons import Person, Persons, Slot

# How names are put together: f, m, l are words, F, M, L their initials.
_INITIALS = ("F.M.L", "F.L")
_FORMS = ("f.l", "l.f", "f.m.l", "F.l", "l.F", "f.L", "F.M.l", "l.F.M", "f.M.l", *_INITIALS)
_GAP = r"[._\-]?"
_REST = r"([0-9]*)"
_CUT = 3  # a surname may be cut to so many letters or more ("jsmi")

_Atom = tuple[Slot, str, bool]  # slot, real letters, whether only its initial is used


def follow_login(
    local: str, persons: Persons, words: Mapping[Slot, str], letters: Mapping[str, str], digits: str
) -> str | None:
    """The local part with the surrogate in the same form, or None if no known name is in it.

    Args:
        local: without domain.
        persons: the people of the scope.
        words: the surrogate word of each slot.
        letters: surrogates of initials of people not known.
        digits: stands for the digits at the end, of the same number.
    """
    for atoms in _candidates(persons, words, local.lower()):
        if (match := _match(local, atoms)) is not None:
            return _write(match, atoms, words, letters, digits)
    low = local.lower()
    for slot in sorted(words, reverse=True):  # surnames before first names
        if slot[-1] not in low:
            continue
        initial = "([a-z])?" if slot[0] == "last" else "()"
        pattern = rf"{initial}({_GAP})({regex.escape(slot[-1])}){_REST}"
        if (match := regex.fullmatch(pattern, local, regex.IGNORECASE | regex.ASCII)) is not None:
            start = _case(letters[match[1].lower()], match[1]) if match[1] else ""
            return f"{start}{match[2]}{_case(words[slot], match[3])}{digits}"
    return None


def _candidates(persons: Persons, words: Mapping[Slot, str], local: str) -> Iterator[list[_Atom]]:
    """The names of each person in each form, people often named first; a middle initial may be unknown."""
    by_count = sorted(persons.people, key=lambda person: (-persons.people[person].total(), person))
    for person in by_count:
        formal: Slot = ("first", person.firsts[0])
        short = sorted(slot for slot in words if slot[:2] == ("nick", formal[1]))
        named = any(
            name[:_CUT] in local for name in (*person.firsts, person.lasts[-1], *(s[2] for s in short))
        )
        for form in _FORMS if named else _INITIALS:
            for first in (formal, *short):
                atoms = [_atom(sign, person, first, persons) for sign in form.split(".")]
                if None not in atoms:
                    yield [atom for atom in atoms if atom is not None]


def _atom(sign: str, person: Person, first: Slot, persons: Persons) -> _Atom | None:
    if sign in "fF":
        slot: Slot = first
    elif sign in "lL":
        slot = ("last", person.lasts[-1])
    elif person.middles:
        slot = persons.middle_slot(person.middles[0])
    elif sign == "M":
        slot = ("letter", "")
    else:
        return None
    return slot, slot[-1], sign.isupper()


def _match(local: str, atoms: list[_Atom]) -> regex.Match[str] | None:
    if not _may_match(local.lower(), atoms):
        return None
    patterns: list[str] = []
    for slot, letters, initial in atoms:
        part = letters[:1] if initial else letters
        if slot[0] == "last" and len(part) > _CUT:
            patterns.append(f"({regex.escape(part[:_CUT])}{_optional(part[_CUT:])})")
        else:
            patterns.append(f"({regex.escape(part) or '[a-z]'})")
    return regex.fullmatch(f"({_GAP})".join(patterns) + _REST, local, regex.IGNORECASE | regex.ASCII)


def _may_match(low: str, atoms: list[_Atom]) -> bool:
    """Whether the beginnings of the parts follow each other; far cheaper than the pattern."""
    at = 0
    for number, (slot, letters, initial) in enumerate(atoms):
        lead = letters[: 1 if initial else _CUT if slot[0] == "last" else None]
        found = low.find(lead, at)
        if found < 0 or (number == 0 and found > 0):
            return False
        at = found + len(lead)
    return True


def _optional(letters: str) -> str:
    """A pattern of any beginning of `letters`."""
    return f"(?:{regex.escape(letters[0])}{_optional(letters[1:])})?" if letters else ""


def _write(
    match: regex.Match[str],
    atoms: list[_Atom],
    words: Mapping[Slot, str],
    letters: Mapping[str, str],
    digits: str,
) -> str | None:
    out: list[str] = []
    groups = match.groups()
    for number, (slot, _, initial) in enumerate(atoms):
        word = letters[groups[2 * number].lower()] if slot[0] == "letter" else words.get(slot)
        if word is None:
            return None
        out.append(_case(word[0] if initial else word, groups[2 * number]))
        if number + 1 < len(atoms):
            out.append(groups[2 * number + 1])
    return "".join(out) + digits


def _case(word: str, like: str) -> str:
    if like.islower():
        return word
    return word.upper() if like.isupper() and (len(like) > 1 or len(word) == 1) else word.capitalize()


def digits_like(source: Source, patient: str, local: str) -> str:
    """Other digits in place of those at the end of a user name, as many."""
    match = regex.search(r"[0-9]+$", local)
    if match is None:
        return ""
    old = match[0]
    below = 10 ** len(old)
    new = (int(old) + 1 + source.number(below - 1, "login", patient, local.casefold())) % below
    return f"{new:0{len(old)}d}"
