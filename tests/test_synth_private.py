"""synth with differential privacy: the price, and that nothing of the table goes past it."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.kinds import SynthWarning
from nlp_deid.synth.pgan import PGan
from nlp_deid.synth.private import Domain, Plan, _noisy_encoder, _Private, spent
from nlp_deid.synth.settings import Settings

FEW = Settings(steps=8)
DOMAIN = Domain.from_dict({"age": {"low": 0, "high": 100}, "sex": {"values": ["f", "m", "x"]}})


def cohort(rows=200):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.integers(18, 80, rows), "sex": rng.choice(["f", "m"], rows)})


def test_the_plan_keeps_to_its_price():
    for epsilon in (0.5, 5.0):
        plan = Plan.of(1000, Settings(), epsilon, 1e-5)
        total = spent([(plan.curves, 1.0, 1), (plan.noise, plan.rate, plan.steps)], 1e-5)
        assert 0.97 * epsilon < total <= epsilon


def test_the_accountant_against_the_law_of_one_gaussian():
    """Balle and Wang (ICML 2018): the exact δ of one Gaussian release; an accountant may only be above."""

    def phi(x):
        return math.erfc(-x / math.sqrt(2)) / 2

    for noise in (0.8, 2.0, 5.0):
        epsilon = spent([(noise, 1.0, 1)], 1e-5)
        exact = phi(0.5 / noise - epsilon * noise) - math.exp(epsilon) * phi(-0.5 / noise - epsilon * noise)
        assert 1e-7 < exact <= 1e-5


def test_what_is_drawn_is_charged_first():
    charged = []
    model = PGan(settings=FEW, epsilon=2.0, domain=DOMAIN, charge=lambda *price: charged.append(price))
    rows = model.fit(cohort()).sample(50)
    assert [price[:2] for price in charged] == [(2.0, 1e-5)]
    assert rows["age"].between(0, 100).all()
    assert set(rows["sex"]) <= {"f", "m", "x"}
    assert len(model._avoid) == 0  # leaving out training rows would tell of them


def test_a_spent_budget_stops_before_noise(monkeypatch):
    def refuse(*price):
        raise SynthError("spent")

    monkeypatch.setattr("nlp_deid.synth.private._noisy_encoder", lambda *args: pytest.fail("drawn"))
    with pytest.raises(SynthError, match="spent"):
        PGan(epsilon=2.0, domain=DOMAIN, charge=refuse).fit(cohort())


def test_one_row_moves_the_sum_of_gradients_by_the_clip_at_most():
    frame = cohort(60)
    rng = np.random.default_rng(0)
    encoder = _noisy_encoder(frame, DOMAIN, "", 1.0, rng)
    torch.manual_seed(0)
    run = _Private(encoder, frame, FEW, Plan(1.0, 1e-9, 1.0, 2), rng)
    run.judge.noise_multiplier = 0.0
    before = None
    for rows in (run.rows, run.rows[:-1]):
        torch.manual_seed(5)
        run.rows = rows
        with torch.no_grad():
            fake = run.generator(60)[: len(rows)]
        run.judge.zero_grad()
        out = run.critic(torch.stack([rows, fake], dim=1).requires_grad_())
        (torch.nn.functional.softplus(-1e3 * out[:, 0]).sum() + out[:, 1].sum()).backward()
        run.judge.clip_and_accumulate()
        total = torch.cat([p.summed_grad.flatten() for p in run.judge.params])
        if before is not None:
            assert 0 < float((total - before).norm()) <= 1 + 1e-4
        before = total


def test_no_noisy_curve_knows_the_extremes():
    frame = cohort()
    column = _noisy_encoder(frame, DOMAIN, "", 1.0, np.random.default_rng(0)).columns[0]
    assert (column.values[0], column.values[-1]) == (0, 100)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(more=1), "'more' is not in the domain"),
        (lambda f: f.assign(sex="q"), "outside the domain"),
        (lambda f: f.assign(age=np.nan), "'age': missing values"),
        (lambda f: f.assign(sex=f["sex"].where(f.index > 3)), "'sex': missing values"),
        (lambda f: f.assign(age=np.inf), "'age': infinite values"),
        (lambda f: f.assign(age="Ann"), "'age': has a range, but is not a column of numbers"),
        (lambda f: f.assign(age=pd.Timestamp("2020-01-01")), "'age': has a range, but is not"),
        (lambda f: f.assign(sex=pd.Timestamp("2020-01-01")), "outside the domain"),
        (lambda f: f.drop(columns="sex"), "lacks the columns sex"),
    ],
)
def test_tables_outside_the_domain(change, message):
    for target in ("", "sex") if "sex" in change(cohort()) else ("",):
        model = PGan(target, epsilon=1.0, domain=DOMAIN, charge=lambda *price: pytest.fail("charged"))
        with pytest.raises(SynthError, match=message) as caught:
            model.fit(change(cohort()))
        assert "Ann" not in str(caught.value)
        assert "200" not in str(caught.value)


def test_dtypes_come_from_the_domain_alone():
    """One row with a fraction would turn a column of whole numbers to doubles: it must not show."""
    domain = Domain.from_dict(
        {
            "whole": {"low": 0, "high": 9},
            "part": {"low": 0, "high": 9, "decimals": 1},
            "text": {"values": ["a", "b"]},
            "code": {"values": [0, 1]},
            "truth": {"values": [True, False]},
        }
    )
    rng = np.random.default_rng(0)
    pick = rng.integers(0, 2, 40)
    frame = pd.DataFrame({"whole": pick, "part": pick, "text": np.where(pick == 1, "a", "b"), "code": pick})
    frame["truth"] = pick == 1
    other = frame.assign(whole=frame["whole"] + 0.5, part=frame["part"] * 1.5, code=frame["code"] * 1.0)
    other = other.assign(text=other["text"].astype("category"), truth=frame["truth"].astype(object))
    found = []
    for table in (frame, other):
        model = PGan(settings=FEW, epsilon=5.0, domain=domain, charge=lambda *price: None)
        found.append(model.fit(table).sample(5).dtypes.astype(str).to_dict())
    assert found[0] == found[1]
    assert [found[0][name] for name in ("whole", "part", "code", "truth")] == [
        "int64",
        "float64",
        "int64",
        "bool",
    ]


def test_a_private_fit_looks_for_no_identifiers(monkeypatch):
    monkeypatch.setattr("nlp_deid.synth.pgan.identifiers", lambda frame: pytest.fail("looked"))
    PGan(settings=FEW, epsilon=5.0, domain=DOMAIN, charge=lambda *price: None).fit(cohort(20))
    with pytest.raises(SynthError, match="identifiers"):
        PGan(epsilon=1.0, domain=DOMAIN, charge=lambda *price: None, drop_identifiers=True)


def test_truth_values_of_yaml_are_pointed_out():
    domain = Domain.from_dict({"age": {"low": 0, "high": 100}, "sex": {"values": [True, False]}})
    with pytest.raises(SynthError, match="YAML reads yes"):
        PGan(epsilon=1.0, domain=domain, charge=lambda *price: pytest.fail("charged")).fit(cohort())


def test_constraints_are_checked_before_the_charge():
    model = PGan(
        epsilon=1.0, domain=DOMAIN, charge=lambda *p: pytest.fail("charged"), constraints=["0 <= pulse"]
    )
    with pytest.raises(SynthError, match="pulse"):
        model.fit(cohort())


def test_a_small_epsilon_is_kept_or_refused():
    plan = Plan.of(1000, FEW, 0.1, 1e-5)
    assert spent([(plan.curves, 1.0, 1), (plan.noise, plan.rate, plan.steps)], 1e-5) <= 0.1
    with pytest.raises(SynthError, match=r"ε 0\.001 is too small"):
        Plan.of(1000, FEW, 0.001, 1e-5)
    with pytest.raises(SynthError, match="below 1/1000"):
        Plan.of(1000, FEW, 1.0, 1e-3)


def test_a_seed_is_warned_of_and_none_draws_anew():
    def fit(seed):
        model = PGan(seed=seed, settings=FEW, epsilon=5.0, domain=DOMAIN, charge=lambda *price: None)
        model.fit(cohort(40))
        return model.encoder.columns[0].places

    with pytest.warns(SynthWarning, match="seed"):
        assert fit(1) == fit(1)
    assert fit(None) != fit(None)


def test_the_noise_of_gradients_has_the_planned_size_and_needs_no_torch_seed():
    rng = np.random.default_rng(0)
    frame = cohort(60)
    run = _Private(_noisy_encoder(frame, DOMAIN, "", 1.0, rng), frame, FEW, Plan(1.0, 50.0, 0.5, 2), rng)
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        run._critic_step()
        found.append(torch.cat([weights.grad.flatten() for weights in run.judge.params]))
    assert len(found[0]) > 1000
    for grads in found:  # the mean of clipped gradients adds a norm near one to it
        assert float(grads.std()) == pytest.approx(50.0 / run.expected, rel=0.05)
    assert abs(float(torch.corrcoef(torch.stack(found))[0, 1])) < 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"a": {"low": 3, "high": 3}},
        {"a": {"low": 3, "high": math.inf}},
        {"a": {"values": []}},
        {"a": {"values": ["x", "y", "x"]}},
        {"a": {"values": [0, 1, True]}},
        {"a": {"values": ["x", None]}},
        {"a": {"values": [["x"]]}},
        {"a": {"values": "xy"}},
        {"a": {"values": [math.nan]}},
        {"a": 3},
        [1],
    ],
)
def test_bad_domains(wrong):
    with pytest.raises(SynthError, match="domain"):
        Domain.from_dict(wrong)


def test_bad_calls():
    with pytest.raises(SynthError, match="needs a domain"):
        PGan(epsilon=1.0)
    with pytest.raises(SynthError, match="must be finite"):
        Plan.of(100, Settings(), -1.0, 1e-5)
    with pytest.raises(SynthError, match="combinations"):
        PGan(epsilon=1.0, domain=DOMAIN, charge=lambda *p: None, constraints=["age, sex"]).fit(cohort())
