"""The training loop without differential privacy."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from nlp_deid.synth.closeness import privacy_term
from nlp_deid.synth.encoder import Encoder
from nlp_deid.synth.frames import Generator as Rng
from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.losses import critic_loss, target_loss
from nlp_deid.synth.networks import Critic, Generator
from nlp_deid.synth.settings import Settings

SMOOTHING = 0.999  # of the weights that are kept
SPREAD_EVERY = 20  # steps between two spreadings of the spikes
BETAS = (0.5, 0.9)

Progress = Callable[[int, int], None]
Judge = Callable[[Generator], dict[str, float]]


@dataclass
class History:
    """What was seen at each check; `best` is the number of the one whose weights are kept."""

    checks: list[dict[str, float]] = field(default_factory=list)
    best: int = -1


def train(
    encoder: Encoder,
    frame: pd.DataFrame,
    settings: Settings,
    rng: Rng,
    judge: Judge | None,
    margin: float = 0.0,
    progress: Progress | None = None,
) -> tuple[Generator, History]:
    """A trained generator, on the CPU.

    Args:
        frame: the rows to train on.
        judge: looks at a generator; the latest one whose "score" is at most `margin` above the lowest
            is kept. Without it, the last.
        margin: what chance alone may add to a score.
        progress: called with steps done and steps in all.
    """
    run = _Run(encoder, frame, settings, rng)
    total = settings.steps_for(len(frame))
    every = -(-total // settings.checks)
    history, kept = History(), run.smooth
    for step in range(1, total + 1):
        run.step(step, total)
        if progress:
            progress(step, total)
        if judge and (step % every == 0 or step == total) and step > total // 3:
            history.checks.append({"step": step, **judge(run.smooth)})
            scores = [check["score"] for check in history.checks]
            if scores[-1] <= min(scores) + margin:
                history.best, kept = len(scores) - 1, copy.deepcopy(run.smooth)
            elif len(scores) - 1 - history.best >= settings.patience:
                break
    return (kept if judge else run.smooth).cpu().eval(), history


class _Run:
    """Networks, optimisers and data of one training."""

    def __init__(self, encoder: Encoder, frame: pd.DataFrame, settings: Settings, rng: Rng) -> None:
        self.encoder, self.frame, self.settings, self.rng = encoder, frame, settings, rng
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.generator = Generator(encoder, settings.hidden).to(self.device)
        self.critic = Critic(encoder.width, settings.hidden * 3 // 2, settings.packed).to(self.device)
        self.smooth = copy.deepcopy(self.generator)
        rate = settings.rate
        body = list(self.generator.body.parameters())
        self.make = torch.optim.AdamW([{"params": body}], lr=rate, betas=BETAS, weight_decay=1e-4)
        if encoder.target:
            self.make.add_param_group(_head_group(self.generator))
        self.judge = torch.optim.Adam(self.critic.parameters(), lr=rate, betas=BETAS)
        self.batch = min(settings.batch, len(frame)) // settings.packed * settings.packed
        if self.batch == 0:
            raise SynthError(f"{len(frame)} rows are too few for packs of {settings.packed}")

    def step(self, number: int, total: int) -> None:
        """Some steps of the critic and one of the generator."""
        rate = self.settings.rate * min(1.0, max(0.02, 2 * (1 - number / total)))
        for group in (*self.make.param_groups, *self.judge.param_groups):
            group["lr"] = rate
        if number % SPREAD_EVERY == 1:
            encoded = torch.from_numpy(self.encoder.encode(self.frame, self.rng))
            self.rows = encoded.to(self.device)
        for _ in range(self.settings.critic_steps):
            with torch.no_grad():
                fake = self.generator(self.batch)
            loss = critic_loss(self.critic, self._some(), fake, self.settings.penalty)
            self.judge.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.judge.step()
        self._generator_step()
        self._smooth(number)

    def _generator_step(self) -> None:
        real, fake = self._some(), self.generator(self.batch)
        loss = -self.critic(fake).mean()
        if self.settings.privacy:
            loss = loss + self.settings.privacy * privacy_term(real, fake)
        if self.settings.target and self.encoder.target:
            width = self.generator.width
            features = self.generator.features(real[:, :width])
            loss = loss + self.settings.target * target_loss(self.generator, features, real[:, width:])
        self.make.zero_grad()
        loss.backward()
        self.make.step()

    def _some(self) -> torch.Tensor:
        return self.rows[torch.randint(len(self.rows), (self.batch,), device=self.device)]

    def _smooth(self, number: int) -> None:
        keep = min(SMOOTHING, number / (number + 10))
        with torch.no_grad():
            for kept, new in zip(self.smooth.parameters(), self.generator.parameters(), strict=True):
                kept.lerp_(new, 1 - keep)


def _head_group(generator: Generator) -> dict[str, Any]:
    return {"params": list(generator.head.parameters()), "betas": (0.9, 0.99), "weight_decay": 1e-2}


def head_optimiser(generator: Generator, rate: float) -> torch.optim.Optimizer:
    """What trains the target's part alone as it is trained together with the rest."""
    return torch.optim.AdamW([_head_group(generator)], lr=rate)


def spread(size: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Numbers on [0, 1) of which every run of neighbours is evenly spread (Kronecker sequence)."""
    return np.asarray(np.arange(size) * ((5**0.5 - 1) / 2) % 1.0)
