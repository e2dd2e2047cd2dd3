"""Accuracy and speed of a pipeline on a labelled corpus.

    python benchmarks/accuracy.py --data NOTES.jsonl [--pipeline rules] [--json]

Prints figures only, never text. Labels of finer grain (DATE_YEAR ...) are folded; ranges under "ignore"
are not scored.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlp_deid.corpus import formats
from nlp_deid.corpus.jsonl import FOLD, ignore_ranges
from nlp_deid.evaluate import Interval, Report, evaluate
from nlp_deid.note import Note
from nlp_deid.pipeline import load
from nlp_deid.scoring import Score, Share


def machine() -> str:
    """Processor, system and Python, in one line."""
    system = platform.uname()
    processor = platform.processor() or system.machine
    return f"{processor}, {system.system} {system.release}, Python {platform.python_version()}"


def run(notes: Sequence[Note], pipeline: str) -> tuple[Report, dict[str, float]]:
    """Detect in every note and score; seconds of CPU to load and to detect, characters a CPU-second."""
    begin = time.process_time()
    deid = load(pipeline)
    loaded = time.process_time()
    # The gold must not reach the detectors: they see text, patient and known values only.
    found = {note.id: deid.detect(Note(note.text, note.id, note.patient, note.known)) for note in notes}
    seconds = time.process_time() - loaded
    report = evaluate(notes, found, ignore={note.id: ignore_ranges(note) for note in notes})
    characters = sum(len(note.text) for note in notes)
    return report, {
        "load_cpu_seconds": loaded - begin,
        "detect_cpu_seconds": seconds,
        "characters_per_cpu_second": characters / max(seconds, 1e-9),
    }


def _score(score: Score) -> str:
    return f"P {score.precision:.4f}  R {score.recall:.4f}  F1 {score.f1:.4f}"


def _share(share: Share) -> str:
    return "-" if share.value is None else f"{share.value:.4f}  ({share.count} of {share.total})"


def _interval(interval: Interval) -> str:
    limits = "" if interval.low is None else f"  95% [{interval.low:.4f}, {interval.high:.4f}]"
    return _share(interval.share) + limits


def lines(report: Report, speed: dict[str, float]) -> list[str]:
    """The report as a person reads it."""
    binary = report.binary_token
    return [
        f"notes                                {report.notes} ({report.notes_with_phi} hold PHI)",
        f"binary token, micro                  {_score(binary.micro)}",
        f"token typed, micro                   {_score(report.token.micro)}",
        f"strict span typed, micro             {_score(report.strict.micro)}",
        f"strict span untyped, micro           {_score(report.strict_untyped.micro)}",
        f"redact (gold characters covered)     {_interval(report.redact)}",
        f"redact-full (all notes)              {_interval(report.redact_full)}",
        f"redact-full (notes that hold PHI)    {_interval(report.redact_full_phi)}",
        f"over-scrubbing (non-PHI characters)  {_share(report.over_scrubbing)}",
        f"characters per CPU-second            {speed['characters_per_cpu_second']:,.0f}",
        "binary token recall by category",
        *(f"  {name:<16} {_share(share)}" for name, share in sorted(binary.recall_by_category.items())),
        "binary token recall by label",
        *(f"  {name:<16} {_share(share)}" for name, share in sorted(binary.recall_by_label.items())),
    ]


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description="Accuracy and speed of a pipeline on a labelled corpus.")
    parser.add_argument(
        "--data", type=Path, required=True, help="labelled notes, any format of the corpus reader"
    )
    parser.add_argument("--pipeline", default="rules")
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    arguments = parser.parse_args()
    notes = list(formats.read(arguments.data, labels=FOLD))
    report, speed = run(notes, arguments.pipeline)
    about: dict[str, Any] = {
        "pipeline": arguments.pipeline,
        "data": "/".join(arguments.data.parts[-2:]),
        "machine": machine(),
    }
    if arguments.json:
        print(json.dumps({**about, **speed, **report.to_dict()}, indent=1))
        return
    print("\n".join([*(f"{name:<36} {value}" for name, value in about.items()), *lines(report, speed)]))


if __name__ == "__main__":
    main()
