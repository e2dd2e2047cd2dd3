"""Batches on a cluster: `scrub` for a Spark DataFrame, with the results of batch/ byte for byte.

The rows of a patient are brought together by a shuffle; each Python worker of Spark loads the pipeline once,
in a process beside it that may hang, crash or run out of memory without harm (batch/pool.py). Rows travel as
Arrow batches (`mapInArrow`), so the other columns keep their types and missing values. Spark schedules,
retries and scales; nothing here does.

Needs the extra: pip install nlp-deid[spark].
"""

from __future__ import annotations

import atexit
import platform
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

from nlp_deid.batch.outcome import Failure, Group, Made, Slot, failure
from nlp_deid.batch.pool import Processes
from nlp_deid.batch.recipe import Recipe
from nlp_deid.batch.staged import natural_order
from nlp_deid.batch.worker import Limits
from nlp_deid.corpus.checks import encode
from nlp_deid.detect.dictionary_files import DictionaryError, check_folder
from nlp_deid.entries import Columns, Entry, SourceError
from nlp_deid.note import Note
from nlp_deid.pipeline import DEFAULT_PIPELINE, PipelineError, read
from nlp_deid.replace.keys import KeyFault, check_key, read_key
from nlp_deid.replace.policy import Policy, load_policy
from nlp_deid.replace.surrogates import Options
from nlp_deid.row_sources import cell_notes, plain_name, same

QUARANTINE = "quarantine"
_GROUP = "__nlp_deid_group"
_HOLD = 1 << 28
# Pools by what made them: loaded once in each Python worker, which Spark uses for many tasks.
_pools: dict[str, Processes] = {}


@dataclass(frozen=True)
class _Job:
    """What every Python worker is told."""

    recipe: Recipe
    columns: Columns
    limits: Limits
    key_file: str | None
    hold: int


def scrub(
    df: Any,
    text: str | Sequence[str] = "text",
    id: str = "id",
    patient: str = "patient",
    key: bytes | None = None,
    key_file: str | Path | None = None,
    pipeline: str | Path = DEFAULT_PIPELINE,
    policy: str | Policy | None = None,
    dictionaries: str | Path | None = None,
    surrogates: Mapping[str, Any] | None = None,
    limits: Limits | None = None,
    partitions: int | None = None,
) -> Any:
    """De-identify the text columns of a DataFrame. All other columns go out as they are.

    Args:
        df: a Spark DataFrame.
        text: the column or columns of the notes (string).
        id, patient: the columns of ids; `id` must be there, `patient` may be missing or null.
        key: what surrogates are made with; it travels in Spark's task data.
        key_file: instead, a file that is at this path on every executor, of the executor's user alone.
        pipeline, policy, dictionaries, surrogates: as for `pipeline.load`; paths must be there on executors.
        limits: of time and memory for a note.
        partitions: how many tasks; by default four for each core that Spark knows of.

    Returns:
        The columns of `df`, texts rewritten, and the column "quarantine": null, or "stage: reason" for a row
        that failed, whose texts are null. Of the rows of one patient that share an id, none goes out.

    Raises:
        SourceError: a column that is not there, or that is no text.
        PipelineError, PolicyError, DictionaryError, KeyFault, SurrogateFault: a setting that cannot be used, so
            far as this machine can tell: a path may be there on executors only.
    """
    if key is not None and key_file is not None:
        raise SourceError("a key comes from the argument or from a file, not from both")
    columns = Columns((text,) if isinstance(text, str) else tuple(text), id, patient, other="keep")
    _check(df, columns)
    recipe = Recipe(pipeline, policy, dictionaries, dict(surrogates or {}), key)
    job = _Job(recipe, columns, limits or Limits(), None if key_file is None else str(key_file), _HOLD)
    _check_settings(job, _is_local(df))
    grouped = df.withColumn(_GROUP, _group(df, columns))
    count = partitions or _parallelism(df) * 4
    ordered = grouped.repartition(count, _GROUP).sortWithinPartitions(_GROUP).drop(_GROUP)
    return ordered.mapInArrow(partial(_work, job), _schema(df, columns))


def _check(df: Any, columns: Columns) -> None:
    kinds = dict(df.dtypes)
    for name in (*columns.texts, columns.id):
        if name not in kinds:
            raise SourceError(f"no column {name!r}; there are {', '.join(kinds)}")
    for name in columns.texts:
        if kinds[name] != "string":
            raise SourceError(f"column {name!r} holds {kinds[name]}, not string")
    for name in (QUARANTINE, _GROUP):
        if name in kinds:
            raise SourceError(f"a column is called {name!r} already; rename it")


def _check_settings(job: _Job, is_local: bool) -> None:
    """Refuse before the job what an executor would refuse in the midst of it.

    Args:
        is_local: executors see the files of this machine; else only those that are here are looked at.
    """
    recipe = job.recipe
    if is_local or not _may_be_elsewhere(recipe.pipeline):
        read(recipe.pipeline)
    if isinstance(recipe.policy, (str, Path)) and (is_local or not _may_be_elsewhere(recipe.policy)):
        load_policy(recipe.policy)
    if recipe.dictionaries is not None and (is_local or Path(recipe.dictionaries).exists()):
        _check_dictionaries(Path(recipe.dictionaries))
    try:
        Options(**recipe.surrogates)
    except TypeError as error:
        raise PipelineError(f"surrogates: {error}") from None
    if recipe.key is not None:
        check_key(recipe.key)
    if job.key_file is not None and is_local:
        _read_key(job.key_file)


def _is_local(df: Any) -> bool:
    """Whether executors are this process of Spark's own."""
    try:
        return re.fullmatch(r"local(\[.*\])?", df.sparkSession.sparkContext.master) is not None
    except Exception:  # Spark Connect has no context
        return False


def _may_be_elsewhere(setting: str | Path) -> bool:
    """True for what looks like a path and is not here; other words are names, known everywhere."""
    text = str(setting)
    return not Path(text).exists() and ("/" in text or "\\" in text or Path(text).suffix != "")


def _check_dictionaries(folder: Path) -> None:
    if problems := check_folder(folder):
        raise DictionaryError(problems[0])


def _read_key(path: str) -> bytes:
    """The key of `key_file`; what cannot be read may be a key itself, and is not named."""
    try:
        return read_key(Path(path))
    except OSError as error:
        problem = error.strerror or type(error).__name__
    raise KeyFault(
        f"key_file cannot be read on {platform.node()}: {problem}; it must be at this path on every executor"
    )


def _group(df: Any, columns: Columns) -> Any:
    """What rows that go together share: the patient, else the id."""
    from pyspark.sql import functions as sql

    alone = sql.concat(sql.lit("n"), sql.coalesce(sql.col(f"`{columns.id}`").cast("string"), sql.lit("")))
    if columns.patient not in df.columns:
        return alone
    name = sql.regexp_replace(sql.col(f"`{columns.patient}`").cast("string"), r"(?U)^\s+|\s+$", "")
    return sql.when(sql.length(name) > 0, sql.concat(sql.lit("p"), name)).otherwise(alone)


def _parallelism(df: Any) -> int:
    try:
        return int(df.sparkSession.sparkContext.defaultParallelism)
    except Exception:  # Spark Connect has no context; the session's setting then
        return int(df.sparkSession.conf.get("spark.sql.shuffle.partitions"))


def _schema(df: Any, columns: Columns) -> Any:
    from pyspark.sql.types import StringType, StructField, StructType

    fields = [
        StructField(f.name, f.dataType, f.nullable or f.name in columns.texts) for f in df.schema.fields
    ]
    return StructType([*fields, StructField(QUARANTINE, StringType())])


# ---- in the Python workers of Spark


@dataclass(eq=False)
class _Rows:
    """An Arrow batch whose rows are being answered."""

    batch: Any
    texts: list[list[str | None]]  # for each row, its texts
    why: list[str | None]
    left: int


@dataclass
class _Reader:
    """Batches to groups of notes, and back."""

    job: _Job
    batches: Iterable[Any]
    open: deque[_Rows] = field(default_factory=deque)
    places: dict[int, tuple[_Rows, int, int]] = field(default_factory=dict)  # slot to batch, row, column
    number: int = 0

    def groups(self) -> Iterator[Group]:
        """The notes of each patient, in the order of their ids."""
        for _, rows in groupby(self._rows(), _owner):
            yield self._ready([slot for slots in rows for slot in slots])

    def _rows(self) -> Iterator[Group]:
        """The slots of each row."""
        columns = self.job.columns
        has_patient: bool | None = None
        for batch in self.batches:
            if has_patient is None:
                has_patient = columns.patient in batch.schema.names
            ids = batch.column(columns.id).to_pylist()
            patients = batch.column(columns.patient).to_pylist() if has_patient else [None] * len(ids)
            texts = list(zip(*(batch.column(name).to_pylist() for name in columns.texts), strict=True))
            rows = _Rows(
                batch, [list(row) for row in texts], [None] * len(ids), len(ids) * len(columns.texts)
            )
            self.open.append(rows)
            for at, (row_id, row_patient) in enumerate(zip(ids, patients, strict=True)):
                yield self._slots(rows, at, plain_name(row_id), plain_name(row_patient))

    def _slots(self, rows: _Rows, at: int, row_id: str | None, patient: str | None) -> Group:
        texts = dict(zip(self.job.columns.texts, rows.texts[at], strict=True))
        place = f"row {at + 1}"
        slots = []
        for column, note in enumerate(cell_notes(row_id or "", (patient or "").strip(), texts)):
            entry = Entry(note.id, place, ".txt", partial(same, note))
            why = None if row_id and patient is not None else Failure(note.id, place, "read", "format")
            slots.append(Slot(self.number, entry, why or note))
            self.places[self.number] = (rows, at, column)
            self.number += 1
        return slots

    def _ready(self, group: Group) -> Group:
        counts = Counter(slot.entry.id for slot in group)
        size = sum(len(slot.note.text) for slot in group if isinstance(slot.note, Note))
        for slot in group:
            if isinstance(slot.note, Note) and (counts[slot.entry.id] > 1 or size > self.job.hold):
                reason = "duplicate_id" if counts[slot.entry.id] > 1 else "patient_too_large"
                slot.note = Failure(slot.entry.id, slot.entry.place, "read", reason)
        return sorted(group, key=lambda slot: natural_order(slot.entry.id))

    def settle(self, slot: Slot, answer: Any) -> None:
        """The answer for a note into its row."""
        rows, at, column = self.places.pop(slot.number)
        rows.left -= 1
        failed: Failure | None = slot.note if isinstance(slot.note, Failure) else None
        if isinstance(answer, Made):
            try:
                encode(answer.value, "a note")
                if rows.texts[at][column] is not None:
                    rows.texts[at][column] = answer.value
                return
            except Exception as error:
                failed = failure(slot.entry, "pipeline", error)
        elif failed is None:
            failed = failure(slot.entry, "pipeline", answer)
        rows.why[at] = rows.why[at] or f"{failed.stage}: {failed.reason}"

    def finished(self) -> Iterator[Any]:
        """The batches all of whose rows are answered, from the first on."""
        while self.open and self.open[0].left == 0:
            yield self._rewritten(self.open.popleft())

    def _rewritten(self, rows: _Rows) -> Any:
        import pyarrow

        arrays = []
        for name in rows.batch.schema.names:
            if name in self.job.columns.texts:
                at = self.job.columns.texts.index(name)
                texts = [
                    row[at] if why is None else None for row, why in zip(rows.texts, rows.why, strict=True)
                ]
                arrays.append(pyarrow.array(texts, pyarrow.string()))
            else:
                arrays.append(rows.batch.column(name))
        arrays.append(pyarrow.array(rows.why, pyarrow.string()))
        return pyarrow.RecordBatch.from_arrays(arrays, [*rows.batch.schema.names, QUARANTINE])


def _owner(slots: Group) -> tuple[str | None, str]:
    """What the rows that go together share: the patient, else the id."""
    first = slots[0]
    patient = first.note.patient if isinstance(first.note, Note) else None
    return (patient, "") if patient is not None else (None, first.entry.id)


def _work(job: _Job, batches: Iterable[Any]) -> Iterator[Any]:
    """One task: every batch with its texts rewritten."""
    name, pool = _pool(job)
    reader = _Reader(job, batches)
    is_over = False
    try:
        for group, answers in pool.run(reader.groups(), in_order=True):
            answered = iter(answers)
            for slot in group:
                reader.settle(slot, next(answered) if isinstance(slot.note, Note) else None)
            yield from reader.finished()
        yield from reader.finished()
        is_over = True
    finally:
        if not is_over:  # its worker is still at something
            _pools.pop(name).end()


def _pool(job: _Job) -> tuple[str, Processes]:
    """The pool of this Python worker for a job, made by the first task that needs it."""
    name = repr((job.recipe, job.recipe.key_id, job.limits, job.key_file))
    if name not in _pools:
        recipe = job.recipe
        if job.key_file is not None:
            recipe = replace(recipe, key=_read_key(job.key_file))
        pool = Processes(recipe, 1, job.limits)
        pool.ready()
        _pools[name] = pool
        atexit.register(pool.end)
    return name, _pools[name]
