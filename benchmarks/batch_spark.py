"""Spark on two cores against a batch with two workers: the same texts, killed or not, and at what cost.

python benchmarks/batch_spark.py --data NOTES.jsonl [--notes 20000] [--pipeline NAME] [--policy surrogate]
    [--lines 2] [--no-kill]

Three runs over the same notes, each in a process of its own: `batch.scrub` from JSON Lines with two workers;
`spark.scrub` from Parquet to Parquet on local[2] (a failed task is tried again, as on a cluster); and that
with a Python worker of Spark killed (-9) in mid-run. Ids, texts and reasons of quarantine must be equal.

A run starts by scrubbing a few of the notes, so that everything is loaded (before that Spark makes its
session); then come all notes. Each part is told, in seconds on the clock and of processor. The latter are
those of the run's process and of all below it (Java, Python workers, pipelines), dead ones too, from /proc;
except those of a Python worker that Spark itself ends because it has idled a minute. The interpreter's own
start and the end of the session are in none. On a machine with other work, go by the processor.
Needs Linux, Java and nlp-deid[spark].
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from batch_parts import KEY, made_notes, write_rows

from nlp_deid.batch import Limits, Processes, Recipe, scrub
from nlp_deid.pipeline import DEFAULT_PIPELINE
from nlp_deid.replace.keys import read_key
from nlp_deid.sources import open_source

_FEW = 40  # notes to start with
_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_TICK = 1 / os.sysconf("SC_CLK_TCK")
_ROLES = {"java": "Java", "pyspark": "Python of Spark", "spawn_main": "pipelines"}

_UNITS = ("clock", "processor")

Row = tuple[str, str | None, str | None]  # id, text, "stage: reason"
Parts = dict[str, dict[str, float]]  # part of a run, then unit or role


@dataclass(frozen=True)
class Process:
    """What /proc says of a process: its parent, its role, and processor seconds with the dead ones it had."""

    pid: int
    parent: int
    role: str
    own: float
    seconds: float


def below() -> Iterator[Process]:
    """This process and all below it, dead ones that nobody waited for too."""
    everyone = {found.pid: found for path in Path("/proc").glob("[0-9]*") for found in seen(path)}
    for found in everyone.values():
        line = found
        while line.pid != os.getpid() and line.parent in everyone:
            line = everyone[line.parent]
        if line.pid == os.getpid():
            yield found


def seen(path: Path) -> list[Process]:
    """The process of a folder in /proc, or nothing if it is gone."""
    try:
        stat = (path / "stat").read_text().rpartition(")")[2].split()
        command = (path / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return []
    role = next((role for word, role in _ROLES.items() if word in command), "the rest" if command else "dead")
    own, dead = sum(map(int, stat[11:13])), sum(map(int, stat[13:15]))
    return [Process(int(path.name), int(stat[1]), role, own * _TICK, (own + dead) * _TICK)]


@dataclass
class Meter:
    """The clock and the processor, part by part."""

    parts: Parts = field(default_factory=dict)
    killed: dict[str, float] = field(default_factory=dict)  # seconds of those whose parent forgets them

    def __post_init__(self) -> None:
        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
        self._clock, self._used = time.monotonic(), self._by_role()

    def _by_role(self) -> dict[str, float]:
        used = defaultdict(float, self.killed)
        for process in below():
            used[process.role] += process.seconds
        return used

    def end(self, part: str) -> None:
        """A part is over; the next begins."""
        clock, used = time.monotonic(), self._by_role()
        roles = {role: used[role] - self._used.get(role, 0.0) for role in used}
        self.parts[part] = {"clock": clock - self._clock, "processor": sum(roles.values()), **roles}
        self._clock, self._used = clock, used


@dataclass
class Killer:
    """Kills one Python worker of Spark after so many seconds."""

    meter: Meter
    seconds: float
    has_killed: bool = False

    def during(self, work: Callable[[], None]) -> None:
        """Do the work; the killer waits beside it."""
        is_over = threading.Event()
        thread = threading.Thread(target=self._wait, args=(is_over,))
        thread.start()
        try:
            work()
        finally:
            is_over.set()
            thread.join()

    def _wait(self, is_over: threading.Event) -> None:
        if is_over.wait(self.seconds):
            return
        pythons = {process.pid: process for process in below() if process.role == "Python of Spark"}
        worker = next(found for found in pythons.values() if found.parent in pythons)  # of the daemon
        os.kill(worker.pid, signal.SIGKILL)
        self.meter.killed[worker.role] = worker.own
        self.has_killed = True


def run_batch(root: Path, pipeline: str, policy: str) -> dict[str, Any]:
    """One run of `batch.scrub`; its figures."""
    meter = Meter()
    recipe = Recipe(pipeline, policy, key=read_key(root / "key"))
    with Processes(recipe, 2, Limits()) as pool:
        for worker in pool._workers:
            worker.connection.poll(None)  # both are loaded
        scrub(pool, open_source(root / "few.jsonl"), root / "few.out.jsonl")
        meter.end("load")
        summary = scrub(pool, open_source(root / "in.jsonl"), root / "batch.jsonl")
        meter.end("notes")
    rows = [{"id": bad.id, "quarantine": f"{bad.stage}: {bad.reason}"} for bad in summary.failures]
    write_rows(root / "batch.quarantine", rows)
    return {"parts": meter.parts}


def run_spark(root: Path, pipeline: str, policy: str, out: str, kill_after: list[str]) -> dict[str, Any]:
    """One run of `spark.scrub`; its figures."""
    from pyspark.sql import SparkSession

    from nlp_deid import spark

    meter = Meter()
    session = (
        SparkSession.builder.master("local[2,4]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.local.dir", str(root))
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .getOrCreate()
    )
    context = session.sparkContext
    context.setLogLevel("OFF")
    meter.end("session")

    def through(source: str, target: str, partitions: int | None = None) -> None:
        notes = session.read.parquet(str(root / source))
        clean = spark.scrub(
            notes, key_file=root / "key", pipeline=pipeline, policy=policy, partitions=partitions
        )
        clean.write.parquet(str(root / target))

    through("few.parquet", f"few.{out}", partitions=2)
    meter.end("load")
    context.setJobGroup("notes", "all notes")
    work = partial(through, "in.parquet", out)
    killer = Killer(meter, float(*kill_after))
    killer.during(work) if kill_after else work()
    meter.end("notes")
    tracker = context.statusTracker()
    jobs = [tracker.getJobInfo(job) for job in tracker.getJobIdsForGroup("notes")]
    stages = {stage: tracker.getStageInfo(stage) for job in jobs if job for stage in job.stageIds}
    failed = sum(stage.numFailedTasks for stage in stages.values() if stage)
    session.stop()
    return {"parts": meter.parts, "killed": killer.has_killed, "failed_tasks": failed}


def rows_of_batch(root: Path) -> list[Row]:
    """What the batch wrote and what it did not."""
    lines = (root / "batch.jsonl").read_text(encoding="utf-8").splitlines()
    lines += (root / "batch.quarantine").read_text(encoding="utf-8").splitlines()
    rows = map(json.loads, lines)
    return sorted((row["id"], row.get("text"), row.get("quarantine")) for row in rows)


def rows_of_spark(folder: Path) -> list[Row]:
    """What Spark wrote."""
    rows = pyarrow.parquet.read_table(folder, columns=["id", "text", "quarantine"]).to_pylist()
    return sorted((row["id"], row["text"], row["quarantine"]) for row in rows)


def prepare(root: Path, rows: list[dict[str, Any]]) -> None:
    """The inputs and the key of all runs."""
    (root / "key").touch(mode=0o600)
    (root / "key").write_text(KEY.hex())
    for name, some in (("in", rows), ("few", rows[:_FEW])):
        write_rows(root / f"{name}.jsonl", some)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(some), root / f"{name}.parquet")


def told(name: str, parts: Parts) -> None:
    """Print one run."""
    for part, seconds in parts.items():
        roles = ", ".join(f"{role} {seconds[role]:.1f}" for role in sorted(seconds.keys() - set(_UNITS)))
        print(f"{name}, {part}: {seconds['clock']:.1f} s, processor {seconds['processor']:.1f} s ({roles})")


def compared(name: str, parts: Parts, base: Parts) -> None:
    """Print what a run took more than the batch."""

    def more(run: Parts, base: Parts) -> str:
        spent = {unit: [sum(part[unit] for part in of.values()) for of in (run, base)] for unit in _UNITS}
        return " and ".join(f"{mine / its - 1:+.1%} by the {unit}" for unit, (mine, its) in spent.items())

    steady = more({"notes": parts["notes"]}, {"notes": base["notes"]})
    print(f"{name} over batch: {steady}; with the start {more(parts, base)}", flush=True)


def check(root: Path, base: dict[str, Any], command: list[str], has_kill: bool) -> list[str]:
    """Run Spark in peace and with a kill, and print figures; says what is wrong."""
    wanted, faults = rows_of_batch(root), []
    bad = sum(reason is not None for _, _, reason in wanted)
    print(f"batch: {len(wanted) - bad} notes written, {bad} quarantined", flush=True)
    peace: dict[str, Any] | None = None
    for name in ("spark", "spark-killed") if has_kill else ("spark",):
        kill_after = [] if peace is None else [str(peace["parts"]["notes"]["clock"] / 2)]
        peace = found = one([*command, "--one", name, *kill_after])
        told(name, found["parts"])
        compared(name, found["parts"], base["parts"])
        is_equal = rows_of_spark(root / name) == wanted
        print(
            f"{name}: {found['failed_tasks']} tasks failed; {'equal' if is_equal else 'NOT EQUAL'} to batch"
        )
        if not is_equal:
            faults.append(f"{name}: not the rows of the batch")
        if kill_after and not (found["killed"] and found["failed_tasks"]):
            faults.append(f"{name}: no worker was killed at a task")
    return faults


def one(command: list[str]) -> dict[str, Any]:
    """The figures of a run in a process of its own."""
    environment = {**os.environ, "PYSPARK_PYTHON": sys.executable}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=environment)
    return dict(json.loads(done.stdout))


def main() -> None:
    """Make the notes, run each, compare; exit code 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--notes", type=int, default=20_000)
    parser.add_argument("--lines", type=int, default=2, help="of a note")
    parser.add_argument("--pipeline", default=DEFAULT_PIPELINE)
    parser.add_argument("--policy", default="surrogate")
    parser.add_argument("--kill", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        name, *kill_after = args.one
        run = run_batch if name == "batch" else partial(run_spark, out=name, kill_after=kill_after)
        sys.stdout.write(json.dumps(run(args.root, args.pipeline, args.policy)))
        return
    texts = [json.loads(line)["text"] for line in args.data.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root, list(made_notes(texts, args.notes, args.lines)))
        command = [sys.executable, __file__, "--root", folder, "--pipeline", args.pipeline]
        command += ["--policy", args.policy]
        base = one([*command, "--one", "batch"])
        told("batch", base["parts"])
        faults = check(root, base, command, args.kill)
    print("\n".join(faults) or "all equal")
    raise SystemExit(bool(faults))


if __name__ == "__main__":
    main()
