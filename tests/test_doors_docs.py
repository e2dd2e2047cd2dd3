"""What the pages of the doors show is what happens, and the spaCy examples run."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples" / "spacy"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs the checkout's examples")


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(("page", "needs"), [("spacy", "spacy"), ("presidio", "presidio_analyzer")])
def test_python_of_the_pages(page: str, needs: str) -> None:
    pytest.importorskip(needs)
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / f"docs/{page}.md").read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        run("-c", block)


def test_an_example_that_trains_nothing() -> None:
    first, *_, last = run(str(EXAMPLES / "plain.py")).splitlines()
    assert (first, last) == ("Seen by Dr. [DOCTOR] on [DATE].", "BP 98/60, wound clean.")


def test_an_example_with_a_tagger_of_a_site() -> None:
    assert run(str(EXAMPLES / "site_tagger.py")) == "[IDNUM], moved to [DEPARTMENT], seen by Dr. [DOCTOR].\n"


def test_a_spacy_project(tmp_path: Path) -> None:
    """The commands of project.yml one after another."""
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    folder = tmp_path / "examples" / "spacy"
    (folder / "corpus").mkdir(exist_ok=True)
    run("convert.py", "../notes.jsonl", "corpus/notes.spacy", cwd=folder)
    run("-m", "spacy", "assemble", "config.cfg", "packages/deid", cwd=folder)
    accuracy = ("benchmark", "accuracy", "packages/deid", "corpus/notes.spacy", "--output", "metrics.json")
    run("-m", "spacy", *accuracy, cwd=folder)
    metrics = (folder / "metrics.json").read_text()
    assert '"phi_redact"' in metrics
    project = (folder / "project.yml").read_text()
    assert all(part in project for part in ("convert.py", "spacy assemble", "benchmark accuracy"))
