"""kill -9 at random moments, and resume: nothing lost, doubled, half-written or changed.

python benchmarks/batch_kills.py [--kills 50] [--notes 4000] [--workers 2] [--form jsonl|files|csv] [--seed 1]

A run of the command line is killed (the main process; every third time a worker) and resumed until it ends;
then another begins, until so many kills were made. Each output is compared with that of a run in peace.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from batch_parts import KEY, small_notes, write_rows

from nlp_deid.batch.manifest import folder_for, is_unfinished

RULES = """
rules:
  - id: kills.name
    why: invented names of this demonstration
    label: PATIENT
    score: 0.95
    pattern: '\\bZq[a-z]+'
    match: ['Seen [[Zqada]]']
    no_match: ['zq']
  - id: kills.number
    why: invented numbers
    label: MEDICALRECORD
    score: 0.95
    pattern: '\\b\\d{9}\\b'
    match: ['MRN [[004817721]]']
    no_match: ['123']
"""
CONFIG = {"detectors": [{"use": "rules", "shipped": False}], "echo": "echo", "policy": "consistent_tags"}


@dataclass
class Trial:
    """A folder with notes, a small pipeline and a key, and what was found."""

    root: Path
    form: str
    workers: int
    kills: int = 0
    of_workers: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)

    def prepare(self, count: int) -> None:
        """Write what a run needs."""
        (self.root / "rules").mkdir(parents=True)
        (self.root / "rules/kills.yaml").write_text(RULES)
        CONFIG["detectors"][0]["folders"] = [str(self.root / "rules")]  # type: ignore[index]
        (self.root / "config.yaml").write_text(json.dumps(CONFIG))
        key = self.root / "key"
        key.write_text(KEY.hex())
        key.chmod(0o600)
        rows = list(small_notes(count, max(1, count // 12)))
        random.Random(3).shuffle(rows)
        if self.form == "csv":
            with self.source.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            write_rows(self.source, iter(rows))

    @property
    def source(self) -> Path:
        """The notes."""
        return self.root / ("in.csv" if self.form == "csv" else "in.jsonl")

    def out(self, name: str) -> Path:
        """An output of the form on trial."""
        return self.root / {"files": name, "csv": f"{name}.csv", "jsonl": f"{name}.jsonl"}[self.form]

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """A run in a process of its own, resumed if it was begun."""
        self.runs += 1
        command = [sys.executable, "-c", "from nlp_deid.cli import main; main()", "scrub", self.source]
        command += [self.out(name), "--pipeline", self.root / "config.yaml", "--key-file", self.root / "key"]
        command += ["--workers", str(self.workers), "--resume"]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, run: subprocess.Popen[bytes]) -> None:
        """Wait for a run that nobody disturbs."""
        _, said = run.communicate()
        if run.returncode != 0:
            self.faults.append(f"exit code {run.returncode}: {said.decode()[-300:]}")

    def disturb(self, name: str, draw: random.Random, seconds: float, most: int) -> None:
        """Kill and resume one output until it is whole or so many kills were made."""
        while self.kills < most:
            if self.is_whole(name):  # killed between its last step and its end
                return
            run = self.start(name)
            time.sleep(draw.uniform(0.0, seconds))
            if run.poll() is not None:
                self.finish(run)
                return
            workers = [pid for pid in children(run.pid) if "spawn_main" in command_of(pid)]
            if self.kills % 3 == 2 and workers:
                os.kill(draw.choice(workers), signal.SIGKILL)
                self.kills += 1
                self.of_workers += 1
                self.finish(run)
                return
            run.kill()
            run.communicate()
            self.kills += 1
            self.finish_orphans(workers)
        if not self.is_whole(name):
            self.finish(self.start(name))

    def is_whole(self, name: str) -> bool:
        """Whether an output is there and its run has let go of it."""
        out = self.out(name)
        return out.exists() and not is_unfinished(folder_for(out, self.form == "files"))

    def finish_orphans(self, pids: list[int]) -> None:
        """Workers whose parent is gone must end by themselves."""
        end = time.monotonic() + 60
        while any("spawn_main" in command_of(pid) for pid in pids):
            if time.monotonic() > end:
                self.faults.append("a worker outlived its parent by a minute")
                return
            time.sleep(0.05)


def children(of: int) -> Iterator[int]:
    """The processes that a process started."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rpartition(")")[2].split()[1]) == of:
                yield int(path.parent.name)
        except OSError:
            continue


def command_of(pid: int) -> str:
    """The command line of a process; empty once it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def content(path: Path) -> dict[str, str]:
    """Every file of an output, hidden ones too, and its hash."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {
        str(file.relative_to(path)): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)
    }


def demonstrate(root: Path, kills: int, notes: int, workers: int, form: str, seed: int) -> Trial:
    """All of it; the faults found are in the result."""
    trial = Trial(root, form, workers)
    trial.prepare(notes)
    began = time.monotonic()
    trial.finish(trial.start("peace"))
    seconds = time.monotonic() - began
    wanted = content(trial.out("peace"))
    draw = random.Random(seed)
    outputs = 0
    while trial.kills < kills and not trial.faults:
        outputs += 1
        name = f"out{outputs}"
        trial.disturb(name, draw, seconds, kills)
        if content(trial.out(name)) != wanted:
            trial.faults.append(f"{name} differs from the run in peace")
        if left := [path.name for path in root.iterdir() if path.name.startswith(".")]:
            trial.faults.append(f"left behind: {left}")
    return trial


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--notes", type=int, default=4000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--form", choices=("jsonl", "files", "csv"), default="jsonl")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trial = demonstrate(
            Path(folder) / "trial", args.kills, args.notes, args.workers, args.form, args.seed
        )
    print(
        f"{args.form}: {args.notes} notes, {trial.runs} runs, {trial.kills} kills"
        f" ({trial.of_workers} of workers): {len(trial.faults)} faults"
    )
    for fault in trial.faults:
        print(fault)
    raise SystemExit(bool(trial.faults))


if __name__ == "__main__":
    main()
