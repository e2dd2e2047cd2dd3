"""`nlp-deid serve` as a process: it starts, answers, survives a client that goes away, and ends in order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("fastapi")
from nlp_deid.cli_serve import serve
from nlp_deid.replace.keys import KeyFault, write_new_key

PROBE = Path(__file__).parent / "serve_probe.py"
TAKEN_PORT = """
import socket, sys
from nlp_deid.cli import main
other = socket.create_server(("127.0.0.1", 0))
sys.argv += ["--port", str(other.getsockname()[1])]
main()
"""
app = typer.Typer()
app.command()(serve)


def test_a_server(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    write_new_key(tmp_path / "keys" / "a.key")
    done = subprocess.run([sys.executable, PROBE, tmp_path], capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    status, body = seen["good"]
    assert (status, json.loads(body)["text"]) == (200, "Seen by Dr. [DOCTOR] on [DATE].")
    assert (seen["wrong"], seen["after"], seen["in flight"]) == (401, 200, [200])
    assert seen["exit"] in (0, -15, 143)
    assert "POST /scrub 200 in=" in seen["log"]
    assert "POST /scrub 499 in=" in seen["log"]
    assert "canary" not in seen["log"]
    assert "Traceback" not in seen["log"]


@pytest.mark.parametrize("command", [["serve"], ["review", "notes", "--name", "ann"]])
def test_a_port_in_use(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("Seen by Dr. Ada Quill.")
    done = subprocess.run(
        [sys.executable, "-c", TAKEN_PORT, *command, "--pipeline", "rules"],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert "cannot listen at 127.0.0.1, port " in done.stderr
    assert "address already in use" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--host", "0.0.0.0"], "give a token"),
        (["--port", "0"], "port"),
        (["--seconds", "0"], "seconds"),
    ],
)
def test_wrong_calls(arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = CliRunner().invoke(app, ["--pipeline", "rules", *arguments])
    assert result.exit_code == 2
    assert message in result.output


def test_a_weak_token_and_an_empty_folder_of_keys(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("Zqcanary")
    result = CliRunner().invoke(app, ["--token-file", str(tmp_path / "token")])
    assert result.exit_code == 2
    assert "canary" not in result.output
    (tmp_path / "keys").mkdir()
    result = CliRunner().invoke(app, ["--pipeline", "rules", "--key-dir", str(tmp_path / "keys")])
    assert isinstance(result.exception, KeyFault)
