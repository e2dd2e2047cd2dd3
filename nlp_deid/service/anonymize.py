"""Presidio's /anonymize: its operators, and ours under the name nlp_deid."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nlp_deid.labels import from_scheme
from nlp_deid.note import Note, Span
from nlp_deid.replace.replacer import Replacer
from nlp_deid.service.analyze import RequestError
from nlp_deid.service.models import AnonymizeRequest, AnonymizeResponse, Found, Item

OPERATORS = ("hash", "keep", "mask", "nlp_deid", "redact", "replace")
DEFAULT = "DEFAULT"
_HASHES = ("sha256", "sha512")
_LEAST_SALT = 16
_LONGEST = 1000
Settings = Mapping[str, Any]
Operator = Callable[[str, str, Settings], str]


def anonymize(request: AnonymizeRequest, replacer: Callable[[str | None], Replacer]) -> AnonymizeResponse:
    """The text with its entities replaced.

    Of entities of one type that touch, and of those within others, Presidio makes one; so do we. Where two
    types overlap in part, the earlier one ends where the later one begins.

    Args:
        request: text, entities, operators.
        replacer: our own for a policy's name, of this request alone.

    Raises:
        RequestError: an entity outside the text, an operator that is not offered, or a setting of it.
        ChoiceError: a policy that is not offered.
    """
    text = request.text
    chosen = {name: dict(settings) for name, settings in (request.anonymizers or {}).items()}
    for place, settings in enumerate(chosen.values()):
        _check(settings, f"anonymizers[{place}]")
    entities = _settled(text, request.analyzer_results)
    ours = _ours(text, entities, chosen, replacer)
    parts: list[str] = []
    items: list[Item] = []
    at = out = 0
    for number, entity in enumerate(entities):
        settings = chosen.get(entity.entity_type) or chosen.get(DEFAULT) or {"type": "replace"}
        kind = settings["type"]
        value = text[entity.start : entity.end]
        new = ours[number] if kind == "nlp_deid" else _OPERATORS[kind](value, entity.entity_type, settings)
        parts += (text[at : entity.start], new)
        start = out + entity.start - at
        out, at = start + len(new), entity.end
        items.append(Item(operator=kind, entity_type=entity.entity_type, start=start, end=out, text=new))
    parts.append(text[at:])
    return AnonymizeResponse(text="".join(parts), items=items[::-1])


def _settled(text: str, results: Sequence[Found]) -> list[Found]:
    """The entities in order and without overlap."""
    for place, result in enumerate(results):
        if not result.start < result.end <= len(text):
            raise RequestError(f"analyzer_results[{place}] does not lie within the text")
    settled: list[Found] = []
    for result in sorted(results, key=lambda r: (r.start, -r.end, -r.score)):
        last = settled[-1] if settled else None
        if last is None:
            settled.append(result)
        elif result.entity_type == last.entity_type and not text[last.end : result.start].strip(" "):
            settled[-1] = last.model_copy(update={"end": max(last.end, result.end)})
        elif result.end > last.end:
            if result.start < last.end:
                settled[-1] = last.model_copy(update={"end": result.start})
            settled.append(result)
    return [result for result in settled if result.start < result.end]


def _ours(
    text: str,
    entities: Sequence[Found],
    chosen: Mapping[str, Settings],
    replacer: Callable[[str | None], Replacer],
) -> dict[int, str]:
    """What our replacer makes of the entities that are left to it, by their numbers."""
    made: dict[int, str] = {}
    policies: dict[str | None, list[int]] = {}
    for number, entity in enumerate(entities):
        settings = chosen.get(entity.entity_type) or chosen.get(DEFAULT) or {}
        if settings.get("type") == "nlp_deid":
            policies.setdefault(settings.get("policy"), []).append(number)
    for policy, numbers in policies.items():
        spans = [Span(entities[n].start, entities[n].end, _label(entities[n].entity_type)) for n in numbers]
        new, changes = replacer(policy).replace(Note(text), spans)
        made.update({n: new[c.out_start : c.out_end] for n, c in zip(numbers, changes, strict=True)})
    return made


def _label(entity: str) -> str:
    """Our label for a type; OTHER, which is always removed, for one that we do not know."""
    try:
        return from_scheme("presidio", entity)
    except ValueError:
        return "OTHER"


def _check(settings: Settings, where: str) -> None:
    """Refuse settings that an operator cannot use."""
    kind = settings.get("type")
    if kind not in OPERATORS:
        raise RequestError(f"{where}.type is not offered; offered: {', '.join(OPERATORS)}")
    sound = True
    if kind == "replace":
        new = settings.get("new_value", "")
        sound = isinstance(new, str) and len(new) <= _LONGEST and _is_whole(new)
    elif kind == "mask":
        char, count = settings.get("masking_char"), settings.get("chars_to_mask")
        sound = (
            isinstance(char, str)
            and len(char) == 1
            and _is_whole(char)
            and type(count) is int
            and isinstance(settings.get("from_end", False), bool)
        )
    elif kind == "hash":
        salt = settings.get("salt")
        sound = settings.get("hash_type", _HASHES[0]) in _HASHES and (
            salt is None or (isinstance(salt, str) and _is_whole(salt) and len(salt.encode()) >= _LEAST_SALT)
        )
    elif kind == "nlp_deid":
        sound = settings.get("policy") is None or isinstance(settings["policy"], str)
    if not sound:
        raise RequestError(f"{where} has a setting that {kind} cannot use; {_NEEDS[str(kind)]}")


_NEEDS = {
    "replace": f"new_value is a text of at most {_LONGEST} characters",
    "mask": "masking_char is one character, chars_to_mask a whole number, from_end true or false",
    "hash": f"hash_type is {' or '.join(_HASHES)}, salt has {_LEAST_SALT} bytes or more",
    "nlp_deid": "policy is the name of a policy",
}


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


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
}
