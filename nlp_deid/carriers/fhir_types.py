"""The elements of every FHIR R4 type, read from the models of fhir.resources (R4B, which R4 instances fit)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from nlp_deid.carriers.sheet import CarrierError


@dataclass(frozen=True, slots=True)
class Element:
    """An element: the name of its type, whether it repeats, and its codes where the standard lists them."""

    type: str
    many: bool
    codes: frozenset[str] = frozenset()


def is_resource(name: str) -> bool:
    """True for the name of a resource type."""
    try:
        return bool(_model(name).has_resource_base())
    except (ValueError, AttributeError):
        return False


@cache
def elements(name: str) -> Mapping[str, Element]:
    """Element name in JSON to element, for a resource or data type such as "Patient" or "BundleEntry"."""
    found: dict[str, Element] = {}
    for field in _model(name).model_fields.values():
        alias = field.alias
        if alias is None or alias.startswith("_") or alias == "fhir_comments":
            continue
        many, kind = _kind(field.annotation)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        codes = extra.get("enum_values") or []
        found[alias] = Element(
            kind, many, frozenset(codes) - {"+"} if isinstance(codes, list) else frozenset()
        )
    return found


def validate(document: dict[str, Any]) -> None:
    """Check a resource against the model of its type.

    Raises:
        CarrierError: it does not fit; the model's own message shows values and is dropped.
    """
    kind = str(document.get("resourceType"))
    try:
        _model(kind).model_validate(document)
    except (ValueError, TypeError, RecursionError):
        pass
    else:
        return
    raise CarrierError("invalid", kind)


def _model(name: str) -> Any:
    try:
        from fhir.resources.R4B import get_fhir_model_class
    except ImportError:
        raise ImportError("FHIR needs fhir.resources: pip install 'nlp-deid[carriers]'") from None
    return get_fhir_model_class(name)


def _kind(annotation: Any) -> tuple[bool, str]:
    """Whether an annotation is a list, and the name of the FHIR type within."""
    from fhir_core.constraints import FHIR_PRIMITIVES_MAPS
    from fhir_core.types import FhirBase

    primitives = {kind: name for kind, name in FHIR_PRIMITIVES_MAPS.items() if isinstance(kind, type)}
    many, seen = False, [annotation]
    while seen:
        part = seen.pop()
        if isinstance(part, type) and issubclass(part, FhirBase):
            return many, part.get_model_klass().get_resource_type()
        if part is bool:
            return many, "boolean"
        if get_origin(part) is Annotated:
            for mark in reversed(part.__metadata__):
                if type(mark) in primitives:
                    return many, primitives[type(mark)]
        elif get_origin(part) is list:
            many = True
            seen += get_args(part)
        else:
            seen += get_args(part)
    return many, "unknown"
