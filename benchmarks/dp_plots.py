"""Draws the plots of docs/dp.md. Needs matplotlib.

python benchmarks/dp_plots.py [--out docs]
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import matplotlib as mpl
import numpy as np

from nlp_deid.dp import Geometric, Laplace, Loss, Staircase, rappor, running_count
from nlp_deid.dp.budget import compose
from nlp_deid.dp.rappor import Rappor, RapporClient

mpl.use("Agg")
import matplotlib.pyplot as plt


def main() -> None:
    """Write the five plots."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs"))
    out = parser.parse_args().out
    plt.rcParams.update({"figure.figsize": (7, 4), "figure.dpi": 110, "axes.grid": True, "grid.alpha": 0.3})
    for draw in (error_over_epsilon, staircase_gain, composition, voting, what_a_server_learns):
        draw()
        plt.tight_layout()
        plt.savefig(out / f"dp-{draw.__name__.replace('_', '-')}.png", metadata={"Software": None})
        plt.close("all")


def error_over_epsilon() -> None:
    """Standard deviation of each mechanism for sensitivity 1."""
    epsilons = np.geomspace(0.05, 10, 60)
    for name, make in {
        "Laplace": Laplace,
        "geometric": Geometric,
        "staircase (variance)": lambda e: Staircase(e, optimal="variance"),
    }.items():
        plt.loglog(epsilons, [math.sqrt(make(float(e)).variance) for e in epsilons], label=name)
    plt.xlabel("ε")
    plt.ylabel("standard deviation of the noise")
    plt.legend()


def staircase_gain() -> None:
    """E|noise| and variance of the staircase against Laplace."""
    epsilons = np.linspace(0.1, 10, 60)
    l1 = [Staircase(float(e))._law for e in epsilons]
    plt.plot(
        epsilons,
        [law.mean_error / law.width * e for law, e in zip(l1, epsilons, strict=True)],
        label="E|noise|",
    )
    ratios = [Staircase(float(e), optimal="variance").variance / Laplace(float(e)).variance for e in epsilons]
    plt.plot(epsilons, ratios, label="variance")
    plt.xlabel("ε")
    plt.ylabel("staircase / Laplace")
    plt.ylim(0, 1.05)
    plt.legend()


def composition() -> None:
    """What k queries of ε 0.1 cost together at δ 1e-6."""
    counts = [1, 2, 5, 10, 20, 40, 70, 100, 150, 200]
    readings = [compose([Loss(0.1)] * k, 1e-6) for k in counts]
    for name in ("basic", "zcdp", "optimal"):
        plt.plot(counts, [reading[name] for reading in readings], marker="o", label=name)
    plt.xlabel("queries of ε 0.1")
    plt.ylabel("ε of all together (δ 1e-6)")
    plt.legend()


def voting() -> None:
    """A tally published after each of 256 votes: wrong, dear and right, all read as ε 1."""
    votes = np.random.default_rng(4).integers(0, 2, 256)
    truth, steps = np.cumsum(votes), np.arange(1, 257)
    counter = running_count(1.0, 256)
    totals = [counter.add(int(vote)) for vote in votes]
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.plot(steps, Geometric(1 / 256).release(truth), ".", ms=3, label="ε/256 each (right, useless)")
    left.plot(steps, totals, label="running count, ε 1 in all (right)")
    left.plot(steps, truth, "k", lw=1, label="truth")
    left.legend(fontsize=8)
    left.set(xlabel="votes", ylabel="tally")
    right.plot(steps, steps * 1.0, "r", label="fresh noise of ε 1 each (wrong)")
    right.plot(steps, np.ones(256), label="running count")
    right.set(xlabel="votes", ylabel="ε really spent", yscale="log")
    right.legend(fontsize=8)


def what_a_server_learns() -> None:
    """RAPPOR: the permanent bits of one client show through, the truth does not; and the decoded counts."""
    settings = Rappor(bits=32, cohorts=1)
    client = RapporClient(settings)
    reports = np.array([client.report("flu")[1] for _ in range(400)])
    _, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    left.bar(np.arange(32), reports.mean(axis=0), color=np.where(client.memory["flu"], "C0", "C7"))
    left.plot(np.flatnonzero(settings.bloom("flu", 0)), [0.95, 0.95], "kv", label="true bits of the value")
    left.set(xlabel="bit (blue: permanent answer 1)", ylabel="share of ones in 400 reports", ylim=(0, 1))
    left.legend(fontsize=8)
    weights = 1 / np.arange(1, 101)
    values = np.random.default_rng(7).choice(100, 100_000, p=weights / weights.sum())
    truth = np.bincount(values, minlength=100)
    names = [f"value {i}" for i in range(100)]
    for f, p, q in ((0.5, 0.5, 0.75), (0.25, 0.25, 0.75)):
        shared = Rappor(cohorts=32, f=f, p=p, q=q)
        server = rappor.simulate(shared, [names[i] for i in values])
        found = {one.value: one for one in server.decode(names)}
        seen = [i for i in range(30) if names[i] in found]
        right.errorbar(
            seen,
            [found[names[i]].people for i in seen],
            [1.96 * found[names[i]].error for i in seen],
            fmt="o",
            ms=3,
            label=f"found at ε1 {shared.epsilon_one:.2f}",
        )
    right.plot(truth[:30], "k", lw=1, label="truth")
    right.set(xlabel="value by rank", ylabel="people", yscale="symlog")
    right.legend(fontsize=8)


if __name__ == "__main__":
    main()
