"""Intervals and p values against exact ones."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.scoring import Score, Share
from nlp_deid.significance import bootstrap, randomise


def f1(score: Score) -> float:
    return score.f1


def test_bootstrap_of_a_fair_coin() -> None:
    units = [Share(n % 2, 1) for n in range(400)]
    limits = bootstrap(units, 2000, seed=1)
    assert limits is not None
    assert limits == pytest.approx((0.451, 0.549), abs=0.006)  # 0.5 -+ 1.96 * sqrt(.25 / 400)
    assert limits == bootstrap(units, 2000, seed=1)
    assert limits != bootstrap(units, 2000, seed=2)


def test_bootstrap_pools_and_leaves_out_nothing() -> None:
    assert bootstrap([], 100, 0) is None
    assert bootstrap([Share(), Share()], 100, 0) is None
    assert bootstrap([Share(3, 4)] * 5, 100, 0) == (0.75, 0.75)
    low, high = bootstrap([Share(0, 1), Share(99, 99)], 1000, 0) or (None, None)
    assert (low, high) == (0, 1)
    with pytest.raises(ValueError, match="too few"):
        bootstrap([Share(1, 1)], 99, 0)


COUNTS = st.builds(Score, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=5))
def test_p_is_near_the_exact_one(units: list[tuple[Score, Score]]) -> None:
    a, b = [unit[0] for unit in units], [unit[1] for unit in units]

    def difference(swaps: tuple[int, ...]) -> float:
        left = sum((unit[swap] for unit, swap in zip(units, swaps, strict=True)), Score())
        right = sum((unit[1 - swap] for unit, swap in zip(units, swaps, strict=True)), Score())
        return abs(left.f1 - right.f1)

    observed = difference((0,) * len(units)) - 1e-12
    exact = [difference(swaps) >= observed for swaps in product((0, 1), repeat=len(units))]
    assert randomise(a, b, f1, 2000, seed=3) == pytest.approx(sum(exact) / len(exact), abs=0.06)


def test_equal_systems_and_clear_winners() -> None:
    good, bad = [Score(9, 0, 1)] * 30, [Score(5, 0, 5)] * 30
    assert randomise(good, good, f1, 199, 0) == 1
    assert randomise(good, bad, f1, 199, 0) == pytest.approx(1 / 200)
    with pytest.raises(ValueError, match="30 and 29 units"):
        randomise(good, bad[:-1], f1, 10, 0)
    with pytest.raises(ValueError, match="0 and 0"):
        randomise([], [], f1, 10, 0)
