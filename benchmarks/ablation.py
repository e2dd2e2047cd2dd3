"""Each published system alone, and what each block of the rules pipeline adds.

    python benchmarks/ablation.py --data NOTES.jsonl

Binary token measures: a token (`\\w+|\\S`) counts as PHI if any of its characters is.
"""

from __future__ import annotations

import argparse
import platform
from pathlib import Path

from nlp_deid.corpus import jsonl
from nlp_deid.deid import Deid
from nlp_deid.evaluate import evaluate
from nlp_deid.pipeline import load

SYSTEMS = ("scrub", "de_id", "neamatullah", "rules")


def without(block: str) -> Deid:
    """The rules pipeline without one block."""
    deid = load("rules")
    if block == "keep":
        deid.keep = []
    elif block == "echo":
        deid.echo = None
    else:
        deid.detectors = [detector for detector in deid.detectors if detector.name != block]
    return deid


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines with gold spans")
    args = parser.parse_args()
    notes = list(jsonl.read(args.data, labels=jsonl.FOLD))
    ignore = {note.id: jsonl.ignore_ranges(note) for note in notes}
    print(
        f"data {args.data.name}, {len(notes)} notes, Python {platform.python_version()}, {platform.machine()}"
    )
    print(f"{'system':26}{'P':>8}{'R':>8}{'F1':>8}{'over-scrubbing':>16}")
    blocks = [detector.name for detector in load("rules").detectors] + ["keep", "echo"]
    cases = [(name, load(name)) for name in SYSTEMS]
    cases += [(f"rules without {block}", without(block)) for block in blocks]
    for name, deid in cases:
        report = evaluate(notes, {note.id: deid.detect(note) for note in notes}, ignore=ignore)
        score, over = report.binary_token.micro, report.over_scrubbing
        print(f"{name:26}{score.precision:8.3f}{score.recall:8.3f}{score.f1:8.3f}{over.value or 0:16.4f}")


if __name__ == "__main__":
    main()
