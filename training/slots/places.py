"""New places, firms and jobs in the form of those they replace; one real place, one new place in a note."""

from __future__ import annotations

import random
import re
import string

from nlp_deid.replace.invented import names as invented
from nlp_deid.replace.place_words import plain_name, tokens
from nlp_deid.replace.us_places import postal_codes, state_names
from slots import placelists as lists
from slots.ids import brand
from slots.names import Names
from slots.wordlists import words

_ACRONYM = re.compile(r"[A-Z]{2,6}")
_ORDINAL = re.compile(r"([0-9]+)(st|nd|rd|th)", re.IGNORECASE)
_SAINT = frozenset(["st", "saint", "ste", "sta", "san", "santa"])
_OWN = re.compile(r"['’]s?\Z", re.IGNORECASE)
_KIND_AT_END = re.compile(
    "(?:" + "|".join(sorted(map(re.escape, lists.KINDS), key=len, reverse=True)) + r")\Z", re.IGNORECASE
)
# Nouns that say what a place is; they stay where the shipped lists do not know them.
_KINDS_OF_PLACE = frozenset(
    words("""
unit, tower, ward, wing, center, centre, service, services, program, lodge, house, shop, market, farm,
farms, trust, school, elementary, foundation, institute, associates, physicians, pathology, imaging,
dialysis, sleep, disorders, heart, rhythm, eye, ear, rehab, mission, bay, creek, river, bridge, tunnel,
overcrossing, park, truck, stop, station, terminal, campground, commons, courthouse, trail, beach, road,
car, garage, amphitheatre, cutoff, island, church, temple, masjid, mosque, gym, mall, stadium, arena,
jail, prison, shelter, locked, bag, private, po, pmb, p.m.b, km, level, space, sp, blk, shop, room, ste,
suite, boul, rue, calle, carr, sect, no, rd, urb, hc, rt, rr, box, flat, apt, unit, the, old, floor, fl,
house, residence, building, plot, colony, estate, village, trailer, lot, avenida, av, via, rua, fire,
rescue, police, dist, district, department, air, ambulance, union, local, grill, bakery, diner, cafe,
mill, mills, logistics, transit, paper, supply, packing, drilling, insurance, mutual, savings, club,
wheels, gift
""")
)
_JOB_LEAD = re.compile(
    r"(?:(?:a|an|the|retired|former|ex|part[- ]time|full[- ]time)\b[\s-]*)+", re.IGNORECASE
)
_SUFFIXES = (
    words("""
Street, Avenue, Road, Drive, Lane, Court, Boulevard, Place, Way, Terrace, Circle, Close, Crescent, Trail, Parkway,
Square, Loop, Gardens, Row, Highway
"""),
    words("St, Ave, Rd, Dr, Ln, Ct, Blvd, Pl, Way, Ter, Cir, Trl, Pkwy, Sq, Loop, Cres, Hwy"),
)
_WORLD_STREETS = words("""
{n} rue {w}, Calle {w} {n}, Calle {m} #{m}-{k}, {w}straße {m}, Via {w} {m}, Rua {w} {n}, Av. {w} {n}, Flat {m} {n} {w} Road,
{w} House {w2} Lane, Unit {m}/{n} {w} St, {m}/{k} {w} Nagar, Plot {n} {w} Estate, Apt {m}B {n} {w} Ave,
Blk {n} {w} Ave {m} #0{d}-{k}, {n} {w} Street Apartment {m}, RR {d} Box {k}, P.O. Box {n}, PO Box {n}, {n} County Road {k},
{n}-{m} {k}th Avenue, {n} N {k}th St, The Old {w} {w2} Road, House No. {m} {w} Colony, {n} State Route {k},
{n} W. {w} Blvd. #{k}, GPO Box {n}, Lot {m} {w} Trailer Park, {n} {w} Road, {n} {w} Street, {n} {w} Ave, {n} {w} Ln Apt {m}
""")
_CODES = words("AA9 9AA, A9 9AA, A99 9AA, AA99 9AA, A9A 9A9, 9999, 99999, 999999, 99999-9999, A99 A9A9")


class Places:
    """New places of one note.

    Args:
        rng: where the draws come from.
        names: surnames, which many places are called after.
    """

    def __init__(self, rng: random.Random, names: Names) -> None:
        self._rng, self._names = rng, names
        self._done: dict[tuple[str, str], str] = {}

    def rewrite(self, text: str, label: str) -> str:
        """The new name in the old form."""
        match label:
            case "CITY":
                made = self._once(label, text, self._city)
            case "STATE":
                return self._state(text)
            case "COUNTRY":
                pool = lists.lines("countries")
                made = self._once(label, text, lambda: lists.titled(self._rng.choice(pool)))
            case "ZIP":
                return self._zip(text)
            case "PROFESSION":
                return self._job(text)
            case "STREET":
                return self._street(text)
            case _:
                return self._named(label, text)
        return recased(made, text)

    def _once(self, label: str, text: str, draw: object) -> str:
        key = (label, plain_name(text) or text.casefold())
        if key not in self._done:
            self._done[key] = draw()  # type: ignore[operator]
        return self._done[key]

    # ---- city, state, ZIP

    def _city(self) -> str:
        drawn = self._rng.random()
        if drawn < 0.4:
            return self._rng.choice(lists.CITIES)
        return lists.titled(self._rng.choice(lists.lines("cities" if drawn < 0.75 else "cities_ambiguous")))

    def _state(self, text: str) -> str:
        short = len(re.sub(r"\W", "", text)) <= 3 and not text.istitle()
        for full, abbreviated in lists.REGIONS.values():
            pool = abbreviated if text in abbreviated else full if text.title() in full else ()
            if pool and (text.casefold() not in postal_codes() or self._rng.random() < 0.5):
                return recased(self._once("STATE", text, lambda pool=pool: self._rng.choice(pool)), text)
        code = self._once("STATE code", postal_codes().get(text.casefold().strip("."), text), self._us_state)
        if not short:
            return recased(state_names()[code], text)
        return recased(".".join(code) + "." if "." in text.strip(".") else code, text)

    def _us_state(self) -> str:
        return self._rng.choice(sorted(state_names()))

    def _zip(self, text: str) -> str:
        layout = text
        if self._rng.random() < 0.12 and len(text) >= 5:
            layout = self._rng.choice(_CODES)
        made = re.sub(r"[0-9]", lambda _: self._rng.choice(string.digits), layout)
        made = re.sub(r"[A-Za-z]", lambda m: recased(self._rng.choice(string.ascii_uppercase), m[0]), made)
        return made

    # ---- jobs

    def _job(self, text: str) -> str:
        drawn = self._rng.random()
        if drawn < 0.3:
            return text
        lead = _JOB_LEAD.match(text)
        start = lead.end() if lead else 0
        old = text[start:]
        if not old:
            return text
        pool = (
            lists.JOBS
            if drawn < 0.7
            else lists.lines("professions")
            if drawn < 0.85
            else lists.lines("professions_more")
        )
        made = self._once("PROFESSION", old, lambda: self._rng.choice(pool))
        if (
            re.search(r"[^s]s\Z", old)
            and not old.lower().endswith(("ness", "sales"))
            and " " not in made
            and made[-1] in "rtn"
        ):
            made += "s"
        if old[:1].isupper() and not old.isupper():
            made = made[:1].upper() + made[1:]
        return text[:start] + (made.upper() if old.isupper() else made)

    # ---- streets

    def _street(self, text: str) -> str:
        key = ("STREET whole", text.casefold())
        if key in self._done:
            return self._done[key]
        if self._rng.random() < 0.2 and "\n" not in text:
            made = recased(self._world_street(), text)
        else:
            made = self._rewritten("STREET", text)
            made = re.sub(r"(?<=\s)[A-Za-z]+(?=\.?\Z|\.?,|\.? (?:Apt|Unit|#|Ste))", self._suffix, made)
        self._done[key] = made
        return made

    def _world_street(self) -> str:
        rng = self._rng
        return rng.choice(_WORLD_STREETS).format(
            n=rng.randint(1, rng.choice((99, 999, 9999))),
            m=rng.randint(1, 60),
            k=rng.randint(1, 199),
            d=rng.randint(1, 9),
            w=self._street_name(),
            w2=self._street_name(),
        )

    def _suffix(self, found: re.Match[str]) -> str:
        for forms in _SUFFIXES:
            if found[0].title() in forms and self._rng.random() < 0.6:
                return recased(self._rng.choice(forms), found[0])
        return found[0]

    def _street_name(self) -> str:
        if self._rng.random() < 0.5:
            return self._rng.choice(lists.STREETS)
        return self._names.last(self._rng, self._names.origin(self._rng))

    # ---- names of kind words and proper words

    def _named(self, label: str, text: str) -> str:
        key = (label, plain_name(text) or text.casefold())
        if key not in self._done:
            self._done[key] = self._new_name(label, text)
        return recased(self._done[key], text)

    def _new_name(self, label: str, text: str) -> str:
        core = text.strip()
        if _ACRONYM.fullmatch(core) and (label == "HOSPITAL" or len(core) < 5):
            return self._acronym(label, core)
        kinds = {kind for _, kind in tokens(label, text)}
        if label == "ORGANIZATION" and "kept" not in kinds and self._rng.random() < 0.5:
            return self._rng.choice(lists.FIRMS)
        if label == "HOSPITAL" and "\n" not in text and self._rng.random() < 0.12:
            return lists.titled(self._rng.choice(lists.lines("hospitals")))
        if label == "HOSPITAL" and "kept" not in kinds and self._rng.random() < 0.2:
            return lists.titled(self._rng.choice(lists.lines("hospital_systems")))
        made = self._rewritten(label, text)
        if label == "HOSPITAL" and self._rng.random() < 0.4 and "\n" not in text:
            made = _KIND_AT_END.sub(lambda m: recased(self._rng.choice(lists.KINDS), m[0]), made)
        return made

    def _acronym(self, label: str, text: str) -> str:
        if label == "HOSPITAL" and self._rng.random() < 0.3:
            return self._rng.choice(lists.ACRONYMS)
        if label != "HOSPITAL" and self._rng.random() < 0.4:
            return self._rng.choice([firm for firm in lists.FIRMS if firm.isupper()])
        end = next(
            (end for end in ("MC", "GH", "CH", "H", "C") if text.endswith(end) and len(text) > len(end) + 1),
            "",
        )
        size = max(2, len(text) + self._rng.choice((-1, 0, 0, 1))) - len(end)
        return "".join(self._rng.choice("ABCDEFGHIJKLMNOPRSTUVW") for _ in range(max(size, 1))) + end

    def _rewritten(self, label: str, text: str) -> str:
        """The text with proper words and numbers replaced."""
        out: list[str] = []
        at, saint = 0, False
        found = tokens(label, text)
        for index, (token, kind) in enumerate(found):
            gap, word = text[at : token.start()], token[0]
            at = token.end()
            first_of_street = label == "STREET" or index
            if kind in ("word", "more", "letter") and first_of_street and word.casefold() in _KINDS_OF_PLACE:
                kind = "kept"
            if kind == "more":
                out.append(gap if "\n" in gap else "")
                continue
            new = word if kind == "kept" else self._part(label, kind, word, saint)
            saint = kind == "kept" and word.casefold() in _SAINT and index + 1 < len(found)
            out += (gap, new)
        return "".join((*out, text[at:]))

    def _part(self, label: str, kind: str, word: str, saint: bool) -> str:
        if kind == "number":
            return self._number(word)
        if kind == "letter":
            return recased(self._rng.choice(string.ascii_uppercase), word)
        end = _OWN.search(word)
        stem = word[: end.start()] if end else word
        family = "place" if label in ("HOSPITAL", "ORGANIZATION") else label
        made = self._once(family, ("saint " if saint else "") + stem, lambda: self._proper(label, saint))
        return (made if len(stem) < 4 else recased(made, stem)) + (end[0] if end else "")

    def _proper(self, label: str, saint: bool) -> str:
        if saint:
            return self._rng.choice(lists.SAINTS)
        if label == "STREET":
            return self._street_name()
        drawn = self._rng.random()
        if drawn < 0.38:
            return self._names.last(self._rng, self._names.origin(self._rng))
        if drawn < 0.6:
            return self._city()
        if drawn < 0.82:
            return self._rng.choice(lists.PROPER)
        if drawn < 0.92 or label not in ("ORGANIZATION", "HOSPITAL"):
            return self._rng.choice(invented())
        return brand(self._rng).capitalize()

    def _number(self, word: str) -> str:
        found = _ORDINAL.fullmatch(word)
        digits = found[1] if found else word
        size = max(1, len(digits) + self._rng.choice((-1, 0, 0, 0, 1)))
        number = self._rng.randint(10 ** (size - 1), 10**size - 1)
        if not found:
            return str(number)
        ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{recased(ending, found[2])}"


def recased(made: str, like: str) -> str:
    """A value in upper or lower case if the old one is; else as it is."""
    letters = [char for char in like if char.isalpha()]
    if not letters:
        return made
    if all(char.isupper() for char in letters) and (len(letters) > 4 or len(made) < 5 or not made.isalpha()):
        return made.upper()
    return made.lower() if all(char.islower() for char in letters) else made
