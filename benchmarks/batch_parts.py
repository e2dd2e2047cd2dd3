"""What the demonstrations of batches share: many notes made from a few, a small pipeline, and faults in it."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlp_deid.batch.recipe import Recipe
from nlp_deid.deid import Deid
from nlp_deid.detect.echo import Echo
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.keys import Secret
from nlp_deid.replace.policy import PRESETS
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import Options

SECRET = re.compile(r"\bZq[a-z]+|\b\d{9}\b")
KEY = bytes((37 * n + n * n) % 256 for n in range(64))


def made_notes(texts: list[str], count: int, lines: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Rows of notes made of lines of the given texts: five a patient, a fifth of nobody, in random order."""
    draw = random.Random(seed)
    pool = [line for text in texts for line in text.splitlines() if line.strip()]
    for number in range(count):
        text = "\n".join(draw.sample(pool, min(lines, len(pool))))
        patient = f"p{draw.randrange(max(1, count // 6))}" if number % 5 else None
        yield {"id": f"n{number:07d}", "patient": patient, "text": text}


def write_rows(path: Path, rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> None:
    """Rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")


def small_notes(count: int, patients: int) -> Iterator[dict[str, Any]]:
    """Short notes with names and numbers that the small pipeline finds."""
    for number in range(count):
        patient = f"p{number % patients}" if number % 5 else None
        name = "Zq" + "abcdefghij"[number % 10] + "onna"
        text = f"{name} was seen by Zqada on day {number}, number {271_828_000 + number}.\nMild pain."
        yield {"id": f"n{number:05d}", "patient": patient, "text": text}


class Finder(Detector):
    """Finds names that begin with Zq, and nine digits."""

    name = "finder"

    def find(self, note: Note) -> list[Span]:
        """As `Detector.find`."""
        return [
            Span(*found.span(), "MEDICALRECORD" if found[0].isdigit() else "PATIENT", 0.99, "finder")
            for found in SECRET.finditer(note.text)
        ]


class Trouble(Detector):
    """Does what a word of the note says; finds nothing."""

    name = "trouble"

    def find(self, note: Note) -> list[Span]:
        """As `Detector.find`, where it comes to that."""
        while "HANG" in note.text:
            pass
        while "WAIT" in note.text:
            time.sleep(0.1)
        if "DIE" in note.text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "EXIT" in note.text:
            os._exit(0)
        if "HOG" in note.text:
            hog = []
            while True:
                hog.append(bytearray(1 << 24))
        if "RAISE" in note.text:
            raise RuntimeError(note.text)
        if "SLOW" in note.text:
            time.sleep(0.05)
        if found := re.search(r"ONCE (\S+)", note.text):
            marker = Path(found[1])
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return []


@dataclass(frozen=True)
class Small(Recipe):
    """A pipeline that loads at once: the finder, trouble on demand, echo."""

    policy: str | None = "consistent_tags"

    def load(self) -> Deid:
        """The pipeline."""
        options = Options(source=Secret(self.key)) if self.key else Options()
        replacer = Replacer(PRESETS[str(self.policy)], options, self.record)
        return Deid([Finder(), Trouble()], replacer, echo=Echo(), name="small")

    def fingerprint(self) -> str:
        """A name will do: this pipeline does not change while a demonstration runs."""
        return f"small {self.policy}"
