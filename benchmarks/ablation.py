"""Each published system alone, each part of a pipeline alone, and what each part adds.

    python benchmarks/ablation.py --data NOTES.jsonl [--pipeline rules]

Binary token measures: a token (`\\w+|\\S`) counts as PHI if any of its characters is.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Iterator
from copy import copy
from pathlib import Path

from nlp_deid.corpus import jsonl
from nlp_deid.deid import Deid
from nlp_deid.evaluate import evaluate
from nlp_deid.pipeline import DEFAULT_PIPELINE, load

SYSTEMS = ("scrub", "de_id", "neamatullah", "rules")


def cases(pipeline: str) -> Iterator[tuple[str, Deid]]:
    """The systems, the pipeline, its detectors alone, and the pipeline without each of its parts."""
    for name in SYSTEMS:
        yield name, load(name)
    deid = load(pipeline)
    if pipeline not in SYSTEMS:
        yield pipeline, deid
    for part in deid.detectors:
        alone = copy(deid)
        alone.detectors, alone.keep, alone.echo = [part], [], None
        yield f"{part.name} alone", alone
    for part in deid.detectors:
        rest = copy(deid)
        rest.detectors = [other for other in deid.detectors if other is not part]
        yield f"{pipeline} without {part.name}", rest
    for name, value in (("keep", []), ("echo", None)):
        rest = copy(deid)
        setattr(rest, name, value)
        yield f"{pipeline} without {name}", rest


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines with gold spans")
    parser.add_argument("--pipeline", default=DEFAULT_PIPELINE)
    args = parser.parse_args()
    notes = list(jsonl.read(args.data, labels=jsonl.FOLD))
    ignore = {note.id: jsonl.ignore_ranges(note) for note in notes}
    print(
        f"data {args.data.name}, {len(notes)} notes, Python {platform.python_version()}, {platform.machine()}"
    )
    print(f"{'system':32}{'P':>8}{'R':>8}{'F1':>8}{'over-scrubbing':>16}")
    for name, deid in cases(args.pipeline):
        report = evaluate(notes, {note.id: deid.detect(note) for note in notes}, ignore=ignore)
        score, over = report.binary_token.micro, report.over_scrubbing
        print(
            f"{name:32}{score.precision:8.3f}{score.recall:8.3f}{score.f1:8.3f}{over.value or 0:16.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
