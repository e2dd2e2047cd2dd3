"""dp/budget.py and dp/ledger.py: composition figures, a filter that refuses first, a ledger that survives."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.dp.budget import (
    Budget,
    BudgetError,
    Loss,
    basic,
    compose,
    epsilon_of_rho,
    explain,
    optimal,
    posterior,
    zcdp,
)
from nlp_deid.dp.checks import PrivacyError
from nlp_deid.dp.ledger import Ledger

HUNDRED = [Loss(0.1)] * 100


def test_composition_of_a_hundred_queries():
    pytest.importorskip("dp_accounting")
    readings = compose(HUNDRED, 1e-6)
    assert readings["basic"] == 10
    assert readings["optimal"] == pytest.approx(4.77457, abs=5e-5)
    assert readings["zcdp"] == pytest.approx(5.222, abs=1e-3)


def kairouz(epsilon, k, delta):
    """The least ε' of the optimal composition theorem for k equal pure releases, by its closed form."""
    for i in range(k // 2 + 1):
        loss = (k - 2 * i) * epsilon
        mass = (
            sum(
                math.comb(k, at) * (math.exp((k - at) * epsilon) - math.exp((k - 2 * i + at) * epsilon))
                for at in range(i)
            )
            / (1 + math.exp(epsilon)) ** k
        )
        if mass > delta:
            return loss + 2 * epsilon
    return loss


@pytest.mark.parametrize(("epsilon", "k"), [(0.1, 30), (0.5, 7), (1.0, 3)])
def test_optimal_composition_against_the_closed_form(epsilon, k):
    """The closed form knows multiples of ε only; the exact reading lies at most 2ε below it."""
    pytest.importorskip("dp_accounting")
    ours = optimal([Loss(epsilon)] * k, 1e-6)
    assert kairouz(epsilon, k, 1e-6) - 2 * epsilon - 1e-3 <= ours <= kairouz(epsilon, k, 1e-6) + 1e-3


@given(st.floats(1e-4, 5), st.floats(1e-12, 0.1))
def test_the_rho_conversion_is_the_least_over_all_orders(rho, delta):
    best = epsilon_of_rho(rho, delta)
    for order in (1.01, 1.5, 2, 3, 5, 10, 30, 100, 1000, 10**5):
        reading = order * rho + math.log((order - 1) / order) - math.log(delta * order) / (order - 1)
        assert best <= max(reading, 0) + 1e-6
    assert best <= rho + 2 * math.sqrt(rho * math.log(1 / delta)) + 1e-9


def test_exponential_choices_cost_a_quarter_under_zcdp():
    assert Loss(1.0, bounded_range=True).rho * 4 == Loss(1.0).rho
    assert zcdp([Loss(1.0, delta=1e-6)], 1e-6) == math.inf
    assert zcdp([], 1e-6) == 0


def test_decimal_epsilons_add_up():
    budget = Budget(1.0)
    for _ in range(10):
        budget.spend(Loss(0.1))
    assert budget.spent == (1.0, 0.0)
    assert budget.remaining == 0
    with pytest.raises(BudgetError, match="already spent"):
        budget.spend(Loss(1e-9))
    assert len(budget.losses) == 10


@given(st.lists(st.tuples(st.floats(0.01, 2), st.sampled_from([0.0, 1e-7, 1e-6])), max_size=30))
def test_a_filter_never_lets_the_total_exceed_the_budget(prices):
    for accounting in ("basic", "zcdp"):
        budget = Budget(3.0, 1e-5, accounting=accounting)
        for price in prices:
            try:
                budget.spend(Loss(*price))
            except BudgetError:
                continue
        epsilon, delta = basic(budget.losses) if accounting == "basic" else (zcdp(budget.losses, 1e-5), 0)
        assert epsilon <= 3.0
        assert delta <= 1e-5
        assert budget.remaining <= 3.0


def test_zcdp_pays_for_more_small_queries():
    counts = {}
    for accounting in ("basic", "zcdp"):
        budget = Budget(4.0, 1e-6, accounting=accounting)
        with pytest.raises(BudgetError):  # noqa: PT012
            while True:
                budget.spend(Loss(0.05))
        counts[accounting] = len(budget.losses)
    assert counts["basic"] == 80
    assert counts["zcdp"] > 200


@pytest.mark.parametrize(
    "options",
    [
        {"epsilon": 0},
        {"epsilon": 11},
        {"epsilon": 1, "delta": 1},
        {"epsilon": 1, "neighbours": "both"},
        {"epsilon": 1, "accounting": "pld"},
        {"epsilon": 1, "accounting": "zcdp"},
    ],
)
def test_impossible_budgets_are_refused(options):
    with pytest.raises(PrivacyError):
        Budget(**options)


def test_epsilon_explained():
    assert posterior(0.1) == pytest.approx(0.525, abs=5e-4)
    assert posterior(1) == pytest.approx(0.731, abs=5e-4)
    assert posterior(3) == pytest.approx(0.953, abs=5e-4)
    assert posterior(1, prior=0) == 0
    assert "73.1%" in explain(1)
    with pytest.raises(PrivacyError):
        posterior(1, prior=2)


@pytest.fixture
def ledger(tmp_path):
    return Ledger.create(tmp_path / "ledger", Budget(1.0, neighbours="unbounded", unit="patient"))


def test_a_ledger_remembers_and_refuses(ledger):
    ledger.spend(Loss(0.6), "count")
    again = Ledger(ledger.path)
    assert (again.neighbours, again.unit) == ("unbounded", "patient")
    assert again.budget.spent == (0.6, 0.0)
    assert [charge.what for charge in again.charges] == ["count"]
    before = ledger.path.read_bytes()
    with pytest.raises(BudgetError, match="does not allow"):
        again.spend(Loss(0.5), "sum")
    assert ledger.path.read_bytes() == before
    ledger.spend(Loss(0.4), "sum")  # an older object sees what others charged
    with pytest.raises(BudgetError):
        again.spend(Loss(0.01))


def test_an_existing_file_is_never_made_a_new_ledger(ledger):
    with pytest.raises(BudgetError, match="exists"):
        Ledger.create(ledger.path, Budget(100, allow_large=True))


def test_every_changed_byte_is_noticed(ledger):
    ledger.spend(Loss(0.25), "count")
    ledger.spend(Loss(0.25), "sum")
    whole = ledger.path.read_bytes()
    for at in range(len(whole) - 1):
        ledger.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BudgetError, match="damaged"):
            Ledger(ledger.path).spend(Loss(0.1))


def test_a_removed_or_repeated_line_is_noticed(ledger):
    for _ in range(3):
        ledger.spend(Loss(0.1))
    lines = ledger.path.read_bytes().splitlines(keepends=True)
    for altered in (
        lines[:1] + lines[2:],
        lines[1:],
        [*lines, lines[-1]],
        [lines[0], lines[2], lines[1]],
        [],
    ):
        ledger.path.write_bytes(b"".join(altered))
        with pytest.raises(BudgetError, match="damaged"):
            Ledger(ledger.path)


def test_a_charge_cut_off_by_a_crash_is_neither_counted_nor_in_the_way(ledger):
    ledger.spend(Loss(0.5), "count")
    whole = ledger.path.read_bytes()
    ledger.spend(Loss(0.5), "sum")
    longer = ledger.path.read_bytes()
    for cut in range(len(whole), len(longer)):
        ledger.path.write_bytes(longer[:cut])
        reopened = Ledger(ledger.path)
        assert reopened.budget.spent == (0.5, 0.0)
    reopened.spend(Loss(0.5), "sum")
    assert Ledger(ledger.path).budget.spent == (1.0, 0.0)


def test_a_missing_or_held_ledger_is_refused(ledger, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with pytest.raises(BudgetError, match="opened"):
        Ledger(tmp_path / "none")
    with ledger.path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BudgetError, match="in use"):
            ledger.spend(Loss(0.1))
    ledger.spend(Loss(0.1))
    assert len(Ledger(ledger.path).charges) == 1


SPENDER = """
import sys
from nlp_deid.dp.budget import BudgetError, Loss
from nlp_deid.dp.ledger import Ledger
done = 0
for _ in range(40):
    try:
        Ledger(sys.argv[1]).spend(Loss(0.02)); done += 1
    except BudgetError:
        pass
print(done)
"""


def test_processes_that_race_never_overspend_or_charge_twice(ledger):
    runs = [
        subprocess.Popen([sys.executable, "-c", SPENDER, str(ledger.path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    done = sum(int(run.communicate(timeout=100)[0]) for run in runs)
    after = Ledger(ledger.path)
    assert done == len(after.charges) <= 50
    assert after.budget.spent[0] == pytest.approx(done / 50)


def test_the_file_is_lines_of_json_with_a_header(ledger):
    ledger.spend(Loss(0.5), "mean of age")
    header, charge = (json.loads(line) for line in ledger.path.read_text(encoding="utf-8").splitlines())
    assert header["neighbours"] == "unbounded"
    assert charge["what"] == "mean of age"
