"""Words inside the names of places and firms that say what kind of thing it is; surrogates keep them."""

from __future__ import annotations

import re
from functools import cache

from nlp_deid.resources import folder

_LINKS = "a an and at by de del der di du en et for in la las le los of on our the to & n"
_SIDES = "north south east west northeast northwest southeast southwest n s e w ne nw se sw no so upper lower"
_CARE = (
    "medical center centre ctr med hospital hosp general gen memorial mem community regional university college health "
    "healthcare care clinic county city district state national central children's childrens children womens women's "
    "veterans va affairs st st. saint ste mount mt baptist methodist lutheran presbyterian catholic jewish adventist "
    "surgery surgical emergency heart cancer eye rehab rehabilitation nursing home hospice inn inc llc ltd co corp"
)
_UNITS = "apt apartment unit suite ste rm room floor fl bldg building lot box po p.o. p.o p o rr trlr tower wing level"
_LAND = (
    "hwy highway route rte rt i interstate exit mile milepost lake river creek brook bay beach island isle islands mountain "
    "mountains mt mount hill hills valley canyon park forest woods desert coast shore harbor port bridge county parish "
    "township borough village reservation airport base fort camp mall plaza square field stadium dam falls spring springs "
    "cape point peninsula ocean sea gulf state national area region central street road avenue"
)
_WARDS = (
    "ward unit floor bed room rm bay tower wing level pod suite clinic dept department division service services icu ccu micu "
    "sicu nicu picu pacu er ed or ob gyn med surg medical surgical intensive critical emergency radiology oncology cardiology "
    "neurology pediatrics psychiatry orthopedics surgery medicine rehab clinic hall building bldg lab station area zone pavilion"
)
_LISTS = {
    "HOSPITAL": ("hospital_words",),
    "ORGANIZATION": ("organization_words", "hospital_words"),
    "STREET": ("street_suffixes", "street_abbreviations"),
    "LOCATION-OTHER": ("street_suffixes",),
    "DEPARTMENT": ("hospital_words",),
    "ROOM": (),
}
_OWN = {
    "HOSPITAL": _CARE,
    "ORGANIZATION": _CARE,
    "STREET": _UNITS,
    "LOCATION-OTHER": _LAND,
    "DEPARTMENT": _WARDS,
    "ROOM": _WARDS,
}
LABELS = tuple(_OWN)
_WORD = re.compile(r"[\w.&'’]+")
_TOKEN = re.compile(r"[0-9]+(?:st|nd|rd|th)\b|[^\W\d_]+(?:['’][^\W\d_]+)*|[0-9]+", re.IGNORECASE)
# Other spellings of one word, so that both spellings of a name get one surrogate.
_SAME = {
    "hosp": "hospital", "ctr": "center", "centre": "center", "med": "medical", "gen": "general", "mem": "memorial",
    "saint": "st", "mt": "mount", "ave": "avenue", "av": "avenue", "street": "st", "rd": "road", "dr": "drive",
    "ln": "lane", "blvd": "boulevard", "ct": "court", "pl": "place", "hwy": "highway", "rte": "route", "rt": "route",
    "apartment": "apt", "univ": "university", "n": "north", "s": "south", "e": "east", "w": "west", "the": "",
}  # fmt: skip
# Labels whose name is the word itself: where all words are kept ones, the first must change.
_NEEDS_NAME = ("HOSPITAL", "ORGANIZATION", "STREET")
_ROAD_WORDS = "us state county farm to market po box p o rural highway hwy route rte rt interstate sr fm cr"


@cache
def kept_words(label: str) -> frozenset[str]:
    """Words, in lower case, that a surrogate of the label keeps; for the labels of LABELS."""
    words = {*_LINKS.split(), *_SIDES.split(), *_OWN[label].split()}
    for name in _LISTS[label]:
        text = (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8")
        words.update(_WORD.findall(text.casefold()))
    return frozenset(words | {word.rstrip(".") for word in words})


@cache
def real_names() -> frozenset[str]:
    """Listed hospitals, in plain form: lower case, letters and digits only."""
    text = "\n".join(
        (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8")
        for name in ("hospitals", "hospitals_ambiguous", "hospital_systems")
    )
    return frozenset(re.sub(r"[\W_]+", "", line) for line in text.casefold().splitlines())


@cache
def short_forms() -> frozenset[str]:
    """Abbreviations of medicine, in lower case; no made-up acronym may be one."""
    text = (folder("dictionaries") / "abbreviations.txt").read_text(encoding="utf-8")
    return frozenset(text.casefold().splitlines())


def plain_name(text: str) -> str:
    """Words of a name in lower case, one spelling each, without separators."""
    words = (found[0].casefold() for found in _TOKEN.finditer(text.replace("&", " and ")))
    return " ".join(filter(None, (_SAME.get(word, word) for word in words)))


def tokens(label: str, text: str) -> list[tuple[re.Match[str], str]]:
    """Words and numbers of a name with their part in it.

    kept: says what kind of thing it is; number; letter: a single one; word: begins a proper name;
    more: goes on with it.
    """
    kept = kept_words(label)
    parts: list[tuple[re.Match[str], str]] = []
    for found in _TOKEN.finditer(text):
        word = found[0].casefold()
        if word[0].isdecimal():
            kind = "number"
        elif word in kept or word.removesuffix("'s") in kept:
            kind = "kept"
        elif len(word) == 1 and word.isascii():
            kind = "letter"
        elif parts and parts[-1][1] in ("word", "more") and _goes_on(text, parts[-1][0], found):
            kind = "more"
        else:
            kind = "word"
        parts.append((found, kind))
    kinds = {kind for _, kind in parts}
    words = [
        at
        for at, (found, kind) in enumerate(parts)
        if kind == "kept" and found[0].casefold() not in _ROAD_WORDS.split()
    ]
    if (
        "word" not in kinds
        and words
        and (label in _NEEDS_NAME or (label == "LOCATION-OTHER" and kinds == {"kept"}))
    ):
        numbered = label == "STREET" and (any(_is_ordinal(found) for found, _ in parts) or len(words) < 2)
        if not numbered or kinds == {"kept"}:
            at = next((at for at in words if not _is_small(parts[at][0][0])), words[0])
            parts[at] = (parts[at][0], "word")
    return parts


def _goes_on(text: str, before: re.Match[str], found: re.Match[str]) -> bool:
    return text[before.end() : found.start()].strip(" -\n\t.") == "" and not before[0].endswith(("'s", "’s"))


def _is_ordinal(found: re.Match[str]) -> bool:
    return found[0][0].isdecimal() and not found[0].isdecimal()


def _is_small(word: str) -> bool:
    return word.casefold() in _LINKS.split() or word.casefold() in _SIDES.split()
