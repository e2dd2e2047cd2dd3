"""Set-valued anonymization: the output holds by brute force, loses no more than it must, drops nothing unsaid."""

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nlp_deid.tables.baskets import BasketError, Baskets
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.item_suppression import InfeasibleError, by_frequency
from nlp_deid.tables.setvalued import HKPCoherence, KMAnonymity, RhoUncertainty
from nlp_deid.tables.transactions import anonymize, lifted

TREE = ItemHierarchy.from_paths([("a1", "A"), ("a2", "A"), ("b1", "B"), ("b2", "B"), ("s", "S"), ("t", "S")])
ITEMS = ["a1", "a2", "b1", "b2", "s", "t"]
RECORDS = st.lists(st.sets(st.sampled_from(ITEMS), max_size=5), min_size=4, max_size=14).map(
    lambda records: [*records, {"s", "b1"}]  # so that the items that models name occur
)
CODES = ["E11.9", "E119", "E78.5", "I10", "Z00.00", "A00"]


def support(records, items):
    return sum(set(items) <= set(record) for record in records)


def km_holds(records, k, m):
    return all(
        support(records, items) >= k
        for record in records
        for size in range(1, m + 1)
        for items in combinations(record, size)
    )


def surest(records, sensitive):
    return max(
        (
            Fraction(support(records, (*x, a)), support(records, x))
            for record in records
            for a in set(record) & sensitive
            for size in range(1, len(record))
            for x in combinations(set(record) - {a}, size)
        ),
        default=0,
    )


def hkp_holds(records, h, k, p, private):
    for record in records:
        for size in range(1, p + 1):
            for items in combinations(set(record) - private, size):
                whole = support(records, items)
                if whole < k or any(support(records, (*items, x)) > h * whole for x in private):
                    return False
    return True


def published(records, *args, **options):
    """The result, or None where the thresholds cannot be met; every item must be accounted for."""
    try:
        result = anonymize(records, *args, **options)
    except InfeasibleError:
        return None
    assert len(result.records) == len(records)
    for before, after in zip(records, result.records, strict=True):
        assert set(after) == {result.mapping[item] for item in before} - {None}
    gone = sum(result.mapping[item] is None for record in records for item in record)
    assert result.loss.suppressed == gone == sum(result.loss.suppressed_items.values())
    assert 0 <= result.loss.ncp <= 1
    return result


@settings(deadline=None)
@given(RECORDS, st.integers(2, 4), st.integers(1, 3))
def test_km_by_suppression(records, k, m):
    result = published(records, KMAnonymity(k, m))
    if result:
        assert km_holds(result.records, k, m)
        kept = Baskets.of(result.records)
        before = Baskets.of(records)
        assert kept.occurrences >= before.kept(by_frequency(before, [KMAnonymity(k, m)])).occurrences
        for item in before.bits.keys() - kept.bits.keys():  # nothing is left out in vain
            assert not KMAnonymity(k, m).check(before.kept({*kept.bits, item}))


@settings(deadline=None)
@given(RECORDS, st.integers(2, 4), st.integers(1, 3))
def test_km_by_recoding_suppresses_nothing(records, k, m):
    result = published(records, KMAnonymity(k, m), method="recode", hierarchy=TREE)
    if result:
        assert km_holds(result.records, k, m)
        assert result.loss.suppressed == 0
    else:
        assert sum(map(bool, records)) < k or len(records) < k


@settings(deadline=None)
@given(RECORDS, st.integers(2, 4), st.integers(1, 3))
def test_km_mixed_loses_no_more_than_recoding(records, k, m):
    recoded = published(records, KMAnonymity(k, m), method="recode", hierarchy=TREE)
    mixed = published(records, KMAnonymity(k, m), method="mixed", hierarchy=TREE)
    if recoded and mixed:
        assert km_holds(mixed.records, k, m)
        assert mixed.loss.ncp <= recoded.loss.ncp + 1e-9


@settings(deadline=None)
@given(RECORDS, st.sampled_from(["0.3", "0.5", "1"]), st.sampled_from(["suppress", "recode"]))
@example(
    [{"s", "t", "a1"}, {"s", "b2"}, {"t", "b2"}, {"b2"}, {"a1"}, {"b2", "t"}, {"s", "b1"}], "0.5", "recode"
)
def test_rho_holds(records, rho, method):
    result = published(records, RhoUncertainty(rho, {"s", "b1"}), method=method, hierarchy=TREE)
    if result:
        assert surest(result.records, {"s", "b1"}) < Fraction(rho)


@settings(deadline=None)
@given(RECORDS, st.sampled_from(["0.3", "0.5"]))
def test_rho_of_all_items_holds(records, rho):
    result = published(records, RhoUncertainty(rho))
    if result:
        assert surest(result.records, set(ITEMS)) < Fraction(rho)


@settings(deadline=None)
@given(RECORDS, st.sampled_from(["0", "0.5", "1"]), st.integers(1, 3), st.integers(1, 3))
def test_hkp_holds_and_private_items_stay(records, h, k, p):
    result = published(records, HKPCoherence(h, k, p, {"s", "t"}))
    if result:
        assert hkp_holds(result.records, Fraction(h), k, p, {"s", "t"})
        assert result.mapping.get("s", "s") == "s"


@settings(deadline=None)
@given(RECORDS)
def test_models_together(records):
    models = [KMAnonymity(2, 2), RhoUncertainty(0.6, {"s"})]
    if result := published(records, models):
        assert km_holds(result.records, 2, 2)
        assert surest(result.records, {"s"}) < Fraction(3, 5)
    for method in ("recode", "mixed"):
        result = published(records, models, method=method, hierarchy=TREE)
        if not result:
            continue
        assert km_holds(result.records, 2, 2)
        assert surest(result.records, {"s", "S"}) < Fraction(3, 5)


def test_known_answer_of_recoding():
    records = [["a1", "b1", "b2"], ["a2", "b1"], ["a2", "b1", "b2"], ["a1", "a2", "b2"]]
    tree = ItemHierarchy.from_paths([("a1", "A"), ("a2", "A"), ("b1", "B"), ("b2", "B")])
    result = anonymize(records, KMAnonymity(2, 2), "recode", tree)
    assert result.records == [["A", "b1", "b2"], ["A", "b1"], ["A", "b1", "b2"], ["A", "b2"]]
    assert result.loss.ncp == pytest.approx(0.5 * 5 / 11)


def test_preferred_items_go_last():
    records = [["s", "p"], ["s", "q"], ["p", "q"], ["q"], ["p"]] * 2
    plain = anonymize(records, RhoUncertainty("0.3", {"s"}))
    preferred = anonymize(records, RhoUncertainty("0.3", {"s"}), prefer=["s"])
    assert plain.mapping == {"p": "p", "q": "q", "s": None}
    assert preferred.mapping["s"] == "s"


def test_survival_counts_sets_and_rules():
    records = [["a", "b", "rare"], *[["a", "b"]] * 8, ["c"]]
    loss = anonymize(records, KMAnonymity(2, 2), survival={"support": 0.1}).loss
    assert (loss.suppressed_items, loss.emptied) == ({"c": 1, "rare": 1}, 1)
    assert (loss.itemsets_kept, loss.itemsets) == (3, 8)
    assert (loss.rules_kept, loss.rules) == (2, 6)


def test_empty_records_stay():
    assert anonymize([[], ["a"], ["a"], []], KMAnonymity(2, 1)).records == [[], ["a"], ["a"], []]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: anonymize([], KMAnonymity(2, 2)), "no records"),
        (lambda: anonymize([["a"]], []), "no privacy models"),
        (lambda: anonymize([["a"]], KMAnonymity(1, 1), "local"), "unknown method"),
        (lambda: anonymize([["a"]], KMAnonymity(1, 1), "recode"), "needs a hierarchy"),
        (lambda: anonymize([["zz"]], KMAnonymity(1, 1), "recode", TREE), "'zz' is missing"),
        (lambda: anonymize([["A"]], KMAnonymity(1, 1), "recode", TREE), "leaves only"),
        (lambda: anonymize([["a"]], KMAnonymity(2, 2)), "k is more than the 1 records"),
        (lambda: anonymize([["a"], ["b"]], KMAnonymity(2, 2)), "no item can be published"),
        (lambda: anonymize([["a1"], []], KMAnonymity(2, 2), "recode", TREE), "k must be lower"),
        (lambda: anonymize([["a"]], RhoUncertainty(0.5, {"x"})), "none of the items"),
        (lambda: anonymize([["a1"]], RhoUncertainty(0.5), "recode", TREE), "sensitive items named"),
        (lambda: anonymize([["a1"]], HKPCoherence(0.5, 1, 1, {"a1"}), "recode", TREE), "recode enforces"),
        (
            lambda: anonymize([["a1"]], [KMAnonymity(1, 1), HKPCoherence(0.5, 1, 1, {"a1"})], "recode", TREE),
            "use the method suppress",
        ),
        (lambda: anonymize([["a"]], KMAnonymity(1, 1), survival={"support": 0}), "support must"),
    ],
)
def test_bad_input_is_refused(call, message):
    with pytest.raises(BasketError, match=message):
        call()


def test_prefix_hierarchy():
    tree = ItemHierarchy.from_prefixes(CODES, [3, 1])
    assert tree.ancestors("E11.9") == ["E11*", "E*", "*"]
    assert tree.loss("E*") == 0.5
    assert tree.loss("I*") == 0  # a label of one item says as much as the item


def test_icd10_hierarchy():
    tree = ItemHierarchy.icd10(CODES)
    assert tree.ancestors("E119") == ["E11*", "E00-E90", "*"]
    assert tree.ancestors("A00") == ["A00*", "A00-B99", "*"]
    with pytest.raises(BasketError, match="no ICD-10 code"):
        ItemHierarchy.icd10(["73595000"])


def test_parent_table(tmp_path):
    path = tmp_path / "parents.csv"
    path.write_text("a,A\nb,A\nc,C\n")
    assert ItemHierarchy.from_csv(path).ancestors("b") == ["A", "*"]
    path.write_text("a,A\na,B\n")
    with pytest.raises(BasketError, match="line 2"):
        ItemHierarchy.from_csv(path)
    path.write_text("a,b\nb,a\n")
    with pytest.raises(BasketError, match="own ancestor"):
        ItemHierarchy.from_csv(path)
    path.write_text("a\n")
    with pytest.raises(BasketError, match="two columns"):
        ItemHierarchy.from_csv(path)
    path.write_bytes(b"\xff,a\n")
    with pytest.raises(BasketError, match="UTF-8"):
        ItemHierarchy.from_csv(path)


def test_a_label_over_a_sensitive_item_is_sensitive():
    model = lifted(RhoUncertainty(0.5, {"s"}), TREE)
    assert model.sensitive == {"s", "S", "*"}
