"""dp/continual.py: one ε for the whole stream, the law of its error, and the naive tally refuted."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

pytest.importorskip("scipy")

from nlp_deid.dp import Geometric, PrivacyError
from nlp_deid.dp.audit import refute
from nlp_deid.dp.continual import RunningSum, _shares, running_count

RUNS = 40_000


def stream(values, epsilon, horizon=None, runs=RUNS, seed=3):
    """Totals of `runs` independent counters over one stream, one row a run."""
    counter = running_count(
        epsilon, horizon or len(values), runs, entropy=random.Random(seed).randbytes, neighbours="unbounded"
    )
    return np.column_stack([counter.add(np.full(runs, value)) for value in values])


def test_each_record_touches_one_node_a_level():
    """ε of the stream, from the definition: nodes whose exact sum a record changes, times ε a node."""
    for horizon in (1, 2, 7, 8, 100):
        touched = np.zeros(horizon, int)
        seen = []

        class Watching(RunningSum):
            def _noisy(self, steps, seen=seen):
                seen.append(int(steps[0]))
                return steps.astype(float)

        for at in range(horizon):
            seen.clear()
            counter = Watching(1.0, horizon, (0, 1), whole=True)
            for step in range(horizon):
                counter.add(1 if step == at else 0)
            touched[at] = sum(seen)
        assert touched.max() <= counter.levels
        assert math.isclose(float(counter._sampler.rate) * counter.levels, 1.0)


def test_totals_are_exact_without_noise():
    class Silent(RunningSum):
        def _noisy(self, steps):
            return steps.astype(float)

    values = [random.Random(1).randint(0, 1) for _ in range(100)]
    counter = Silent(1.0, 100, (0, 1), whole=True)
    assert [counter.add(value) for value in values] == list(itertools.accumulate(values))
    amounts = Silent(1.0, 100, (-2.5, 4.0))
    totals = [amounts.add(value * 1.25 - 0.5) for value in values]
    assert np.allclose(totals, list(itertools.accumulate(value * 1.25 - 0.5 for value in values)))


def test_error_has_the_stated_variance():
    values = [1] * 23
    errors = stream(values, 0.5) - np.arange(1, 24)
    counter = running_count(0.5, 23)
    for step in range(1, 24):
        assert math.isclose(errors[:, step - 1].var(), counter.variance(step), rel_tol=0.06)
        assert abs(errors[:, step - 1].mean()) < 6 * math.sqrt(counter.variance(step) / RUNS)


def test_averaging_halves_is_worth_it():
    shares = _shares(11)
    assert shares[:3] == [1.0, pytest.approx(2 / 3), pytest.approx(4 / 7)]
    counter = running_count(0.1, 1024)
    worst = max(math.sqrt(counter.variance(step)) for step in range(1, 1025))
    plain = max(math.sqrt(step.bit_count() * counter.node_variance) for step in range(1, 1025))
    assert worst <= 375
    assert plain <= 520


def test_the_stream_withstands_the_search_and_the_naive_tally_does_not():
    one, two = [1] * 63, [0] + [1] * 62
    ours = refute(stream(one, 1.0, runs=20_000), stream(two, 1.0, runs=20_000, seed=4))
    assert ours.epsilon <= 1.0

    def naive(values, seed):
        fresh = Geometric(1.0, entropy=random.Random(seed).randbytes)
        return fresh.release(np.tile(np.cumsum(values), (20_000, 1)))

    assert refute(naive(one, 1), naive(two, 2)).epsilon > 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf, [1, 1], "a", 0.5])
def test_impossible_steps_are_refused(value):
    counter = running_count(1.0, 5)
    with pytest.raises(PrivacyError):
        counter.add(value)
    assert counter.steps_done == 0


def test_the_horizon_is_an_end():
    counter = running_count(1.0, 2)
    counter.add(1)
    counter.add(1)
    with pytest.raises(PrivacyError, match="horizon"):
        counter.add(1)


def test_values_beyond_the_bounds_are_clamped():
    class Silent(RunningSum):
        def _noisy(self, steps):
            return steps.astype(float)

    assert Silent(1.0, 3, (0.0, 2.5)).add(1e9) == 2.5


@pytest.mark.parametrize(
    "options",
    [
        {"epsilon": 0},
        {"horizon": 0},
        {"width": 0},
        {"bounds": None},
        {"bounds": (1, 0)},
        {"bounds": (0, 1.5), "whole": True},
        {"neighbours": "any"},
        {"neighbours": "bounded", "width": 2},
    ],
)
def test_impossible_counters_are_refused(options):
    with pytest.raises(PrivacyError):
        RunningSum(**{"epsilon": 1.0, "horizon": 4, "bounds": (0, 1), **options})
