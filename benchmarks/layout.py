"""How many identifiers that are found in plain layout survive a change of layout.

    python benchmarks/layout.py --data NOTES.jsonl [--pipeline rules]

Every gold identifier that the pipeline covers wholly is changed in place, one identifier at a
time, and the note is searched again. "survives": nothing of it is covered any more; "part left":
some letter or digit of it is uncovered.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable
from pathlib import Path

from nlp_deid.deid import Deid
from nlp_deid.note import Note
from nlp_deid.pipeline import load

FULL_WIDTH = {ord("0") + i: chr(0xFF10 + i) for i in range(10)}


def _blank(new: str) -> Callable[[str], str]:
    return lambda text: text.replace(" ", new)


def _dash(text: str) -> str:
    return text.replace("-", "–")


def _marks(text: str) -> str:
    return "\u200b".join(text) if len(text) < 3 else f"{text[:2]}\u200b{text[2:]}"


CHANGES: dict[str, Callable[[str], str]] = {
    "line wrap": lambda text: text.replace(" ", "\n", 1),
    "line wrap, indented": lambda text: text.replace(" ", "\n      ", 1),
    "CRLF wrap": lambda text: text.replace(" ", "\r\n", 1),
    "tab": _blank("\t"),
    "double blank": _blank("  "),
    "no-break space": _blank("\u00a0"),
    "thin space": _blank("\u2009"),
    "en dash": _dash,
    "full-width digits": lambda text: text.translate(FULL_WIDTH),
    "zero-width mark": _marks,
    "upper case": str.upper,
}


def _left(deid: Deid, text: str, start: int, end: int) -> tuple[bool, bool]:
    """(nothing covered, some letter or digit uncovered) of [start, end)."""
    covered = {
        i for span in deid.detect(Note(text)) for i in range(max(start, span.start), min(end, span.end))
    }
    letters = [i for i in range(start, end) if text[i].isalnum()]
    return not any(i in covered for i in letters), any(i not in covered for i in letters)


def measure(deid: Deid, rows: list[dict[str, object]]) -> dict[str, tuple[int, int, int]]:
    """For each change: identifiers changed, surviving whole, left in part."""
    counts = {name: [0, 0, 0] for name in CHANGES}
    for row in rows:
        text = str(row["text"])
        for span in row["spans"]:  # type: ignore[attr-defined]
            start, end = span["start"], span["end"]
            value = text[start:end]
            if _left(deid, text, start, end)[1]:
                continue
            for name, change in CHANGES.items():
                new = change(value)
                if new == value or len(new) == 0:
                    continue
                changed = text[:start] + new + text[end:]
                whole, part = _left(deid, changed, start, start + len(new))
                counts[name][0] += 1
                counts[name][1] += whole
                counts[name][2] += part
    return {name: (n, whole, part) for name, (n, whole, part) in counts.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="JSON Lines with text and gold spans")
    parser.add_argument("--pipeline", default="rules")
    args = parser.parse_args()
    rows = [json.loads(line) for line in args.data.read_text(encoding="utf-8").splitlines()]
    results = measure(load(args.pipeline), rows)
    print(
        f"pipeline {args.pipeline}, data {args.data.name}, Python {platform.python_version()}, {platform.machine()}"
    )
    print(f"{'change':22}{'identifiers':>12}{'survive':>10}{'part left':>11}")
    results["all"] = tuple(map(sum, zip(*results.values(), strict=True)))  # type: ignore[assignment]
    for name, (n, whole, part) in results.items():
        print(f"{name:22}{n:12}{whole / max(n, 1):10.2%}{part / max(n, 1):11.2%}")


if __name__ == "__main__":
    main()
