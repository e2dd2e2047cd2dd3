"""dp/selection.py: the exponential mechanism and permute-and-flip, exact."""

from __future__ import annotations

import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("scipy")
from scipy.stats import chisquare

from nlp_deid.dp import Exponential, PrivacyError

SCORES = [3.0, 2.5, 0.0, 3.0, -4.0]
KINDS = list(itertools.product([False, True], [False, True]))


def mechanism(flip, monotonic, epsilon=1.0, seed=5):
    return Exponential(
        epsilon, permute_and_flip=flip, monotonic=monotonic, entropy=random.Random(seed).randbytes
    )


def permutations_law(q):
    """Permute-and-flip by going through all orders."""
    law = np.zeros(len(q))
    for order in itertools.permutations(range(len(q))):
        alive = 1.0
        for i in order:
            law[i] += alive * q[i]
            alive *= 1 - q[i]
    return law / math.factorial(len(q))


@pytest.mark.parametrize(("flip", "monotonic"), KINDS)
@pytest.mark.parametrize("epsilon", [0.1, 1.0, 5.0])
def test_private_for_all_neighbouring_scores(flip, monotonic, epsilon):
    """Scores in [0, 3] of three candidates; neighbours move each by at most one, or all one way."""
    chooser = mechanism(flip, monotonic, epsilon)
    law = {
        scores: chooser.log_probability([0, 1, 2], scores) for scores in itertools.product(range(4), repeat=3)
    }
    worst = 0.0
    for one in law:
        for two in law:
            moves = [b - a for a, b in zip(one, two, strict=True)]
            if max(map(abs, moves)) <= 1 and not (monotonic and len(set(moves) - {0}) > 1):
                worst = max(worst, float(np.abs(law[one] - law[two]).max()))
    assert worst <= epsilon * (1 + 1e-9)
    assert worst > epsilon * 0.5


@pytest.mark.parametrize(("flip", "monotonic"), KINDS)
def test_a_million_choices_follow_the_law(flip, monotonic):
    chooser = mechanism(flip, monotonic)
    counts = np.bincount(chooser.choose_many(SCORES, 1_000_000), minlength=len(SCORES))
    law = np.exp(chooser.log_probability(np.arange(len(SCORES)), SCORES))
    assert math.isclose(law.sum(), 1)
    assert chisquare(counts, law * 1_000_000).pvalue > 1e-6
    other = np.exp(mechanism(not flip, monotonic).log_probability(np.arange(len(SCORES)), SCORES))
    assert chisquare(counts, other / other.sum() * 1_000_000).pvalue < 1e-6


@settings(deadline=None)
@given(st.lists(st.floats(-8, 8), min_size=1, max_size=6))
def test_permute_and_flip_law_against_all_orders_and_never_worse(scores):
    chooser, plain = mechanism(True, False), mechanism(False, False)
    indices = np.arange(len(scores))
    law = np.exp(chooser.log_probability(indices, scores))
    q = np.exp(-(max(scores) - np.array(scores)) / 2)
    assert np.allclose(law, permutations_law(q))
    assert law @ scores >= np.exp(plain.log_probability(indices, scores)) @ scores - 1e-9


def test_groups_of_equal_candidates_weigh_their_size():
    chooser = Exponential(2.0, entropy=random.Random(9).randbytes)
    counts = np.bincount(
        [chooser.choose_weighted([Fraction(0), Fraction(-1)], [1, 4]) for _ in range(4000)], minlength=2
    )
    share = 4 * math.exp(-1) / (1 + 4 * math.exp(-1))
    assert abs(counts[1] / 4000 - share) < 6 * math.sqrt(0.25 / 4000)


def test_accuracy_bounds_the_gap():
    chooser = mechanism(False, False, 0.5)
    scores = np.arange(100.0)
    gap = 99 - scores[chooser.choose_many(scores, 100_000)]
    assert (gap > chooser.accuracy(0.05, 100)).mean() <= 0.05
    picked = scores[chooser.choose_many(scores, 100_000)]
    assert math.isclose(picked.var(), chooser.variance(scores), rel_tol=0.05)


@pytest.mark.parametrize("scores", [[], [math.nan], [1.0, math.inf], [[1.0, 2.0]], ["a"], [2**60]])
def test_impossible_scores_are_refused(scores):
    with pytest.raises(PrivacyError, match="scores"):
        Exponential(1.0).choose(scores)


def test_one_candidate_is_chosen():
    assert Exponential(1.0).choose([7.0]) == 0
    assert Exponential(1.0, permute_and_flip=True).choose([7.0]) == 0
