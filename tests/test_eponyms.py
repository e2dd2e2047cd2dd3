"""Names of people in medicine: kept where they stand for a thing, masked where they are people."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.detect.eponyms import Eponyms
from nlp_deid.detect.lexicon import Lexicon
from nlp_deid.detect.phrases import Words
from nlp_deid.layout import View
from nlp_deid.pipeline import load

ROOT = Path(__file__).parents[1]
ROWS = [
    ("*", "wire, -ectomy", ""),
    ("graves", "eye, orbitopathy", ""),
    ("foley", "*", ""),
    ("crohn", "'s", "known"),
    ("braden", "#", ""),
    ("murphy", "+/-", "at"),
    ("guillain-barre", "", ""),
]


def _benchmark() -> ModuleType:
    spec = spec_from_file_location("eponym_benchmark", ROOT / "benchmarks" / "eponyms.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


benchmark = _benchmark()


@pytest.fixture(scope="module")
def eponyms() -> Eponyms:
    return Eponyms(ROWS)


@pytest.fixture(scope="module")
def tallies() -> dict[tuple[str, str], Any]:
    found, _ = benchmark.measure(load("rules"), list(benchmark.cases(benchmark.DATA)))
    return dict(found)


def kept(eponyms: Eponyms, text: str) -> list[str]:
    words = Words(View(text).lower)
    return [text[start:end] for start, end in eponyms.find(words)]


# --- one row at a time


@pytest.mark.parametrize(
    ("text", "stretch"),
    [
        ("Graves' disease", "Graves' disease"),
        ("Graves eye signs", "Graves eye"),
        ("Guillain-Barre syndrome", "Guillain-Barre syndrome"),
        ("Foley out", "Foley"),
        ("has Crohn's.", "Crohn's"),
        ("Crohn's and gout", "Crohn's"),
        ("known Crohn flare", "Crohn"),
        ("Hx: Crohn", None),
        ("hx Crohn", "Crohn"),
        ("h/o Crohn", "Crohn"),
        ("s/p Murphy", "Murphy"),
        ("Braden 17", "Braden 17"),
        ("Braden: 17", "Braden: 17"),
        ("Braden III", "Braden III"),
        ("Braden B", "Braden B"),
        ("Braden B.", None),
        ("Braden bed", None),
        ("Murphy neg", "Murphy neg"),
        ("Murphy's: absent", "Murphy's: absent"),
        ("no Murphy", "Murphy"),
        ("Graves called", None),
        ("Mr. Crohn slept", None),
        ("Crohn ate, Braden slept", None),
        ("Graves. Disease free", None),
        ("Graves\n\ndisease", None),
        ("Bentson wire", "Bentson wire"),
        ("Bishop-Koop colectomy", "Bishop-Koop colectomy"),
        ("Monday wire", None),
        ("NM wire", None),
        ("Bentson, wire", None),
        ("Bentson and wire", "and wire"),
    ],
)
def test_where_an_eponym_is_medical(eponyms: Eponyms, text: str, stretch: str | None) -> None:
    assert kept(eponyms, text) == ([] if stretch is None else [stretch])


@given(
    st.lists(
        st.sampled_from(["graves", "foley", "crohn's", "wire", "braden", "17", "b", ".", "\n", "-", "no"])
    )
)
def test_stretches_lie_inside_the_text(parts: list[str]) -> None:
    text = " ".join(parts)
    words = Words(text)
    for start, end in Eponyms(ROWS).find(words):
        assert 0 <= start < end <= len(text)
        assert text[start].isalnum()


def test_the_list_has_no_row_twice_and_no_frequent_first_name_always_medical() -> None:
    lexicon = Lexicon.load()
    rows = lexicon.rows("eponyms")
    terms = [row[0] for row in rows]
    assert len(terms) == len(set(terms))
    always = {row[0] for row in rows if "*" in row[1].split(", ")}
    assert not always & {"james", "mary", "john", "smith", "johnson"}


# --- phrases and people


def test_the_sets_are_large_enough() -> None:
    cases = list(benchmark.cases(benchmark.DATA))
    medical = [case for case in cases if case.use == "medical"]
    assert len({case.name for case in medical}) >= 600
    assert len({benchmark._frame(case) for case in medical}) >= 60
    names = {part: {case.name for case in cases if case.half == part} for part in benchmark.HALVES}
    assert names["tuned"].isdisjoint(names["holdout"])


def test_masking_is_judged_by_every_character() -> None:
    case = benchmark.Case("tuned", "people", "Roe", "Mr. Roe, Roe", ((4, 7), (9, 12)))
    span = benchmark.Span
    assert not case.masked([span(4, 7, "PATIENT")])
    assert case.masked([span(4, 7, "PATIENT"), span(8, 12, "PATIENT")])
    phrase = benchmark.Case("tuned", "medical", "Roe", "has Roe disease", ((4, 15),))
    assert phrase.masked([span(14, 15, "CITY")])
    assert not phrase.masked([span(0, 3, "CITY")])


@pytest.mark.parametrize("half", ["tuned", "holdout"])
def test_people_are_masked(tallies: dict[tuple[str, str], Any], half: str) -> None:
    assert tallies[half, "people"].share >= 0.99


def test_phrases_are_kept(tallies: dict[tuple[str, str], Any]) -> None:
    medical = [tallies[half, "medical"] for half in ("tuned", "holdout")]
    assert sum(tally.masked for tally in medical) / sum(tally.total for tally in medical) <= 0.01


@pytest.mark.parametrize(("half", "most"), [("tuned", 0.015), ("holdout", 0.025)])
def test_phrases_are_kept_at_least_so_far(
    tallies: dict[tuple[str, str], Any], half: str, most: float
) -> None:
    assert tallies[half, "medical"].share <= most
