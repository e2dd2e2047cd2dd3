"""Runs that end early: what is resumed, what is refused, what stays behind."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nlp_deid.batch import Here, Settings, Summary, scrub
from nlp_deid.batch.manifest import folder_for, open_manifest
from nlp_deid.batch.worker import answer
from nlp_deid.note import Note
from nlp_deid.outputs import OutputError
from nlp_deid.sources import SourceError, open_source

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
FORMS = ["out.jsonl", "out"]


@pytest.fixture(scope="module")
def parts() -> Iterator[ModuleType]:
    """benchmarks/batch_parts.py: a small pipeline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield import_module("batch_parts")
        for name in ("batch_parts", "batch_kills", "batch_faults"):
            sys.modules.pop(name, None)


class Cut(BaseException):
    """Ends a run as Ctrl-C does."""


class Power(Here):
    """A pool in this process that fails after some patients."""

    def __init__(self, parts: ModuleType, patients: float = float("inf"), **recipe: Any) -> None:
        made = parts.Small(**{"key": parts.KEY, **recipe})
        deid = made.load()

        def work(patients: Sequence[Sequence[Note]]) -> Any:
            self.left -= 1
            if self.left < 0:
                raise Cut
            self.seen += [note.id for notes in patients for note in notes]
            return answer(deid, patients)

        super().__init__(work, made.facts(), batch=1)
        self.left = patients
        self.seen: list[str] = []


def source(parts: ModuleType, folder: Path, count: int = 40) -> Path:
    parts.write_rows(folder / "in.jsonl", parts.small_notes(count, 5))
    return folder / "in.jsonl"


def cut_short(parts: ModuleType, path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp_deid.batch.staged._COMMIT_SECONDS", 0.0)
    with pytest.raises(Cut):
        scrub(Power(parts, 6), open_source(path), out)
    monkeypatch.undo()


def again(pool: Here, path: Path, out: Path, **settings: Any) -> Summary:
    return scrub(pool, open_source(path), out, settings=Settings(**{"resume": True, **settings}))


def content(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


@pytest.mark.parametrize("form", FORMS)
def test_a_run_that_was_cut_short_goes_on(
    parts: ModuleType, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = source(parts, tmp_path)
    with path.open("a") as file:
        file.write('no row\n{"id": "n00001", "text": "Zqtwice"}\n')
    wanted = tmp_path / f"wanted{Path(form).suffix}"
    whole = scrub(Power(parts), open_source(path), wanted)
    out = tmp_path / form
    cut_short(parts, path, out, monkeypatch)
    pool = Power(parts)
    summary = again(pool, path, out)
    assert content(out) == content(wanted)
    assert len(pool.seen) == 40 - (summary.resumed - 2) < 40
    assert (summary.read, summary.written, summary.spans) == (whole.read, whole.written, whole.spans)
    assert summary.failures == whole.failures
    assert len(summary.failures) == 2
    assert not folder_for(out, form == "out").exists()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("what", ["key", "policy", "input", "columns", "ids"])
def test_a_run_that_is_not_the_same_is_refused(
    parts: ModuleType, tmp_path: Path, what: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = source(parts, tmp_path), tmp_path / form
    cut_short(parts, path, out, monkeypatch)
    before = content(tmp_path)
    pool, settings, opened = Power(parts), {"resume": True}, open_source(path)
    if what == "key":
        pool = Power(parts, key=bytes(reversed(parts.KEY)))
    elif what == "policy":
        pool = Power(parts, policy="mask")
    elif what == "input":
        path.write_text(path.read_text().replace("day 39", "day 38"))
        before = content(tmp_path)
    elif what == "columns":
        opened = open_source(path, patient_field="ward")
    else:
        settings |= {"rename": str.upper, "rename_id": "upper"}
    with pytest.raises(OutputError, match=r"cannot be resumed: .* differs") as caught:
        scrub(pool, opened, out, settings=Settings(**settings))
    assert "Zq" not in str(caught.value)
    assert str(caught.value).startswith(f"{out}: cannot be resumed")
    after = content(tmp_path)
    assert {name for name in before if "manifest" not in name} <= set(after)
    assert not pool.seen
    if what != "input":
        assert again(Power(parts), path, out).written == 40


@pytest.mark.parametrize("form", FORMS)
def test_an_unfinished_run_is_not_begun_anew_by_chance(
    parts: ModuleType, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = source(parts, tmp_path), tmp_path / form
    cut_short(parts, path, out, monkeypatch)
    with pytest.raises(OutputError, match="unfinished run; use --resume"):
        scrub(Power(parts), open_source(path), out)
    with pytest.raises(OutputError, match="by a recipe"):
        again(Here(lambda notes: []), path, out)
    pool = Power(parts, policy="mask")
    assert scrub(pool, open_source(path), out, overwrite=True).written == len(pool.seen) == 40
    with pytest.raises(OutputError, match="use --overwrite"):
        again(Power(parts), path, out)


def test_resume_begins_where_there_is_nothing(parts: ModuleType, tmp_path: Path) -> None:
    assert again(Power(parts), source(parts, tmp_path), tmp_path / "out").written == 40
    with pytest.raises(OutputError, match="only runs from files"):
        again(Power(parts), tmp_path / "out" / "n00001.txt", tmp_path / "one.txt")


def test_a_run_that_has_done_nothing_leaves_nothing(parts: ModuleType, tmp_path: Path) -> None:
    path = source(parts, tmp_path)
    with pytest.raises(Cut):
        scrub(Power(parts, 0), open_source(path), tmp_path / "out.jsonl")
    assert [file.name for file in tmp_path.iterdir()] == ["in.jsonl"]


def test_the_manifest_holds_no_text_and_no_key(
    parts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = source(parts, tmp_path), tmp_path / "out.jsonl"
    cut_short(parts, path, out, monkeypatch)
    folder = folder_for(out, False)
    assert oct(folder.stat().st_mode)[-3:] == "700"
    everything = b"".join(file.read_bytes() for file in folder.iterdir())
    assert b"Zq" not in everything
    assert b"271828" not in everything
    for text in (parts.KEY, parts.KEY.hex().encode(), b'"p1"', b'"p3"'):
        assert text not in everything


def test_two_runs_do_not_share_an_output(parts: ModuleType, tmp_path: Path) -> None:
    path, out = source(parts, tmp_path), tmp_path / "out"
    held = open_manifest(folder_for(out, True), False)
    try:
        with pytest.raises(OutputError, match="another run"):
            again(Power(parts), path, out)
        with pytest.raises(OutputError, match="another run"):
            scrub(Power(parts), open_source(path), out, overwrite=True)
    finally:
        held.close(remove=True)


def test_a_foreign_or_damaged_manifest_is_refused(parts: ModuleType, tmp_path: Path) -> None:
    path, out = source(parts, tmp_path), tmp_path / "out.jsonl"
    folder = folder_for(out, False)
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="symbolic link"):
        again(Power(parts), path, out)
    folder.unlink()
    folder.mkdir(mode=0o755)
    (folder / "manifest.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(OutputError, match="yours alone"):
        again(Power(parts), path, out)
    folder.chmod(0o700)
    with pytest.raises(OutputError, match="damaged"):
        again(Power(parts), path, out)


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_is_an_error_that_can_be_resumed(
    parts: ModuleType, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, out = source(parts, tmp_path), tmp_path / form
    real, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 9 or form == "out.jsonl":
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr("nlp_deid.batch.staged._COMMIT_SECONDS", 0.0)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        scrub(Power(parts), open_source(path), out)
    monkeypatch.undo()
    assert not (tmp_path / "out.jsonl").exists()
    assert not list(tmp_path.rglob("*.part"))
    summary = again(Power(parts), path, out)
    assert summary.written == 40
    assert summary.resumed > 0


def test_a_full_disk_under_the_manifest_is_told(parts: ModuleType, tmp_path: Path) -> None:
    manifest = open_manifest(tmp_path / "run", False)
    manifest._base.execute("pragma max_page_count = 30").fetchall()
    with pytest.raises(OutputError, match="cannot be written"):
        manifest.done(0, bytes(1_000_000))
    manifest.close(remove=True)


def test_an_input_that_changes_under_way_is_noticed(parts: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abcd":
        (folder / f"{name}.txt").write_text(f"Zqada {name}")

    class Changing(Power):
        def run(self, groups: Any, in_order: bool = False) -> Any:
            (folder / "c.txt").write_text("Zqada has changed")
            (folder / "d.txt").unlink()
            (folder / "d.txt").mkdir()
            (folder / "d.txt" / "e.txt").write_text("Zqada is another")
            return super().run(groups, in_order)

    with pytest.raises(SourceError, match="changed while it was read"):
        scrub(Changing(parts), open_source(folder), tmp_path / "out")
    summary = scrub(Power(parts), open_source(folder), tmp_path / "out2")
    assert summary.written == 4


def test_a_note_that_changes_under_way_is_quarantined(parts: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.txt").write_text(f"Zqada {name}")

    class Changing(Power):
        def run(self, groups: Any, in_order: bool = False) -> Any:
            (folder / "b.txt").write_text("Zqada has changed")
            return super().run(groups, in_order)

    summary = scrub(Changing(parts), open_source(folder), tmp_path / "out")
    assert [(failed.id, failed.reason) for failed in summary.failures] == [("b", "changed")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.txt",
        "c.txt",
        "quarantine.jsonl",
    ]


def test_faults_in_every_stage_let_nothing_out(parts: ModuleType, tmp_path: Path) -> None:
    faults, found = import_module("batch_faults").demonstrate(tmp_path, 60, seed=3)
    assert faults >= 60
    assert (found["leaks"], found["lost"]) == (0, 0), found
    assert found["written"] > 0
    assert found["quarantined"] > 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("form", ["jsonl", "files"])
def test_kill_9_and_resume(parts: ModuleType, tmp_path: Path, form: str) -> None:
    trial = import_module("batch_kills").demonstrate(tmp_path / "trial", 3, 400, 1, form, seed=4)
    assert trial.faults == []
    assert trial.kills == 3


def test_the_rows_of_a_quarantine_report(parts: ModuleType, tmp_path: Path) -> None:
    path = source(parts, tmp_path)
    path.write_text(path.read_text() + "broken\n")
    summary = scrub(Power(parts), open_source(path), tmp_path / "out.jsonl")
    assert summary.report == tmp_path / "out.quarantine.jsonl"
    assert json.loads(summary.report.read_text()) == {
        "id": "row-41",
        "place": "row 41",
        "stage": "read",
        "reason": "format",
    }
