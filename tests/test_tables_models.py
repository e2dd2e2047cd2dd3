"""tables/models.py: known answers, brute force on all small tables, and the monotonicity flags."""

import math
import random
from fractions import Fraction
from functools import cache
from itertools import chain, combinations_with_replacement, product

import numpy as np
import polars as pl
import pytest

from nlp_deid.tables.base import ModelError, Treatment
from nlp_deid.tables.frames import TableError
from nlp_deid.tables.hierarchy import Hierarchy
from nlp_deid.tables.models import (
    KE,
    MODELS,
    AlpDif,
    AlphaK,
    DistinctLDiversity,
    EntropyLDiversity,
    EpsilonM,
    KAnonymity,
    PersonalKL,
    ProbabilisticLDiversity,
    PSensitive,
    RecursiveCLDiversity,
    TCloseness,
    model,
)
from nlp_deid.tables.table import Table

TREE = Hierarchy([["1", "low", "*"], ["2", "low", "*"], ["5", "high", "*"]], "s")


def frame(*classes, **columns):
    """A table with one class a list of sensitive values."""
    rows = [(str(i), value) for i, values in enumerate(classes) for value in values]
    columns = {name: list(values) for name, values in columns.items()}
    return pl.DataFrame({"q": [r[0] for r in rows], "s": [r[1] for r in rows], **columns})


def check(model, *classes, treatment=None, **columns):
    return model.check(frame(*classes, **columns), ["q"], treatment)


FIGURE_3 = ("HVCC", "CHVV")


@pytest.mark.parametrize(
    ("model", "classes", "holds", "worst"),
    [
        (KAnonymity(2), ("aa", "aaa"), True, 2),
        (KAnonymity(3), ("aa", "aaa"), False, 2),
        (DistinctLDiversity(3, "s"), FIGURE_3, True, 3),
        (DistinctLDiversity(4, "s"), FIGURE_3, False, 3),
        (ProbabilisticLDiversity(2, "s"), FIGURE_3, True, 2),
        (ProbabilisticLDiversity(2.1, "s"), FIGURE_3, False, 2),
        (EntropyLDiversity(2.8284, "s"), FIGURE_3, True, 2**1.5),
        (EntropyLDiversity(2.8285, "s"), FIGURE_3, False, 2**1.5),
        (EntropyLDiversity(3, "s"), ("abc",), True, 3),
        (RecursiveCLDiversity(1, 2, "s"), FIGURE_3, False, 1),
        (RecursiveCLDiversity(1.01, 2, "s"), FIGURE_3, True, 1),
        (RecursiveCLDiversity(2, 3, "s"), FIGURE_3, False, 2),
        (RecursiveCLDiversity(3, 3, "s"), FIGURE_3, True, 2),
        (RecursiveCLDiversity(100, 4, "s"), FIGURE_3, False, math.inf),
        (PSensitive(2, 3, "s"), ("xyy", "xxz"), True, 2),
        (PSensitive(2, 4, "s"), ("xyy", "xxz"), False, 0),
        (AlphaK(0.5, 2, "s", ["h"]), ("hf", "fhcc"), True, 0.5),
        (AlphaK(0.4, 2, "s", ["h"]), ("hf", "fhcc"), False, 0.5),
        (KE(3, 50, "s"), ([30, 31, 80],), True, 50),
        (KE(3, 51, "s"), ([30, 31, 80],), False, 50),
        (KE(3, 50, "s"), ([30, 30, 80],), False, 0),
        (EpsilonM(15, 2, "s"), ([40, 60],), True, 0.5),
        (EpsilonM(15, 2, "s"), ([40, 50, 60],), False, 1),
        (EpsilonM(0.1, 2, "s", relative=True), ([100, 111],), False, 1),
        (EpsilonM(0.1, 2, "s", relative=True), ([100, 112],), True, 0.5),
        (EpsilonM(0.1, 2, "s", relative=True), ([-100, -111],), False, 1),
        (EpsilonM(0.1, 2, "s", relative=True), ([-100, -112],), True, 0.5),
        (AlpDif(0.75, 0.25, "s", reference="mean"), ("xy", "xx"), True, 0.25),
        (AlpDif(0.75, 0.24, "s", reference="mean"), ("xy", "xx"), False, 0.25),
        (AlpDif(0.74, 0.5, "s"), ("xy", "xx"), False, 0.26),
        (AlpDif(0.75, 0.25, "s", reference="mean", two_sided=True), ("xy", "xx"), True, 0.25),
    ],
)
def test_known_answers(model, classes, holds, worst):
    result = check(model, *classes)
    assert (result.holds, bool(result)) == (holds, holds)
    assert result.worst == pytest.approx(worst)


SALARIES = ([3, 4, 5], [6, 8, 11], [7, 9, 10])


def test_ordered_distance_at_its_exact_bound():
    assert check(TCloseness(0.375, "s", "ordered"), *SALARIES)
    assert not check(TCloseness(0.374, "s", "ordered"), *SALARIES)
    # {6, 8, 11} lies at exactly 1/6, {7, 9, 10} at 17/72.
    assert check(TCloseness("1/6", "s", "ordered"), *SALARIES).failing_records == 6
    assert check(TCloseness(0.1666, "s", "ordered"), *SALARIES).failing_records == 9


def test_ordered_distance_of_one_value_is_zero():
    assert check(TCloseness(0, "s", "ordered"), [4, 4], [4]).worst == 0


def test_hierarchical_distance_by_hand():
    rows = [["a", "A", "*"], ["b", "A", "*"], ["c", "B", "*"]]
    table = Table(frame("aab", "bcc"), ["q"], ["s"], hierarchies={"s": Hierarchy(rows, "s")})
    # The class {a, a, b} must send 1/3 of its mass from A to B, at the full height.
    assert TCloseness("1/3", "s", "hierarchical").check(table).worst == pytest.approx(1 / 3)
    with pytest.raises(TableError, match="hierarchy"):
        check(TCloseness(0.2, "s", "hierarchical"), "ab")


def test_personal_demands():
    demands = {"k": [2, 3, 1], "l": [1, 2, 0]}
    assert check(PersonalKL("k", "l", "s"), "xyy", **demands)
    assert not check(PersonalKL("k", "l", "s"), "yyy", **demands)
    assert check(PersonalKL(3, 2, "s"), "xyy")


# Brute force: each model again, from its definition, in exact arithmetic over the class's values.


def shares(values):
    return [Fraction(values.count(v), len(values)) for v in sorted(set(values))]


def transport(group, everything, distance):
    """Earth mover's distance of two distributions by their cumulated or summed differences."""
    values = sorted(set(everything))
    p = [Fraction(group.count(v), len(group)) for v in values]
    q = [Fraction(everything.count(v), len(everything)) for v in values]
    if distance == "equal":
        return sum(abs(a - b) for a, b in zip(p, q, strict=True)) / 2
    if distance == "ordered":
        running = [abs(sum(p[: i + 1]) - sum(q[: i + 1])) for i in range(len(values))]
        return sum(running) / max(len(values) - 1, 1)
    # Two levels: what cannot be matched inside "low" goes through the top at height 2 of 2.
    low = [i for i, v in enumerate(values) if v in (1, 2)]
    surplus = sum(p[i] - q[i] for i in low)
    inside = sum(abs(p[i] - q[i]) for i in low) - abs(surplus)
    return abs(surplus) + inside / 2 / 2


def recursive(values, c, l):  # noqa: E741
    counts = sorted((values.count(v) for v in set(values)), reverse=True)
    return counts[0] < c * sum(counts[l - 1 :])


def near(values, x, eps, relative):
    reach = abs(x) * eps if relative else eps
    return sum(x - reach <= y <= x + reach for y in values)


def leak(values):
    return sum(p * p for p in shares(values))


def alp_dif(classes, alp, dif, reference, two_sided):
    mean = sum(leak(g) * len(g) for g in classes) / sum(map(len, classes))
    at = alp if reference == "alp" else mean
    return mean <= alp and all((abs(leak(g) - at) if two_sided else leak(g) - at) <= dif for g in classes)


def each(condition):
    return lambda classes: all(condition(group, [*chain(*classes)]) for group in classes)


T = Fraction("0.3")
ORACLES = [
    (KAnonymity(3), each(lambda g, _: len(g) >= 3)),
    (DistinctLDiversity(2, "s"), each(lambda g, _: len(set(g)) >= 2)),
    (ProbabilisticLDiversity(1.5, "s"), each(lambda g, _: max(shares(g)) <= Fraction(2, 3))),
    (EntropyLDiversity(2, "s"), each(lambda g, _: math.prod(float(p) ** -p for p in shares(g)) >= 2 - 1e-9)),
    (RecursiveCLDiversity(2, 2, "s"), each(lambda g, _: recursive(g, 2, 2))),
    (RecursiveCLDiversity(3, 3, "s"), each(lambda g, _: recursive(g, 3, 3))),
    (TCloseness(0.3, "s"), each(lambda g, t: transport(g, t, "equal") <= T)),
    (TCloseness(0.3, "s", "ordered"), each(lambda g, t: transport(g, t, "ordered") <= T)),
    (TCloseness(0.3, "s", "hierarchical"), each(lambda g, t: transport(g, t, "hierarchical") <= T)),
    (PSensitive(2, 3, "s"), each(lambda g, _: len(g) >= 3 and len(set(g)) >= 2)),
    (AlphaK(0.5, 2, "s"), each(lambda g, _: len(g) >= 2 and max(shares(g)) <= Fraction(1, 2))),
    (KE(2, 3, "s"), each(lambda g, _: len(set(g)) >= 2 and max(g) - min(g) >= 3)),
    (EpsilonM(1, 2, "s"), each(lambda g, _: all(near(g, x, 1, False) * 2 <= len(g) for x in g))),
    (
        EpsilonM(0.6, 1.5, "s", relative=True),
        each(lambda g, _: all(near(g, x, Fraction("0.6"), True) * 3 <= len(g) * 2 for x in g)),
    ),
    (PersonalKL(3, 2, "s"), each(lambda g, _: len(g) >= 3 and len(set(g)) >= 2)),
    *(
        (
            AlpDif(0.6, 0.1, "s", reference=reference, two_sided=two_sided),
            lambda classes, r=reference, s=two_sided: alp_dif(
                classes, Fraction("0.6"), Fraction("0.1"), r, s
            ),
        )
        for reference, two_sided in product(("alp", "mean"), (False, True))
    ),
]


@cache
def small_tables():
    """Every table of one to six rows over two classes and three values, with its classes."""
    tables = []
    for rows in range(1, 7):
        for cells in combinations_with_replacement(list(product("AB", (1, 2, 5))), rows):
            data = pl.DataFrame(cells, schema=["q", "s"], orient="row")
            classes = [[s for q, s in cells if q == name] for name in sorted({q for q, _ in cells})]
            tables.append((Table(data, ["q"], ["s"], hierarchies={"s": TREE}), classes))
    return tables


@pytest.mark.parametrize(("model", "oracle"), ORACLES, ids=[str(model) for model, _ in ORACLES])
def test_against_brute_force_on_all_tables_of_six_rows(model, oracle):
    held = [model.check(table).holds for table, _ in small_tables()]
    assert held == [oracle(classes) for _, classes in small_tables()]
    assert 0 < sum(held) < len(held)


# The flags, by search in random tables.


def classes_of(groups):
    rows = [(i, s) for i, group in enumerate(groups) for s in group]
    table = Table(pl.DataFrame(rows, schema=["q", "s"], orient="row"), ["q"], ["s"], hierarchies={"s": TREE})
    data = table.collapse(["s"])
    return data, np.arange(len(groups))


def fine_parts_and_union(model, rng):
    groups = [[rng.choice((1, 2, 5)) for _ in range(rng.randint(1, 6))] for _ in range(3)]
    data, parts = classes_of(groups)
    union = np.minimum(parts, len(parts) - 2)  # the last two classes become one
    first, second = model.fine(data.classes(parts))[-2:]
    return bool(first), bool(second), bool(model.fine(data.classes(union))[-1])


FLAGGED = [model for model, _ in ORACLES if not isinstance(model, KE)] + [KE(2, 1, "s")]


@pytest.mark.parametrize("model", FLAGGED, ids=str)
def test_flags_by_random_search(model):
    rng = random.Random(7)
    merges, prunes = [], []
    for _ in range(400):
        first, second, union = fine_parts_and_union(model, rng)
        if first and second:
            merges.append(union)
        if first or second:
            prunes.append(union)
    assert merges
    if model.merge_monotone:
        assert all(merges)
    if model.prunable_under_suppression:
        assert all(prunes)
    elif model.classwise:
        assert not all(prunes)  # the flag is not off without need


def test_not_monotone_where_the_flag_says_so():
    assert not EpsilonM(15, 2, "s").merge_monotone
    assert check(EpsilonM(15, 2, "s"), [40, 60], [50, 70])
    assert not check(EpsilonM(15, 2, "s"), [40, 60, 50, 70])
    mean = AlpDif(1, 0.2, "s", reference="mean")
    assert not mean.merge_monotone
    assert check(mean, "xxxy", "xxxy", "zzzy")
    assert not PersonalKL("k", "l", "s").merge_monotone
    assert PersonalKL(2, 1, "s").merge_monotone


# Options.


def test_suppressed_rows_are_exempt_or_a_class():
    data = pl.DataFrame({"q": ["a", "a", "*"], "s": ["x", "y", "x"]})
    exempt = KAnonymity(2).check(data, ["q"])
    assert (exempt.holds, exempt.suppressed, exempt.classes) == (True, 1, 1)
    assert not KAnonymity(2).check(data, ["q"], Treatment(suppressed="class"))


def test_distribution_of_all_or_of_kept_rows():
    data = pl.DataFrame({"q": ["a", "a", "*", "*"], "s": ["x", "y", "x", "x"]})
    closeness = TCloseness(0, "s")
    assert closeness.check(data, ["q"]).worst == pytest.approx(0.25)
    assert closeness.check(data, ["q"], Treatment(distribution="kept"))


def test_missing_quasi_identifier_is_a_category_or_a_wildcard():
    data = pl.DataFrame({"q": ["a", "a", None], "r": ["1", "1", "1"]})
    assert KAnonymity(2).check(data, ["q", "r"]).worst == 1
    wild = KAnonymity(3).check(data, ["q", "r"], Treatment(missing="wildcard"))
    assert (wild.holds, wild.worst) == (True, 3)


def test_wildcard_against_brute_force():
    rng = random.Random(3)
    for _ in range(40):
        rows = [tuple(rng.choice(("a", "b", None)) for _ in range(3)) for _ in range(rng.randint(1, 8))]
        data = pl.DataFrame(rows, schema=["x", "y", "z"], orient="row")
        data = data.with_columns(pl.all().cast(pl.String))
        match = [
            sum(all(a is None or b is None or a == b for a, b in zip(r, o, strict=True)) for o in rows)
            for r in rows
        ]
        assert KAnonymity(1).check(data, ["x", "y", "z"], Treatment(missing="wildcard")).worst == min(match)


def test_missing_sensitive_value_is_a_category_or_ignored():
    data = pl.DataFrame({"q": ["a", "a"], "s": ["x", None]})
    assert DistinctLDiversity(2, "s").check(data, ["q"])
    assert not DistinctLDiversity(2, "s").check(data, ["q"], Treatment(missing_sensitive="ignored"))


def test_several_sensitive_columns_each_on_its_own_or_joined():
    data = pl.DataFrame({"q": list("aaaa"), "s": list("xxyy"), "t": list("uuvv")})
    assert DistinctLDiversity(2, ["s", "t"]).check(data, ["q"])
    assert not DistinctLDiversity(2, ["s", "t"], joined=True).check(data, ["q"])
    full = pl.DataFrame({"q": list("aaaa"), "s": list("xyxy"), "t": list("uuvv")})
    assert DistinctLDiversity(2, ["s", "t"], joined=True).check(full, ["q"])


def test_alpha_of_each_column():
    data = pl.DataFrame({"q": list("aa"), "s": list("xy"), "t": list("uu")})
    assert AlphaK({"s": 0.5, "t": 1}, 2, ["s", "t"]).check(data, ["q"])
    assert not AlphaK({"s": 0.5, "t": 0.9}, 2, ["s", "t"]).check(data, ["q"])


# Bad input.


@pytest.mark.parametrize(
    ("name", "parameters", "message"),
    [
        ("k_anonimity", {}, "there are k_anonymity"),
        ("k_anonymity", {}, "needs 'k'"),
        ("k_anonymity", {"k": 0}, "k must be a whole number, 1 or more"),
        ("k_anonymity", {"k": 2.5}, "whole number"),
        ("k_anonymity", {"k": 2, "n": 3}, "unknown 'n'"),
        ("t_closeness", {"t": 0.2, "sensitive": "s", "distance": "far"}, "equal, ordered, hierarchical"),
        ("p_sensitive", {"p": 4, "k": 3, "sensitive": "s"}, "at most k"),
        ("alpha_k", {"alpha": 2, "k": 3, "sensitive": "s"}, "0 to 1"),
        ("epsilon_m", {"epsilon": "x", "m": 3, "sensitive": "s"}, "epsilon must be a number"),
        ("entropy_l_diversity", {"l": 3, "sensitive": []}, "sensitive column"),
    ],
)
def test_wrong_models_are_refused(name, parameters, message):
    with pytest.raises(ModelError, match=message):
        model(name, parameters)


def test_every_model_comes_from_its_name():
    parameters = {
        "k": 2,
        "l": 2,
        "p": 2,
        "c": 2,
        "t": 0.2,
        "e": 2,
        "m": 2,
        "alpha": 0.5,
        "epsilon": 1,
        "alp": 0.5,
    }
    for name, kind in MODELS.items():
        given = {**parameters, "dif": 0.1, "sensitive": "s"}
        known = {key: value for key, value in given.items() if key in kind.__dataclass_fields__}
        assert isinstance(model(name, known), kind)


def test_numbers_are_needed_by_numeric_models():
    with pytest.raises(TableError, match="'s' must hold numbers"):
        check(KE(2, 1, "s"), "ab")


def test_empty_table_unknown_and_doubly_used_columns():
    with pytest.raises(TableError, match="no rows"):
        KAnonymity(2).check(pl.DataFrame({"q": []}, schema={"q": pl.String}), ["q"])
    with pytest.raises(TableError, match="no quasi-identifiers"):
        KAnonymity(2).check(frame("ab"))
    with pytest.raises(TableError, match="not in the table"):
        KAnonymity(2).check(frame("ab"), ["x"])
    with pytest.raises(TableError, match="both quasi and sensitive"):
        DistinctLDiversity(2, "s").check(frame("ab"), ["q", "s"])
