"""dp/spark_totals.py: the same totals and answers as in memory.

Spark speaks to its own Java process over the loopback network, which tests may not use: the checks run
in a Python process of their own.
"""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

CHECKS = ("totals_agree", "units_keep_their_rows", "answers_agree", "unusable_tables_are_refused")


def columns():
    rng = np.random.default_rng(1)
    return {
        "age": rng.integers(0, 95, 400),
        "bp": rng.normal(120, 15, 400),
        "sex": rng.choice(["f", "m"], 400),
        "who": np.array([f"p{i % 90}" for i in range(400)]),
    }


def totals_agree(spark, data):
    from nlp_deid.dp.frame import Bins, Frame, Term
    from nlp_deid.dp.spark_totals import SparkTotals

    terms = [Term("bp", 100.0, 140.0, 120.0, 1), Term("bp", 100.0, 140.0, 120.0, 2), Term("age", 0.0, 90.0)]
    for by in ([], ["sex"], ["sex", Bins("age", (0, 18, 65, 90))]):
        assert SparkTotals(data).totals(by, terms) == Frame(columns()).totals(by, terms)


def units_keep_their_rows(spark, data):
    from nlp_deid.dp.spark_totals import SparkTotals

    counts = SparkTotals(data, "who", 3).totals(["who"], [])
    assert len(counts) == 90
    assert {rows for (rows,) in counts.values()} == {3}


def answers_agree(spark, data):
    from nlp_deid.dp import Budget, PrivacyError
    from nlp_deid.dp.frame import Frame
    from nlp_deid.dp.queries import Queries
    from nlp_deid.dp.spark_totals import SparkTotals

    def ask(table):
        return Queries(table, Budget(5.0), random.Random(1).randbytes)

    for call in (
        lambda q: q.count(0.5, ["sex"], [["f", "m", "x"]]),
        lambda q: q.variance("bp", 0.5, (100, 140)),
        lambda q: q.histogram("age", 0.5, [0, 40, 95]),
    ):
        assert call(ask(SparkTotals(data))) == call(ask(Frame(columns())))
    with pytest.raises(PrivacyError, match="memory"):
        ask(SparkTotals(data)).quantiles("age", [0.5], 0.5, (0, 90))


def unusable_tables_are_refused(spark, data):
    from nlp_deid.dp import PrivacyError
    from nlp_deid.dp.frame import Term
    from nlp_deid.dp.spark_totals import SparkTotals

    one = Term("x", 0.0, 1.0)
    for value, terms in (
        ("null", [one]),
        ("'nan'", [one]),
        ("1e300", [one]),
        ("1", [Term("g", 0.0, 1.0)]),
        ("1", [Term("none", 0.0, 1.0)]),
    ):
        table = spark.sql(f"select cast({value} as double) as x, 'a' as g")
        with pytest.raises(PrivacyError, match="column"):
            SparkTotals(table).totals([], terms)
    with pytest.raises(PrivacyError, match="empty"):
        SparkTotals(data.where("age < 0")).totals([], [])
    for unit, rows in (("nobody", 2), ("row", 2), ("who", 0)):
        with pytest.raises(PrivacyError):
            SparkTotals(data, unit, rows)


def main():
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[1]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    rows = zip(*(map(str, values.tolist()) for values in columns().values()), strict=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        path.write_text("\n".join(map(",".join, rows)), encoding="utf-8")
        data = session.read.csv(str(path), schema="age bigint, bp double, sex string, who string")
        for name in CHECKS:
            globals()[name](session, data)
            sys.stdout.write(f"{name} holds\n")
    session.stop()


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None, reason="needs Spark and Java"
)
def test_spark_gives_the_same_totals_and_answers():
    done = subprocess.run(
        [sys.executable, __file__],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [f"{name} holds" for name in CHECKS]


if __name__ == "__main__":
    main()
