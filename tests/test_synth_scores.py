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
from nlp_deid.synth.neighbours import Space, accuracies, adversarial_accuracy, distances, nearest
from nlp_deid.synth.report import write_report
from nlp_deid.synth.scores import score
from nlp_deid.synth.utility import is_regression, quick_utility, utilities


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


def test_ties_of_questionnaires_are_ties():
    rng = np.random.default_rng(4)
    tables = [
        pd.DataFrame(rng.integers(0, 4, (150, 9)), columns=[f"q{i}" for i in range(9)]) for _ in range(2)
    ]
    tables[1].iloc[:40] = tables[0].iloc[40:80]  # copies
    space = Space.of(tables[0])
    real, made = (space.place(frame) for frame in tables)
    assert real.shape[1] > 15  # where the search is inexact
    a, b = (frame.to_numpy() for frame in tables)

    def squared(points, others, itself=False):
        apart = ((points[:, None] - others[None]) ** 2).sum(-1)
        return (apart + (np.eye(len(points), dtype=int) * 999 if itself else 0)).min(axis=1)

    found = adversarial_accuracy(real, made)
    assert found.truth == (squared(a, b) > squared(a, a, True)).mean()
    assert found.synthetic == (squared(b, a) > squared(b, b, True)).mean()
    assert np.allclose(nearest(made, real)[:, 0], np.sqrt(squared(b, a)) / 3, atol=1e-12)
    first, second = real[:75], real[75:]
    share = distances(first, second, made, np.random.default_rng(0))["dcr_share"]
    near, far = squared(b, a[:75]), squared(b, a[75:])
    assert share == pytest.approx((near < far).mean() + (near == far).mean() / 2)


def test_the_full_accuracy_says_of_how_many_rows():
    rng = np.random.default_rng(0)
    points = rng.normal(size=(60, 2))
    assert accuracies(points, points, points, rng)["full_rows"] == 60
    assert accuracies(points, points, points[:20], rng)["full_rows"] == 20


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
    assert utilities(train, test, "t", True)["linear"] > 0.98
    classes = [frame.assign(t=(frame["t"] > 0).astype(int)) for frame in (train, test)]
    assert utilities(*classes, "t", False)["boosting"] > 0.9
    noise = train.assign(t=np.random.default_rng(0).permutation(train["t"]))
    assert max(utilities(noise, test, "t", True).values()) < 0.2


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


def test_a_short_test_table_does_not_make_a_regression_a_choice():
    train, test = table(200, 0), table(12, 1)
    assert test["t"].nunique() <= 12
    found = score(train, test, table(200, 2), "t")
    assert found.measure == "R²"
    assert found.utility["real"]["linear"] > 0.9
    assert quick_utility(train, test, "t", is_regression(train["t"])) > 0.5


def test_tables_of_other_kinds_are_refused_without_a_value_or_read():
    train, test = table(60, 0), table(60, 1)
    days = pd.Series(pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"))
    train["d"] = test["d"] = days
    made = train.copy()
    for name, change, kind in (("a", "secret", "numbers"), ("d", "n/a", "dates")):
        wrong = test.assign(**{name: test[name].astype(object).where(test.index > 2, change)})
        for tables in ((train, wrong, made), (train, test, wrong)):
            with pytest.raises(
                SynthError, match=f"'{name}' of the .* table: 3 values are not {kind}"
            ) as caught:
                score(*tables, "t")
            assert change not in str(caught.value)
    for empty in (test.assign(b=np.nan), test.assign(d=np.nan), test.assign(a=None), test.assign(b=7)):
        assert score(train, empty, made, "t").utility["real"]["linear"] > -99
    assert score(train.assign(e=np.nan), test.assign(e="x"), made.assign(e=None), "t").copies == 60


def test_truth_values_are_known_in_any_writing():
    train, test = (frame.assign(t=frame["t"] > 0) for frame in (table(90, 0), table(90, 1)))
    expected = score(train, test, train, "t").utility["synthetic"]
    for made in (train["t"].map(str), train["t"].astype(int), train["t"].astype(object), train["t"] * 1.0):
        assert score(train, test, train.assign(t=made), "t").utility["synthetic"] == expected
    gaps = train["t"].astype(object).where(train.index > 9, None)
    assert score(train, test, train.assign(t=gaps), "t").utility["synthetic"]["best"] > 0.8
    with pytest.raises(SynthError, match="90 values are not true or false"):
        score(train, test, train.assign(t="perhaps"), "t")


def test_one_synthetic_class_leaves_the_other_scores(tmp_path):
    train, test = (frame.assign(t=(frame["t"] > 0).astype(int)) for frame in (table(90, 0), table(90, 1)))
    found = score(train, test, train.assign(t=1), "t")
    assert found.utility["synthetic"] is None
    assert json.loads(found.as_json())["utility"]["real"]["best"] > 0.8
    write_report(tmp_path / "r.html", found, train, train.assign(t=1))
    assert "one target value only" in (tmp_path / "r.html").read_text()


def test_dollars_are_no_formula(tmp_path):
    frame = table(40, 0).rename(columns={"a": "cost $x_{$ \\q$"}).assign(b=["$\\frac{$", "$5"] * 20)
    write_report(tmp_path / "r.html", score(frame, frame, frame), frame, frame)
    assert (tmp_path / "r.html").stat().st_size > 10_000


def test_bad_calls():
    frame = table(100, 0)
    with pytest.raises(SynthError, match="lacks the columns c"):
        score(frame, frame, frame.drop(columns="c"))
    with pytest.raises(SynthError, match="3 rows"):
        score(frame, frame.head(3), frame)
    with pytest.raises(SynthError, match="lacks the columns z"):
        score(frame, frame, frame, "z")
    with pytest.raises(SynthError, match="no column beside the target"):
        score(frame[["t"]], frame[["t"]], frame[["t"]], "t")
    with pytest.raises(SynthError, match="equally long"):
        adversarial_accuracy(np.zeros((3, 1)), np.zeros((4, 1)))
    assert Space.of(frame).place(frame).shape[0] == 100
