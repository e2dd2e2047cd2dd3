"""The people of one note under new names: one real person, one new person, in every written form.

Which mentions are one person, and what each piece of a mention is, is told by the code that makes
surrogates (nlp_deid.replace); here only the new names differ: from many origins, with accents, particles,
hyphens and blanks.
"""

from __future__ import annotations

import random
import re
import string
from collections import Counter
from collections.abc import Iterable

from nlp_deid.replace import name_pools
from nlp_deid.replace.name_case import spelled_like
from nlp_deid.replace.name_logins import follow_login
from nlp_deid.replace.name_pools import fold
from nlp_deid.replace.name_shape import Kind, Piece, parse
from nlp_deid.replace.persons import Persons, Slot
from slots.names import Names
from slots.wordlists import words

_PARTICLES = frozenset(
    words("""
af, al, ap, ab, bin, bint, da, das, de, del, della, den, der, di, do, dos, du, e, el, ibn, la, las, le,
los, ten, ter, te, van, vd, von, y, zu, zur, mac, nic, ni
""")
)
_SPELLED_OUT = re.compile(r"\b[A-Za-z]\s+(?:as in|like|for)\s+[a-z]", re.IGNORECASE)
_SIGNATURE = re.compile(r"[a-z]{2,3}")
_WORD = re.compile(r"[^\W\d_][\w'’]*")
_NATO = words("""
alpha, bravo, charlie, delta, echo, foxtrot, golf, hotel, india, juliet, kilo, lima, mike, november,
oscar, papa, quebec, romeo, sierra, tango, uniform, victor, whiskey, x-ray, yankee, zulu
""")


class People:
    """New names for all mentions of a note.

    Args:
        mentions: text and label of every name of the note.
        rng: where the draws come from.
        names: what is drawn.
    """

    def __init__(self, mentions: Iterable[tuple[str, str]], rng: random.Random, names: Names) -> None:
        self._rng, self._names = rng, names
        self._pools = name_pools.load()
        counts = Counter(mentions)
        self._pieces = {text: parse(text, self._pools) for text, _ in counts}
        known = [(p, label, count) for (text, label), count in counts.items() if (p := self._pieces[text])]
        self.persons = Persons(known, self._pools)
        self._words: dict[Slot, str] = {}
        self._letters: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        for person in sorted(self.persons.people):
            origin = names.origin(rng)
            for first in (*person.firsts, *person.middles):
                self._words.setdefault(("first", first), names.first(rng, origin, first))
            for last in person.lasts:
                self._words.setdefault(("last", last), names.last(rng, origin, last))

    def rewrite(self, text: str, label: str) -> str:
        """A mention with the new names, in its form."""
        pieces = self._pieces.get(text)
        if _SPELLED_OUT.search(text):
            return self._spelled_out(text)
        if label == "DOCTOR" and _SIGNATURE.fullmatch(text) and not self._is_name(text):
            return self._signature(text)
        if pieces is None:
            return _WORD.sub(self._token, text)
        slots = self.persons.slots(pieces, label)
        out: list[str] = []
        for at, (piece, slot) in enumerate(zip(pieces, slots, strict=True)):
            if slot is not None:
                out.append(self._written(pieces, at, slot))
            elif not _is_dropped(pieces, slots, at):
                out.append(piece.text)
        return "".join(out)

    def login(self, local: str) -> str | None:
        """A user name or the local part of an address that is built from a name of the note, else None."""
        folded = {slot: _letters_of(word) for slot, word in self._words.items()}
        letters = {letter: self._letter(letter).lower() for letter in string.ascii_lowercase}
        digits = "".join(self._rng.choice(string.digits) for char in local if char.isdigit())
        tail = digits[-len(local) + len(local.rstrip(string.digits)) :] if local[-1:].isdigit() else ""
        return follow_login(local, self.persons, folded, letters, tail)

    def _word(self, slot: Slot) -> str:
        if slot not in self._words:
            if slot[0] == "nick":
                self._words[slot] = self._nick(slot[1])
            else:
                origin = self._names.origin(self._rng)
                draw = self._names.last if slot[0] == "last" else self._names.first
                self._words[slot] = draw(self._rng, origin, slot[-1])
        return self._words[slot]

    def _nick(self, formal: str) -> str:
        """A short form of the new first name, or a nickname of its own."""
        name = self._word(("first", formal))
        short = self._pools.short.get(fold(name), ())
        if short:
            return self._rng.choice(short).capitalize()
        if len(name) > 5 and name.isalpha() and self._rng.random() < 0.5:
            return name[: self._rng.randint(3, 4)] + self._rng.choice(("", "", "i", "y"))
        return self._rng.choice(self._names.nicknames)

    def _letter(self, letter: str) -> str:
        if letter not in self._letters:
            self._letters[letter] = self._rng.choice(string.ascii_uppercase)
        return self._letters[letter]

    def _written(self, pieces: tuple[Piece, ...], at: int, slot: Slot) -> str:
        piece = pieces[at]
        if slot[0] == "letter":
            return _cased(self._letter(slot[1]), piece.text)
        word = self._word(slot)
        if piece.kind is Kind.LETTER:
            return _cased(_letters_of(word)[:1].upper() or self._letter("x"), piece.text)
        if piece.kind is Kind.SPELLED:
            return spelled_like(_letters_of(word), piece.text)
        beside = [pieces[i].text for i in (at - 1, at + 1) if 0 <= i < len(pieces)]
        if any(text in ("-", "–", "‑") for text in beside):
            word = re.split(r"[ -]", word)[-1]
        if at == 0 or pieces[0].word in _PARTICLES:
            word = word[:1].upper() + word[1:]
        return _cased(word, piece.text)

    def _is_name(self, word: str) -> bool:
        """Whether a short word is a name of the note or a usual first name, not somebody's initials."""
        return (
            word in self._pools.common_first
            or word in self._pools.nicknames
            or any(word == slot[-1] for slot in self._words)
        )

    def _signature(self, text: str) -> str:
        """The initials of the person whose initials these are; else other letters, the same for each letter."""
        for person in sorted(self.persons.people):
            first, last = person.firsts[0], person.lasts[-1]
            if (text[0], text[-1]) == (first[0], last[0]):
                new = (
                    _letters_of(self._word((role, word)))[:1]
                    for role, word in (("first", first), ("last", last))
                )
                start, end = (letter or self._letter("x").lower() for letter in new)
                return start + "".join(self._letter(letter).lower() for letter in text[1:-1]) + end
        return "".join(self._letter(letter).lower() for letter in text)

    def _token(self, found: re.Match[str]) -> str:
        """A word of a mention that cannot be taken apart."""
        word = found[0]
        if len(word) == 1:
            return _cased(self._letter(fold(word)), word)
        key = fold(word)
        if key not in self._tokens:
            known = [self._words[s] for s in sorted(self._words) if s[-1] == key]
            self._tokens[key] = known[0] if known else self._names.last(self._rng, "census")
        return _cased(self._tokens[key], word)

    def _spelled_out(self, text: str) -> str:
        """ "L like lima, A alpha, M mike": the new name that stands for a name of that first letter."""
        first = fold(text.lstrip()[:1])
        fitting = [slot for slot in sorted(self._words) if slot[-1].startswith(first)]
        word = self._words[fitting[-1]] if fitting else self._names.last(self._rng, "census")
        letters = _letters_of(word) or "lee"
        link = self._rng.choice((" as in ", " like ", " ", " for "))
        said = [f"{letter.upper()}{link}{_NATO[ord(letter) - 97]}" for letter in letters[:3]]
        rest = "-".join(letters[3:]).upper()
        return ", ".join((*said, rest) if rest else said)


def _is_dropped(pieces: tuple[Piece, ...], slots: list[Slot | None], at: int) -> bool:
    """Whether a piece is a particle of a surname that goes, or the blank behind it."""
    if not pieces[at].word:
        return (
            at > 0
            and pieces[at].text == " "
            and bool(pieces[at - 1].word)
            and (_is_dropped(pieces, slots, at - 1) if slots[at - 1] is None else False)
        )
    if pieces[at].word not in _PARTICLES:
        return False
    behind = next((i for i in range(at + 1, len(pieces)) if pieces[i].word), None)
    if behind is None or any("," in pieces[i].text for i in range(at + 1, behind)):
        return False
    slot = slots[behind]
    return slot[0] == "last" if slot else pieces[behind].word in _PARTICLES


def _letters_of(word: str) -> str:
    """The ASCII letters of a name, in lower case."""
    return "".join(
        char for char in fold(word).replace("ø", "o").replace("ł", "l") if char in string.ascii_lowercase
    )


def _cased(word: str, like: str) -> str:
    """A name in the case of another: upper, lower, or as it is."""
    letters = [char for char in like if char.isalpha()]
    if letters and all(char.isupper() for char in letters[-2:]) and (len(letters) > 1 or len(word) == 1):
        return word.upper()
    return word.lower() if letters and all(char.islower() for char in letters) else word
