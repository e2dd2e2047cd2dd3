"""The learning curve of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nlp_deid.taggers.trainer import Epoch


def draw_curve(history: Sequence[Epoch], metric: str, path: Path) -> None:
    """Draw loss and metric over the epochs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    numbers = [epoch.number for epoch in history]
    left.plot(numbers, [epoch.loss for epoch in history], color="tab:gray")
    left.set(xlabel="epoch", ylabel="loss of a unit", yscale="log")
    right = left.twinx()
    right.plot(numbers, [epoch.score[metric] for epoch in history], color="tab:blue")
    right.set_ylabel(f"{metric} on the dev notes", color="tab:blue")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
