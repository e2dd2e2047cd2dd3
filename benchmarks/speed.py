"""Characters per CPU-second of one pipeline on one core, and how time grows with the note's length.

OMP_NUM_THREADS=1 python benchmarks/speed.py --data NOTES.jsonl [--pipeline rules] [--megabytes 10]
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path

from nlp_deid.note import Note
from nlp_deid.pipeline import load


def speed(texts: list[str], work: Callable[[], object]) -> float:
    """Characters a CPU-second of work on all texts, once it is warm."""
    work()
    characters, start = 0, time.process_time()
    while time.process_time() - start < 5:
        work()
        characters += sum(map(len, texts))
    return characters / (time.process_time() - start)


def main() -> None:
    """Print load time, speed over the notes, speed over growing notes, peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--pipeline", default="rules")
    parser.add_argument("--policy", default="tag")
    parser.add_argument("--megabytes", type=float, default=10.0, help="length of the longest made-up note")
    args = parser.parse_args()
    texts = [json.loads(line)["text"] for line in args.data.read_text(encoding="utf-8").splitlines()]
    start = time.process_time()
    deid = load(args.pipeline, args.policy)
    deid(texts[0])
    print(
        f"pipeline {args.pipeline}, data {args.data.name}, Python {platform.python_version()}, {platform.machine()}"
    )
    print(f"load and first note: {time.process_time() - start:.2f} CPU-s")
    print(f"notes one by one: {speed(texts, lambda: [deid(text) for text in texts]):,.0f} characters/CPU-s")
    print(f"notes batched:    {speed(texts, lambda: list(deid.pipe(texts))):,.0f} characters/CPU-s")
    joined = "\n\n".join(texts)
    size = 100_000
    while size <= args.megabytes * 1e6:
        text = (joined * (size // len(joined) + 1))[:size]
        start = time.process_time()
        deid.detect(Note(text))
        spent = time.process_time() - start
        print(f"one note of {size / 1e6:5.1f} MB: {spent:7.2f} CPU-s, {size / spent:,.0f} characters/CPU-s")
        size *= 10
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
