"""synth scores against brute force and against tables of which the answer is known."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from nlp_deid.synth import fidelity
from nlp_deid.synth.closeness import privacy_term, soft_accuracies
from nlp_deid.synth.copies import copies
from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.losses import energy_score
from nlp_deid.synth.neighbours import Space, accuracies, adversarial_accuracy, distances
from nlp_deid.synth.report import write_report
from nlp_deid.synth.scores import score
from nlp_deid.synth.utility import utilities


def table(rows, seed):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"a": rng.normal(size=rows), "b": rng.choice(["x", "y"], rows), "c": rng.random(rows)}
    )
    frame["t"] = 3 * frame["a"] + (frame["b"] == "x") + rng.normal(0, 0.1, rows)
    return frame


@given(st.integers(0, 2**32 - 1), st.integers(3, 12))
@hypothesis_settings(max_examples=40, deadline=None)
def test_adversarial_accuracy_against_brute_force(seed, size):
    rng = np.random.default_rng(seed)
    real, made = rng.integers(0, 4, (size, 2)).astype(float), rng.integers(0, 4, (size, 2)).astype(float)

    def far(points, others, skip):
        return [
            min(np.linalg.norm(p - q) for j, q in enumerate(others) if not skip or i != j)
            for i, p in enumerate(points)
        ]

    truth = np.mean(np.array(far(real, made, False)) > np.array(far(real, real, True)))
    fake = np.mean(np.array(far(made, real, False)) > np.array(far(made, made, True)))
    found = adversarial_accuracy(real, made)
    assert (found.truth, found.synthetic) == (truth, fake)
    assert found.mean == pytest.approx((truth + fake) / 2)


def test_accuracies_tell_copies_strangers_and_twins_apart():
    rng = np.random.default_rng(0)
    train, test, twin = (rng.normal(size=(600, 3)) for _ in range(3))
    copied = accuracies(train, test, train + 1e-6, rng)
    assert copied["full"] == 0
    assert copied["privacy_loss"] > 0.2
    alike = accuracies(train, test, twin, rng)
    assert abs(alike["train"] - 0.5) < 0.05
    assert abs(alike["privacy_loss"]) < 0.05
    assert accuracies(train, test, twin + 9, rng)["train"] == 1


def test_an_attacker_sees_copies_and_nothing_in_twins():
    rng = np.random.default_rng(0)
    train, test, twin = (rng.normal(size=(500, 4)) for _ in range(3))
    leak = distances(train, test, train + 1e-6, rng)
    assert leak["membership_auc"] > 0.95
    assert leak["dcr_share"] > 0.95
    fair = distances(train, test, twin, rng)
    assert abs(fair["membership_auc"] - 0.5) < 0.06
    assert abs(fair["dcr_share"] - 0.5) < 0.08
    assert 0 < fair["nndr_median"] < 1


def test_the_soft_accuracy_comes_near_the_hard_one():
    rng = np.random.default_rng(1)
    real, made = rng.normal(size=(300, 6)), rng.normal(size=(300, 6)) * 1.3
    hard = adversarial_accuracy(real, made)
    truth, fake = soft_accuracies(torch.tensor(real), torch.tensor(made))
    assert float(truth) == pytest.approx(hard.truth, abs=0.03)
    assert float(fake) == pytest.approx(hard.synthetic, abs=0.03)


def test_the_privacy_term_pushes_from_both_sides():
    rng = np.random.default_rng(2)
    real, twin = (torch.tensor(rng.normal(size=(200, 3))) for _ in range(2))
    fair = float(privacy_term(real, twin))
    assert float(privacy_term(real, real + 1e-4)) > fair + 0.1
    assert float(privacy_term(real, twin + 3)) > fair + 0.1


def test_the_energy_score_is_lowest_for_the_true_law():
    rng = torch.Generator().manual_seed(0)

    def draw(mean, deviation, *shape):
        return mean + deviation * torch.randn(*shape, generator=rng)

    real = draw(0, 1, 40000, 1)
    true = energy_score(draw(0, 1, 40000, 4), real)
    for mean, deviation in ((0.3, 1), (0, 0.6), (0, 1.5)):
        assert energy_score(draw(mean, deviation, 40000, 4), real) > true + 0.01


def test_copies_are_counted_whatever_the_dtype():
    known = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None]})
    made = pd.DataFrame({"a": [1.0, 2.0, 3.0, 3.0], "b": ["x", "x", None, "x"]})
    assert copies(known, made) == 2


def test_marginals_and_pairs_of_known_tables():
    frame = table(500, 0)
    assert all(value == pytest.approx(1) for value in fidelity.marginals(frame, frame).values())
    shifted = frame.assign(a=frame["a"] + 100, b="z")
    found = fidelity.marginals(frame, shifted)
    assert found["a"] == pytest.approx(0)
    assert found["b"] == pytest.approx(0)
    names, alike = fidelity.pairs(frame, frame)
    assert names == ["a", "b", "c", "t"]
    assert np.allclose(alike, 1)
    mixed = frame.assign(a=np.random.default_rng(0).permutation(frame["a"]))
    broken = fidelity.pairs(frame, mixed)[1]
    assert broken[0, 3] < 0.6 < broken[0, 1]


def test_utility_of_regression_and_classes():
    train, test = table(400, 0), table(200, 1)
    assert utilities(train, test, "t")["linear"] > 0.98
    classes = [frame.assign(t=(frame["t"] > 0).astype(int)) for frame in (train, test)]
    assert utilities(*classes, "t")["boosting"] > 0.9
    noise = train.assign(t=np.random.default_rng(0).permutation(train["t"]))
    assert max(utilities(noise, test, "t").values()) < 0.2


def test_score_and_reports(tmp_path):
    train, test, made = table(200, 0), table(100, 1), table(200, 2)
    made.loc[0] = train.loc[0]
    found = score(train, test, made, "t", ["-9 <= a <= 9"])
    assert found.copies == 1
    assert found.measure == "R²"
    assert abs(found.utility["real"]["best"] - found.utility["synthetic"]["best"]) < 0.05
    assert found.broken == {"range of a": 0}
    assert found.similarity["cosine"] > 0.95
    found.write(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["copies"] == 1
    write_report(tmp_path / "r.html", found, train, made)
    page = (tmp_path / "r.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("base64", "")[:4000]
    assert repr(float(train["a"][0])) not in page


def test_bad_calls():
    frame = table(100, 0)
    with pytest.raises(SynthError, match="lacks the columns c"):
        score(frame, frame, frame.drop(columns="c"))
    with pytest.raises(SynthError, match="3 rows"):
        score(frame, frame.head(3), frame)
    with pytest.raises(SynthError, match="lacks the columns z"):
        score(frame, frame, frame, "z")
    with pytest.raises(SynthError, match="equally long"):
        adversarial_accuracy(np.zeros((3, 1)), np.zeros((4, 1)))
    assert Space.of(frame).place(frame).shape[0] == 100
