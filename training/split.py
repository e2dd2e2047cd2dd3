"""Parts a JSON Lines file of notes in two by a hash of each note's id, so that one part is never trained on.

python training/split.py notes.jsonl --train train.jsonl --test test.jsonl --share 0.4
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer


def is_train(id: str, share: float) -> bool:
    """Whether a note belongs to the first part."""
    return int.from_bytes(hashlib.sha256(id.encode()).digest()[:4], "big") < share * 2**32


def main(
    notes: Path,
    train: Annotated[Path, typer.Option(help="file for the first part")],
    test: Annotated[Path, typer.Option(help="file for the rest")],
    share: Annotated[float, typer.Option(help="of the notes in the first part", min=0, max=1)] = 0.5,
) -> None:
    """Part NOTES in two."""
    with train.open("w", encoding="utf-8") as first, test.open("w", encoding="utf-8") as second:
        for line in notes.read_text(encoding="utf-8").splitlines():
            print(line, file=first if is_train(str(json.loads(line)["id"]), share) else second)


if __name__ == "__main__":
    typer.run(main)
