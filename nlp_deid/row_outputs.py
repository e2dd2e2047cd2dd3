"""Rows going out: how one is written down, and how all of them become a file of the source's form."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlp_deid.corpus.cells import safe_cell
from nlp_deid.corpus.checks import encode
from nlp_deid.corpus.files import whole
from nlp_deid.corpus.jsonl import Row
from nlp_deid.entries import Columns
from nlp_deid.note import Note
from nlp_deid.outputs import OutputError, disk, sync
from nlp_deid.row_sources import DELIMITERS, arrow_batches, csv_header
from nlp_deid.sources import Source

FILES = "files"  # a file a note, in a folder
_BATCH_ROWS = 1024

Rename = Callable[[str], str]


def form_of(source: Source, target: Path) -> str:
    """The form of the output: a row format, or `FILES`.

    Raises:
        OutputError: a source of this kind cannot be written so.
    """
    suffix = target.suffix.lower()
    if suffix == ".gz":
        raise OutputError(f"{target}: output is not compressed; name a .jsonl file or a folder")
    if target.is_dir() or suffix in ("", ".jsonl") or source.kind == "folder":
        if target.is_dir() or suffix != ".jsonl":
            return "datasets" if source.format == "datasets" else FILES
        return "jsonl"
    form = suffix.removeprefix(".")
    allowed = {"csv": ["csv"], "tsv": ["tsv"], "parquet": ["parquet", "datasets"]}.get(form, [])
    if source.format not in allowed:
        same = f"a .{source.format} file, " if source.format in (*DELIMITERS, "parquet") else ""
        raise OutputError(
            f"{target}: many notes need {same}a .jsonl file or a folder, whose name has no suffix"
        )
    return form


def write_down(
    form: str, columns: Columns, notes: Sequence[tuple[Note, str]], place: str, rename: Rename | None
) -> bytes:
    """One row with its new texts, in the form of the output.

    Args:
        form: "jsonl", "csv", "tsv", or "parquet" and "datasets", of which only the changed cells are kept.
        columns: what is what.
        notes: the notes of the row in the order of `columns.texts`, with their new texts.
        place: where the row stands.
        rename: makes pseudonyms of ids and patients; None leaves them.

    Raises:
        CorpusError: characters that the output cannot hold.
    """
    first = notes[0][0]
    row_id = first.id.removesuffix(f".{columns.texts[0]}") if len(notes) > 1 else first.id
    extra: Mapping[str, Any] = first.extra if isinstance(first, Row) else {}
    kept = columns.texts if isinstance(first, Row) and extra else ("text",)
    changed = {
        column: None if extra.get(column, "") is None else text
        for column, (_, text) in zip(kept, notes, strict=True)
    }
    if rename is not None:
        changed |= {name: rename(str(value)) for name in (columns.patient,) if (value := extra.get(name))}
        row_id = changed[columns.id] = rename(row_id)
    where = f"note {first.id!r}"
    if form in DELIMITERS:
        line = io.StringIO()
        cells = [
            safe_cell(value)
            for value in {**extra, **{k: v for k, v in changed.items() if k in extra}}.values()
        ]
        csv.writer(line, delimiter=DELIMITERS[form]).writerow(cells)
        return encode(line.getvalue(), where)
    if form == "jsonl":
        row = {columns.id: row_id, **extra, **changed}
        return encode(json.dumps(row, ensure_ascii=False, default=str), where) + b"\n"
    return encode(json.dumps([int(place.removeprefix("row ")), changed], ensure_ascii=False), where)


def write_rows(form: str, source: Source, rows: Iterator[bytes], target: Path, work: Path) -> None:
    """All rows, in order, as one file (or one dataset folder) that appears whole.

    Args:
        rows: what `write_down` made.
        work: a folder on the same disk for a dataset that is not whole yet.

    Raises:
        OutputError: the disk refuses.
        SourceError: the source changed in between.
    """
    with disk(str(target)):
        if form == "datasets":
            _write_dataset(source, rows, target, work)
            return
        with whole(target) as stream:
            if form == "parquet":
                from pyarrow.parquet import ParquetWriter

                _write_arrow(source, rows, lambda schema: ParquetWriter(stream, schema))
            else:
                if form in DELIMITERS:
                    assert source.path is not None
                    line = io.StringIO()
                    header = csv_header(source.path, source.columns, DELIMITERS[form])
                    csv.writer(line, delimiter=DELIMITERS[form]).writerow(header)
                    stream.write(line.getvalue().encode())
                for row in rows:
                    stream.write(row)
        sync(target.parent)


def _write_arrow(source: Source, rows: Iterator[bytes], open_writer: Callable[[Any], Any]) -> None:
    """The rows of an Arrow source that went well, with their changed cells."""
    import pyarrow

    assert source.path is not None
    changes = map(json.loads, rows)
    change = next(changes, None)
    writer, number = None, 0
    for batch in arrow_batches(source.path, source.columns):
        chosen, cells = [], []
        for at in range(batch.num_rows):
            number += 1
            if change is not None and change[0] == number:
                chosen.append(at)
                cells.append(change[1])
                change = next(changes, None)
        table = _changed(batch.take(pyarrow.array(chosen, pyarrow.int64())), cells, source.columns)
        writer = writer or open_writer(pyarrow.schema([_bare_field(field) for field in table.schema]))
        writer.write_table(table)
    if writer is not None:
        writer.close()


def _changed(batch: Any, cells: Sequence[Mapping[str, str | None]], columns: Columns) -> Any:
    """A batch with new cells; a column that gets pseudonyms becomes text."""
    import pyarrow

    arrays = [_without_unused(array) for array in batch.columns]
    table = pyarrow.Table.from_arrays(arrays, schema=batch.schema)
    for name in columns.own:
        at = table.schema.get_field_index(name)
        changes = name in columns.texts or any(name in cell for cell in cells)
        if at < 0 or not changes:
            continue
        kind = table.schema.field(at).type
        kind = kind if name in columns.texts and not pyarrow.types.is_dictionary(kind) else pyarrow.string()
        values = pyarrow.array([cell.get(name) for cell in cells], kind)
        table = table.set_column(at, pyarrow.field(name, kind), values)
    return table


def _without_unused(array: Any) -> Any:
    """A dictionary column keeps only the values of its own rows: others may be of quarantined ones."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_dictionary(array.type):
        return array
    seen = array.indices.unique().drop_null()
    kept = seen.take(compute.array_sort_indices(seen))
    indices = compute.index_in(array.indices, kept, skip_nulls=True).cast(array.type.index_type)
    return pyarrow.DictionaryArray.from_arrays(
        indices, array.dictionary.take(kept), ordered=array.type.ordered
    )


def _bare_field(field: Any) -> Any:
    """A field as it was, without metadata at any depth: those say who made a table, of whom and when."""
    import pyarrow

    return pyarrow.field(field.name, _bare(field.type), field.nullable)


def _bare(kind: Any) -> Any:
    """A type whose fields have no metadata."""
    import pyarrow
    from pyarrow import types

    if types.is_struct(kind):
        return pyarrow.struct([_bare_field(kind.field(at)) for at in range(kind.num_fields)])
    if types.is_list(kind):
        return pyarrow.list_(_bare_field(kind.value_field))
    if types.is_large_list(kind):
        return pyarrow.large_list(_bare_field(kind.value_field))
    if types.is_fixed_size_list(kind):
        return pyarrow.list_(_bare_field(kind.value_field), kind.list_size)
    if types.is_map(kind):
        return pyarrow.map_(_bare_field(kind.key_field), _bare_field(kind.item_field), kind.keys_sorted)
    return kind


def _write_dataset(source: Source, rows: Iterator[bytes], target: Path, work: Path) -> None:
    import pyarrow
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    plain, made = work / "rows.arrow", work / "dataset"
    _write_arrow(source, rows, lambda schema: pyarrow.ipc.new_stream(str(plain), schema))
    Dataset.from_file(str(plain)).save_to_disk(str(made))
    for file in made.iterdir():
        with file.open("rb+") as stream:
            sync(stream)
    if target.exists():
        target.rename(work / "former")
    made.rename(target)
    sync(target.parent)
