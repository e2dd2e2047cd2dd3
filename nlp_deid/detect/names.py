"""Personal names by dictionary: what a word can be, and runs of words that read as a name.

Words are sorted as Neamatullah et al. 2008 (BMC Med Inform Decis Mak 8:32, Methods) sort
dictionary entries: unambiguous names, names that are also words ("White", "May"), and words that
are no names. Unknown words are kept apart: rare and foreign names are mostly in no list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import regex

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.phrases import fold
from nlp_deid.layout import WRAP
from nlp_deid.note import Detector, Note, Span

# A word: letters, with inner apostrophes and hyphens; a possessive 's stays outside.
WORD = r"\p{L}\p{M}*+(?:[\p{L}\p{M}]|['-](?=\p{L}{2}))*+"
GAP = rf"(?:[ {WRAP}]{{1,2}})"
PARTICLES = frozenset(
    "de da do dos das del della di du la le el al van von der den ter ten bin binti bint ibn abu ap st san santa y e".split()
)
_CAPITAL = regex.compile(rf"(?<![\w'])(?=\p{{Lu}}){WORD}")
_LOWER = regex.compile(rf"(?<![\w'-])(?=\p{{Ll}})({WORD}){GAP}(?=\p{{Ll}})({WORD})", regex.V0)
_BETWEEN = regex.compile(rf"[\"')]{{0,2}}\.?{GAP}[\"'(]{{0,2}}|\.|[ ]\"|\"[ ]")


# Function words, headings, months and roles: no part of a name, whatever the lists say.
STOP = frozenset(
    """the a an and or of to in on at for by with from is was are were be has had have he she his her they will would
    may can no not none nil yes see seen notes note off if then this that these those who whom which when where please
    today tomorrow yesterday patient pt mother father wife husband son daughter dr mr mrs ms miss md rn np pa do phd
    am pm dob mrn age sex date time phone fax tel ext room bed unit ward clinic hospital center centre street road
    office service team aware notified called paged present bedside dictated signed electronically attending resident
    fellow intern nurse physician doctor admit admitted discharge discharged plan hpi pmh ros exam labs meds
    january february march april june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun jan feb mar apr jun jul aug sep sept oct
    nov dec""".split()
)

# Of these, names that a title or kinship word makes certain ("Mr. Will", "daughter May").
CALENDAR_NAMES = frozenset("may will april june august".split())

# Behind a single name these make it an eponym: a thing called after a person.
_HEADS = frozenset(
    """abscess agar anastomosis aneurysm angle anomaly approach area arthroplasty bag band bandage bar blade body boot brace
    bundle canal cannula catheter cell cells chart classification clamp class clip collar contracture corpuscle crisis criteria cuff cyst
    deformity device diet disease disorder dissector drain dressing drip duct dystrophy elevator esophagus exercises factor
    fascia fixator fixation flap foot forceps formula fossa fracture frame gene gland glands gland's grade graft granules guidelines
    hernia hook implant incision index inventory joint knife law lesion ligament line lines loop lymphoma maneuver manoeuvre
    mesh method mixture murmur muscle nail needle nerve nevus node nodes nodule operation osteotomy palsy phenomenon pins plasty plate plexus point
    position pouch procedure prosthesis protocol punch pupil questionnaire rasp reaction reagent reflex repair resection
    reservoir retractor ring rod rongeur rule sarcoma scale scissors scope score screw septum shunt sign signs sinus sleeve snare
    space speculum sphincter splint stage stain stapler stitch stockings suction sutures suture syndrome system technique tendon
    test tests tibia tongs tourniquet triad triangle tube tumor tumour type ulcer ulcers valve vein virus wave wires wire zone""".split()
)
_ARTICLE = regex.compile(rf"(?i)(?<!\w)(?:an?|no|\d+-?(?:french|fr|mm|cm|gauge|g)){GAP}$")
_HEAD = regex.compile(rf"(?:'s)?(?:{GAP}|-)(?:\p{{L}}+{GAP})?(\p{{L}}+)")


class Kind(Enum):
    """What a word can be."""

    NAME = "name"
    AMBIGUOUS = "name or word"
    UNKNOWN = "in no list"
    INITIAL = "initial"
    EPONYM = "medical eponym"
    OTHER = "no name"


@dataclass(frozen=True, slots=True)
class Word:
    """A capitalised word of a view, [start, end)."""

    start: int
    end: int
    text: str
    kind: Kind
    first: bool  # a listed first name
    last: bool  # a listed surname
    common: bool  # a frequent name

    @property
    def nameable(self) -> bool:
        """Whether the word may be part of a name."""
        return self.kind is not Kind.OTHER


def plain(word: str) -> str:
    """A word as the lists spell it: lower case, no accents, apostrophes or hyphens."""
    return fold(word.lower())


class NameWords:
    """Sorts words by the lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._first_common = lexicon.words("firstnames_common")
        self._first = lexicon.words("firstnames")
        self._last_common = lexicon.words("surnames_common")
        self._last = lexicon.words("surnames") | lexicon.words("surnames_rare")
        self._words = lexicon.words("common_words")
        self._medical = lexicon.words("medical_words")
        self._eponyms = lexicon.words("eponyms")
        self._others = frozenset().union(
            *(lexicon.words(name) for name in ("nationalities", "languages", "titles", "credentials", "kinship", "shorthand"))
        )
        self._abbreviations = lexicon.words("abbreviations")
        self._known: dict[str, tuple[Kind, bool, bool, bool]] = {}

    def _sort(self, word: str) -> tuple[Kind, bool, bool, bool]:
        if len(word) == 1:
            return Kind.INITIAL, False, False, False
        key = plain(word)
        first_common = key in self._first_common
        last_common = key in self._last_common
        first = first_common or key in self._first
        last = last_common or key in self._last
        is_word = key in self._words or key in self._medical or key in self._others or word in self._abbreviations
        if "-" in word and not (first or last or is_word):
            return self._sort_parts(word), False, True, False
        if key in self._eponyms and not first_common:
            return Kind.EPONYM, first, last, last_common
        if first or last:
            return (Kind.AMBIGUOUS if is_word else Kind.NAME), first, last, first_common or last_common
        if key.startswith(("mc", "mac")) and word[:1].isupper() and any(char.isupper() for char in word[2:4]):
            return Kind.NAME, False, True, False
        return (Kind.OTHER if is_word else Kind.UNKNOWN), False, False, False

    def _sort_parts(self, word: str) -> Kind:
        """What a hyphened word in no list can be, by its parts."""
        kinds = [self._look(part)[0] for part in word.split("-") if len(part) > 1]
        if Kind.NAME in kinds and Kind.OTHER not in kinds:
            return Kind.NAME
        if all(kind is Kind.EPONYM for kind in kinds):
            return Kind.EPONYM
        if Kind.OTHER in kinds:
            return Kind.OTHER
        return Kind.AMBIGUOUS if Kind.AMBIGUOUS in kinds else Kind.UNKNOWN

    def _look(self, word: str) -> tuple[Kind, bool, bool, bool]:
        found = self._known.get(word)
        if found is None:
            if len(self._known) > 200_000:
                self._known.clear()
            found = self._known[word] = self._sort(word)
        return found

    def word(self, text: str, start: int) -> Word:
        """The word `text` at `start`, sorted."""
        return Word(start, start + len(text), text, *self._look(text))

    def capitalised(self, text: str) -> Iterator[Word]:
        """The capitalised words of a view's text, in order."""
        for match in _CAPITAL.finditer(text):
            yield self.word(match[0], match.start())


def is_gap(text: str, start: int, end: int) -> bool:
    """Whether text[start:end] only parts words of one name: a blank or wrap, a point, nickname quotes."""
    return 0 < end - start <= 4 and _BETWEEN.fullmatch(text, start, end) is not None


def runs(words: Iterator[Word], text: str) -> Iterator[list[Word]]:
    """Groups of nameable words with nothing but a gap (or an initial's point) between them."""
    run: list[Word] = []
    for word in words:
        if run:
            last = run[-1]
            between = text[last.end : word.start]
            joined = is_gap(text, last.end, word.start) and ("." not in between or last.kind is Kind.INITIAL)
            if not joined:
                particle = between.strip(f" {WRAP}").split()
                joined = bool(particle) and len(between) < 12 and all(part in PARTICLES for part in particle)
            if not joined or not word.nameable:
                yield run
                run = []
        if word.nameable:
            run.append(word)
    if run:
        yield run


def _shout(word: Word) -> bool:
    return len(word.text) > 1 and word.text.isupper()


def _score(run: list[Word], text: str) -> float:
    """How sure a run of words is a person's name without any cue, 0 if it is not proposed."""
    kinds = [word.kind for word in run]
    names = kinds.count(Kind.NAME)
    full = [word for word in run if word.kind is not Kind.INITIAL]
    if not full or len(run) > 6 or (len(full) == 1 and full[0].kind is Kind.EPONYM):
        return 0.0
    if len(full) == 1:
        return _score_single(full[0], len(run) > 1, text)
    first, last = full[0], full[-1]
    if any(word.text.lower() in STOP for word in full):
        return 0.0
    if names and (first.first or last.first):
        return 0.92
    if names > 1:
        return 0.85
    if names and Kind.UNKNOWN in kinds:
        return 0.8
    if first.first and first.common and last.last and last.common:
        return 0.7
    return 0.0


def _score_single(word: Word, initial: bool, text: str) -> float:
    if word.text.lower() in STOP or (_shout(word) and not word.common):
        return 0.0
    if _is_thing(word, text):
        return 0.0
    if word.kind is Kind.NAME:
        base = 0.75 if word.common else 0.62
        return min(0.9, base + 0.15) if initial else base
    if initial and word.last and text[word.start - 2 : word.start] == ". ":
        return 0.7
    return 0.0


def _is_thing(word: Word, text: str) -> bool:
    """Whether a name stands as a thing called after a person ("a Kelly clamp", "Homan sign")."""
    if _ARTICLE.search(text, max(0, word.start - 14), word.start):
        return True
    behind = _HEAD.match(text, word.end)
    return behind is not None and (behind[1].lower() in _HEADS or text[word.end + 1 : behind.start(1)].strip().lower() in _HEADS)


class Names(Detector):
    """Proposes names that the dictionaries alone make likely, as PATIENT."""

    name = "names"

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        self.words = NameWords(lexicon or Lexicon.load())

    def find(self, note: Note) -> list[Span]:
        """Runs of name words, and "Last, First" pairs."""
        view = note.view
        text = view.text
        spans: list[Span] = []
        before: list[Word] = []
        for run in runs(self.words.capitalised(text), text):
            score, start = _score(run, text), run[0].start
            if before and text[before[-1].end : start] in (", ", ",", f",{WRAP}") and _inverted(before, run):
                spans.append(Span(*view.span(before[0].start, run[-1].end), "PATIENT", 0.88, "names.inverted"))
            elif score:
                spans.append(Span(*view.span(start, run[-1].end), "PATIENT", score, "names.run"))
            before = run
        return spans + [Span(*view.span(*pair), "PATIENT", 0.8, "names.lower") for pair in self._lower(text)]

    def _lower(self, text: str) -> Iterator[tuple[int, int]]:
        """Pairs of lower-case words that read as first name and surname, as in dictation and chat."""
        for match in _LOWER.finditer(text, overlapped=True):
            first = self.words.word(match[1], match.start(1))
            if first.first and first.kind is Kind.NAME:
                last = self.words.word(match[2], match.start(2))
                if last.last and last.kind is Kind.NAME:
                    yield match.span()


def _inverted(last: list[Word], first: list[Word]) -> bool:
    """Whether two runs around a comma read as "Last, First"."""
    if len(last) > 2 or not last[-1].nameable:
        return False
    known = last[-1].last or last[-1].kind is Kind.UNKNOWN
    if first[0].kind is Kind.INITIAL:
        return len(first) == 1 and last[-1].last and last[-1].kind is Kind.NAME
    given = first[0].first or first[0].kind is Kind.UNKNOWN
    certain = Kind.NAME in (last[-1].kind, first[0].kind)
    return known and given and certain
