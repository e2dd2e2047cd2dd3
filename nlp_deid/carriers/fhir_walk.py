"""One FHIR resource, walked by the types of its elements and the tables of fhir_rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from nlp_deid.carriers import fhir_rules as rules
from nlp_deid.carriers.fhir_types import Element, elements, is_resource
from nlp_deid.carriers.markup import narrative
from nlp_deid.carriers.pseudonyms import Pseudonyms, target_type
from nlp_deid.carriers.sheet import CarrierError, Piece, Put, Sheet

_DATE = re.compile(r"([0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?)(T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})?)?")
_WHOLE_DATE = re.compile(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?")
_CODE = re.compile(r"[^\s]+(?:\s[^\s]+)*")
Data = dict[str, Any]


class Walk:
    """Puts the strings of one resource on a sheet.

    Args:
        sheet: that of the patient whom the resource is about.
        ids: pseudonyms of ids and links.
        types: resource types by full URL and by `identifier_name`, for references that do not tell.
    """

    def __init__(self, sheet: Sheet, ids: Pseudonyms, types: Mapping[str, str]) -> None:
        self.sheet, self.ids, self.types = sheet, ids, types
        self.owner = ""
        self._contained: Mapping[str, str] = {}
        self._after: list[Callable[[], None]] = []

    def finish(self) -> None:
        """To be called after `Sheet.write`: puts together what was written in parts."""
        for step in self._after:
            step()

    def later(self, step: Callable[[], None]) -> None:
        """A step for `finish`."""
        self._after.append(step)

    def resource(self, data: Any, contained: bool = False) -> None:
        """A resource, in place; those within it too.

        Args:
            data: the JSON object.
            contained: its id counts only within another resource.

        Raises:
            CarrierError: not a resource of R4, or elements of a wrong kind.
        """
        kind = data.get("resourceType") if isinstance(data, dict) else None
        if not isinstance(kind, str) or not is_resource(kind):
            raise CarrierError("invalid", "resourceType")
        outer, self.owner = self.owner, kind
        if not contained:
            self._contained = contained_types(data)
        if data.get("id") is not None:
            data["id"] = self.ids.uuid("id", "#" if contained else kind, str(data["id"]))
        self.element(data, kind, {"resourceType", "id"})
        self.owner = outer

    def element(self, data: Any, kind: str, done: set[str] | frozenset[str] = frozenset()) -> None:
        """An element or resource of a type, in place; elements unknown to the type are dropped.

        Args:
            data: the JSON object.
            kind: name of its type.
            done: elements already seen to.
        """
        from nlp_deid.carriers.fhir_values import SPECIAL

        if not isinstance(data, dict):
            raise CarrierError("invalid", kind)
        fields = elements(kind)
        special = SPECIAL.get(kind)
        handled = done | (special(self, data) if special else frozenset())
        for name in list(data):
            if name in handled:
                continue
            field = fields.get(name.removeprefix("_"))
            if field is None or name == "id":
                del data[name]
            elif name.startswith("_"):
                self._sibling(data, name, field)
            elif field.many:
                self._many(data, name, kind, field)
            else:
                self._one(data, name, name, kind, field)

    def _many(self, data: Data, name: str, kind: str, field: Element) -> None:
        values = data[name]
        if not isinstance(values, list):
            raise CarrierError("invalid", f"{kind}.{name}")
        values[:] = [value for value in values if value is not None]
        for at in range(len(values)):
            self._one(values, at, name, kind, field)

    def _one(self, holder: Any, key: Any, name: str, kind: str, field: Element) -> None:
        value, where = holder[key], f"{kind}.{name}"
        rule = rules.RULES.get(where) or rules.TYPES.get(field.type, "")
        if rule == "drop" or field.type == "unknown":
            _take_out(holder, key)
        elif field.type == "Resource":
            self.resource(value, name == "contained")
        elif field.type not in rules.TYPES:
            self.element(value, field.type)
            if value == {} and name == "modifierExtension":  # dropped, it would change what the rest means
                raise CarrierError("modifierExtension", kind)
        elif rule == "keep":
            self._keep(holder, key, field, where)
        elif isinstance(value, str):
            self._string(rule, value, holder, key, name, kind, field)
        else:
            raise CarrierError("invalid", where)

    def _keep(self, holder: Any, key: Any, field: Element, where: str) -> None:
        """Numbers, truth values and times; anything else under such a name is malformed."""
        value = holder[key]
        if isinstance(value, str) != (field.type in ("time", "string", "uri", "code", "url", "canonical")):
            raise CarrierError("invalid", where)
        if field.type == "time" and not re.fullmatch(r"[0-9:.]{5,20}", value):
            raise CarrierError("invalid", where)

    def _string(
        self, rule: str, value: str, holder: Any, key: Any, name: str, kind: str, field: Element
    ) -> None:
        put = _putter(holder, key)
        if rule == "date":
            self._date(value, holder, key, name, field)
        elif rule == "code":
            self._code(value, holder, key, name, kind, field)
        elif rule == "uri":
            if not rules.PUBLIC.fullmatch(value):
                holder[key] = self.ids.uri(value)
        elif rule == "link":
            if not is_resource(value):  # the url of a request that creates one
                holder[key] = self.ids.link(value) or self.ids.uri(value)
        elif rule == "id":
            holder[key] = self.ids.uuid("id", kind, value)
        elif rule == "div":
            self.later(narrative(self.sheet, value, put))
        elif rule == "text":
            self.text(value, put)
        else:
            self.sheet.value(rule, value, put)

    def type_of(self, target: str) -> str:
        """The resource type that a reference points to, where it or the document tells."""
        return target_type(target) or self.types.get(target) or self._contained.get(target, "")

    def text(self, value: str, put: Put) -> None:
        """Free text."""
        self.sheet.text([Piece(value, put)])

    def _date(self, value: str, holder: Any, key: Any, name: str, field: Element) -> None:
        found = _DATE.fullmatch(value)
        if found is None:
            raise CarrierError("invalid", name)
        day, time = found[1], found[2] or ""

        def put(new: str) -> None:
            made = new + time if len(new) == 10 else new
            fits = _WHOLE_DATE.fullmatch(new) and (field.type != "instant" or (len(new) == 10 and time))
            if fits:
                holder[key] = made
            else:
                mask(holder, key)

        self.sheet.date(day, put)

    def _code(self, value: str, holder: Any, key: Any, name: str, kind: str, field: Element) -> None:
        pattern = rules.CODES.get(f"{kind}.{name}") or rules.CODES.get(f"*.{name}")
        if value in field.codes or (pattern and pattern.fullmatch(value)):
            return

        def put(new: str) -> None:
            if _CODE.fullmatch(new):
                holder[key] = new
            else:
                mask(holder, key)

        self.text(value, put)

    def _sibling(self, data: Data, name: str, field: Element) -> None:
        """`_birthDate` beside birthDate: extensions of a value. Those of lists are dropped."""
        if field.many or not isinstance(data[name], dict):
            del data[name]
            return
        self.element(data[name], "Element")


def identifier_name(identifier: Any) -> str:
    """What an Identifier is called in `types`: "system|value", "" without a value."""
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return f"{identifier.get('system') or ''}|{value}" if value else ""


def mask(holder: Any, key: Any) -> None:
    """Take a value out and say that it was there, where the place allows."""
    _take_out(holder, key)
    if isinstance(holder, dict):
        holder[f"_{key}"] = {"extension": [dict(one) for one in rules.ABSENT["extension"]]}


def contained_types(data: Data) -> dict[str, str]:
    """ "#" and id to type of the resources contained in one."""
    contained = data.get("contained")
    return {
        f"#{one.get('id')}": str(one.get("resourceType"))
        for one in (contained if isinstance(contained, list) else [])
        if isinstance(one, dict)
    }


def _take_out(holder: Any, key: Any) -> None:
    """A list keeps its length until `without_gaps`, as other values are still to be put by number."""
    if isinstance(holder, list):
        holder[key] = None
    else:
        holder.pop(key, None)


def _putter(holder: Any, key: Any) -> Put:
    def put(new: str) -> None:
        holder[key] = new

    return put


def without_gaps(value: Any) -> Any:
    """A JSON value without what was taken out: nulls, and objects and lists that are empty then."""
    if isinstance(value, dict):
        kept = {key: without_gaps(one) for key, one in value.items()}
        return {key: one for key, one in kept.items() if one not in (None, {}, [])}
    if isinstance(value, list):
        return [one for one in map(without_gaps, value) if one not in (None, {}, [])]
    return value
