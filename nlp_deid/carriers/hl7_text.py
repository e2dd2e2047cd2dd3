"""HL7 v2 delimiters and escapes (v2.5.1, 2.5 and 2.7).

Own code, because those of the `hl7` package write a field with a faulty escape to the log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BREAK = re.compile(r"\.(?:br|sp)([0-9]{0,3})")
_HEX = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
_CODE = re.compile(r"|[A-Z]|\.[a-z]{2}[+-]?[0-9]{0,3}|[XCMZ][0-9A-Za-z]*")
_INDENT = re.compile(r"\.(?:in|ti|sk)[+-]?[0-9]{0,3}")


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The characters that MSH-1 and MSH-2 name."""

    field: str
    component: str
    repeat: str
    escape: str
    part: str

    def plain(self, text: str) -> str:
        """The text with escapes carried out; formatting without a meaning for the text is dropped."""
        if self.escape not in text:
            return text
        pieces = text.split(self.escape)
        made, at = [pieces[0]], 1
        while at < len(pieces):
            if at + 1 == len(pieces) or not _CODE.fullmatch(pieces[at]):
                made += (self.escape, pieces[at])  # an escape character that begins no escape is text
                at += 1
            else:
                made += (self._meaning(pieces[at]), pieces[at + 1])
                at += 2
        return "".join(made)

    def _meaning(self, code: str) -> str:
        letters = {"F": self.field, "S": self.component, "R": self.repeat, "E": self.escape, "T": self.part}
        letters[""] = self.escape  # doubled
        if code in letters:
            return letters[code]
        if found := _BREAK.fullmatch(code):
            return "\n" * int(found[1] or 1)
        if found := _HEX.fullmatch(code):
            return bytes.fromhex(found[1]).decode("utf-8", "replace")
        return " " if _INDENT.fullmatch(code) or code == ".ce" else ""

    def escaped(self, text: str) -> str:
        """The text as it may stand in a field."""
        letters = {self.escape: "E", self.field: "F", self.component: "S", self.repeat: "R", self.part: "T"}
        made = [f"{self.escape}{letters[c]}{self.escape}" if c in letters else c for c in text]
        return re.sub(r"\r\n|[\n\r]", lambda _: f"{self.escape}.br{self.escape}", "".join(made))
