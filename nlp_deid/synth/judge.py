"""Looks at a generator during training: is it close to held-out rows, useful, and not too close to the rest?"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from nlp_deid.synth.frames import Generator as Rng
from nlp_deid.synth.neighbours import Space, adversarial_accuracy
from nlp_deid.synth.utility import is_regression, quick_utility

MOST_ROWS = 2000
REPEATS = 3


def judge_of(
    train: pd.DataFrame, held_out: pd.DataFrame, target: str, rng: Rng
) -> Callable[[pd.DataFrame], dict[str, float]]:
    """A function from synthetic rows to scores; the lower "score" the better.

    It adds how far the adversarial accuracy against held-out rows lies from .5, how much nearer the
    synthetic rows are to training rows than to held-out ones, and what a model trained on them lacks.
    Both accuracies are means over several draws, as one draw of few rows says little.
    """
    space = Space.of(train)
    known, unknown = space.place(train), space.place(held_out)
    size = min(len(unknown), MOST_ROWS)
    regression = bool(target) and is_regression(train[target])

    def judge(synthetic: pd.DataFrame) -> dict[str, float]:
        rows = space.place(synthetic)
        near, far = [], []
        for _ in range(REPEATS):
            drawn = rows[rng.choice(len(rows), size, replace=False)]
            near.append(adversarial_accuracy(known[rng.choice(len(known), size, replace=False)], drawn).mean)
            far.append(
                adversarial_accuracy(unknown[rng.choice(len(unknown), size, replace=False)], drawn).mean
            )
        train_accuracy, held_accuracy = float(np.mean(near)), float(np.mean(far))
        useful = quick_utility(synthetic, held_out, target, regression) if target else 0.0
        loss = max(0.0, held_accuracy - train_accuracy)
        score = abs(held_accuracy - 0.5) + loss - useful
        return {
            "train_accuracy": train_accuracy,
            "held_out_accuracy": held_accuracy,
            "utility": useful,
            "score": score,
        }

    return judge
