"""Trainer: fits a model to gold notes, keeps the best state, and can be stopped and taken up again."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nlp_deid.note import Note, Span
from nlp_deid.taggers.batches import by_length, pad, pad_tags
from nlp_deid.taggers.bio import TagError, Tags
from nlp_deid.taggers.features import Features, Rows
from nlp_deid.taggers.model import Design, Model, ModelError
from nlp_deid.taggers.tagger import Tagger, places_of
from nlp_deid.taggers.units import SPLITS
from nlp_deid.taggers.windows import windows

Example = tuple[Rows, NDArray[np.int64]]
Score = Callable[[Sequence[Note], Sequence[Sequence[Span]]], Mapping[str, float]]
SCHEDULES = ("linear", "cosine", "constant")
_STATE = "state.safetensors"
_RECORD = "record"


@dataclass(frozen=True)
class Training:
    """How a model is trained.

    Args:
        epochs: at most.
        batch: units of a batch, padding included.
        rate: learning rate of the encoder at its peak.
        head_rate: of everything else.
        decay: weight decay.
        warmup: share of all steps in which the rate rises.
        schedule: one of `SCHEDULES`, what the rate does behind the warm-up.
        clip: longest gradient.
        metric: of the score on the dev notes, the higher the better.
        patience: epochs without a better metric before the end.
        bfloat16: compute the encoder in bfloat16 where it can.
        average: weight of the running average of the weights, which is what is scored and kept; 0 is none.
        seed: of everything random.
    """

    epochs: int = 30
    batch: int = 4096
    rate: float = 2e-3
    head_rate: float = 2e-3
    decay: float = 1e-4
    warmup: float = 0.1
    schedule: str = "linear"
    clip: float = 5.0
    metric: str = "strict_f1"
    patience: int = 10
    bfloat16: bool = False
    average: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ModelError(f"unknown schedule {self.schedule!r}; known: {', '.join(SCHEDULES)}")


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: its number from 1, mean loss of a unit, and the score on the dev notes."""

    number: int
    loss: float
    score: Mapping[str, float]


def examples(notes: Iterable[Note], tags: Tags, features: Features, design: Design) -> list[Example]:
    """Windows of gold notes, of the design's units and sizes: rows of features and tags.

    Raises:
        TagError: a span of unknown label, or spans that overlap; names the note.
    """
    found: list[Example] = []
    for note in notes:
        units = SPLITS[design.unit](note.view.text)
        try:
            if any(span.end > len(note.text) for span in note.spans):
                raise TagError(f"a span ends behind its {len(note.text)} characters")
            gold = tags.encode(places_of(note), units)
        except TagError as error:
            raise TagError(f"note {note.id!r}: {error}") from None
        rows = features(units)
        for window in windows(units.texts, design.size, design.context):
            found.append((rows[window.start : window.end], gold[window.start : window.end]))
    return found


class Trainer:
    """Fits a model.

    Args:
        model: what to fit; its weights at the end are the best.
        training: how.
        score: of notes and the spans found in them, a mapping that has `training.metric`.
        folder: for `state.safetensors` after each epoch, to be resumed from; None keeps none.

    Raises:
        ModelError: a saved state of another model or training, or a damaged one.
    """

    def __init__(self, model: Model, training: Training, score: Score, folder: Path | None = None) -> None:
        self.model, self.training, self._score, self._folder = model, training, score, folder
        inner = [p for name, p in model.named_parameters() if name.startswith("encoder.")]
        outer = [p for name, p in model.named_parameters() if not name.startswith("encoder.")]
        groups = [{"params": inner, "lr": training.rate}, {"params": outer, "lr": training.head_rate}]
        self._optimizer = torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=training.decay)
        self._features = model.encoder.features()
        self._averaged: dict[str, Tensor] = {}
        self._best: dict[str, Tensor] = {}
        self.history: list[Epoch] = []

    def fit(self, notes: Callable[[int], Sequence[Note]], dev: Sequence[Note]) -> Iterator[Epoch]:
        """Train, epoch by epoch; the caller may stop between any two.

        Args:
            notes: the training notes of an epoch by its number from 1: always the same, or made anew.
            dev: the notes scored after each epoch.

        Raises:
            ModelError: no training notes, or no dev notes.
        """
        if not dev:
            raise ModelError("no dev notes: there is nothing to stop early by")
        first = self._resume()
        for number in range(first, self.training.epochs + 1):
            if self._stale():
                break
            torch.manual_seed(self.training.seed * 1000 + number)
            loss = self._epoch(notes(number), number)
            epoch = Epoch(number, loss, self._evaluated(dev))
            self.history.append(epoch)
            self._keep_best()
            self._save()
            yield epoch
        self.model.load_state_dict(self._best)

    def _stale(self) -> bool:
        values = [epoch.score[self.training.metric] for epoch in self.history]
        return bool(values) and len(values) - 1 - int(np.argmax(values)) >= self.training.patience

    def _epoch(self, notes: Sequence[Note], number: int) -> float:
        """One pass over the notes; the mean loss of a unit."""
        design, training = self.model.design, self.training
        data = examples(notes, self.model.tags, self._features, design)
        if not data:
            raise ModelError("no training notes, or none with text")
        batches = list(by_length([len(rows) for rows, _ in data], training.batch))
        random.Random(training.seed * 1000 + number).shuffle(batches)
        self.model.train()
        total = seen = 0.0
        for at, batch in enumerate(batches):
            self._set_rate((number - 1 + at / len(batches)) / training.epochs)
            rows, mask = pad([data[i][0] for i in batch])
            tags = pad_tags([data[i][1] for i in batch], rows.shape[1])
            with torch.autocast("cpu", torch.bfloat16, enabled=training.bfloat16):
                scores = self.model.emissions(rows, mask)
            loss = self.model.loss(scores, mask, tags)
            self._optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), training.clip)
            self._optimizer.step()
            self._average()
            units = float(mask.sum())
            total, seen = total + loss.item() * units, seen + units
        return total / seen

    def _set_rate(self, progress: float) -> None:
        """The learning rates at a share of all steps."""
        training = self.training
        if progress < training.warmup:
            factor = progress / training.warmup
        else:
            rest = (1 - progress) / max(1 - training.warmup, 1e-9)
            factor = {"linear": rest, "cosine": 0.5 - 0.5 * math.cos(math.pi * rest), "constant": 1.0}[
                training.schedule
            ]
        peaks = [training.rate, training.head_rate]
        for group, peak in zip(
            self._optimizer.param_groups, peaks[-len(self._optimizer.param_groups) :], strict=True
        ):
            group["lr"] = peak * factor

    def _average(self) -> None:
        """Move the running average of the weights towards them."""
        if weight := self.training.average:
            for name, value in self.model.named_parameters():
                held = self._averaged.setdefault(name, value.detach().clone())
                held.lerp_(value.detach(), 1 - weight)

    def _evaluated(self, dev: Sequence[Note]) -> dict[str, float]:
        """The score on the dev notes, with the averaged weights if there are any."""
        plain = {name: self.model.state_dict()[name].clone() for name in self._averaged}
        self.model.load_state_dict(self._averaged, strict=False)
        found = list(Tagger(self.model, precision="float32").find_all(dev))
        self._scored = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.model.load_state_dict(plain, strict=False)
        return dict(self._score(dev, found))

    def _keep_best(self) -> None:
        values = [epoch.score[self.training.metric] for epoch in self.history]
        if values[-1] >= max(values):
            self._best = self._scored

    def _save(self) -> None:
        """State after an epoch, so that a stopped training goes on as if it had not been."""
        if self._folder is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        parts: dict[str, Mapping[str, Tensor]] = {
            "model": self.model.state_dict(), "best": self._best, "average": self._averaged
        }  # fmt: skip
        state = {
            f"{part}/{name}": value.contiguous()
            for part, held in parts.items()
            for name, value in held.items()
        }
        for index, moments in self._optimizer.state_dict()["state"].items():
            state |= {f"optimizer/{index}/{name}": torch.as_tensor(value) for name, value in moments.items()}
        record = {**self._setting(), "history": [asdict(epoch) for epoch in self.history]}
        new = self._folder / "state.new"
        save_file({name: value.clone() for name, value in state.items()}, new, {_RECORD: json.dumps(record)})
        new.replace(self._folder / _STATE)

    def _setting(self) -> dict[str, Any]:
        """What two trainings must share for one to go on with the other, as plain values."""
        plain = {"design": self.model.design.plain(), "training": asdict(self.training)}
        found: dict[str, Any] = json.loads(json.dumps(plain))
        return found

    def _resume(self) -> int:
        """The number of the next epoch, with the saved state loaded if there is one."""
        if self._folder is None or not (self._folder / _STATE).is_file():
            return 1
        file = self._folder / _STATE
        try:
            with safe_open(file, "pt") as opened:
                record = json.loads((opened.metadata() or {})[_RECORD])
                state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            history = [Epoch(**epoch) for epoch in record.pop("history")]
        except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError):
            raise ModelError(f"{file}: not a whole checkpoint") from None
        mine = self._setting()
        if other := [part for part, value in mine.items() if record.get(part) != value]:
            raise ModelError(f"{file}: the checkpoint of another {' and '.join(other)}")
        try:
            self._restore(state)
        except (RuntimeError, KeyError, ValueError):
            raise ModelError(f"{file}: the checkpoint of another model") from None
        self.history = history
        return len(self.history) + 1

    def _restore(self, state: Mapping[str, Tensor]) -> None:
        def part(name: str) -> dict[str, Tensor]:
            return {
                key.removeprefix(name + "/"): value
                for key, value in state.items()
                if key.startswith(name + "/")
            }

        self.model.load_state_dict(part("model"))
        self._best, self._averaged = part("best"), part("average")
        moments: dict[int, dict[str, Any]] = {}
        for key, value in part("optimizer").items():
            index, _, name = key.partition("/")
            moments.setdefault(int(index), {})[name] = value
        whole = self._optimizer.state_dict()
        self._optimizer.load_state_dict({**whole, "state": moments})
