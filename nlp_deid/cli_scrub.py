"""`nlp-deid scrub`, and what other commands share with it: sources, progress, the last word."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import typer

import nlp_deid.batch as batch
from nlp_deid.batch import Here, Limits, Pool, PoolError, Processes, Recipe, Settings, Summary, Watch
from nlp_deid.batch.names import pseudonyms
from nlp_deid.batch.report import check_report, write_report
from nlp_deid.batch.worker import Ready, answer
from nlp_deid.cli_keys import check_map, given, read_given_key, resolve_order
from nlp_deid.cli_keys import report as report_surrogates
from nlp_deid.cli_options import (
    Consistency,
    DateOrder,
    DateShiftRange,
    Dictionaries,
    Format,
    IdField,
    Ids,
    In,
    KeepSeason,
    KeepWeekday,
    KeyDescriptor,
    KeyFile,
    Megabytes,
    NewMap,
    Other,
    Out,
    Overwrite,
    PatientField,
    Pipeline,
    PolicyName,
    ReportFile,
    Resume,
    Seconds,
    Table,
    TableColumns,
    TableId,
    Texts,
    Workers,
)
from nlp_deid.demographics import ID_COLUMN, Joined, joined
from nlp_deid.outputs import OutputError
from nlp_deid.pipeline import DEFAULT_PIPELINE
from nlp_deid.replace.keys import Secret, new_key
from nlp_deid.sources import PATIENT_FIELD, Columns, Source, open_source

BATCH_ERRORS = (PoolError,)
_QUARANTINED = 1
_LINE_SECONDS = 60.0
_IDS = ("keep", "pseudonym")


def scrub(
    source: In,
    out: Out,
    pipeline: Pipeline = DEFAULT_PIPELINE,
    policy: PolicyName = None,
    format: Format = None,
    text: Texts = None,
    id: IdField = "id",
    patient: PatientField = PATIENT_FIELD,
    other: Other = None,
    ids: Ids = "keep",
    dictionaries: Dictionaries = None,
    demographics: Table = None,
    demographics_id: TableId = ID_COLUMN,
    demographics_columns: TableColumns = "",
    consistency: Consistency = None,
    date_shift_range: DateShiftRange = None,
    keep_weekday: KeepWeekday = None,
    keep_season: KeepSeason = None,
    date_order: DateOrder = None,
    key_file: KeyFile = None,
    key_descriptor: KeyDescriptor = None,
    map_file: NewMap = None,
    workers: Workers = 1,
    note_seconds: Seconds = 60.0,
    note_megabytes: Megabytes = 4096,
    overwrite: Overwrite = False,
    resume: Resume = False,
    report: ReportFile = None,
) -> None:
    """Write the notes of IN to OUT without their identifiers.

    A note that cannot be processed is quarantined: nothing of it is written, and quarantine.jsonl says why.

    File names, ids and the other fields of JSON rows go out as they are, unless you say otherwise.
    """
    key = read_given_key(key_file, key_descriptor)
    columns = Columns(tuple(text or ("text",)), id, patient, other)
    notes = joined_source(source, format, columns, demographics, demographics_id, demographics_columns)
    options = given(
        consistency=consistency,
        date_shift_range=date_shift_range,
        keep_weekday=keep_weekday,
        keep_season=keep_season,
        date_order=resolve_order(date_order, notes),
    )
    recipe = Recipe(pipeline, policy, dictionaries, options, key, map_file is not None)
    settings = _settings(overwrite, resume, ids, key, map_file)
    check_report(report, out)
    with _pool(recipe, notes, workers, Limits(note_seconds, note_megabytes)) as (pool, ready):
        check_map(map_file, ready.policy, ready.actions, out)
        summary = _run(pool, notes, out, settings)
    failed = tell(summary, notes)
    if report is not None:
        write_report(report, summary, recipe, ready.policy, notes)
        _say(f"nlp-deid: figures in {report} and {report.with_suffix('.html')}")
    report_surrogates(ready.actions, recipe.key_id if key else None, map_file, summary.pairs)
    if failed:
        raise typer.Exit(_QUARANTINED)


def _run(pool: Pool, notes: Source, out: str, settings: Settings) -> Summary:
    with progress() as watch:
        return batch.scrub(pool, notes, out, settings=settings, watch=watch)


def _settings(overwrite: bool, resume: bool, ids: str, key: bytes | None, map_file: Path | None) -> Settings:
    if ids not in _IDS:
        raise typer.BadParameter(" or ".join(_IDS), param_hint="--ids")
    if resume and map_file is not None:
        raise OutputError("--map-file: a resumed run does not know the pairs of the former one; begin anew")
    if ids == "keep":
        return Settings(overwrite, resume)
    if resume and key is None:
        raise OutputError(
            "--ids pseudonym: a run can be resumed with a key only, or its pseudonyms would change"
        )
    secret = Secret(key or new_key())
    return Settings(overwrite, resume, pseudonyms(secret), f"pseudonyms of key {secret.id}")


@contextmanager
def _pool(recipe: Recipe, notes: Source, workers: int, limits: Limits) -> Iterator[tuple[Pool, Ready]]:
    """Workers, or this process for a single note or where no worker is wanted; and the policy in force."""
    if workers and notes.kind != "note":
        with Processes(recipe, workers, limits, forget=notes.path is not None) as pool:
            yield pool, pool.ready()
        return
    deid = recipe.load()
    yield Here(partial(answer, deid), recipe.facts()), Ready(deid.policy.name, deid.policy.actions)


def joined_source(
    where: str, format: str | None, columns: Columns, table: Path | None, id_column: str, labels: str
) -> Source:
    """The notes, with what a demographics table knows of their patients."""
    return joined(open_source(where, format, columns=columns), table, id_column, labels)


def tell(summary: Summary, source: Source) -> bool:
    """Say what became of the notes; returns whether any failed."""
    _say(f"nlp-deid: {summary}")
    tell_demographics(source)
    if summary.failures and summary.report is not None:
        _say(f"nlp-deid: reasons in {summary.report}")
    elif summary.failures:
        for failure in summary.failures:
            sys.stderr.buffer.write(b"nlp-deid: " + failure.row())
    return bool(summary.failures)


def tell_demographics(source: Source) -> None:
    """Say how many notes a table of patients fitted."""
    if isinstance(source, Joined):
        _say(f"nlp-deid: {source.demographics}")


@contextmanager
def progress() -> Iterator[Watch]:
    """Follows a run on standard error: a bar on a terminal, else a line a minute; with rate and time left."""
    if not sys.stderr.isatty():
        lines = _Lines(time.monotonic())
        yield Watch(lines.set_total, lines.count)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    shown = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*shown, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("notes", total=None, rate="")

        def advance() -> None:
            bar.advance(task)
            speed = bar.tasks[0].speed
            bar.update(task, rate=f"{speed:.0f} notes/s" if speed else "")

        yield Watch(lambda total: bar.update(task, total=total), advance)


@dataclass
class _Lines:
    """A line a minute for logs."""

    began: float
    total: int = 0
    done: int = 0
    first: int = 0  # notes that were done before the clock began
    told: float = 0.0

    def set_total(self, total: int) -> None:
        self.total = total
        self.began = self.told = time.monotonic()

    def count(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.began < 0.01:  # those of a former run come at once
            self.first = self.done
        if now - (self.told or self.began) < _LINE_SECONDS:
            return
        self.told = now
        rate = (self.done - self.first) / (now - self.began)
        left = (
            f" of {self.total}, {(self.total - self.done) / rate / 60:.0f} min left"
            if self.total and rate
            else ""
        )
        _say(f"nlp-deid: {self.done}{left}, {rate:.0f} notes/s")


def _say(message: str) -> None:
    """To standard error; characters that it cannot show are escaped."""
    typer.echo(message.encode("utf-8", "backslashreplace").decode(), err=True)
