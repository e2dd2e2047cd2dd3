"""synth: columns there and back, a fit that keeps what it should, and files without training rows."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.cli_synth import _conditions
from nlp_deid.synth import finish
from nlp_deid.synth.columns import PEOPLE, Numbers, curve_of
from nlp_deid.synth.constraints import Combination, Order, Range, orders_of, parse, prepare
from nlp_deid.synth.copies import copies
from nlp_deid.synth.encoder import Encoder
from nlp_deid.synth.finish import finish_target
from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.kinds import SynthWarning, identifiers, learn
from nlp_deid.synth.networks import Generator
from nlp_deid.synth.pgan import PGan
from nlp_deid.synth.settings import Settings

FEW = Settings(steps=40, batch=80, checks=2)


def cohort(rows=240, seed=0):
    """A table with every kind of column; the charge follows age and smoking."""
    rng = np.random.default_rng(seed)
    low = rng.integers(50, 90, rows)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "smoker": rng.choice(["no", "yes"], rows, p=[0.7, 0.3]),
            "weight": np.where(rng.random(rows) < 0.1, np.nan, rng.lognormal(4, 0.3, rows).round(1)),
            "seen": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
            "born": [
                f"19{y}-0{m}-11"
                for y, m in zip(rng.integers(30, 99, rows), rng.integers(1, 9, rows), strict=True)
            ],
            "active": rng.random(rows) < 0.4,
            "clinic": 7,
            "grade": pd.Categorical(
                rng.choice(["low", "mid", "high"], rows), ["low", "mid", "high"], ordered=True
            ),
            "low": low,
            "high": low + rng.integers(5, 60, rows),
        }
    )
    frame["charge"] = frame["age"] * 100 + (frame["smoker"] == "yes") * 9000.0 + rng.normal(0, 99, rows)
    return frame


@pytest.fixture(scope="module")
def fitted():
    frame = cohort()
    return frame, PGan("charge", seed=3, settings=FEW).fit(frame)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=200), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_whole_numbers_come_back_where_they_are_spikes(numbers, seed):
    places, values = curve_of(np.array(numbers, dtype=float))
    column = Numbers("a", places, values, 0, "int64")
    series = pd.Series(numbers, name="a")
    encoded = column.encode(series, np.random.default_rng(seed))
    assert (np.abs(encoded) <= 1).all()
    back = column.decode(encoded)
    common = series.map(series.value_counts()) >= max(PEOPLE, len(series) / 2)
    assert (back[common] == series[common]).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=20, max_size=300, unique=True))
@settings(max_examples=60, deadline=None)
def test_a_curve_holds_no_number_of_one_person(numbers):
    _, values = curve_of(np.array(numbers))
    alone = set(numbers)
    pieces = len(numbers) // PEOPLE
    assert len(set(values)) <= pieces + 1
    # A mean of several may fall on one of them by chance of rounding; the extremes never do.
    assert max(values) < max(alone)
    assert min(values) > min(alone)


def test_places_are_uniform_whatever_the_skew():
    rng = np.random.default_rng(1)
    series = pd.Series(np.where(rng.random(4000) < 0.3, 120.0, rng.lognormal(3, 1, 4000).round(2)), name="a")
    place = learn(series).encode(series, rng)[:, 0]
    shares = np.histogram(place, 10, (-1, 1))[0] / 4000
    assert np.abs(shares - 0.1).max() < 0.02


def test_every_kind_comes_back_with_its_dtype():
    frame = cohort()
    encoder = Encoder.of(frame, "charge")
    matrix = encoder.encode(frame, np.random.default_rng(0))
    back = encoder.decode(matrix.astype(float))
    assert list(back.columns) == list(frame.columns)
    assert (back.dtypes == frame.dtypes).all()
    for name in ("smoker", "active", "clinic", "grade"):
        assert (back[name] == frame[name]).all()
    assert (back["weight"].isna() == frame["weight"].isna()).all()
    assert (back["age"] - frame["age"]).abs().max() <= 4
    assert Encoder.from_dict(json.loads(json.dumps(encoder.as_dict()))) == encoder


def test_sample_keeps_dtypes_orders_and_makes_no_copy(fitted):
    frame, model = fitted
    rows = model.sample(300)
    assert len(rows) == 300
    assert (rows.dtypes == frame.dtypes).all()
    assert Order("low", "high", strict=True) in model.constraints
    assert (rows["low"] < rows["high"]).all()
    assert copies(frame, rows) == 0


def test_same_seed_same_rows(fitted):
    frame, model = fitted
    pd.testing.assert_frame_equal(
        PGan("charge", seed=3, settings=FEW).fit(frame).sample(30), model.sample(30)
    )
    assert not model.sample(30, seed=4).equals(model.sample(30))


def test_the_target_follows_its_columns():
    frame = cohort(400)[["age", "smoker", "charge"]]
    model = PGan("charge", seed=0, settings=Settings(steps=300, batch=120, held_out=0)).fit(frame)
    rows = model.sample(400)
    mean = rows.groupby("smoker")["charge"].mean()
    assert 6000 < mean["yes"] - mean["no"] < 12000
    assert rows.loc[rows["smoker"] == "no", ["age", "charge"]].corr().iloc[0, 1] > 0.6


def test_a_table_of_which_all_rows_occur_is_drawn_with_a_warning():
    values = pd.DataFrame({"a": [0, 1] * 30, "b": [0, 0, 1, 1] * 15})
    with pytest.warns(SynthWarning, match="not left out"):
        model = PGan(seed=0, settings=FEW).fit(values.iloc[:59])
    assert len(model.sample(5)) == 5


def test_what_is_left_out_is_named_if_no_row_remains(fitted, monkeypatch):
    frame, _ = fitted
    model = PGan("charge", seed=3, settings=FEW).fit(frame)
    monkeypatch.setattr(model, "_draw", lambda rows: frame)
    with pytest.raises(SynthError, match=r"no row but \d+ copies of training rows, which are left out"):
        model.sample(5)


@pytest.mark.parametrize(
    "values",
    [
        [81.25] * 1 + [None] * 199,
        ["1931-05-07", "1931-05-08"] + [None] * 198,
        pd.to_datetime(["1931-05-07"] * 4 + [None] * 196),
        ["rare", "rare"] + [None] * 198,
        pd.array([7] * 3 + [None] * 197, dtype="Int64"),
    ],
)
def test_a_few_values_among_gaps_are_not_kept(values):
    frame = cohort(200)[["age", "charge"]].assign(few=values)
    with pytest.warns(SynthWarning, match=r"few.*only \d values"):
        model = PGan("charge", seed=0, settings=FEW).fit(frame)
    rows = model.sample(400)
    assert rows["few"].isna().all()
    assert "1931" not in json.dumps(model.encoder.as_dict())


def test_five_values_among_gaps_are_one_mean():
    series = pd.Series([1.5, 2.5, 3.5, 4.5, 6.0] + [None] * 95, name="a")
    assert set(learn(series).values) == {3.6}


def test_conditions(fitted):
    _, model = fitted
    rows = model.sample(40, where={"smoker": "yes", "age": (30, 50)})
    assert set(rows["smoker"]) == {"yes"}
    assert rows["age"].between(30, 50).all()
    assert (model.sample(9, where={"grade": ("low", "mid")})["grade"] <= "mid").all()
    assert model.sample(9, where={"seen": ("2020-02-01", "2021-01-31")})["seen"].dt.year.le(2021).all()
    assert model.sample(9, where={"weight": None})["weight"].isna().all()
    assert model.sample(9, where={"active": "True", "clinic": "7"})["active"].all()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"colour": "red"}, "lacks the columns colour"),
        ({"smoker": ("a", "b")}, "range needs"),
        ({"smoker": ["yes"]}, "one value or a pair"),
        ({"smoker": "often"}, "none of its 2 values"),
        ({"grade": ("low", "top")}, "must be categories"),
        ({"age": ("young", "old")}, "must be of numbers"),
        ({"seen": ("soon", "late")}, "must be of dates"),
        ({"age": (50, 30)}, "outside"),
        ({"age": (500, 600)}, "outside"),
        ({"age": ("2020-01-01", "2020-02-01")}, "'age' must be of numbers"),
        ({"active": (0, 1)}, "'active': a range needs"),
        ({"age": float("nan")}, "no value is missing"),
        ({"age": None}, "no value is missing"),
    ],
)
def test_conditions_that_no_row_can_meet_are_refused(fitted, where, message):
    with pytest.raises(SynthError, match=message):
        fitted[1].sample(5, where=where)


def test_conditions_on_columns_with_gaps():
    frame = cohort(120)[["age", "charge"]].assign(
        many=pd.array([*range(50), *range(50), *[None] * 20], dtype="Int64"),
        truth=pd.array([True, False, None] * 40, dtype="boolean"),
    )
    model = PGan("charge", seed=0, settings=FEW).fit(frame)
    rows = model.sample(20, where={"many": (0, 30), "truth": True})
    assert rows["many"].between(0, 30).all()
    assert rows["truth"].all()


def test_the_command_line_takes_a_colon_for_a_range_of_numbers_or_dates_only():
    given = ["a=1:2.5", "b=2020-01-01:2020-02-01", "c=10:30 pm", "d=ratio 1:2", "e=x", "f=1:2020-01-01"]
    assert _conditions(given) == {
        "a": (1.0, 2.5),
        "b": ("2020-01-01", "2020-02-01"),
        "c": "10:30 pm",
        "d": "ratio 1:2",
        "e": "x",
        "f": "1:2020-01-01",
    }


def test_saved_model_gives_the_same_rows_and_holds_none(fitted, tmp_path):
    frame, model = fitted
    model.save(tmp_path)
    loaded = PGan.load(tmp_path, seed=3)
    loaded.avoid(frame)
    pd.testing.assert_frame_equal(loaded.sample(50), model.sample(50))
    held = (tmp_path / "model.json").read_text() + (tmp_path / "model.safetensors").read_bytes().hex()
    for value in frame["charge"]:
        assert repr(value) not in held
        assert np.float32(value).tobytes().hex() not in held
        assert np.float64(value).tobytes().hex() not in held


def test_tampered_and_foreign_models_are_refused(fitted, tmp_path):
    _, model = fitted
    model.save(tmp_path)
    words, weights = tmp_path / "model.json", tmp_path / "model.safetensors"
    text, data = words.read_text(), weights.read_bytes()
    weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SynthError, match="changed since"):
        PGan.load(tmp_path)
    weights.write_bytes(data)
    words.write_text(text.replace('"version": 1', '"version": 9'))
    with pytest.raises(SynthError, match="version 9"):
        PGan.load(tmp_path)
    words.write_text(text.replace('"decimals": 0', '"decimals": 1', 1))
    with pytest.raises(SynthError, match="changed since"):
        PGan.load(tmp_path)
    words.write_text("{")
    with pytest.raises(SynthError, match="damaged"):
        PGan.load(tmp_path)
    with pytest.raises(SynthError, match="no model here"):
        PGan.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.assign(charge=np.where(f.index == 3, np.inf, f["charge"])), "1 infinite"),
        (lambda f: f.head(10), "10 rows; at least"),
        (lambda f: f.drop(columns="charge"), "lacks the columns charge"),
        (lambda f: f.assign(odd=[object()] * len(f)), "must be text"),
        (lambda f: f.assign(odd=["a", 1] * (len(f) // 2)), "several types"),
        (lambda f: pd.concat([f, f[["age"]]], axis=1), "two columns are named age"),
        (lambda f: {"age": [1]}, "not dict"),
    ],
)
def test_bad_tables_are_refused(change, message):
    with pytest.raises(SynthError, match=message):
        PGan("charge", settings=FEW).fit(change(cohort()))


def test_odd_columns_are_learned_or_named():
    frame = cohort(50)[["age", "smoker", "charge"]]
    frame["void"] = np.nan
    frame["rare"] = ["a", "b"] * 24 + ["a", "once"]
    frame["code"] = [f"p{i}" for i in range(50)]
    frame.loc[0, "charge"] = np.nan
    with pytest.warns(SynthWarning) as caught:
        rows = PGan("charge", seed=0, settings=FEW, drop_identifiers=True).fit(frame).sample(60)
    said = " ".join(str(warning.message) for warning in caught)
    assert "code: looks like an identifier; left out" in said
    assert "1 categories occur once" in said
    assert "1 rows have no target" in said
    assert "once" not in set(rows["rare"])
    assert rows["void"].isna().all()
    assert "code" not in rows.columns
    assert "p7" not in said


def test_many_columns():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 500)).round(2), columns=[f"c{i}" for i in range(500)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = PGan(seed=0, settings=Settings(steps=3, batch=20, held_out=0)).fit(frame).sample(5)
    assert rows.shape == (5, 500)


def test_identifiers_are_found():
    frame = cohort()
    frame["row"] = range(len(frame))
    frame["name"] = [f"x{i}" for i in range(len(frame))]
    assert identifiers(frame) == ["row", "name"]


def test_constraints_are_read():
    assert parse("0 <= age <= 110") == Range("age", 0, 110)
    assert parse("0 <= charge") == Range("charge", 0, None)
    assert parse("age <= 110") == Range("age", None, 110)
    assert parse("low < high") == Order("low", "high", strict=True)
    assert parse("low <= high") == Order("low", "high")
    assert parse("city, state") == Combination(("city", "state"))
    with pytest.raises(SynthError, match="write"):
        parse("nonsense")


def test_constraints_against_brute_force():
    frame = cohort()
    rules = prepare(["20 <= age <= 60", "low <= high", "smoker, active"], frame)
    for rule, expected in zip(
        rules,
        (
            [20 <= age <= 60 for age in frame["age"]],
            [a <= b for a, b in zip(frame["low"], frame["high"], strict=True)],
            [True] * len(frame),
        ),
        strict=True,
    ):
        assert rule.holds(frame).tolist() == expected
    with pytest.raises(SynthError, match="fails in most rows"):
        prepare(["high < low"], frame)
    assert Order("low", "high", strict=True) in orders_of(frame, ["low", "high"])
    assert Order("high", "low", strict=True) not in orders_of(frame, ["low", "high"])
    assert orders_of(frame.assign(same=frame["low"]), ["low", "same"]) == (Order("low", "same"),)


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"privacy": -1}, {"held_out": 0.9}, {"checks": 0}])
def test_settings_are_checked(wrong):
    with pytest.raises(SynthError, match="settings"):
        Settings(**wrong)


def test_unfitted():
    with pytest.raises(SynthError, match="fit or load"):
        PGan().sample(3)


def test_the_target_is_finished_and_nothing_else_is_touched():
    frame = cohort(600)
    known, unseen = frame.iloc[:500], frame.iloc[500:]
    rng = np.random.default_rng(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = Encoder.of(frame, "charge")
        raw = Generator(encoder, 32).eval()
        before = {name: value.clone() for name, value in raw.state_dict().items()}
        done = finish_target(raw, encoder, known, unseen, Settings(steps=200, batch=100), rng)
        losses = [finish._look(model, encoder, unseen, rng) for model in (raw, done)]
    assert losses[1] < 0.9 * losses[0]
    assert all(torch.equal(value, before[name]) for name, value in raw.state_dict().items())
    changed = {name for name, value in done.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith("head.") for name in changed)
