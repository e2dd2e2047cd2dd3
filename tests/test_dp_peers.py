"""OpenDP as a second opinion: the same laws, the same price."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("opendp")
pytest.importorskip("scipy")
import opendp.prelude as dp
from scipy.stats import chisquare

from nlp_deid.dp import Exponential, Geometric
from nlp_deid.dp.frame import Frame, Term

ONE_IN_A_BILLION = 1e-9  # OpenDP takes no seed


@pytest.fixture(autouse=True)
def features():
    dp.enable_features("contrib")


@pytest.mark.parametrize(("epsilon", "sensitivity"), [(0.1, 1), (1.0, 1), (1.0, 3), (4.0, 2)])
def test_the_price_is_the_same(epsilon, sensitivity):
    space = dp.atom_domain(T=int), dp.absolute_distance(T=int)
    peer = dp.m.make_laplace(*space, scale=sensitivity / epsilon)
    ours = Geometric(epsilon, sensitivity)
    loss = ours.log_probability(0, 0) - ours.log_probability(0, sensitivity)
    assert math.isclose(peer.map(sensitivity), loss, rel_tol=1e-9)


def test_its_draws_follow_our_law():
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int)
    drawn = np.array(dp.m.make_laplace(*space, scale=2.0)([0] * 20_000))
    at = np.arange(-12, 13)
    law = np.exp(Geometric(0.5).log_probability(at, 0))
    seen = np.array([(drawn == k).sum() for k in at])
    seen, law = np.append(seen, 20_000 - seen.sum()), np.append(law, 1 - law.sum())
    assert chisquare(seen, law * 20_000).pvalue > ONE_IN_A_BILLION


def test_its_noisy_maximum_is_our_permute_and_flip():
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.linf_distance(T=int)
    peer = dp.m.make_noisy_max(*space, dp.max_divergence(), scale=2.0)
    counts = np.bincount([peer([3, 2, 0]) for _ in range(10_000)], minlength=3)
    law = np.exp(Exponential(1.0, permute_and_flip=True).log_probability([0, 1, 2], [3, 2, 0]))
    assert chisquare(counts, law * 10_000).pvalue > ONE_IN_A_BILLION


def test_sums_have_the_same_sensitivity():
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.symmetric_distance()
    peer = space >> dp.t.then_clamp((-3, 10)) >> dp.t.then_sum()
    term = Term("x", -3.0, 10.0)
    assert peer.map(1) == term.steps * term.grain
    data = np.array([5, 20, -9, 1])
    ((_, total),) = Frame({"x": data}).totals([], [term]).values()
    assert peer(data.tolist()) == total * term.grain
