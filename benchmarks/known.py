"""Recall of patients' names when demographics are given with the notes.

    python benchmarks/known.py --data NOTES.jsonl [--pipeline rules] [--misses]

The demographics are made of the gold: this shows how well known names are found again in all their forms,
not how well names are found that nobody knows. Three settings:

    none  nothing is known
    own   the longest gold PATIENT name of each note, as one row of a demographics table would give it; a note
          without a name of two words gives all its PATIENT values
    all   every distinct gold PATIENT value of the note (relatives and nicknames too)

Prints figures only; --misses adds the notes' ids and offsets, never text.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from nlp_deid.corpus import formats
from nlp_deid.corpus.jsonl import FOLD, ignore_ranges
from nlp_deid.deid import Deid
from nlp_deid.evaluate import evaluate
from nlp_deid.note import Note, Span
from nlp_deid.pipeline import load

Known = Callable[[Note], list[str]]


def every_name(note: Note) -> list[str]:
    """The distinct gold PATIENT values of a note."""
    values = (note.text[span.start : span.end] for span in note.spans if span.label == "PATIENT")
    return list(dict.fromkeys(values))


def own_name(note: Note) -> list[str]:
    """The longest name of two words or more (the first of equals); all values if there is none."""
    values = every_name(note)
    full = [value for value in values if len(value.split()) > 1]
    return [max(full, key=lambda value: len(value.split()))] if full else values


SETTINGS: dict[str, Known] = {"none": lambda note: [], "own": own_name, "all": every_name}


def run(deid: Deid, notes: Sequence[Note], known: Known) -> tuple[dict[str, float], list[str]]:
    """Figures of one setting, and the places of the PATIENT spans that are not wholly covered."""
    found: dict[str, list[Span]] = {}
    misses = []
    for note in notes:
        # The rest of the gold must not reach the detectors.
        found[note.id] = deid.detect(Note(note.text, note.id, note.patient, {"PATIENT": known(note)}))
        for span in note.spans:
            if span.label == "PATIENT" and not _covered(note.text, span, found[note.id]):
                misses.append(f"{note.id} [{span.start}, {span.end})")
    report = evaluate(notes, found, ignore={note.id: ignore_ranges(note) for note in notes})
    share = report.binary_token.recall_by_label["PATIENT"]
    figures = {
        "patient_token_recall": share.value or 0.0,
        "patient_tokens": share.total,
        "patient_tokens_missed": share.total - share.count,
        "binary_token_precision": report.binary_token.micro.precision,
        "binary_token_recall": report.binary_token.micro.recall,
    }
    return figures, misses


def _covered(text: str, span: Span, found: Sequence[Span]) -> bool:
    """Whether every letter and digit of a gold span lies in a found one."""
    return all(
        not text[at].isalnum() or any(other.start <= at < other.end for other in found)
        for at in range(span.start, span.end)
    )


def main() -> None:
    """Read the arguments, run every setting, print."""
    parser = argparse.ArgumentParser(description="Recall of patients' names when demographics are given.")
    parser.add_argument("--data", type=Path, required=True, help="labelled notes")
    parser.add_argument("--pipeline", default="rules")
    parser.add_argument("--misses", action="store_true", help="list what is missed, by offsets")
    arguments = parser.parse_args()
    notes = list(formats.read(arguments.data, labels=FOLD))
    deid = load(arguments.pipeline)
    for name, known in SETTINGS.items():
        figures, misses = run(deid, notes, known)
        print(json.dumps({"known": name, **{key: round(value, 4) for key, value in figures.items()}}))
        if arguments.misses:
            print("\n".join(f"  {miss}" for miss in misses))


if __name__ == "__main__":
    main()
