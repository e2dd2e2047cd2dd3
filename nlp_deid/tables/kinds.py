"""The kinds of columns that the HIPAA rules tell apart, and how a column's kind is recognised."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from nlp_deid.hipaa import year_of
from nlp_deid.resources import folder


@dataclass(frozen=True)
class Kind:
    """One kind of column.

    Attributes:
        letter: of 45 CFR 164.514(b)(2)(i); "" if the rule does not name it.
        safe_harbor: "drop", "keep", or what is made of each value: "year", "age", "zip3", "scrub".
        limited: the same for a Limited Data Set, 164.514(e)(2).
        header: what a column name of this kind matches, in lower-case words.
    """

    letter: str
    safe_harbor: str
    limited: str
    header: str = ""


_NO_PERSON = (
    r"drug|medication|test|lab|product|item|procedure|diagnosis|country|state|file|unit|brand|generic"
)

# In the order in which column names are tried.
KINDS: dict[str, Kind] = {
    "email": Kind("F", "drop", "drop", r"e ?mail|mail address"),
    "fax": Kind("E", "drop", "drop", r"fax"),
    "phone": Kind("D", "drop", "drop", r"phone|telephone|tel|mobile|cell|pager"),
    "ssn": Kind("G", "drop", "drop", r"ssn|social security|tin|itin"),
    "mrn": Kind(
        "H", "drop", "drop", r"mrn|medical record|chart (no|num|number|id)|patient (id|no|num|number)"
    ),
    "health_plan": Kind(
        "I",
        "drop",
        "drop",
        r"(health plan|member|subscriber|beneficiary|policy|medicare|medicaid|insurance) "
        r"(id|no|num|number)|hicn|mbi",
    ),
    "account": Kind("J", "drop", "drop", r"account|acct|iban|credit card|card (no|num|number)"),
    "license": Kind("K", "drop", "drop", r"licen[sc]e|drivers?|certificate|dea|npi|passport"),
    "vehicle": Kind("L", "drop", "drop", r"vin|vehicle|license plate|plate"),
    "device": Kind("M", "drop", "drop", r"(device|implant|serial) (id|no|num|number|serial)|serial|udi|imei"),
    "url": Kind("N", "drop", "drop", r"url|website|web site|homepage|link"),
    "ip": Kind("O", "drop", "drop", r"ip|ip ?(addr|address)|ipv[46]|mac address"),
    "biometric": Kind("P", "drop", "drop", r"finger ?print|voice ?print|iris|retina|biometrics?|face id"),
    "photo": Kind("Q", "drop", "drop", r"photos?|picture|image|portrait"),
    "zip": Kind("B", "zip3", "keep", r"zip|zip ?code|postal code|post ?code|zcta"),
    "address": Kind("B", "drop", "drop", r"address|addr|street|apartment|apt|house (no|number)"),
    "city": Kind("B", "drop", "keep", r"city|town|municipality"),
    "geography": Kind(
        "B",
        "drop",
        "drop",
        r"birth ?place|place of birth|home ?town|residence|county|precinct|parish|district|lat|lon|lng|latitude|longitude|"
        r"geocode|geohash|"
        r"census tract|tract|block group|fips|village|neighbou?rhood",
    ),
    "age": Kind("C", "age", "keep", r"age|ages"),
    "date": Kind(
        "C",
        "year",
        "keep",
        r"(?:birth|death|start|end|stop|service|visit|admit|admission|discharge)?dates?|"
        r"dob|dod|birth ?(?:day|year)|year of birth|yob|datetime|timestamp|"
        r"(?:birth|admi(?:t|tted|ssion)|discharged?|deceased|died|death)(?: (?:time|dt|dttm|at|on|day))?$",
    ),
    "text": Kind(
        "", "scrub", "scrub", r"notes?|comments?|remarks?|narrative|free text|report|history|impression"
    ),
    "name": Kind(
        "A",
        "drop",
        "drop",
        r"names?|^(?:patient|first|last|middle)$|[fl]name|surname|lastname|firstname|forename|maiden|initials|mother|father|spouse|"
        r"guardian|next of kin|kin|emergency contact|employer|physician|doctor|provider|attending|nurse|relative",
    ),
    "code": Kind(
        "R", "drop", "keep", r"id|uuid|guid|identifier|accession|encounter (id|no|num|number)|key|index"
    ),
    "identifier": Kind("R", "drop", "drop"),
    "state": Kind("", "keep", "keep", r"state|country"),
    "keep": Kind("", "keep", "keep"),
}

# Values that are identifiers wherever they stand. (?a) digits are ASCII ones.
SURE: dict[str, re.Pattern[str]] = {
    "email": re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*[a-zA-Z]"),
    "url": re.compile(r"(?i)\bhttps?://\S+|\bwww\.[a-z0-9-]+\.[a-z]\S*"),
    "ssn": re.compile(r"(?<![\d-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
    "ip": re.compile(r"(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])"),
    "phone": re.compile(
        r"(?<![\w-])(?:\+?1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}(?![\w-])"
    ),
    "code": re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"),  # a UUID
    "zip": re.compile(r"(?<![\d-])\d{5}-\d{4}(?![\d-])"),
    "date": re.compile(
        r"(?i)(?<!\d)(?:1[89]|2[01])\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])(?!\d)"
        r"|(?<!\d)(?:0?[1-9]|[12]\d|3[01])[-/.](?:0?[1-9]|[12]\d|3[01])[-/.](?:(?:1[89]|2[01])\d\d|\d\d)(?!\d)"
        r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d{1,2}(?:st|nd|rd|th)?,? (?:1[89]|2[01])\d\d\b"
        r"|\b\d{1,2} (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,? (?:1[89]|2[01])\d\d\b"
    ),
}

_DATE_LIKE = re.compile(
    r"(?i)\d[-/.]\d|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)|(?<!\d)(?:\d{6}|\d{8})(?!\d)"
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+")
_FEW = 5  # distinct values below which a column is no list of names
_MANY = 20  # distinct values from which a column without repeats is taken for codes
_TEXT_WORDS = 8


def kind_of_header(name: str) -> str | None:
    """The kind that a column's name tells, or None."""
    words = " ".join(_CAMEL.sub(" ", name).lower().split())
    for kind, facts in KINDS.items():
        if facts.header and re.search(rf"\b(?:{facts.header})\b", words):
            if kind == "name" and re.search(rf"\b(?:{_NO_PERSON}) names?\b", words):
                continue
            return kind
    return None


def plausible(kind: str, values: Sequence[str]) -> bool:
    """Whether the values may be of the kind that the name of their column tells.

    Flags such as `death` = 0 or 1 are no dates.
    """
    if kind == "date":
        return any(_DATE_LIKE.search(value) or year_of(value) for value in values)
    return kind not in ("age", "zip") or any(re.search(r"\d", value) for value in values)


def kind_of_values(values: Sequence[str], rows: int) -> str | None:
    """The kind that a column's values tell, or None.

    Args:
        values: the distinct values without missing ones.
        rows: the rows that are not missing.
    """
    if not values:
        return None
    for kind, pattern in SURE.items():
        if 2 * sum(bool(pattern.fullmatch(value.strip())) for value in values) > len(values):
            return kind
    if 10 * sum(len(value.split()) >= _TEXT_WORDS for value in values) >= len(values):
        return "text"
    if len(values) >= _FEW and 5 * sum(_is_name(value) for value in values) >= 3 * len(values):
        return "name"
    measured = all(re.fullmatch(r"-?\d*\.\d+(?:e[+-]?\d+)?", value, re.I) for value in values)
    if len(values) >= _MANY and 20 * len(values) >= 19 * rows and not measured:
        return "code"
    return None


def _is_name(value: str) -> bool:
    words = re.findall(r"[^\W\d_]+", value.lower())
    return 1 <= len(words) <= 4 and not re.search(r"\d", value) and bool(_first_names().intersection(words))


@cache
def _first_names() -> frozenset[str]:
    """The 1,000 most frequent first names of the USA."""
    text = (folder("dictionaries") / "firstnames_common.txt").read_text(encoding="utf-8")
    return frozenset(line.partition("\t")[0].strip().lower() for line in text.splitlines() if line)
