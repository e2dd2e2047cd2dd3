"""What the dictionaries say about a note: word classes, proposals, and stretches to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from nlp_deid.detect.dictionary_files import DictionaryError, Entry, read_index, read_lines
from nlp_deid.detect.eponyms import COLUMNS, Eponyms
from nlp_deid.detect.phrases import PhraseTable, Words, phrase_key, words_of
from nlp_deid.layout import WRAP
from nlp_deid.note import Detector, Note, Span
from nlp_deid.resources import folder

NAME_LISTS = ("surnames_common", "surnames", "surnames_rare", "firstnames_common", "firstnames")
KEEP_LISTS = (
    "icd10cm", "mesh", "disease_ontology", "drugs", "drugs_brand", "drugs_more", "procedures", "icd10pcs", "anatomy",
    "lab_tests", "medical_phrases", "eponyms",
)  # fmt: skip
# Words that stay small inside a capitalised name.
_SMALL = frozenset(
    {"a", "al", "and", "at", "da", "de", "del", "della", "der", "des", "di", "do", "dos", "du", "el", "en"}
    | {"for", "in", "la", "las", "le", "les", "los", "of", "on", "the", "upon", "van", "von", "y"}
)


class Lexicon:
    """The lists of one or two dictionary folders, read when first asked for.

    Words are looked up folded (see phrases.fold): lower case, no accents, no apostrophes.
    """

    def __init__(self, entries: dict[str, Entry], own: frozenset[str] = frozenset()) -> None:
        """`own` names the lists that are a site's; they win over ours."""
        self.entries = entries
        self.own = own
        self._words: dict[str, frozenset[str]] = {}
        self._classes: dict[str, frozenset[str]] | None = None

    @classmethod
    def load(cls, extra: Path | str | None = None) -> Lexicon:
        """The shipped lists and those of the folder `extra`, which win; shared between callers.

        Raises:
            DictionaryError: an index that breaks its form, or a site's term both proposed and kept.
        """
        return _load(folder("dictionaries"), None if extra is None else Path(extra).resolve())

    def entry(self, name: str) -> Entry:
        """The index entry of a list; a DictionaryError that names the lists if there is none."""
        if name not in self.entries:
            raise DictionaryError(f"no list {name!r}; known: {', '.join(self.entries)}")
        return self.entries[name]

    def rows(self, name: str) -> list[list[str]]:
        """The lines of a list, split into columns; missing fields are ""."""
        entry = self.entry(name)
        width = len(entry.columns)
        rows = (line.split("\t") for line in read_lines(entry))
        return [row + [""] * (width - len(row)) for row in rows]

    def words(self, name: str) -> frozenset[str]:
        """The terms of a list."""
        if name not in self._words:
            entry = self.entry(name)
            lines = read_lines(entry)
            terms = lines if len(entry.columns) == 1 else (line.split("\t", 1)[0] for line in lines)
            self._words[name] = frozenset(terms)
        return self._words[name]

    def has(self, list_name: str, word_lower: str) -> bool:
        """Whether a list holds a term, given in lower case."""
        return word_lower in self.words(list_name)

    def classes(self, word_lower: str) -> frozenset[str]:
        """Names of all lists that hold a term, lists in exact case apart."""
        if self._classes is None:
            names = [name for name, entry in self.entries.items() if entry.case != "exact"]
            self._classes = _classes({name: self.words(name) for name in names})
        return self._classes.get(word_lower, frozenset())


@lru_cache(maxsize=4)
def _load(ours: Path, extra: Path | None) -> Lexicon:
    entries = read_index(ours)
    if extra is None:
        return Lexicon(entries)
    own = read_index(extra)
    lexicon = Lexicon({**entries, **own}, frozenset(own))
    kept = {term for name, e in own.items() if e.kind == "keep" for term in lexicon.words(name)}
    for name, entry in own.items():
        if entry.score is not None and not kept.isdisjoint(lexicon.words(name)):
            lines = (n for n, line in enumerate(read_lines(entry), 1) if line.split("\t")[0] in kept)
            raise DictionaryError(f"{entry.path}: line {next(lines)}: also kept by a list of this folder")
    return lexicon


def _classes(lists: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
    """Each term to the names of its lists; equal sets of names are one object."""
    bits: dict[str, int] = {}
    get = bits.get
    for number, terms in enumerate(lists.values()):
        for term in terms:
            bits[term] = get(term, 0) | 1 << number
    names = list(lists)
    sets = {
        value: frozenset(n for i, n in enumerate(names) if value >> i & 1) for value in set(bits.values())
    }
    return {term: sets[value] for term, value in bits.items()}


class _Proposal(NamedTuple):
    label: str
    score: float
    case: str
    source: str


class LexiconDetector(Detector):
    """Proposes the terms of `phi` lists that have a score, where the text's case fits.

    Args:
        lists: names of lists; by default all that have a score.
        extra: a site's dictionary folder, whose lists win over ours.
    """

    name = "lexicon"

    def __init__(self, lists: Sequence[str] | None = None, extra: Path | str | None = None) -> None:
        lexicon = Lexicon.load(extra)
        scored = [name for name, entry in lexicon.entries.items() if entry.score is not None]
        chosen = [lexicon.entry(name) for name in (scored if lists is None else lists)]
        if lists is not None and extra is not None:
            chosen += [lexicon.entries[name] for name in scored if name in lexicon.own and name not in lists]
        self._table: PhraseTable[_Proposal] = PhraseTable()
        self._exact: set[str] = set()
        kept_by_site = {phrase_key(term) for term in _terms(lexicon, "keep")}
        for entry in sorted(chosen, key=lambda e: (e.name in lexicon.own, e.score or 0.0)):
            if entry.score is None:
                raise DictionaryError(f"list {entry.name!r} has no score; with one: {', '.join(scored)}")
            proposal = _Proposal(entry.label, entry.score, entry.case, f"lexicon:{entry.name}")
            without = lexicon.words(entry.exclude) if entry.exclude else frozenset()
            terms = lexicon.words(entry.name) - without
            shut = frozenset() if entry.name in lexicon.own else kept_by_site
            if entry.case == "exact":
                self._exact |= terms
                terms = frozenset(term.lower() for term in terms)
            self._table.add(map(phrase_key, terms), proposal, shut)

    def find(self, note: Note) -> list[Span]:
        """Spans of the terms in the note."""
        view = note.view
        words = words_of(view.lower)
        spans = []
        for first, last, proposal in self._table.find(words):
            start, end = words.start(first), words.end(last)
            if proposal.case == "exact":
                fits = view.text[start:end].replace(WRAP, " ") in self._exact
            else:
                fits = proposal.case == "any" or _capitalised(view.text, words, first, last)
            if fits:
                spans.append(Span(*view.span(start, end), proposal.label, proposal.score, proposal.source))
        return spans


def _terms(lexicon: Lexicon, kind: str) -> Iterator[str]:
    """Terms of a site's own lists of one kind."""
    for name in lexicon.own:
        entry = lexicon.entries[name]
        if entry.kind == kind:
            yield from (term.lower() for term in lexicon.words(name))


def _capitalised(text: str, words: Words, first: int, last: int) -> bool:
    """Whether no word but small ones behind the first begins with a small letter."""
    small = [i for i in range(first, last + 1) if text[words.start(i)].islower()]
    return first not in small and all(words.words[i] in _SMALL for i in small)


class KeepList:
    """Stretches of text that are medicine, in which unsure proposals are vetoed.

    Phrases keep as a whole. A single word keeps only if it is no name of a person or city in our
    lists, and an eponym only where it is medical (see eponyms.py).

    Args:
        lists: names of lists of kind `keep`.
        extra: a site's dictionary folder: its keep lists are added and taken at their word.
    """

    name = "keep"

    def __init__(self, lists: Sequence[str] = KEEP_LISTS, extra: Path | str | None = None) -> None:
        lexicon = Lexicon.load(extra)
        own = [name for name in lexicon.own if lexicon.entries[name].kind == "keep" and name not in lists]
        people: set[str] = set().union(*(lexicon.words(name) for name in (*NAME_LISTS, "cities")))
        masked_by_site = {phrase_key(term) for term in _terms(lexicon, "phi")}
        self._table: PhraseTable[str] = PhraseTable()
        self._eponyms: list[tuple[str, Eponyms]] = []
        for name in (*lists, *own):
            entry = lexicon.entry(name)
            if entry.kind != "keep":
                raise DictionaryError(f"list {name!r} is of kind {entry.kind}, not keep")
            if entry.columns == COLUMNS:
                rows = (row for row in lexicon.rows(name) if phrase_key(row[0]) not in masked_by_site)
                self._eponyms.append((name, Eponyms(rows)))
            elif name in lexicon.own:
                self._table.add(map(phrase_key, lexicon.words(name)), name)
            else:
                safe = (term for term in lexicon.words(name) if " " in term or term not in people)
                self._table.add(map(phrase_key, safe), name, masked_by_site)

    def find(self, note: Note) -> list[tuple[int, int, str]]:
        """(start, end, list) of every stretch to keep, as offsets into the note's text."""
        view = note.view
        words = words_of(view.lower)
        found = [
            (*view.span(words.start(first), words.tail(last)), name)
            for first, last, name in self._table.find(words)
        ]
        for name, eponyms in self._eponyms:
            found += [(*view.span(start, end), name) for start, end in eponyms.find(words)]
        return found
