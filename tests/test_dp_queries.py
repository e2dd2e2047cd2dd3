"""dp/queries.py, dp/frame.py, dp/quantiles.py: exact totals, sensitivities by brute force, refusals."""

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

from nlp_deid.dp import PrivacyError
from nlp_deid.dp.budget import Budget, BudgetError
from nlp_deid.dp.frame import Bins, Frame, Term, bound_units, read_frame
from nlp_deid.dp.quantiles import quantile_on_lattice
from nlp_deid.dp.queries import Queries, radius
from nlp_deid.dp.sampling import decay_of


def frame(rows=5000, seed=1, **options):
    rng = np.random.default_rng(seed)
    return Frame(
        {
            "age": rng.integers(0, 95, rows),
            "bp": rng.normal(120, 15, rows),
            "sex": rng.choice(["f", "m"], rows),
            "ward": np.array([f"w{i % 40}" for i in rng.zipf(1.6, rows)]),
        },
        **options,
    )


def queries(table=None, epsilon=10.0, delta=1e-3, seed=2, **options):
    return Queries(table or frame(), Budget(epsilon, delta, **options), random.Random(seed).randbytes)


ROWS = st.lists(
    st.tuples(st.floats(-50, 150), st.sampled_from(["a", "b"]), st.integers(0, 3)), min_size=1, max_size=12
)


@given(ROWS)
def test_totals_against_a_loop(rows):
    table = Frame(
        {
            "x": np.array([r[0] for r in rows]),
            "g": np.array([r[1] for r in rows]),
            "k": np.array([r[2] for r in rows]),
        }
    )
    one = Term("x", 0.0, 100.0, 50.0, 2)
    found = table.totals(["g", Bins("k", (0, 1, 3))], [one])
    wanted: dict[tuple[str, str], list[Fraction]] = {}
    for x, g, k in rows:
        name = "[0, 1)" if k == 0 else "[1, 3]"
        share = Fraction((min(max(x, 0.0), 100.0) - 50.0) ** 2)
        wanted.setdefault((g, name), []).append(share)
    assert found.keys() == wanted.keys()
    for key, shares in wanted.items():
        assert found[key][0] == len(shares)
        assert abs(found[key][1] * one.grain - float(sum(shares))) <= len(shares) * one.grain


@given(ROWS, st.sampled_from([1, 2]), st.sampled_from([0.0, 50.0]), st.booleans())
def test_no_neighbour_exceeds_the_sensitivity(rows, power, centre, grouped):
    """Remove each row, and change each row to each extreme: totals move by no more than is paid for."""
    one = Term("x", 0.0, 100.0, centre, power)
    by = ["g"] if grouped else []

    def totals(some):
        if not some:
            return {}
        arrays = {"x": np.array([r[0] for r in some]), "g": np.array([r[1] for r in some])}
        return Frame(arrays).totals(by, [one])

    def apart(first, second):
        keys = first.keys() | second.keys()
        pairs = [(first.get(key, (0, 0)), second.get(key, (0, 0))) for key in keys]
        return tuple(sum(abs(a[i] - b[i]) for a, b in pairs) for i in (0, 1))

    def paid(neighbours):
        ask = Queries(Frame({"x": np.zeros(1)}), Budget(1.0, neighbours=neighbours))
        return ask._rows(grouped), ask._change(one, grouped)

    whole = totals(rows)
    for at in range(len(rows)):
        moved = apart(whole, totals(rows[:at] + rows[at + 1 :]))
        assert all(m <= p for m, p in zip(moved, paid("unbounded"), strict=True))
        for x, g in itertools.product([-1e9, 0.0, 50.0, 100.0, 1e9], "ab"):
            moved = apart(whole, totals([*rows[:at], (x, g, 0), *rows[at + 1 :]]))
            assert all(m <= p for m, p in zip(moved, paid("bounded"), strict=True))


def test_answers_lie_near_the_truth():
    table = frame(20_000)
    ask = queries(table)
    assert ask.count(0.5)[0].value == pytest.approx(20_000, abs=60)
    assert ask.sum("age", 0.5, (0, 100))[0].value == pytest.approx(table.columns["age"].sum(), abs=5000)
    assert ask.mean("bp", 0.5, (50, 250))[0].value == pytest.approx(table.columns["bp"].mean(), abs=0.5)
    assert ask.variance("bp", 0.5, (50, 250))[0].value == pytest.approx(table.columns["bp"].var(), rel=0.2)
    low, middle, high = (answer.value for answer in ask.quantiles("age", [0.75, 0.5, 0.25], 0.9, (0, 120)))
    for found, share in ((low, 0.25), (middle, 0.5), (high, 0.75)):
        assert found == pytest.approx(np.quantile(table.columns["age"], share), abs=2)
    counts = ask.histogram("age", 0.5, [0, 18, 65, 120])
    assert [answer.key for answer in counts] == [("[0, 18)",), ("[18, 65)",), ("[65, 120]",)]
    assert sum(answer.value for answer in counts) == pytest.approx(20_000, abs=150)
    assert ask.find_bounds("bp", 0.5) == (32.0, 256.0) or ask.find_bounds("bp", 0.5) == (64.0, 256.0)
    sexes = ask.mean("age", 0.5, (0, 100), ["sex"], [["f", "m"]])
    assert [answer.key for answer in sexes] == [("f",), ("m",)]
    assert all(answer.error < 1 for answer in sexes)


@pytest.mark.parametrize("what", ["count", "sum", "mean"])
def test_the_stated_error_holds_nineteen_times_in_twenty(what):
    table = frame(3000)
    ages = np.clip(table.columns["age"], 0, 90)
    truth = {"count": 3000, "sum": ages.sum(), "mean": ages.mean()}[what]
    ask = Queries(table, Budget(10, allow_large=True), random.Random(5).randbytes)
    outside = 0
    for _ in range(300):
        ask.purse.losses.clear()
        answer = ask.count(0.3)[0] if what == "count" else getattr(ask, what)("age", 0.3, (0, 90))[0]
        outside += abs(answer.value - truth) > answer.error
    assert outside <= 35


def test_released_counts_follow_the_geometric_law():
    table = frame(500)
    ask = Queries(table, Budget(1.0), random.Random(5).randbytes)
    values = []
    for _ in range(4000):
        ask.purse.losses.clear()
        values.append(ask.count(1.0)[0].value - 500)
    at = np.arange(-4, 5)
    law = math.tanh(0.5) * np.exp(-np.abs(at))
    counts = np.array([values.count(k) for k in at])
    counts, law = np.append(counts, 4000 - counts.sum()), np.append(law, 1 - law.sum())
    assert chisquare(counts, law * 4000).pvalue > 1e-6
    assert radius(Fraction(1)) == 3
    assert np.mean(np.abs(decay_of(Fraction(1)).draw_signed(100_000)) > 3) <= 0.05


def test_groups_of_one_unit_stay_hidden():
    """A group that only one person makes up passes with probability δ at most; common groups do pass."""
    wards = np.array(["common"] * 300 + [f"only {i}" for i in range(50)])
    table = Frame({"ward": wards})
    shown = 0
    for seed in range(100):
        ask = Queries(table, Budget(1.0, 1e-3), random.Random(seed).randbytes)
        keys = [answer.key for answer in ask.count(1.0, ["ward"], delta=1e-3)]
        assert ("common",) in keys
        shown += len(keys) - 1
    assert shown / 5000 < 4e-3


@pytest.mark.parametrize("max_rows", [1, 2, 5])
@pytest.mark.parametrize("neighbours", ["unbounded", "bounded"])
def test_the_threshold_bounds_delta_exactly(max_rows, neighbours):
    """The tails of all ways in which one unit's rows fall into groups of their own stay below δ."""
    table = Frame({"ward": np.array(["a"])}, "patient", max_rows)
    ask = Queries(table, Budget(1.0, 1e-3, neighbours=neighbours, unit="patient"))
    rate, delta = Fraction(1, 2) / ask._rows(grouped=True), 1e-4
    least, a = ask._threshold(rate, delta), math.exp(-float(rate))

    def passes(rows):
        return a ** (least - rows) / (1 + a)

    for split in itertools.combinations_with_replacement(range(1, max_rows + 1), max_rows):
        rows = [r for r, _ in zip(split, range(max_rows), strict=True)]
        while sum(rows) > max_rows:
            rows.pop()
        assert sum(passes(r) for r in rows) <= delta


def brute_quantile(data, share, slope, ends):
    """The law point by point."""
    target = share * len(data)
    weights = []
    for point in range(ends[0], ends[1] + 1):
        below, upto = sum(x < point for x in data), sum(x <= point for x in data)
        weights.append(math.exp(-float(slope) * float(max(below - target, target - upto, 0))))
    return np.array(weights) / sum(weights)


@pytest.mark.parametrize("data", [[3, 3, 4, 9], [0, 0, 12], [5], [0, 12], list(range(13))])
@pytest.mark.parametrize("share", [Fraction(0), Fraction(1, 2), Fraction(9, 10), Fraction(1)])
def test_quantiles_follow_the_exponential_law(data, share):
    slope, ends = Fraction(2, 3), (0, 12)
    entropy = random.Random(3).randbytes
    drawn = [quantile_on_lattice(np.array(data), share, slope, ends, entropy) for _ in range(1200)]
    law = brute_quantile(data, share, slope, ends)
    counts = np.bincount(drawn, minlength=13)
    keep = law * 1200 > 5
    counts, law = np.append(counts[keep], counts[~keep].sum()), np.append(law[keep], law[~keep].sum())
    counts, law = (counts, law) if law[-1] > 0 else (counts[:-1], law[:-1])
    assert chisquare(counts, law * 1200).pvalue > 1e-6


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=7), st.integers(0, 8), st.sampled_from([0, 0.25, 0.5, 1])
)
def test_quantile_law_is_private_for_every_neighbour(data, extra, share):
    slope = Fraction(1, 2)  # ε = 1
    one = brute_quantile(sorted(data), Fraction(share), slope, (0, 8))
    two = brute_quantile(sorted([*data, extra]), Fraction(share), slope, (0, 8))
    assert np.abs(np.log(one) - np.log(two)).max() <= 1 + 1e-9


def test_quantiles_of_whole_numbers_are_whole():
    ages = np.repeat([20, 40, 60], [300, 500, 300])
    answers = queries(Frame({"age": ages})).quantiles("age", [0.1, 0.5, 0.9], 3.0, (0.5, 120), whole=True)
    assert [answer.value for answer in answers] == [20, 40, 60]
    with pytest.raises(PrivacyError, match="whole numbers"):
        queries(Frame({"age": ages + 0.5})).quantiles("age", [0.5], 1.0, (0, 120), whole=True)
    with pytest.raises(PrivacyError, match="no whole number"):
        queries(Frame({"age": ages})).quantiles("age", [0.5], 1.0, (0.2, 0.8), whole=True)


def test_quantiles_of_a_large_table_stay_within_the_rank_error():
    ordered = np.sort(np.random.default_rng(1).integers(0, 2**30, 1_000_000))
    point = quantile_on_lattice(
        ordered, Fraction(1, 2), Fraction(1, 20), (0, 2**30), random.Random(1).randbytes
    )
    assert abs(np.searchsorted(ordered, point) - 500_000) < 600


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(1, 4))
def test_units_keep_at_most_their_rows(units, most):
    kept = np.array(units)[bound_units(np.array(units), most)]
    for unit in set(units):
        assert (kept == unit).sum() == min(units.count(unit), most)


def test_kept_rows_are_drawn_fairly():
    entropy = random.Random(1).randbytes
    counts = sum(bound_units(np.array([1, 1, 1, 2]), 2, entropy).astype(int) for _ in range(3000))
    assert counts[3] == 3000
    assert chisquare(counts[:3]).pvalue > 1e-6


def test_overspending_is_refused_before_noise():
    def never(size):
        raise AssertionError("drawn")

    ask = Queries(frame(50), Budget(0.1), never)
    for call in (
        lambda: ask.count(0.2),
        lambda: ask.mean("age", 0.2, (0, 100)),
        lambda: ask.quantiles("age", [0.5], 0.2, (0, 100)),
        lambda: ask.find_bounds("age", 0.2),
        lambda: ask.count(0.05, ["sex"], delta=1e-6),
    ):
        with pytest.raises(BudgetError):
            call()
    assert ask.purse.losses == []


@pytest.mark.parametrize(
    "call",
    [
        lambda ask: ask.count(0),
        lambda ask: ask.count(math.nan),
        lambda ask: ask.count(11),
        lambda ask: ask.sum("age", 0.1, None),
        lambda ask: ask.sum("age", 0.1, (5, 5)),
        lambda ask: ask.sum("age", 0.1, (0, math.inf)),
        lambda ask: ask.sum("sex", 0.1, (0, 1)),
        lambda ask: ask.sum("none", 0.1, (0, 1)),
        lambda ask: ask.sum("big", 0.1, (0, 1)),
        lambda ask: ask.mean("holes", 0.1, (0, 1)),
        lambda ask: ask.count(0.1, ["sex"]),
        lambda ask: ask.count(0.1, ["sex"], [["f"]], 1e-6),
        lambda ask: ask.count(0.1, ["sex"], [["f", "f"]]),
        lambda ask: ask.count(0.1, ["sex", "age"], [["f"]]),
        lambda ask: ask.count(0.1, delta=1e-6),
        lambda ask: ask.count(0.1, ["sex"], delta=1.5),
        lambda ask: ask.quantiles("age", [], 0.1, (0, 1)),
        lambda ask: ask.quantiles("age", [1.5], 0.1, (0, 1)),
        lambda ask: ask.quantiles("age", [0.5], 0.1, None),
        lambda ask: ask.histogram("age", 0.1, [1]),
        lambda ask: ask.histogram("age", 0.1, [1, 0]),
        lambda ask: ask.histogram("age", 0.1, [0, math.nan]),
    ],
)
def test_bad_calls_are_refused_and_cost_nothing(call):
    columns = {"age": np.arange(9), "sex": np.array(["f", "m", "f"] * 3), "big": np.full(9, 2**60)}
    ask = queries(Frame({**columns, "holes": np.full(9, math.nan)}))
    with pytest.raises(PrivacyError):
        call(ask)
    assert ask.purse.losses == []


def test_an_unpaid_unit_and_an_empty_table_are_refused():
    with pytest.raises(PrivacyError, match="protects each patient"):
        Queries(frame(9), Budget(1.0, unit="patient"))
    with pytest.raises(PrivacyError, match="empty"):
        Frame({"x": np.array([])})
    with pytest.raises(PrivacyError, match="empty"):
        Frame({})


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("age,who\n", {}, "empty"),
        ("age,who\n1,a\n,b\n", {}, "missing"),
        ("age,who\n1,a\nnan,b\n", {}, "missing"),
        ("age,age\n1,2\n", {}, "no single column"),
        ("other\n1\n", {}, "no single column"),
        ("age,who\n1\n", {}, "cannot be read"),
        ("age,who\n1,a\n", {"unit": "who"}, "max-rows"),
        ("age,who\n1,a\n", {"max_rows": 2}, "max-rows"),
        ("age,who\n1,a\n", {"unit": "who", "max_rows": 0}, "at least 1"),
        ("age,who\n1,a\n", {"missing": "guess"}, "allowed"),
    ],
)
def test_unusable_tables_are_refused(tmp_path, text, options, message):
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PrivacyError, match=message) as caught:
        read_frame(path, ["age"], **options)
    assert "b" not in str(caught.value).split(": ", 1)[-1].split()


def test_tables_are_read_and_rows_with_gaps_skipped(tmp_path):
    pytest.importorskip("pyarrow")
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.table({"age": [1.0, None, 3.0, math.nan, 5.0], "who": ["a", "a", "a", "b", None]})
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    read = read_frame(tmp_path / "t.parquet", ["age"], "who", 1, missing="skip")
    assert read.rows == 1
    assert (read.unit, read.max_rows) == ("who", 1)
    (tmp_path / "t.csv").write_text("n,flag,word\n1,true,x\n2,false,y\n", encoding="utf-8")
    plain = read_frame(tmp_path / "t.csv", ["n", "flag", "word"])
    assert plain.totals(["flag", "word"], []) == {("false", "y"): (1,), ("true", "x"): (1,)}
    assert read_frame(tmp_path / "t.csv", []).totals([], []) == {(): (2,)}
