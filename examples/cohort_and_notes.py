"""A synthetic cohort table, and the notes of the real cohort scrubbed by one pipeline.

    python examples/cohort_and_notes.py COHORT.csv NOTES OUT

COHORT.csv has one row a patient; NOTES is a folder of .txt files. OUT gets cohort.csv, whose rows
belong to nobody, and notes/, without identifiers. The two are not linked: no synthetic row is the
patient of a note.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from nlp_deid.note import Note
from nlp_deid.pipeline import load
from nlp_deid.synth import PGan, Settings
from nlp_deid.synth.frames import read, write


def main() -> None:
    """Make both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cohort", type=Path)
    parser.add_argument("notes", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=0, help="of training; 0: by the number of rows")
    options = parser.parse_args()
    (options.out / "notes").mkdir(parents=True)

    table = read(options.cohort)
    model = PGan(settings=Settings(steps=options.steps), drop_identifiers=True).fit(table)
    write(model.sample(len(table)), options.out / "cohort.csv")

    deid = load()
    for number, path in enumerate(sorted(options.notes.glob("*.txt"))):  # a file's name may name a patient
        scrubbed = deid(Note(path.read_text(encoding="utf-8"), id=f"note {number}"))
        (options.out / "notes" / f"{number}.txt").write_text(scrubbed.text, encoding="utf-8")


if __name__ == "__main__":
    main()
