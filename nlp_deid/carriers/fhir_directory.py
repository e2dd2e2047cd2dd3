"""Whom FHIR resources are about: patients by id, by full URL and by identifier, in one document or many."""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from nlp_deid.carriers import fhir_rules as rules
from nlp_deid.carriers.fhir_walk import Data, Walk, identifier_name
from nlp_deid.carriers.pseudonyms import Pseudonyms, target_type
from nlp_deid.carriers.sheet import CarrierError, Sheet
from nlp_deid.deid import Deid

# Resources that a bulk export keeps in files of their own, and whose values identify a patient.
_DEMOGRAPHIC = frozenset({"Patient", "RelatedPerson", "Coverage"})
_CONDITIONAL = re.compile(r"(?:[^?]*/)?Patient\?(?:[^&]*&)*?identifier=([^&]+)(?:&.*)?")


@dataclass(repr=False)
class Directory:
    """What resources read beforehand say of patients, for documents that come in many files or lines.

    Args:
        system: the system of the identifier that is the patient's id in notes; by default the resource's id is.
        keys: what patients are called in references to what they are called in notes.
        known: a patient, as notes call them, to label to values.
        types: resource types by full URL and by identifier.
    """

    system: str = ""
    keys: MutableMapping[str, str] = field(default_factory=dict)
    known: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    types: MutableMapping[str, str] = field(default_factory=dict)

    def for_document(self) -> Directory:
        """A directory that knows what this one does; what it is told itself goes before, and stays with it."""
        return Directory(self.system, ChainMap({}, self.keys), self.known, ChainMap({}, self.types))

    def add(self, deid: Deid, resources: Iterable[Any]) -> None:
        """Take in the values of patients, relatives and coverages, and whose the attached Binaries are.

        Raises:
            CarrierError: a demographic resource that cannot be read.
        """
        found = [one for one in resources if isinstance(one, dict)]
        with closed():
            for one in found:
                self.add_names(one)
            for one in found:
                self._add(deid, one)

    def _add(self, deid: Deid, resource: Data) -> None:
        key = self.patient(resource)
        self.add_attached(resource, key)
        if key is not None and resource.get("resourceType") in _DEMOGRAPHIC:
            sheet = Sheet(deid, key)
            Walk(sheet, Pseudonyms(deid.replacer.options.source), self.types).resource(deepcopy(resource))
            mine = self.known.setdefault(key, {})
            for label, values in sheet.known.items():
                mine[label] = list(dict.fromkeys((*mine.get(label, ()), *values)))

    def add_names(self, resource: Mapping[str, Any], url: str = "") -> None:
        """Take in what a resource is called in references, and, of a Patient, in notes."""
        kind = str(resource.get("resourceType"))
        logical = [identifier_name(one) for one in objects(resource.get("identifier")) if one.get("value")]
        self.types.update(dict.fromkeys(filter(None, (url, *logical)), kind))
        for name, reference in _subjects(resource):
            if _is_patients(name, reference) and "identifier" in reference:
                self.types.setdefault(identifier_name(reference["identifier"]), "Patient")
        if kind == "Patient":
            local = f"Patient/{resource['id']}" if resource.get("id") else ""
            key = self._own(resource) or local.removeprefix("Patient/") or _identifier(resource, None) or url
            if key:
                self.keys.update(dict.fromkeys(filter(None, (local, url, *logical)), key))
                for name in logical:
                    self.keys.setdefault(f"|{name.rpartition('|')[2]}", key)

    def add_attached(self, resource: Mapping[str, Any], key: str | None) -> None:
        """Take in that the Binaries attached to a resource are about its patient, as they do not tell."""
        content = [one.get("attachment") for one in objects(resource.get("content"))]
        for one in objects([*content, *objects(resource.get("presentedForm")), resource.get("content")]):
            url = one.get("url")
            if key is not None and isinstance(url, str):
                self.keys.setdefault(_local(url) if target_type(url) == "Binary" else url, key)

    def patient(self, resource: Mapping[str, Any]) -> str | None:
        """The patient whom a resource is about, as notes call them; None if it tells none."""
        if resource.get("resourceType") == "Binary":
            return self.keys.get(f"Binary/{resource.get('id')}")
        if resource.get("resourceType") == "Patient":
            local = resource.get("id")
            return (
                self.keys.get(f"Patient/{local}") or self._own(resource) or local or self._known_as(resource)
            )
        for name, reference in _subjects(resource):
            if (key := self._referred(name, reference, resource)) is not None:
                return key
        return None

    def _own(self, patient: Mapping[str, Any]) -> str | None:
        """The identifier of the system that notes go by."""
        return _identifier(patient, self.system) if self.system else None

    def _known_as(self, patient: Mapping[str, Any]) -> str | None:
        """The key of a Patient without an id of its own."""
        logical = map(identifier_name, objects(patient.get("identifier")))
        return next((self.keys[name] for name in logical if name in self.keys), _identifier(patient, None))

    def _referred(self, name: str, reference: Data, resource: Mapping[str, Any]) -> str | None:
        """The patient of a reference: literal, conditional (`Patient?identifier=`) or by identifier."""
        target, identifier = reference.get("reference"), reference.get("identifier")
        if isinstance(identifier, dict) and self.system and identifier.get("system") == self.system:
            return self._named(identifier, True)
        if isinstance(target, str) and (key := self._key(target, resource)) is not None:
            return key
        return (
            self._named(identifier, _is_patients(name, reference)) if isinstance(identifier, dict) else None
        )

    def _key(self, target: str, resource: Mapping[str, Any]) -> str | None:
        if target in self.keys:
            return self.keys[target]
        if found := _CONDITIONAL.fullmatch(target):
            system, _, value = unquote(found[1]).rpartition("|")
            return self._named({"system": system, "value": value}, True)
        if target_type(target) == "Patient" and "?" not in target:
            local = _local(target)
            return self.keys.get(local, local.removeprefix("Patient/"))
        for one in objects(resource.get("contained")):
            if one.get("resourceType") == "Patient" and target == f"#{one.get('id')}":
                return self._own(one) or self._known_as(one)
        return None

    def _named(self, identifier: Data, is_patients: bool) -> str | None:
        """Whose an identifier is; a patient who is in no document goes by its value."""
        value = identifier.get("value")
        if not isinstance(value, str) or not value:
            return None
        key = self.keys.get(identifier_name(identifier))
        return key or (self.keys.get(f"|{value}", value) if is_patients else None)


@contextmanager
def closed() -> Iterator[None]:
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


def entries_of(document: Mapping[str, Any]) -> list[Data]:
    """The entries of a Bundle; none of other resources."""
    return objects(document.get("entry")) if document.get("resourceType") == "Bundle" else []


def resources_of(bundle: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Full URL and resource of each entry of a Bundle that has one."""
    return [(str(one.get("fullUrl", "")), one["resource"]) for one in entries_of(bundle) if "resource" in one]


def objects(value: Any) -> list[Data]:
    """The objects of a JSON list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _subjects(resource: Mapping[str, Any]) -> Iterator[tuple[str, Data]]:
    """The references that may tell whom a resource is about, with their elements, the first first."""
    for name in rules.SUBJECTS:
        values = resource.get(name)
        for reference in objects(values if isinstance(values, list) else [values]):
            yield name, reference


def _is_patients(name: str, reference: Mapping[str, object]) -> bool:
    """True if a reference by identifier can be to no one but a patient, or says so."""
    return (reference["type"] == "Patient") if "type" in reference else name in rules.PATIENTS


def _local(target: str) -> str:
    """Type and id of a literal reference, without base and version."""
    return "/".join(target.partition("/_history")[0].split("/")[-2:])


def _identifier(resource: Mapping[str, Any], system: str | None) -> str | None:
    """The value of the first identifier of a system; None stands for any."""
    for one in objects(resource.get("identifier")):
        if system is None or one.get("system") == system:
            value = one.get("value")
            return value if isinstance(value, str) else None
    return None
