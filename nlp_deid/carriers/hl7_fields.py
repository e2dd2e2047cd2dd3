"""Fields of an HL7 v2 message by data type: components are put on a sheet, and joined again after it is written.

A field is handled as a list of strings that a step of `Fields.finish` joins: repetitions, components and
subcomponents keep their places, and text is unescaped before and escaped after.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nlp_deid.carriers.hl7_rules import KEPT, SYSTEMS, TIME
from nlp_deid.carriers.hl7_text import Delimiters
from nlp_deid.carriers.pseudonyms import Pseudonyms
from nlp_deid.carriers.shared_rules import IDENTIFIER_TYPES, TITLES
from nlp_deid.carriers.sheet import CarrierError, Piece, Sheet

Parts = list[str]
_TIME = re.compile(r"([0-9]{4}(?:[0-9]{2}){0,2})([0-9]{2,6}(?:\.[0-9]{1,4})?)?([+-][0-9]{4})?")
_CODE_SYSTEM = re.compile(r"HL7[0-9]{4}|L?HL7")
_ADDRESS = {
    0: "STREET",
    1: "STREET",
    2: "CITY",
    3: "STATE",
    4: "ZIP",
    5: "COUNTRY",
    7: "LOCATION-OTHER",
    8: "LOCATION-OTHER",
}
_PLACE = {
    0: "DEPARTMENT",
    1: "ROOM",
    2: "ROOM",
    3: "HOSPITAL",
    6: "DEPARTMENT",
    7: "ROOM",
    8: "LOCATION-OTHER",
}


class Fields:
    """Rewrites fields by their rules.

    Args:
        sheet: that of the message's patient.
        ids: pseudonyms of message and order numbers.
        marks: the message's delimiters.
    """

    def __init__(self, sheet: Sheet, ids: Pseudonyms, marks: Delimiters) -> None:
        self.sheet, self.ids, self.marks = sheet, ids, marks
        self._after: list[Callable[[], None]] = []

    def finish(self) -> None:
        """To be called after `Sheet.write`."""
        for step in self._after:
            step()

    def apply(self, rule: str, row: list[str], at: int) -> None:
        """Rewrite one field of a segment, in place, once the sheet is written."""
        text = row[at]
        if not text or text == '""':  # HL7's "delete the value"
            return
        name, _, label = rule.partition(" ")
        if name == "keep":
            row[at] = text if re.fullmatch(KEPT, text) else ""
        elif name == "time":
            row[at] = text if re.fullmatch(TIME, text) else ""
        elif name == "text":
            self.text(text, row, at)
        else:
            work = _TYPES.get(name)
            repeats = text.split(self.marks.repeat)
            row[at] = ""
            for i, repeat in enumerate(repeats):
                parts = repeat.split(self.marks.component)
                if work is None:
                    self._whole(name, parts)
                else:
                    work(self, parts, label)
                self.joined(self.marks.component, parts, repeats, i)
            self.joined(self.marks.repeat, repeats, row, at)

    def joined(self, mark: str, parts: list[str], holder: list[str], at: int) -> None:
        """Join parts into their place when all are written; none behind the last that is not empty."""

        def join() -> None:
            holder[at] = mark.join(parts).rstrip(mark)

        self._after.append(join)

    def text(self, text: str, row: list[str], at: int) -> None:
        """Free text; delimiters in it that should have been escaped are taken for text."""
        row[at] = ""
        self.sheet.text([Piece(self.marks.plain(text), self.escaping(row, at))])

    def escaping(self, row: list[str], at: int) -> Callable[[str], None]:
        """A `put` that escapes."""

        def put(new: str) -> None:
            row[at] = self.marks.escaped(new)

        return put

    def _value(self, label: str, parts: Parts, at: int) -> None:
        """One component that is a value; of its subcomponents the first, as the others repeat it in parts."""
        value = self.marks.plain(next(filter(None, parts[at].split(self.marks.part)), ""))
        parts[at] = ""
        self.sheet.value(label, value, self.escaping(parts, at))

    def _whole(self, label: str, parts: Parts) -> None:
        """A field that is one value of a label."""
        parts[:] = [" ".join(filter(None, parts))]
        self._value(label, parts, 0)

    def _only(self, parts: Parts, kept: dict[int, str]) -> None:
        """Empty all components but those named, and those if they do not look as they should."""
        for at, part in enumerate(parts):
            if not re.fullmatch(kept.get(at, ""), part):
                parts[at] = ""

    def _date(self, parts: Parts, _: str) -> None:
        """Each component a time stamp; what is moved or made coarser to what is no date is left out."""
        for at, part in enumerate(parts):
            if not part:
                continue
            found = _TIME.fullmatch(part)
            if found is None:
                raise CarrierError("segment", "date")
            day, clock = found[1], (found[2] or "") + (found[3] or "")
            iso = "-".join(filter(None, (day[:4], day[4:6], day[6:8])))
            parts[at] = ""
            self.sheet.date(iso, self._stamp(parts, at, clock))

    def _stamp(self, parts: Parts, at: int, clock: str) -> Callable[[str], None]:
        def put(new: str) -> None:
            if re.fullmatch(r"[0-9]{4}(?:-[0-9]{2}){0,2}", new):
                parts[at] = new.replace("-", "") + (clock if len(new) == 10 else "")

        return put

    def _code(self, parts: Parts, _: str) -> None:
        """CE, CWE: code, text, system, twice; only codes of public systems are kept unread."""
        for first in range(0, len(parts), 3):
            system = parts[first + 2] if first + 2 < len(parts) else ""
            public = system in SYSTEMS or bool(_CODE_SYSTEM.fullmatch(system))
            if not (public and re.fullmatch(KEPT, parts[first])) and not _short(parts[first]):
                self.text(parts[first], parts, first)
            if first + 1 < len(parts):
                self.text(parts[first + 1], parts, first + 1)
            if system and not public:
                parts[first + 2] = "L"  # a local system may be named after the hospital
        del parts[6:]

    def _name(self, parts: Parts, label: str, first: int = 0) -> None:
        """XPN: family, given, further names; read as one name and shared out again."""
        places = [at for at in range(first, first + 3) if at < len(parts) and parts[at].strip()]
        given = [at for at in places if at != first]
        order = [*given, *(at for at in places if at == first)]
        pieces = {at: self.marks.plain(parts[at].split(self.marks.part)[0]).strip() for at in order}
        titles = {at: parts[at] for at in range(first + 3, first + 6) if at < len(parts)}
        type_code = {first + 6: r"[A-Z]?"}
        for at in range(first, len(parts)):
            if at in titles and parts[at].strip(". ").lower().replace(".", "") in TITLES:
                continue
            parts[at] = parts[at] if re.fullmatch(type_code.get(at, ""), parts[at]) else ""

        def put(new: str) -> None:
            words, sizes = new.split(), [len(pieces[at].split()) for at in order]
            if len(words) != sum(sizes):
                parts[order[-1]] = self.marks.escaped(new)
                return
            for at, size in zip(order, sizes, strict=True):
                parts[at] = self.marks.escaped(" ".join(words[:size]))
                del words[:size]

        self.sheet.value(label, " ".join(pieces.values()), put)

    def _staff(self, parts: Parts, _: str) -> None:
        """XCN: a number, then a name; the assigning authority and all behind it go."""
        del parts[7:]
        if not any(map(str.isdigit, parts[0])) and not any(parts[1:]):  # a name where the number belongs
            self._whole("DOCTOR", parts)
            return
        number = parts[0]
        self._name(parts, "DOCTOR", 1)
        if number:
            parts[0] = number
            self._value("LICENSE", parts, 0)

    def _address(self, parts: Parts, _: str) -> None:
        for at in range(len(parts)):
            if at in _ADDRESS:
                self._value(_ADDRESS[at], parts, at)
            elif at != 6 or not re.fullmatch(r"[A-Z]{0,3}", parts[at]):
                parts[at] = ""

    def _phone(self, parts: Parts, label: str) -> None:
        """XTN: the whole number, or country, area and local number; use and equipment codes stay."""
        whole = parts[0] or " ".join(filter(None, parts[4:8]))
        email = parts[3] if len(parts) > 3 else ""
        codes = [part if re.fullmatch(r"[A-Z]{2,4}", part) else "" for part in parts[1:3]]
        parts[:] = [whole, *codes, *([email] if email else [])]
        self._value(label, parts, 0)
        if email:
            self._value("EMAIL", parts, 3)

    def _id(self, parts: Parts, label: str) -> None:
        """CX: the number by its type code; check digit, authority and facility go."""
        kind = parts[4] if len(parts) > 4 else ""
        parts[:] = [parts[0], "", "", "", kind if kind in IDENTIFIER_TYPES else ""]
        self._value(IDENTIFIER_TYPES.get(kind, label), parts, 0)

    def _place(self, parts: Parts, _: str) -> None:
        for at in range(len(parts)):
            if at in _PLACE:
                self._value(_PLACE[at], parts, at)
            else:
                parts[at] = ""

    def _organisation(self, parts: Parts, _: str) -> None:
        del parts[1:]
        self._value("HOSPITAL", parts, 0)

    def _key(self, parts: Parts, _: str) -> None:
        """EI, HD, message control id: a pseudonym of the whole."""
        parts[:] = [self.ids.short("hl7", *parts)]


def _short(code: str) -> bool:
    """A code so short that it names nobody: "M", "2106-3", "GLU"."""
    return bool(re.fullmatch(r"[A-Z]{1,3}|[0-9]{1,4}-[0-9]", code))


_TYPES: dict[str, Callable[[Fields, Parts, str], None]] = {
    "date": Fields._date,
    "code": Fields._code,
    "name": Fields._name,
    "staff": Fields._staff,
    "address": Fields._address,
    "phone": Fields._phone,
    "id": Fields._id,
    "place": Fields._place,
    "organisation": Fields._organisation,
    "key": Fields._key,
}
