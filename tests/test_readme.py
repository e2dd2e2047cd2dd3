"""README, docs and CI say the same, and what README shows is what happens."""

from __future__ import annotations

import doctest
import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nlp_deid import cli, load
from nlp_deid.pipeline import DEFAULT_PIPELINE, pipelines
from nlp_deid.replace.policy import PRESETS
from nlp_deid.sources import DROPPED

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DETAILS = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
CI = ROOT / ".ci" / "run"
TEST_COMMAND = ".venv/bin/pip install -e '.[dev]' && .venv/bin/pytest"
SCRUB_COMMAND = (
    "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/nlp-deid scrub examples/notes scrubbed"
)


def blocks(kind: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_python_blocks_print_what_they_say() -> None:
    found = blocks("pycon")
    assert found
    for number, block in enumerate(found):
        test = doctest.DocTestParser().get_doctest(block, {}, f"README block {number}", "README.md", 0)
        assert doctest.DocTestRunner().run(test).failed == 0


def test_before_becomes_after() -> None:
    pair = re.search(
        r"<!-- before -->\n```text\n(.*?)```.*?<!-- after -->\n```text\n(.*?)```", README, re.DOTALL
    )
    assert pair
    assert load(policy="tag")(pair[1]).text == pair[2]
    assert 'nlp_deid.load(policy="tag")' in README[: pair.start()]


def calls() -> Iterator[list[str]]:
    for block in blocks("sh"):
        for line in block.splitlines():
            if line.startswith("nlp-deid "):
                yield shlex.split(line)


def test_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (ROOT / "examples/notes.jsonl").is_file():
        pytest.skip("needs the checkout's examples")
    (tmp_path / "examples/notes").mkdir(parents=True)
    rows = (ROOT / "examples/notes.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:4]
    (tmp_path / "examples/notes.jsonl").write_text("".join(rows), encoding="utf-8")
    for name in {"ed-note", *(json.loads(row)["id"] for row in rows)}:
        shutil.copy(ROOT / f"examples/notes/{name}.txt", tmp_path / "examples/notes")
    monkeypatch.chdir(tmp_path)
    commands = list(calls())
    assert {command[1] for command in commands} == {"scrub", "detect", "evaluate", "explain", "pipelines"}
    for command in commands:
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert end.value.code in (0, None), command
    assert len(list((tmp_path / "scrubbed").iterdir())) == len(list((tmp_path / "examples/notes").iterdir()))


def test_the_two_commands_are_there_and_ci_runs_the_second() -> None:
    assert [block.strip() for block in blocks("sh")[:2]] == [SCRUB_COMMAND, TEST_COMMAND]
    assert TEST_COMMAND in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    if not CI.is_file():
        pytest.skip("a source distribution has no .ci")
    script = CI.read_text(encoding="utf-8").replace('"$work/.venv/bin/pip"', ".venv/bin/pip")
    assert re.search(r"^\.venv/bin/pip install( --\S+)* -e '\.\[dev\]'$", script, re.MULTILINE)
    last = script.rstrip().splitlines()[-1]
    assert last == '"$work/.venv/bin/pytest"', "pytest's closing line must be the last one"


def test_links_lead_somewhere() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/command-line.md"):
        page = ROOT / name
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (page.parent / link).exists(), f"{name}: {link}"


def test_names_in_the_docs_exist() -> None:
    policies = README.split("## Policies", 1)[1].split("##", 1)[0]
    assert {name for name in PRESETS if f"`{name}`" in policies} == set(PRESETS)
    assert f"`{DEFAULT_PIPELINE}`" in README
    assert {"rules", DEFAULT_PIPELINE} <= set(pipelines())
    assert all(f"`{key}`" in DETAILS for key in DROPPED)
    for reason in (
        "encoding",
        "format",
        "suffix",
        "symlink",
        "not_a_file",
        "many_notes",
        "duplicate_id",
        "unsafe_id",
    ):
        assert f"`{reason}`" in DETAILS


def test_figures_name_their_commands() -> None:
    """No figure of accuracy stands outside the marked section."""
    before, section = README.split("## Figures", 1)
    figures, after = section.split("<!-- end of figures -->", 1)
    assert "python benchmarks/accuracy.py --data" in figures
    assert not re.search(r"\b(F1|recall|precision)\b|\d\s?%", before + after)
