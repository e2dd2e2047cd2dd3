"""Names that go out: file names and ids, as they are or as pseudonyms, none taken twice."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

from nlp_deid.batch.manifest import Manifest
from nlp_deid.replace.keys import Secret
from nlp_deid.row_outputs import Rename

_BITS = 80


def pseudonyms(key: Secret) -> Rename:
    """Twenty hex digits for each part of an id, made with a key (HMAC-SHA256, see replace/keys.py).

    Part by part, so that the notes of one folder stay in one.
    """
    mine = key.derive("note names")

    def rename(name: str) -> str:
        parts = name.split("/")
        paths = ["/".join(parts[: at + 1]) for at in range(len(parts))]
        return "/".join(f"{mine.number(1 << _BITS, path):0{_BITS // 4}x}" for path in paths)

    return rename


@dataclass(frozen=True)
class Names:
    """Hashes of ids and file names, with a salt that lives as long as this run.

    Args:
        salt: at least 16 random bytes, never stored.
        manifest: keeps the hashes.
    """

    salt: bytes
    manifest: Manifest

    def hash(self, *parts: str) -> bytes:
        """Sixteen bytes; two lists of parts never give the same ones."""
        found = hashlib.blake2b(digest_size=16, key=self.salt)
        for part in parts:
            data = part.encode("utf-8", "surrogatepass")
            found.update(b"%d:" % len(data))
            found.update(data)
        return found.digest()

    def is_new(self, kind: str, name: str) -> bool:
        """True the first time a name of this kind is asked for."""
        return self.manifest.add_name(self.hash(kind, name))

    def _has(self, kind: str, name: str) -> bool:
        return self.manifest.has_name(self.hash(kind, name))

    def is_free(self, path: str) -> bool:
        """True if a file may have this path.

        Not if one has it already that some file system cannot tell from it (case, Unicode composition), or
        if a note would be taken for a folder, or a folder for a note.
        """
        plain = unicodedata.normalize("NFC", path).casefold()
        parts = plain.split("/")
        above = ["/".join(parts[: at + 1]) for at in range(len(parts) - 1)]
        if self._has("folder", plain) or any(self._has("file", folder) for folder in above):
            return False
        if not self.is_new("file", plain):
            return False
        for folder in above:
            self.is_new("folder", folder)
        return True
