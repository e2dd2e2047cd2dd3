"""The command line of set-valued records: both forms of file, exit codes, refusals, reports."""

import json

import pytest
from typer.testing import CliRunner

from nlp_deid.cli_transactions import app

LINES = "a1 b1 b2\na2 b1\n\na2 b1 b2\na1 a2 b2 b2\n"
PAIRS = "patient,code\np1,a\np1,b\np2,a\np3,\np2,b\np4,c\n"
KM = "models: [{k_m_anonymity: {k: 2, m: 2}}]\n"


@pytest.fixture
def call(tmp_path):
    def run(command, spec, content=LINES, *options):
        (tmp_path / "spec.yaml").write_text(spec)
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "in.txt").write_bytes(data)
        files = [str(tmp_path / "in.txt")]
        if command == "anonymize":
            files.append(str(tmp_path / "out.txt"))
        return CliRunner().invoke(app, [command, *files, "--config", str(tmp_path / "spec.yaml"), *options])

    return run


def out(tmp_path):
    return (tmp_path / "out.txt").read_text()


def test_check_says_the_worst_set(call):
    result = call("check", KM)
    assert result.exit_code == 1
    assert "does not hold; worst: {a1, a2} in 1 records" in result.stdout
    assert "1 duplicate" in result.stderr
    assert call("check", "models: [{k_m_anonymity: {k: 2, m: 1}}]").exit_code == 0


def test_check_as_json(call):
    result = call("check", "models: [{rho_uncertainty: {rho: 0.5, sensitive: [a1]}}]", LINES, "--json")
    found = json.loads(result.stdout)
    assert (found["holds"], found["items"], found["share"]) == (False, ["b2"], pytest.approx(2 / 3))


def test_suppression_keeps_the_place_of_emptied_records(call, tmp_path):
    result = call("anonymize", KM, "a b\nz\na b\n\n")
    assert result.exit_code == 0, result.stderr
    assert out(tmp_path) == "a b\n\na b\n\n"
    assert "1 emptied" in result.stderr
    assert "suppressed 1 of 5 occurrences (1 items)" in result.stderr


def test_recoding_over_a_parent_table(call, tmp_path):
    (tmp_path / "parents.csv").write_text("a1,A\na2,A\nb1,B\nb2,B\n")
    spec = KM + "method: recode\nhierarchy: {parents: parents.csv}\n"
    assert call("anonymize", spec).exit_code == 0
    assert out(tmp_path) == "A b1 b2\nA b1\n\nA b1 b2\nA b2\n"
    assert call("check", spec, out(tmp_path)).exit_code == 0


@pytest.mark.parametrize("method", ["recode", "mixed"])
@pytest.mark.parametrize("hierarchy", ["{icd10: true}", "{prefixes: [3, 1]}"])
def test_recoded_output_passes_check_with_the_same_spec(call, tmp_path, hierarchy, method):
    spec = (
        f"models: [{{k_m_anonymity: {{k: 2, m: 2}}}}, {{rho_uncertainty: {{rho: 0.9, sensitive: [E119, E781]}}}}]\n"
        f"method: {method}\nhierarchy: {hierarchy}\n"
    )
    result = call("anonymize", spec, "E119 I10\nE118 I10\nI10\nE785 I10\nI10 E789\n")
    assert result.exit_code == 0, result.stderr
    assert call("check", spec, out(tmp_path)).exit_code == 0


def test_csv_pairs_get_new_ids_unless_kept(call, tmp_path):
    spec = KM + "columns: {id: patient, item: code}\n"
    assert call("anonymize", spec, PAIRS).exit_code == 0
    assert out(tmp_path) == "patient,code\n1,a\n1,b\n2,a\n2,b\n3,\n4,\n"
    assert call("anonymize", spec + "keep_ids: true\n", PAIRS, "--overwrite").exit_code == 0
    assert out(tmp_path).splitlines()[-1] == "p4,"


def test_reports(call, tmp_path):
    for name in ("r.html", "r.json"):
        page = tmp_path / name
        result = call("anonymize", KM, "a <b>\nz\na <b>\n", "--overwrite", "--report", str(page))
        assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "r.json").read_text())["loss"]["suppressed_items"] == {"z": 1}
    assert "&lt;b&gt;" in (tmp_path / "r.html").read_text()
    assert "<b>" not in (tmp_path / "r.html").read_text()


def test_items_with_blanks_and_a_separator(call, tmp_path):
    assert call("anonymize", KM + "separator: ','\n", "whole milk, tea\nwhole milk,tea\n").exit_code == 0
    assert out(tmp_path) == "tea,whole milk\ntea,whole milk\n"


@pytest.mark.parametrize(
    ("spec", "content", "message"),
    [
        (KM, b"a b\n\xff\n", "line 2: not UTF-8"),
        (KM + "separator: ','\n", "a,,b\n", "line 1: an empty item"),
        (KM, "", "no records"),
        (KM, "a\nb\n", "no item can be published"),
        ("models: [{k_m_anonymity: {k: 9, m: 2}}]", LINES, "k is more than the 5 records"),
        ("models: [{k_m_anonymity: {k: 2}}]", LINES, "a parameter is missing"),
        ("models: [{l_diversity: {l: 2}}]", LINES, "unknown key 'l_diversity'"),
        ("models: []", LINES, "at least one"),
        ("models: {}", LINES, "models must be a list"),
        ("[", LINES, "not a YAML file"),
        (KM + "method: local\n", LINES, "unknown method"),
        (KM + "method: recode\n", LINES, "the method recode needs it"),
        (KM + "method: recode\nhierarchy: {icd10: true}\n", LINES, "no ICD-10 code"),
        (KM + "method: recode\nhierarchy: {parents: none.csv}\n", LINES, "none.csv: No such file"),
        (KM + "colums: {}\n", LINES, "unknown key 'colums'"),
        (KM + "columns: {id: x, item: y}\n", PAIRS, "exactly one column 'x'"),
        (KM + "columns: {id: patient, item: code}\n", PAIRS + "p5\n", "line 8: 1 cells"),
        (KM + "columns: {id: patient, item: code}\n", PAIRS + ",a\n", "line 8: the record's id is empty"),
        ("models: [{rho_uncertainty: {rho: 0.3, sensitive: [73595000]}}]", LINES, "quote codes"),
        ("models: [{rho_uncertainty: {rho: 0.3, sensitive: [zz]}}]", LINES, "none of the items"),
        ("models: [{rho_uncertainty: {rho: 0.3, sensitive: 5}}]", LINES, "sensitive must be a list"),
        (KM + "method: mixed\nhierarchy: {icd10: false}\n", LINES, "icd10 must be true"),
        (KM + "prefer: [5]\n", LINES, "prefer must be a list of items as text"),
        (KM + "survival: {support: 0}\n", LINES, "support must lie"),
        ("models: [{hkp_coherence: {h: 2, k: 2, p: 1, private: [a1]}}]", LINES, "h must lie"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(call, tmp_path, spec, content, message):
    result = call("anonymize", spec, content)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "out.txt").exists()


def test_files_are_not_overwritten_unasked(call, tmp_path):
    assert call("anonymize", KM, "a b\na b\n").exit_code == 0
    assert "--overwrite" in call("anonymize", KM, "a b\na b\n").stderr
    result = call("anonymize", KM, "a\na\n", "--overwrite", "--report", str(tmp_path / "in.txt"))
    assert result.exit_code == 2
    assert (tmp_path / "in.txt").read_text() == "a\na\n"
