"""Runs the examples of rules and throws hostile text at their patterns."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import regex

from nlp_deid.detect.rule import Rule
from nlp_deid.labels import LABELS
from nlp_deid.layout import View

_MARK = regex.compile(rf"\[\[(?:({'|'.join(LABELS)})=)?(.*?)\]\]", regex.DOTALL)
_LENGTH = 10_000
_SECONDS = 0.05
_TRIES = 4
_EXAMPLES = 2


@dataclass(frozen=True)
class Problem:
    """What is wrong with one rule."""

    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.text}"


def unmark(example: str) -> tuple[str, list[tuple[int, int, str]]]:
    """The text of a marked example, and its marks (start, end, label or "")."""
    text, marks, at = "", [], 0
    for mark in _MARK.finditer(example):
        text += example[at : mark.start()]
        marks.append((len(text), len(text) + len(mark[2]), mark[1] or ""))
        text += mark[2]
        at = mark.end()
    return text + example[at:], marks


def _examples(rule: Rule) -> Iterator[str]:
    if min(len(rule.match), len(rule.no_match)) < _EXAMPLES:
        yield f"needs at least {_EXAMPLES} examples in match and in no_match"
    for number, example in enumerate(rule.match, 1):
        text, marks = unmark(example)
        if not marks:
            yield f"match {number} marks nothing with [[...]]"
            continue
        view = View(text)
        found = {(*view.span(start, end), label) for start, end, label in rule.find(view)}
        wanted = {(start, end, label or rule.label) for start, end, label in marks}
        if unlabelled := {(s, e) for s, e, _ in wanted} - {(s, e) for s, e, _ in found}:
            yield f"match {number}: not found at {sorted(unlabelled)}; found {sorted(found)}"
        elif extra := {(s, e) for s, e, _ in found} - {(s, e) for s, e, _ in wanted}:
            yield f"match {number}: found also at {sorted(extra)}"
        elif any(label and (s, e, label) not in found for s, e, label in marks):
            yield f"match {number}: found with another label: {sorted(found)}"
    for number, example in enumerate(rule.no_match, 1):
        if found_at := [(start, end) for start, end, _ in rule.find(View(example))]:
            yield f"no_match {number}: found at {found_at}"


def hostile(rule: Rule) -> Iterator[str]:
    """Texts of 10,000 characters built to make a careless pattern backtrack."""
    seeds = [
        "a",
        "A",
        "1",
        " ",
        "-",
        ".",
        "a ",
        "A. ",
        "1 ",
        "1-",
        "1/",
        "Aa ",
        "a@",
        "a.",
        ", ",
        "\n",
        "\x0b",
    ]
    for example in rule.match:
        text, marks = unmark(example)
        seeds += [text + " ", *(text[s:e] for s, e, _ in marks), *(text[s:e] + " " for s, e, _ in marks)]
        seeds += [text[: e - 1] for _, e, _ in marks]
    lead = " ".join(rule.literals[:1])
    for seed in dict.fromkeys(seeds):
        if seed:
            yield f"{lead} {seed * (_LENGTH // len(seed))}\x00"


def _slow(rule: Rule) -> Iterator[str]:
    for text in hostile(rule):
        view = View(text)
        _ = view.lower, view.joined
        try:
            # A busy machine slows single runs: the quickest of a few counts.
            quick = any(_seconds(rule, view) <= _SECONDS for _ in range(_TRIES))
        except TimeoutError:
            yield "hostile text: time limit passed"
            return
        if not quick:
            limit = f"{_SECONDS * 1000:.0f} ms"
            yield f"hostile text: more than {limit} for {len(text)} characters, {_TRIES} times"
            return


def _seconds(rule: Rule, view: View) -> float:
    """CPU seconds of one search."""
    start = time.process_time()
    for _ in rule.find(view):
        pass
    return time.process_time() - start


def check_rules(rules: Iterable[Rule]) -> list[Problem]:
    """Problems of the rules: bad patterns, failing examples, slowness on hostile text."""
    problems = []
    for rule in rules:
        try:
            _ = rule.compiled
        except regex.error as error:
            problems.append(Problem(rule.id, f"bad pattern: {error}"))
            continue
        problems += [Problem(rule.id, text) for text in (*_examples(rule), *_slow(rule))]
    return problems
