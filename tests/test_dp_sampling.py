"""dp/sampling.py: laws hold exactly, whatever the length of the first look-up."""

from __future__ import annotations

import random
from fractions import Fraction
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy")
from scipy.stats import chisquare

from nlp_deid.dp.sampling import (
    Decay,
    Table,
    below,
    coins,
    decay,
    decay_of,
    exp_bounds,
    weighted,
)

FRACTIONS = st.fractions(min_value=0, max_value=200, max_denominator=10**6)


def accept(counts, law):
    """A chi-square test that an exact sampler fails once in a million seeds; the seed is fixed."""
    expected = np.asarray(law) * np.sum(counts)
    keep = expected > 5
    rest = (np.sum(counts) - np.sum(np.asarray(counts)[keep]), np.sum(expected[~keep]))
    observed, wanted = np.asarray(counts, float)[keep], expected[keep]
    if rest[1] > 5:
        observed, wanted = np.append(observed, rest[0]), np.append(wanted, rest[1])
    return chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue > 1e-6


@given(FRACTIONS, st.integers(8, 300))
def test_exp_bounds_enclose_and_are_narrow(exponent, bits):
    low, high = exp_bounds(exponent, bits)
    assert 0 <= low <= high <= (1 << bits) + 2
    assert high - low <= 3
    finer_low, finer_high = exp_bounds(exponent, bits + 200)
    assert low << 200 <= finer_high
    assert high << 200 >= finer_low
    if bits <= 40:
        assert low - 1 <= exp(-float(exponent)) * 2.0**bits <= high + 1


@given(st.lists(st.tuples(st.integers(1, 9), FRACTIONS), min_size=2, max_size=6))
def test_thresholds_enclose_the_cumulative_law(weights):
    low, high = weighted(weights)(64)
    least = min(exponent for _, exponent in weights)
    mass = np.array([count * exp(-float(exponent - least)) for count, exponent in weights])
    for at, over, want in zip(low, high, np.cumsum(mass / mass.sum()), strict=False):
        assert at <= over
        assert at / 2**64 - 1e-12 <= want <= over / 2**64 + 1e-12
        assert over - at <= 2


@pytest.mark.parametrize("bits", [1, 2, 5, 64])
def test_short_looks_are_refined_to_the_same_law(bits):
    """With one or two bits nearly every draw is refined; equal dyadic thresholds must not hang."""
    weights = [(1, Fraction(0)), (1, Fraction(0)), (3, Fraction(1, 3)), (0, Fraction(0)), (2, Fraction(5))]
    mass = np.array([c * exp(-float(g)) for c, g in weights])
    size = 20_000 if bits < 64 else 400_000
    cells = Table(weighted(weights), bits).draw(size, random.Random(3).randbytes)
    counts = np.bincount(cells, minlength=5)
    assert counts[3] == 0
    assert accept(counts, mass / mass.sum())


def test_the_law_test_can_fail():
    cells = Table(weighted([(1, Fraction(0)), (1, Fraction(1))])).draw(400_000, random.Random(1).randbytes)
    off = np.array([1, exp(-1.02)])
    assert not accept(np.bincount(cells, minlength=2), off / off.sum())


@pytest.mark.parametrize(
    "rate", [Fraction(9), Fraction(1), Fraction(1, 9), Fraction(3, 1000), Fraction(1, 7**9)]
)
def test_decay_has_the_geometric_law(rate):
    drawn = Decay(rate).draw(400_000, random.Random(5).randbytes)
    a = exp(-float(rate))
    width = max(int(0.05 / float(rate)), 1)
    bins = np.minimum(drawn // width, 199)
    tails = a ** (width * np.arange(200.0))
    assert accept(np.bincount(bins, minlength=200), np.append(tails[:-1] - tails[1:], tails[-1]))
    last = drawn % 7  # the lowest digits follow the law too
    law = (1 - a) * a ** np.arange(7) / (1 - a**7) if rate > 1e-3 else np.full(7, 1 / 7)
    assert accept(np.bincount(last, minlength=7), law)


def test_long_tails_are_drawn_piece_by_piece():
    sampler = Decay(Fraction(1, 4))
    sampler._cells, sampler._top = 2, Table(decay(Fraction(1, 4), 2))
    drawn = sampler.draw(300_000, random.Random(7).randbytes)
    law = exp(-0.25) ** np.arange(60.0)
    assert accept(np.bincount(np.minimum(drawn, 60), minlength=61)[:60], law * (1 - exp(-0.25)))


def test_uniform_integers_are_fair_even_next_to_the_word_size():
    limit = 3 * 2**61
    drawn = below(limit, 100_000, random.Random(2).randbytes)
    assert drawn.min() >= 0
    assert drawn.max() < limit
    assert accept(np.bincount(drawn // 2**61, minlength=3), np.full(3, 1 / 3))
    assert below(2**63, 1000).min() >= 0
    assert set(below(1, 50)) == {0}


def test_coins_are_rational():
    rng = random.Random(4).randbytes
    assert not coins(Fraction(0), 1000, rng).any()
    assert coins(Fraction(1), 1000, rng).all()
    assert accept(np.bincount(coins(Fraction(2, 7), 300_000, rng)), [5 / 7, 2 / 7])


@pytest.mark.parametrize(
    "call",
    [
        lambda: weighted([(0, Fraction(1))]),
        lambda: below(0, 1),
        lambda: below(2**63 + 1, 1),
        lambda: coins(Fraction(3, 2), 1),
        lambda: decay_of(Fraction(1, 2**70)),
    ],
)
def test_impossible_laws_are_refused(call):
    with pytest.raises(ValueError, match=r"must|needs"):
        call()
