"""Demographics of the note's header, or given beside it, searched as strings in the body.

Gupta, Saul & Gilbertson 2004 (Am J Clin Pathol 121:176): identifiers of the header are looked for
in the body in all forms. Headers are read from `key: value` lines, HL7 v2 segments and
`Note.known`; letterheads and free lines are the business of the rules.
"""

from __future__ import annotations

from collections.abc import Mapping

import regex

from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.seeds import Search, Seeds
from nlp_deid.labels import check_label
from nlp_deid.layout import WRAP, View
from nlp_deid.note import Detector, Note, Span

# PID-5, NK1-2, PV1-7..9: names; PID-3, PID-18, PID-19: numbers (HL7 v2.5, chapter 3).
_SEGMENTS = {
    ("PID", 3): "MEDICALRECORD", ("PID", 5): "PATIENT", ("PID", 6): "PATIENT", ("PID", 9): "PATIENT", ("PID", 13): "PHONE",
    ("PID", 14): "PHONE", ("PID", 18): "ACCOUNT", ("PID", 19): "SSN", ("NK1", 2): "PATIENT", ("NK1", 5): "PHONE",
    ("PV1", 7): "DOCTOR", ("PV1", 8): "DOCTOR", ("PV1", 9): "DOCTOR", ("GT1", 3): "PATIENT", ("IN1", 16): "PATIENT",
}  # fmt: skip
_FIELD = regex.compile(
    rf"(?:(?<=[\n{WRAP}])|\A|(?<=[ ]{{2}}|\|[ ]?))[ ]*(?P<key>[A-Za-z][A-Za-z #/-]{{1,24}}?)[ ]?(?:\.{{3,40}}:?|:|=)[ ]{{0,30}}"
    rf"(?P<value>[^\n{WRAP}|]{{2,60}}?)(?=[ ]{{2}}|[\n{WRAP}|]|[,;]?[ ][A-Z][A-Za-z#/]{{1,20}}[:#]|\Z)"
)
_SEGMENT = regex.compile(
    rf"(?:(?<=[\n{WRAP}])|\A)(?P<name>PID|NK1|PV1|GT1|IN1)\|(?P<fields>[^\n{WRAP}]{{1,2000}})"
)
_HEADER = 4000  # characters of a note in which a header may stand


def read_header(view: View, keys: Mapping[str, str]) -> dict[str, list[str]]:
    """Label to values of the header of a note: `key: value` fields and HL7 v2 segments.

    `keys` maps a field's key, in lower case, to the label of its value.
    """
    found: dict[str, list[str]] = {}
    head = view.text[:_HEADER]
    for match in _FIELD.finditer(head):
        if label := keys.get(match["key"].strip().lower()):
            found.setdefault(label, []).append(match["value"].strip())
    for match in _SEGMENT.finditer(head):
        for number, value in enumerate(match["fields"].split("|"), 1):
            if value and (label := _SEGMENTS.get((match["name"], number))):
                parts = value.split("~")[0].split("^")
                is_name = label in ("PATIENT", "DOCTOR")
                found.setdefault(label, []).append(
                    " ".join(p for p in parts[:4] if p.isalpha()) if is_name else parts[0]
                )
    return found


class Header(Detector):
    """Proposes what the header and `Note.known` name, wherever it stands in the note.

    A name is found in every order, in part, in any case, as initials and misspelt by one edit. A
    part of it that is also a plain word ("Will", "Young") is found with a capital only; parts of
    one letter and empty values are left out. Numbers are found with any separators.
    """

    name = "header"

    def __init__(self, lexicon: Lexicon | None = None) -> None:
        lexicon = lexicon or Lexicon.load()
        self.search = Search(lexicon)
        self._keys = dict(lexicon.rows("header_keys"))

    def find(self, note: Note) -> list[Span]:
        """Known and header values in the whole note.

        Raises:
            ValueError: `Note.known` has an unknown label.
        """
        seeds = Seeds()
        for values, known in ((note.known, True), (read_header(note.view, self._keys), False)):
            for label, texts in values.items():
                for text in texts:
                    if check_label(label) in ("PATIENT", "DOCTOR"):
                        self.search.add_name(seeds, text, label, known)
                    else:
                        self.search.add_value(seeds, text, label)
        return self.search.find(note, seeds, self.name)
