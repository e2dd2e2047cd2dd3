"""dp/audit.py and the attacks: planted faults are refuted, the mechanisms are not."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

pytest.importorskip("scipy")

from nlp_deid.dp import Geometric, Laplace, PrivacyError, Staircase
from nlp_deid.dp.audit import epsilon_of_counts, refute

RUNS = 100_000


def outputs(mechanism, value, seed, runs=RUNS):
    """Independent releases of one value or vector, one row a run."""
    fresh = type(mechanism)(
        **{name: getattr(mechanism, name) for name in mechanism.__dataclass_fields__ if name != "entropy"},
        entropy=random.Random(seed).randbytes,
    )
    return np.vstack([fresh.release(np.asarray(value)) for _ in range(runs)])


def cheap(mechanism, value, seed, runs=RUNS):
    """The same in one call, for mechanisms whose law does not know the size of the array."""
    fresh = type(mechanism)(
        **{name: getattr(mechanism, name) for name in mechanism.__dataclass_fields__ if name != "entropy"},
        entropy=random.Random(seed).randbytes,
    )
    return fresh.release(np.tile(np.asarray(value), (runs, 1)))


@pytest.mark.parametrize(
    ("mechanism", "one", "two"),
    [
        (Geometric(1.0), [5], [6]),
        (Geometric(1.0, 2), [5, 0, 3], [6, 0, 2]),
        (Geometric(1.0, bounds=(0, 6)), [5], [6]),
        (Staircase(1.0, changes=1), [0.0, 0.0], [0.0, 1.0]),
        (Staircase(1.0, changes=2), [0.0, 0.0], [0.7, 1.0]),
        (Staircase(1.0, 3, discrete=True, changes=1), [0], [3]),
    ],
    ids=str,
)
def test_the_search_fails_on_honest_releases(mechanism, one, two):
    finding = refute(cheap(mechanism, one, 1), cheap(mechanism, two, 2))
    assert 0.3 < finding.epsilon <= 1.0


def test_the_search_fails_on_vectors_with_laplace_noise():
    mechanism = Laplace(1.0, 1.0)
    finding = refute(outputs(mechanism, [0.3, 1.0], 1, 8_000), outputs(mechanism, [0.8, 0.5], 2, 8_000))
    assert finding.epsilon <= 1.0


def test_half_the_scale_is_refuted():
    finding = refute(cheap(Geometric(2.0), [5], 1), cheap(Geometric(2.0), [6], 2))
    assert finding.epsilon > 1.5


def test_noise_reused_for_all_entries_is_refuted():
    def reused(vector, seed):
        noise = cheap(Geometric(1.0), [0], seed)
        return noise + np.asarray(vector)

    assert refute(reused([5, 3], 1), reused([6, 3], 2)).epsilon > 5


def test_staircase_noise_must_share_epsilon_among_entries():
    """Three entries change by a little each: the sum of changes is below the sensitivity, the loss is not."""
    at = np.arange(-60, 60)

    def loss(changes, move):
        law = Staircase(3.0, 10, discrete=True, changes=changes)
        return 3 * float(np.abs(law.log_probability(at, 0) - law.log_probability(at, move)).max())

    assert loss(changes=1, move=3) > 3.0
    assert loss(changes=3, move=10) <= 3.0 * (1 + 1e-9)


def reachable(outputs, value):
    """Which outputs the textbook sampler on doubles can produce for a value: Mironov's attack."""
    noise = outputs - value
    near = np.round(np.exp(-np.abs(noise)) * 2.0**53).astype(np.int64)
    found = np.zeros(len(outputs), bool)
    for step in range(-3, 4):
        uniform = np.clip(near + step, 1, 2**53) / 2.0**53
        for sign in (1, -1):
            found |= value + sign * -np.log(uniform) == outputs
    return found


def test_the_floating_point_attack_breaks_the_textbook_and_not_the_lattice():
    rng = np.random.default_rng(5)

    def textbook(value):
        uniform = 1 - rng.random(RUNS)
        return value + rng.choice([1, -1], RUNS) * -np.log(uniform)

    def proofs(outputs):
        return int((reachable(outputs, 0.0) & ~reachable(outputs, 1.0)).sum())

    hits, others = proofs(textbook(0.0)), proofs(textbook(1.0))
    assert epsilon_of_counts(hits, RUNS, others, RUNS, 1e-6) > 3
    assert hits > 0.3 * RUNS

    ours = Laplace(1.0, entropy=random.Random(6).randbytes)
    for value in (0.0, 1.0, 0.1, math.pi):  # one lattice for all inputs: no output excludes any
        drawn = ours.release(np.full(RUNS, value))
        assert ((drawn / ours.granularity) % 1 == 0).all()
        assert np.isfinite(ours.log_probability(drawn, 1 - value)).all()
    zero, one = ours.release(np.zeros(RUNS)), ours.release(np.ones(RUNS))
    assert epsilon_of_counts(proofs(zero), RUNS, proofs(one), RUNS, 1e-6) <= 1


def test_the_bound_accuses_honest_coins_rarely():
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(2000):
        hits, others = rng.binomial(400, 0.5), rng.binomial(400, 0.25)
        wrong += epsilon_of_counts(hits, 400, others, 400, 0.05) > math.log(2)
    assert wrong / 2000 <= 0.05


def test_too_few_runs_are_refused():
    with pytest.raises(PrivacyError, match="100"):
        refute(np.zeros(10), np.zeros(10))
