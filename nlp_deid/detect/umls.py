"""A keep list out of a licensed UMLS release (MRCONSO.RRF and MRSTY.RRF).

The Metathesaurus may not be shipped, so a site with a licence makes the list itself. Both files
are read line by line. Columns: UMLS Reference Manual, chapter 3 (Rich Release Format).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path

from nlp_deid.detect.dictionary_files import DictionaryError, put_list

# MRCONSO: CUI LAT ... ISPREF, STR, SRL, SUPPRESS, CVF.  MRSTY: CUI TUI STN STY ...
_CONSO_FIELDS, _LANGUAGE, _TEXT, _SUPPRESS = 18, 1, 14, 16
_LONGEST = 80  # characters; longer names are definitions that no note repeats


def import_umls(
    mrconso: Path,
    types: Collection[str],
    languages: Collection[str],
    out: Path,
    name: str = "umls",
) -> int:
    """Write the names of some semantic types as a keep list into the dictionary folder `out`.

    Args:
        mrconso: MRCONSO.RRF; MRSTY.RRF must lie in the same folder if `types` is not empty.
        types: semantic types, by TUI ("T047") or name ("Disease or Syndrome"); empty for all.
        languages: LAT values, e.g. {"ENG"}.
        out: the folder; made if it is not there.
        name: the list's name.

    Returns:
        The number of terms. Suppressed, very long and one-letter names are left out.

    Raises:
        DictionaryError: a line that is not in Rich Release Format, or no name found.
    """
    concepts = _concepts(mrconso.with_name("MRSTY.RRF"), types) if types else None
    terms = set(_names(mrconso, concepts, frozenset(languages)))
    if not terms:
        raise DictionaryError(f"{mrconso}: no name of these types and languages")
    return put_list(out, terms, name, kind="keep", source="UMLS Metathesaurus", licence="UMLS licence")


def _concepts(mrsty: Path, types: Collection[str]) -> frozenset[str]:
    """CUIs of the semantic types."""
    wanted = frozenset(types)
    with mrsty.open(encoding="utf-8") as lines:
        rows = (line.split("|") for line in lines)
        return frozenset(row[0] for row in rows if len(row) > 3 and (row[1] in wanted or row[3] in wanted))


def _names(mrconso: Path, concepts: frozenset[str] | None, languages: frozenset[str]) -> Iterator[str]:
    with mrconso.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = line.split("|")
            if len(row) < _CONSO_FIELDS:
                raise DictionaryError(f"{mrconso}: line {number}: fewer than {_CONSO_FIELDS} fields")
            if row[_LANGUAGE] not in languages or row[_SUPPRESS] in ("O", "E", "Y"):
                continue
            if concepts is not None and row[0] not in concepts:
                continue
            term = unicodedata.normalize("NFC", " ".join(row[_TEXT].split())).lower()
            if 1 < len(term) <= _LONGEST:
                yield term
