"""The grammar of written dates: which characters of a text are the day, the month, the year.

The figures of a text are blanked to its *shape* ("99/99/9999"), the shape is cut into tokens, one letter
each ("D/D/Y"), and patterns over those letters say what each token may be. A shape is worked out once and
kept, so that a date costs one look-up and the reading of its figures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from nlp_deid.replace import date_words as words
from nlp_deid.replace.date_slots import Element, Layout, Piece, Token, make_layout

LONGEST = 100  # characters; longer texts are no dates
_MOST_READINGS = 12

_FIGURES = str.maketrans("012345678’‘`´–—‐‑‒−⁄", "999999999''''------/")


_TOKEN = re.compile(
    rf"""(?P<E>(?:99)?99'?s\b|'99'?s\b) | (?P<A>'99(?!9)) | (?P<o>9{{1,2}}(?:st|nd|rd|th|er)(?![^\W\d_])) | (?P<num>9+)
    | (?P<H>(?:{"|".join(sorted(map(re.escape, words.FEASTS), key=len, reverse=True)).replace(chr(92) + " ", "[ ]")})\b)
    | (?P<Q>q(?=9(?!9))) | (?P<e>{words.DECADE}\b) | (?P<y>{words.YEAR}\b) | (?P<O>{words.ORDINAL}\b)
    | (?P<N>{words.CARDINAL}\b) | (?P<dress>[^\W\d_]+) | (?P<blank>\s+) | (?P<sign>[-/.,&+()º]|->|→)""",
    re.VERBOSE | re.IGNORECASE,
)
# Figures by how many run together; a letter for each token kind, see _GRAMMAR.
_NUMBER_KINDS = {1: "D", 2: "D", 4: "Y", 6: "c", 8: "C", 12: "C", 14: "C"}
_SIGNS = {"(": ",", ")": ",", "º": ",", "->": "&", "→": "&", "+": "&"}
_JOINERS = frozenset(
    {"to", "through", "thru", "until", "till", "and", "or", "y", "et", "und", "al", "au", "bis", "a"}
)
_FILLERS = frozenset(
    {"the", "of", "this", "that", "week", "month", "year", "on", "in", "from", "between"}
    | {"de", "del", "d", "l", "le", "la", "el", "los", "am", "den", "vom", "año", "ano", "dydd"}
)

_CLOCK = r"(?:9{1,2}:99(?::99(?:[.,]9+)?)?\s?(?:[ap]\.?m\b\.?)?|9{1,2}\s?[ap]\.?m\b\.?|9{4}(?:99)?(?:\.9+)?)"
_TIME_BEHIND = re.compile(
    rf"(?:(?<=9)t|\s*[,@]\s*|,?\s+(?:at\s+|@\s*|um\s+)?){_CLOCK}\s?(?:h|hrs?|hours|uhr)?"
    r"\s?(?:z|utc|gmt|[ecmp][sd]?t|[-+]99:?99)?$",
    re.IGNORECASE,
)
_TIME_BEFORE = re.compile(rf"{_CLOCK}\s?(?:h|hrs?|hours)?(?:\s*,\s*|\s+)(?:on\s+)?(?=\S)", re.IGNORECASE)

# Patterns over token letters. D figures, o ordinal figures, O N number words, Y A y years, M month, W weekday,
# S season, H feast, Q quarter, E e decade, w filler, & joiner. Groups take the roles of the second column in
# turn; a digit in it starts the next part. Earlier patterns are preferred.
_SEP = "[ ,./w-]*"
_DAY, _YEAR = "([DoON])", "([YAyD])"
_MORE = r"(?: ?[-&/,] ?(?:& ?)?(?:W ?)?[DoON])"
_GRAMMAR: tuple[tuple[str, str], ...] = (
    (rf"(M){_SEP}{_DAY}({_MORE}+){_SEP}([YAy])", "md*Y"),
    (rf"{_DAY}({_MORE}+){_SEP}(M){_SEP}{_YEAR}", "d*mY"),
    (rf"(M){_SEP}{_DAY}({_MORE}+)", "md*"),
    (rf"{_DAY}({_MORE}+){_SEP}(M)", "d*m"),
    (r"(D) ?([-/.]) ?(D) ?\2 ?([YDA])", "order"),
    (r"(D) (D) (Y)", "order_"),
    (r"(Y) ?([-/.]) ?(D) ?\2 ?(D)", "Y-md"),
    (r"(Y) ?([-/.]) ?(D) ?\2 ?(D)", "Y-dm"),
    (rf"(Y){_SEP}(M){_SEP}([Do])", "Ymd"),
    (rf"(M){_SEP}{_DAY}{_SEP}([YAyD])", "mdY"),
    (rf"{_DAY}{_SEP}(M){_SEP}{_YEAR}", "dmY"),
    (rf"(O){_SEP}(O){_SEP}([YAy])", "dmY"),
    (r"(D) ?[-/.] ?(D)", "short"),
    (r"(D)/(D)((?: ?[-&,] ?(?:& ?)?D)+)(?! ?[-/.D])", "md*"),
    (r"(D) ?[-/.] ?([YDA])", "mY"),
    (r"(Y) ?[-/.] ?(D)", "Ym"),
    (r"(Y) ?[-/] ?(D)", "Y1Y"),
    (rf"(M){_SEP}{_DAY}", "md"),
    (rf"{_DAY}{_SEP}(M)", "dm"),
    (rf"(M){_SEP}([YAyD])", "mY"),
    (rf"([YA]){_SEP}(M)", "Ym"),
    (rf"(S){_SEP}([YAyD])", "sY"),
    (rf"(H){_SEP}([YAy])", "fY"),
    (rf"(Q)(D)(?:{_SEP}([YA]))?", "-qY"),
    (r"(C)", "compact"),
    (r"(c)", "compact"),
    (r"(M)", "m"),
    (r"(S)", "s"),
    (r"(H)", "f"),
    (r"([Ee])", "e"),
    (r"([YAy])", "Y"),
    (r"([oO])", "d"),
    (r"(?<![\s\S])(D)(?![\s\S])", "Y"),
)
_PATTERNS = tuple((re.compile(pattern), roles) for pattern, roles in _GRAMMAR)
_WEEKDAY_BEFORE = re.compile(r"(W)[ ,.w]*(?=[^W])")
_WEEKDAY_BEHIND = re.compile(r" ?,? ?(W),?(?![ ,.w/-]*[^ ,.w/&-])")
_WEEKDAY = re.compile(r"(W)\.?")
# A slash parts dates only beside a word: 2/29/2019 is no 2/29 and 2019.
_JOINT = re.compile(r" ?(?:[-&,]|(?<=[MWSQD])/(?=[MWSQ])) ?(?:& ?)?(?:w ?)*")
_EDGE = re.compile(r"[ ,.w]*")
_COMPACT = {8: ("Ymd", "order"), 12: ("Ymd",), 14: ("Ymd",), 6: ("order",)}


def shape(text: str) -> str:
    """The text with its figures blanked to 9, quotes, dashes and slashes made plain; offsets stay."""
    return text.translate(_FIGURES)


@lru_cache(maxsize=4096)
def layouts(blanked: str, day_first: bool) -> tuple[Layout, ...]:
    """The ways to read a shape, best first; none if it is no date."""
    found = list(_Reader(blanked, 0, len(blanked), day_first).layouts())
    for clock, start, end in _without_clock(blanked):
        rest = _Reader(blanked, start, end, day_first).layouts()
        # Four bare figures are a clock only beside a year: in "Feb 29, 2019" they are an impossible year.
        bare = clock.strip(" ,@").isdecimal()
        found += [one for one in rest if not bare or any(slot.role in "Yy" for slot in one.slots)]
    return tuple(found)


def _without_clock(blanked: str) -> Iterator[tuple[str, int, int]]:
    """Each way to leave out a time of day: its characters, and the range of the rest."""
    if behind := _TIME_BEHIND.search(blanked):
        yield behind[0], 0, behind.start()
    if before := _TIME_BEFORE.match(blanked):
        yield before[0], before.end(), len(blanked)


def _tokens(blanked: str, start: int, end: int) -> list[Token]:
    """The tokens of a stretch; empty if any character of it has no place in a date."""
    tokens: list[Token] = []
    at = start
    while at < end:
        found = _TOKEN.match(blanked, at, end)
        kind = _kind(found) if found else ""
        if not found or not kind:
            return []
        tokens.append(Token(kind, at, found.end()))
        at = found.end()
    return tokens


def _kind(found: re.Match[str]) -> str:
    """The letter of a token; "" if it has no place in a date."""
    group, text = found.lastgroup or "", found[0].lower()
    if group == "num":
        return _NUMBER_KINDS.get(len(text), "")
    if group == "blank":
        return " "
    if group == "sign":
        return _SIGNS.get(text, text)
    if group != "dress":
        return group
    if text in words.MONTHS:
        return "M"
    if text in words.WEEKDAYS:
        return "W"
    if text in words.SEASONS:
        return "S"
    return "&" if text in _JOINERS else "w" if text in _FILLERS else ""


class _Reader:
    """Reads one stretch of one shape."""

    def __init__(self, blanked: str, start: int, end: int, day_first: bool) -> None:
        self.blanked = blanked
        self.tokens = _tokens(blanked, start, end)
        self.letters = "".join(token.kind for token in self.tokens)
        self.day_first = day_first
        self._seen: dict[int, list[tuple[Element, ...]]] = {}

    def layouts(self) -> Iterator[Layout]:
        """The readings of the whole stretch, best first."""
        if self.tokens:
            first = _EDGE.match(self.letters)
            for elements in self._from(first.end() if first else 0):
                yield make_layout(self.blanked, self.tokens, elements)

    def _from(self, at: int) -> list[tuple[Element, ...]]:
        """Every way to read the letters from `at` to the end as elements with joints between them."""
        if at in self._seen:
            return self._seen[at]
        ways: list[tuple[Element, ...]] = []
        for element, end in self._elements(at):
            edge = _EDGE.match(self.letters, end)
            if edge and edge.end() == len(self.letters):
                ways.append((element,))
            joint = _JOINT.match(self.letters, end)
            if joint and end < joint.end() < len(self.letters):
                ways += [(element, *rest) for rest in self._from(joint.end())]
            if len(ways) >= _MOST_READINGS:
                break
        self._seen[at] = ways[:_MOST_READINGS]
        return self._seen[at]

    def _elements(self, at: int) -> Iterator[tuple[Element, int]]:
        """The elements that begin at a letter, and where they end: a date with or without its weekday."""
        before = _WEEKDAY_BEFORE.match(self.letters, at)
        begin = before.end() if before else at
        weekday: Element = (("w", before.start(1)),) if before else ()
        for pattern, roles in _PATTERNS:
            if not (found := pattern.match(self.letters, begin)):
                continue
            for element in self._assign(found, roles):
                yield (*weekday, *element), found.end()
                if behind := _WEEKDAY_BEHIND.match(self.letters, found.end()):
                    yield (*weekday, *element, ("w", behind.start(1))), behind.end()
        if alone := _WEEKDAY.match(self.letters, at):
            yield (("w", alone.start(1)),), alone.end()

    def _assign(self, found: re.Match[str], roles: str) -> Iterator[Element]:
        """The roles that a pattern's tokens may have."""
        places = [found.start(group + 1) for group in range(len(found.groups())) if found[group + 1]]
        if roles == "compact":
            yield from self._compact(places[0])
        elif roles in ("order", "order_"):
            places = [places[0], *places[-2:]]
            for order in self._orders():
                yield tuple(zip(order, places, strict=True))
            if self.letters[places[2]] == "D":
                yield tuple(zip("Ymd", places, strict=True))
        elif roles == "short":
            for order in self._orders():
                yield tuple(zip(order[:2], places, strict=True))
        elif "*" in roles:
            yield self._listed(roles, found)
        elif "1" in roles:
            yield (("Y", places[0]), ("next", 0), ("Y", places[1]))
        else:
            yield tuple((role, place) for role, place in zip(roles, places, strict=False) if role != "-")

    def _orders(self) -> tuple[str, str]:
        return ("dmY", "mdY") if self.day_first else ("mdY", "dmY")

    def _compact(self, place: int) -> Iterator[Element]:
        """Date run together: one token, marked by the role of each of its figures."""
        token = self.tokens[place]
        for order in _COMPACT[token.end - token.start]:
            for roles in self._orders() if order == "order" else (order,):
                yield ((f"run:{roles}", place),)

    def _listed(self, roles: str, found: re.Match[str]) -> Element:
        """Several days of one month; the month goes to the first or last of them, the year to the last."""
        star = roles.index("*") + 1
        single = [(role, found.start(at + 1)) for at, role in enumerate(roles) if role != "*"]
        more = [at for at in range(found.start(star), found.end(star)) if self.letters[at] in "DoON"]
        month = next(place for role, place in single if role == "m")
        day = next(place for role, place in single if role == "d")
        month_first = month < day
        pieces: list[Piece] = [("m", month), ("d", day)] if month_first else [("d", day), ("g", day)]
        for place in more:
            pieces += [("next", 0)]
            pieces += [("G", place), ("d", place)] if month_first else [("d", place), ("g", place)]
        if not month_first:
            pieces[-1] = ("m", month)
        return (*pieces, *((role, place) for role, place in single if role == "Y"))
