"""The names that surrogates are drawn from, and what the lists say about a real name.

A pool holds names of one kind that read as nothing else: every drug, eponym, disease, common or
medical word, country and state is out, so that no surrogate can be taken for a finding and no
finding for a surrogate. Read once, when first asked for.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from nlp_deid.resources import folder

# No surrogate is a term of these or of a list of kind `keep`.
_OTHER_LISTS = ("nationalities", "languages", "countries", "states", "titles", "credentials", "kinship")
# Fewer names than this hide nobody; a caller with such a pool gets no surrogate.
SMALLEST = 50
_KINDS = {"last": "surnames", "female": "firstnames_female", "male": "firstnames_male", "any": "firstnames"}
_NAME_LISTS = tuple(name + suffix for name in _KINDS.values() for suffix in ("_common", ""))
_DRAWABLE = re.compile(r"^[a-z]{3,11}$", re.MULTILINE)
_FIELDS = re.compile(r"\t.*")
_MARKS = dict.fromkeys(map(ord, "'’ʼ`´-‐‑"))


def fold(word: str) -> str:
    """A name as the lists spell it: lower case, without accents, apostrophes and hyphens."""
    low = word.casefold()
    if low.isascii() and low.isalnum():
        return low
    plain = unicodedata.normalize("NFKD", low).translate(_MARKS)
    return "".join(char for char in plain if not unicodedata.combining(char))


@dataclass(frozen=True)
class Pools:
    """Names to draw from and facts about real ones; all folded.

    Args:
        draw: names by kind: "last common", "last rare", and "female", "male", "any" each with
            " common" and " rare". No surname of the pools is a frequent first name.
        common_first: frequent first names, those too that are in no pool.
        common_last: frequent surnames.
        genders: first name to "female" or "male"; names of both are left out.
        firsts: every listed first name.
        lasts: every listed surname.
        nicknames: short form to the first names that it stands for.
        short: first name to its short forms that may be drawn.
        credentials: degrees and licences, without points and hyphens.
    """

    draw: Mapping[str, tuple[str, ...]]
    common_first: frozenset[str]
    common_last: frozenset[str]
    genders: Mapping[str, str]
    firsts: frozenset[str]
    lasts: frozenset[str]
    nicknames: Mapping[str, tuple[str, ...]]
    short: Mapping[str, tuple[str, ...]]
    credentials: frozenset[str]

    def listed(self, word: str) -> bool:
        """Whether a folded word is a name of the lists."""
        return word in self.firsts or word in self.lasts

    def kinds(self, word: str, role: str) -> tuple[str, ...]:
        """The pools for a real name, the fittest first; the others serve when it is used up.

        Args:
            word: the folded name.
            role: "last" for a surname, else a first name.
        """
        if role == "last":
            order = ("last common", "last rare")
            return order if word in self.common_last else order[::-1]
        gender = self.genders.get(word, "any")
        order = (f"{gender} common", f"{gender} rare")
        if word not in self.common_first:
            order = order[::-1]
        return order if gender == "any" else (*order, "any rare")


def keep_lists(path: Path) -> tuple[str, ...]:
    """Names of the lists of a dictionary folder that hold what is no name."""
    text = (path / "index.yaml").read_text(encoding="utf-8")
    # The loader in C, where it is built, is ten times as fast.
    index = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return tuple(name for name, entry in index.items() if entry["kind"] == "keep")


@lru_cache(maxsize=2)
def load(path: Path | None = None) -> Pools:
    """The pools of a dictionary folder, by default the shipped one.

    Raises:
        FileNotFoundError: a list is missing.
    """
    place = path or folder("dictionaries")

    def text(name: str) -> str:
        return (place / f"{name}.txt").read_text(encoding="utf-8")

    texts = {name: text(name) for name in _NAME_LISTS}
    nicknames = {
        short: tuple(given.split(", "))
        for short, given in (line.split("\t") for line in text("nicknames").splitlines())
    }
    fit = set(filter(_DRAWABLE.fullmatch, nicknames)).union(*map(_DRAWABLE.findall, texts.values()))
    for name in (*keep_lists(place), *_OTHER_LISTS):
        terms = text(name).lower()
        fit.difference_update((_FIELDS.sub("", terms) if "\t" in terms else terms).split("\n"))
    names = {name: listed.split() for name, listed in texts.items()}
    return _pools(names, nicknames, fit, text("credentials").splitlines())


def _pools(
    names: dict[str, list[str]], nicknames: dict[str, tuple[str, ...]], fit: set[str], credentials: list[str]
) -> Pools:
    """Pools of the names that are `fit` to be drawn."""
    women = {*names["firstnames_female_common"], *names["firstnames_female"]}
    men = {*names["firstnames_male_common"], *names["firstnames_male"]}
    usual = {
        word for name in _NAME_LISTS if name.startswith("first") and "common" in name for word in names[name]
    }
    fit_for = {"surnames": fit - usual, "firstnames_female": fit - men, "firstnames_male": fit - women}
    draw = {
        f"{kind} {frequency}": tuple(filter(fit_for.get(name, fit).__contains__, names[name + suffix]))
        for kind, name in _KINDS.items()
        for frequency, suffix in (("common", "_common"), ("rare", ""))
    }
    short: dict[str, list[str]] = {}
    for nickname in sorted(nicknames.keys() & fit):
        for given in nicknames[nickname]:
            short.setdefault(given, []).append(nickname)
    firsts = frozenset(women).union(men, names["firstnames_common"], names["firstnames"])
    return Pools(
        draw=draw,
        common_first=frozenset(usual),
        common_last=frozenset(names["surnames_common"]),
        genders={**dict.fromkeys(women - men, "female"), **dict.fromkeys(men - women, "male")},
        firsts=firsts,
        lasts=frozenset(names["surnames_common"]).union(names["surnames"]),
        nicknames=nicknames,
        short={given: tuple(forms) for given, forms in short.items()},
        credentials=frozenset(fold(word).replace(".", "") for word in credentials),
    )
