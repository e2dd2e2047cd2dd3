"""Workers: the same bytes however many, poison notes set aside, nothing out unscrubbed, no hang."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nlp_deid.batch import Limits, PoolError, Processes, Recipe, Settings, Summary, scrub
from nlp_deid.batch.outcome import Slot, notes_of
from nlp_deid.note import Note
from nlp_deid.pipeline import PipelineError
from nlp_deid.row_sources import same
from nlp_deid.sources import Entry, open_source

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
LIMITS = Limits(seconds=10.0, megabytes=256, patience=60.0)


@pytest.fixture(scope="module")
def parts() -> Iterator[ModuleType]:
    """benchmarks/batch_parts.py: a small pipeline with trouble on demand."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield import_module("batch_parts")
        sys.modules.pop("batch_parts", None)


def run(
    parts: ModuleType, rows: list[dict[str, Any]], folder: Path, workers: int = 1, **options: Any
) -> tuple[dict[str, str], Summary]:
    """Texts by id, and what became of the notes."""
    folder.mkdir(exist_ok=True)
    parts.write_rows(folder / "in.jsonl", rows)
    settings = Settings(**{key: options.pop(key) for key in ("hold",) if key in options})
    recipe = options.pop("recipe", None) or parts.Small()
    with Processes(recipe, workers, options.pop("limits", LIMITS), **options) as pool:
        pool.ready()
        summary = scrub(pool, open_source(folder / "in.jsonl"), folder / "out.jsonl", settings=settings)
    out = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [row["id"] for row in out] == [row["id"] for row in rows if row["id"] in {r["id"] for r in out}]
    return {row["id"]: row["text"] for row in out}, summary


def test_the_same_notes_from_any_workers_batches_orders_and_memory(parts: ModuleType, tmp_path: Path) -> None:
    rows = list(parts.small_notes(120, 9))
    made_up = parts.Small(policy="surrogate", key=parts.KEY)
    wanted, summary = run(parts, rows, tmp_path / "a", recipe=made_up)
    assert (summary.read, summary.written, summary.groups, summary.alone) == (120, 120, 33, 24)
    shuffled = list(rows)
    random.Random(5).shuffle(shuffled)
    assert run(parts, shuffled, tmp_path / "b", workers=3, batch=1, recipe=made_up)[0] == wanted
    # Patients' notes do not fit into memory together: several readings of the source.
    assert run(parts, shuffled, tmp_path / "c", batch=500, hold=2_000, recipe=made_up)[0] == wanted
    here = scrub(made_up.load(), open_source(tmp_path / "c/in.jsonl"), tmp_path / "here.jsonl")
    assert here.written == 120
    found = [json.loads(line) for line in (tmp_path / "here.jsonl").read_text().splitlines()]
    assert {row["id"]: row["text"] for row in found} == wanted


def test_a_patient_with_more_than_memory_holds_is_quarantined(parts: ModuleType, tmp_path: Path) -> None:
    rows = [{"id": f"{n}", "patient": "p", "text": "Zqada " * 20} for n in range(5)]
    rows.append({"id": "other", "patient": "q", "text": "Zqada"})
    found, summary = run(parts, rows, tmp_path, hold=300)
    assert list(found) == ["other"]
    assert {failed.reason for failed in summary.failures} == {"patient_too_large"}


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("HANG", "time_limit"),
        ("WAIT", "time_limit"),
        ("DIE", "worker_died"),
        ("EXIT", "worker_died"),
        ("HOG", "memory_limit"),
    ],
)
def test_a_poison_note_is_quarantined_and_the_others_go_on(
    parts: ModuleType, tmp_path: Path, word: str, reason: str
) -> None:
    rows = list(parts.small_notes(24, 4))
    for number in (5, 6):  # one of nobody, one among the notes of a patient
        rows[number]["text"] += f" {word}"
    limits = Limits(6.0, 256, patience=1.0) if word == "WAIT" else Limits(3.0, 256, patience=60.0)
    wanted, _ = run(parts, list(parts.small_notes(24, 4)), tmp_path / "a")
    found, summary = run(parts, rows, tmp_path / "b", limits=limits)
    bad = [rows[5]["id"], rows[6]["id"]]
    assert [(failed.id, failed.stage, failed.reason) for failed in summary.failures] == [
        (note, "worker", reason) for note in bad
    ]
    assert set(found) == {row["id"] for row in rows} - set(bad)
    assert summary.deaths == 5  # over all, over each patient, over each note alone
    patient = rows[6]["patient"]
    for row in rows:  # those of other patients are as they would have been
        if row["patient"] != patient and row["id"] in found:
            assert found[row["id"]] == wanted[row["id"]]
    assert "Zq" not in "".join(found.values())


def test_what_fails_once_is_done_again(parts: ModuleType, tmp_path: Path) -> None:
    rows = list(parts.small_notes(12, 3))
    for number, row in enumerate(rows):  # the notes of a patient fail together, once
        row["text"] += f" ONCE {tmp_path}/mark-{row.get('patient') or number}"
    found, summary = run(parts, rows, tmp_path / "a", workers=2)
    assert len(found) == 12
    assert not summary.failures
    assert summary.deaths > 0


def test_errors_stay_with_their_note(parts: ModuleType, tmp_path: Path) -> None:
    rows = list(parts.small_notes(12, 3))
    rows[4]["text"] += " RAISE"
    found, summary = run(parts, rows, tmp_path)
    assert [(f.id, f.stage, f.reason) for f in summary.failures] == [
        (rows[4]["id"], "trouble", "RuntimeError")
    ]
    assert len(found) == 11
    assert summary.deaths == 0


def test_order_is_kept_where_it_is_asked_for(parts: ModuleType) -> None:
    notes = [Note(f"Zqada {'SLOW' if n == 0 else ''}{'RAISE' if n == 3 else ''}", str(n)) for n in range(400)]
    groups = [
        [Slot(n, Entry(note.id, "", ".txt", partial(same, note)), note)] for n, note in enumerate(notes)
    ]
    with Processes(parts.Small(policy="tag"), 2, LIMITS, batch=3) as pool:
        found = list(pool.run(iter(groups), in_order=True))
    assert [group for group, _ in found] == groups
    assert all(len(answers) == len(notes_of(group)) for group, answers in found)


def test_without_a_key_a_patient_is_still_one(parts: ModuleType, tmp_path: Path) -> None:
    rows = [{"id": f"{n}", "patient": f"p{n % 2}", "text": "Zqada"} for n in range(8)]
    found, _ = run(parts, rows, tmp_path, recipe=parts.Small(policy="surrogate"), workers=2)
    assert len({found[str(n)] for n in range(0, 8, 2)}) == 1
    assert "Zqada" not in found.values()


def test_a_pipeline_that_cannot_be_loaded_is_told(parts: ModuleType) -> None:
    with (
        Processes(Recipe("no-such-pipeline"), 1, LIMITS) as pool,
        pytest.raises(PipelineError, match="no pipeline"),
    ):
        pool.ready()
    with (
        Processes(parts.Small(policy="no such"), 1, LIMITS) as pool,
        pytest.raises(PoolError, match="KeyError"),
    ):
        pool.ready()
    assert "KEY" not in repr(Recipe(key=b"KEY" * 20))


def test_a_recipe_names_what_decides_the_output(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.txt").write_text("one\n")
    plain = Recipe().fingerprint()
    assert plain == Recipe(key=bytes(range(7, 71))).fingerprint()
    others = [Recipe(policy="mask"), Recipe("scrub"), Recipe(surrogates={"keep_weekday": True})]
    with_site = Recipe(dictionaries=site).fingerprint()
    (site / "a.txt").write_text("two\n")
    prints = {plain, with_site, Recipe(dictionaries=site).fingerprint(), *(o.fingerprint() for o in others)}
    assert len(prints) == 6


def test_a_config_by_itself_is_named_with_what_it_names(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/own.yaml").write_text("rules: []")
    config = tmp_path / "config.yaml"
    config.write_text("detectors: [{use: rules, folders: [rules], shipped: false}]")
    plain = Recipe(config).fingerprint()
    (tmp_path / "out.jsonl").write_text("an output that lies beside it")
    assert Recipe(config).fingerprint() == plain
    (tmp_path / "rules/own.yaml").write_text("rules: [other]")
    assert Recipe(config).fingerprint() != plain
