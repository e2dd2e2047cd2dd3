"""The key that surrogates are made with, and where it is read from.

A number is HMAC-SHA256(key, purpose, parts) (RFC 2104), so equal values get equal surrogates and
nobody without the key can tell which value gave which. Safe Harbor forbids values derived from the
person's data (45 CFR 164.514(c)): a `RandomSource` draws instead and remembers its draws for one run.
No message and no repr holds a key.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
import secrets
import stat
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Protocol

KEY_BYTES = 32
KEY_VARIABLE = "NLP_DEID_KEY"
_LONGEST = 4096
_FEWEST_DISTINCT = 16
_FEWEST_STEPS = 8
_PLACEHOLDER = re.compile(
    rb"change.?me|change.?this|place.?holder|pass.?w(?:or)?d|example|secret|default|dummy|replace|your.?key"
    rb"|deadbeef|qwerty|nlp.?deid",
    re.IGNORECASE,
)
_HEX = re.compile(rb"[0-9A-Fa-f]+")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}")


class KeyFault(ValueError):
    """A key that cannot be used, or that must not be read; the message never holds key text."""


class Source(Protocol):
    """Where surrogates draw their numbers: a `Secret` or a `RandomSource`."""

    @property
    def id(self) -> str:
        """A public name of the key, for manifests; "random" where there is no key."""

    def derive(self, purpose: str) -> Source:
        """A source for one purpose; numbers of two purposes tell nothing about each other."""

    def number(self, below: int, *parts: str) -> int:
        """Uniform in [0, below); the same for the same parts."""


def _message(parts: tuple[str, ...]) -> bytes:
    """The parts in one byte string; two lists of parts never give the same one."""
    return b"".join(
        [b"%d:%b" % (len(data), data) for data in [part.encode("utf-8", "surrogatepass") for part in parts]]
    )


class Secret:
    """A secret key of at least 32 bytes.

    Raises:
        KeyFault: the key is empty, too short, a placeholder, or has too little variety to be random.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        check_key(key)
        self._key = bytes(key)

    @property
    def id(self) -> str:
        """Sixteen hex digits that name the key and do not give it away."""
        return hmac.digest(self._key, b"nlp-deid key id", "sha256")[:8].hex()

    def derive(self, purpose: str) -> Secret:
        """The key of one purpose: HMAC-SHA256(key, purpose), after HKDF-Expand (RFC 5869, 2.3)."""
        derived = Secret.__new__(Secret)
        derived._key = hmac.digest(self._key, b"nlp-deid purpose:" + _message((purpose,)), "sha256")
        return derived

    def number(self, below: int, *parts: str) -> int:
        """Uniform in [0, below), by rejection; the same for the same key and parts.

        Raises:
            ValueError: `below` is less than 1.
        """
        if below < 1:
            raise ValueError("a number must be drawn below 1 or more")
        bits = (below - 1).bit_length()
        blocks = range(-(-bits // 256))
        message = _message(parts)
        attempt = 0
        while True:
            data = b"".join(
                hmac.digest(self._key, b"%d.%d|" % (attempt, block) + message, "sha256") for block in blocks
            )
            number = int.from_bytes(data, "big") >> (256 * len(blocks) - bits)
            if number < below:
                return number
            attempt += 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"Secret(id={self.id!r})"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled; let each process read the key")


class RandomSource:
    """Random numbers, remembered for one run: the same parts give the same number.

    Nothing is derived from the parts; forget the object and no relation is left. Processes do not
    share what they drew, so the notes of one patient belong in one process.

    Args:
        draw: uniform integer in [0, n); the system's secure randomness unless a test seeds it.
    """

    __slots__ = ("_draw", "_drawn", "_purposes")

    id = "random"

    def __init__(self, draw: Callable[[int], int] = secrets.randbelow) -> None:
        self._draw = draw
        self._drawn: dict[tuple[object, ...], int] = {}
        self._purposes: tuple[str, ...] = ()

    def derive(self, purpose: str) -> RandomSource:
        """A source for one purpose, with the same memory."""
        derived = RandomSource(self._draw)
        derived._drawn = self._drawn
        derived._purposes = (*self._purposes, purpose)
        return derived

    def number(self, below: int, *parts: str) -> int:
        """Uniform in [0, below); the same for the same parts within the run.

        Raises:
            ValueError: `below` is less than 1.
        """
        if below < 1:
            raise ValueError("a number must be drawn below 1 or more")
        asked = (self._purposes, parts, below)
        if (known := self._drawn.get(asked)) is not None:
            return known
        return self._drawn.setdefault(asked, self._draw(below))

    def forgetful(self) -> RandomSource:
        """A source of the same randomness with a memory of its own, for what nothing later can match."""
        return RandomSource(self._draw)

    def __repr__(self) -> str:
        return "RandomSource()"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a RandomSource is not pickled: its memory holds values of the notes")


def check_key(key: bytes) -> None:
    """Refuses what cannot be a random key.

    Raises:
        KeyFault: fewer than 32 bytes, fewer than 16 distinct bytes, a repeated pattern, bytes that
            count up or down, or a placeholder word.
    """
    if len(key) < KEY_BYTES:
        raise KeyFault(f"the key has {len(key)} bytes; it must have at least {KEY_BYTES} random bytes")
    steps = {(after - before) % 256 for before, after in pairwise(key)}
    if (
        len(set(key)) < _FEWEST_DISTINCT
        or len(steps) < _FEWEST_STEPS
        or _PLACEHOLDER.search(key)
        or any(key.startswith(key[period:]) for period in range(1, len(key) // 2 + 1))
    ):
        raise KeyFault("the key is a placeholder or a pattern, not random bytes; make one with write_new_key")


def new_key() -> bytes:
    """A fresh random key of 32 bytes."""
    while True:
        key = secrets.token_bytes(KEY_BYTES)
        try:
            check_key(key)
        except KeyFault:
            continue
        return key


def write_new_key(path: Path) -> Secret:
    """Writes a fresh key, as a line of hex, to a new file that only its owner may read (mode 0600).

    Raises:
        KeyFault: the file exists; it is never overwritten, as old surrogates could not be made again.
        OSError: the file cannot be written.
    """
    key = new_key()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except FileExistsError:
        raise KeyFault(f"{path}: exists already; a key file is never overwritten") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(descriptor)
    return Secret(key)


def read_key(
    path: Path | None = None,
    *,
    descriptor: int | None = None,
    environ: Mapping[str, str] = os.environ,
    allow_shared: bool = False,
) -> bytes:
    """The key from a file, else from an open file descriptor, else from NLP_DEID_KEY.

    It is raw bytes, or a line of hex or base64; other text is refused, as a pass phrase is no key.
    A key is never taken from the command line, where every user of the machine can see it.

    Args:
        path: a file of the user that no other user may read or write.
        descriptor: read to its end and left open.
        environ: where NLP_DEID_KEY is looked up.
        allow_shared: take a file that other users may read (secrets mounted into a container).

    Raises:
        KeyFault: no key, an unfit key, a file that others may read, or both path and descriptor.
        OSError: the file cannot be read.
    """
    if path is not None and descriptor is not None:
        raise KeyFault("a key comes from a file or from a descriptor, not from both")
    if path is not None:
        where = str(path)
        with path.open("rb") as file:
            if not allow_shared:
                _check_private(os.fstat(file.fileno()), where)
            data = file.read(_LONGEST + 1)
    elif descriptor is not None:
        where = f"file descriptor {descriptor}"
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_LONGEST + 1)
    elif KEY_VARIABLE in environ:
        where = KEY_VARIABLE
        data = environ[KEY_VARIABLE].encode("utf-8", "surrogateescape")
    else:
        raise KeyFault(f"no key: give a key file or a file descriptor, or set {KEY_VARIABLE}")
    try:
        key = _decode(data)
        check_key(key)
    except KeyFault as fault:
        raise KeyFault(f"{where}: {fault}") from None
    return key


def _check_private(status: os.stat_result, where: str) -> None:
    """Refuses a file that another user may read or write; Windows has no such modes."""
    if os.name == "nt":
        return
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFault(f"{where}: other users may open this key file; allow only its owner (chmod 600)")
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyFault(f"{where}: this key file belongs to another user")


def _decode(data: bytes) -> bytes:
    """Key bytes of a file or variable: raw if they are not ASCII, else hex or base64."""
    if len(data) > _LONGEST:
        raise KeyFault(f"more than {_LONGEST} bytes are no key")
    if not data.isascii():
        return data
    text = data.strip()
    if not text:
        raise KeyFault("the key is empty")
    if _HEX.fullmatch(text) and len(text) % 2 == 0:
        return bytes.fromhex(text.decode("ascii"))
    # Random base64 has both cases but for one in ten thousand million; a word in one case is a pass phrase.
    if (
        _BASE64.fullmatch(text)
        and text != text.lower()
        and text != text.upper()
        and not _PLACEHOLDER.search(text)
    ):
        plain = text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        try:
            return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
        except binascii.Error:
            pass
    raise KeyFault("the text is neither hex nor base64")
