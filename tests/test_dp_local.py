"""dp/local.py, dp/rappor.py, dp/sketch.py: ε by enumeration, laws and errors by seeded simulation."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

pytest.importorskip("scipy")
pytest.importorskip("sklearn")
from scipy.stats import chisquare

from nlp_deid.dp import PrivacyError, rappor, sketch
from nlp_deid.dp.local import RandomizedResponse, UnaryEncoding, bucket
from nlp_deid.dp.rappor import Rappor, RapporClient, RapporServer
from nlp_deid.dp.sketch import Sketch


def source(seed=1):
    return random.Random(seed).randbytes


def rows_of(bits):
    return [np.array(row, bool) for row in itertools.product([0, 1], repeat=bits)]


@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("k", [2, 5])
def test_randomised_response_is_private_by_enumeration(epsilon, k):
    response = RandomizedResponse(epsilon, k)
    law = np.array([response.log_probability(np.arange(k), np.full(k, value)) for value in range(k)])
    assert np.allclose(np.exp(law).sum(axis=1), 1)
    assert math.isclose((law.max(axis=0) - law.min(axis=0)).max(), epsilon)


@pytest.mark.parametrize("optimised", [True, False])
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 4.0])
def test_unary_encodings_are_private_by_enumeration(epsilon, optimised):
    encoding = UnaryEncoding(epsilon, 4, optimised=optimised)
    law = np.array([[encoding.log_probability(bits, value) for bits in rows_of(4)] for value in range(4)])
    assert np.allclose(np.exp(law).sum(axis=1), 1)
    assert math.isclose((law.max(axis=0) - law.min(axis=0)).max(), epsilon)


def test_reports_follow_their_laws():
    k, runs = 4, 400_000
    response = RandomizedResponse(1.3, k, entropy=source())
    counts = np.bincount(response.privatise(np.full(runs, 2)), minlength=k)
    law = np.exp(response.log_probability(np.arange(k), np.full(k, 2)))
    assert chisquare(counts, law * runs).pvalue > 1e-6
    for optimised in (True, False):
        encoding = UnaryEncoding(1.3, k, optimised=optimised, entropy=source())
        reports = encoding.privatise(np.full(runs, 2))
        counts = np.bincount(reports @ np.array([8, 4, 2, 1]), minlength=16)
        law = np.exp([encoding.log_probability(bits, 2) for bits in rows_of(4)])
        assert chisquare(counts, law * runs).pvalue > 1e-6


@pytest.mark.parametrize("kind", [RandomizedResponse, UnaryEncoding])
def test_estimates_are_unbiased_with_the_stated_error(kind):
    truth = np.array([6000, 3000, 900, 100, 0, 0, 0, 0])
    values = np.repeat(np.arange(8), truth)
    encoding = kind(2.0, 8, entropy=source(3))
    estimates = np.array([encoding.estimate(encoding.privatise(values)) for _ in range(60)])
    error = encoding.error(len(values))
    assert (np.abs(estimates.mean(axis=0) - truth) < 5 * 2 * error / math.sqrt(60)).all()
    assert 0.75 < estimates[:, 4:].std() / error < 1.25


SETTINGS = Rappor(bits=16, cohorts=4)


def test_rappor_formulas_of_the_paper():
    assert math.isclose(SETTINGS.epsilon_permanent, 4.394, abs_tol=1e-3)
    assert math.isclose(SETTINGS.epsilon_one, 1.074, abs_tol=1e-3)


def test_rappor_epsilons_by_enumeration_of_two_filters():
    """Filters that share no bit are the worst case: four bits with two set each."""
    settings = Rappor(bits=4)
    one, two = np.array([1, 1, 0, 0], bool), np.array([0, 0, 1, 1], bool)

    def log_law(bits, truth, low, high):
        rate = np.where(truth, high, low)
        return np.log(np.where(bits, rate, 1 - rate)).sum()

    for rates, epsilon in (
        ((settings.f / 2, 1 - settings.f / 2), settings.epsilon_permanent),
        (settings.rates, settings.epsilon_one),
    ):
        worst = max(log_law(bits, one, *rates) - log_law(bits, two, *rates) for bits in rows_of(4))
        assert math.isclose(worst, epsilon)


def test_rappor_epsilons_as_measured():
    truth = np.tile(np.array([True, False]), (500_000, 1))
    permanent = SETTINGS.permanent(truth, source())
    high, low = permanent.mean(axis=0)
    assert math.isclose(
        2 * math.log(high * (1 - low) / (low * (1 - high))), SETTINGS.epsilon_permanent, rel_tol=0.01
    )
    high, low = SETTINGS.report(permanent, source(2)).mean(axis=0)
    assert math.isclose(
        2 * math.log(high * (1 - low) / (low * (1 - high))), SETTINGS.epsilon_one, rel_tol=0.02
    )


def test_a_client_keeps_its_permanent_answer():
    client = RapporClient(SETTINGS, entropy=source(4))
    cohort, first = client.report("flu")
    kept = client.memory["flu"].copy()
    reports = np.array([client.report("flu")[1] for _ in range(4000)])
    assert (client.memory["flu"] == kept).all()
    assert (client.report("flu")[0], first.shape) == (cohort, (16,))
    # However many reports are averaged, they show the permanent answer, not the truth.
    assert np.allclose(reports.mean(axis=0), np.where(kept, SETTINGS.q, SETTINGS.p), atol=0.06)
    revived = RapporClient(SETTINGS, cohort, client.memory)
    revived.report("flu")
    assert (revived.memory["flu"] == kept).all()
    assert "flu" not in repr(client)


def population(people=60_000, kinds=60, seed=2):
    rng = np.random.default_rng(seed)
    weights = 1 / np.arange(1, kinds + 1) ** 1.2
    values = rng.choice(kinds, people, p=weights / weights.sum())
    return [f"word {i}" for i in values], np.bincount(values, minlength=kinds)


def test_rappor_finds_the_frequent_values_and_few_others():
    values, truth = population()
    settings = Rappor(bits=64, cohorts=16, f=0.25, p=0.25, q=0.75)
    server = rappor.simulate(settings, values, source(6))
    absent = [f"absent {i}" for i in range(100)]
    found = server.decode([f"word {i}" for i in range(60)] + absent)
    names = [one.value for one in found]
    assert {f"word {i}" for i in range(10)} <= set(names)
    assert sum(name.startswith("absent") for name in names) <= 2
    for one in found[:10]:
        actual = truth[int(one.value.split()[1])]
        assert abs(one.people - actual) < 5 * settings.error(len(values))
        assert 0.7 < one.error / settings.error(len(values)) < 1.5


def test_rappor_rarely_finds_what_is_not_there():
    """With no candidate in use every finding is false: about one run in twenty may have one."""
    settings = Rappor(bits=32, cohorts=8)
    entropy, alarms = source(7), 0
    for run in range(40):
        server = rappor.simulate(settings, [f"other {run} {i}" for i in range(3000)], entropy)
        alarms += bool(server.decode([f"word {i}" for i in range(40)]))
    assert alarms <= 8
    assert RapporServer(settings).decode(["word"]) == []


@pytest.mark.parametrize("hadamard", [True, False])
@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_sketch_reports_are_private_by_enumeration(epsilon, hadamard):
    settings = Sketch(epsilon, rows=2, width=4, hadamard=hadamard)
    signs = (
        [np.array([s], np.int8) for s in (-1, 1)]
        if hadamard
        else [2 * bits - 1 for bits in (r.astype(np.int8) for r in rows_of(4))]
    )
    worst = 0.0
    for place in range(4 if hadamard else 1):
        law = np.array([[settings.log_probability(sign, place, cell) for sign in signs] for cell in range(4)])
        assert np.allclose(np.exp(law).sum(axis=1), 1)
        worst = max(worst, (law.max(axis=0) - law.min(axis=0)).max())
    assert math.isclose(worst, epsilon)


@pytest.mark.parametrize("hadamard", [True, False])
def test_sketch_reports_follow_the_law(hadamard):
    settings = Sketch(1.5, rows=1, width=4, hadamard=hadamard, entropy=source())
    _, places, signs = settings.privatise(["flu"] * 200_000)
    cell = bucket("flu", 0, 4)
    if hadamard:
        assert chisquare(np.bincount(places, minlength=4)).pvalue > 1e-6
        wrong = sum(
            int((signs[places == place, 0] == sign).sum())
            for place in range(4)
            for sign in (-1, 1)
            if settings.log_probability(np.array([sign]), place, cell) < math.log(0.5)
        )
        assert abs(wrong / 200_000 - settings.flip) < 6 * math.sqrt(0.25 / 200_000)
    else:
        rows = np.array(rows_of(4))
        counts = np.bincount(((signs + 1) // 2) @ np.array([8, 4, 2, 1]), minlength=16)
        law = np.exp([settings.log_probability(2 * row.astype(int) - 1, 0, cell) for row in rows])
        assert chisquare(counts, law * 200_000).pvalue > 1e-6


@pytest.mark.parametrize("hadamard", [True, False])
def test_sketch_estimates_within_the_error_of_the_theory(hadamard):
    values, truth = population(30_000)
    settings = Sketch(3.0, rows=64, width=128, hadamard=hadamard, entropy=source(8))
    server = sketch.simulate(settings, values)
    gaps = server.estimate([f"word {i}" for i in range(60)]) - truth
    theory = settings.error(len(values), float((truth.astype(float) ** 2).sum()))
    assert np.abs(gaps).max() < 5 * theory
    assert 0.6 < gaps.std() / theory < 1.5


@pytest.mark.parametrize(
    "call",
    [
        lambda: RandomizedResponse(0, 3),
        lambda: RandomizedResponse(1.0, 1),
        lambda: RandomizedResponse(1.0, 3).privatise([3]),
        lambda: RandomizedResponse(1.0, 3).privatise([math.nan]),
        lambda: UnaryEncoding(math.inf, 3),
        lambda: UnaryEncoding(1.0, 3).privatise([-1]),
        lambda: Rappor(f=0),
        lambda: Rappor(p=0.75, q=0.75),
        lambda: Rappor(bits=1, hashes=2),
        lambda: RapporClient(SETTINGS, cohort=4),
        lambda: Sketch(math.nan),
        lambda: Sketch(1.0, width=1),
        lambda: Sketch(1.0, width=100, hadamard=True),
    ],
)
def test_impossible_settings_are_refused(call):
    with pytest.raises(PrivacyError):
        call()
