"""Which mentions of a patient's notes are one person.

Names are followed word by word: every distinct first name and every distinct surname gets a slot, and
one slot gets one surrogate, so that a family shares its new surname and people who differ in a name
differ in the surrogate. What a word cannot tell alone is settled by all the mentions together:
whether a bare word is a first name or a surname, whose nickname it is, whose initials they are.
Every choice is by count, then by label, then by the names themselves: the order of mentions has no part in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from nlp_deid.replace.name_pools import Pools
from nlp_deid.replace.name_shape import Kind, Piece, Role

# ("first", word), ("last", word), ("nick", first name, word) or ("letter", letter of nobody known).
Slot = tuple[str, ...]
Mention = tuple[tuple[Piece, ...], str, int]  # pieces, label, count


@dataclass(frozen=True, slots=True, order=True)
class Person:
    """A person named in full, in folded words; `firsts` are formal names where they are known."""

    firsts: tuple[str, ...]
    middles: tuple[str, ...]
    lasts: tuple[str, ...]


def _words(part: Sequence[Piece], role: Role) -> tuple[str, ...]:
    words = [p.word for p in part if p.role is role and p.kind is not Kind.LETTER]
    return tuple(dict.fromkeys(words)) if len(words) > 1 else tuple(words)


def _letters(part: Sequence[Piece], role: Role) -> tuple[str, ...]:
    return tuple(p.word[:1] for p in part if p.role is role and p.kind is Kind.LETTER)


def parts(pieces: Sequence[Piece]) -> Iterable[Sequence[Piece]]:
    """The pieces of each person of a mention."""
    if not pieces[-1].person:
        return (pieces,)
    return [list(group) for _, group in groupby(pieces, key=lambda piece: piece.person)]


class Persons:
    """The people of one scope, out of all its mentions."""

    def __init__(self, mentions: Iterable[Mention], pools: Pools) -> None:
        self._pools = pools
        self._first: Counter[str] = Counter()
        self._middle: Counter[str] = Counter()
        self._last: Counter[str] = Counter()
        self._bare: defaultdict[str, Counter[str]] = defaultdict(Counter)  # word to labels
        self._quoted: defaultdict[str, set[str]] = defaultdict(set)  # nickname to first names
        full: Counter[tuple[Person, str]] = Counter()
        for pieces, label, count in mentions:
            for part in parts(pieces):
                self._count(part, label, count, full)
        self._with: Counter[tuple[str, str]] = Counter()  # (first name, surname) named together
        for (person, _), count in full.items():
            self._with.update({(f, last): count for f in person.firsts for last in person.lasts})
        self.people: dict[Person, Counter[str]] = {}
        self._formal_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for (person, label), count in sorted(full.items()):
            formal = tuple(self._formal(first, person.lasts) for first in person.firsts)
            for first, name in zip(person.firsts, formal, strict=True):
                self._formal_of[first][name] += count
            known = self.people.setdefault(Person(formal, person.middles, person.lasts), Counter())
            known[label] += count
        self._join_without_middle()
        self._like: defaultdict[str, list[Person]] = defaultdict(list)  # words, first initials to people
        for person in sorted(self.people):
            for word in {*person.firsts, *person.lasts, person.firsts[0][:1]}:
                self._like[word].append(person)
        self._found: dict[tuple[object, ...], Person | None] = {}

    def _count(
        self, part: Sequence[Piece], label: str, count: int, full: Counter[tuple[Person, str]]
    ) -> None:
        firsts, middles, lasts = (_words(part, role) for role in (Role.GIVEN, Role.MIDDLE, Role.LAST))
        for words, counter in ((firsts, self._first), (middles, self._middle), (lasts, self._last)):
            counter.update(dict.fromkeys(words, count))
        for word in _words(part, Role.BARE):
            self._bare[word][label] += count
        if firsts:
            for nickname in _words(part, Role.NICK):
                self._quoted[nickname].add(firsts[0])
        if firsts and lasts:
            full[Person(firsts, middles, lasts), label] += count

    def _join_without_middle(self) -> None:
        """Somebody named without a middle name is the most mentioned one with the same other names."""
        fuller: defaultdict[Person, list[Person]] = defaultdict(list)
        for person in sorted(self.people):
            if person.middles:
                fuller[Person(person.firsts, (), person.lasts)].append(person)
        for plain, others in fuller.items():
            if plain in self.people:
                best = max(others, key=lambda person: self.people[person].total())
                self.people[best].update(self.people.pop(plain))

    def _formal(self, first: str, lasts: Sequence[str]) -> str:
        """The first name that a short form stands for among people of the same surname; else itself."""
        seen = {first}
        while True:
            counts = {
                name: sum(self._with[name, last] for last in lasts) for name in self._stands_for(first) - seen
            }
            best = max(sorted(counts), key=counts.__getitem__, default="")
            if not counts.get(best):
                return first
            first = best
            seen.add(best)

    def is_quoted(self, nickname: str) -> bool:
        """Whether a nickname stands in quotes beside a first name somewhere."""
        return nickname in self._quoted

    def _stands_for(self, nickname: str) -> set[str]:
        return {*self._pools.nicknames.get(nickname, ()), *self._quoted.get(nickname, ())}

    def _formal_alone(self, first: str) -> str:
        """The same for a first name without a surname."""
        if known := self._formal_of.get(first):
            return max(sorted(known), key=known.__getitem__)
        counts = {name: self._first[name] + self._bare_count(name) for name in self._stands_for(first)}
        best = max(sorted(counts), key=counts.__getitem__, default="")
        if not counts.get(best):
            return first
        known = self._formal_of.get(best, Counter({best: 1}))
        return max(sorted(known), key=known.__getitem__)

    def _bare_count(self, word: str) -> int:
        return self._bare[word].total() if word in self._bare else 0

    def _is_last(self, words: Sequence[str]) -> bool:
        """Whether bare words are a surname: by the full names of the scope, else by the lists."""
        as_first = sum(self._first[word] + self._middle[word] for word in words)
        as_last = sum(self._last[word] for word in words)
        if as_first != as_last:
            return as_last > as_first
        if any(self._first[name] for word in words for name in self._stands_for(word)):
            return False
        word, pools = words[-1], self._pools
        first, last = word in pools.firsts or word in pools.nicknames, word in pools.lasts
        if first != last or not first:
            return last or not first
        labels = self._bare.get(word, Counter())
        if 2 * labels["DOCTOR"] > labels.total():
            return True
        return word in pools.common_last and word not in pools.common_first

    def _settled(self, part: Sequence[Piece]) -> Sequence[Piece]:
        """The pieces with BARE and TAIL made first names, surnames and their initials."""
        words = _words(part, Role.BARE)
        if not words:
            return part
        last = self._is_last(words)
        tails = [i for i, piece in enumerate(part) if piece.role is Role.TAIL]
        out = []
        for i, piece in enumerate(part):
            role = piece.role
            if role is Role.BARE:
                role = Role.LAST if last else Role.GIVEN
            elif role is Role.TAIL:
                edge = tails[0] if last else tails[-1]
                role = (Role.GIVEN if last else Role.LAST) if i == edge else Role.MIDDLE
            out.append(piece._replace(role=role))
        return out

    def slots(self, pieces: Sequence[Piece], label: str) -> list[Slot | None]:
        """For each piece the slot whose surrogate (or its initial) stands there; None for what stays."""
        return [slot for part in parts(pieces) for slot in self._slots(part, label)]

    def _slots(self, part: Sequence[Piece], label: str) -> list[Slot | None]:
        settled = self._settled(part)
        firsts, lasts = _words(settled, Role.GIVEN), _words(settled, Role.LAST)
        formal = self._formals(firsts, lasts)
        person = self._person(settled, label) if any(p.kind is Kind.LETTER for p in settled) else None
        slots: list[Slot | None] = []
        for at, piece in enumerate(settled):
            if piece.kind is Kind.STAY:
                slots.append(None)
            elif piece.kind is Kind.LETTER:
                slots.append(self._initial(settled, at, person))
            elif piece.role is Role.LAST:
                slots.append(("last", piece.word))
            elif piece.role is Role.MIDDLE:
                slots.append(self.middle_slot(piece.word))
            elif piece.role is Role.NICK:
                name = formal[firsts[0]] if firsts else self._formal_alone(piece.word)
                slots.append(first_slot(name, piece.word))
            else:
                slots.append(first_slot(formal.get(piece.word, piece.word), piece.word))
        return slots

    def _formals(self, firsts: Sequence[str], lasts: Sequence[str]) -> dict[str, str]:
        if lasts:
            return {first: self._formal(first, lasts) for first in firsts}
        return {first: self._formal_alone(first) for first in firsts}

    def middle_slot(self, word: str) -> Slot:
        """The slot of a middle name: a surname only if it is one elsewhere, or in the lists alone."""
        if self._last[word] or self._first[word]:
            last = self._last[word] > self._first[word]
        else:
            last = word in self._pools.lasts and word not in self._pools.firsts
        return ("last" if last else "first", word)

    def _initial(self, part: Sequence[Piece], at: int, person: Person | None) -> Slot:
        """The slot whose surrogate gives the initial at `at`."""
        letter, role = part[at].word[:1], part[at].role
        if role is Role.INITIALS:
            places = [i for i, piece in enumerate(part) if piece.role is role]
            role = Role.GIVEN if at == places[0] else Role.LAST if at == places[-1] else Role.MIDDLE
        if person is not None:
            if role is Role.LAST:
                slots: list[Slot] = [("last", word) for word in person.lasts]
            elif role is Role.GIVEN:
                slots = [("first", word) for word in person.firsts]
            else:
                slots = [self.middle_slot(word) for word in person.middles]
            for slot in slots:
                if slot[1].startswith(letter):
                    return slot
        return ("letter", letter)

    def person(self, pieces: Sequence[Piece], label: str) -> tuple[object, ...]:
        """A key of the people that a mention is about, the same for every form of their names."""
        key: list[object] = []
        for part in parts(pieces):
            settled = self._settled(part)
            found = self._person(settled, label)
            key.append(
                found if found is not None else tuple(slot for slot in self._slots(part, label) if slot)
            )
        return tuple(key)

    def _person(self, part: Sequence[Piece], label: str) -> Person | None:
        """The best match: all that is given agrees; the same label, then the most mentioned, wins."""
        initials = _letters(part, Role.INITIALS)
        lasts = _words(part, Role.LAST)
        formal = self._formals(_words(part, Role.GIVEN), lasts)
        asked = (
            tuple(formal.values()),
            lasts,
            initials[:1] or _letters(part, Role.GIVEN)[:1],
            initials[1:][-1:] or _letters(part, Role.LAST)[:1],
            initials[1:-1] or _letters(part, Role.MIDDLE),
            _words(part, Role.MIDDLE),
        )
        if not any(asked):
            return None
        key = (*asked, label)
        if key not in self._found:
            clue = next(filter(None, (lasts, *asked)))[0]
            fitting = [person for person in self._like.get(clue, ()) if _fits(person, *asked)]
            self._found[key] = max(
                fitting, key=lambda p: (self.people[p][label], self.people[p].total()), default=None
            )
        return self._found[key]


def first_slot(formal: str, word: str) -> Slot:
    """The slot of a first name, or of a short form of one."""
    return ("first", word) if formal == word else ("nick", formal, word)


def _fits(
    person: Person,
    firsts: tuple[str, ...],
    lasts: tuple[str, ...],
    first: tuple[str, ...],
    last: tuple[str, ...],
    middle: tuple[str, ...],
    middles: tuple[str, ...],
) -> bool:
    """Whether nothing asked for speaks against a person; a middle name may be left out on either side."""
    return (
        set(firsts) <= set(person.firsts)
        and set(lasts) <= set(person.lasts)
        and all(person.firsts[0].startswith(letter) for letter in first)
        and all(any(word.startswith(letter) for word in person.lasts) for letter in last)
        and (not person.middles or set(middles) <= set(person.middles))
        and (
            not person.middles
            or all(any(word.startswith(letter) for word in person.middles) for letter in middle)
        )
    )
