"""Surrogates of places, in kind: a hospital for a hospital, a city of the surrogate state for a city."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from string import ascii_lowercase

from nlp_deid.replace import us_places
from nlp_deid.replace.invented import names, saints
from nlp_deid.replace.keys import Source
from nlp_deid.replace.place_words import LABELS, kept_words, plain_name, real_names, short_forms, tokens
from nlp_deid.replace.scope import Scope, compact
from nlp_deid.replace.shapes import match_case, shape_of

_ORDINAL = re.compile(r"([0-9]+)(st|nd|rd|th)", re.IGNORECASE)
_ACRONYM = re.compile(r"[A-Z]{2,5}")
_POSSESSIVE = re.compile(r"(['’]s?)\Z", re.IGNORECASE)
_SAINT = frozenset(("st", "saint", "ste", "sta", "san", "santa"))
_CITY_STATE = re.compile(r"(.+?)(\s*,\s*)([^,]+)", re.DOTALL)
_ZIP = re.compile(r"\D*([0-9]{3})([0-9]{2})?\D*([0-9]{4})?\D*")
_COUNTRIES = (
    "Argentina Austria Belgium Bolivia Brazil Bulgaria Cambodia Cameroon Chile Colombia Croatia Denmark Ecuador Egypt "
    "Estonia Ethiopia Finland Ghana Greece Guatemala Honduras Hungary Iceland Indonesia Ireland Italy Jamaica Kenya "
    "Latvia Lithuania Malaysia Mongolia Morocco Nepal Netherlands Nicaragua Nigeria Norway Panama Paraguay Peru Poland "
    "Portugal Romania Senegal Slovakia Slovenia Spain Sweden Switzerland Tanzania Thailand Tunisia Uganda Uruguay Vietnam"
)
_STATE_FORM = re.compile(r"[A-Za-z]{2}|(?:[A-Za-z]\.\s?){2}")


class PlaceSurrogates(Scope):
    """Surrogates of the places of one patient; see Scope for the arguments.

    One state of the patient becomes one surrogate state, and cities and ZIPs of the first become cities
    and ZIPs of the second.
    """

    def make(self, label: str, text: str, near: str = "") -> str | None:
        """The surrogate of a place; None for a label that is no place, or where none can be made.

        Args:
            label: HOSPITAL, ORGANIZATION, DEPARTMENT, ROOM, STREET, CITY, STATE, COUNTRY, ZIP or LOCATION-OTHER.
            text: as written in the note.
            near: for CITY, the text of the STATE or ZIP behind it, so that the surrogates agree; a city seen
                before keeps the surrogate that it got.
        """
        if not compact(text):
            return None
        match label:
            case "STATE":
                return self._state(text)
            case "ZIP":
                return self._zip(text)
            case "CITY":
                return self._city(text, near)
            case "COUNTRY":
                return self._country(text)
        return self._named(label, text) if label in LABELS else None

    def __init__(self, source: Source, patient: str, taken: Iterable[str] = ()) -> None:
        super().__init__(source, patient, taken)
        self._cities: dict[str, str] = {}

    # ---- state, city, ZIP, country

    def _target(self, state: str) -> str | None:
        """Postal code of the surrogate state for a state, by postal code or by any name of a state abroad."""
        pool = us_places.states()

        def render(attempt: str) -> str | None:
            code = pool[self.draw(("STATE", state), attempt, len(pool))]
            name = us_places.state_names()[code]
            return None if code == state or self.is_taken(name) or self.is_taken(code) else code

        return self.settle(("STATE", state), render)

    def _state(self, text: str) -> str | None:
        code = _postal_code(text)
        target = self._target(code or compact(text))
        if target is None:
            return None
        if code and _STATE_FORM.fullmatch(text.strip()):
            letters = iter(_cased(text, target))
            return re.sub("[A-Za-z]", lambda found: match_case(found[0], next(letters)), text)
        return _cased(text, us_places.state_names()[target])

    def _city(self, text: str, near: str) -> str | None:
        if (found := _CITY_STATE.fullmatch(text)) and _postal_code(found[3]):
            city, state = self._city(found[1], found[3]), self._state(found[3])
            return f"{city}{found[2]}{state}" if city and state else None
        plain = compact(text)
        if plain not in self._cities:
            zip_code = _ZIP.fullmatch(near)
            code = us_places.zip3_states().get(zip_code[1]) if zip_code else _postal_code(near)
            state = self._target(code) if code else None
            made = self._new_city(plain, us_places.cities_of(state)) if state else None
            made = made or self._new_city(plain, tuple(us_places.cities()))
            if made is None:
                return None
            self._cities[plain] = made
        return _cased(text, self._cities[plain])

    def _new_city(self, plain: str, pool: tuple[str, ...]) -> str | None:
        key = ("CITY", plain)

        def render(attempt: str) -> str | None:
            name = pool[self.draw(key, attempt, len(pool))]
            return None if compact(name) == plain or any(map(self.is_taken, name.split())) else name

        return self.settle(key, render)

    def _zip(self, text: str) -> str | None:
        found = _ZIP.fullmatch(text)
        if not found or not text.isascii():
            return self._postcode(text)
        source, rest, more = found.groups()
        state = us_places.zip3_states().get(source)
        target = self._target(state or source)
        areas = [area for area in us_places.zip3s_of(target or "") if area != source]
        if not areas:
            return None
        area = areas[self.draw(("ZIP3", source), "0", len(areas))]
        key = ("ZIP", source + (rest or ""))

        def render(attempt: str) -> str | None:
            made = f"{area}{self.draw(key, attempt, 100):02}" if rest else area
            return made + self._more(key, more) if made != key[1] else None

        made = self.settle(key, render)
        if made is None:
            return None
        digits = iter(made)
        return re.sub("[0-9]", lambda _: next(digits), text)

    def _postcode(self, text: str) -> str | None:
        """A postal code of another country: other letters and digits in the same layout."""
        shape = shape_of(text)
        key = ("ZIP", shape.values)

        def render(attempt: str) -> str | None:
            seed = self.draw(key, attempt, 260 ** len(shape.kinds))
            made = ""
            for kind in shape.kinds:
                seed, at = divmod(seed, 26 if kind in "Aa" else 10)
                made += ascii_lowercase[at] if kind in "Aa" else str(at)
            return shape.fill(made) if made != shape.values else None

        return self.settle(key, render) if shape.slots else None

    def _more(self, key: tuple[str, ...], more: str | None) -> str:
        return f"{(int(more) + 1 + self.draw((*key, more), '0', 9999)) % 10000:04}" if more else ""

    def _country(self, text: str) -> str | None:
        pool = _COUNTRIES.split()
        key = ("COUNTRY", compact(text))

        def render(attempt: str) -> str | None:
            name = pool[self.draw(key, attempt, len(pool))]
            return None if compact(name) == key[1] else name

        made = self.settle(key, render)
        return _cased(text, made) if made else None

    # ---- names made of kind words and proper words

    def _named(self, label: str, text: str) -> str | None:
        key = (label, plain_name(text))
        if _ACRONYM.fullmatch(text.strip()) and compact(text) not in kept_words(label):
            return self.settle(key, partial(self._acronym, key, text))
        return self.settle(key, partial(self._rewritten, key, text))

    def _acronym(self, key: tuple[str, ...], text: str, attempt: str) -> str | None:
        """Other letters; the H or MC that says hospital or medical center stays."""
        word = text.strip()
        end = next((end for end in ("MC", "H") if word.endswith(end) and len(word) > len(end) + 1), "")
        size = len(word) - len(end)
        number = self.draw(key, attempt, 26**size)
        made = "".join(chr(ord("A") + number // 26**at % 26) for at in range(size)) + end
        if made == word or made.casefold() in short_forms() or compact(made) in real_names():
            return None
        return text.replace(word, made)

    def _rewritten(self, key: tuple[str, ...], text: str, attempt: str) -> str | None:
        """The text with its proper words and numbers replaced; None if a real name comes out."""
        parts: list[str] = []
        at = 0
        saint = False
        made = 0
        found = tokens(key[0], text)
        for index, (token, kind) in enumerate(found):
            gap = text[at : token.start()]
            if index and found[index - 1][1] == "word" and gap.startswith("."):
                gap = gap[1:]  # the dot of a short form: "Mass. General"
            word = token[0]
            if kind == "kept":
                new = word
            elif kind == "more":
                # A further word of the same proper name: dropped with the blank before it.
                parts.append(gap if "\n" in gap else "")
                at = token.end()
                continue
            elif kind == "number":
                new = self._other_number(key, word, attempt, str(made))
            elif kind == "letter":
                step = 1 + self.draw(key, attempt, 25, f"l{made}")
                new = match_case(word, chr(ord("a") + (ord(word.lower()) - ord("a") + step) % 26))
            else:
                pool = saints() if saint else names()
                # Drawn for the proper name alone: "St. Mary's" and "St. Mary's Hospital" stay one house.
                name = pool[self.draw((key[0], _run(found[index:])), attempt, len(pool))]
                if self.is_taken(name):
                    return None
                end = _POSSESSIVE.search(word)
                new = match_case(word, name) + (end[0] if end else "")
            made += kind != "kept"
            saint = kind == "kept" and word.casefold() in _SAINT
            parts += (gap, new)
            at = token.end()
        new_text = "".join((*parts, text[at:]))
        if compact(new_text) == compact(text) or compact(new_text) in real_names():
            return None
        return new_text

    def _other_number(self, key: tuple[str, ...], word: str, attempt: str, part: str) -> str:
        """A number of the same length, not the same, without a leading zero; an ordinal keeps its form."""
        found = _ORDINAL.fullmatch(word)
        digits = found[1] if found else word
        low = 10 ** (len(digits) - 1) if digits[0] != "0" else 0
        span = 10 ** len(digits) - low
        number = low + (int(digits) - low + 1 + self.draw(key, attempt, span - 1, f"n{part}")) % span
        if not found:
            return f"{number:0{len(digits)}}"
        ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
        return f"{number}{ending.upper() if found[2].isupper() else ending}"


def _run(found: list[tuple[re.Match[str], str]]) -> str:
    """The proper name that begins at the first token, in plain form."""
    words = [found[0][0]]
    for token, kind in found[1:]:
        if kind != "more":
            break
        words.append(token)
    return plain_name(" ".join(_POSSESSIVE.sub("", token[0]) for token in words))


def _postal_code(text: str) -> str | None:
    """Postal code of a state as written: "Massachusetts", "mass.", "M.A.", "MA"."""
    codes = us_places.postal_codes()
    plain = " ".join(text.split()).casefold()
    return codes.get(plain) or codes.get(compact(plain))


def _cased(text: str, value: str) -> str:
    """The value in the case of the text, with the blanks around it; upper case only where it shows."""
    core = text.strip()
    if core.islower():
        value = value.lower()
    elif core.isupper() and len(compact(core)) > 3:
        value = value.upper()
    before = len(text) - len(text.lstrip())
    return text[:before] + value + text[before + len(core) :]
