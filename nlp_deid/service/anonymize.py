"""Presidio's /anonymize, with our replacer as the operator nlp_deid, and /deanonymize."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from nlp_deid.labels import from_scheme
from nlp_deid.note import Note, Span
from nlp_deid.replace.replacer import Replacer
from nlp_deid.service.analyze import RequestError
from nlp_deid.service.cipher import CipherError, decrypt
from nlp_deid.service.models import (
    AnonymizeRequest,
    AnonymizeResponse,
    DeanonymizeRequest,
    Entity,
    Found,
    Item,
)
from nlp_deid.service.operators import ANONYMIZERS, DEANONYMIZERS, DEFAULT, OURS, Chosen, apply

_REPLACE = {"type": "replace"}


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
    chosen = Chosen(request.anonymizers, "anonymizers", ANONYMIZERS)
    entities = _settled(text, request.analyzer_results)
    ours = _ours(text, entities, chosen, replacer)
    changes = []
    for number, entity in enumerate(entities):
        settings = chosen.of(entity.entity_type) or _REPLACE
        value = text[entity.start : entity.end]
        new = ours[number] if number in ours else apply(value, entity.entity_type, settings)
        changes.append((entity, settings["type"], new))
    return _rewritten(text, changes)


def deanonymize(request: DeanonymizeRequest) -> AnonymizeResponse:
    """The text with its encrypted entities decrypted.

    Raises:
        RequestError: an entity outside the text, over another one, or without a deanonymizer; an operator
            that is not offered, or a setting of it; a key that does not decrypt.
    """
    text, results = request.text, request.anonymizer_results
    chosen = Chosen(request.deanonymizers, "deanonymizers", DEANONYMIZERS)
    _check_within(text, results, "anonymizer_results")
    changes = []
    at = 0
    for place in sorted(range(len(results)), key=lambda place: results[place].start):
        entity, where = results[place], f"anonymizer_results[{place}]"
        if entity.start < at:
            raise RequestError(f"{where} overlaps another entity")
        settings = chosen.of(entity.entity_type)
        if settings is None:
            raise RequestError(f"{where} has no deanonymizer; name one for its type, or {DEFAULT}")
        at = entity.end
        try:
            new = decrypt(text[entity.start : at], settings["key"])
        except CipherError:
            raise RequestError(f"{where} cannot be decrypted: another key, or a damaged value") from None
        changes.append((entity, settings["type"], new))
    return _rewritten(text, changes)


def _rewritten(text: str, changes: Iterable[tuple[Entity, str, str]]) -> AnonymizeResponse:
    """The text with new values for entities, in order and without overlap, each with its operator."""
    parts: list[str] = []
    items: list[Item] = []
    at = out = 0
    for entity, kind, new in changes:
        parts += (text[at : entity.start], new)
        start = out + entity.start - at
        out, at = start + len(new), entity.end
        items.append(Item(operator=kind, entity_type=entity.entity_type, start=start, end=out, text=new))
    parts.append(text[at:])
    return AnonymizeResponse(text="".join(parts), items=items[::-1])


def _check_within(text: str, results: Sequence[Entity], field: str) -> None:
    for place, result in enumerate(results):
        if not result.start < result.end <= len(text):
            raise RequestError(f"{field}[{place}] does not lie within the text")


def _settled(text: str, results: Sequence[Found]) -> list[Found]:
    """The entities in order and without overlap."""
    _check_within(text, results, "analyzer_results")
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
    text: str, entities: Sequence[Found], chosen: Chosen, replacer: Callable[[str | None], Replacer]
) -> dict[int, str]:
    """What our replacer makes of the entities that are left to it, by their numbers."""
    made: dict[int, str] = {}
    policies: dict[str | None, list[int]] = {}
    for number, entity in enumerate(entities):
        settings = chosen.of(entity.entity_type) or _REPLACE
        if settings["type"] == OURS:
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
