"""Remakes the dictionary lists from a folder of sources, then the counts in index.yaml and the card.

    python dictionaries/build.py --sources DIR [--out DIR]

The sources are plain tables (the card names them). Lists that index.yaml dates by hand (eponyms,
anatomy ...) are sources themselves: they are read here, counted and left as they are.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml
from terms import DISEASE_WORD, disease_titles, hospital_name, is_drug, is_natural, plain, with_ascii

from nlp_deid.detect.dictionary_card import write_card
from nlp_deid.detect.dictionary_files import INDEX, check_folder, read_index, read_lines, write_list
from nlp_deid.detect.phrases import fold, phrase_key

COMMON_SURNAMES = 2_000
COMMON_FIRSTNAMES = 1_000
RARE_BEARERS = 1_000  # a surname with fewer bearers is rare
SHORT_NAME_BEARERS = 20_000  # names of one or two letters need as many
GENDER_SHARE = 0.2  # a first name stands in the file of each gender that has this share of it
COMMON_GENDERED = 300
LARGE_US_CITY, LARGE_CITY = 100_000, 500_000
FAMOUS_NAME = 20_000  # a place that shares its name with as many people is ambiguous


# Far more often the country than the word or the person.
_MOSTLY_COUNTRIES = frozenset(
    {"catalonia", "china", "england", "france", "ireland", "japan", "kenya", "mexico", "morocco"}
    | {"netherlands", "panama"}
)


class Sources:
    """The folder of source tables."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lines(self, name: str) -> list[str]:
        """Lines of a source."""
        return (self.folder / name).read_text(encoding="utf-8").splitlines()

    def rows(self, name: str) -> Iterator[list[str]]:
        """TAB-separated rows of a source."""
        return (line.split("\t") for line in self.lines(name))

    def counts(self, *names: str) -> Counter[str]:
        """Name to number of bearers, the most of several censuses."""
        best: Counter[str] = Counter()
        for name in names:
            for row in self.rows(name):
                word, count = row[0].lower(), int(row[1])
                if word.isalpha() and (len(word) > 2 or (len(word) == 2 and count >= SHORT_NAME_BEARERS)):
                    best[word] = max(best[word], count)
        return best


class Builder:
    """Makes the lists in an order in which each finds what it needs."""

    def __init__(self, sources: Sources, out: Path) -> None:
        self.sources = sources
        self.out = out
        self.entries = read_index(out)
        self.made: dict[str, set[str]] = {}

    def put(self, name: str, terms: Iterable[str]) -> set[str]:
        """Write one list and remember it."""
        terms = {term for term in terms if term}
        write_list(self.entries[name].path, terms)
        self.made[name] = terms
        return terms

    def hand(self, name: str) -> set[str]:
        """The terms of a list that is kept by hand."""
        return {line.split("\t")[0] for line in read_lines(self.entries[name])}

    def names(self) -> None:
        """Surnames and first names by frequency, first names by gender."""
        surnames = self.sources.counts("surnames_census2020.tsv", "surnames_census2010.tsv")
        ranked = [name for name, _ in surnames.most_common()]
        common = self.put("surnames_common", ranked[:COMMON_SURNAMES])
        rest = {name for name in surnames if name not in common}
        rare = self.put("surnames_rare", (name for name in rest if surnames[name] < RARE_BEARERS))
        self.put("surnames", rest - rare)

        first = self.sources.counts("firstnames_census2020.tsv")
        shares: dict[str, Counter[str]] = {}
        for gender in ("female", "male"):
            table = self.sources.rows(f"firstnames_1990_{gender}.tsv")
            shares[gender] = Counter({row[0].lower(): float(row[1]) for row in table})
            for name in shares[gender]:
                if len(name) > 2 or name in first:
                    first[name] += 0
        ranked = [name for name, _ in first.most_common()]
        common = self.put("firstnames_common", ranked[:COMMON_FIRSTNAMES])
        self.put("firstnames", set(first) - common)
        for gender, other in (("female", "male"), ("male", "female")):
            mine = [
                name
                for name, share in shares[gender].most_common()
                if name in first and share >= GENDER_SHARE * (share + shares[other][name])
            ]
            self.put(f"firstnames_{gender}_common", mine[:COMMON_GENDERED])
            self.put(f"firstnames_{gender}", mine[COMMON_GENDERED:])
        self.surname_bearers, self.firstname_bearers = surnames, first

    def english(self) -> None:
        """Common English words: those a word list spells in lower case."""
        words = (line.strip() for line in self.sources.lines("scowl_words_60.txt"))
        self.put("common_words", (word for word in words if word.isalpha() and word == word.lower()))

    def medicine(self) -> None:
        """Keep lists out of ICD-10-CM, MeSH, the Disease Ontology, ICD-10-PCS and the FDA's registry."""
        self.put("icd10cm", map(plain, disease_titles(self.sources.rows("icd10cm_2026_terms.tsv"))))
        self.put(
            "mesh", (t for t in map(plain, self.sources.lines("mesh_disease_variants.txt")) if is_natural(t))
        )
        ontology = map(plain, self.sources.lines("disease_ontology_terms.txt"))
        self.put("disease_ontology", (t for t in ontology if is_natural(t) and not t.startswith("obsolete ")))
        index = [
            *self.sources.lines("icd10pcs_index_terms.txt"),
            *self.sources.lines("icd10pcs_root_operations.txt"),
        ]
        terms = (plain(re.sub(r"\((?:r|tm)\)", "", term, flags=re.IGNORECASE)) for term in index)
        self.put("icd10pcs", (term for term in terms if is_natural(term)))
        people = self.people()
        for name, source in (("drugs", "drugs_unii_official.txt"), ("drugs_brand", "drugs_unii_brand.txt")):
            self.put(name, (t for t in map(plain, self.sources.lines(source)) if is_drug(t, people)))
        self._drop_names(people)
        self.put("abbreviations", (row[0] for row in self.sources.rows("medical_abbreviations.tsv")))
        self.put("medical_words", self._medical_words(people))

    def people(self) -> set[str]:
        """All surnames and first names."""
        lists = ("surnames_common", "surnames", "surnames_rare", "firstnames_common", "firstnames")
        return set().union(*(self.made[name] for name in lists))

    def _drop_names(self, people: set[str]) -> None:
        """Phrases made of nothing but names would keep a person."""
        for name in ("icd10cm", "mesh", "disease_ontology", "icd10pcs"):
            names_only = {t for t in self.made[name] if " " in t and people.issuperset(phrase_key(t).split())}
            self.put(name, {t for t in self.made[name] if t not in names_only or DISEASE_WORD.search(t)})

    def _medical_words(self, people: set[str]) -> set[str]:
        """Words of medical terms; one that is also a name only if a source spells it in lower case."""
        spelled: set[str] = set()
        for term in (
            *self.sources.lines("disease_ontology_terms.txt"),
            *disease_titles(self.sources.rows("icd10cm_2026_terms.tsv")),
        ):
            spelled.update(word for word in re.findall(r"[^\W\d_]+", term)[1:] if word.islower())
        for name in ("anatomy", "procedures", "lab_tests"):
            spelled.update(word for term in self.hand(name) for word in re.findall(r"[^\W\d_]+", term))
        other: set[str] = set(self.sources.lines("pubmed_words.txt"))
        for name in ("mesh", "icd10pcs", "drugs", "drugs_brand"):
            other.update(word for term in self.made[name] for word in re.findall(r"[^\W\d_]+", term))
        eponyms = {word for term in self.hand("eponyms") for word in phrase_key(term).split()}
        other -= people | eponyms | (self._place_names() - self.made["common_words"])
        return {word for word in spelled | other if len(word) > 2 and word.isalpha() and word.islower()}

    def _place_names(self) -> set[str]:
        """First fields of the tables of places, lower-cased."""
        tables = ("countries", "us_states", "us_cities_geonames500", "world_cities_pop15000")
        return with_ascii(plain(row[0]) for table in tables for row in self.sources.rows(f"{table}.tsv"))

    def places(self) -> None:
        """Cities, counties, countries, states, hospitals."""
        us: Counter[str] = Counter()
        world: Counter[str] = Counter()
        for counter, source in ((us, "us_cities_geonames500.tsv"), (world, "world_cities_pop15000.tsv")):
            for row in self.sources.rows(source):
                name = plain(row[0])
                if re.search(r"[^\W\d_]{3}", name) and not re.search(r"[\d(),/]", name):
                    for spelling in with_ascii([name]):
                        counter[spelling] = max(counter[spelling], int(row[2] or 0))
        self.put("cities", [*us, *world])
        counties = {plain(row[0]) for row in self.sources.rows("us_counties.tsv")}
        self.put("counties", with_ascii(c for c in counties if re.search(r" (county|parish|borough)$", c)))
        sourced = {plain(row[0]).removeprefix("the ") for row in self.sources.rows("countries.tsv")}
        self.put("countries", with_ascii(sourced | self.hand("country_aliases")))
        self.put("states", {plain(row[0]) for row in self.sources.rows("us_states.tsv")})
        hospitals = {
            hospital_name(row[0]) for row in self.sources.rows("us_hospitals_cms.tsv") if len(row[0]) < 50
        }
        hospitals = {name for name in hospitals if " " in name}
        saints = {re.sub(r"\bst\b\.?", "saint", name) for name in hospitals}
        self.put("hospitals", hospitals | saints | {re.sub(r"\bsaint\b", "st", name) for name in hospitals})
        self._ambiguous_places(us, world)

    def _ambiguous_places(self, us: Counter[str], world: Counter[str]) -> None:
        ordinary = self.made["common_words"] | self.made["medical_words"]
        kept = self._kept()
        people = self.people()
        sure = set()
        for city in self.made["cities"]:
            words = phrase_key(city).split()
            large = us[city] >= LARGE_US_CITY or world[city] >= LARGE_CITY
            if city in kept or city in ordinary or (len(words) > 1 and len(words[-1]) < 3):
                continue
            if len(words) > 1:
                all_ordinary = ordinary.issuperset(words) or people.issuperset(words)
                no_name = world[city] and not people.intersection(words)
                if large or no_name or (us[city] and not all_ordinary):
                    sure.add(city)
            elif large and self._bearers(city) < FAMOUS_NAME:
                sure.add(city)
        self.put("cities_ambiguous", self.made["cities"] - sure)
        for name in ("countries", "states"):
            self.put(f"{name}_ambiguous", (t for t in self.made[name] if self._ambiguous(t, ordinary, kept)))
        generic = {word for term in self.hand("hospital_words") for word in phrase_key(term).split()}
        generic |= {
            "of",
            "and",
            "the",
            "inc",
            "physicians",
            "surgical",
            "specialty",
            "valley",
            "hospitals",
            "us",
        }
        self.put(
            "hospitals_ambiguous",
            (t for t in self.made["hospitals"] if t in kept or generic.issuperset(phrase_key(t).split())),
        )

    def _ambiguous(self, term: str, ordinary: set[str], kept: set[str]) -> bool:
        if term in _MOSTLY_COUNTRIES:
            return False
        return term in kept or term in ordinary or self._bearers(term) >= FAMOUS_NAME

    def _bearers(self, name: str) -> int:
        word = fold(name)
        return max(self.surname_bearers[word], self.firstname_bearers[word])

    def _kept(self) -> set[str]:
        """Terms of the lists that keep."""
        keeping = (e for e in self.entries.values() if e.kind == "keep" and len(e.columns) == 1)
        skip = ("common_words", "medical_words", "abbreviations")
        return {
            t for e in keeping if e.name not in skip for t in (self.made.get(e.name) or self.hand(e.name))
        }

    def ambiguous_names(self) -> None:
        """Names that are also common or medical words."""
        ordinary = self.made["common_words"] | self.made["medical_words"]
        surnames = self.made["surnames_common"] | self.made["surnames"] | self.made["surnames_rare"]
        self.put("surnames_ambiguous", surnames & ordinary)
        self.put(
            "firstnames_ambiguous", (self.made["firstnames_common"] | self.made["firstnames"]) & ordinary
        )

    def words_about_people(self) -> None:
        """Professions and street words: a public list and our own."""
        jobs = set()
        for line in map(plain, self.sources.lines("occupations_faker.txt")):
            for job in line.split("/"):
                parts = [part.strip() for part in job.split(",")]
                jobs.add(" ".join(reversed(parts)) if len(parts) == 2 else parts[0])
        jobs -= {"make", "", "land"}
        self.put("professions", {j for j in jobs if len(j) > 3} | self.hand("professions_more"))
        suffixes = {plain(line) for line in self.sources.lines("street_suffixes.txt")}
        self.put("street_suffixes", suffixes | self.hand("street_abbreviations"))


def write_index(out: Path) -> None:
    """Bring the counts of index.yaml up to date; lists without an entry or a file are errors."""
    path = out / INDEX
    index = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name, fields in index.items():
        file = out / fields.get("file", f"{name}.txt")
        fields["count"] = len(file.read_text(encoding="utf-8").splitlines())
    path.write_text(yaml.safe_dump(index, sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")


_ABOUT = """Made by `build.py` out of `index.yaml`; do not edit. One term a line, UTF-8, NFC, sorted, lower case
unless case matters. Remake with `python dictionaries/build.py --sources DIR`. A site's own lists go into
a folder of the same form, never in here.

GeoNames data (cities, countries): Creative Commons Attribution 4.0, https://www.geonames.org. MeSH:
courtesy of the U.S. National Library of Medicine, which does not endorse this project; terms were selected
and lower-cased. SCOWL: see SCOWL-LICENSE. Names follow the US census: names of other populations are rarer
here than in life.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--sources", type=Path, help="folder of source tables; without it only the card is remade"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="dictionary folder")
    options = parser.parse_args()
    if options.sources:
        builder = Builder(Sources(options.sources), options.out)
        for step in (builder.names, builder.english, builder.medicine, builder.places):
            step()
        builder.ambiguous_names()
        builder.words_about_people()
    write_index(options.out)
    write_card(options.out, _ABOUT)
    if problems := check_folder(options.out):
        raise SystemExit("\n".join(problems[:50]))


if __name__ == "__main__":
    main()
