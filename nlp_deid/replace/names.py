"""Surrogate names: one made-up person for each real one of a scope.

`People` holds the names of one scope: a patient, or one note. All mentions are added first; then each is
answered in its own shape. Draws are keyed by patient and name (HMAC), collisions are settled in the order of
the sorted names, so the order of notes or mentions changes nothing.
`Markov` is the other way to be consistent: a person's surrogate may change from one mention to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cached_property
from math import factorial
from string import ascii_lowercase

from nlp_deid.replace import name_pools
from nlp_deid.replace.keys import Source
from nlp_deid.replace.name_case import in_shape, spelled_like
from nlp_deid.replace.name_logins import digits_like, follow_login
from nlp_deid.replace.name_pools import SMALLEST, Pools, fold
from nlp_deid.replace.name_shape import Kind, Piece, parse
from nlp_deid.replace.persons import Persons, Slot

STATES = 8


class NamesClosed(ValueError):
    """A name was added after the first surrogate was asked for; the message holds no name."""


class People:
    """The surrogate names of one scope.

    Args:
        source: where draws come from; a key of its own is derived for names.
        patient: names the scope; other scopes get other surrogates.
        taken: real values of the patient, whole ones and their words; none of them is given out.
        pools: names to draw from, by default the shipped lists.
    """

    def __init__(
        self, source: Source, patient: str, taken: Collection[str] = (), pools: Pools | None = None
    ) -> None:
        self._root = source
        self._source = source.derive("names")
        self._patient = patient
        self._taken = {fold(value) for value in taken} | {_plain(value) for value in taken}
        self._pools = pools or name_pools.load()
        self._mentions: Counter[tuple[str, str]] = Counter()
        self._pieces: dict[str, tuple[Piece, ...] | None] = {}
        self._slots: dict[tuple[str, str], list[Slot | None]] = {}
        self._closed = False
        self._answers: dict[tuple[str, str], str | None] = {}

    def add(self, text: str, label: str) -> None:
        """Makes a mention known.

        Raises:
            NamesClosed: a surrogate was given out already.
        """
        if self._closed:
            raise NamesClosed("all mentions of a scope must be added before the first surrogate is asked for")
        self._mentions[text, label] += 1
        if text not in self._pieces:
            self._pieces[text] = parse(text, self._pools)

    def surrogate(self, text: str, label: str) -> str | None:
        """The surrogate of a mention, in its shape; None where none can be made.

        None is given for text that holds more than a name, for names that were not added, when the
        lists are used up, and when initials would come out as they were.
        """
        key = (text, label)
        if key not in self._answers:
            self._answers[key] = self._answer(text, label)
        return self._answers[key]

    def login(self, text: str) -> str | None:
        """The local part of an e-mail address or user name that is built from a known name, else None.

        What stands behind "@" is dropped. Digits are drawn anew.
        """
        local = text.split("@", 1)[0]
        digits = digits_like(self._source, self._patient, local)
        made = follow_login(local, self.persons, self._words, self._letters, digits)
        return made if made is not None and self._allowed(made, local) else None

    def person(self, text: str, label: str) -> tuple[object, ...] | None:
        """A key of the person or people that a mention is about; None for what is no name.

        The key holds the real names: it must not leave the process.
        """
        pieces = self._parsed(text)
        return None if pieces is None else self.persons.person(pieces, label)

    @cached_property
    def persons(self) -> Persons:
        """The people of the scope."""
        self._closed = True
        mentions = [
            (pieces, label, count)
            for (text, label), count in self._mentions.items()
            if (pieces := self._pieces[text]) is not None
        ]
        return Persons(mentions, self._pools)

    @property
    def given_out(self) -> set[str]:
        """The folded words of all surrogates of the scope."""
        return set(self._words.values())

    def _parsed(self, text: str) -> tuple[Piece, ...] | None:
        return self._pieces[text] if text in self._pieces else parse(text, self._pools)

    def again(self, patient: str, taken: Collection[str]) -> People:
        """The same mentions with the surrogates of another scope; `taken` is added to what is taken."""
        other = People(self._root, patient, (), self._pools)
        other._taken = self._taken.union(taken)
        other._mentions, other._pieces, other._slots = self._mentions, self._pieces, self._slots
        other.__dict__["persons"] = self.persons
        other._closed = True
        return other

    def _answer(self, text: str, label: str) -> str | None:
        pieces = self._parsed(text)
        if pieces is None:
            return None
        out: list[str] = []
        slots = self._slots.get((text, label)) or self.persons.slots(pieces, label)
        for piece, slot in zip(pieces, slots, strict=True):
            if slot is None:
                out.append(piece.text)
                continue
            word = self._letters.get(slot[1]) if slot[0] == "letter" else self._words.get(slot)
            if word is None:
                return None
            out.append(_written(word, piece))
        made = "".join(out)
        return made if self._allowed(made, text) else None

    def _allowed(self, made: str, original: str) -> bool:
        plain = _plain(made)
        return plain != _plain(original) and plain not in self._taken

    @cached_property
    def _words(self) -> dict[Slot, str]:
        """The surrogate of every slot of the scope."""
        slots: set[Slot] = set()
        real: set[str] = set()
        for text, label in self._mentions:
            pieces = self._pieces[text]
            if pieces is not None:
                real.update(piece.word for piece in pieces if piece.kind in (Kind.WORD, Kind.SPELLED))
                if (text, label) not in self._slots:
                    self._slots[text, label] = self.persons.slots(pieces, label)
                slots.update(slot for slot in self._slots[text, label] if slot)
        for person in self.persons.people:
            slots.update(("first", word) for word in person.firsts)
        slots.update([("first", slot[1]) for slot in slots if slot[0] == "nick"])
        slots = {slot for slot in slots if slot[0] != "letter"}
        self._barred = self._taken | real
        words: dict[Slot, str] = {}
        used: set[str] = set()
        for slot in sorted(slots):
            word = self._draw_nick(slot, words, used) if slot[0] == "nick" else self._draw(slot, used)
            if word is not None:
                words[slot] = word
                used.add(word)
        return words

    def _draw(self, slot: Slot, used: set[str]) -> str | None:
        """A name of the slot's kind: the drawn one, or the next in the list that is free."""
        role, word = slot[0], slot[-1]
        for kind in self._pools.kinds(word, role):
            pool = self._pools.draw[kind]
            if len(pool) < SMALLEST:
                continue
            start = self._source.number(len(pool), role, kind, self._patient, word)
            if (name := self._free(pool, start, used)) is not None:
                return name
        return None

    def _draw_nick(self, slot: Slot, words: dict[Slot, str], used: set[str]) -> str | None:
        """A short form of the person's surrogate; where it has none, the surrogate itself, or a name of its
        own for a nickname in quotes, which stands beside it."""
        _, formal, nickname = slot
        name = words.get(("first", formal))
        if name is None:
            return None
        short = self._pools.short.get(name, ())
        if short:
            start = self._source.number(len(short), "nick", self._patient, nickname)
            if (found := self._free(short, start, used)) is not None:
                return found
        return self._draw(slot, used) if self.persons.is_quoted(nickname) else name

    def _free(self, pool: Sequence[str], start: int, used: set[str]) -> str | None:
        for step in range(len(pool)):
            name = pool[(start + step) % len(pool)]
            if name not in used and name not in self._barred:
                return name
        return None

    @cached_property
    def _letters(self) -> dict[str, str]:
        """Initials of people not known otherwise: a random cycle of the alphabet, none its own (Sattolo 1986)."""
        cycle = list(ascii_lowercase)
        draw = self._source.number(factorial(len(cycle) - 1), "letters", self._patient)
        for i in range(len(cycle) - 1, 0, -1):
            draw, j = divmod(draw, i)
            cycle[i], cycle[j] = cycle[j], cycle[i]
        return dict(zip(ascii_lowercase, cycle, strict=True))


def _written(word: str, piece: Piece) -> str:
    """A surrogate word, or its initial, as the piece is written."""
    if piece.kind is Kind.LETTER:
        return word[0] if piece.text.islower() else word[0].upper()
    if piece.kind is Kind.SPELLED:
        return spelled_like(word, piece.text)
    return in_shape(word, piece.text)


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


class Markov:
    """`People` whose surrogates change between mentions, so that a missed real name does not stand out.

    Each person has eight surrogate persons. At each mention after the first the person moves with
    probability `change` to one of the other seven, all equally likely: a Markov chain in the order of the
    calls. After the Markov replacement strategy of Osborne et al. 2025 (Electronics 14(19):3945); 0.5 is
    the default of their program, the eight states are ours.

    Args:
        source, patient, taken, pools: as for `People`.
        change: probability of a change at a mention, in [0, 1]; 0 keeps the first surrogate.

    Raises:
        ValueError: `change` is outside [0, 1].
    """

    def __init__(
        self,
        source: Source,
        patient: str,
        taken: Collection[str] = (),
        pools: Pools | None = None,
        change: float = 0.5,
    ) -> None:
        if not 0.0 <= change <= 1.0:
            raise ValueError(f"change is {change}; it must be a probability in [0, 1]")
        self._draws = source.derive("names, markov")
        self._patient = patient
        self._change = change
        self._states = [People(source, f"{patient}\0", taken, pools)]
        self._at: dict[str, tuple[int, int]] = {}  # person to mentions seen and state

    def add(self, text: str, label: str) -> None:
        """Makes a mention known.

        Raises:
            NamesClosed: a surrogate was given out already.
        """
        self._states[0].add(text, label)

    def surrogate(self, text: str, label: str) -> str | None:
        """The surrogate of the next mention; None as for `People.surrogate`."""
        key = self._states[0].person(text, label)
        return None if key is None else self._state(self._next(repr(key))).surrogate(text, label)

    def login(self, text: str) -> str | None:
        """As `People.login`; user names move as people of their own."""
        return self._state(self._next(f"login {text}")).login(text)

    def _next(self, person: str) -> int:
        """The state of the person's next mention."""
        seen, state = self._at.get(person, (0, 0))
        parts = (self._patient, person, str(seen))
        if not seen:
            state = self._draws.number(STATES, "start", *parts)
        elif self._draws.number(1_000_000, "change", *parts) < self._change * 1_000_000:
            state = (state + 1 + self._draws.number(STATES - 1, "state", *parts)) % STATES
        self._at[person] = (seen + 1, state)
        return state

    def _state(self, number: int) -> People:
        """The surrogate people of one state; no name of an earlier state comes back in a later one."""
        while len(self._states) <= number:
            given_out = set().union(*(people.given_out for people in self._states))
            self._states.append(self._states[0].again(f"{self._patient}\0{len(self._states)}", given_out))
        return self._states[number]
