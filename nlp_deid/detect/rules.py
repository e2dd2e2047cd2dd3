"""Regular-expression rules read from YAML, each with its own examples.

A rule file holds `rules`, a list, and may `define` named fragments used as `{name}` in patterns.
Fields of a rule:
    id, why, label, score       what it finds, and how sure (0 to 1)
    pattern                     searched in the view of the note (layout.py)
    match, no_match             examples; [[...]] marks what must be found, [[LABEL=...]] names it
    ignore_case                 default false
    need                        lower-case literals; without one of them in the note the rule is skipped
    window                      with `need`: search only this many characters around each literal
    starts                      lower-case literals with which every match begins, at the start of a word
                                or of a number; the pattern is tried only there (much the fastest way)
    check                       a name from checks.py that the found text must pass
    near, reach                 words of which one must stand within `reach` characters before the find

A blank in a pattern is a gap: one or two blanks or a line wrap (` {2,9}`, ` *` and the like set
another number). `[ ]` is a plain blank. The find
is the whole match or, if it has them, its group `phi` and every group named after a label (`_` for
`-`), which then gives the label.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import regex
import yaml

from nlp_deid.detect.checks import CHECKS
from nlp_deid.detect.literals import Hit, Literals
from nlp_deid.labels import LABELS, check_label
from nlp_deid.layout import WRAP, View
from nlp_deid.note import Detector, Note, Span
from nlp_deid.resources import folder

_GAP = f"[ {WRAP}]"
_FRAGMENT = regex.compile(r"\{([a-z]\w*)\}")
_PIECES = regex.compile(
    r"\\.|\[(?:\^?\]?)(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|[ ]([?*+]|\{\d+(?:,\d*)?\})?|[^\\\[ ]+", regex.DOTALL
)
_QUANTIFIED = {None: "{1,2}", "?": "{0,2}"}
_GROUP_LABELS = {name.replace("-", "_"): name for name in LABELS}
_KEYS = {
    "id",
    "why",
    "label",
    "score",
    "pattern",
    "match",
    "no_match",
    "ignore_case",
    "need",
    "window",
    "starts",
    "check",
    "near",
    "reach",
}
# A rule that needs longer is hostile or broken; the note is then quarantined.
_SECONDS, _SECONDS_PER_CHARACTER = 2.0, 2e-6
# Asking the clock costs more than most searches. Shipped rules pass the hostile texts of rulecheck.py
# (10,000 characters each), so in short texts they run without it.
_SHORT = 20_000
# A find this close to the end of its window may hang on what stands beyond it.
_EDGE = 24


class RuleError(ValueError):
    """A rule file that cannot be used; the message names file, rule and field."""


def expand(pattern: str, fragments: Mapping[str, str]) -> str:
    """The pattern with fragments put in and every blank made a gap.

    Raises:
        RuleError: an unknown fragment, or fragments that contain themselves.
    """
    for _ in range(9):
        if not _FRAGMENT.search(pattern):
            break
        try:
            pattern = _FRAGMENT.sub(lambda m: f"(?:{fragments[m[1]]})", pattern)
        except KeyError as error:
            raise RuleError(
                f"unknown fragment {{{error.args[0]}}}; defined: {', '.join(fragments)}"
            ) from None
    else:
        raise RuleError("fragments nest too deeply")

    def gap(match: regex.Match[str]) -> str:
        return _GAP + _QUANTIFIED.get(match[1], match[1]) if match[0][0] == " " else match[0]

    return _PIECES.sub(gap, pattern)


@dataclass(frozen=True)
class Rule:
    """One rule; see the module's text for its fields."""

    id: str
    why: str
    label: str
    score: float
    pattern: str
    match: tuple[str, ...] = field(repr=False)
    no_match: tuple[str, ...] = field(repr=False)
    ignore_case: bool = False
    need: tuple[str, ...] = ()
    window: int = 0
    check: str = ""
    near: tuple[str, ...] = ()
    reach: int = 40
    starts: tuple[str, ...] = ()
    shipped: bool = False

    @cached_property
    def compiled(self) -> regex.Pattern[str]:
        """The pattern, compiled on first use: compiling is slow and many notes need few rules."""
        flags = regex.VERSION0 | regex.MULTILINE | (regex.IGNORECASE if self.ignore_case else 0)
        return regex.compile(self.pattern, flags)

    @cached_property
    def _groups(self) -> tuple[tuple[str, str], ...]:
        """(group, label) pairs to report."""
        named = self.compiled.groupindex
        groups = [
            (group, _GROUP_LABELS.get(group, self.label))
            for group in named
            if group in _GROUP_LABELS or group == "phi"
        ]
        return tuple(groups) or (("", self.label),)

    def find(self, view: View, hits: Sequence[Hit] | None = None) -> Iterator[tuple[int, int, str]]:
        """(start, end, label) of every find, offsets into the view.

        Args:
            view: the searched text.
            hits: where the literals of `need` or `starts` stand, if they have been looked up already.

        Raises:
            TimeoutError: the pattern took longer than its share for a text of this length.
        """
        if hits is None:
            literals = Literals(((literal, None) for literal in self.literals), opening=bool(self.starts))
            hits = literals.positions(view.lower)
        passes = CHECKS[self.check] if self.check else None
        for found in self._search(view.text, hits):
            if self.near and not self._is_near(view, found.start()):
                continue
            for group, label in self._groups:
                for start, end in found.spans(group) if group else (found.span(),):
                    if start < end and (passes is None or passes(view.text[start:end])):
                        yield start, end, label

    @property
    def literals(self) -> tuple[str, ...]:
        """The literals of `need` or `starts`; none for a rule that searches the whole text."""
        return self.need or self.starts

    def _search(self, text: str, hits: Sequence[Hit]) -> Iterator[regex.Match[str]]:
        """Matches in the whole text, at the hits or around them."""
        limit = (
            None if self.shipped and len(text) <= _SHORT else _SECONDS + _SECONDS_PER_CHARACTER * len(text)
        )
        if self.starts:
            return self._at(text, hits, limit)
        if self.window:
            return self._around(text, hits, limit)
        if hits or not self.need:
            return self.compiled.finditer(text, timeout=limit)
        return iter(())

    def _at(self, text: str, hits: Sequence[Hit], limit: float | None) -> Iterator[regex.Match[str]]:
        done = 0
        match = self.compiled.match
        for start, _ in sorted(hits):
            if start >= done and (found := match(text, start, timeout=limit)):
                done = found.end()
                yield found

    def _around(self, text: str, hits: Sequence[Hit], limit: float | None) -> Iterator[regex.Match[str]]:
        """Matches in windows; one that comes near a window's end is matched again beyond it."""
        for start, end in _windows(hits, self.window, len(text)):
            for found in self.compiled.finditer(text, start, end, timeout=limit):
                if found.end() + _EDGE < end or end == len(text):
                    yield found
                elif whole := self.compiled.match(text, found.start(), timeout=limit):
                    yield whole

    def _is_near(self, view: View, start: int) -> bool:
        before = view.lower[max(0, start - self.reach) : start]
        return any(word in before for word in self.near)


def _windows(hits: Iterable[Hit], reach: int, length: int) -> Iterator[tuple[int, int]]:
    """Ranges of `reach` characters around the hits, joined where they meet."""
    start, end = 0, -1
    for first, last in sorted(hits):
        low, high = max(0, first - reach), min(length, last + reach)
        if low > end:
            if end >= 0:
                yield start, end
            start = low
        end = max(end, high)
    if end >= 0:
        yield start, end


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RuleError(f"{key} must be a list of texts")
    return tuple(value)


def _rule(entry: Any, fragments: Mapping[str, str], shipped: bool) -> Rule:
    if not isinstance(entry, dict):
        raise RuleError("a rule must be a mapping")
    if unknown := sorted(set(entry) - _KEYS):
        raise RuleError(f"unknown field {', '.join(unknown)}; allowed: {', '.join(sorted(_KEYS))}")
    if missing := [
        key for key in ("id", "why", "label", "score", "pattern", "match", "no_match") if key not in entry
    ]:
        raise RuleError(f"missing field {', '.join(missing)}")
    if (check := entry.get("check", "")) not in ("", *CHECKS):
        raise RuleError(f"unknown check {check!r}; known: {', '.join(CHECKS)}")
    score = entry["score"]
    if not isinstance(score, int | float) or not 0 < score <= 1:
        raise RuleError("score must be a number above 0, at most 1")
    try:
        label = check_label(entry["label"])
    except ValueError as error:
        raise RuleError(str(error)) from None
    return Rule(
        id=str(entry["id"]),
        why=str(entry["why"]),
        label=label,
        score=float(score),
        pattern=expand(str(entry["pattern"]), fragments),
        match=_texts(entry, "match"),
        no_match=_texts(entry, "no_match"),
        ignore_case=bool(entry.get("ignore_case", False)),
        need=tuple(literal.lower() for literal in _texts(entry, "need")),
        window=int(entry.get("window", 0)),
        check=check,
        near=tuple(word.lower() for word in _texts(entry, "near")),
        reach=int(entry.get("reach", 40)),
        starts=tuple(literal.lower() for literal in _texts(entry, "starts")),
        shipped=shipped,
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise RuleError(f"{path.name}: not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(data, dict) or not set(data) <= {"define", "rules"}:
        raise RuleError(f"{path.name}: must hold 'rules' and may hold 'define', nothing else")
    return data


def read_rules(directory: Path) -> list[Rule]:
    """All rules of the *.yaml files of a folder, in file and name order.

    Fragments are shared by all files of the folder, and the shipped ones may be used too.

    Raises:
        RuleError: no rules, or a rule that cannot be used.
    """
    files = {path: _load(path) for path in sorted(directory.glob("*.yaml"))}
    fragments: dict[str, str] = {}
    shipped = folder("rules")
    if directory.resolve() != shipped.resolve():
        for path in sorted(shipped.glob("*.yaml")):
            fragments.update(_load(path).get("define", {}))
    for data in files.values():
        fragments.update(data.get("define", {}))
    rules: dict[str, Rule] = {}
    for path, data in files.items():
        for number, entry in enumerate(data.get("rules", []), 1):
            name = entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
            try:
                rule = _rule(entry, fragments, directory.resolve() == shipped.resolve())
            except RuleError as error:
                raise RuleError(f"{path.name}: rule {name}: {error}") from None
            if rule.id in rules:
                raise RuleError(f"{path.name}: rule {name}: the id is taken")
            rules[rule.id] = rule
    if not rules:
        raise RuleError(f"{directory} has no rules (*.yaml)")
    return list(rules.values())


class Rules(Detector):
    """Proposes what the rules of some folders find.

    Args:
        folders: folders of rule files beside the shipped ones; their rules win by id.
        only: kinds of shipped rules to use (what stands before the point of their ids); all by default.
        skip: ids of shipped rules to leave out.
        shipped: whether to use the shipped rules at all.

    Raises:
        RuleError: a rule that cannot be used, or an unknown name in `only` or `skip`.
    """

    name = "rules"

    def __init__(
        self,
        folders: Sequence[str | Path] = (),
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        shipped: bool = True,
    ) -> None:
        rules = {rule.id: rule for rule in read_rules(folder("rules"))} if shipped else {}
        kinds = {name.partition(".")[0] for name in rules}
        if unknown := sorted(set(only) - kinds):
            raise RuleError(f"only names unknown kinds: {', '.join(unknown)}; known: {', '.join(sorted(kinds))}")
        if unknown := sorted(set(skip) - set(rules)):
            raise RuleError(f"skip names unknown rules: {', '.join(unknown)}")
        if only:
            rules = {name: rule for name, rule in rules.items() if name.partition(".")[0] in only}
        for directory in folders:
            for rule in read_rules(Path(directory)):
                try:
                    _ = rule.compiled
                except regex.error as error:
                    raise RuleError(f"rule {rule.id}: bad pattern: {error}") from None
                rules[rule.id] = rule
        self.rules = [rule for rule in rules.values() if rule.id not in skip]

        numbered = list(enumerate(self.rules))
        self._need = Literals((literal, number) for number, rule in numbered for literal in rule.need)
        self._starts = Literals(
            ((literal, number) for number, rule in numbered for literal in rule.starts), opening=True
        )

    def find(self, note: Note) -> list[Span]:
        """Spans of all rules; `source` is the rule's id."""
        view = note.view
        hits = self._need.hits(view.lower) | self._starts.hits(view.lower)
        return [
            Span(*view.span(start, end), label, rule.score, rule.id)
            for number, rule in enumerate(self.rules)
            if number in hits or not rule.literals
            for start, end, label in rule.find(view, hits.get(number, ()))
        ]
