"""Faults in every stage of a batch: nothing goes out unscrubbed, and no note is lost.

python benchmarks/batch_faults.py [--faults 1000] [--seed 1]

A fault is a kind in a stage, at notes that draw it; each note read must be either written without its
identifiers or quarantined, and each faulty one must not be written.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from batch_parts import SECRET, Small, small_notes, write_rows

from nlp_deid.batch import scrub
from nlp_deid.note import Span
from nlp_deid.outputs import OutputError
from nlp_deid.sources import SourceError, open_source


def _raise(error: BaseException) -> Any:
    raise error


# What goes wrong; each gets the arguments of the call. Messages carry text on purpose.
KINDS: dict[str, Callable[..., Any]] = {
    "ValueError": lambda *a, **k: _raise(ValueError(str(a))),
    "TimeoutError": lambda *a, **k: _raise(TimeoutError(str(a))),
    "RecursionError": lambda *a, **k: _raise(RecursionError(str(a))),
    "MemoryError": lambda *a, **k: _raise(MemoryError()),
    "UnicodeError": lambda *a, **k: _raise(UnicodeDecodeError("utf-8", b"Zqada", 0, 1, str(a))),
    "OSError": lambda *a, **k: _raise(OSError(5, str(a))),
    "StopIteration": lambda *a, **k: _raise(StopIteration(str(a))),
    "None": lambda *a, **k: None,
    "a number": lambda *a, **k: 7,
    "wrong spans": lambda *a, **k: [Span(0, 10**9, "PATIENT")],
}
_ANSWERS = ("None", "a number", "wrong spans")
# Where: the dotted name that is replaced.
STAGES = {
    "read": "nlp_deid.batch.staged.read",
    "detect": "batch_parts.Finder.find",
    "echo seeds": "nlp_deid.detect.echo.Echo.seeds",
    "echo": "nlp_deid.detect.echo.Echo.find",
    "merge": "nlp_deid.merge.Merge.spans",
    "replace": "nlp_deid.replace.replacer.Replacer.replace_all",
    "answer": "nlp_deid.deid.Deid.together",
    "as a file": "nlp_deid.batch.staged.as_file",
    "as a row": "nlp_deid.batch.staged.write_down",
    "write": "nlp_deid.batch.staged.write_whole",
}


def resolve(name: str) -> tuple[Any, str]:
    """The owner and the attribute of a dotted name."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        owner = sys.modules.get(".".join(parts[:cut]))
        if owner is not None:
            for part in parts[cut:-1]:
                owner = getattr(owner, part)
            return owner, parts[-1]
    raise LookupError(name)


def inject(folder: Path, stage: str, kind: str, form: str, seed: int) -> tuple[int, Counter[str]]:
    """One batch with faults at random calls of a stage; how many faults there were, and what was found."""
    folder.mkdir()
    source = folder / "in.jsonl"
    write_rows(source, small_notes(12, 3))
    draw = random.Random(seed)
    owner, attribute = resolve(STAGES[stage])
    real = getattr(owner, attribute)
    faults = 0

    def faulty(*args: Any, **kwargs: Any) -> Any:
        nonlocal faults
        if draw.random() < 0.4 and not (attribute == "write_whole" and args[-1] is None):
            faults += 1
            return KINDS[kind](*args, **kwargs)
        return real(*args, **kwargs)

    found: Counter[str] = Counter()
    out = folder / ("out" if form == "files" else "out.jsonl")
    deid = Small().load()
    with patch.object(owner, attribute, faulty):
        try:
            summary = scrub(deid, open_source(source), out)
        except (OutputError, SourceError) as error:  # the run stops: nothing more goes out
            found["stopped"] += 1
            found["leaks"] += len(SECRET.findall(str(error)))
        except Exception as error:
            found["stopped by " + type(error).__name__] += 1
        else:
            found["lost"] += summary.read - summary.written - len(summary.failures)
            found["quarantined"] += len(summary.failures)
            found["written"] += summary.written
            there = len(list(out.glob("*.txt"))) if out.is_dir() else len(out.read_bytes().splitlines())
            found["lost"] += summary.written - there
    files = [out] if out.is_file() else [path for path in out.rglob("*") if path.is_file()]
    found["leaks"] += sum(len(SECRET.findall(path.read_text(errors="replace"))) for path in files)
    return faults, found


def demonstrate(root: Path, most: int, seed: int) -> tuple[int, Counter[str]]:
    """Batches over all stages, kinds and forms until so many faults were made."""
    faults, found, number = 0, Counter[str](), 0
    while faults < most:
        for stage in STAGES:
            for kind in KINDS:
                if stage == "write" and kind in _ANSWERS:  # nobody asks what a writer answers
                    continue
                form = "files" if number % 2 or stage == "as a file" else "jsonl"
                form = "jsonl" if stage == "as a row" else form
                number += 1
                made, told = inject(root / str(number), stage, kind, form, seed + number)
                faults += made
                found.update(told)
                if told["leaks"] or told["lost"]:
                    found[f"LEAK OR LOSS at {stage}: {kind}: {form}"] += 1
                if faults >= most:
                    return faults, found
    return faults, found


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        faults, found = demonstrate(Path(folder), args.faults, args.seed)
    print(f"{faults} faults: {dict(found)}")
    raise SystemExit(bool(found["leaks"] or found["lost"]))


if __name__ == "__main__":
    main()
