"""cli_tables.py and tables/spec.py: every command on small tables, and every kind of bad input."""

import csv
import json
import sys

import pytest
from typer.testing import CliRunner

pytest.importorskip("polars")
pytest.importorskip("scipy")

from nlp_deid.cli_tables import app
from nlp_deid.tables.models import MODELS

RULES = ("--pipeline", "rules")
ROWS = [
    ("p1", 23, "Bern", "flu"), ("p2", 24, "Bern", "gout"), ("p3", 27, "Basel", "flu"),
    ("p4", 28, "Basel", "acne"), ("p5", 61, "Oslo", "flu"), ("p6", 62, "Oslo", "gout"),
    ("p7", 66, "Turku", "acne"), ("p8", 67, "Turku", "flu"),
]  # fmt: skip
SPEC = """
columns:
  id: {role: identifier}
  age: {role: quasi, hierarchy: {interval: 5}}
  town: {role: quasi, hierarchy: town.csv}
  ill: {role: sensitive}
models:
  - k_anonymity: {k: 2}
  - distinct_l_diversity: {l: 2, sensitive: ill}
"""
TOWNS = "Bern;CH;*\nBasel;CH;*\nOslo;NORD;*\nTurku;NORD;*\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "spec.yaml").write_text(SPEC)
    (tmp_path / "town.csv").write_text(TOWNS)
    write(tmp_path / "in.csv", ["id", "age", "town", "ill"], ROWS)
    return tmp_path


def write(path, header, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


@pytest.mark.parametrize("method", ["local", "global", "mondrian"])
def test_anonymize_then_check(folder, method):
    spec = folder / "spec.yaml"
    spec.write_text(SPEC + f"method: {method}\n")
    run("check", folder / "in.csv", "--config", spec, code=1)
    done = run("anonymize", folder / "in.csv", folder / "out.csv", "--config", spec)
    assert "8 rows" in done.stderr
    released = rows(folder / "out.csv")
    assert list(released[0]) == ["age", "town", "ill"]
    assert [row["ill"] for row in released] == [row[3] for row in ROWS]
    shown = run("check", folder / "out.csv", "--config", spec)
    assert shown.stdout.count(": holds") == 2


def test_check_as_json(folder):
    shown = run("check", folder / "in.csv", "--config", folder / "spec.yaml", "--json", code=1)
    first = json.loads(shown.stdout)[0]
    assert (first["model"], first["holds"], first["worst"]) == ("KAnonymity(k=2)", False, 1.0)
    assert (first["classes"], first["failing_records"]) == (8, 8)


def test_parquet_in_and_out_with_a_shuffle(folder):
    import polars as pl

    pl.DataFrame(ROWS, schema=["id", "age", "town", "ill"], orient="row").write_parquet(folder / "in.parquet")
    config = ["--config", folder / "spec.yaml"]
    run("anonymize", folder / "in.parquet", folder / "out.parquet", *config)
    orders = {tuple(pl.read_parquet(folder / "out.parquet")["ill"])}
    for _ in range(8):
        run("anonymize", folder / "in.parquet", folder / "out.parquet", *config, "--shuffle", "--overwrite")
        orders.add(tuple(pl.read_parquet(folder / "out.parquet")["ill"]))
    assert len(orders) > 1
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(row[3] for row in ROWS))}


def test_tabs_without_a_word_about_them(folder):
    (folder / "in.tsv").write_text((folder / "in.csv").read_text().replace(",", "\t"))
    run("anonymize", folder / "in.tsv", folder / "out.csv", "--config", folder / "spec.yaml")
    assert list(rows(folder / "out.csv")[0]) == ["age", "town", "ill"]


@pytest.mark.parametrize("ending", ["html", "json"])
def test_report(folder, ending):
    run(
        "anonymize", folder / "in.csv", folder / "out.csv", "--config", folder / "spec.yaml",
        "--report", folder / f"r.{ending}",
    )  # fmt: skip
    text = (folder / f"r.{ending}").read_text()
    assert not any(row[0] in text for row in ROWS)
    if ending == "json":
        plain = json.loads(text)
        assert plain["checks"][0]["holds"] is True
        assert (plain["merged"], plain["levels"]) == (0, None)


def test_report_of_a_full_domain_recoding_has_its_levels(folder):
    spec = folder / "spec.yaml"
    spec.write_text(SPEC + "method: global\n")
    run("anonymize", folder / "in.csv", folder / "o.csv", "--config", spec, "--report", folder / "r.html")
    assert "level of town" in (folder / "r.html").read_text()


def test_risk(folder):
    config = ["--config", folder / "spec.yaml"]
    shown = json.loads(run("risk", folder / "in.csv", *config, "--population-size", 100, "--json").stdout)
    assert (shown["records"], shown["classes"], shown["sample_uniques"]) == (8, 8, 1.0)
    assert shown["population"]["fraction"] == 0.08
    lines = run("risk", folder / "in.csv", *config, "--population", folder / "in.csv").stdout
    assert "prosecutor: highest 1" in lines
    assert "journalist: highest 1" in lines
    assert "population uniques" in lines


def test_loss(folder):
    config = ["--config", folder / "spec.yaml"]
    run("anonymize", folder / "in.csv", folder / "out.csv", *config, "--report", folder / "r.json")
    shown = json.loads(run("loss", folder / "in.csv", folder / "out.csv", *config, "--json").stdout)
    reported = json.loads((folder / "r.json").read_text())["loss"]
    assert shown["gcp"] == pytest.approx(reported["gcp"])
    assert shown["c_dm"] == reported["c_dm"]
    assert 0 < shown["gcp"] < 1
    assert "column 'town': NCP" in run("loss", folder / "in.csv", folder / "out.csv", *config).stdout
    nothing = json.loads(run("loss", folder / "in.csv", folder / "in.csv", *config, "--json").stdout)
    assert nothing["gcp"] == 0


def test_safe_harbor_with_free_text(folder):
    write(
        folder / "p.csv",
        ["name", "dob", "zip", "notes", "hb"],
        [
            ("Ann Mills", "1961-02-03", "03601", "Call 617-555-0101 on March 4, 2019.", "7.1"),
            ("Bo Ray", "1931-02-03", "02139", "Doing well.", "6.2"),
        ],
    )
    shown = run("safe-harbor", folder / "p.csv", "--check", *RULES, code=1)
    assert {line.split(":")[0] for line in shown.stdout.splitlines()} == {
        "column 'name'", "column 'dob'", "column 'zip'", "column 'notes'",
    }  # fmt: skip
    done = run("safe-harbor", folder / "p.csv", folder / "safe.csv", *RULES)
    assert "column 'name' (name by its name): drop, 2 rows changed" in done.stdout
    first, second = rows(folder / "safe.csv")
    assert (first["dob"], first["zip"], first["hb"]) == ("1961", "000", "7.1")
    assert (second["dob"], second["zip"], second["notes"]) == ("90+", "021", "Doing well.")
    assert "555" not in first["notes"]
    assert "March" not in first["notes"]
    assert run("safe-harbor", folder / "safe.csv", "--check", *RULES).stdout == ""
    for result in (shown, done):
        assert not any(word in result.output for word in ("Mills", "Ray", "1961-02", "03601", "555"))


def test_limited_data_set_with_declared_kinds(folder):
    (folder / "kinds.yaml").write_text("columns: {id: {kind: mrn}, ill: {kind: keep}}\n")
    out = folder / "lds.csv"
    run("limited-data-set", folder / "in.csv", out, "--config", folder / "kinds.yaml")
    assert list(rows(out)[0]) == ["age", "town", "ill"]
    checked = run("limited-data-set", out, "--check", "--json")
    assert json.loads(checked.stdout) == []
    run("limited-data-set", folder / "in.csv", code=2)
    run("limited-data-set", folder / "in.csv", out, "--check", code=2)


def test_a_column_of_role_identifier_goes_under_both_rules(folder):
    for rule in ("safe-harbor", "limited-data-set"):
        run(rule, folder / "in.csv", folder / f"{rule}.csv", "--config", folder / "spec.yaml")
        assert "id" not in rows(folder / f"{rule}.csv")[0]


def test_an_unknown_pipeline_is_an_error_not_an_empty_column(folder):
    write(folder / "p.csv", ["notes"], [("Doing well.",)])
    result = run("safe-harbor", folder / "p.csv", folder / "o.csv", "--pipeline", "none", code=2)
    assert "none" in result.stderr
    assert not (folder / "o.csv").exists()


def test_nothing_is_written_over_unasked(folder):
    config = ["--config", folder / "spec.yaml"]
    run("anonymize", folder / "in.csv", folder / "in.csv", *config, "--overwrite", code=2)
    run("anonymize", folder / "in.csv", folder / "out.csv", *config)
    again = run("anonymize", folder / "in.csv", folder / "out.csv", *config, code=2)
    assert "--overwrite" in again.stderr
    assert "folder" in run("anonymize", folder / "in.csv", folder / "no" / "o.csv", *config, code=2).stderr


def test_a_bad_spec_is_a_message(folder):
    (folder / "spec.yaml").write_text("colums: {}")
    result = run("check", folder / "in.csv", "--config", folder / "spec.yaml", code=2)
    assert "unknown key 'colums'" in result.stderr
    assert "Traceback" not in result.output


def anonymize_fails(folder, spec=None, header=("id", "age", "town", "ill"), data=ROWS):
    if spec:
        (folder / "spec.yaml").write_text(spec)
    write(folder / "in.csv", list(header), data)
    result = run("anonymize", folder / "in.csv", folder / "out.csv", "--config", folder / "spec.yaml", code=2)
    assert not (folder / "out.csv").exists()
    return result.stderr


def test_a_value_missing_in_a_hierarchy(folder):
    message = anonymize_fails(folder, data=[*ROWS, ("p9", 30, "Rome", "flu")])
    assert "'town'" in message
    assert "'Rome'" in message
    assert "p9" not in message


def test_a_hierarchy_that_is_not_nested(folder):
    (folder / "town.csv").write_text("Bern;CH;West;*\nBasel;CH;East;*\nOslo;N;N;*\nTurku;N;N;*\n")
    message = anonymize_fails(folder)
    assert "not nested" in message
    assert "'CH'" in message


def test_a_quasi_identifier_without_hierarchy(folder):
    message = anonymize_fails(folder, SPEC.replace(", hierarchy: town.csv", ""))
    assert "'town' has no hierarchy" in message


def test_k_larger_than_the_table_and_one_row(folder):
    message = anonymize_fails(folder, SPEC.replace("k: 2", "k: 9"))
    assert "KAnonymity(k=9)" in message
    assert "8 records" in message
    assert "KAnonymity(k=9)" in anonymize_fails(folder, data=ROWS[:1])


def test_an_infeasible_model_is_named(folder):
    message = anonymize_fails(folder, SPEC.replace("{l: 2", "{l: 4"))
    assert "DistinctLDiversity(l=4" in message
    assert "KAnonymity" not in message


def test_no_rows_no_columns_and_duplicate_columns(folder):
    assert "no rows" in anonymize_fails(folder, data=[])
    assert "'age' (quasi) is not in the table" in anonymize_fails(
        folder, header=("id", "years", "town", "ill")
    )
    assert "duplicate column names: 'age'" in anonymize_fails(folder, header=("id", "age", "age", "ill"))


def test_missing_values_and_constant_columns(folder):
    data = [(i, "" if age < 25 else age, "Bern", ill) for i, age, _, ill in ROWS]
    write(folder / "in.csv", ["id", "age", "town", "ill"], data)
    run("anonymize", folder / "in.csv", folder / "out.csv", "--config", folder / "spec.yaml")
    run("check", folder / "out.csv", "--config", folder / "spec.yaml")
    assert {row["town"] for row in rows(folder / "out.csv")} == {"Bern"}


def test_forty_quasi_identifiers(folder):
    names = [f"q{i}" for i in range(40)]
    columns = "".join(f"  {name}: {{role: quasi, hierarchy: automatic}}\n" for name in names)
    (folder / "spec.yaml").write_text(f"columns:\n{columns}models: [k_anonymity: {{k: 3}}]\n")
    write(folder / "in.csv", names, [[(row * (i + 3)) % 4 for i in range(40)] for row in range(60)])
    run("anonymize", folder / "in.csv", folder / "out.csv", "--config", folder / "spec.yaml")
    run("check", folder / "out.csv", "--config", folder / "spec.yaml")


def test_the_extra_is_named_where_its_libraries_are_lacking(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    result = run("check", folder / "in.csv", "--config", folder / "spec.yaml", code=2)
    assert "nlp-deid[tables]" in result.stderr


def test_wrong_files(folder):
    config = ["--config", folder / "spec.yaml"]
    for out, report in (("o.csv", "r.pdf"), ("o.xls", "r.html")):
        run("anonymize", folder / "in.csv", folder / out, *config, "--report", folder / report, code=2)
        assert not (folder / out).exists()
        assert not (folder / report).exists()
    assert "No such file" in run("check", folder / "none.csv", *config, code=2).stderr
    assert "No such file" in run("check", folder / "in.csv", "--config", folder / "none.yaml", code=2).stderr
    (folder / "in.xls").write_text("x")
    assert "ending" in run("check", folder / "in.xls", *config, code=2).stderr
    (folder / "bad.csv").write_bytes(b"id,age,town,ill\n\xff\xfe,1,2,3\n")
    run("check", folder / "bad.csv", *config, code=2)


PARAMETERS = {
    "k_anonymity": "k: 2",
    "distinct_l_diversity": "l: 2, sensitive: ill",
    "probabilistic_l_diversity": "l: 2, sensitive: ill",
    "entropy_l_diversity": "l: 1.5, sensitive: ill",
    "recursive_cl_diversity": "c: 3, l: 2, sensitive: ill",
    "t_closeness": "t: 0.5, sensitive: ill",
    "p_sensitive": "p: 2, k: 2, sensitive: ill",
    "alpha_k": "alpha: 0.6, k: 2, sensitive: ill",
    "k_e": "k: 2, e: 3, sensitive: cost",
    "epsilon_m": "epsilon: 1, m: 2, sensitive: cost",
    "k_l": "k: 2, l: 2, sensitive: ill",
    "alp_dif": "alp: 0.6, dif: 0.2, sensitive: ill",
}


@pytest.mark.parametrize("name", MODELS)
def test_every_model_by_its_name_is_made_to_hold(folder, name):
    head, _, _ = SPEC.partition("models:")
    (folder / "spec.yaml").write_text(
        f"{head}  cost: {{role: sensitive}}\nmodels:\n  - {name}: {{{PARAMETERS[name]}}}\n"
    )
    write(
        folder / "in.csv", ["id", "age", "town", "ill", "cost"], [(*row, 5 * i) for i, row in enumerate(ROWS)]
    )
    config = ["--config", folder / "spec.yaml"]
    run("check", folder / "in.csv", *config, code=1)
    run("anonymize", folder / "in.csv", folder / "out.csv", *config)
    run("check", folder / "out.csv", *config)
