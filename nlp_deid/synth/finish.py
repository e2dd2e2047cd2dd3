"""The last phase of a training: the target's part alone, on real rows, with everything else fixed.

While the rest still learns, the target's part follows it and stays short of its best.
"""

from __future__ import annotations

import copy

import pandas as pd
import torch
from torch import Tensor

from nlp_deid.synth.encoder import Encoder
from nlp_deid.synth.frames import Generator as Rng
from nlp_deid.synth.losses import target_loss
from nlp_deid.synth.networks import Generator
from nlp_deid.synth.settings import Settings
from nlp_deid.synth.training import SMOOTHING, SPREAD_EVERY, head_optimiser

CHECKS = 4
REPEATS = 5  # draws of noise in one look at the held-out rows


def finish_target(
    generator: Generator,
    encoder: Encoder,
    known: pd.DataFrame,
    unseen: pd.DataFrame,
    settings: Settings,
    rng: Rng,
) -> Generator:
    """The generator with the head that fits held-out rows best: its own, or one of those met on the way.

    Args:
        generator: on the CPU, with a target.
        known, unseen: rows to learn from, and rows to decide by.
    """
    steps = settings.steps_for(len(known)) // 2
    every = max(1, steps // CHECKS)
    best, kept = _look(generator, encoder, unseen, rng), generator
    work, smooth = copy.deepcopy(generator).train(), copy.deepcopy(generator)
    make = head_optimiser(work, settings.rate)
    for step in range(1, steps + 1):
        for group in make.param_groups:
            group["lr"] = settings.rate * min(1.0, max(0.02, 2 * (1 - step / steps)))
        if step % SPREAD_EVERY == 1:
            features, target = _parts(generator, encoder, known, rng)
        chosen = torch.randint(len(target), (min(2 * settings.batch, len(target)),))
        loss = target_loss(work, features[chosen], target[chosen])
        make.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        make.step()
        keep = min(SMOOTHING, step / (step + 10))
        with torch.no_grad():
            for old, new in zip(smooth.head.parameters(), work.head.parameters(), strict=True):
                old.lerp_(new, 1 - keep)
        if step % every == 0 and (found := _look(smooth, encoder, unseen, rng)) < best:
            best, kept = found, copy.deepcopy(smooth)
    return kept.eval()


def _parts(generator: Generator, encoder: Encoder, frame: pd.DataFrame, rng: Rng) -> tuple[Tensor, Tensor]:
    rows = torch.from_numpy(encoder.encode(frame, rng))
    return generator.features(rows[:, : generator.width]), rows[:, generator.width :]


def _look(generator: Generator, encoder: Encoder, frame: pd.DataFrame, rng: Rng) -> float:
    """The target loss on rows, a mean over draws."""
    generator.eval()
    with torch.no_grad():
        losses = [target_loss(generator, *_parts(generator, encoder, frame, rng)) for _ in range(REPEATS)]
    return float(torch.stack(losses).mean())
