"""FHIR R4: one resource or Bundle, rewritten as the notes of its patients.

Every element is seen to by the tables of fhir_rules; ids and references are remapped alike in all documents
of a key. Attachments that are no text are taken out and marked as masked. What comes out is a valid resource.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, NoReturn

from nlp_deid.carriers import fhir_rules as rules
from nlp_deid.carriers.fhir_types import validate
from nlp_deid.carriers.fhir_walk import Data, Walk, without_gaps
from nlp_deid.carriers.pseudonyms import Pseudonyms, target_type
from nlp_deid.carriers.sheet import CarrierError, Sheet
from nlp_deid.deid import Deid

# Resources that a bulk export keeps in files of their own, and whose values identify a patient.
_DEMOGRAPHIC = frozenset({"Patient", "RelatedPerson", "Coverage"})


@dataclass(repr=False)
class Directory:
    """What resources read beforehand say of patients, for exports with a file a resource type.

    Args:
        system: the system of the identifier that is the patient's id in notes; by default the resource's id is.
    """

    system: str = ""
    keys: dict[str, str] = field(default_factory=dict)
    known: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def add(self, deid: Deid, resources: Iterable[Any]) -> None:
        """Take in the values of patients, relatives and coverages, and whose the attached Binaries are.

        Raises:
            CarrierError: a demographic resource that cannot be read.
        """
        found = [one for one in resources if isinstance(one, dict)]
        with _closed():
            for one in found:
                self.add_patient(one)
            for one in found:
                self._add(deid, one)

    def _add(self, deid: Deid, resource: Data) -> None:
        key = self.patient(resource)
        self.add_attached(resource, key)
        if key is not None and resource.get("resourceType") in _DEMOGRAPHIC:
            sheet = Sheet(deid, key)
            Walk(sheet, Pseudonyms(deid.replacer.options.source), {}).resource(deepcopy(resource))
            mine = self.known.setdefault(key, {})
            for label, values in sheet.known.items():
                mine[label] = list(dict.fromkeys((*mine.get(label, ()), *values)))

    def add_patient(self, resource: Mapping[str, Any], url: str = "") -> None:
        """Take in what a Patient is called in references and in notes."""
        if resource.get("resourceType") != "Patient":
            return
        local = f"Patient/{resource['id']}" if resource.get("id") else ""
        key = _identifier(resource, self.system) or local.removeprefix("Patient/") or url
        for name in filter(None, (local, url)):
            self.keys[name] = key

    def add_attached(self, resource: Mapping[str, Any], key: str | None) -> None:
        """Take in that the Binaries attached to a resource are about its patient, as they do not tell."""
        content = [one.get("attachment") for one in _list(resource.get("content"))]
        for one in _list([*content, *_list(resource.get("presentedForm")), resource.get("content")]):
            url = one.get("url")
            if key is not None and isinstance(url, str):
                self.keys.setdefault(_local(url) if target_type(url) == "Binary" else url, key)

    def patient(self, resource: Mapping[str, Any]) -> str | None:
        """The patient whom a resource is about, as notes call them; None if it tells none."""
        if resource.get("resourceType") == "Binary":
            return self.keys.get(f"Binary/{resource.get('id')}")
        if resource.get("resourceType") == "Patient":
            local = resource.get("id")
            key = self.keys.get(f"Patient/{local}") or _identifier(resource, self.system) or local
            return key or _identifier(resource, None)
        for name in rules.SUBJECTS:
            values = resource.get(name)
            for value in values if isinstance(values, list) else [values]:
                target = value.get("reference") if isinstance(value, dict) else None
                if isinstance(target, str) and (key := self._key(target, resource)) is not None:
                    return key
        return None

    def _key(self, target: str, resource: Mapping[str, Any]) -> str | None:
        if target in self.keys:
            return self.keys[target]
        if target_type(target) == "Patient":
            local = _local(target)
            return self.keys.get(local, local.removeprefix("Patient/"))
        for one in _list(resource.get("contained")):
            if one.get("resourceType") == "Patient" and target == f"#{one.get('id')}":
                return _identifier(one, self.system) or _identifier(one, None)
        return None


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
    with _closed():
        made = _scrub(deid, deepcopy(dict(document)), patient, directory or Directory())
    return made


def scrub_json(deid: Deid, text: str | bytes, **options: Any) -> str:
    """As `scrub`, from JSON to JSON on one line.

    Raises:
        CarrierError: also if the text is no JSON object, or not in UTF-8.
    """
    return json.dumps(scrub(deid, parse_json(text), **options), ensure_ascii=False, separators=(",", ":"))


@contextmanager
def _closed() -> Iterator[None]:
    """Errors of a document that is not built as it should be, without its text."""
    kind = ""
    try:
        yield
    except CarrierError:
        raise
    except (RecursionError, AttributeError, TypeError, ValueError, LookupError) as error:
        kind = type(error).__name__
    if kind:
        raise CarrierError(f"invalid:{kind}")


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
    entries = _list(document.get("entry")) if document.get("resourceType") == "Bundle" else []
    parts = [(str(entry.get("fullUrl", "")), entry["resource"]) for entry in entries if "resource" in entry]
    resources = [document, *(resource for _, resource in parts)]
    people = Directory(directory.system, dict(directory.keys))
    for url, resource in parts or [("", document)]:
        people.add_patient(resource, url)
    for _, resource in parts:
        people.add_attached(resource, patient or people.patient(resource))
    scopes = _scopes(resources, patient, people)
    sheets = {scope: _sheet(deid, scope, document, directory) for scope in scopes}
    ids = Pseudonyms(deid.replacer.options.source)
    types = {url: str(resource.get("resourceType")) for url, resource in parts if url}
    walks = []
    for resource, scope in zip(resources, scopes, strict=True):
        walk = Walk(sheets[scope], ids, types)
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


def _local(target: str) -> str:
    """Type and id of a literal reference, without base and version."""
    return "/".join(target.partition("/_history")[0].split("/")[-2:])


def _label(resource: Data) -> None:
    """Say in the resource's security labels that it is pseudonymised."""
    meta = resource.setdefault("meta", {})
    labels = meta.setdefault("security", [])
    if rules.PSEUDONYMISED not in labels:
        labels.append(dict(rules.PSEUDONYMISED))


def _identifier(resource: Mapping[str, Any], system: str | None) -> str | None:
    """The value of the patient's first identifier of a system; None stands for any, "" for none."""
    for one in _list(resource.get("identifier")):
        if system is None or (system and one.get("system") == system):
            value = one.get("value")
            return value if isinstance(value, str) else None
    return None


def _list(value: Any) -> list[Data]:
    """The objects of a JSON list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
