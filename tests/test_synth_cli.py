"""The commands of synthetic tables."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nlp_deid.cli_dp import app as dp
from nlp_deid.cli_synth import app

runner = CliRunner()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("synth")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 80, 200), "sex": rng.choice(["f", "m"], 200)})
    frame["t"] = (frame["age"] * 2 + rng.normal(0, 3, 200)).round(1)
    frame.iloc[:150].to_csv(where / "train.csv", index=False)
    frame.iloc[150:].to_csv(where / "test.csv", index=False)
    (where / "domain.yaml").write_text(
        "age: {low: 0, high: 100}\nsex: {values: [f, m]}\nt: {low: 0, high: 200, decimals: 1}\n"
    )
    return where


def call(*words):
    return runner.invoke(app, [str(word) for word in words])


def test_fit_sample_evaluate(folder):
    done = call(
        "fit", folder / "train.csv", "--out", folder / "m", "--target", "t", "--seed", 1, "--steps", 40
    )
    assert done.exit_code == 0, done.output
    for name in ("a.csv", "b.csv"):
        assert call("sample", folder / "m", "-n", 80, "--out", folder / name, "--seed", 2).exit_code == 0
    assert (folder / "a.csv").read_text() == (folder / "b.csv").read_text()
    assert len(pd.read_csv(folder / "a.csv")) == 80
    args = ("--train", folder / "train.csv", "--test", folder / "test.csv", "--synthetic", folder / "a.csv")
    done = call("evaluate", *args, "--target", "t", "--report", folder / "r.html", "--constraint", "0 <= age")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["copies"] == 0
    assert found["broken"] == {"range of age": 0}
    assert "Usefulness" in (folder / "r.html").read_text()


def test_conditions(folder):
    if not (folder / "m").exists():
        test_fit_sample_evaluate(folder)
    done = call(
        "sample", folder / "m", "-n", 9, "--out", folder / "w.csv", "--where", "sex=f", "--where", "age=30:50"
    )
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(folder / "w.csv")
    assert set(rows["sex"]) == {"f"}
    assert rows["age"].between(30, 50).all()


def test_epsilon_is_charged_to_a_ledger(folder):
    words = ("fit", folder / "train.csv", "--out", folder / "p", "--epsilon", 3, "--steps", 5)
    done = call(*words)
    assert done.exit_code == 2
    assert "--domain" in done.output
    done = call(*words, "--domain", folder / "domain.yaml")
    assert done.exit_code == 0, done.output
    assert "ε 3" in done.output
    lines = (folder / "p" / "ledger.jsonl").read_text().splitlines()
    assert json.loads(lines[1])["epsilon"] == 3
    again = call(*words, "--domain", folder / "domain.yaml", "--ledger", folder / "p" / "ledger.jsonl")
    assert again.exit_code == 2
    assert "nothing released" in again.output
    assert not (folder / "p" / "source.json").exists()
    assert call("sample", folder / "p", "-n", 5, "--out", folder / "p.csv").exit_code == 0


@pytest.mark.parametrize("words", [("--unit", "patient"), ("--neighbours", "bounded")])
def test_a_ledger_of_another_promise_is_refused(folder, tmp_path, words):
    path = tmp_path / "l.jsonl"
    assert (
        runner.invoke(dp, ["ledger", "new", str(path), "--epsilon", "5", "--delta", "1e-4", *words]).exit_code
        == 0
    )
    before = path.read_text()
    done = call(
        *("fit", folder / "train.csv", "--out", tmp_path / "m", "--epsilon", 3, "--steps", 5),
        *("--domain", folder / "domain.yaml", "--ledger", path),
    )
    assert done.exit_code == 2
    assert words[1] in done.output
    assert path.read_text() == before


def test_a_refused_private_fit_leaves_no_ledger(folder, tmp_path):
    words = ("fit", folder / "train.csv", "--epsilon", 3, "--steps", 5, "--domain")
    out, wrong = tmp_path / "m", tmp_path / "wrong.yaml"
    wrong.write_text("age: {values: [1]}\nsex: {values: [f, m]}\nt: {low: 0, high: 200, decimals: 1}\n")
    for tail in ([wrong], [folder / "domain.yaml", "--constraint", "0 <= pulse"]):
        assert call(*words, *tail, "--out", out).exit_code == 2
        assert not (out / "ledger.jsonl").exists()
    (out / "source.json").write_text('{"table": "x.csv"}')  # of a model without privacy
    done = call(*words, folder / "domain.yaml", "--out", out)
    assert done.exit_code == 0, done.output
    assert not (out / "source.json").exists()
    done = call(*words, folder / "domain.yaml", "--out", tmp_path / "n", "--drop-identifiers")
    assert done.exit_code == 2
    assert not (tmp_path / "n" / "ledger.jsonl").exists()


def test_a_file_as_folder_is_refused_before_the_charge(folder, tmp_path):
    ledger = tmp_path / "l.jsonl"
    runner.invoke(dp, ["ledger", "new", str(ledger), "--epsilon", "5", "--delta", "1e-4"])
    before = ledger.read_text()
    words = ("--epsilon", 3, "--steps", 5, "--domain", folder / "domain.yaml", "--ledger", ledger)
    done = call("fit", folder / "train.csv", "--out", folder / "train.csv", *words)
    assert done.exit_code == 2
    assert "cannot be a folder" in done.output
    assert ledger.read_text() == before


def test_errors(folder, tmp_path):
    assert call("fit", tmp_path / "none.csv", "--out", tmp_path / "m").exit_code == 2
    done = call("fit", folder / "train.csv", "--out", tmp_path / "m", "--target", "zz")
    assert done.exit_code == 2
    assert "lacks the columns zz" in done.output
    assert call("sample", tmp_path, "-n", 3, "--out", tmp_path / "a.csv").exit_code == 2
    done = call(
        "evaluate",
        "--train",
        folder / "train.csv",
        "--test",
        folder / "test.csv",
        "--synthetic",
        folder / "test.csv",
        "--report",
        "r.txt",
    )
    assert done.exit_code == 2
