"""FHIR types that are read as a whole: names, addresses, identifiers, references, attachments and the like.

Each function of `SPECIAL` sees to some elements of its type, in place, and says which.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from typing import Any

from nlp_deid.carriers import fhir_rules as rules
from nlp_deid.carriers.fhir_types import is_resource
from nlp_deid.carriers.fhir_walk import Data, Walk, identifier_name, mask
from nlp_deid.carriers.markup import page
from nlp_deid.carriers.pseudonyms import target_type
from nlp_deid.carriers.shared_rules import IDENTIFIER_TYPES, NINETY_YEARS, TITLES
from nlp_deid.carriers.sheet import CarrierError

Done = frozenset[str]
_TEXT_TYPES = ("text/plain", "text/html", "application/xhtml+xml")
_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_-]+)")


def _strings(value: Any, where: str) -> list[str]:
    """A string, or the strings of a list, as a list.

    Raises:
        CarrierError: anything else.
    """
    values = value if isinstance(value, list) else [] if value is None else [value]
    found = [one for one in values if one is not None]
    if not all(isinstance(one, str) for one in found):
        raise CarrierError("invalid", where)
    return found


def human_name(walk: Walk, data: Data) -> Done:
    """Given and family name are one name; its text is made anew from the parts."""
    label = "DOCTOR" if walk.owner in rules.STAFF else "PATIENT"
    given, family = _strings(data.get("given"), "HumanName"), _strings(data.get("family"), "HumanName")
    whole = _strings(data.get("text"), "HumanName")
    for sibling in ("_given", "_family", "_text", "_prefix", "_suffix"):
        data.pop(sibling, None)
    for side in ("prefix", "suffix"):
        kept = [one for one in _strings(data.pop(side, None), "HumanName") if _is_title(one)]
        if kept:
            data[side] = kept
    parts = [*given, *family]
    titles = (data.get("prefix", []), data.get("suffix", []))

    def put(new: str) -> None:
        if given or family:
            _share(data, new, given, family)
        if whole:
            data["text"] = " ".join([*titles[0], new, *titles[1]]) if parts else new

    for text in whole:
        walk.sheet.know(label, text)
    walk.sheet.value(label, " ".join(parts or whole), put)
    return frozenset({"given", "family", "text", "prefix", "suffix"})


def _is_title(text: str) -> bool:
    return all(word.strip(".,").replace(".", "").lower() in TITLES for word in text.split())


def _share(data: Data, new: str, given: list[str], family: list[str]) -> None:
    """The words of a new name to the parts of the old; a tag goes to each part."""
    words = new.split()
    lengths = [len(part.split()) for part in (*given, *family)]
    if len(words) == sum(lengths):
        ends = [sum(lengths[: at + 1]) for at in range(len(lengths))]
        parts = [" ".join(words[end - size : end]) for end, size in zip(ends, lengths, strict=True)]
    else:
        parts = [new] * len(lengths)
    if given:
        data["given"] = parts[: len(given)]
    if family:
        data["family"] = parts[-1]


def address(walk: Walk, data: Data) -> Done:
    """Each part by its label; the text is made anew from the parts."""
    lines: list[tuple[str, list[str]]] = []
    for name in rules.ADDRESS:
        values = _strings(data.get(name), "Address")
        if values:
            data[name] = values if name == "line" else values[0]
            lines.append((name, values))
    text = _strings(data.pop("text", None), "Address")
    for name, values in lines:
        for at, value in enumerate(values):
            holder, key = (data["line"], at) if name == "line" else (data, name)
            walk.sheet.value(rules.ADDRESS[name], value, _putter(holder, key))
    if text and lines:
        walk.later(lambda: data.update(text=", ".join(_address_words(data))))
    elif text:
        walk.sheet.value("STREET", text[0], _putter(data, "text"))
    for sibling in (f"_{name}" for name in (*rules.ADDRESS, "text")):
        data.pop(sibling, None)
    return frozenset({*rules.ADDRESS, "text"})


def _address_words(data: Data) -> list[str]:
    return [word for name in rules.ADDRESS for word in _strings(data.get(name), "Address") if word.strip()]


def contact_point(walk: Walk, data: Data) -> Done:
    """A telephone number, e-mail address or the like."""
    for value in _strings(data.get("value"), "ContactPoint"):
        label = rules.TELECOM.get(str(data.get("system")), "PHONE")
        walk.sheet.value(label, value, _putter(data, "value"))
    return frozenset({"value"})


def identifier(walk: Walk, data: Data) -> Done:
    """The value by its system, by the code of its type, or by the resource."""
    kind = data.get("type")
    codings = kind.get("coding", []) if isinstance(kind, dict) else []
    codes = [str(one.get("code")) for one in codings if isinstance(one, dict)]
    label = rules.IDENTIFIER_SYSTEMS.get(str(data.get("system"))) or next(
        (IDENTIFIER_TYPES[code] for code in codes if code in IDENTIFIER_TYPES),
        rules.IDENTIFIERS_OF.get(walk.owner, "IDNUM"),
    )
    for value in _strings(data.get("value"), "Identifier"):
        if value.startswith("urn:"):
            data["value"] = walk.ids.link(value) or walk.ids.uri(value)
        else:
            walk.sheet.value(label, value, _putter(data, "value"))
    return frozenset({"value"})


def coding(walk: Walk, data: Data) -> Done:
    """The code of a public system stays; one of a local system is free text that must stay a code."""
    if not rules.PUBLIC.fullmatch(str(data.get("system"))):
        return frozenset()
    kept = {"code": rules.PUBLIC_CODE, "version": rules.PUBLIC_VERSION}
    return frozenset(name for name, pattern in kept.items() if pattern.fullmatch(str(data.get(name))))


def reference(walk: Walk, data: Data) -> Done:
    """The target is remapped; display and identifier have the labels of the target's type."""
    data.pop("_reference", None)
    target, logical = data.get("reference"), data.get("identifier")
    kind = data.get("type") or walk.types.get(identifier_name(logical))
    if isinstance(target, str):
        kind = walk.type_of(target) or kind
        link = walk.ids.link(target)
        if link is None:
            mask(data, "reference")
        else:
            data["reference"] = link
    elif target is not None:
        raise CarrierError("invalid", "Reference")
    label = rules.DISPLAYS_OF.get(str(kind))
    for display in _strings(data.get("display"), "Reference"):
        put = _putter(data, "display")
        if label is None:
            walk.text(display, put)
        else:
            walk.sheet.value(label, display, put)
    if logical is not None:
        outer, walk.owner = walk.owner, str(kind)
        walk.element(logical, "Identifier")
        walk.owner = outer
    done = {"display", "reference", "_reference", "identifier"}
    return frozenset(done | {"type"} if is_resource(str(data.get("type"))) else done)


def quantity(walk: Walk, data: Data) -> Done:
    """An age over 89 becomes ">= 90" in its unit, unless the policy keeps ages."""
    unit = str(data.get("code") or data.get("unit")).lower().strip(".")
    value, ninety = data.get("value"), NINETY_YEARS.get(unit)
    if isinstance(value, (int, float)) and ninety and value >= ninety and walk.sheet.action("AGE") != "keep":
        data["value"], data["comparator"] = int(ninety), ">="
    return frozenset()


def sampled(walk: Walk, data: Data) -> Done:
    """A curve stays if it is numbers."""
    return frozenset({"data"}) if rules.SAMPLES.fullmatch(str(data.get("data"))) else frozenset()


def extension(walk: Walk, data: Data) -> Done:
    """Known extensions are walked; others are emptied, and so dropped by the caller."""
    url = data.get("url")
    nested = isinstance(url, str) and re.fullmatch(r"[A-Za-z][\w-]{0,63}", url)
    if not isinstance(url, str) or not (nested or rules.PUBLIC.fullmatch(url)):
        data.clear()
        return frozenset()
    label = rules.EXTENSIONS.get(url.rpartition("/")[2])
    if label == "drop":
        data.clear()
    elif label is not None and isinstance(data.get("valueString"), str):
        walk.sheet.value(label, data["valueString"], _putter(data, "valueString"))
        return frozenset({"valueString"})
    return frozenset()


def meta(walk: Walk, data: Data) -> Done:
    """Profiles that are not public are dropped; a label says that the resource is pseudonymised."""
    profiles = [one for one in _strings(data.pop("profile", None), "Meta") if rules.PUBLIC.fullmatch(one)]
    if profiles:
        data["profile"] = profiles
    return frozenset({"profile"})


def attachment(walk: Walk, data: Data) -> Done:
    """Plain text, HTML and XHTML are rewritten; other content, and links to it, are taken out."""
    kind = str(data.get("contentType", ""))
    content = data.get("data")
    sized, hashed = "size" in data, "hash" in data
    for name in ("size", "hash", "_data", "_url"):
        data.pop(name, None)
    if isinstance(data.get("url"), str):
        link = walk.ids.link(data.pop("url"))
        if link is not None and target_type(link) in ("Binary", "") and not link.startswith("http"):
            data["url"] = link
        elif content is None:
            mask(data, "url")
    if content is not None:
        text = _decoded(content, kind)
        if text is None:
            mask(data, "data")
        else:
            data["contentType"] = f"{kind.split(';')[0].strip().lower()}; charset=utf-8"
            _rewrite(walk, data, text, sized, hashed)
    return frozenset({"data", "url", "_data", "_url", "size", "hash"})


def _decoded(content: Any, kind: str) -> str | None:
    """The text of base64 content; None for what is no text, or not in its character set."""
    charset = _CHARSET.search(kind.lower())
    if kind.split(";")[0].strip().lower() not in _TEXT_TYPES or not isinstance(content, str):
        return None
    try:
        return base64.b64decode("".join(content.split()), validate=True).decode(
            charset[1] if charset else "utf-8"
        )
    except (binascii.Error, ValueError, LookupError):
        return None


def _rewrite(walk: Walk, data: Data, text: str, sized: bool, hashed: bool) -> None:
    def put(new: str) -> None:
        raw = new.encode("utf-8", "replace")
        data["data"] = base64.b64encode(raw).decode("ascii")
        if sized:
            data["size"] = len(raw)
        if hashed:  # FHIR R4: the SHA-1 of the content
            digest = hashlib.sha1(raw, usedforsecurity=False).digest()
            data["hash"] = base64.b64encode(digest).decode("ascii")

    if data["contentType"].startswith("text/plain"):
        walk.text(text, put)
    else:
        walk.later(page(walk.sheet, text, put))


def _putter(holder: Any, key: Any) -> Callable[[str], None]:
    return lambda new: holder.__setitem__(key, new)


SPECIAL: dict[str, Callable[[Walk, Data], Done]] = {
    "HumanName": human_name,
    "Address": address,
    "ContactPoint": contact_point,
    "Identifier": identifier,
    "Coding": coding,
    "Reference": reference,
    **dict.fromkeys(("Quantity", "Age", "Duration"), quantity),
    "SampledData": sampled,
    "Extension": extension,
    "Meta": meta,
    **dict.fromkeys(("Attachment", "Binary"), attachment),
}
