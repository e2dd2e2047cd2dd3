"""Random search over the options of a training config.

    python training/tune.py training/configs/bilstm_crf.yaml SPACE.yaml --train NOTES --dev NOTES --out FOLDER --trials 12

SPACE.yaml maps option to choices: a list is drawn from evenly, {low, high} evenly in the logarithm:

    training.rate: {low: 0.0005, high: 0.01}
    options.hidden: [64, 100, 160]

Each trial is a folder of train.py; trials.jsonl tells options and figures, the best last. Figures are those of the
notes that the search chose by: score the winner on others.
"""

from __future__ import annotations

import copy
import json
import math
import random
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml


def draw(space: Mapping[str, Any], rng: random.Random) -> dict[str, Any]:
    """One value for each option."""
    drawn = {}
    for option, choices in space.items():
        if isinstance(choices, Mapping):
            low, high = math.log(choices["low"]), math.log(choices["high"])
            drawn[option] = float(f"{math.exp(rng.uniform(low, high)):.3g}")
        else:
            drawn[option] = rng.choice(choices)
    return drawn


def applied(config: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """A config with options put in their places."""
    changed = copy.deepcopy(dict(config))
    for option, value in options.items():
        *path, last = option.split(".")
        inner = changed
        for key in path:
            inner = inner.setdefault(key, {})
        inner[last] = value
    return changed


def main(
    config: Path,
    space: Path,
    train: Annotated[list[Path], typer.Option(help="training notes")],
    dev: Annotated[list[Path], typer.Option(help="notes that the search chooses by")],
    out: Annotated[Path, typer.Option(help="folder of the trials")],
    trials: int = 12,
    seed: int = 0,
    metric: str = "strict_f1",
) -> None:
    """Try options of SPACE around CONFIG."""
    rng = random.Random(seed)
    base = yaml.safe_load(config.read_text(encoding="utf-8"))
    choices = yaml.safe_load(space.read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    done: list[dict[str, Any]] = []
    for number in range(trials):
        options = draw(choices, rng)
        folder = out / f"trial-{number:03d}"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(yaml.safe_dump(applied(base, options)), encoding="utf-8")
        inputs = [
            part
            for name, paths in (("--train", train), ("--dev", dev))
            for p in paths
            for part in (name, str(p))
        ]
        script = str(Path(__file__).with_name("train.py"))
        command = [sys.executable, script, str(folder / "config.yaml"), *inputs, "--out", str(folder)]
        if subprocess.run(command, check=False).returncode == 0:
            figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
            done.append({"trial": folder.name, "options": options, "figures": figures})
    done.sort(key=lambda trial: trial["figures"][metric])
    (out / "trials.jsonl").write_text("".join(json.dumps(trial) + "\n" for trial in done), encoding="utf-8")
    if done:
        typer.echo(json.dumps(done[-1]))


if __name__ == "__main__":
    typer.run(main)
