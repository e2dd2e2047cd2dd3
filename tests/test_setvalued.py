"""Set-valued models: known answers, and brute force over every small database."""

from fractions import Fraction
from itertools import combinations, combinations_with_replacement

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.tables.baskets import BasketError, Baskets, occurring
from nlp_deid.tables.setvalued import HKPCoherence, KMAnonymity, RhoUncertainty

TERROVITIS = [["a1", "b1", "b2"], ["a2", "b1"], ["a2", "b1", "b2"], ["a1", "a2", "b2"]]
MAPPED = [["A", "b1", "b2"], ["A", "b1"], ["A", "b1", "b2"], ["A", "b2"]]
CAO = [["a", "s"], ["a"], ["b", "s"], ["b"], ["a", "b"]]
XU = [["a", "b", "x"], ["a", "b", "y"], ["a", "x"], ["b", "y"], ["a", "b"]]
RECORDS = st.lists(st.sets(st.sampled_from("abcde"), max_size=5), max_size=7)


def subsets(items, most, least=0):
    return [set(c) for n in range(least, most + 1) for c in combinations(sorted(items), n)]


def support(records, items):
    return sum(items <= record for record in records)


def plain_km(records, k, m):
    return all(support(records, s) >= k for record in records for s in subsets(record, m, 1))


def plain_rho(records, sensitive, empty):
    """The greatest confidence of all rules, None if there is none."""
    return max(
        (
            Fraction(support(records, x | {a}), support(records, x))
            for record in records
            for a in record & sensitive
            for x in subsets(record - {a}, len(record), 0 if empty else 1)
        ),
        default=None,
    )


def plain_hkp(records, h, k, p, private):
    for record in records:
        for b in subsets(record - private, p, 1):
            whole = support(records, b)
            if whole < k or any(support(records, b | {x}) > h * whole for x in private):
                return False
    return True


@pytest.mark.parametrize(("k", "m", "plain", "mapped"), [(2, 1, True, True), (2, 2, False, True)])
def test_km_known_answers(k, m, plain, mapped):
    assert KMAnonymity(k, m).check(Baskets.of(TERROVITIS)).holds is plain
    assert KMAnonymity(k, m).check(Baskets.of(MAPPED)).holds is mapped


def test_km_known_answers_of_larger_sets():
    assert KMAnonymity(2, 3).check(Baskets.of(MAPPED))
    check = KMAnonymity(3, 2).check(Baskets.of(MAPPED))
    assert (check.holds, check.items, check.support) == (False, ("b1", "b2"), 2)


def test_rho_known_answers():
    baskets = Baskets.of(CAO)
    check = RhoUncertainty(0.5, {"s"}).check(baskets)
    assert (check.share, check.target, check.support) == (Fraction(1, 3), "s", 3)
    assert check.holds
    assert not RhoUncertainty(Fraction(1, 3), {"s"}).check(baskets)  # the bound is strict
    assert RhoUncertainty(1, {"s"}, empty_antecedent=True).check(baskets).share == Fraction(2, 5)


def test_hkp_known_answers():
    baskets, private = Baskets.of(XU), {"x", "y"}
    assert HKPCoherence(0.5, 3, 2, private).check(baskets)
    assert not HKPCoherence(0.49, 3, 2, private).check(baskets)
    assert not HKPCoherence(0.5, 4, 2, private).check(baskets)
    assert HKPCoherence(0.5, 4, 1, private).check(baskets)


def test_every_small_database():
    """All databases of up to four records over three items."""
    kinds = subsets("abc", 3)
    for n in range(5):
        for records in combinations_with_replacement(kinds, n):
            baskets = Baskets.of(records)
            for k, m in ((2, 1), (2, 2), (3, 3)):
                assert KMAnonymity(k, m).check(baskets).holds == plain_km(records, k, m)
            for sensitive, empty in (({"c"}, False), ({"b", "c"}, True), (set("abc"), False)):
                worst = plain_rho(records, sensitive, empty)
                assert RhoUncertainty(0.5, sensitive, empty).check(baskets).share == worst
            assert HKPCoherence(0.5, 2, 2, {"c"}).check(baskets).holds == plain_hkp(
                records, Fraction(1, 2), 2, 2, {"c"}
            )


@settings(deadline=None)
@given(RECORDS, st.integers(1, 4), st.integers(1, 5))
def test_km_witness_is_the_rarest_set(records, k, m):
    check = KMAnonymity(k, m).check(Baskets.of(records))
    counts = [support(records, s) for record in records for s in subsets(record, m, 1)]
    assert check.support == min(counts, default=None)
    assert check.holds == (min(counts, default=k) >= k)
    if check.items:
        assert support(records, set(check.items)) == check.support


@settings(deadline=None)
@given(RECORDS, st.sets(st.sampled_from("abcde"), min_size=1), st.booleans())
def test_rho_witness_is_the_surest_rule(records, sensitive, empty):
    check = RhoUncertainty(0.4, sensitive, empty).check(Baskets.of(records))
    assert check.share == plain_rho(records, sensitive, empty)
    if check.target:
        x = set(check.items)
        assert support(records, x) == check.support
        assert Fraction(support(records, x | {check.target}), support(records, x)) == check.share


@settings(deadline=None)
@given(RECORDS, st.sampled_from(["0", "0.3", "1/2", "1"]), st.integers(1, 3), st.integers(1, 3))
def test_hkp_against_brute_force(records, h, k, p):
    check = HKPCoherence(h, k, p, {"d", "e"}).check(Baskets.of(records))
    assert check.holds == plain_hkp(records, Fraction(h), k, p, {"d", "e"})


@pytest.mark.parametrize(
    "model",
    [
        KMAnonymity(2, 2),
        RhoUncertainty(0.5),
        RhoUncertainty(0.4, {"a", "e"}, True),
        HKPCoherence(0.5, 2, 2, {"d", "e"}),
    ],
    ids=str,
)
@settings(deadline=None)
@given(records=RECORDS)
def test_what_is_broken_and_what_a_new_item_breaks(model, records):
    baskets = Baskets.of(records)
    broken = [items for size in model.sizes(baskets.longest) for items in model.broken(baskets, size)]
    assert bool(broken) is not model.check(baskets).holds
    for item in baskets.bits:
        without = baskets.kept(baskets.bits.keys() - {item})
        if model.check(without):
            assert model.breaks_with(baskets, item) is not model.check(baskets).holds


@settings(deadline=None)
@given(RECORDS, st.integers(0, 4))
def test_occurring_lists_every_set_once(records, size):
    found = [
        (frozenset(items), mask.bit_count()) for items, mask in occurring(Baskets.of(records).bits, size)
    ]
    expected = (
        {frozenset(s) for record in records for s in subsets(record, size, size)} if size else {frozenset()}
    )
    assert {items for items, _ in found} == expected
    assert len(found) == len(expected)
    assert all(count == support(records, items) for items, count in found if items)


def test_duplicates_and_empty_records_are_counted():
    baskets = Baskets.of([["a", "a", "b"], [], ["b"]])
    assert (baskets.size, baskets.duplicates, baskets.longest) == (3, 1, 2)
    assert baskets.records() == [["a", "b"], [], ["b"]]


def test_m_beyond_the_longest_record_is_said():
    check = KMAnonymity(2, 9).check(Baskets.of([["a", "b"]] * 2))
    assert check.holds
    assert "longest record" in check.note


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: KMAnonymity(0, 2),
        lambda: KMAnonymity(2, 1.5),
        lambda: RhoUncertainty(0),
        lambda: RhoUncertainty(1.1),
        lambda: RhoUncertainty("half"),
        lambda: RhoUncertainty(0.5, "s"),
        lambda: RhoUncertainty(0.5, []),
        lambda: HKPCoherence(1.5, 2, 2, {"x"}),
        lambda: HKPCoherence(0.5, 2, 0, {"x"}),
        lambda: HKPCoherence(0.5, 2, 2, {12}),
        lambda: Baskets.of(["abc"]),
        lambda: Baskets.of([["a", ""]]),
        lambda: Baskets.of([[1]]),
    ],
)
def test_wrong_calls_are_refused(wrong):
    with pytest.raises(BasketError):
        wrong()
