"""The whole pipeline on text built to make a careless search backtrack: time stays linear."""

from __future__ import annotations

import time

import pytest

from nlp_deid.deid import Deid
from nlp_deid.note import Note
from nlp_deid.pipeline import load

_SEEDS = (
    "a", "A", "A ", "Aa ", "1 ", "1-", "1/", "a@", "a.b.", "A.A. ", "0 1 ", "A1 ", "O'", "A-", "J. ", "(", ")(", '" ', "|",
    "Dr. ", "Dr. A ", "Mr. Aa, ", "wife, ", "pt: ", "Name ....", "Smith, ", "de la ", "MD, ", "RN ", "at Aa ", "John Smith ",
    "Patient: Smith, John\n", "Park^Lee ", "12/", "3/4 ", "Aa Hospital ", "12 Aa St ", "\n", "\n\n", "  ", "é", "\u200b", "\x0b",
)  # fmt: skip
_LENGTH = 20_000
_SECONDS = 3.0  # twenty times what it takes; a search that backtracks takes minutes


@pytest.fixture(scope="module")
def deid() -> Deid:
    return load("rules")


@pytest.mark.parametrize("seed", _SEEDS)
def test_hostile_text_takes_no_longer_than_its_length_allows(deid: Deid, seed: str) -> None:
    note = Note((seed * (_LENGTH // len(seed) + 1))[:_LENGTH])
    start = time.process_time()
    deid.detect(note)
    assert time.process_time() - start < _SECONDS
