"""synth with differential privacy: the price, and that nothing of the table goes past it."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

from nlp_deid.synth.frames import SynthError
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
    model = PGan(
        seed=1, settings=FEW, epsilon=2.0, domain=DOMAIN, charge=lambda *price: charged.append(price)
    )
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
        (lambda f: f.assign(age=np.nan), "missing values"),
        (lambda f: f.drop(columns="sex"), "lacks the columns sex"),
    ],
)
def test_tables_outside_the_domain(change, message):
    model = PGan(epsilon=1.0, domain=DOMAIN, charge=lambda *price: pytest.fail("charged"))
    with pytest.raises(SynthError, match=message):
        model.fit(change(cohort()))


@pytest.mark.parametrize("wrong", [{"a": {"low": 3, "high": 3}}, {"a": {"values": []}}, {"a": 3}, [1]])
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
