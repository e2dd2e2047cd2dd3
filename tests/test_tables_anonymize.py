"""Local, full-domain and multidimensional recoding: what they promise, on made-up tables."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from nlp_deid.tables.base import ModelError, Treatment
from nlp_deid.tables.builders import Automatic, Intervals, Ordered, Taxonomy
from nlp_deid.tables.frames import TableError
from nlp_deid.tables.hierarchy import Hierarchy, HierarchyError
from nlp_deid.tables.lattice import GlobalRecoding, Lattice, ladders_of
from nlp_deid.tables.local import LocalRecoding
from nlp_deid.tables.models import (
    KE,
    AlpDif,
    AlphaK,
    DistinctLDiversity,
    EntropyLDiversity,
    EpsilonM,
    KAnonymity,
    PersonalKL,
    ProbabilisticLDiversity,
    PSensitive,
    RecursiveCLDiversity,
    TCloseness,
)
from nlp_deid.tables.mondrian import Mondrian
from nlp_deid.tables.table import Table

JOBS = Taxonomy({"care": ["nurse", "midwife", "doctor"], "craft": ["baker", "smith"], "none": ["retired"]})
HIERARCHIES = {"age": Intervals(5, 10, 20), "sex": Automatic(), "job": JOBS}
QUASI = ["age", "sex", "job"]
METHODS = (LocalRecoding, GlobalRecoding, Mondrian)


def people(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "age": rng.integers(20, 80, rows),
            "sex": rng.choice(["f", "m"], rows),
            "job": rng.choice(["nurse", "midwife", "doctor", "baker", "smith", "retired"], rows),
            "dx": rng.choice(["flu", "asthma", "gout", "burn", "none"], rows, p=[0.35, 0.25, 0.2, 0.1, 0.1]),
            "pay": rng.integers(10, 90, rows) * 100,
            "k": rng.integers(1, 5, rows),
            "l": rng.integers(0, 2, rows),
            "note": [f"visit {i}" for i in range(rows)],
        }
    )


DISEASES = Hierarchy(
    [
        ["flu", "lung", "*"],
        ["asthma", "lung", "*"],
        ["gout", "other", "*"],
        ["burn", "other", "*"],
        ["none", "other", "*"],
    ],
    "dx",
)
MODELS = [
    [KAnonymity(5)],
    [KAnonymity(3), DistinctLDiversity(3, "dx")],
    [ProbabilisticLDiversity(2, "dx")],
    [EntropyLDiversity(2.5, "dx")],
    [RecursiveCLDiversity(2, 2, "dx")],
    [KAnonymity(4), TCloseness(0.3, "dx")],
    [TCloseness(0.2, "pay", "ordered")],
    [TCloseness(0.3, "dx", "hierarchical")],
    [PSensitive(2, 4, "dx")],
    [AlphaK(0.5, 4, "dx")],
    [KE(3, 2000, "pay")],
    [KAnonymity(3), EpsilonM(300, 3, "pay")],
    [KAnonymity(3), EpsilonM(0.1, 2, "pay", relative=True)],
    [PersonalKL("k", "l", "dx")],
    [AlpDif(0.4, 0.1, "dx", k=3)],
    [AlpDif(0.4, 0.1, "dx", k=3, reference="mean", two_sided=True)],
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("models", MODELS, ids=str)
def test_every_model_holds_in_every_output(method, models):
    data = people()
    anonymizer = method(models, {**HIERARCHIES, "dx": DISEASES}, quasi=QUASI, suppression_limit=0.3)
    out = anonymizer.fit_transform(data)
    attributes = [name for model in models for name in model.attributes]
    table = Table(out, QUASI, attributes, hierarchies={"dx": DISEASES} if "dx" in attributes else {})
    for model, reported in zip(models, anonymizer.release.checks, strict=True):
        checked = model.check(table)
        assert checked.holds
        assert reported.holds
        assert checked.suppressed >= reported.suppressed  # a class at the top of all columns reads as one
    untouched = [name for name in data.columns if name not in QUASI]
    assert out.select(untouched).equals(data.select(untouched))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [1, 2, 7])
def test_every_label_covers_its_value(method, k):
    data = people(120, seed=k)
    anonymizer = method(KAnonymity(k), HIERARCHIES)
    out = anonymizer.fit_transform(data)
    ages = Intervals(5, 10, 20)([str(age) for age in sorted(set(data["age"]))], "age").rows()
    ancestors = {"age": {row[0]: row for row in ages}, "job": {row[0]: row for row in JOBS([], "job").rows()}}
    for name, value, label in [(n, *cell) for n in QUASI for cell in zip(data[n], out[n], strict=True)]:
        if label == "*" or label == str(value):
            continue
        if label[0] == "{":
            assert str(value) in label[1:-1].split("|")
        elif label[0] == "[":
            low, high = label[1:-1].split("..")
            assert float(low) <= float(value) <= float(high)
        else:
            assert label in ancestors[name][str(value)]
    if k == 1:
        assert anonymizer.release.loss.gcp == 0


@pytest.mark.parametrize("limit", [0, 0.05, 0.3, 1])
@pytest.mark.parametrize("models", [MODELS[0], MODELS[1], MODELS[3], MODELS[11], MODELS[15]], ids=str)
def test_full_domain_search_finds_the_optimum(models, limit):
    """Against every node of the lattice, each tried as it is."""
    data = people(150, seed=4)
    anonymizer = GlobalRecoding(models, {**HIERARCHIES, "dx": DISEASES}, quasi=QUASI, suppression_limit=limit)
    attributes = list(dict.fromkeys(a for model in models for a in model.attributes))
    made = {n: b([str(v) for v in sorted(set(data[n]))], n) for n, b in HIERARCHIES.items()}
    table = Table(data, QUASI, attributes, hierarchies=made)
    collapsed = table.collapse(attributes)
    lattice = Lattice(ladders_of(table), collapsed)
    best = None
    for node in product(*map(range, lattice.heights)):
        cost = node_cost(anonymizer._problem(table), lattice, node, limit)
        best = cost if best is None or (cost is not None and cost < best) else best
    if best is None:
        with pytest.raises(ModelError, match="cannot hold"):
            anonymizer.fit_transform(data)
        return
    anonymizer.fit_transform(data)
    assert anonymizer.release.optimal
    assert anonymizer.release.loss.gcp == pytest.approx(best)


def node_cost(problem, lattice, node, limit):
    data = problem.data
    group, count = lattice.groups(data.tuples, np.array(node))
    classes = data.classes(group, count)
    fine = np.logical_and.reduce([model.fine(classes) for model in problem.enforced])
    kept = fine[group]
    suppressed = int(data.counts[~kept].sum())
    released = np.where(kept, (np.cumsum(fine) - 1)[group], -1)
    if suppressed > limit * problem.rows or problem.failing(released, int(fine.sum()))[0]:
        return None
    cells = sum(rungs.losses[node[j], data.tuples[:, j]] for j, rungs in enumerate(lattice.ladders)) / len(
        node
    )
    return float(np.where(kept, cells, 1) @ data.counts) / problem.rows


def test_a_lattice_too_large_is_searched_from_the_top(monkeypatch):
    monkeypatch.setattr("nlp_deid.tables.lattice.LARGEST", 10)
    anonymizer = GlobalRecoding(KAnonymity(5), HIERARCHIES, suppression_limit=0.1)
    out = anonymizer.fit_transform(people())
    assert anonymizer.release.optimal is False
    assert KAnonymity(5).check(out, QUASI)


def test_local_recoding_loses_less_than_full_domain():
    local, whole = LocalRecoding(KAnonymity(5), HIERARCHIES), GlobalRecoding(KAnonymity(5), HIERARCHIES)
    local.fit_transform(people())
    whole.fit_transform(people())
    assert local.release.loss.gcp < whole.release.loss.gcp


def test_forty_quasi_identifiers():
    rng = np.random.default_rng(1)
    data = pl.DataFrame({f"c{i}": rng.choice(list("abcd"), 60) for i in range(40)})
    hierarchies = {name: Ordered() for name in data.columns}
    for method in (LocalRecoding, Mondrian):
        out = method(KAnonymity(3), hierarchies).fit_transform(data)
        assert KAnonymity(3).check(out, data.columns)


@pytest.mark.parametrize("method", METHODS)
def test_outputs_are_deterministic(method):
    first, second = (method(KAnonymity(5), HIERARCHIES).fit_transform(people()) for _ in range(2))
    assert first.equals(second)


def test_the_kind_of_frame_stays():
    data = people(60)
    out = LocalRecoding(KAnonymity(3), HIERARCHIES).fit_transform(data)
    for other in (data.to_pandas(use_pyarrow_extension_array=False), data.to_arrow()):
        same = LocalRecoding(KAnonymity(3), HIERARCHIES).fit_transform(other)
        assert type(same) is type(other)
        back = pl.from_pandas(same) if isinstance(same, pd.DataFrame) else pl.from_arrow(same)
        assert back.equals(out)
    assert isinstance(LocalRecoding(KAnonymity(3), HIERARCHIES).fit_transform(data.to_arrow()), pa.Table)


def test_no_row_number_or_index_comes_out_and_rows_can_be_shuffled():
    data = people(60).to_pandas().set_index(pd.Index(range(1000, 1060)))
    plain = LocalRecoding(KAnonymity(3), HIERARCHIES, identifiers=["note"]).fit_transform(data)
    assert list(plain.index) == list(range(60))
    assert list(plain.columns) == [name for name in data.columns if name != "note"]
    mixed = LocalRecoding(KAnonymity(3), HIERARCHIES, identifiers=["note"], shuffle=1).fit_transform(data)
    assert not mixed["pay"].equals(plain["pay"])
    assert sorted(mixed["pay"]) == sorted(plain["pay"])


OUTLIER = pl.DataFrame({"age": [30] * 5 + [31] * 5 + [79], "sex": ["f"] * 11, "job": ["nurse"] * 11})


def test_leftovers_are_merged_or_suppressed_as_asked():
    merging = LocalRecoding(KAnonymity(5), HIERARCHIES)
    out = merging.fit_transform(OUTLIER)
    assert (merging.release.merged, merging.release.suppressed) == (1, 0)
    assert out["age"].to_list()[-1] == "*"
    suppressing = LocalRecoding(KAnonymity(5), HIERARCHIES, suppression_limit=0.1, leftovers="suppress")
    out = suppressing.fit_transform(OUTLIER)
    assert (suppressing.release.merged, suppressing.release.suppressed) == (0, 1)
    assert out.row(-1) == ("*", "*", "*")
    assert out["age"].to_list()[:10] == ["30"] * 5 + ["31"] * 5
    dropping = LocalRecoding(
        KAnonymity(5), HIERARCHIES, suppression_limit=0.1, leftovers="suppress", suppressed_rows="drop"
    )
    assert dropping.fit_transform(OUTLIER).height == 10


def test_strict_suppression_makes_the_suppressed_a_class():
    strict = Treatment(suppressed="class")
    with pytest.raises(ModelError, match="cannot hold"):
        GlobalRecoding(
            KAnonymity(5), {"age": Ordered(("30", "31", "79"), 4)}, suppression_limit=0.1, treatment=strict
        ).fit_transform(OUTLIER.with_columns(age=pl.Series(["30"] * 2 + ["31"] * 8 + ["79"])).head(4))
    loose = GlobalRecoding(KAnonymity(5), HIERARCHIES, suppression_limit=0.1)
    tight = GlobalRecoding(KAnonymity(5), HIERARCHIES, suppression_limit=0.1, treatment=strict)
    loose.fit_transform(OUTLIER)
    tight.fit_transform(OUTLIER)
    assert (loose.release.suppressed, tight.release.suppressed) == (1, 0)


def test_missing_values_are_a_category_of_their_own():
    data = pl.DataFrame({"age": [30, 30, None, None, 31], "sex": ["f", "f", None, None, "f"]})
    out = LocalRecoding(KAnonymity(2), {"age": Intervals(5), "sex": Automatic()}).fit_transform(data)
    assert KAnonymity(2).check(out, ["age", "sex"])
    assert out.row(2) == (None, None)
    assert out["age"].to_list()[4] == "30-34"


def test_constant_columns_one_row_and_one_value():
    one = pl.DataFrame({"age": [44], "sex": ["f"], "job": ["nurse"]})
    for method in METHODS:
        assert method(KAnonymity(1), HIERARCHIES).fit_transform(one).row(0) == ("44", "f", "nurse")
        constant = pl.concat([one] * 5)
        assert method(KAnonymity(5), HIERARCHIES).fit_transform(constant).row(0) == ("44", "f", "nurse")


@pytest.mark.parametrize("method", METHODS)
def test_impossible_models_say_which_and_why(method):
    with pytest.raises(ModelError, match=r"KAnonymity\(k=301\).*300 records"):
        method(KAnonymity(301), HIERARCHIES).fit_transform(people())
    with pytest.raises(ModelError, match=r"DistinctLDiversity\(l=6.*figure 5"):
        method([KAnonymity(2), DistinctLDiversity(6, "dx")], HIERARCHIES).fit_transform(people())
    with pytest.raises(ModelError, match="EpsilonM"):
        method(EpsilonM(10_000, 2, "pay"), HIERARCHIES).fit_transform(people(60))


def test_wrong_calls_are_refused():
    data = people(20)
    with pytest.raises(HierarchyError, match="'note' has no hierarchy"):
        LocalRecoding(KAnonymity(2), HIERARCHIES, quasi=["age", "note"]).fit_transform(data)
    with pytest.raises(HierarchyError, match="column 'sex': value 'm' of the table is missing"):
        LocalRecoding(KAnonymity(2), {"sex": Hierarchy([["f", "*"]], "sex")}).fit_transform(data)
    with pytest.raises(TableError, match="'dx' is both quasi and sensitive"):
        LocalRecoding(DistinctLDiversity(2, "dx"), {"dx": Automatic()}, quasi=["dx"])
    with pytest.raises(TableError, match="no quasi-identifiers"):
        LocalRecoding(KAnonymity(2), {}).fit_transform(data)
    with pytest.raises(TableError, match="no rows"):
        LocalRecoding(KAnonymity(2), HIERARCHIES).fit_transform(data.head(0))
    with pytest.raises(TableError, match="'city' has a hierarchy but is not"):
        LocalRecoding(KAnonymity(2), {**HIERARCHIES, "city": Automatic()}, quasi=QUASI).fit_transform(data)
    with pytest.raises(TableError, match="suppression_limit"):
        LocalRecoding(KAnonymity(2), HIERARCHIES, suppression_limit=5)
    with pytest.raises(ModelError, match="at least one model"):
        LocalRecoding([], HIERARCHIES)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("models", [MODELS[0], MODELS[3], MODELS[5]], ids=str)
def test_a_table_grouped_elsewhere_gives_the_same_labels(method, models):
    data = people(400, seed=9)
    keys = [*QUASI, "dx"]
    grouped = data.group_by(keys).agg(pl.len().alias("records")).sort(keys, descending=True)
    whole = method(models, HIERARCHIES, suppression_limit=0.2)
    parts = method(models, HIERARCHIES, suppression_limit=0.2)
    labels = parts.fit_transform(grouped, weight="records")
    renamed = labels.select(pl.col(name).alias(f"{name}-out") for name in QUASI)
    joined = data.join(pl.concat([grouped, renamed], how="horizontal"), keys, maintain_order="left")
    out = whole.fit_transform(data)
    assert joined.select(pl.col(f"{name}-out").alias(name) for name in QUASI).equals(out.select(QUASI))
    assert parts.release == whole.release


def test_weights_are_whole_numbers():
    with pytest.raises(TableError, match="'records' must hold whole numbers, 1 or more"):
        LocalRecoding(KAnonymity(2), HIERARCHIES).fit_transform(
            people(9).with_columns(records=pl.Series([1] * 8 + [0])), weight="records"
        )


SPARK = """
import json, sys
from pyspark.sql import SparkSession
session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
keys = ["age", "sex", "job", "dx"]
counted = session.read.csv(sys.argv[1], header=True).groupBy(*keys).count().collect()
print(json.dumps([row.asDict() for row in counted]))
session.stop()
"""


@pytest.mark.skipif(not (find_spec("pyspark") and shutil.which("java")), reason="needs pyspark and Java")
def test_grouping_in_spark_gives_the_same_release(tmp_path):
    data = people(200, seed=3)
    data.write_csv(tmp_path / "people.csv")
    command = [sys.executable, "-c", SPARK, str(tmp_path / "people.csv")]
    grouped = subprocess.run(command, capture_output=True, check=True, cwd=tmp_path).stdout
    models = [KAnonymity(4), EntropyLDiversity(2, "dx")]
    here, there = LocalRecoding(models, HIERARCHIES), LocalRecoding(models, HIERARCHIES)
    here.fit_transform(data)
    there.fit_transform(pl.DataFrame(json.loads(grouped)), weight="count")
    assert here.release == there.release


def test_the_example_of_the_docs_runs():
    text = (Path(__file__).parents[1] / "docs" / "tables.md").read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, "docs/tables.md", "exec"), {})
