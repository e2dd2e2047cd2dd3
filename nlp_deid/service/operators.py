"""Presidio's operators: what a request may ask for, its settings, and what each makes of a value."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from nlp_deid.service.analyze import RequestError
from nlp_deid.service.cipher import KEY_BYTES, encrypt

OURS = "nlp_deid"
ANONYMIZERS = ("encrypt", "hash", "keep", "mask", OURS, "redact", "replace")
DEANONYMIZERS = ("decrypt",)
DEFAULT = "DEFAULT"
_HASHES = ("sha256", "sha512")
_LEAST_SALT = 16
_LONGEST = 1000
Settings = Mapping[str, Any]
Operator = Callable[[str, str, Settings], str]


class Chosen:
    """The settings that a request asks for, by entity type.

    Args:
        asked: type, or DEFAULT, to an operator and its settings.
        field: the request's name for them, for messages.
        offered: operators that may be asked for.

    Raises:
        RequestError: an operator that is not offered, or a setting that it cannot use.
    """

    def __init__(self, asked: Mapping[str, Settings] | None, field: str, offered: Sequence[str]) -> None:
        self._settings = dict(asked or {})
        for place, settings in enumerate(self._settings.values()):
            _check(settings, f"{field}[{place}]", offered)

    def of(self, entity: str) -> Settings | None:
        """The settings for a type; None if neither it nor DEFAULT is named."""
        return self._settings.get(entity, self._settings.get(DEFAULT))


def _check(settings: Settings, where: str, offered: Sequence[str]) -> None:
    kind = settings.get("type")
    if kind not in offered:
        raise RequestError(f"{where}.type is not offered; offered: {', '.join(offered)}")
    if kind in _SOUND:
        sound, needs = _SOUND[kind]
        if not sound(settings):
            raise RequestError(f"{where} has a setting that {kind} cannot use; {needs}")


def _sound_replace(settings: Settings) -> bool:
    new = settings.get("new_value", "")
    return _is_text(new) and len(new) <= _LONGEST


def _sound_mask(settings: Settings) -> bool:
    char = settings.get("masking_char")
    return (
        _is_text(char)
        and len(char) == 1
        and type(settings.get("chars_to_mask")) is int
        and isinstance(settings.get("from_end", False), bool)
    )


def _sound_hash(settings: Settings) -> bool:
    salt = settings.get("salt")
    return settings.get("hash_type", _HASHES[0]) in _HASHES and (
        salt is None or (_is_text(salt) and len(salt.encode()) >= _LEAST_SALT)
    )


def _sound_key(settings: Settings) -> bool:
    key = settings.get("key")
    return _is_text(key) and len(key.encode()) in KEY_BYTES


def _sound_policy(settings: Settings) -> bool:
    return isinstance(settings.get("policy"), str | None)


def _is_text(value: Any) -> TypeGuard[str]:
    """Whether it is a text that UTF-8 can carry."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


_KEY = f"key is a text of {', '.join(map(str, KEY_BYTES[:-1]))} or {KEY_BYTES[-1]} bytes"
_SOUND: dict[str, tuple[Callable[[Settings], bool], str]] = {
    "replace": (_sound_replace, f"new_value is a text of at most {_LONGEST} characters"),
    "mask": (
        _sound_mask,
        "masking_char is one character, chars_to_mask a whole number, from_end true or false",
    ),
    "hash": (_sound_hash, f"hash_type is {' or '.join(_HASHES)}, salt has {_LEAST_SALT} bytes or more"),
    "encrypt": (_sound_key, _KEY),
    "decrypt": (_sound_key, _KEY),
    OURS: (_sound_policy, "policy is the name of a policy"),
}


def apply(value: str, entity: str, settings: Settings) -> str:
    """What the operator of checked settings makes of a value; ours is not among them."""
    return _OPERATORS[settings["type"]](value, entity, settings)


def _replace(value: str, entity: str, settings: Settings) -> str:
    return str(settings.get("new_value") or f"<{entity}>")


def _mask(value: str, entity: str, settings: Settings) -> str:
    count = min(max(int(settings["chars_to_mask"]), 0), len(value))
    masked = str(settings["masking_char"]) * count
    return value[: len(value) - count] + masked if settings.get("from_end", False) else masked + value[count:]


def _hash(value: str, entity: str, settings: Settings) -> str:
    """With a random salt, as Presidio does where none is given: nobody can try values against it."""
    salt = settings.get("salt")
    salted = value.encode() + (secrets.token_bytes(32) if salt is None else salt.encode())
    return hashlib.new(settings.get("hash_type", _HASHES[0]), salted).hexdigest()


_OPERATORS: dict[str, Operator] = {
    "replace": _replace,
    "redact": lambda value, entity, settings: "",
    "keep": lambda value, entity, settings: value,
    "mask": _mask,
    "hash": _hash,
    "encrypt": lambda value, entity, settings: encrypt(value, settings["key"]),
}
