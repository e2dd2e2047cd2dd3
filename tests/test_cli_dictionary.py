"""`nlp-deid dictionary`, and `--dictionaries` as a user meets it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nlp_deid import cli
from nlp_deid.detect.dictionary_files import DictionaryError
from nlp_deid.pipeline import PipelineError, load


class Result(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Result]

RULES = ("--pipeline", "rules")
TEXT = "Given blorptrex. Lives in Zanzotta. Foley catheter. See www.zanzotta.example today.\n"


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call main() as a shell would."""

    def call(*arguments: object, stdin: str = "") -> Result:
        monkeypatch.setattr(sys, "argv", ["nlp-deid", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        return Result(code, *capfd.readouterr())

    return call


@pytest.fixture
def terms(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "terms.txt"
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    return write


Terms = Callable[[str], Path]


def test_add_and_check(run: Run, terms: Terms, tmp_path: Path) -> None:
    own = tmp_path / "own"
    masked = terms("Blorptrex\n\nblorptrex\nfoley\r\n")
    result = run(
        "dictionary", "add", own, masked, "--name", "code_words", "--kind", "phi", "--label", "OTHER"
    )
    assert result == (0, "", "nlp-deid: 2 terms to mask in the list code_words, 1 given twice\n")
    assert run("dictionary", "add", own, terms("zanzotta"), "--name", "fine", "--kind", "keep").code == 0
    assert (own / "code_words.txt").read_text() == "blorptrex\nfoley\n"
    assert run("dictionary", "check", own) == (0, "", "nlp-deid: 2 lists, 0 problems\n")
    (own / "fine.txt").write_text("zanzotta\nZanzotta \n\nfoley\n")
    result = run("dictionary", "check", own)
    assert result.code == 1
    for problem in ("line 2: a blank", "line 3: empty", "line 2: also kept by fine", "4 lines, but"):
        assert problem in result.out
    assert "foley" not in result.out + result.err
    assert run("dictionary", "check", tmp_path / "nowhere").code == 1


def test_a_sites_lists_win_over_ours(run: Run, terms: Terms, tmp_path: Path) -> None:
    assert run("scrub", "-", "-", *RULES, stdin=TEXT).out == (
        "Given blorptrex. Lives in [CITY]. Foley catheter. See [URL] today.\n"
    )
    own = tmp_path / "own"
    run(
        "dictionary",
        "add",
        own,
        terms("blorptrex\nfoley"),
        "--name",
        "m",
        "--kind",
        "phi",
        "--label",
        "OTHER",
    )
    run("dictionary", "add", own, terms("zanzotta"), "--name", "k", "--kind", "keep")
    assert run("scrub", "-", "-", *RULES, "--dictionaries", own, stdin=TEXT).out == (
        # What a sure rule finds is masked although a site's keep list holds a word of it.
        "Given [OTHER]. Lives in Zanzotta. [OTHER] catheter. See [URL] today.\n"
    )
    rows = json.loads(run("explain", "-", *RULES, "--dictionaries", own, "--json", stdin=TEXT).out)
    assert ("lexicon:m", "won", "") in {(row["source"], row["outcome"], row["by"]) for row in rows}
    assert ("vetoed", "k") in {(row["outcome"], row["by"]) for row in rows}
    assert not any("text" in row for row in rows)
    found = run("detect", "-", "-", *RULES, "--dictionaries", own, stdin=TEXT).out
    assert [span["label"] for span in json.loads(found)["spans"]] == ["OTHER", "OTHER", "URL"]


def test_the_default_pipeline_uses_a_sites_lists(run: Run, terms: Terms, tmp_path: Path) -> None:
    """It has no lexicon of its own."""
    own = tmp_path / "own"
    run("dictionary", "add", own, terms("foley"), "--name", "m", "--kind", "phi", "--label", "OTHER")
    tagged = run("scrub", "-", "-", "--policy", "tag", "--dictionaries", own, stdin=TEXT).out
    assert "[OTHER] catheter. See [URL] today." in tagged
    assert "Foley catheter. See [URL] today." in run("scrub", "-", "-", "--policy", "tag", stdin=TEXT).out


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("a\nzqsecret.*", ("--kind", "keep"), "terms.txt: line 2: reads as a pattern"),
        ("(?i)zqsecret", ("--kind", "keep"), "line 1: reads as a pattern"),
        ("zqsecret\n\udcff", ("--kind", "keep"), "terms.txt: line 2: not UTF-8"),
        ("zqsecret\tx", ("--kind", "keep"), "line 1: a tab"),
        ("zqsecret\n--", ("--kind", "keep"), "line 2: holds no letter or digit"),
        (" \n", ("--kind", "keep"), "holds no terms"),
        ("zqsecret", ("--kind", "mask"), "unknown kind 'mask'; a list of your own is phi (masked) or keep"),
        ("zqsecret", ("--kind", "phi"), "needs --label"),
        ("zqsecret", ("--kind", "phi", "--label", "NAME"), "unknown label 'NAME'"),
        ("zqsecret", ("--kind", "phi", "--label", "OTHER", "--case", "low"), "unknown case 'low'"),
        ("zqsecret", ("--kind", "phi", "--label", "OTHER", "--score", "2"), "score must be"),
        ("x\nHeld", ("--kind", "phi", "--label", "OTHER"), "line 2: the list held of this folder would keep"),
        ("zqsecret", ("--kind", "keep", "--name", "held"), "held is there already"),
        ("zqsecret", ("--kind", "keep", "--name", "surnames"), "is a shipped list"),
    ],
)
def test_lists_that_cannot_be_added(
    run: Run, terms: Terms, tmp_path: Path, content: str, options: tuple[str, ...], message: str
) -> None:
    own = tmp_path / "own"
    assert run("dictionary", "add", own, terms("held"), "--name", "held", "--kind", "keep").code == 0
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    result = run("dictionary", "add", own, terms(content), "--name", "mine", *options)
    assert result.code == 2
    assert message in result.err
    assert "zqsecret" not in result.out + result.err
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def conso(cui: str, text: str, language: str = "ENG", suppress: str = "N") -> str:
    """A line of MRCONSO.RRF."""
    fields = [
        cui,
        language,
        "P",
        "L1",
        "PF",
        "S1",
        "Y",
        "A1",
        "",
        "",
        "",
        "SRC",
        "PT",
        "1",
        text,
        "0",
        suppress,
        "",
    ]
    return "|".join(fields) + "|\n"


def test_import_umls(run: Run, tmp_path: Path) -> None:
    (tmp_path / "MRCONSO.RRF").write_text(
        conso("C1", "Blorpitis Acuta")
        + conso("C1", "blorpite", "FRE")
        + conso("C1", "old blorp", suppress="O")
        + conso("C2", "Zanzotta")
    )
    (tmp_path / "MRSTY.RRF").write_text("C1|T047|B|Disease or Syndrome|AT1||\nC2|T073|A|Object|AT2||\n")
    rrf, own = tmp_path / "MRCONSO.RRF", tmp_path / "own"
    result = run("dictionary", "import-umls", rrf, "--types", "T047, T121", "--out", own, "--name", "umls_dx")
    assert result == (0, "", "nlp-deid: 1 terms to keep in the list umls_dx\n")
    assert (own / "umls_dx.txt").read_text() == "blorpitis acuta\n"
    assert run("dictionary", "import-umls", rrf, "--out", own, "--languages", "ENG,FRE").code == 0
    assert (own / "umls.txt").read_text() == "blorpite\nblorpitis acuta\nzanzotta\n"
    assert run("dictionary", "check", own).code == 0
    assert (
        "Zanzotta" in run("scrub", "-", "-", *RULES, "--dictionaries", own, stdin="Lives in Zanzotta.\n").out
    )
    for bad, message in (
        (("--types", "T999", "--name", "x"), "no name of these types"),
        (("--name", "umls"), "umls is there already"),
    ):
        result = run("dictionary", "import-umls", rrf, "--out", own, *bad)
        assert result.code == 2
        assert message in result.err
    for line, message in (("C1|ENG|\n", "line 1: fewer than 18"), ("\udcff\n", "not UTF-8")):
        rrf.write_bytes(line.encode("utf-8", "surrogateescape"))
        result = run("dictionary", "import-umls", rrf, "--out", own, "--name", "y")
        assert result.code == 2
        assert message in result.err


def test_dictionaries_that_cannot_be_used(run: Run, terms: Terms, tmp_path: Path) -> None:
    result = run("scrub", "-", "-", *RULES, "--dictionaries", tmp_path / "nowhere", stdin=TEXT)
    assert (result.code, result.out) == (2, "")
    assert "index.yaml: missing" in result.err
    own = tmp_path / "own"
    run("dictionary", "add", own, terms("zqsecret"), "--name", "fine", "--kind", "keep")
    (tmp_path / "config.yaml").write_text("detectors: [rules]\n")
    with pytest.raises(DictionaryError, match="no part keep_list, so it cannot use the list fine"):
        load(tmp_path, dictionaries=own)
    (tmp_path / "config.yaml").write_text(
        f"detectors: [rules, lexicon]\nkeep: [{{use: keep_list, extra: {own}}}]\n"
    )
    with pytest.raises(PipelineError, match="names a folder of dictionaries already"):
        load(tmp_path, dictionaries=own)
    (own / "fine.txt").write_text("zqsecret\nzqsecret\n")
    result = run("scrub", "-", "-", *RULES, "--dictionaries", own, stdin=TEXT)
    assert (result.code, result.out) == (2, "")
    assert "line 2: the same term as line 1 (and 1 more, see" in result.err
    assert "zqsecret" not in result.err
