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
    small                       a list of `words`: the rule sees them in small letters, so no name has them
    not_first                   a list of `words` no find begins with: before a group `kind` they are cut
                                off, else the find is dropped
    last                        a list of `words`: the find is cut back to the last of them that it holds

`small`, `not_first` and `last` may name several lists.

A file may also have `words`, named lists of words (word_list.py). Fragments and lists may be used in
all files of a folder.

A blank in a pattern is a gap: one or two blanks or a line wrap (` {2,9}`, ` *` and the like set
another number). `[ ]` is a plain blank; a wrap counts as one unless the pattern names it (`\\x0b`). The find
is the whole match or, if it has them, its group `phi` and every group named after a label (`_` for
`-`), which then gives the label.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import regex
import yaml

from nlp_deid.detect.checks import CHECKS
from nlp_deid.detect.literals import Literals
from nlp_deid.detect.rule import Rule
from nlp_deid.detect.word_list import WordList
from nlp_deid.labels import check_label
from nlp_deid.layout import WRAP
from nlp_deid.note import Detector, Note, Span
from nlp_deid.resources import folder

_ENGLISH = "en"  # its rules stand in the folder itself
_GAP = f"[ {WRAP}]"
_FRAGMENT = regex.compile(r"\{([a-z]\w*)\}")
_PIECES = regex.compile(
    r"\\.|\[(?:\^?\]?)(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]|[ ]([?*+]|\{\d+(?:,\d*)?\})?|[^\\\[ ]+", regex.DOTALL
)
_QUANTIFIED = {None: "{1,2}", "?": "{0,2}"}


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


def _texts(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise RuleError(f"{key} must be a list of texts")
    return tuple(value)


_KEYS = {item.name for item in fields(Rule)} - {"shipped"}


def _rule(entry: Any, parts: _Parts) -> Rule:
    """A rule from its entry, with the fields a file gives all its rules."""
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
    texts = {key: _texts(entry, key) for key in ("match", "no_match", "need", "near", "starts")}
    lower = {key: tuple(map(str.lower, texts[key])) for key in ("need", "near", "starts")}
    return Rule(
        id=str(entry["id"]),
        why=str(entry["why"]),
        label=label,
        score=float(score),
        pattern=expand(str(entry["pattern"]), parts.fragments),
        ignore_case=bool(entry.get("ignore_case", False)),
        window=int(entry.get("window", 0)),
        check=check,
        reach=int(entry.get("reach", 40)),
        small=parts.list_of(entry, "small"),
        not_first=parts.list_of(entry, "not_first"),
        last=parts.list_of(entry, "last"),
        shipped=parts.shipped,
        **{**texts, **lower},
    )


@dataclass
class _Parts:
    """What the rules of a folder share."""

    shipped: bool
    fragments: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    lists: dict[str, WordList] = field(default_factory=dict)

    def add(self, data: Mapping[str, Any]) -> None:
        """Take the fragments and lists of a file."""
        self.fragments.update(data.get("define", {}))
        self.words.update(data.get("words", {}))

    def list_of(self, entry: Mapping[str, Any], key: str) -> WordList | None:
        """The list of the words under the names of a field; equal fields share one."""
        names = str(entry.get(key, ""))
        if unknown := set(names.split()) - set(self.words):
            raise RuleError(f"{key}: unknown list {', '.join(unknown)}; known: {', '.join(self.words)}")
        if names and names not in self.lists:
            self.lists[names] = WordList(" ".join(self.words[name] for name in names.split()))
        return self.lists.get(names)


def _load(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise RuleError(f"{path.name}: not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(data, dict) or not set(data) <= {"define", "words", "rules"}:
        raise RuleError(f"{path.name}: may hold 'define', 'words' and 'rules', nothing else")
    return data


def read_rules(directory: Path) -> list[Rule]:
    """All rules of the *.yaml files of a folder, in file and name order.

    Fragments are shared by all files of the folder, and the shipped ones may be used too.

    Raises:
        RuleError: no rules, or a rule that cannot be used.
    """
    shipped = folder("rules")
    parts = _Parts(shipped=directory.resolve().is_relative_to(shipped.resolve()))
    files = {path: _load(path) for path in sorted(directory.glob("*.yaml"))}
    for data in () if parts.shipped else map(_load, sorted(shipped.glob("*.yaml"))):
        parts.add(data)
    for data in files.values():
        parts.add(data)
    rules: dict[str, Rule] = {}
    for path, data in files.items():
        for number, entry in enumerate(data.get("rules", []), 1):
            name = entry.get("id", f"number {number}") if isinstance(entry, dict) else f"number {number}"
            try:
                rule = _rule(entry, parts)
            except RuleError as error:
                raise RuleError(f"{path.name}: rule {name}: {error}") from None
            if rule.id in rules:
                raise RuleError(f"{path.name}: rule {name}: the id is taken")
            rules[rule.id] = rule
    if not rules:
        raise RuleError(f"{directory} has no rules (*.yaml)")
    return list(rules.values())


def _folder_of(language: str) -> Path:
    """Where the shipped rules of a language are."""
    known = {path.name: path for path in sorted(folder("rules").iterdir()) if path.is_dir()}
    known[_ENGLISH] = folder("rules")
    if language not in known:
        raise RuleError(f"unknown language {language!r}; known: {', '.join(sorted(known))}")
    return known[language]


class Rules(Detector):
    """Proposes what the rules of some folders find.

    Args:
        folders: folders of rule files beside the shipped ones; their rules win by id.
        only: kinds of shipped rules to use (what stands before the point of their ids); all by default.
        skip: ids of shipped rules to leave out.
        shipped: whether to use the shipped rules at all.
        language: of the shipped rules: "en", or a folder of rules/ such as "es".

    Raises:
        RuleError: a rule that cannot be used, an unknown language, or an unknown name in `only` or `skip`.
    """

    name = "rules"

    def __init__(
        self,
        folders: Sequence[str | Path] = (),
        only: Sequence[str] = (),
        skip: Sequence[str] = (),
        shipped: bool = True,
        language: str = _ENGLISH,
    ) -> None:
        rules = {rule.id: rule for rule in read_rules(_folder_of(language))} if shipped else {}
        kinds = {name.partition(".")[0] for name in rules}
        if unknown := sorted(set(only) - kinds):
            raise RuleError(
                f"only names unknown kinds: {', '.join(unknown)}; known: {', '.join(sorted(kinds))}"
            )
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
