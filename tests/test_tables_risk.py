"""tables/risk.py and population.py: hand-worked tables, brute force over partitions, simulated populations."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pl = pytest.importorskip("polars")
pytest.importorskip("scipy")

from nlp_deid.tables.frames import TableError  # noqa: E402
from nlp_deid.tables.population import (  # noqa: E402
    pitman,
    pitman_parameters,
    pitman_uniques,
    population_uniqueness,
    shlosser,
    snb,
    snb_parameters,
    snb_seen,
    zayatz,
)
from nlp_deid.tables.risk import risk  # noqa: E402

TABLE = pl.DataFrame({"age": ["1", "1", "2", "2", "2", "3"], "sex": list("ffmmmf")})


def histogram(sizes):
    return np.unique(np.asarray(sizes), return_counts=True)


def test_known_answers_of_the_prosecutor():
    found = risk(TABLE, ["age", "sex"], thresholds=[0.5, 0.33, 0.05])
    assert (found.records, found.classes, found.suppressed) == (6, 3, 0)
    assert found.prosecutor.highest == 1
    assert found.prosecutor.mean == found.marketer == 3 / 6
    assert found.prosecutor.above == {0.5: 1 / 6, 0.33: 1, 0.05: 1}
    assert found.sample_uniques == 1 / 6
    assert found.class_sizes == ((1, 1), (2, 1), (3, 1))
    assert found.share_within(2) == 0.5
    assert found.journalist is None
    assert found.population is None


def test_a_risk_of_exactly_the_threshold_is_not_above_it():
    five = pl.DataFrame({"a": ["x"] * 5 + ["y"] * 4})
    assert risk(five, ["a"], thresholds=[0.2]).prosecutor.above == {0.2: 4 / 9}


def test_journalist_and_marketer_look_at_the_population():
    population = pl.concat([TABLE, pl.DataFrame({"age": ["1", "3", "3", "9"], "sex": list("fffm")})])
    found = risk(TABLE, ["age", "sex"], population=population, thresholds=[0.3])
    # Sample 2, 3, 1 in population 3, 3, 3.
    assert found.journalist.highest == 1 / 3
    assert found.journalist.mean == pytest.approx((2 / 3 + 3 / 3 + 1 / 3) / 6)
    assert found.marketer == pytest.approx(2 / 6)
    assert found.journalist.above == {0.3: 1}
    assert found.population.population == 10


def test_a_population_without_the_table_is_refused():
    with pytest.raises(TableError, match="1 of 3 classes"):
        risk(TABLE, ["age", "sex"], population=TABLE.filter(pl.col("age") != "3"))
    with pytest.raises(TableError, match="smaller"):
        risk(TABLE, ["age", "sex"], population_size=5)


def test_suppressed_records_are_counted_apart():
    marked = pl.concat([TABLE, pl.DataFrame({"age": ["*"], "sex": ["*"]})])
    found = risk(marked, ["age", "sex"], population=marked)
    assert (found.records, found.suppressed) == (6, 1)
    assert found.prosecutor.mean == found.journalist.mean == 0.5
    nothing = risk(marked.tail(1), ["age", "sex"], population_size=10)
    assert (nothing.records, nothing.prosecutor.highest, nothing.population) == (0, 0, None)


def test_wrong_calls():
    with pytest.raises(TableError, match="threshold"):
        risk(TABLE, ["age"], thresholds=[2])
    with pytest.raises(TableError, match="no rows"):
        risk(TABLE.head(0), ["age"])
    with pytest.raises(TableError, match="'weight'"):
        risk(TABLE, ["weight"])


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), min_size=1, max_size=20))
@settings(deadline=None, max_examples=40)
def test_prosecutor_against_record_by_record(rows):
    found = risk(pl.DataFrame(rows, schema=["a", "b"], orient="row"), ["a", "b"], thresholds=[0.2])
    risks = [1 / Counter(rows)[row] for row in rows]
    assert found.prosecutor.highest == max(risks)
    assert found.prosecutor.mean == pytest.approx(sum(risks) / len(rows))
    assert found.prosecutor.above[0.2] == sum(r > 0.2 for r in risks) / len(rows)


def test_zayatz_by_hand():
    # Three of six: chance 3/6 to see a class of one once, 2*6/20 for a class of two.
    unique = (1 / 2 * 3 / 6) / (1 / 2 * 3 / 6 + 1 / 2 * 12 / 20)
    assert zayatz(*histogram([1, 2]), 6) == pytest.approx(unique * 1 / (3 / 6) / 6)
    assert zayatz(*histogram([1, 1]), 4) == pytest.approx(1)


def partitions(n):
    """Assignments of records to classes, as growth strings."""

    def grow(prefix, used):
        if len(prefix) == n:
            yield prefix
            return
        for at in range(used + 1):
            yield from grow([*prefix, at], max(used, at + 1))

    return grow([], 0)


def chance(assignment, theta, alpha):
    """Of one assignment in the two-parameter Chinese restaurant."""
    sizes, result = Counter(), 1.0
    for seated, at in enumerate(assignment):
        if seated:
            weight = sizes[at] - alpha if sizes[at] else theta + alpha * len(sizes)
            result *= weight / (theta + seated)
        sizes[at] += 1
    return result


@pytest.mark.parametrize(("theta", "alpha"), [(1.0, 0.3), (5.0, 0.7), (-0.2, 0.5)])
def test_uniques_of_pitmans_formula_against_all_partitions(theta, alpha):
    everything = list(partitions(6))
    assert sum(chance(a, theta, alpha) for a in everything) == pytest.approx(1)
    expected = sum(chance(a, theta, alpha) * sum(n == 1 for n in Counter(a).values()) for a in everything)
    assert pitman_uniques(theta, alpha, 6) == pytest.approx(expected)


def test_pitman_parameters_are_the_most_likely():
    assignment = [0, 1, 0, 2, 0, 3, 1, 0, 4, 5]
    theta, alpha = pitman_parameters(*histogram(list(Counter(assignment).values())))
    best = chance(assignment, theta, alpha)
    for other in itertools.product(np.linspace(0.1, 20, 40), np.linspace(0.01, 0.99, 40)):
        assert chance(assignment, *other) <= best * (1 + 1e-6)


def restaurant(records, theta, alpha, rng):
    sizes, of_record = [], []
    for seated in range(records):
        if rng.random() * (theta + seated) < theta + alpha * len(sizes):
            sizes.append(1)
            of_record.append(len(sizes) - 1)
        else:
            while True:  # rejection: a class by its size, then less alpha
                at = of_record[rng.integers(seated)]
                if rng.random() < 1 - alpha / sizes[at]:
                    break
            sizes[at] += 1
            of_record.append(at)
    return np.array(of_record)


def test_pitman_finds_the_uniqueness_of_a_population_of_its_kind():
    rng = np.random.default_rng(7)
    population = restaurant(40_000, 50.0, 0.6, rng)
    truth = (np.bincount(population) == 1).sum() / 40_000
    sample = np.bincount(rng.choice(population, 2_000, replace=False))
    found = population_uniqueness(sample[sample > 0], 40_000)
    assert found.chosen == "pitman"
    assert found.share == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize(("r", "p", "fraction"), [(0.5, 0.4, 0.3), (2.0, 0.7, 0.5), (1.0, 0.2, 0.9)])
def test_snb_chances_against_the_sum_over_population_sizes(r, p, fraction):
    seen = [0.0, 0.0]
    for size in range(1, 400):
        log_chance = (
            math.lgamma(r + size - 1)
            - math.lgamma(r)
            - math.lgamma(size)
            + (size - 1) * math.log1p(-p)
            + r * math.log(p)
        )
        for j in (1, 2):
            seen[j - 1] += (
                math.exp(log_chance) * math.comb(size, j) * fraction**j * (1 - fraction) ** (size - j)
            )
    assert snb_seen(r, p, fraction) == pytest.approx(tuple(seen))
    ones, twos = (1000 * share for share in seen)
    found = snb_parameters(1000, ones, twos, fraction)
    assert snb_seen(*found, fraction) == pytest.approx(tuple(seen), rel=1e-3)


def test_snb_of_a_population_of_its_kind_and_of_a_full_sample():
    rng = np.random.default_rng(3)
    sizes = 1 + rng.negative_binomial(0.8, 0.35, 6000)
    truth = (sizes == 1).sum() / sizes.sum()
    sample = rng.binomial(sizes, 0.5)
    assert snb(*histogram(sample[sample > 0]), int(sizes.sum())) == pytest.approx(truth, rel=0.2)
    assert snb(*histogram([1, 1, 2]), 4) == 0.5
    assert shlosser(*histogram([1, 1, 2]), 0.999) == pytest.approx(3, abs=0.01)


def test_the_rule_takes_the_lower_of_two_above_a_tenth_and_nothing_without_sample_uniques():
    sizes = np.array([1] * 300 + [2] * 100 + [5] * 50)
    found = population_uniqueness(sizes, 1500)
    assert found.share == min(found.estimates["zayatz"], found.estimates["snb"])
    assert population_uniqueness(np.array([2, 3]), 100).share == 0
    assert 0 <= pitman(*histogram(sizes), 10_000_000) <= 1


def test_all_records_unique():
    found = population_uniqueness(np.ones(50, np.int64), 1000)
    assert found.share == pytest.approx(1, abs=0.05)
