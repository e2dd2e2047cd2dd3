"""docs/dp.md: its commands and its code do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip("pyarrow")
pytest.importorskip("scipy")

from nlp_deid.cli_dp import app

TEXT = (Path(__file__).parent.parent / "docs" / "dp.md").read_text(encoding="utf-8")
CODE = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
COMMANDS = re.findall(r"^nlp-deid dp (.*)$", TEXT, flags=re.MULTILINE)


@pytest.mark.parametrize("code", CODE)
def test_code_runs(code, capsys):
    exec(compile(code, "docs/dp.md", "exec"), {})


def test_commands_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [f"p{i % 300},{20 + i % 60},{'fm'[i % 2]},w{i % 3}" for i in range(1500)]
    Path("visits.csv").write_text("patient,age,sex,ward\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert len(COMMANDS) >= 5
    for command in COMMANDS:
        done = CliRunner().invoke(app, shlex.split(command))
        assert done.exit_code == 0, (command, done.output)
    assert "spent ε 1.2 of 2" in done.stdout


def test_plots_are_there():
    for name in re.findall(r"\]\((dp-[a-z-]+\.png)\)", TEXT):
        assert (Path(__file__).parent.parent / "docs" / name).read_bytes()[:4] == b"\x89PNG"
