"""Sample documents of fictional people, and the pipeline that the tests of carriers share."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from nlp_deid.deid import Deid
from nlp_deid.pipeline import load
from nlp_deid.replace.keys import Secret

FOLDER = Path(__file__).parent / "fixtures" / "carriers"
KEY = Secret(bytes.fromhex("8f1d3c5a7b9e02466813579bdfeca1b2c3d4e5f60718293a4b5c6d7e8f901122"))
OTHER_KEY = Secret(bytes.fromhex("71c04be6d2f8935a1e6d7f80b3a4c5929f0e1d2c3b4a59687786950413f2e1d0"))
# What the samples hold of their people, in any case; dates are tested by themselves.
IDENTIFIERS = [
    "Dellworth", "Marguerite", "Beatrix", "Tarrant", "Okonjo", "Prescott", "Vossberg", "Ingrid", "Ostrander", "Brendan",
    "00483921", "219-09-9999", "219099999", "555-0147", "5550147", "555 0147", "555-0188", "555-0110", "mailhaven", "mdellworth",
    "Quarry Hollow", "05663", "Northfield", "Montpelier", "1093817465", "2203948571", "XQH830294471", "V19-220114", "V19220114",
    "VT-8834512", "MSG00483921", "ORD-99120", "FIL-55321", "GRP-77120", "Green Mountain", "SBMC", "private note", "vip-note",
]  # fmt: skip
ALSO_KEPT_IN_LIMITED = {"Northfield", "Montpelier", "05663"}


@cache
def pipeline(policy: str = "surrogate", name: str = "rules", key: Secret = KEY) -> Deid:
    return load(name, policy, surrogates={"source": key})


def bundle() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "bundle.json").read_text(encoding="utf-8"))
    return found


def message() -> str:
    return (FOLDER / "oru.hl7").read_bytes().decode()


def resource(document: dict[str, Any], kind: str, number: int = 0) -> dict[str, Any]:
    """A resource of a Bundle by its type."""
    found = [entry["resource"] for entry in document["entry"] if entry["resource"]["resourceType"] == kind]
    return dict(found[number])


def strings(value: Any) -> Iterator[str]:
    """Every string of a document, keys too, and what base64 holds."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from strings(one)
            if key == "data" and isinstance(one, str):
                yield base64.b64decode(one).decode("utf-8", "replace")
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def left(text: str, kept: set[str] | frozenset[str] = frozenset()) -> list[str]:
    """Identifiers of the samples that a text still holds."""
    plain = text.casefold()
    return [value for value in IDENTIFIERS if value not in kept and value.casefold() in plain]
