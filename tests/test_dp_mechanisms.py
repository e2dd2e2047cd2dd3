"""dp/mechanisms.py and dp/selection.py: ε proved on grids, laws met by draws, attacks that fail."""

from __future__ import annotations

import itertools
import math
import random

import numpy as np
import pytest

pytest.importorskip("scipy")
from scipy.stats import chisquare

from nlp_deid.dp import Exponential, Geometric, Laplace, PrivacyError, Staircase
from nlp_deid.dp.staircase_law import Steps, best_step

EPSILONS = (0.05, 0.5, 1.0, math.log(3), 4.0)
GRID = np.arange(-400, 401)


def seeded(mechanism, seed=11, **options):
    """The mechanism with a reproducible source, so that no test flakes."""
    return mechanism(**options, entropy=random.Random(seed).randbytes)


def fits(mechanism, value, cells=60, runs=1_000_000):
    """Whether draws follow log_probability: chi-square on the likeliest outcomes, or on wide bins."""
    drawn = np.asarray(mechanism.release(np.full(runs, value)))
    if mechanism.granularity < 1:  # compare the distribution function at many cuts
        noise = (np.sort(drawn) - value) / math.sqrt(mechanism.variance)
        cuts = np.linspace(-3, 3, cells)
        observed = np.diff(np.searchsorted(noise, cuts))
        law = np.diff([cumulative(mechanism, cut * math.sqrt(mechanism.variance)) for cut in cuts])
    else:
        outcomes = np.arange(int(value) - cells, int(value) + cells + 1)
        law = np.exp(mechanism.log_probability(outcomes, value))
        observed = np.array([(drawn == outcome).sum() for outcome in outcomes])
    keep = law * runs > 10
    observed, law = (
        np.append(observed[keep], runs - observed[keep].sum()),
        np.append(law[keep], 1 - law[keep].sum()),
    )
    observed, law = (observed, law) if law[-1] * runs > 10 else (observed[:-1], law[:-1] / law[:-1].sum())
    return chisquare(observed, law * observed.sum()).pvalue > 1e-6


def cumulative(mechanism, x):
    """Distribution function of the lattice noise, from the textbook law."""
    if isinstance(mechanism, Laplace):
        b = mechanism.sensitivity / mechanism.epsilon
        return 0.5 * math.exp(x / b) if x < 0 else 1 - 0.5 * math.exp(-x / b)
    steps = mechanism._law
    above = steps.tail(max(math.ceil(abs(x) / mechanism.granularity), 1)) / 2
    return above if x < 0 else 1 - above


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("sensitivity", [1, 2, 5])
@pytest.mark.parametrize("kind", ["geometric", "bounded", "staircase", "staircase variance"])
def test_integer_laws_are_private_on_the_grid(kind, epsilon, sensitivity):
    options = {"epsilon": epsilon, "sensitivity": sensitivity}
    mechanism = {
        "geometric": lambda: Geometric(**options),
        "bounded": lambda: Geometric(**options, bounds=(0, 9)),
        "staircase": lambda: Staircase(**options, discrete=True),
        "staircase variance": lambda: Staircase(**options, discrete=True, optimal="variance"),
    }[kind]()
    laws = {value: mechanism.log_probability(GRID, value) for value in range(-2, 12)}
    worst = 0.0
    for one, two in itertools.product(laws, laws):
        if abs(one - two) <= sensitivity:
            both = np.isfinite(laws[one])
            assert (np.isfinite(laws[two]) == both).all()
            worst = max(worst, float((laws[one][both] - laws[two][both]).max()))
    assert worst <= epsilon * (1 + 1e-9)
    assert worst > epsilon * 0.999  # and no ε is wasted
    if sensitivity * 40 < epsilon * 400:
        for law in laws.values():
            assert math.isclose(np.exp(law).sum(), 1, abs_tol=1e-9)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize("sensitivity", [1.0, 0.3, 7.7])
@pytest.mark.parametrize("kind", [Laplace, Staircase])
def test_lattice_laws_are_private_for_awkward_values(kind, epsilon, sensitivity):
    mechanism = kind(epsilon, sensitivity)
    rng = np.random.default_rng(3)
    step = mechanism.granularity
    for value in (0.0, 0.1, 1 / 3, -12345.678, 2.0**-40):
        outputs = np.floor((value + sensitivity * rng.uniform(-6, 6, 300)) / step) * step
        for shift in (sensitivity, -sensitivity, sensitivity / 3, step / 3):
            neighbour = value + shift
            if abs(neighbour - value) > sensitivity:
                neighbour = math.nextafter(neighbour, value)
            here = mechanism.log_probability(outputs, value)
            there = mechanism.log_probability(outputs, neighbour)
            assert np.abs(here - there).max() <= epsilon * (1 + 1e-9)
    assert mechanism.log_probability(step / 2, 0.0) == -math.inf


def test_rounding_of_many_entries_is_paid_for():
    """Each entry may round one step further; the joint ratio still stays below ε."""
    mechanism, size = Laplace(1.0, 1.0), 5000
    value = np.full(size, 0.4999 * mechanism.granularity)
    neighbour = value + 1 / size - 0.0005 * mechanism.granularity
    outputs = np.zeros(size)
    ratio = mechanism.log_probability(outputs, value) - mechanism.log_probability(outputs, neighbour)
    assert np.abs(neighbour - value).sum() <= 1
    assert 0.99 < ratio.sum() <= 1.0


@pytest.mark.parametrize(
    ("mechanism", "value"),
    [
        (seeded(Geometric, epsilon=1.0), 3),
        (seeded(Geometric, epsilon=0.1, sensitivity=2), 3),
        (seeded(Geometric, epsilon=0.5, bounds=(0, 10)), 3),
        (seeded(Laplace, epsilon=0.7, sensitivity=2.5), 0.1),
        (seeded(Staircase, epsilon=2.0, sensitivity=5, discrete=True, changes=1), 4),
        (seeded(Staircase, epsilon=3.0, sensitivity=1.5, changes=1), 0.1),
    ],
    ids=str,
)
def test_a_million_draws_follow_the_law(mechanism, value):
    assert fits(mechanism, value)


def test_the_law_test_refutes_half_the_scale():
    class Half(Geometric):
        def release(self, value):
            return Geometric(2.0, entropy=random.Random(1).randbytes).release(value)

    assert not fits(Half(1.0), 0, runs=100_000)


@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3])
@pytest.mark.parametrize(
    "mechanism",
    [
        seeded(Geometric, epsilon=0.3),
        seeded(Laplace, epsilon=0.3, sensitivity=4.0),
        seeded(Staircase, epsilon=3.0, sensitivity=4.0, changes=1),
        seeded(Staircase, epsilon=1.0, sensitivity=6, discrete=True, changes=1),
    ],
    ids=str,
)
def test_accuracy_and_variance_tell_the_truth(mechanism, alpha):
    noise = mechanism.release(np.zeros(400_000))
    radius = mechanism.accuracy(alpha)
    spread = 6 * math.sqrt(alpha / 400_000)
    assert (np.abs(noise) > radius).mean() <= alpha + spread
    assert (np.abs(noise) > radius - mechanism.granularity).mean() >= alpha - spread
    assert math.isclose(noise.var(), mechanism.variance, rel_tol=0.03)


def test_staircase_figures_of_the_paper():
    for epsilon, l1 in ((0.1, 9.996), (1.0, 0.9595), (2.0, 0.4255), (5.0, 0.0826)):
        law = Staircase(epsilon)._law
        assert math.isclose(law.mean_error / law.width, l1, rel_tol=1e-3)
    assert math.isclose(Staircase(5.0, optimal="variance").variance, 0.0297, rel_tol=1e-2)
    assert Staircase(5.0, optimal="variance").variance < Staircase(5.0).variance < Laplace(5.0).variance


@pytest.mark.parametrize("optimal", ["L1", "variance"])
@pytest.mark.parametrize("epsilon", [0.1, 1, 2, 5])
def test_the_best_step_is_best(optimal, epsilon):
    from fractions import Fraction

    def loss(width, step):
        law = Steps(Fraction(epsilon), width, step)
        return law.mean_error if optimal == "L1" else law.variance

    assert best_step(epsilon, 12, optimal) == min(range(1, 13), key=lambda step: loss(12, step))
    chosen = best_step(epsilon, 10_000, optimal)
    assert loss(10_000, chosen) <= min(loss(10_000, step) for step in range(1, 10_001, 50)) * (1 + 1e-6)


def test_moments_against_the_sum():
    from fractions import Fraction

    law = Steps(Fraction(1, 2), 5, 2)
    at = np.arange(-600, 601)
    mass = np.exp(law.log_mass(at))
    assert math.isclose(mass.sum(), 1)
    assert math.isclose(mass @ np.abs(at), law.mean_error)
    assert math.isclose(mass @ at**2.0, law.variance)
    assert math.isclose(mass[np.abs(at) >= 13].sum(), law.tail(13), rel_tol=1e-9)


def test_discrete_staircase_of_sensitivity_one_is_the_geometric():
    at = np.arange(-30, 31)
    stairs, geometric = Staircase(0.8, 1, discrete=True), Geometric(0.8)
    assert np.allclose(stairs.log_probability(at, 0), geometric.log_probability(at, 0))


def test_numbers_in_give_numbers_out_and_arrays_arrays():
    assert isinstance(Laplace(1.0).release(2.5), float)
    assert isinstance(Geometric(1.0).release(2), int)
    assert Laplace(1.0).release(np.zeros((3, 4))).shape == (3, 4)
    assert Geometric(1.0).release([1, 2]).dtype == np.int64
    assert 0 <= Geometric(0.01, bounds=(0, 5)).release(3) <= 5


@pytest.mark.parametrize("epsilon", [0, -1, math.nan, math.inf, 11, True])
@pytest.mark.parametrize("mechanism", [Laplace, Geometric, Staircase, Exponential])
def test_impossible_epsilons_are_refused(mechanism, epsilon):
    with pytest.raises(PrivacyError, match="ε"):
        mechanism(epsilon)


def test_large_epsilons_need_a_flag():
    assert Laplace(12, allow_large=True).variance < 0.02


@pytest.mark.parametrize("sensitivity", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("mechanism", [Laplace, Geometric, Staircase, Exponential])
def test_impossible_sensitivities_are_refused(mechanism, sensitivity):
    with pytest.raises(PrivacyError, match="sensitivity"):
        mechanism(1.0, sensitivity)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53 + 1, [1, 2**60], "1", [0.0, math.nan], None, 1e300]
)
@pytest.mark.parametrize("mechanism", [Laplace(1.0), Geometric(1.0), Staircase(1.0, changes=1)])
def test_impossible_values_are_refused_before_a_draw(mechanism, value):
    def never(size):
        raise AssertionError("drawn")

    silent = type(mechanism)(**{**vars_of(mechanism), "entropy": never})
    with pytest.raises(PrivacyError, match="value"):
        silent.release(value)


def vars_of(mechanism):
    return {name: getattr(mechanism, name) for name in mechanism.__dataclass_fields__}


@pytest.mark.parametrize(
    "call",
    [
        lambda: Geometric(1.0).release(0.5),
        lambda: Geometric(1.0, 1.5),
        lambda: Geometric(1.0, bounds=(3, 3)),
        lambda: Staircase(1.0).release([1.0, 2.0]),
        lambda: Staircase(1.0, optimal="best"),
        lambda: Staircase(1.0, changes=0),
        lambda: Laplace(1.0).accuracy(0),
        lambda: Laplace(1e-9, 1e-9).release(1e15),
    ],
)
def test_other_misuse_is_refused(call):
    with pytest.raises(PrivacyError):
        call()


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 50.0, 5000.0])
@pytest.mark.parametrize("kind", [Laplace, Geometric, Staircase])
def test_extreme_epsilons_keep_their_laws(kind, epsilon):
    options = {"changes": 1} if kind is Staircase else {}
    mechanism = kind(epsilon, 1, allow_large=True, entropy=random.Random(1).randbytes, **options)
    noise = np.asarray(mechanism.release(np.zeros(100_000)), dtype=float)
    if epsilon < 1:  # at large ε a few draws in a million make the variance
        assert math.isclose(noise.var(), mechanism.variance, rel_tol=0.1)
    assert (np.abs(noise) > mechanism.accuracy(0.1)).mean() <= 0.11
    loss = mechanism.log_probability(0.0, 0.0) - mechanism.log_probability(0.0, 1.0)
    assert math.isclose(loss, epsilon, rel_tol=1e-6)
