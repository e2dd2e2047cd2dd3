"""The strings of one patient within a structured document, rewritten together.

A carrier walks its document and writes each string on a sheet: as a value whose label the element tells, or
as free text. `Sheet.write` then detects in all texts at once, with the values as `Note.known`, and replaces
values and texts as notes of one patient: names, numbers and places agree, and dates move by one offset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import accumulate, pairwise
from secrets import token_hex

from nlp_deid.deid import Deid, DeidError
from nlp_deid.detect.header import Header
from nlp_deid.labels import CATEGORIES
from nlp_deid.note import Note, Span
from nlp_deid.replace.replacer import Change

Put = Callable[[str], None]
Value = tuple[str, str, Put]  # label, text, where its rewriting goes
# Labels whose values are too common or too short to be looked for in every text.
_NOT_KNOWN = frozenset({"STATE", "COUNTRY", "AGE", "DATE", "PROFESSION"})
_WORDS_OF_A_NAME, _FEWEST_DIGITS, _FEWEST_DIGITS_ALONE = 2, 5, 6
_WORD = re.compile(r"[^\W_]+")
_NOT_BY_DIGITS = frozenset({"EMAIL", "URL", "IPADDR"})
_BETWEEN_DIGITS = r"[-. ()/^]{0,3}"


class CarrierError(ValueError):
    """A document that must not be passed on: `reason` is a code, `where` an element; neither holds text."""

    def __init__(self, reason: str, where: str = "") -> None:
        super().__init__(f"{reason} ({where})" if where else reason)
        self.reason, self.where = reason, where

    def __reduce__(self) -> tuple[type[CarrierError], tuple[str, str]]:
        return type(self), (self.reason, self.where)


@dataclass(frozen=True, slots=True, repr=False)
class Piece:
    """A part of a text and where its rewriting goes; without `put` it is context only."""

    text: str
    put: Put | None = None


class Sheet:
    """What is to be rewritten for one patient.

    Args:
        deid: the pipeline; a `Header` is added if it has none, because it is what looks for `known`.
        patient: the scope of surrogates and of the date shift, as `Note.patient`; None is a patient of its own.
        name: names the document in errors; must not be PHI.
        known: values known of the patient from elsewhere.
    """

    def __init__(
        self,
        deid: Deid,
        patient: str | None = None,
        name: str = "",
        known: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self._deid, self._name = _looking_for_known(deid), name
        self._patient = patient or token_hex(16)
        self._known: dict[str, dict[str, None]] = {}
        self._values: list[Value] = []
        self._texts: dict[tuple[str, ...], list[Sequence[Piece]]] = {}
        for label, values in (known or {}).items():
            for value in values:
                self.know(label, value)

    @property
    def known(self) -> dict[str, list[str]]:
        """Label to the values met so far."""
        return {label: list(values) for label, values in self._known.items()}

    def action(self, label: str) -> str:
        """What the policy does with a label."""
        return self._deid.policy.actions[label]

    def know(self, label: str, text: str) -> None:
        """A value to look for in the texts."""
        plain = " ".join(text.split())
        if label not in _NOT_KNOWN and plain:
            self._known.setdefault(label, {})[plain] = None

    def value(self, label: str, text: str, put: Put) -> None:
        """A text that is, as a whole, a value of the label."""
        if text.strip():
            self.know(label, text)
            self._values.append((label, text.strip(), put))

    def text(self, pieces: Sequence[Piece]) -> None:
        """Free text: the pieces are read as one, and each is given back its own part."""
        if any(piece.text.strip() for piece in pieces):
            self._texts.setdefault(tuple(piece.text for piece in pieces), []).append(pieces)

    def date(self, text: str, put: Put) -> None:
        """An ISO date or a part of one (2019, 2019-03); `put` may get what is no date (a tag, or "")."""
        self._values.append(("DATE", text, put))

    def write(self) -> None:
        """Rewrite everything through the `put` of each string.

        Raises:
            CarrierError: a part of the pipeline failed, or an identifier was left; nothing may be used.
        """
        texts = list(self._texts)
        known = {label: _as_written(label, values) for label, values in self._known.items()}
        notes = [Note("".join(parts), self._name, self._patient, known) for parts in texts]
        found = self._deid.detect_together(notes) if notes else []
        near, far = self._sorted_values()
        work = [self._value_note(near)]
        for note, spans, parts in zip(notes, found, texts, strict=True):
            if isinstance(spans, DeidError):
                raise CarrierError(f"{spans.stage}:{spans.kind}")
            work.append((note, _within(spans, parts)))
        try:
            made = self._deid.replacer.replace_all(work)
            later = self._deid.replacer.replace_all([self._value_note(far)])
        except Exception as error:
            kind = type(error).__name__
            made = []
        if not made:
            raise CarrierError(f"replace:{kind}")
        self.refuse_residue(text for text, _ in made[1:])
        self._put_values(near, *made[0])
        self._put_values(far, *later[0])
        for parts, (text, changes) in zip(texts, made[1:], strict=True):
            written = _cut(parts, text, changes)
            for pieces in self._texts[parts]:
                for piece, new in zip(pieces, written, strict=True):
                    if piece.put is not None:
                        piece.put(new)

    def _sorted_values(self) -> tuple[list[Value], list[Value]]:
        """Values, and dates to come: they would make everybody look old, as ages count to the latest date."""
        today = date.today().isoformat()
        far = [value for value in self._values if value[0] == "DATE" and value[1] > today]
        return [value for value in self._values if value not in far], far

    def _value_note(self, chosen: Sequence[Value]) -> tuple[Note, list[Span]]:
        """Values as one note, a line each, so that cities see their state.

        Whether a date tells an age over 89 counts from this year, as other documents of the patient may be
        newer than this one: the last line is its end.
        """
        values = [(label, text) for label, text, _ in chosen]
        values += [(label, text) for label, texts in self._known.items() for text in texts]
        if self.action("DATE") in ("shift", "surrogate", "generalize"):
            values.append(("DATE", f"{date.today().year}-12-31"))
        ends = list(accumulate(len(text) + 1 for _, text in values))
        spans = [
            Span(end - 1 - len(text), end - 1, label, 1.0, "carrier")
            for (label, text), end in zip(values, ends, strict=True)
        ]
        return Note("".join(text + "\n" for _, text in values), self._name, self._patient), spans

    def _put_values(self, values: Sequence[Value], text: str, changes: Sequence[Change]) -> None:
        for (_, _, put), change in zip(values, changes, strict=False):
            put(text[change.out_start : change.out_end])

    def refuse_residue(self, texts: Iterable[str]) -> None:
        """A last look for whole names and numbers of the header in what was rewritten.

        Raises:
            CarrierError: one is still there, in whatever form it is written.
        """
        whole = "\n".join(" ".join(text.split()) for text in texts).casefold()
        words = _words(whole)
        for label, values in self._known.items():
            if self.action(label) == "keep":
                continue
            for value in values:
                if _telling(label, value) and _is_left(label, value.casefold(), whole, words):
                    raise CarrierError("residue", label)


@cache
def _header() -> Header:
    return Header()


def _looking_for_known(deid: Deid) -> Deid:
    if any(isinstance(detector, Header) for detector in deid.detectors):
        return deid
    detectors = [*deid.detectors, _header()]
    return Deid(detectors, deid.replacer, deid.merge, deid.keep, deid.echo, deid.name)


def _telling(label: str, value: str) -> bool:
    """True if a value can hardly stand in a text by chance."""
    if label in ("PATIENT", "DOCTOR"):
        return len([word for word in value.split() if len(word) > 1]) >= _WORDS_OF_A_NAME
    return CATEGORIES[label] in ("ID", "CONTACT") and sum(map(str.isdigit, value)) >= _FEWEST_DIGITS


def _words(text: str) -> str:
    """Words with a blank on either side, without what parts them and without single letters (initials)."""
    return f" {' '.join(word for word in _WORD.findall(text) if len(word) > 1)} "


def _is_left(label: str, value: str, text: str, words: str) -> bool:
    """True if a name is there in either order, or a number with other or no marks between its digits.

    A number is compared by its digits from six on, leading zeros apart; a shorter one as it is written.
    """
    if label in ("PATIENT", "DOCTOR"):
        parts = _words(value).split()
        orders = (parts, [*parts[-1:], *parts[:-1]])
        return any(f" {' '.join(order)} " in words for order in orders)
    if re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text):
        return True
    digits = re.sub("[^0-9]", "", value).lstrip("0")
    if len(digits) < _FEWEST_DIGITS_ALONE or label in _NOT_BY_DIGITS:
        return False
    return re.search(rf"(?<![0-9])0*{_BETWEEN_DIGITS.join(digits)}(?![0-9])", text) is not None


def _as_written(label: str, values: Iterable[str]) -> list[str]:
    """Values, and numbers also without leading zeros, as notes write them."""
    found = dict.fromkeys(values)
    for value in tuple(found):
        bare = value.lstrip("0")
        if CATEGORIES[label] == "ID" and bare.isdecimal() and len(bare) >= _FEWEST_DIGITS_ALONE:
            found[bare] = None
    return list(found)


def _within(spans: Sequence[Span], parts: Sequence[str]) -> list[Span]:
    """The spans, cut where a piece ends; blanks between two pieces stay."""
    if len(parts) == 1:
        return list(spans)
    text, found = "".join(parts), []
    borders = list(pairwise([0, *accumulate(map(len, parts))]))
    for span in spans:
        for low, high in borders:
            start, end = max(span.start, low), min(span.end, high)
            inside = text[start:end]
            start += len(inside) - len(inside.lstrip())
            if start < (end := start + len(inside.strip())):
                found.append(Span(start, end, span.label, span.score, span.source))
    return found


def _cut(parts: Sequence[str], text: str, changes: Sequence[Change]) -> list[str]:
    """The rewritten text of each piece."""
    borders = [0]
    at = moved = 0
    for end in accumulate(map(len, parts)):
        while at < len(changes) and changes[at].end <= end:
            moved = changes[at].out_end - changes[at].end
            at += 1
        borders.append(end + moved)
    return [text[start:end] for start, end in pairwise(borders)]
