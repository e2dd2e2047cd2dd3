"""cli_dp.py: answers, exit codes, and messages without a value of the table."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

pytest.importorskip("pyarrow")

from nlp_deid.cli_dp import app

RUN = CliRunner()


def dp(*arguments):
    return RUN.invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "visits.csv"
    rows = [f"p{i % 400},{20 + i % 60},{'fm'[i % 2]},{100 + i % 50}" for i in range(2000)]
    path.write_text("patient,age,sex,bp\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "ledger"
    made = dp("ledger", "new", path, "--epsilon", 5, "--delta", 1e-6, "--unit", "patient")
    assert made.exit_code == 0
    return path


def paid(ledger, epsilon=0.5):
    return ["--epsilon", epsilon, "--ledger", ledger, "--unit", "patient", "--max-rows", 3]


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (["count"], 1),
        (["count", "--by", "sex", "--groups", "f,m,x"], 3),
        (["count", "--by", "sex", "--delta", "1e-6"], 2),
        (["count", "--by", "sex", "--by", "age", "--groups", "f,m", "--groups", "20,30,40"], 6),
        (["sum", "--column", "bp", "--bounds", "0", "250"], 1),
        (["mean", "--column", "bp", "--bounds", "0", "250", "--by", "sex", "--groups", "f,m"], 2),
        (["variance", "--column", "age", "--bounds", "0", "120"], 1),
        (["quantile", "--column", "age", "--bounds", "0", "120", "--share", "0.1", "--share", "0.9"], 2),
        (["histogram", "--column", "age", "--edges", "0,40,80"], 2),
        (["bounds", "--column", "bp"], 1),
    ],
)
def test_every_query_answers_and_is_charged(table, ledger, command, lines):
    done = dp(command[0], table, *command[1:], *paid(ledger))
    assert done.exit_code == 0, done.output
    assert len(done.stdout.splitlines()) == lines
    shown = dp("ledger", "show", ledger)
    assert "spent ε 0.5 of 5" in shown.stdout
    assert "by patient" in shown.stdout


def test_json_lines(table, ledger):
    done = dp("count", table, *paid(ledger), "--json")
    row = json.loads(done.stdout)
    assert row["group"] == []
    assert abs(row["value"] - 1200) < 100  # 400 patients, three of five rows each
    assert row["error_95"] > 0


def test_numbers_of_several_commands_are_near_the_truth(table, ledger):
    mean = float(dp("mean", table, "--column", "age", "--bounds", 0, 120, *paid(ledger, 2)).stdout.split()[0])
    assert abs(mean - 49.5) < 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epsilon", "0"], "ε must be"),
        (["--epsilon", "nan"], "ε must be"),
        (["--epsilon", "50"], "allow_large"),
        (["--epsilon", "50", "--allow-large"], "does not allow"),
        (["--epsilon", "1", "--by", "sex"], "δ"),
        (["--epsilon", "1", "--by", "nothing", "--groups", "a"], "no single column"),
    ],
)
def test_refusals_release_and_charge_nothing(table, ledger, arguments, message):
    before = ledger.read_bytes()
    done = dp("count", table, "--ledger", ledger, "--unit", "patient", "--max-rows", 1, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert ledger.read_bytes() == before


def test_bounds_and_ledgers_are_required(table, ledger, tmp_path):
    assert dp("sum", table, "--column", "age", *paid(ledger)).exit_code == 2
    assert dp("count", table, "--epsilon", 1).exit_code == 2
    done = dp("count", table, "--epsilon", 1, "--ledger", tmp_path / "none")
    assert done.exit_code == 2
    assert "cannot be opened" in done.stderr
    done = dp("histogram", table, "--column", "age", "--edges", "a,b", *paid(ledger))
    assert done.exit_code == 2
    assert dp("ledger", "new", ledger, "--epsilon", 1).exit_code == 2
    ledger.write_bytes(ledger.read_bytes()[:-9] + b"\n")
    assert "damaged" in dp("count", table, *paid(ledger)).stderr


def test_another_unit_than_the_ledger_protects_is_refused(table, ledger):
    done = dp("count", table, "--epsilon", 1, "--ledger", ledger)
    assert done.exit_code == 2
    assert "protects each patient" in done.stderr


def test_messages_hold_no_value(ledger, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("patient,age\nQuill,77\nQuill,\n", encoding="utf-8")
    done = dp("sum", path, "--column", "age", "--bounds", 0, 100, *paid(ledger))
    assert done.exit_code == 2
    assert "Quill" not in done.output
    assert "77" not in done.output


def test_explain_and_compose():
    assert "73.1%" in dp("explain", 1).stdout
    assert dp("explain", 0).exit_code == 2
    pytest.importorskip("dp_accounting")
    shown = dp("compose", "--epsilon", 0.1, "--queries", 100).stdout
    assert "4.7746" in shown
    assert "5.2215" in shown


def test_the_module_loads_nothing_heavy():
    program = "import sys, nlp_deid.cli_dp; print('numpy' in sys.modules, 'pyarrow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
