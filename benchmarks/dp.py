"""The figures of docs/dp.md: proofs, laws, attacks, speed, local reports, running counts, composition.

python benchmarks/dp.py [--data TABLE.csv --column NAME --bounds LOW HIGH]

With a table it also prints the error of its mean and median over ε.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chisquare

from nlp_deid.dp import (
    Budget,
    Exponential,
    Geometric,
    Laplace,
    Loss,
    Staircase,
    rappor,
    running_count,
    sketch,
)
from nlp_deid.dp.audit import epsilon_of_counts, refute
from nlp_deid.dp.budget import compose
from nlp_deid.dp.frame import read_frame
from nlp_deid.dp.local import RandomizedResponse, UnaryEncoding
from nlp_deid.dp.queries import Queries
from nlp_deid.dp.rappor import Rappor
from nlp_deid.dp.sketch import Sketch

MILLION = 1_000_000


def main() -> None:
    """Print every figure, section by section."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--column")
    parser.add_argument("--bounds", type=float, nargs=2)
    args = parser.parse_args()
    for section in (proofs, laws, attacks, faults, speed, opendp_peer, local, counter, accountant):
        print(f"\n== {section.__name__}: {(section.__doc__ or '').splitlines()[0]}")
        section()
    if args.data:
        table(args.data, args.column, tuple(args.bounds))


def proofs() -> None:
    """Largest log-ratio over all outputs and neighbours on a grid, divided by ε (target: at most 1)."""
    grid = np.arange(-300, 301)
    for name, make in {
        "geometric": lambda e: Geometric(e, 3),
        "geometric, bounded": lambda e: Geometric(e, 3, bounds=(0, 20)),
        "staircase, discrete": lambda e: Staircase(e, 3, discrete=True),
    }.items():
        worst = 0.0
        for epsilon in (0.05, 0.3, 1.0, 3.0, 10.0):
            laws = [make(epsilon).log_probability(grid, value) for value in range(10)]
            for one in range(10):
                for two in range(max(one - 3, 0), min(one + 4, 10)):
                    both = np.isfinite(laws[one])
                    worst = max(worst, float((laws[one][both] - laws[two][both]).max()) / epsilon)
        print(f"{name:22} {worst:.12f}")
    for flip in (False, True):
        chooser = Exponential(1.0, permute_and_flip=flip)
        scores = [(a, b, c) for a in range(4) for b in range(4) for c in range(4)]
        rules = {s: chooser.log_probability([0, 1, 2], s) for s in scores}
        worst = max(
            float(np.abs(rules[s] - rules[t]).max())
            for s in scores
            for t in scores
            if max(abs(x - y) for x, y in zip(s, t, strict=True)) <= 1
        )
        print(f"{'permute-and-flip' if flip else 'exponential':22} {worst:.12f}")


def laws() -> None:
    """p-values of a million draws against the exact law (chi-square)."""
    for mechanism in (
        Geometric(1.0),
        Geometric(0.1, 2),
        Staircase(2.0, 5, discrete=True, changes=1),
        Laplace(1.0),
        Staircase(3.0, changes=1),
    ):
        drawn = np.asarray(mechanism.release(np.zeros(MILLION)))
        if mechanism.granularity == 1:
            at = np.arange(-40, 41)
            law = np.exp(mechanism.log_probability(at, 0))
            seen = np.array([(drawn == k).sum() for k in at])
        else:  # wide bins: tails of the law through accuracy(), alpha by alpha
            alphas = np.linspace(0.02, 0.98, 50)
            radii = [mechanism.accuracy(float(alpha)) for alpha in alphas]
            seen = np.diff([(np.abs(drawn) > r).sum() for r in radii])
            law = np.diff(alphas)
        keep = law * MILLION > 20
        seen, law = (
            np.append(seen[keep], MILLION - seen[keep].sum()),
            np.append(law[keep], 1 - law[keep].sum()),
        )
        print(
            f"{type(mechanism).__name__:10} ε {mechanism.epsilon:<4g} p = {chisquare(seen, law * MILLION).pvalue:.3f}"
        )
    for flip in (False, True):
        chooser = Exponential(1.0, permute_and_flip=flip)
        seen = np.bincount(chooser.choose_many([3, 2, 0], MILLION), minlength=3)
        law = np.exp(chooser.log_probability([0, 1, 2], [3, 2, 0]))
        print(
            f"{'Flip' if flip else 'Exponential':10} ε 1    p = {chisquare(seen, law * MILLION).pvalue:.3f}"
        )


def attacks() -> None:
    """Mironov's attack: share of outputs on 0 that prove the input is not 1, and the ε that follows."""
    rng = np.random.default_rng(0)
    runs = 200_000

    def textbook(value: float) -> NDArray[np.float64]:
        return value - rng.choice([1, -1], runs) * np.log(1 - rng.random(runs))

    lattice = Laplace(1.0)
    for name, draw in {
        "float Laplace": textbook,
        "ours": lambda v: lattice.release(np.full(runs, v)),
    }.items():
        hits, others = (int(proofs_of_zero(draw(value)).sum()) for value in (0.0, 1.0))
        proved = epsilon_of_counts(hits, runs, others, runs, 1e-6)
        print(f"{name:14} {hits / runs:7.2%} against {others / runs:7.2%}: ε ≥ {proved:.2f} (claimed 1)")


def proofs_of_zero(outputs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Outputs that the textbook sampler can give for 0 and cannot for 1."""

    def reachable(value: float) -> NDArray[np.bool_]:
        near = np.round(np.exp(-np.abs(outputs - value)) * 2.0**53)
        found = np.zeros(len(outputs), dtype=bool)
        for step in range(-3, 4):
            uniform = np.clip(near + step, 1, 2.0**53) / 2.0**53
            found |= (value - np.log(uniform) == outputs) | (value + np.log(uniform) == outputs)
        return found

    return reachable(0.0) & ~reachable(1.0)


def faults() -> None:
    """The search for ε on honest releases (claim 1 each) and on planted faults."""
    runs, length = 100_000, 63

    def stream(first: int, naive: bool) -> NDArray[np.float64]:
        values = [first] + [1] * (length - 1)
        if naive:
            return np.asarray(Geometric(1.0).release(np.tile(np.cumsum(values), (runs // 4, 1))), float)
        count = running_count(1.0, length, runs // 4)
        return np.column_stack([count.add(np.full(runs // 4, value)) for value in values])

    def releases(mechanism: Geometric | Laplace | Staircase, row: list[int]) -> NDArray[np.float64]:
        return np.asarray(mechanism.release(np.tile(row, (runs, 1))), dtype=np.float64)

    def reused(row: list[int]) -> NDArray[np.float64]:
        return releases(Geometric(1.0), [0]) + np.array(row)

    pairs: dict[str, Callable[[int], NDArray[np.float64]]] = {
        "geometric, a number": lambda v: releases(Geometric(1.0), [v]),
        "geometric, a vector": lambda v: releases(Geometric(1.0, 2), [v, 1 - v, 3]),
        "staircase, a vector": lambda v: releases(Staircase(1.0, changes=1), [v, 0, 3]),
        "running count, 63 steps": lambda v: stream(v, naive=False),
        "FAULT half the scale": lambda v: releases(Geometric(2.0), [v]),
        "FAULT reused noise": lambda v: reused([v, 3]),
        "FAULT naive vote tally": lambda v: stream(v, naive=True),
    }
    for name, draw in pairs.items():
        found = refute(draw(0), draw(1))
        print(f"{name:24} ε ≥ {found.epsilon:5.2f}   {found.event}")


def speed() -> None:
    """Draws per CPU-second on one core, in releases of a million (targets: 1e6, staircase 2e5)."""
    for name, mechanism in {
        "geometric, ε 1": Geometric(1.0),
        "geometric, ε 0.01": Geometric(0.01),
        "geometric, bounded": Geometric(1.0, bounds=(0, 200)),
        "Laplace on a lattice": Laplace(1.0),
        "staircase": Staircase(3.0, changes=1),
        "staircase, discrete": Staircase(3.0, 7, discrete=True, changes=1),
    }.items():
        mechanism.release(np.zeros(MILLION))
        start = time.process_time()
        for _ in range(3):
            mechanism.release(np.zeros(MILLION))
        print(f"{name:22} {3 * MILLION / (time.process_time() - start) / 1e6:6.2f} million/s")


def opendp_peer() -> None:
    """OpenDP: the same draws, and its privacy map of the same scale."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    geometric = dp.m.make_laplace(*space, scale=1.0)
    start = time.process_time()
    drawn = np.array(geometric([0] * 100_000))
    rate = 100_000 / (time.process_time() - start)
    at = np.arange(-8, 9)
    law = np.exp(Geometric(1.0).log_probability(at, 0))
    seen = np.array([(drawn == k).sum() for k in at])
    seen, law = np.append(seen, 100_000 - seen.sum()), np.append(law, 1 - law.sum())
    p = chisquare(seen, law * 100_000).pvalue
    print(
        f"integer Laplace {rate:,.0f}/s; its draws against our law p = {p:.3f}; map(1) = {geometric.map(1)}"
    )


def local() -> None:
    """100,000 clients, Zipf over 100 values; the top 20 found, and errors in units of the theory's."""
    people, kinds = 100_000, 100
    weights = 1 / np.arange(1, kinds + 1)
    values = np.random.default_rng(7).choice(kinds, people, p=weights / weights.sum())
    truth = np.bincount(values, minlength=kinds)
    names = [f"value {i}" for i in range(kinds)]
    texts = [names[i] for i in values]
    squares = float((truth.astype(float) ** 2).sum())

    def line(name: str, estimates: NDArray[np.float64], error: float) -> None:
        gaps = np.abs(estimates - truth)
        top = len(set(np.argsort(-estimates)[:20]) & set(np.argsort(-truth)[:20]))
        rms = math.sqrt(float((gaps**2).mean()))
        print(
            f"{name:28} sd {error:5.0f}, rms {rms:5.0f}; worst of top 20 {gaps[:20].max() / error:4.1f} sd; {top}/20 on top"
        )

    for response in (RandomizedResponse(4.0, kinds), UnaryEncoding(4.0, kinds)):
        found = response.estimate(response.privatise(values))
        line(f"{type(response).__name__} ε 4", found, response.error(people))
    for hadamard in (False, True):
        settings = Sketch(4.0, hadamard=hadamard)
        found = sketch.simulate(settings, texts).estimate(names)
        line(f"{'HCMS' if hadamard else 'CMS'} ε 4, 1024 x 1024", found, settings.error(people, squares))
    for shares in ((0.5, 0.5, 0.75), (0.25, 0.25, 0.75), (0.1, 0.1, 0.9)):
        report_rappor(Rappor(cohorts=32, f=shares[0], p=shares[1], q=shares[2]), texts, names, truth)
    measured_epsilons(Rappor())


def report_rappor(settings: Rappor, texts: list[str], names: list[str], truth: NDArray[np.int64]) -> None:
    """How many of the 20 most frequent values are found, and how far off."""
    found = {one.value: one for one in rappor.simulate(settings, texts).decode(names)}
    top = [(name, count) for name, count in zip(names, truth, strict=True)][:20]
    error = settings.error(len(texts))
    gaps = [abs(found[name].people - count) / error for name, count in top if name in found]
    print(
        f"RAPPOR ε∞ {settings.epsilon_permanent:.2f} ε1 {settings.epsilon_one:.2f}: sd {error:.0f}, "
        f"{len(gaps)}/20 found, worst {max(gaps):.1f} sd; {len(found)} found of {len(names)}"
    )


def measured_epsilons(settings: Rappor) -> None:
    """ε∞ and ε1 from the shares of ones among a million bits of each kind."""
    truth = np.tile(np.array([True, False]), (MILLION, 1))
    permanent = settings.permanent(truth)
    for name, bits, formula in (
        ("ε∞", permanent, settings.epsilon_permanent),
        ("ε1", settings.report(permanent), settings.epsilon_one),
    ):
        high, low = bits.mean(axis=0)
        measured = settings.hashes * math.log(high * (1 - low) / (low * (1 - high)))
        print(f"RAPPOR f .5 p .5 q .75: {name} formula {formula:.4f}, measured {measured:.4f}")


def counter() -> None:
    """Running count, ε 0.1, 1024 steps: the worst standard deviation (target 520; naive split 14,482)."""
    runs = 4000
    count = running_count(0.1, 1024, runs)
    worst = 0.0
    for step in range(1, 1025):
        worst = max(worst, float((count.add(np.ones(runs)) - step).std()))
    stated = max(math.sqrt(count.variance(step)) for step in range(1, 1025))
    plain = max(math.sqrt(step.bit_count() * count.node_variance) for step in range(1, 1025))
    naive = math.sqrt(Geometric(0.1 / 1024).variance)
    print(
        f"measured {worst:.1f}, stated {stated:.1f}, without averaging {plain:.1f}, ε/T a step {naive:,.0f}"
    )


def accountant() -> None:
    """100 releases of ε 0.1 at δ 1e-6 (targets: 4.7746 optimal, 5.222 zCDP, 10 basic)."""
    for name, epsilon in compose([Loss(0.1)] * 100, 1e-6).items():
        print(f"{name:8} {epsilon:.4f}")


def table(path: Path, column: str, bounds: tuple[float, float]) -> None:
    """Root mean square error of mean and median of a column over ε, 50 runs each."""
    frame = read_frame(path, [column])
    values = np.clip(frame.numbers(column), *bounds)
    print(f"\n== table: {len(values)} rows, mean {values.mean():.4g}, median {np.median(values):.4g}")
    for epsilon in (0.01, 0.1, 1.0):
        gaps = []
        for _ in range(50):
            ask = Queries(frame, Budget(2 * epsilon, allow_large=True))
            mean = ask.mean(column, epsilon, bounds)[0].value - values.mean()
            median = ask.quantiles(column, [0.5], epsilon, bounds)[0].value - np.median(values)
            gaps.append((mean, median))
        errors = np.sqrt((np.array(gaps) ** 2).mean(axis=0))
        print(f"ε {epsilon:<5g} rms error of the mean {errors[0]:.4g}, of the median {errors[1]:.4g}")


if __name__ == "__main__":
    main()
