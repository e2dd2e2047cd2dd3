"""How build.py cleans the terms of its sources."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator


def plain(term: str) -> str:
    """Lower case, one blank between words, plain quotes."""
    return " ".join(unicodedata.normalize("NFC", term).replace("’", "'").lower().split())


def with_ascii(terms: Iterable[str]) -> set[str]:
    """The terms, and those with accents also without."""
    both = set()
    for term in terms:
        stripped = unicodedata.normalize("NFD", term)
        both |= {term, "".join(char for char in stripped if not unicodedata.combining(char))}
    return both


DISEASE_WORD = re.compile(
    r"\b(?:disease|syndrome|fever|palsy|cell|joint|bone|lung|knee|brain|eye|foot|heart|blood)\b"
)


def disease_titles(rows: Iterable[list[str]]) -> Iterator[str]:
    """Names of diseases out of ICD-10-CM rows (code, title): no external causes, no encounter, no side."""
    for code, title, *_ in rows:
        if not re.match(r"[A-TZ]\d", code):
            continue
        title = re.sub(r"\s*\([A-Z]\d.*|\s*\[.*?\]", "", title)
        title = re.sub(r", (?:initial|subsequent) encounter.*|, sequela$|,? unspecified$", "", title)
        title = re.sub(r",? (?:of |in )?(?:un(?:specified)|right|left|bilateral)\b.*$", "", title)
        if "," not in title and "specified" not in title and 1 <= title.count(" ") + 1 <= 6:
            yield title


def is_natural(term: str) -> bool:
    """A term as one would write it: not inverted ("fever, yellow"), not long, of letters."""
    return bool(re.fullmatch(r"[^\W\d_][\w' .()-]{3,59}", term)) and term.count(" ") < 7 and "(" not in term


def is_drug(term: str, people: set[str]) -> bool:
    """A drug's name as notes have it; names of people and product codes are left out."""
    if not re.fullmatch(r"[^\W\d_][^\W_]*(?:[ -][^\W_]+){0,3}", term) or not 4 <= len(term) <= 40:
        return False
    if any(not word.isalpha() for word in re.split("[ -]", term)) or _INGREDIENT.search(term):
        return False
    words = re.split("[ -]", term)
    return len(words) == 1 or not people.issuperset(words)


_INGREDIENT = re.compile(
    r"\b(?:extract|flower|seed|root|leaf|juice|powder|oil|fruit|bark|whole|top|wood|bud|stem|pollen|peg|"
    r"copolymer|acrylate|acrylates|crosspolymer|dimethicone|glucoside|wax|glycerides?|resin)\b"
)


def hospital_name(name: str) -> str:
    """A hospital's name without its legal form."""
    name = re.sub(r"\(.*?\)", " ", plain(name))
    name = re.sub(r",? (?:inc|llc|l l c|lp|corp|corporation|authority)\b\.?", "", name)
    return " ".join(name.replace(",", " ").strip(" -.").split()).removeprefix("the ").removesuffix(" the")
