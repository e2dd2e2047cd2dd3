"""Ids and links of documents: the same id gets the same pseudonym in all documents of a key."""

from __future__ import annotations

import re
from uuid import UUID

from nlp_deid.replace.keys import Source

_LITERAL = re.compile(
    r"(?:(?P<base>https?://[^\s?#]+)/)?(?P<type>[A-Z][A-Za-z]{2,60})/(?P<id>[A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?"
)
_CONDITIONAL = re.compile(r"(?:https?://[^\s?#]+/)?(?P<type>[A-Z][A-Za-z]{2,60})\?")
_LARGEST = 2**63 - 1


class Pseudonyms:
    """Pseudonyms from a key, or random ones remembered for the run.

    Args:
        source: that of the surrogates; a key of its own is derived.
    """

    def __init__(self, source: Source) -> None:
        self._source = source.derive("carrier ids")

    def uuid(self, *parts: str) -> str:
        """A pseudonym in the form of a UUID (version 4)."""
        return str(UUID(int=self._source.number(2**128, *parts), version=4))

    def short(self, *parts: str) -> str:
        """A pseudonym of 16 hex digits, for fields with little room."""
        return f"{self._source.number(2**64, *parts):016x}"

    def whole(self, *parts: str) -> int:
        """A pseudonym that is a whole number of 64 bits, from 1."""
        return 1 + self._source.number(_LARGEST, *parts)

    def uri(self, text: str) -> str:
        """A pseudonym of a URI."""
        return "urn:uuid:" + self.uuid("uri", text)

    def link(self, text: str) -> str | None:
        """The literal reference to where the pseudonym of its target is; None for other links.

        `Type/id`, `https://base/Type/id`, `urn:uuid:...`, `urn:oid:...`, `#contained` and `#` are read; the
        version of a target is dropped, as resources lose theirs.
        """
        if text.startswith("#"):
            return "#" + self.uuid("id", "#", text[1:]) if text[1:] else text
        if text.startswith(("urn:uuid:", "urn:oid:")):
            return self.uri(text)
        found = _LITERAL.fullmatch(text)
        if found is None:
            return None
        local = f"{found['type']}/{self.uuid('id', found['type'], found['id'])}"
        return f"https://{self.short('base', found['base'])}.invalid/{local}" if found["base"] else local


def target_type(text: str) -> str:
    """The resource type that a literal or conditional reference names, else ""."""
    found = _LITERAL.fullmatch(text) or _CONDITIONAL.match(text)
    return found["type"] if found else ""
