"""load() and Deid: detect, merge, replace."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.labels import LABELS
from nlp_deid.merge import Keep, Merge, Verdict
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.policy import Policy, load_policy
from nlp_deid.replace.replacer import Change, Replacer
from nlp_deid.resources import folder

DEFAULT_PIPELINE = "rules"
# Parts by the name a config uses; others come from the entry point group `nlp_deid.parts`.
PARTS = {
    "rules": "nlp_deid.detect.rules:Rules",
    "lexicon": "nlp_deid.detect.lexicon:LexiconDetector",
    "names": "nlp_deid.detect.names:Names",
    "context": "nlp_deid.detect.context:Context",
    "keep_list": "nlp_deid.detect.lexicon:KeepList",
}
_KEYS = {"about", "detectors", "keep", "merge", "policy"}


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
    """A pipeline: detectors propose, merge decides, the policy rewrites.

    Args:
        detectors: asked one after another; their order has no effect.
        policy: what is done with each label.
        merge: how rival proposals are decided.
        keep: keep lists that veto unsure proposals.
        name: for messages.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        policy: Policy,
        merge: Merge | None = None,
        keep: Sequence[Any] = (),
        name: str = "",
    ) -> None:
        if not detectors:
            raise PipelineError("a pipeline needs at least one detector")
        self.detectors, self.keep, self.name = list(detectors), list(keep), name
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
        proposals, keeps = self._propose(note)
        return self.merge.spans(proposals, keeps)

    def __call__(self, note: Note | str) -> Deidentified:
        """The note without its identifiers.

        Raises:
            DeidError: a part failed; nothing of the note may be used.
        """
        note = _note(note)
        spans = self.detect(note)
        try:
            text, changes = self.replacer.replace(note, spans)
        except Exception as error:
            raise DeidError(note.id, "replace", type(error).__name__) from None
        return Deidentified(text, tuple(spans), changes)

    def pipe(self, notes: Iterable[Note | str]) -> Iterator[Deidentified]:
        """Like calling the pipeline on every note, in order.

        Raises:
            DeidError: at the first note that fails.
        """
        for note in notes:
            yield self(note)

    def explain(self, note: Note | str) -> list[Explanation]:
        """Every proposal: source, score, won or lost to whom, vetoed by which list, action.

        Raises:
            DeidError: a part failed.
        """
        proposals, keeps = self._propose(_note(note))
        return [
            Explanation(verdict, self.policy.actions[verdict.span.label])
            for verdict in self.merge.verdicts(proposals, keeps)
        ]

    def _propose(self, note: Note) -> tuple[list[Span], list[Keep]]:
        proposals: list[Span] = []
        for detector in self.detectors:
            try:
                found = detector.find(note)
                _check(found, note)
            except Exception as error:
                raise DeidError(note.id, detector.name, type(error).__name__) from None
            proposals += found
        keeps: list[Keep] = []
        for keep_list in self.keep:
            try:
                keeps += [Keep(*stretch) for stretch in keep_list.find(note)]
            except Exception as error:
                raise DeidError(note.id, "keep lists", type(error).__name__) from None
        return proposals, keeps


def _note(note: Note | str) -> Note:
    return Note(note) if isinstance(note, str) else note


def _check(found: Any, note: Note) -> None:
    """A detector's answer must be spans of this note; anything else fails the note."""
    if not isinstance(found, list):
        raise TypeError("not a list of spans")
    for span in found:
        if not isinstance(span, Span) or span.end > len(note.text):
            raise ValueError("not a span of this note")
        if span.label not in LABELS:
            raise ValueError("unknown label")


def pipelines() -> dict[str, Path]:
    """Installed pipelines by name: their config files."""
    return {path.parent.name: path for path in sorted(folder("models").glob("*/config.yaml"))}


def _part(entry: Any, where: str) -> Any:
    """A detector or keep list from its config entry: a name, or a mapping with `use` and options."""
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
        return factory(**options)
    except TypeError as error:
        raise PipelineError(f"{where}: part {name}: {error}") from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"{where}: part {name}: {error}") from error


def load(pipeline: str | Path = DEFAULT_PIPELINE, policy: str | Path | Policy | None = None) -> Deid:
    """A pipeline by name or by the path of its config.yaml (or of the folder that holds it).

    Args:
        pipeline: an installed name (see `pipelines()`) or a path.
        policy: a preset's name, a policy file or a Policy; by default the pipeline's own.

    Raises:
        PipelineError: no such pipeline, or a config that cannot be used.
        PolicyError: no such policy, or one that cannot be used.
    """
    installed = pipelines()
    path = installed.get(str(pipeline), Path(pipeline))
    path = path / "config.yaml" if path.is_dir() else path
    if not path.is_file():
        raise PipelineError(f"no pipeline {str(pipeline)!r}: neither a path nor one of {', '.join(installed)}")
    config = _config(path)
    where = path.parent.name
    try:
        merge = Merge(**config.get("merge", {}))
    except (TypeError, ValueError) as error:
        raise PipelineError(f"{where}: {error}") from None
    chosen = policy if policy is not None else config.get("policy", "tag")
    return Deid(
        detectors=[_part(entry, where) for entry in config["detectors"]],
        policy=chosen if isinstance(chosen, Policy) else load_policy(chosen),
        merge=merge,
        keep=[_part(entry, where) for entry in config.get("keep", [])],
        name=where,
    )


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise PipelineError(f"{path}: not a YAML file in UTF-8") from None
    if not isinstance(config, dict):
        raise PipelineError(f"{path}: must be a mapping with {', '.join(sorted(_KEYS))}")
    if unknown := sorted(set(config) - _KEYS):
        raise PipelineError(f"{path}: unknown key {', '.join(map(str, unknown))}; allowed: {', '.join(sorted(_KEYS))}")
    if not config.get("detectors"):
        raise PipelineError(f"{path}: no detectors")
    return config
