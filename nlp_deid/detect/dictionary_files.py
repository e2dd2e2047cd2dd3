"""Dictionary folders: term lists, one term a line, described by an index.yaml.

A folder holds `.txt` lists and one `index.yaml` that maps each list's name to its entry
(`ENTRY_KEYS`). A line is a term; in a list with `columns` the term is followed by TAB-separated
fields. A site keeps its own lists in a folder of the same form. Such lists may hold PHI, so no
message here ever shows a term: it says file and line.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.labels import check_label

INDEX = "index.yaml"
KINDS = ("phi", "ambiguous", "indicator", "keep")
CASES = ("any", "title", "exact")
ENTRY_KEYS = (
    "what", "file", "label", "kind", "score", "case", "except", "columns", "source", "licence", "date",
    "count",
)  # fmt: skip
_REQUIRED = ("kind", "source", "licence", "date", "count")


class DictionaryError(ValueError):
    """A term list or an index that breaks the rules of its form; holds no term."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One list of a dictionary folder.

    Args:
        name: the list's name.
        path: its file, `<name>.txt` unless the index says otherwise (`file`).
        label: the PHI label that its terms suggest, "" if none.
        kind: one of KINDS.
        score: score of a span proposed on the strength of this list alone; None for lists that
            only support other evidence.
        case: `any`; `title` (found only where its words are capitalised); `exact`.
        exclude: a list whose terms are not proposed (`except` in the index).
        columns: names of the TAB-separated fields.
        count: number of terms.
    """

    name: str
    path: Path
    kind: str
    label: str = ""
    score: float | None = None
    case: str = "any"
    exclude: str = ""
    columns: tuple[str, ...] = ("term",)
    what: str = ""
    source: str = ""
    licence: str = ""
    date: str = ""
    count: int = 0


def read_index(folder: Path) -> dict[str, Entry]:
    """The entries of a dictionary folder, in the order of its index.

    Raises:
        DictionaryError: no index, or an entry that breaks its form; says which and what is allowed.
    """
    path = folder / INDEX
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DictionaryError(f"{path}: missing; a dictionary folder needs one") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DictionaryError(f"{path}: not YAML in UTF-8 ({type(error).__name__})") from None
    if not isinstance(loaded, dict):
        raise DictionaryError(f"{path}: must map each list's name to its entry")
    return {str(name): _entry(folder, str(name), fields) for name, fields in loaded.items()}


def _entry(folder: Path, name: str, fields: Any) -> Entry:
    where = f"{folder / INDEX}: {name}"
    if not isinstance(fields, dict):
        raise DictionaryError(f"{where}: must be a mapping; keys: {', '.join(ENTRY_KEYS)}")
    for key in fields:
        if key not in ENTRY_KEYS:
            raise DictionaryError(f"{where}: unknown key {key!r}; allowed: {', '.join(ENTRY_KEYS)}")
    for key in _REQUIRED:
        if key not in fields:
            raise DictionaryError(f"{where}: {key} is missing")
    kind, case, label = str(fields["kind"]), str(fields.get("case", "any")), str(fields.get("label") or "")
    if kind not in KINDS:
        raise DictionaryError(f"{where}: unknown kind {kind!r}; allowed: {', '.join(KINDS)}")
    if case not in CASES:
        raise DictionaryError(f"{where}: unknown case {case!r}; allowed: {', '.join(CASES)}")
    score = fields.get("score")
    if score is not None and not (isinstance(score, (int, float)) and 0 < score <= 1):
        raise DictionaryError(f"{where}: score must be a number in (0, 1]")
    if score is not None and (kind != "phi" or not label):
        raise DictionaryError(f"{where}: a list with a score needs kind phi and a label")
    if label:
        try:
            check_label(label)
        except ValueError as error:
            raise DictionaryError(f"{where}: {error}") from None
    return Entry(
        name=name,
        path=folder / str(fields.get("file") or f"{name}.txt"),
        kind=kind,
        label=label,
        score=None if score is None else float(score),
        case=case,
        exclude=str(fields.get("except") or ""),
        columns=tuple(fields.get("columns") or ("term",)),
        what=str(fields.get("what") or ""),
        source=str(fields["source"]),
        licence=str(fields["licence"]),
        date=str(fields["date"]),
        count=int(fields["count"]),
    )


def read_lines(entry: Entry) -> list[str]:
    """The lines of a list, checked: UTF-8, NFC, sound lines, no term twice.

    Raises:
        DictionaryError: says file and line of the first fault.
        FileNotFoundError: the index names a list that is not there.
    """
    data = entry.path.read_bytes()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DictionaryError(f"{entry.path}: line {line}: not UTF-8") from None
    lines = _split(text)
    if not _sound(text, lines, entry):
        raise DictionaryError(next(_faults(entry, lines), f"{entry.path}: unsound"))
    return lines


def _split(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def _sound(text: str, lines: list[str], entry: Entry) -> bool:
    """A quick test of the whole file; `_faults` finds the line."""
    return (
        len(entry.columns) == 1
        and len(set(lines)) == len(lines)
        and "" not in lines
        and text.replace("\n", "").isprintable()
        and not any(edge in f"\n{text}\n" for edge in ("\n ", " \n"))
        and unicodedata.is_normalized("NFC", text)
        and (entry.case == "exact" or text == text.lower())
    ) or not any(_faults(entry, lines))


def _faults(entry: Entry, lines: Iterable[str]) -> Iterator[str]:
    """Every fault of a list's lines, as messages without terms."""
    first: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        where = f"{entry.path}: line {number}"
        fields = line.split("\t")
        term = fields[0]
        if not term.strip():
            yield f"{where}: empty"
            continue
        if any(field != field.strip() or not field.isprintable() for field in fields):
            yield f"{where}: a blank at an end, or a control or invisible character"
        if len(fields) > len(entry.columns):
            yield f"{where}: {len(fields)} TAB-separated fields; allowed: {', '.join(entry.columns)}"
        if not unicodedata.is_normalized("NFC", line):
            yield f"{where}: not in Unicode form NFC"
        if entry.case != "exact" and term != term.lower():
            yield f"{where}: upper case, but only a list with `case: exact` keeps case"
        if term in first:
            yield f"{where}: the same term as line {first[term]}"
        first.setdefault(term, number)


def check_folder(folder: Path) -> list[str]:
    """Every problem of a dictionary folder, as messages without terms; empty if it is sound.

    Checks the index, the form of each list, the counts, files without an entry, and terms that
    one list proposes as PHI and another keeps.
    """
    try:
        entries = read_index(folder)
    except DictionaryError as error:
        return [str(error)]
    problems = [
        f"{path}: no entry in {INDEX}" for path in sorted(folder.glob("*.txt")) if path.stem not in entries
    ]
    lists: dict[str, list[str]] = {}
    for name, entry in entries.items():
        try:
            lines = _split(entry.path.read_bytes().decode("utf-8"))
        except FileNotFoundError:
            problems.append(f"{entry.path}: missing")
            continue
        except UnicodeDecodeError:
            problems.append(f"{entry.path}: not UTF-8")
            continue
        problems.extend(_faults(entry, lines))
        if len(lines) != entry.count:
            problems.append(f"{entry.path}: {len(lines)} lines, but {INDEX} says count: {entry.count}")
        if entry.exclude and entry.exclude not in entries:
            problems.append(f"{folder / INDEX}: {name}: except names no list of this folder")
        lists[name] = [line.split("\t")[0] for line in lines]
    return problems + _conflicts(entries, lists)


def _conflicts(entries: dict[str, Entry], lists: dict[str, list[str]]) -> list[str]:
    """Terms that one list proposes as PHI and another keeps."""
    kept = {
        term: name
        for name, terms in lists.items()
        if entries[name].kind == "keep" and len(entries[name].columns) == 1 and name not in WORD_LISTS
        for term in terms
    }
    problems = []
    for name, terms in lists.items():
        if entries[name].score is None:
            continue
        excluded = set(lists.get(entries[name].exclude, ()))
        for number, term in enumerate(terms, 1):
            if term in kept and term not in excluded:
                problems.append(f"{entries[name].path}: line {number}: also kept by {kept[term]}")
    return problems


# Kept only as evidence that a word is an ordinary one: they veto nothing by themselves.
WORD_LISTS = ("common_words", "medical_words", "abbreviations")


def write_list(path: Path, lines: Iterable[str]) -> int:
    """Write lines sorted, NFC, without duplicates or empties; the number written."""
    tidy = sorted({unicodedata.normalize("NFC", line).strip() for line in lines} - {""})
    path.write_text("".join(f"{line}\n" for line in tidy), encoding="utf-8", newline="\n")
    return len(tidy)


def put_list(
    folder: Path,
    lines: Iterable[str],
    name: str,
    *,
    kind: str,
    label: str = "",
    score: float | None = None,
    case: str = "any",
    source: str = "",
    licence: str = "",
) -> int:
    """Put terms into a dictionary folder as a new list, and its entry into the index.

    Terms are lower-cased (unless `case` is "exact"), sorted and made unique. The folder and its
    index are made if they are not there. A `phi` list without a score gets 0.95. Returns the count.

    Raises:
        DictionaryError: a name in use, an unknown kind, label or case; nothing is written then.
    """
    index = folder / INDEX
    if not name.isidentifier():
        raise DictionaryError(f"{name!r} is no list name: letters, digits and _ only")
    entries: dict[str, Any] = {}
    if index.exists():
        read_index(folder)
        entries = yaml.safe_load(index.read_text(encoding="utf-8"))
    if name in entries:
        raise DictionaryError(f"{index}: {name} is there already")
    if kind == "phi" and score is None:
        score = 0.95
    fields = {
        "label": label,
        "kind": kind,
        "score": score,
        "case": case,
        "source": source or "a site's own",
        "licence": licence or "a site's own",
        "date": Date.today().isoformat(),
        "count": 0,
    }
    entry = _entry(folder, name, fields)
    folder.mkdir(parents=True, exist_ok=True)
    count = fields["count"] = write_list(
        entry.path, lines if case == "exact" else (line.lower() for line in lines)
    )
    entries[name] = {key: value for key, value in fields.items() if value not in ("", None)}
    index.write_text(yaml.safe_dump(entries, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return count


def add_list(folder: Path, terms: Path, name: str, **entry: Any) -> int:
    """`put_list` with the terms of a UTF-8 file, one a line."""
    with terms.open(encoding="utf-8-sig") as lines:
        return put_list(folder, lines, name, **entry)
