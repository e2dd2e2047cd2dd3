"""Figures of docs/synth.md: PGan, and CTGAN and TVAE where they are installed, on tables under --data.

Each seed holds out another fifth of DATA/<table>/train.csv; the models see the rest. CTGAN and TVAE
are peers only (their licence is not an open one): install them in an environment of their own.

    python benchmarks/synth.py --data DATA --table insurance --seeds 0 1 2 [--peers] [--epsilon 5]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import resource
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from nlp_deid.synth import PGan, Settings
from nlp_deid.synth.private import Domain
from nlp_deid.synth.scores import score

TARGETS = {"insurance": "charges", "cardio": "cardio"}
PUBLIC = {
    "age": {"low": 18, "high": 64},
    "sex": {"values": ["female", "male"]},
    "bmi": {"low": 15, "high": 55, "decimals": 2},
    "children": {"values": [0, 1, 2, 3, 4, 5]},
    "smoker": {"values": ["no", "yes"]},
    "region": {"values": ["northeast", "northwest", "southeast", "southwest"]},
    "charges": {"low": 0, "high": 65000, "decimals": 2},
}
VARIANTS = {
    "pgan": Settings(),
    "no privacy term": Settings(privacy=0),
    "no target term": Settings(target=0),
}
EPOCHS = {"insurance": 300, "cardio": 50}

Maker = Callable[[pd.DataFrame, int], pd.DataFrame]


def pgan(target: str, settings: Settings) -> Maker:
    """PGan with settings."""
    return lambda train, seed: PGan(target, seed, settings).fit(train).sample(len(train))


def private(target: str, epsilon: float) -> Maker:
    """PGan with differential privacy."""

    def make(train: pd.DataFrame, seed: int) -> pd.DataFrame:
        domain = Domain.from_dict(PUBLIC)
        model = PGan(target, seed, epsilon=epsilon, domain=domain, charge=lambda *price: None)
        return model.fit(train).sample(len(train))

    return make


def peer(name: str, table: str) -> Maker:
    """CTGAN or TVAE with its defaults."""

    def make(train: pd.DataFrame, seed: int) -> pd.DataFrame:
        import ctgan

        model = getattr(ctgan, name)(epochs=EPOCHS[table])
        model.set_random_state(seed)
        discrete = [c for c in train.columns if train[c].dtype == object or train[c].nunique() <= 12]
        model.fit(train, discrete)
        return model.sample(len(train))

    return make


def run(frame: pd.DataFrame, table: str, name: str, make: Maker, seed: int) -> dict[str, float]:
    """One line of figures."""
    test = frame.sample(frac=0.2, random_state=seed)
    train = frame.drop(index=test.index).reset_index(drop=True)
    start = time.process_time()
    made = make(train, seed)
    seconds = time.process_time() - start
    found = score(train, test, made, TARGETS[table], seed=seed)
    line = {
        "real": found.utility["real"]["best"],
        "synthetic": found.utility["synthetic"]["best"],
        "AA_train": found.accuracy["train"],
        "AA_full": found.accuracy["full"],
        "privacy_loss": found.accuracy["privacy_loss"],
        "membership_auc": found.distance["membership_auc"],
        "copies": found.copies,
        "cpu_s": seconds,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    if table == "insurance":
        means = [rows.loc[rows["smoker"] == "yes", "charges"].mean() for rows in (train, made)]
        line["smokers"] = means[1] / means[0]
        line["negative"] = float((made["charges"] < 0).sum())
    else:
        line["impossible"] = float((made["ap_lo"] >= made["ap_hi"]).sum())
    print(name, seed, json.dumps({key: round(float(value), 4) for key, value in line.items()}), flush=True)
    return line


def main() -> None:
    """Print a line a run, then mean and spread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--table", choices=TARGETS, default="insurance")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=["pgan"])
    parser.add_argument("--epsilon", type=float, help="also with differential privacy (insurance)")
    parser.add_argument("--peers", action="store_true", help="also CTGAN and TVAE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    frame = pd.read_csv(options.data / options.table / "train.csv")
    target = TARGETS[options.table]
    makers = {name: pgan(target, VARIANTS[name]) for name in options.variants}
    if options.epsilon and options.table == "insurance":
        makers[f"private {options.epsilon:g}"] = private(target, options.epsilon)
    if options.peers and importlib.util.find_spec("ctgan"):
        makers |= {name: peer(name, options.table) for name in ("CTGAN", "TVAE")}
    for name, make in makers.items():
        lines = pd.DataFrame([run(frame, options.table, name, make, seed) for seed in options.seeds])
        spread = lines.std(ddof=1) if len(lines) > 1 else lines.iloc[0] * np.nan
        print(
            name, "mean ± deviation", {key: f"{lines[key].mean():.4f} ± {spread[key]:.4f}" for key in lines}
        )


if __name__ == "__main__":
    main()
