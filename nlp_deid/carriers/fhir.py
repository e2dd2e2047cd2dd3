"""FHIR R4: one resource or Bundle, rewritten as the notes of its patients.

Every element is seen to by the tables of fhir_rules; ids and references are remapped alike in all documents
of a key. Attachments that are no text are taken out and marked as masked. What comes out is a valid resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from secrets import token_hex
from typing import Any, NoReturn

from nlp_deid.carriers import fhir_rules as rules
from nlp_deid.carriers.fhir_directory import Directory, closed, entries_of, resources_of
from nlp_deid.carriers.fhir_types import validate
from nlp_deid.carriers.fhir_walk import Data, Walk, without_gaps
from nlp_deid.carriers.pseudonyms import Pseudonyms
from nlp_deid.carriers.sheet import CarrierError, Sheet
from nlp_deid.deid import Deid


def scrub(
    deid: Deid, document: Mapping[str, Any], *, patient: str | None = None, directory: Directory | None = None
) -> Data:
    """A resource or Bundle without its identifiers; the given one is left as it was.

    Resources of one patient share surrogates and the date shift with the notes of that patient. In a Bundle
    about several patients, resources about none (a Practitioner) have surrogates of their own.

    Args:
        deid: the pipeline.
        document: a resource as `json.loads` gives it.
        patient: the patient's id in notes, for a document about one patient.
        directory: what is known of patients from other documents.

    Raises:
        CarrierError: not a resource of R4, or a part failed; nothing of it may be passed on.
    """
    with closed():
        made = _scrub(deid, deepcopy(dict(document)), patient, directory or Directory())
    return made


def scrub_json(deid: Deid, text: str | bytes, **options: Any) -> str:
    """As `scrub`, from JSON to JSON on one line.

    Raises:
        CarrierError: also if the text is no JSON object, or not in UTF-8.
    """
    return json.dumps(scrub(deid, parse_json(text), **options), ensure_ascii=False, separators=(",", ":"))


def parse_json(text: str | bytes) -> Data:
    """A JSON object.

    Raises:
        CarrierError: anything else; two members of one name and NaN are refused too.
    """
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        found = json.loads(plain, parse_constant=_refuse, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CarrierError("json")
    return found


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number")


def _object(pairs: Sequence[tuple[str, Any]]) -> Data:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("two members of one name")
    return made


def _scrub(deid: Deid, document: Data, patient: str | None, directory: Directory) -> Data:
    entries = entries_of(document)
    parts = resources_of(document)
    resources = [document, *(resource for _, resource in parts)]
    people = directory.for_document()
    for url, resource in parts or [("", document)]:
        people.add_names(resource, url)
    for _, resource in parts:
        people.add_attached(resource, patient or people.patient(resource))
    scopes = _scopes(resources, patient, people)
    sheets = {scope: _sheet(deid, scope, document, directory) for scope in scopes}
    ids = Pseudonyms(deid.replacer.options.source)
    walks = []
    for resource, scope in zip(resources, scopes, strict=True):
        walk = Walk(sheets[scope], ids, people.types)
        if resource is document and entries:
            _walk_shell(walk, document, entries)
        else:
            walk.resource(resource)
        walks.append(walk)
    _tell_patients(sheets, people)
    for sheet in sheets.values():
        sheet.write()
    for walk in walks:
        walk.finish()
    for resource in resources:
        _label(resource)
    made: Data = without_gaps(document)
    for sheet in sheets.values():
        sheet.refuse_residue(_strings(made))
    validate(made)
    return made


def _walk_shell(walk: Walk, bundle: Data, entries: Sequence[Data]) -> None:
    """A Bundle without the resources of its entries, which have walks of their own."""
    kept = [(entry, entry.pop("resource")) for entry in entries if "resource" in entry]
    walk.resource(bundle)
    for entry, resource in kept:
        entry["resource"] = resource


def _scopes(resources: Sequence[Data], patient: str | None, people: Directory) -> list[str]:
    """Whose surrogates each resource has: its patient's, the only patient's, or its own."""
    subjects = [patient or people.patient(resource) for resource in resources]
    told = {subject for subject in subjects if subject is not None}
    only = next(iter(told)) if len(told) == 1 else None
    return [
        subject or only or f"{resource.get('resourceType')}/{resource.get('id') or token_hex(16)}"
        for resource, subject in zip(resources, subjects, strict=True)
    ]


def _sheet(deid: Deid, scope: str, document: Data, directory: Directory) -> Sheet:
    return Sheet(deid, scope, str(document.get("resourceType")), directory.known.get(scope))


def _tell_patients(sheets: Mapping[str, Sheet], people: Directory) -> None:
    """Names of staff and places of a Bundle are looked for in the texts of every patient."""
    if len(sheets) < 2:
        return
    patients = set(people.keys.values())
    shared = [sheet.known for scope, sheet in sheets.items() if scope not in patients]
    for scope in patients & set(sheets):
        for known in shared:
            for label, values in known.items():
                for value in values:
                    sheets[scope].know(label, value)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)
    elif isinstance(value, str):
        yield value


def _label(resource: Data) -> None:
    """Say in the resource's security labels that it is pseudonymised."""
    meta = resource.setdefault("meta", {})
    labels = meta.setdefault("security", [])
    if rules.PSEUDONYMISED not in labels:
        labels.append(dict(rules.PSEUDONYMISED))
