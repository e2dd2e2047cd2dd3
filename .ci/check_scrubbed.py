"""Checks scrubbed notes against gold spans. Usage: check_scrubbed.py GOLD.jsonl FOLDER

Fails if a note is missing, if an identifier of a kind that rules must find is left, or if more than
MOST_LEFT of all gold identifiers are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

MUST_GO = {
    "PHONE",
    "FAX",
    "EMAIL",
    "URL",
    "IPADDR",
    "SSN",
    "MEDICALRECORD",
    "ACCOUNT",
    "HEALTHPLAN",
    "LICENSE",
    "DEVICE",
}
MOST_LEFT = 0.03
SHORTEST = 4  # characters; "RC" or "9" may stand elsewhere in a note


def main(gold: str, folder: str) -> int:
    """0 if the notes are clean."""
    total, left, bad = 0, 0, []
    for line in Path(gold).read_text("utf-8").splitlines():
        note = json.loads(line)
        text = (Path(folder) / f"{note['id']}.txt").read_text("utf-8")
        for span in note["spans"]:
            value = note["text"][span["start"] : span["end"]]
            if len(value) < SHORTEST:
                continue
            total += 1
            if value in text:
                left += 1
                if span["label"] in MUST_GO:
                    bad.append(f"{note['id']}: {span['label']} at {span['start']}")
    sys.stdout.write(f"{left} of {total} gold identifiers left\n")
    for message in bad:
        sys.stdout.write(f"left: {message}\n")
    return 1 if bad or not total or left > MOST_LEFT * total else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
