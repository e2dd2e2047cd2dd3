"""The package as a whole: what it loads, what it must not hold, what it must carry."""

from __future__ import annotations

import ast
import importlib.metadata
import socket
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import nlp_deid
from nlp_deid.pipeline import pipelines
from nlp_deid.resources import KINDS, folder, root

PACKAGE = Path(nlp_deid.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
LEARNED = ("hybrid", "hybrid_fast")
HEAVY = ("torch", "spacy", "transformers", "pandas", "pyarrow", "numpy", "rich", "typer")
MAX_LINES = 350
# Names that must not be called or imported: they run what a file says, or open the network.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "breakpoint", "input"}
FORBIDDEN_MODULES = {"pickle", "dill", "joblib", "shelve", "marshal", "cloudpickle"}
NETWORK_MODULES = {"socket", "http", "urllib", "requests", "httpx", "aiohttp", "ftplib", "smtplib"}
HARMLESS = {"urllib.parse"}  # text only


def loaded_after(code: str) -> set[str]:
    """Top-level modules that a fresh interpreter holds after `code`."""
    program = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "code",
    [
        "import nlp_deid",
        "import nlp_deid; nlp_deid.load('rules', 'surrogate')('Seen by Dr. Ada Quill on 3/4/2019.')",
        "import nlp_deid.batch, nlp_deid.evaluate, nlp_deid.corpus.formats",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert loaded_after(code).isdisjoint(HEAVY)


def test_the_default_pipeline_loads_what_it_needs() -> None:
    loaded = loaded_after("import nlp_deid; nlp_deid.load()('Seen by Dr. Ada Quill on 3/4/2019.')")
    assert "torch" in loaded
    assert loaded.isdisjoint({"spacy", "pandas", "datasets", "pyarrow", "rich", "typer"})


def test_the_command_line_loads_nothing_heavy() -> None:
    assert loaded_after("import nlp_deid.cli").isdisjoint(set(HEAVY) - {"typer", "rich"})


def calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every called name (`print`, `torch.load`) and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported module and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.lineno


def faults(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        f"{path.name}:{line} calls {name}"
        for name, line in calls(tree)
        if name in FORBIDDEN_CALLS or name in ("torch.load", "yaml.unsafe_load", "yaml.full_load", "print")
    ]
    for name, line in imports(tree):
        top = name.partition(".")[0]
        if top in FORBIDDEN_MODULES | NETWORK_MODULES and name not in HARMLESS:
            found.append(f"{path.name}:{line} imports {name}")
        elif name == "nlp_deid" and path.name not in ("cli.py", "screen.py"):
            found.append(f"{path.name}:{line} imports from nlp_deid itself")
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_source(path: Path) -> None:
    assert faults(path) == []
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text)), "a module says what it is"


def test_the_source_test_can_fail(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import pickle\nfrom urllib import request\nprint(eval('1'))\nimport torch\ntorch.load('x')\n"
    )
    assert len(faults(bad)) == 5


def test_yaml_is_loaded_safely() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "yaml.load":
                loader = next(ast.unparse(k.value) for k in node.keywords if k.arg == "Loader")
                assert "SafeLoader" in loader, path.name


def test_resources_are_there() -> None:
    for kind in KINDS:
        assert any(folder(kind).iterdir()), f"{kind} is empty"
    assert len(list((folder("examples") / "notes").glob("*.txt"))) >= 12
    assert {"rules", *LEARNED} <= set(pipelines())
    for name in LEARNED:
        assert (folder("models") / name / "tagger/weights.safetensors").stat().st_size > 1 << 20
    assert (PACKAGE / "py.typed").is_file()


def test_metadata() -> None:
    project = PACKAGE.parent / "pyproject.toml"
    if not project.is_file():
        pytest.skip("an installed wheel")
    settings = tomllib.loads(project.read_text())
    declared = settings["project"]
    assert importlib.metadata.version("nlp-deid") == declared["version"]
    changelog = (project.parent / "CHANGELOG.md").read_text()
    assert f"## [{declared['version']}]" in changelog
    assert declared["scripts"]["nlp-deid"] == "nlp_deid.cli:main"
    assert root() == project.parent
    carried = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried["models"] == "nlp_deid/data/models", "a wheel holds the weights of the default pipeline"


def test_the_network_is_blocked_in_tests() -> None:
    with pytest.raises(AssertionError, match="network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(AssertionError, match="network"):
        socket.getaddrinfo("example.org", 80)
    with socket.socket() as made, pytest.raises(AssertionError, match="network"):
        made.connect(("192.0.2.1", 80))


REFUSED = ["220-01.xml", "training-PHI-Gold-Set1.tar.gz", "deid_surrogate_test_all_groundtruth_version2.xml"]
REFUSED += [
    "id.text",
    "id.phi",
    "id-phi.phrase",
    "NOTEEVENTS.csv.gz",
    "mimic-iv-note.zip",
    "discharge.csv.gz",
]
PASSED = ["README.md", "rules/date.yaml", "examples/notes/ed-note.txt", "tests/test_mimic.py", "id.yaml"]


def test_the_commit_hook_refuses_restricted_corpora() -> None:
    hook = PACKAGE.parent / ".ci" / "refuse_corpora.py"
    if not hook.is_file():
        pytest.skip("a source distribution has no .ci")

    def code(*paths: str) -> int:
        return subprocess.run([sys.executable, hook, *paths], capture_output=True, timeout=60).returncode

    assert code(*PASSED) == 0
    for name in REFUSED:
        assert code("README.md", f"data/{name}") == 1, name
