"""spark.py: the same bytes as batch/, quarantine as a column, other columns as they were.

Spark speaks to its own Java process over the loopback network, which tests may not use: the checks run
in a Python process of their own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

KEY = bytes((37 * n + n * n) % 256 for n in range(64))
CHECKS = (
    "equal_to_batch",
    "bad_rows_are_told",
    "several_texts",
    "wrong_columns",
    "wrong_settings",
    "settings_of_a_cluster",
    "a_killed_worker",
)
NAMES = ("Odile Vantongeren", "Kwabena Ostrowski", "Ingrid Fairweather", "Tobias Quillfeather")


def rows() -> list[dict[str, Any]]:
    """Notes of patients whose rows lie apart, and notes of nobody."""
    return [
        {
            "id": f"n{n}",
            "patient": f"p{n % 7}" if n % 5 else None,
            "ward": n if n % 3 else None,
            "text": f"Patient: {NAMES[n % 4]}\nSeen on {n % 12 + 1}/4/2019 by Dr. {NAMES[(n + 1) % 4]}. MRN: 00{481_000 + n}",
        }
        for n in range(60)
    ]


def frame(
    spark: Any, data: list[dict[str, Any]], schema: str = "id string, patient string, ward int, text string"
) -> Any:
    return spark.createDataFrame([tuple(row.values()) for row in data], schema)


def equal_to_batch(spark: Any, folder: Path) -> None:
    from nlp_deid import batch
    from nlp_deid.sources import open_source
    from nlp_deid.spark import scrub

    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    recipe = batch.Recipe("rules", "surrogate", key=KEY)
    with batch.Processes(recipe, 1, batch.Limits()) as pool:
        batch.scrub(pool, open_source(folder / "in.jsonl"), folder / "out.jsonl")
    wanted = {row["id"]: row for row in map(json.loads, (folder / "out.jsonl").read_text().splitlines())}
    for partitions in (1, 5):
        data = frame(spark, rows()[::-1])
        found = scrub(data, key=KEY, pipeline="rules", policy="surrogate", partitions=partitions).collect()
        assert {
            row["id"]: {k: v for k, v in row.asDict().items() if k != "quarantine"} for row in found
        } == wanted
        assert {row["quarantine"] for row in found} == {None}
    key_file = folder / "key"
    key_file.write_text(KEY.hex())
    key_file.chmod(0o600)
    found = scrub(
        frame(spark, rows()), key_file=key_file, pipeline="rules", policy="surrogate", partitions=2
    ).collect()
    assert {row["id"]: row["text"] for row in found} == {row: wanted[row]["text"] for row in wanted}


def bad_rows_are_told(spark: Any, folder: Path) -> None:
    from nlp_deid.spark import scrub

    good = rows()[1]
    bad = [
        {**good, "id": None},
        {**good, "id": "twice"},
        {**good, "id": "twice"},
        {**good, "id": "nothing", "text": None},
        {**good, "id": "alone", "patient": " "},
        {**good, "id": "alone", "patient": None},
        good,
    ]
    found = scrub(frame(spark, bad), pipeline="rules", policy="tag", partitions=2).collect()
    told = sorted((str(row["id"]), str(row["quarantine"]), row["text"] is None) for row in found)
    assert told == [
        ("None", "read: format", True),
        ("alone", "read: duplicate_id", True),
        ("alone", "read: duplicate_id", True),
        ("n1", "None", False),
        ("nothing", "None", True),
        ("twice", "read: duplicate_id", True),
        ("twice", "read: duplicate_id", True),
    ]
    assert not any(name in str(found) for name in ("Vantongeren", "Ostrowski"))


def several_texts(spark: Any, folder: Path) -> None:
    from nlp_deid.spark import scrub

    data = frame(spark, [{"who": 7, "a": "Dr. Ada Quill rang.", "b": None}], "who long, a string, b string")
    [row] = scrub(data, text=["a", "b"], id="who", pipeline="rules").collect()
    assert row.asDict() == {"who": 7, "a": "Dr. [DOCTOR] rang.", "b": None, "quarantine": None}


def wrong_columns(spark: Any, folder: Path) -> None:
    from nlp_deid.entries import SourceError
    from nlp_deid.spark import scrub

    data = frame(spark, rows())
    for wrong in ({"text": "note"}, {"id": "row"}, {"text": "ward"}, {"key": KEY, "key_file": "k"}):
        with pytest.raises(SourceError):
            scrub(data, **wrong)


def wrong_settings(spark: Any, folder: Path) -> None:
    """Told at the call, not by a worker."""
    from nlp_deid.spark import scrub

    data = frame(spark, rows())
    for wrong, said in (
        ({"pipeline": "nope"}, "no pipeline 'nope'"),
        ({"pipeline": "hybrid:nope"}, "unknown operating point 'nope'"),
        ({"policy": "nope"}, "no policy 'nope'"),
        ({"dictionaries": folder / "nope"}, "index.yaml: missing"),
        ({"surrogates": {"nope": 1}}, "surrogates: "),
        ({"surrogates": {"consistency": "nope"}}, "unknown consistency 'nope'"),
        ({"key": b"short"}, "key"),
        ({"key_file": str(folder / "271828")}, "key_file cannot be read on .* on every executor"),
    ):
        with pytest.raises(ValueError, match=said) as caught:
            scrub(data, **wrong)
        assert "271828" not in str(caught.value)


def settings_of_a_cluster(spark: Any, folder: Path) -> None:
    """What may be on executors only is left to them; names are not."""
    from nlp_deid.entries import Columns
    from nlp_deid.replace.keys import KeyFault
    from nlp_deid.spark import Limits, Recipe, _check_settings, _Job, _pool

    def check(key_file: str | None = None, **settings: Any) -> None:
        _check_settings(_Job(Recipe(**settings), Columns(), Limits(), key_file, 1), is_local=False)

    check("/etc/nope", pipeline="/opt/nope", policy="nope.yaml", dictionaries="/opt/nope")
    check(pipeline="./nope", dictionaries="nope")
    (folder / "here").mkdir()
    for wrong in ({"pipeline": "nope"}, {"policy": "nope"}, {"dictionaries": folder / "here"}):
        with pytest.raises(ValueError, match=r"no p|missing"):
            check(**wrong)
    with pytest.raises(KeyFault, match="key_file cannot be read on"):
        _pool(_Job(Recipe(), Columns(), Limits(), "/etc/nope", 1))


def children(of: int) -> Iterator[int]:
    """The processes below a process."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == of:
            yield int(path.parent.name)
            yield from children(int(path.parent.name))


def a_killed_worker(spark: Any, folder: Path) -> None:
    """Python workers of Spark, and ours beside them, are killed while they work."""
    from nlp_deid.spark import scrub

    data = frame(spark, rows())
    wanted = sorted(scrub(data, key=KEY, pipeline="rules", policy="surrogate", partitions=6).collect())
    killed: list[int] = []
    is_over = threading.Event()

    def kill() -> None:
        while not is_over.wait(0.4) and len(killed) < 3:
            java = next(iter(children(os.getpid())))
            pythons = [p for p in children(java) if b"pyspark" in Path(f"/proc/{p}/cmdline").read_bytes()]
            leaves = [p for p in pythons if not any(True for _ in children(p))]
            if leaves:
                os.kill(leaves[-1], signal.SIGKILL)
                killed.append(leaves[-1])

    hunter = threading.Thread(target=kill)
    hunter.start()
    try:
        for _ in range(20):
            assert (
                sorted(scrub(data, key=KEY, pipeline="rules", policy="surrogate", partitions=6).collect())
                == wanted
            )
            if killed:
                break
    finally:
        is_over.set()
        hunter.join()
    assert killed


def main() -> None:
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2,4]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    with tempfile.TemporaryDirectory() as folder:
        for name in CHECKS:
            began = time.monotonic()
            globals()[name](session, Path(folder))
            sys.stdout.write(f"{name} holds\n")
            sys.stderr.write(f"{name}: {time.monotonic() - began:.1f} s\n")
    session.stop()


@pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None, reason="needs Spark and Java"
)
def test_spark_and_batch_agree() -> None:
    done = subprocess.run(
        [sys.executable, __file__],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == [f"{name} holds" for name in CHECKS]
    assert "Vantongeren" not in done.stderr


if __name__ == "__main__":
    main()
