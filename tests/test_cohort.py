"""A made-up cohort with known spans through the replacer: what is kept, what stays, what a reader finds."""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nlp_deid.note import Note
from nlp_deid.replace.dates import offset
from nlp_deid.replace.keys import RandomSource, Secret
from nlp_deid.replace.policy import PRESETS
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import CONSISTENCY, Options

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
RAW = hashlib.sha256(b"cohort").digest()
KEY = Secret(RAW)
OTHER_KEY = Secret(hashlib.sha256(b"another cohort").digest())


@pytest.fixture(scope="module")
def bench() -> Iterator[ModuleType]:
    """benchmarks/surrogates.py, which makes the cohort and holds the checks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield import_module("surrogates")
        for name in ("surrogates", "cohort"):
            sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def cases(bench: ModuleType) -> Any:
    return bench.cohort(12, 96)


def replacer(source: Secret | RandomSource = KEY, **options: Any) -> Replacer:
    return Replacer(PRESETS["surrogate"], Options(source=source, **options))


def counted(bench: ModuleType, cases: Any, check: str, with_: Replacer) -> Counter[str]:
    total: Counter[str] = Counter()
    for case in cases:
        total.update(getattr(bench, check)(case, bench.rewrite(case, with_)))
    return total


@pytest.mark.parametrize("options", [{}, {"keep_weekday": True}, {"keep_season": True}])
def test_intervals_and_forms_of_dates_are_kept(bench: ModuleType, cases: Any, options: Any) -> None:
    dates = counted(bench, cases, "check_dates", replacer(**options))
    assert dates["full dates"] > 200
    assert dates["interval kept"] + dates["full dates tagged"] == dates["full dates"]
    assert dates["full dates tagged"] <= 0.02 * dates["full dates"]  # births that tell an age over 89
    assert dates["form kept"] >= 0.97 * dates["dates"]  # months and years that would stay as they are: tags


@pytest.mark.parametrize("source", [KEY, RandomSource()], ids=["key", "random"])
def test_a_person_keeps_one_surrogate(bench: ModuleType, cases: Any, source: Any) -> None:
    people = counted(bench, cases, "check_people", replacer(source))
    assert people == Counter(repeated=48, steady=48, shared=0)


def test_the_check_of_people_sees_what_changes(bench: ModuleType, cases: Any) -> None:
    for mode in ("document", "markov", "none"):
        people = counted(bench, cases, "check_people", replacer(consistency=mode))
        assert people["steady"] < people["repeated"] / 4, mode


@pytest.mark.parametrize("mode", CONSISTENCY)
def test_no_real_word_or_number_comes_out(bench: ModuleType, cases: Any, mode: str) -> None:
    tokens = counted(bench, cases, "check_tokens", replacer(consistency=mode))
    assert tokens["replacements"] > 500
    assert tokens["real tokens"] == tokens["unchanged"] == 0
    assert tokens["tags"] <= 0.01 * tokens["replacements"]


def test_the_check_of_words_sees_what_stays(bench: ModuleType, cases: Any) -> None:
    assert counted(bench, cases, "check_tokens", Replacer(PRESETS["limited_data_set"]))["real tokens"] > 0


def test_the_order_of_notes_changes_nothing(bench: ModuleType, cases: Any) -> None:
    for case in cases:
        there = [text for text, _ in replacer().replace_all(case.gold())]
        back = [text for text, _ in replacer().replace_all(case.gold()[::-1])]
        assert there == back[::-1]


def test_offsets_tell_nothing_of_each_other(bench: ModuleType) -> None:
    """Fixed keys, so the figures are fixed; 20,000 patients in 73 or 100 cells."""
    found = bench.check_offsets(KEY, OTHER_KEY, 20_000)
    for name in ("uniform", "another patient given one", "another key given one"):
        assert found[name] > 0.01, name
    assert found["same offset under both keys"] < 0.001


def test_the_chi_square_sees_a_bend(bench: ModuleType) -> None:
    assert bench.p_value([100] * 20) > 0.99
    assert bench.p_value([100] * 10 + [150] * 10) < 1e-6
    assert 0.03 < bench.p_value([113, 87]) < 0.1  # 3.38 with one degree of freedom: 0.066


def test_every_offset_has_its_cell(bench: ModuleType) -> None:
    cells = Counter(bench.cell(days, 73) for days in range(-bench.SPAN_DAYS, bench.SPAN_DAYS + 1) if days)
    assert set(cells) == set(range(73))
    assert set(cells.values()) == {50}


def test_another_process_finds_the_same_offsets(bench: ModuleType) -> None:
    ids = [f"P{number}" for number in range(20)]
    assert bench.other_process(RAW, ids) == [offset(KEY, one) for one in ids]


def test_a_missed_name_stands_out_only_where_surrogates_are_steady(bench: ModuleType, cases: Any) -> None:
    found = {mode: bench.leaks(cases, mode, KEY, share=0.03)["odd one out"] for mode in CONSISTENCY}
    share = {mode: counts["found"] / counts["missed"] for mode, counts in found.items()}
    assert found["patient"]["missed"] >= 10
    assert share["patient"] > 0.9
    assert max(share["document"], share["markov"], share["none"]) < 0.4


def test_readers(bench: ModuleType) -> None:
    def seen(*names: str) -> list[Any]:
        return [bench.Mention(0, "patient", name, name == "real") for name in names]

    assert [m.surname for m in bench.not_recurring(seen("a", "a", "real", "b", "b"))] == ["real"]
    assert [m.surname for m in bench.odd_ones(seen("a", "a", "real"))] == ["real"]
    assert bench.odd_ones(seen("a", "b", "real")) == []
    assert bench.recurring(seen("a", "a", "real")) == []
    two_notes = [*seen("a", "real"), bench.Mention(1, "patient", "real", True)]
    assert [m.surname for m in bench.recurring(two_notes)] == ["real", "real"]


def test_the_cohort_is_what_it_says(bench: ModuleType, cases: Any) -> None:
    assert sum(len(case.notes) for case in cases) == 96
    assert [note.text for note in cases[3].notes] == [note.text for note in bench.cohort(12, 96)[3].notes]
    for case in cases:
        for note, marks in zip(case.notes, case.marks, strict=True):
            assert isinstance(note, Note)
            assert len(note.spans) == len(marks)
            for mark, span in zip(marks, note.spans, strict=True):
                value = note.text[span.start : span.end]
                assert not mark.is_full or bench.read_alike(value, value) == mark.day
                assert not mark.person or bench.read_name(value, mark.form) is not None
