"""Personal names by context: titles, credentials, kinship, roles, fields, signatures.

Context rules for names in the manner of Neamatullah et al. 2008 (BMC Med Inform Decis Mak 8:32,
Methods): a cue says that a name must follow or precede; the dictionaries say where it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import regex

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.literals import Literals
from nlp_deid.detect.name_words import CALENDAR_NAMES, GAP, WORD, Kind, Word, is_gap, name_words
from nlp_deid.layout import WRAP, View
from nlp_deid.note import Detector, Note, Span

_NEXT = regex.compile(rf"(?:[\"')]{{0,2}}\.?{GAP}[\"'(]{{0,2}}|\.)?({WORD})")
_COMMA = regex.compile(rf"{GAP}?,{GAP}?(?=\p{{L}})|{GAP}?\^(?=\p{{L}})")
_LIST = regex.compile(rf"{GAP}?(?:,|/|&|\+){GAP}?(?:(?:and|&){GAP})?|{GAP}(?:and|&|y|e|or){GAP}")


@dataclass(frozen=True)
class Cue:
    """Words before a name.

    Args:
        name: for the span's source.
        lists: dictionaries of the words or phrases, which must stand alone.
        opener: pattern of what may stand between them and the name.
        label, score: of the span.
        need: "any" (whatever follows with a capital is a name), "likely" (a plain word is not),
            "field" (a word that is never a name is not), "rare" (a listed name or a word in no list is),
            "sure" (only a listed name is, or an initial with a word).
        lower: whether the name may be in lower case.
    """

    name: str
    lists: tuple[str, ...]
    opener: str
    label: str
    score: float
    need: str
    lower: bool = False

    @cached_property
    def opens(self) -> regex.Pattern[str]:
        """The opener, compiled."""
        return regex.compile(self.opener)


_TITLE = rf"\.{GAP}?|{GAP}"
_KIN = (
    rf"(?:{GAP}?[:#=]{GAP}?|{GAP}?[\"'(]{{1,2}}"
    rf"|,?{GAP}(?:[\"'(]{{1,2}}|named{GAP}|called{GAP}|is{GAP}|-{{1,2}}{GAP})?)"
)
_FIELD = (
    rf"(?:'s)?(?i:{GAP}(?:full{GAP})?name)?(?:{GAP}\([^)\n]{{1,20}}\))?"
    rf"(?:{GAP}?(?:[:#=|]|\.{{2,60}}|-{{1,2}}){{1,2}}[ {WRAP}]{{0,30}}|[ ]{{2,30}})\"?"
)
_ROLE = rf"(?:{GAP}?[:#=|]|,)?[ {WRAP}]{{1,4}}[\"(]?|{GAP}?\((?=\p{{Lu}})"
_WEAK = rf"(?:{GAP}?[:=|])?[ {WRAP}]{{1,2}}[\"(]?|(?<=/)(?=\p{{Lu}})"
CUES = (
    Cue(
        "title.doctor", ("titles_doctor",), rf"{_TITLE}|\.?{GAP}?\((?=\p{{Lu}})", "DOCTOR", 0.97, "any", True
    ),
    Cue("title.lay", ("titles_lay",), _TITLE, "PATIENT", 0.96, "any", True),
    Cue("title.clergy", ("titles_clergy",), _TITLE, "DOCTOR", 0.8, "likely"),
    Cue("kin", ("kinship", "cues_kin"), _KIN, "PATIENT", 0.92, "likely", True),
    Cue("field", ("cues_field",), _FIELD, "PATIENT", 0.95, "field", True),
    Cue("patient", ("cues_patient",), rf"\.?{GAP}\"?", "PATIENT", 0.9, "sure"),
    Cue("role", ("doctor_words", "cues_role"), _ROLE, "DOCTOR", 0.92, "likely", True),
    Cue("contact", ("cues_contact",), _WEAK, "DOCTOR", 0.88, "rare", True),
    Cue("weak", ("cues_weak",), _WEAK, "DOCTOR", 0.85, "sure", True),
)
_ANNOUNCING = frozenset({"named", "called", "is", "full", "name"})
# The age behind a lay person's name: "Noa (7)", "Dee, 44,".
_AGE = regex.compile(
    rf"(?:{GAP}?\((?=[^)\n]{{0,12}}\))|,{GAP}(?=[^,;.\n]{{0,8}}[,;.)])|{GAP}\([^)\n\d]{{2,20}}\),?{GAP})~?"
    rf"(\d{{1,3}}(?:{GAP}?(?:mo|months?|wks?|weeks?|days?|m|w))?)(?![\d/:.%-]*\d|[/%:-]|{GAP}?(?:mg|ml|cm|am|pm)\b)"
)
_CREDENTIALS = (
    r"MD|M\.D\.|DO|D\.O\.|MBBS|MBChB|MB ?BS|FRCP|FRACP|FACP|FACS|FRCS|MRCP|PhD|Ph\.D\.|PsyD|DPM|DMD|DDS|DC|OD|"
    r"DNP|NP|FNP|FNP-C|ANP|ARNP|APRN|CRNP|PNP|PA|PA-C|RN|R\.N\.|BSN|MSN|LPN|LVN|CNA|CRNA|CNM|CNS|RPh|PharmD|"
    r"Pharm\.D\.|LCSW|LICSW|LMSW|MSW|LSW|BSW|LMFT|LPC|LMHC|RD|RDN|LDN|PT|DPT|OT|OTR|OTR/L|SLP|CCC-SLP|RT|RRT|CRT|"
    r"RPSGT|EMT|EMT-P|NREMT|RDMS|RVT|RDCS|MT|MLS|CCRN|CHPN|CWOCN|BCBA|CGC|Ed\.?S\.?|Ed\.?D\.?|M\.?Ed\.?|PGY-?\d|MS[34]|"
    r"attending|hospitalist|intensivist|interpreter|chaplain|case manager|social worker"
)
_SMALL_CREDENTIALS = frozenset("ahics")  # first letters of those in small letters
_CREDENTIAL = regex.compile(rf"(?:{_CREDENTIALS})(?!\w)")
_AFTER = regex.compile(rf"(?:{GAP}?,|{GAP}?\(|{GAP}?/)?{GAP}?(?<=[\s,(/])(?:{_CREDENTIALS})(?!\w)")


def _names_who_is_counted(cue: Cue, term: str) -> bool:
    """Whether a cue behind a number is a title ("5 Mr. Moss"), not a unit or a count ("19 Fr", "94 ms", "2 per day")."""
    return cue.name in ("title.lay", "title.doctor") and not term.islower()


class Context(Detector):
    """Proposes the names that a cue announces.

    A cue names the label; the dictionaries (names.py) say how far the name goes.

    Args:
        lexicon: the dictionaries.
        cues: names of the cues that count, such as "title.doctor" (see `CUES`), "credential", "age" and
            "verb"; None for all.

    Raises:
        ValueError: an unknown cue.
    """

    name = "context"

    def __init__(self, lexicon: Lexicon | None = None, cues: Sequence[str] | None = None) -> None:
        lexicon = lexicon or Lexicon.load()
        known = {cue.name for cue in CUES} | {"credential", "age", "verb"}
        self._wanted = known if cues is None else set(cues)
        if self._wanted - known:
            raise ValueError(f"unknown cue; known: {', '.join(sorted(known))}")
        self.words = name_words(lexicon)
        # What only people do: a single capitalised word before it is a name.
        self._verb = regex.compile(
            rf"(?<![\p{{L}}'])(\p{{Lu}}\p{{L}}+(?:-\p{{Lu}}\p{{L}}+)?){GAP}(?:\L<verbs>)(?!\w)",
            verbs=sorted(lexicon.words("person_verbs")),
        )
        self._cues = Literals(
            (term, cue)
            for cue in CUES
            if cue.name in self._wanted
            for name in cue.lists
            for term in lexicon.words(name)
        )

    def find(self, note: Note) -> list[Span]:
        """Names after titles, kin, roles, fields and weak cues, and before credentials."""
        view = note.view
        spans, named = [], []
        for cue, at in self._openings(view):
            for start, end in self._names(view.text, at, cue):
                spans.append(Span(*view.span(start, end), cue.label, cue.score, f"context.{cue.name}"))
                named.append((start, end, cue.label))
        signed = self._credentialed(view.text) if "credential" in self._wanted else ()
        spans += [Span(*view.span(*pair), "DOCTOR", 0.93, "context.credential") for pair in signed]
        if "age" not in self._wanted:
            named = []
        ages = (_AGE.match(view.text, end) for _, end, label in named if label == "PATIENT")
        spans += [Span(*view.span(*age.span(1)), "AGE", 0.85, "context.age") for age in ages if age]
        acting = self._acting(view.text) if "verb" in self._wanted else ()
        return spans + [Span(*view.span(*pair), "PATIENT", 0.75, "context.verb") for pair in acting]

    def _acting(self, text: str) -> Iterator[tuple[int, int]]:
        """Names before what only people do ("Tali says")."""
        for match in self._verb.finditer(text):
            word = self.words.word(match[1], match.start())
            known = word.kind in (Kind.NAME, Kind.UNKNOWN) or (
                word.kind is Kind.AMBIGUOUS and word.first and word.common
            )
            if known and not word.stop and len(word.text) > 2:
                yield match.span(1)

    def _openings(self, view: View) -> Iterator[tuple[Cue, int]]:
        """Cues that stand alone as words, and where a name must start behind them."""
        text, lower = view.text, view.lower
        for start, end, cues in self._cues.find(lower):
            before, after = lower[start - 1 : start], lower[end : end + 1]
            if before.isalnum() or after.isalnum() or before in ("-", "/", "_"):
                continue
            counted = text[start - 1 : start] == " " and lower[start - 2].isdigit()
            small = lower[end + 1 : end + 24].split(" ", 1)[0] if text[end + 1 : end + 2].islower() else ""
            for cue in cues:
                if counted and not _names_who_is_counted(cue, text[start:end]):
                    continue
                if small and not self._may_open(small, cue.need):
                    continue
                if opened := cue.opens.match(text, end):
                    yield cue, opened.end()

    def _may_open(self, small: str, need: str) -> bool:
        """Whether a lower-case word behind a cue may begin or announce a name; spares most openers."""
        if need in ("any", "field"):
            return True
        if need == "likely":
            return small in _ANNOUNCING or small not in self.words.plain_words
        return small in self.words.given

    def _names(self, text: str, at: int, cue: Cue) -> Iterator[tuple[int, int]]:
        """The name at `at`, and the names of a list it begins ("Drs. A, B and C")."""
        end = self._name(text, at, cue)
        while end:
            yield at, end
            more = _LIST.match(text, end)
            if not more:
                return
            at = more.end()
            end = self._name(text, at, cue, "listed" if cue.need in ("any", "field") else "sure")

    def _name(self, text: str, at: int, cue: Cue, need: str = "") -> int:
        """Where the name starting at `at` ends, 0 if there is none."""
        match = _NEXT.match(text, at)
        if not match or match.start(1) != at:
            return 0
        first = self.words.word(match[1], at)
        following = _NEXT.match(text, first.end)
        second = self.words.word(following[1], following.start(1)) if following else None
        if not self._opens(text, first, second, need or cue.need, cue.lower):
            return 0
        end = self._extend(text, first)
        if end == first.end and cue.need in ("likely", "rare", "sure") and self.words.is_thing(first, text):
            return 0
        comma = _COMMA.match(text, end)
        if comma and (behind := _NEXT.match(text, comma.end())):
            given = self.words.word(behind[1], comma.end())
            if given.text[0].isupper() == first.text[0].isupper() and self._given(text, given, first, cue):
                end = self._extend(text, given)
        return end

    def _opens(self, text: str, first: Word, second: Word | None, need: str, lower: bool) -> bool:
        """Whether a name may begin with `first`, the word behind a cue."""
        low = first.text.lower()
        if first.text[0].islower():
            return lower and self._opens_small(text, first, second, need)
        if self._is_field(text, first) or (
            need not in ("any", "field") and _CREDENTIAL.match(text, first.start)
        ):
            return False
        if first.stop and not (low in CALENDAR_NAMES and need in ("any", "field", "likely")):
            return False
        beside = second if second is not None and is_gap(text, first.end, second.start) else None
        if first.kind is Kind.INITIAL:
            return beside is not None and beside.text[0].isupper() and beside.nameable
        if need in ("any", "field"):
            return need == "any" or first.nameable
        if self.words.is_loud(first, text) and not (
            first.kind is Kind.NAME and (first.common or len(first.text) > 3)
        ):
            return False
        if need == "sure":
            return first.kind is Kind.NAME
        if need == "rare":
            return first.kind is Kind.NAME or (first.kind is Kind.UNKNOWN and len(first.text) > 3)
        if (
            first.kind is Kind.AMBIGUOUS
            and beside is not None
            and beside.text[0].isupper()
            and not beside.nameable
        ):
            return False  # "Consultant Child Psychiatrist"
        return first.nameable

    def _opens_small(self, text: str, first: Word, second: Word | None, need: str) -> bool:
        """Whether a lower-case word begins a name: dictation, chat, hurried notes."""
        if first.text in self.words.particles:
            while second is not None and second.text in self.words.particles:
                match = _NEXT.match(text, second.end)
                second = self.words.word(match[1], match.start(1)) if match else None
            return second is not None and second.nameable and not second.stop
        if first.stop or len(first.text) < 3:
            return False
        if need in ("sure", "rare"):
            return first.kind is Kind.NAME and first.first
        if need in ("any", "field") and first.kind is Kind.AMBIGUOUS:
            return second is not None and second.kind is Kind.NAME
        return first.kind is Kind.NAME or (
            first.kind is Kind.UNKNOWN and len(first.text) > 4 and need in ("any", "field")
        )

    @staticmethod
    def _is_field(text: str, word: Word) -> bool:
        """Whether a word is the key of a field ("Phone:")."""
        return text[word.end : word.end + 1] == ":"

    def _given(self, text: str, given: Word, last: Word, cue: Cue) -> bool:
        """Whether the word behind a comma is the given name of "Last, First"."""
        if cue.name.startswith("title") and given.kind is not Kind.INITIAL:
            return False  # "Drs. Okafor, Nguyen and Patel"
        if given.kind is Kind.INITIAL:
            return last.kind is not Kind.INITIAL and not text[given.end : given.end + 1].isalnum()
        if (
            (given.stop and given.text.lower() not in CALENDAR_NAMES)
            or self._is_field(text, given)
            or given.kind is Kind.OTHER
        ):
            return False
        if _CREDENTIAL.match(text, given.start):
            return False
        return cue.name == "field" or (given.first and given.kind is Kind.NAME and last.last)

    def _extend(self, text: str, word: Word) -> int:
        """The end of the name that `word` begins: up to four more words that may belong to it."""
        last = word
        for _ in range(4):
            match = _NEXT.match(text, last.end)
            if not match or not self._continues(text, last, match):
                break
            last = self.words.word(match[1], match.start(1))
        if last.kind is Kind.INITIAL and text[last.end : last.end + 1] == ".":
            return last.end + 1
        return last.end if last.text.lower() not in self.words.particles else word.end

    def _continues(self, text: str, last: Word, match: regex.Match[str]) -> bool:
        """Whether the next word still belongs to the name."""
        word = self.words.word(match[1], match.start(1))
        between = text[last.end : word.start]
        if "." in between and last.kind is not Kind.INITIAL and len(last.text) > 3:
            return False
        if any(mark in between for mark in "\"('") and not word.first:
            return False
        low = word.text.lower()
        if word.text[0].islower():
            after = _NEXT.match(text, word.end)
            if low in self.words.particles:
                return after is not None and after[1][0].isupper()
            return last.text[0].islower() and word.kind is Kind.NAME
        if word.stop or self._is_field(text, word) or not word.nameable:
            return False
        if _CREDENTIAL.match(text, word.start):
            return False
        if word.text.isupper() and not last.text.isupper() and len(word.text) > 1:
            return False
        return word.kind is not Kind.AMBIGUOUS or word.last or word.first

    def _credentialed(self, text: str) -> Iterator[tuple[int, int]]:
        """Names before credentials ("Ada Park, MD")."""
        words = self.words.capitalised(text)
        for i, word in enumerate(words):
            if word.stop or not word.nameable or len(word.text) < 2:
                continue
            behind = text[word.end : word.end + 4].lstrip(f" ,(/{WRAP}")[:1]
            if not (behind.isupper() or behind in _SMALL_CREDENTIALS) or not _AFTER.match(text, word.end):
                continue
            if _CREDENTIAL.fullmatch(word.text):
                continue
            start = word.start
            for previous in reversed(words[max(0, i - 4) : i]):
                if not is_gap(text, previous.end, start) or not previous.nameable or previous.stop:
                    break
                if text[previous.end] == "." and previous.kind is not Kind.INITIAL:
                    break
                start = previous.start
            yield start, word.end
