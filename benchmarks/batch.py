"""Throughput, memory and sameness of a batch of many notes.

python benchmarks/batch.py --data NOTES.jsonl [--notes 100000] [--workers 1 2 4] [--lines 2] [--pipeline NAME]

Notes are made of random lines of the given ones. Each run is a process of its own with another
PYTHONHASHSEED, order of the input and size of batches; every output must have the same rows. On a machine
with other work, go by the speed-up in processor time: what one worker's share of it allows on free cores.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from batch_parts import KEY, made_notes, write_rows

from nlp_deid.batch import Limits, Processes, Recipe, Watch, scrub
from nlp_deid.pipeline import DEFAULT_PIPELINE
from nlp_deid.sources import open_source

_SAMPLE = 2_000  # notes between two looks at the memory


def memory(pid: int) -> int:
    """Resident kilobytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def one(source: Path, out: Path, workers: int, batch: int, pipeline: str, policy: str) -> None:
    """One run; prints its figures as JSON."""
    samples: list[tuple[int, int]] = []
    done = 0

    def look() -> None:
        nonlocal done
        done += 1
        if done % _SAMPLE == 0:
            pids = [os.getpid(), *(worker.process.pid for worker in pool._workers)]
            samples.append((done, sum(memory(pid) for pid in pids if pid)))

    with Processes(Recipe(pipeline, policy, key=KEY), workers, Limits(), batch=batch) as pool:
        pool.ready()
        began = time.monotonic()
        summary = scrub(pool, open_source(source), out, watch=Watch(after_note=look))
        seconds = time.monotonic() - began
    own, theirs = (
        sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    rows = sorted(out.read_bytes().splitlines())
    figures = {
        "workers": workers,
        "notes": summary.written,
        "quarantined": len(summary.failures),
        "characters": summary.characters,
        "seconds": seconds,
        "cpu_parent": own,
        "cpu_workers": theirs,
        "slope_kb_per_10000": slope(samples),
        "peak_mb": max((size for _, size in samples), default=0) / 1024,
        "hash": hashlib.sha256(b"\n".join(rows)).hexdigest(),
    }
    sys.stdout.write(json.dumps(figures))


def slope(samples: list[tuple[int, int]]) -> float:
    """Kilobytes for 10,000 notes, by least squares over the second half of the run."""
    late = samples[len(samples) // 2 :]
    if len(late) < 2:
        return float("nan")
    mean_x = sum(x for x, _ in late) / len(late)
    mean_y = sum(y for _, y in late) / len(late)
    spread = sum((x - mean_x) ** 2 for x, _ in late)
    return 10_000 * sum((x - mean_x) * (y - mean_y) for x, y in late) / spread


def main() -> None:
    """Make the notes, run each number of workers, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--notes", type=int, default=100_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--lines", type=int, default=2, help="of a note")
    parser.add_argument("--pipeline", default=DEFAULT_PIPELINE)
    parser.add_argument("--policy", default="tag")
    parser.add_argument("--one", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        source, out, workers, batch = args.one
        one(Path(source), Path(out), int(workers), int(batch), args.pipeline, args.policy)
        return
    texts = [json.loads(line)["text"] for line in args.data.read_text(encoding="utf-8").splitlines()]
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        rows = list(made_notes(texts, args.notes, args.lines))
        for number, workers in enumerate(args.workers):
            random.Random(number).shuffle(rows)
            source = Path(folder) / f"in{number}.jsonl"
            write_rows(source, rows)
            command = [sys.executable, __file__, "--pipeline", args.pipeline, "--policy", args.policy]
            command += [
                "--one",
                str(source),
                f"{folder}/out{number}.jsonl",
                str(workers),
                str(32 + number),
            ]
            environment = {**os.environ, "PYTHONHASHSEED": str(number)}
            done = subprocess.run(command, capture_output=True, check=True, env=environment)
            runs.append(json.loads(done.stdout))
            told(runs[-1])
    first = runs[0]
    for found in runs[1:]:
        n = found["workers"]
        wall = first["seconds"] / found["seconds"]
        free = first["cpu_workers"] / max(
            found["cpu_workers"] / n, (found["cpu_workers"] + found["cpu_parent"]) / n, found["cpu_parent"]
        )
        print(f"{n} workers: {wall:.2f} x one on the clock, {free:.2f} x by processor time on {n} cores")
    print("one hash" if len({found["hash"] for found in runs}) == 1 else "THE OUTPUTS DIFFER")


def told(found: dict[str, float]) -> None:
    """Print one run."""
    cpu = found["cpu_parent"] + found["cpu_workers"]
    print(
        f"{found['workers']} workers: {found['notes']} notes, {found['characters'] / 1e6:.1f} MB,"
        f" {found['seconds']:.0f} s; {found['notes'] / found['seconds']:.0f} notes/s on the clock,"
        f" {found['notes'] / cpu:.0f} notes and {found['characters'] / 1e6 / cpu:.3f} MB a CPU-s;"
        f" parent {1e3 * found['cpu_parent'] / found['notes']:.2f} CPU-ms a note;"
        f" peak {found['peak_mb']:.0f} MB, slope {found['slope_kb_per_10000'] / 1024:.2f} MB per 10,000 notes",
        flush=True,
    )


if __name__ == "__main__":
    main()
