"""load() and Deid: detect, merge, echo, replace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from importlib import import_module
from importlib.metadata import entry_points
from inspect import signature
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import yaml

from nlp_deid.labels import LABELS
from nlp_deid.merge import MERGES, Keep, Merge, Verdict
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.policy import Policy, load_policy
from nlp_deid.replace.replacer import Change, Replacer
from nlp_deid.resources import folder

Result = TypeVar("Result")
DEFAULT_PIPELINE = "rules"
# Parts by the name a config uses; others come from the entry point group `nlp_deid.parts`.
PARTS = {
    "rules": "nlp_deid.detect.rules:Rules",
    "lexicon": "nlp_deid.detect.lexicon:LexiconDetector",
    "names": "nlp_deid.detect.names:Names",
    "context": "nlp_deid.detect.context:Context",
    "month_day": "nlp_deid.detect.month_day:MonthDay",
    "header": "nlp_deid.detect.header:Header",
    "keep_list": "nlp_deid.detect.lexicon:KeepList",
    "echo": "nlp_deid.detect.echo:Echo",
}
_KEYS = {"about", "detectors", "keep", "merge", "echo", "policy"}


class PipelineError(ValueError):
    """A pipeline that cannot be loaded; the message says which, why and what is allowed."""


class DeidError(RuntimeError):
    """A note that could not be processed; it must not be passed on.

    The message names the note, the stage and the kind of error, never text of the note.
    """

    def __init__(self, note_id: str, stage: str, kind: str) -> None:
        super().__init__(f"note {note_id!r}: {stage} failed ({kind})")
        self.note_id, self.stage, self.kind = note_id, stage, kind

    def __reduce__(self) -> tuple[type[DeidError], tuple[str, str, str]]:
        return type(self), (self.note_id, self.stage, self.kind)


@dataclass(frozen=True, repr=False)
class Deidentified:
    """A rewritten note.

    Attributes:
        text: the note without its identifiers.
        spans: what was found, offsets into the input.
        changes: what was done, offsets into input and output.
    """

    text: str
    spans: tuple[Span, ...]
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"Deidentified({len(self.text)} characters, {len(self.spans)} spans)"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One proposal, what became of it, and the action its label calls for."""

    verdict: Verdict
    action: str


class Deid:
    """A pipeline: detectors propose, merge decides, echo repeats, the policy rewrites.

    Args:
        detectors: asked one after another; their order has no effect.
        policy: what is done with each label.
        merge: how rival proposals are decided.
        keep: keep lists that veto unsure proposals.
        echo: finds what was surely found again, in all notes of the patient.
        name: for messages.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        policy: Policy,
        merge: Merge | None = None,
        keep: Sequence[Any] = (),
        echo: Any = None,
        name: str = "",
    ) -> None:
        if not detectors:
            raise PipelineError("a pipeline needs at least one detector")
        self.detectors, self.keep, self.echo, self.name = list(detectors), list(keep), echo, name
        self.merge = merge or Merge()
        self.replacer = Replacer(policy)

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.replacer.policy

    def __repr__(self) -> str:
        return f"Deid({self.name!r}, policy={self.policy.name!r})"

    def detect(self, note: Note | str) -> list[Span]:
        """The decided spans of one note: sorted, without overlap.

        Raises:
            DeidError: a part failed; nothing of the note may be used.
        """
        note = _note(note)
        [proposals] = self._proposals([note])
        return _run(note, "merge", self.merge.spans, *proposals, note.text)

    def __call__(self, note: Note | str) -> Deidentified:
        """The note without its identifiers.

        Raises:
            DeidError: a part failed; nothing of the note may be used.
        """
        note = _note(note)
        return self._replace(note, self.detect(note))

    def pipe(self, notes: Iterable[Note | str]) -> Iterator[Deidentified]:
        """Like calling the pipeline on every note, in order.

        Notes of one patient that follow each other are searched together: a name surely found in
        one is found in all.

        Raises:
            DeidError: at the first note that fails.
        """
        for _, group in groupby(enumerate(map(_note, notes)), _same_patient):
            together = [note for _, note in group]
            for note, proposals in zip(together, self._proposals(together), strict=True):
                yield self._replace(note, _run(note, "merge", self.merge.spans, *proposals, note.text))

    def explain(self, note: Note | str) -> list[Explanation]:
        """Every proposal: source, score, won or lost to whom, vetoed by which list, action.

        Raises:
            DeidError: a part failed.
        """
        note = _note(note)
        [proposals] = self._proposals([note])
        return [
            Explanation(verdict, self.policy.actions[verdict.span.label])
            for verdict in self.merge.verdicts(*proposals, note.text)
        ]

    def _replace(self, note: Note, spans: list[Span]) -> Deidentified:
        text, changes = _run(note, "replace", self.replacer.replace, note, spans)
        return Deidentified(text, tuple(spans), changes)

    def _proposals(self, notes: Sequence[Note]) -> list[tuple[list[Span], list[Keep]]]:
        """What detectors, keep lists and echo say of the notes of one patient."""
        found = [self._propose(note) for note in notes]
        if self.echo is None:
            return found
        seeds = [
            _run(note, "echo", lambda n, p: self.echo.seeds(n, self.merge.spans(*p, n.text)), note, proposals)
            for note, proposals in zip(notes, found, strict=True)
        ]
        joined = reduce(lambda mine, other: mine.joined(other), seeds)
        for note, (spans, _) in zip(notes, found, strict=True):
            spans += _run(note, "echo", lambda n: _checked(self.echo.find(n, joined), n), note)
        return found

    def _propose(self, note: Note) -> tuple[list[Span], list[Keep]]:
        spans: list[Span] = []
        for detector in self.detectors:
            spans += _run(note, detector.name, lambda d: _checked(d.find(note), note), detector)
        keeps: list[Keep] = []
        for keep_list in self.keep:
            keeps += _run(
                note, "keep lists", lambda k: [Keep(*stretch) for stretch in k.find(note)], keep_list
            )
        return spans, keeps


def _run(note: Note, stage: str, work: Callable[..., Result], *args: Any) -> Result:
    """work(*args); any error becomes a DeidError that holds neither text nor the error that might."""
    try:
        return work(*args)
    except Exception as error:
        kind = type(error).__name__
    raise DeidError(note.id, stage, kind)


def _same_patient(numbered: tuple[int, Note]) -> tuple[str, int]:
    """A key that consecutive notes of one patient share, and notes without a patient do not."""
    number, note = numbered
    return ("", number) if note.patient is None else (note.patient, -1)


def _note(note: Note | str) -> Note:
    return Note(note) if isinstance(note, str) else note


def _checked(found: Any, note: Note) -> list[Span]:
    """A detector's answer; anything but spans of this note fails the note."""
    if not isinstance(found, list):
        raise TypeError("not a list of spans")
    for span in found:
        if not isinstance(span, Span) or span.end > len(note.text):
            raise ValueError("not a span of this note")
        if span.label not in LABELS:
            raise ValueError("unknown label")
    return found


def pipelines() -> dict[str, Path]:
    """Installed pipelines by name: their config files."""
    return {path.parent.name: path for path in sorted(folder("models").glob("*/config.yaml"))}


def _part(entry: Any, where: str, dictionaries: Path | None = None) -> Any:
    """A detector or keep list from its config entry: a name, or a mapping with `use` and options.

    A part that reads dictionaries takes a site's folder as `extra` or as part of a `lexicon`.
    """
    options = {"use": entry} if isinstance(entry, str) else dict(entry)
    name = options.pop("use", None)
    dotted = PARTS.get(str(name))
    if dotted:
        module, _, attribute = dotted.partition(":")
        factory = getattr(import_module(module), attribute)
    else:
        found = [point for point in entry_points(group="nlp_deid.parts") if point.name == name]
        if not found:
            raise PipelineError(f"{where}: unknown part {name!r}; known: {', '.join(PARTS)}")
        factory = found[0].load()
    try:
        if dictionaries is not None:
            options |= _site(factory, options, dictionaries)
        return factory(**options)
    except TypeError as error:
        raise PipelineError(f"{where}: part {name}: {error}") from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"{where}: part {name}: {error}") from error


def _site(factory: Callable[..., Any], options: Mapping[str, Any], dictionaries: Path) -> dict[str, Any]:
    """The options by which a part takes a site's dictionary folder; none if it reads no dictionaries."""
    taken = signature(factory).parameters
    if "extra" in taken:
        if options.get("extra") is not None:
            raise ValueError("its config names a folder of dictionaries already; give one")
        return {"extra": dictionaries}
    if "lexicon" in taken:
        from nlp_deid.detect.lexicon import Lexicon

        return {"lexicon": Lexicon.load(dictionaries)}
    return {}


def load(
    pipeline: str | Path = DEFAULT_PIPELINE,
    policy: str | Path | Policy | None = None,
    dictionaries: str | Path | None = None,
) -> Deid:
    """A pipeline by name or by the path of its config.yaml (or of the folder that holds it).

    Args:
        pipeline: an installed name (see `pipelines()`) or a path.
        policy: a preset's name, a policy file or a Policy; by default the pipeline's own.
        dictionaries: a site's dictionary folder (see detect/dictionary_files.py), whose lists win over
            ours, added to every part that reads dictionaries.

    Raises:
        PipelineError: no such pipeline, a config that cannot be used, dictionaries with a fault, or
            dictionaries for a pipeline that would mask or keep nothing by them.
        PolicyError: no such policy, or one that cannot be used.
    """
    installed = pipelines()
    path = installed.get(str(pipeline), Path(pipeline))
    path = path / "config.yaml" if path.is_dir() else path
    if not path.is_file():
        raise PipelineError(
            f"no pipeline {str(pipeline)!r}: neither a path nor one of {', '.join(installed)}"
        )
    config = _config(path)
    where = path.parent.name
    merge = _merge(config.get("merge", {}), where)
    chosen = policy if policy is not None else config.get("policy", "tag")
    site = None if dictionaries is None else _site_folder(Path(dictionaries), config, where)
    return Deid(
        detectors=[_part(entry, where, site) for entry in config["detectors"]],
        policy=chosen if isinstance(chosen, Policy) else load_policy(chosen),
        merge=merge,
        keep=[_part(entry, where, site) for entry in config.get("keep", [])],
        echo=_part(config["echo"], where, site) if "echo" in config else None,
        name=where,
    )


def _site_folder(folder: Path, config: Mapping[str, Any], where: str) -> Path:
    """A site's dictionary folder, if it is sound and the pipeline has the parts that use its lists."""
    from nlp_deid.detect.dictionary_files import check_folder, read_index

    if problems := check_folder(folder):
        more = f" (and {len(problems) - 1} more, see `nlp-deid dictionary check`)" if problems[1:] else ""
        raise PipelineError(f"dictionaries: {problems[0]}{more}")
    parts = (*config["detectors"], *config.get("keep", []))
    used = {entry if isinstance(entry, str) else entry.get("use") for entry in parts}
    for name, entry in read_index(folder).items():
        part = "lexicon" if entry.score is not None else "keep_list"
        if part not in used and (entry.score is not None or entry.kind == "keep"):
            raise PipelineError(f"{where}: has no part {part}, so it cannot use the list {name} of {folder}")
    return folder


def _merge(options: Mapping[str, Any], where: str) -> Merge:
    """The decision rule of a config: `rule` names it, the rest are its options."""
    options = dict(options)
    rule = options.pop("rule", "union")
    if rule not in MERGES:
        raise PipelineError(f"{where}: merge: unknown rule {rule!r}; known: {', '.join(MERGES)}")
    try:
        return MERGES[rule](**{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})
    except (TypeError, ValueError) as error:
        raise PipelineError(f"{where}: merge: {error}") from None


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise PipelineError(f"{path}: not a YAML file in UTF-8") from None
    if not isinstance(config, dict):
        raise PipelineError(f"{path}: must be a mapping with {', '.join(sorted(_KEYS))}")
    if unknown := sorted(set(config) - _KEYS):
        raise PipelineError(
            f"{path}: unknown key {', '.join(map(str, unknown))}; allowed: {', '.join(sorted(_KEYS))}"
        )
    if not config.get("detectors"):
        raise PipelineError(f"{path}: no detectors")
    return config
