"""The loaded pipelines, and what one request makes of them: its own policy, key and stop signal."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TypeVar

from nlp_deid.deid import Deid, Deidentified, DeidError
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.keys import RandomSource, Secret, Source
from nlp_deid.replace.policy import PRESETS, Policy
from nlp_deid.replace.replacer import Replacer

Value = TypeVar("Value")


class ChoiceError(ValueError):
    """A pipeline, policy or key that the service does not offer; lists those it does, never what was sent."""


class Stop(Detector):
    """Stands between the detectors and stops a note whose time is over or whose client has gone.

    Args:
        seconds: from now, for all that is done with it; None is without end.
    """

    name = "time limit"

    def __init__(self, seconds: float | None = None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds
        self._called = threading.Event()

    def call(self) -> None:
        """Stop as soon as may be."""
        self._called.set()

    @property
    def over(self) -> bool:
        """Whether to stop."""
        return self._called.is_set() or (self._end is not None and time.monotonic() > self._end)

    def find(self, note: Note) -> list[Span]:
        """Nothing.

        Raises:
            TimeoutError: it is time to stop.
        """
        if self.over:
            raise TimeoutError
        return []


@dataclass(frozen=True)
class Choice:
    """What a request asks for, by name; None is what the service does if nothing is asked for."""

    pipeline: str | None = None
    policy: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Engine:
    """Pipelines that all requests share; nothing of a request stays in them.

    Args:
        pipelines: by name, the first is used where a request names none; their policies are those used
            where a request names none.
        keys: secrets that a request may name; a secret itself never travels.
        key: used where a request names none; None is random surrogates, which no other request repeats.
    """

    pipelines: Mapping[str, Deid]
    keys: Mapping[str, Secret] = field(default_factory=dict)
    key: Secret | None = None

    @property
    def policies(self) -> tuple[str, ...]:
        """Names that a request may ask for."""
        return tuple(dict.fromkeys([*PRESETS, *(deid.policy.name for deid in self.pipelines.values())]))

    def source(self, choice: Choice) -> Source:
        """Where the surrogates of a request come from.

        Raises:
            ChoiceError: no such key.
        """
        if choice.key is not None:
            return _named(self.keys, choice.key, "key")
        return RandomSource() if self.key is None else self.key

    def deid(self, choice: Choice, stop: Stop, source: Source | None = None) -> Deid:
        """A pipeline for one request.

        Raises:
            ChoiceError: a name that is not offered.
        """
        name = next(iter(self.pipelines)) if choice.pipeline is None else choice.pipeline
        base = _named(self.pipelines, name, "pipeline")
        options = replace(base.replacer.options, source=source or self.source(choice))
        own = copy(base)
        own.detectors = [part for detector in base.detectors for part in (stop, detector)]
        own.replacer = Replacer(self.policy(base, choice), options)
        return own

    def policy(self, base: Deid, choice: Choice) -> Policy:
        """The policy of a request; a file's path is no name.

        Raises:
            ChoiceError: no such policy.
        """
        if choice.policy is None:
            return base.policy
        own = {deid.policy.name: deid.policy for deid in self.pipelines.values()}
        return _named({**own, **PRESETS, base.policy.name: base.policy}, choice.policy, "policy")

    def scrub(
        self, notes: Sequence[Note], choice: Choice, stop: Stop, source: Source | None = None
    ) -> list[Deidentified | DeidError]:
        """The notes of one patient, rewritten; for one that fails its error."""
        if notes[0].patient is None:  # nothing can match them: their draws need no memory
            source = self.source(choice)
        return self.deid(choice, stop, source).together(notes)

    def detect(self, notes: Sequence[Note], choice: Choice, stop: Stop) -> list[list[Span] | DeidError]:
        """The spans of the notes of one patient; for one that fails its error."""
        return self.deid(choice, stop).detect_together(notes)

    def detect_apart(
        self, notes: Iterable[Note], choice: Choice, stop: Stop
    ) -> Iterator[list[Span] | DeidError]:
        """The spans of notes of a patient each; for one that fails its error. Detectors get several at once."""
        for [spans] in self.deid(choice, stop).detect_patients([note] for note in notes):
            yield spans


def _named(values: Mapping[str, Value], name: str, kind: str) -> Value:
    if name not in values:
        offered = ", ".join(values) or "none"
        raise ChoiceError(f"this {kind} is not offered; offered: {offered}")
    return values[name]
