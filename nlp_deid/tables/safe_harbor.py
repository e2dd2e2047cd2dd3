"""The HIPAA rules for tables: Safe Harbor and the Limited Data Set, applied and checked by column.

45 CFR 164.514(b)(2) and (e)(2). What a value may become is `nlp_deid.hipaa`; a value that is not
surely understood is left out, never passed on. Whether the data holder knows of other ways to tell
a person, (b)(2)(ii), no program can check.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from nlp_deid.hipaa import (
    CENSUSES,
    NO_ZIP3,
    OVER_89,
    generalize_age,
    implies_over_89,
    is_populous,
    year_of,
    zip3,
)
from nlp_deid.tables.classes import Column
from nlp_deid.tables.frames import Frame, TableError, like, polars, to_polars
from nlp_deid.tables.hierarchy import MISSING
from nlp_deid.tables.kinds import KINDS, SURE, kind_of_header, kind_of_values, plausible
from nlp_deid.tables.table import encode

if TYPE_CHECKING:
    import polars as pl

Scrub = Callable[[str], str]
UNITS = ("years", "months", "weeks", "days")


@dataclass(frozen=True)
class ColumnRule:
    """What a column is.

    Attributes:
        kind: one of `KINDS`.
        unit: of an age.
        why: "declared", "name" (its name tells) or "values" (its values tell); "" if nothing
            speaks for an identifier.
    """

    kind: str
    unit: str = "years"
    why: str = "declared"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise TableError(f"unknown kind {self.kind!r}; there are {', '.join(KINDS)}")
        if self.unit not in UNITS:
            raise TableError(f"unknown unit {self.unit!r}; there are {', '.join(UNITS)}")


@dataclass(frozen=True)
class ColumnResult:
    """What was done with a column: its action and the rows it changed; `unread` of them were left
    empty because their value could not be understood.
    """

    column: str
    kind: str
    why: str
    letter: str
    action: str
    changed: int
    unread: int


@dataclass(frozen=True)
class Violation:
    """What breaks a rule: `rows` rows of a column, the letter of the identifier, and the fault."""

    column: str
    letter: str
    fault: str
    rows: int

    def __str__(self) -> str:
        return f"column {self.column!r}: {self.fault} in {self.rows} rows ({self.letter})"


class SafeHarbor:
    """Removes the 18 identifiers, or says where they are.

    Attributes:
        results: what the last `fit_transform` did, by column.
    """

    results: tuple[ColumnResult, ...] = ()

    def __init__(
        self,
        columns: Mapping[str, str | ColumnRule] | None = None,
        *,
        scrub: Scrub | None = None,
        reference_year: int | None = None,
        census: int = 2020,
    ) -> None:
        """Settings.

        Args:
            columns: for columns by name their kind; the kinds of others are found by their name,
                then by their values.
            scrub: takes the identifiers out of a free text; without it free text is left out.
            reference_year: the year in which ages are counted; by default this one. A year of
                another date in the data must not be later.
            census: for three-digit ZIPs: 2020, 2010 or 2000.

        Raises:
            TableError: an unknown kind or census.
        """
        self.columns = {
            name: rule if isinstance(rule, ColumnRule) else ColumnRule(rule)
            for name, rule in (columns or {}).items()
        }
        if census not in CENSUSES:
            raise TableError(f"unknown census; there are {', '.join(map(str, CENSUSES))}")
        self.scrub, self.census = scrub, census
        self.reference_year = date.today().year if reference_year is None else reference_year

    def action(self, kind: str) -> str:
        """What is done with columns of a kind."""
        return KINDS[kind].safe_harbor

    def rules(self, frame: Frame) -> dict[str, ColumnRule]:
        """What each column of a frame is held to be.

        Raises:
            TableError: a declared column that is not in the frame.
        """
        table = to_polars(frame)
        for name in self.columns:
            if name not in table.columns:
                raise TableError(f"column {name!r} is not in the table")
        return {name: self.columns.get(name) or detect(encode(table[name])) for name in table.columns}

    def fit_transform(self, frame: Frame) -> Frame:
        """The frame without identifiers, of the same kind as the given one; changed columns are text."""
        table = to_polars(frame)
        rules, results = self.rules(table), []
        for name, rule in rules.items():
            action, column = self.action(rule.kind), encode(table[name])
            new = self._transformed(column, rule, action)
            changed, unread = _changes(column, new)
            unread = 0 if action == "drop" else unread
            results.append(
                ColumnResult(name, rule.kind, rule.why, KINDS[rule.kind].letter, action, changed, unread)
            )
            if action == "drop":
                table = table.drop(name)
            elif action != "keep":
                table = table.with_columns(_series(column, new))
        self.results = tuple(results)
        return like(table, frame)

    def check(self, frame: Frame) -> list[Violation]:
        """What of a frame breaks the rule; empty if nothing is seen to."""
        table = to_polars(frame)
        found = []
        for name, rule in self.rules(table).items():
            column = encode(table[name])
            found += self._violations(column, rule, self.action(rule.kind))
        return found

    def _violations(self, column: Column, rule: ColumnRule, action: str) -> list[Violation]:
        kind, counts = KINDS[rule.kind], _counts(column)
        if action == "keep":
            # Kept as a whole: only what no reading of the column allows.
            sure = {} if rule.kind in self._kept_values() else SURE
            hits = {
                k: _rows(column, counts, pattern) for k, pattern in sure.items() if self.action(k) != "keep"
            }
            return [Violation(column.name, KINDS[k].letter, f"{k} values", n) for k, n in hits.items() if n]
        if action == "drop":
            rows = sum(n for value, n in zip(column.values, counts, strict=True) if value != MISSING)
            return [Violation(column.name, kind.letter, f"{rule.kind} column", rows)] if rows else []
        changed, _ = _changes(column, self._transformed(column, rule, action))
        letter = kind.letter or "A-R"
        fault = "free text that is not scrubbed" if action == "scrub" else f"{rule.kind} values"
        return [Violation(column.name, letter, fault, changed)] if changed else []

    def _kept_values(self) -> set[str]:
        """Kinds whose own values may look like identifiers and yet stay."""
        return {kind for kind in ("date", "zip", "age", "city", "code") if self.action(kind) == "keep"}

    def _transformed(self, column: Column, rule: ColumnRule, action: str) -> list[str]:
        """For each distinct value what becomes of it; "" where nothing may stay."""
        if action == "keep":
            return list(column.values)
        whole = all(re.fullmatch(r"\d{3}", v.strip()) for v in column.values if v != MISSING)
        makers: dict[str, Scrub] = {
            "year": self._year,
            "age": lambda value: self._age(value, rule.unit),
            "zip3": lambda value: self._zip3(value, whole),
            "scrub": self.scrub or (lambda value: MISSING),
            "drop": lambda value: MISSING,
        }
        return [MISSING if value == MISSING else _safely(makers[action], value) for value in column.values]

    def _year(self, value: str) -> str:
        if value.strip() == OVER_89:
            return OVER_89
        years = year_of(value)
        over = any(implies_over_89(int(year), self.reference_year) for year in years.split("-") if year)
        return OVER_89 if over else years

    def _age(self, value: str, unit: str) -> str:
        plain = value.strip()
        if unit == "years" or not re.fullmatch(r"\d+(\.\d+)?", plain):
            return generalize_age(plain)
        return OVER_89 if generalize_age(f"{plain} {unit}") == OVER_89 else plain

    def _zip3(self, value: str, whole: bool) -> str:
        """`whole`: all values of the column have three digits, so none lost its zeros."""
        plain = value.strip()
        if whole:
            return plain if plain != NO_ZIP3 and is_populous(plain, self.census) else NO_ZIP3
        return zip3(plain, self.census)


class LimitedDataSet(SafeHarbor):
    """Removes the 16 direct identifiers; towns, states, ZIPs, dates, ages and codes stay.

    It may be passed on under a data use agreement only. Of addresses no more than town or city,
    State and ZIP stays, so counties and coordinates go.
    """

    def action(self, kind: str) -> str:
        return KINDS[kind].limited


def detect(column: Column) -> ColumnRule:
    """What a column seems to be: by its name, then by its values."""
    values = [value for value in column.values if value != MISSING]
    by_name = kind_of_header(column.name)
    if by_name and plausible(by_name, values):
        return ColumnRule(by_name, why="name")
    rows = int(sum(n for v, n in zip(column.values, _counts(column), strict=True) if v != MISSING))
    by_values = kind_of_values(values, rows)
    return ColumnRule(by_values, why="values") if by_values else ColumnRule("keep", why="")


def _safely(make: Scrub, value: str) -> str:
    """What a value becomes; nothing if it is not understood or the text engine fails on it."""
    try:
        return make(value)
    except Exception:  # whatever went wrong: the value must not pass, nor stand in a traceback
        return MISSING


def _counts(column: Column) -> list[int]:
    return np.bincount(column.codes, minlength=len(column.values)).tolist()  # type: ignore[no-any-return]


def _rows(column: Column, counts: list[int], pattern: re.Pattern[str]) -> int:
    return sum(n for value, n in zip(column.values, counts, strict=True) if pattern.search(value))


def _changes(column: Column, new: list[str]) -> tuple[int, int]:
    """Rows whose value is another now, and those of them that are left empty."""
    pairs = list(zip(column.values, new, _counts(column), strict=True))
    changed = sum(n for old, now, n in pairs if old != now)
    return changed, sum(n for old, now, n in pairs if now == MISSING and old != MISSING)


def _series(column: Column, new: list[str]) -> pl.Series:
    pl = polars()
    texts = pl.Series(column.name, [text if text != MISSING else None for text in new], pl.String)
    return texts.gather(column.codes)  # type: ignore[no-any-return]
