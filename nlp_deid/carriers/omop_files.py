"""NOTE tables of OMOP in CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from nlp_deid.carriers import omop
from nlp_deid.carriers.files import HEADER, CarrierFilesError, Results, Summary, run
from nlp_deid.carriers.sheet import CarrierError
from nlp_deid.corpus.cells import safe_cell
from nlp_deid.deid import Deid

OMOP_SUFFIXES = frozenset({".csv", ".tsv"})
_LONGEST_CELL = 2**31 - 1


def scrub_omop(
    deid: Deid, source: Path, out: Path, *, persons: Path | None = None, overwrite: bool = False
) -> Summary:
    """NOTE tables in CSV (.csv, or .tsv with tabs; UTF-8), sorted by person; every cell is written in quotes.

    Args:
        deid: the pipeline.
        source: a file, or a folder with files in it and below.
        out: likewise.
        persons: the PERSON table, or demographics with a person_id, in CSV.
        overwrite: replace what is in `out`.

    Raises:
        CarrierFilesError: input or output that cannot be used.
    """
    known: dict[str, Mapping[str, Any]] = {}
    if persons is not None:
        known = {str(row.get("person_id", "")).strip(): row for _, row in _table(persons)}

    def read(path: Path) -> Results:
        try:
            for _ in _table(path):
                pass
        except CarrierFilesError:  # rows behind broken quotes cannot be told apart: the file is one document
            yield "", CarrierError("csv")
            return
        header = [name for name in _header(path) if name.lower() in omop.NOTE]
        if "note_text" not in map(str.lower, header) or "person_id" not in map(str.lower, header):
            yield "", CarrierError("columns")
            return
        tabs = path.suffix.lower() == ".tsv"
        yield HEADER, _csv_line(header, tabs)
        places: list[str] = []

        def rows() -> Iterator[Mapping[str, Any]]:
            for place, row in _table(path):
                places.append(place)
                yield row

        for number, made in enumerate(omop.scrub_table(deid, rows(), known)):
            cells = made if isinstance(made, CarrierError) else [made[name.lower()] for name in header]
            yield places[number], cells if isinstance(cells, CarrierError) else _csv_line(cells, tabs)

    return run(source, out, OMOP_SUFFIXES, read, overwrite)


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return next(csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ","), [])


def _table(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Line number and row of a CSV file; a row of another length than the header's has no text.

    Raises:
        CarrierFilesError: quotes that do not match, or not UTF-8; what follows cannot be told apart.
    """
    csv.field_size_limit(_LONGEST_CELL)
    tabs = path.suffix.lower() == ".tsv"
    problem = "quotes that do not match"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter="\t" if tabs else ",", strict=True)
            header = next(reader, [])
            for cells in reader:
                if cells:
                    fits = len(cells) == len(header)
                    yield str(reader.line_num), dict(zip(header, cells, strict=True)) if fits else {}
            return
    except csv.Error:  # its message may quote the line
        line = reader.line_num
    except UnicodeDecodeError:
        problem, line = "not UTF-8", reader.line_num
    raise CarrierFilesError(f"{path}: behind line {line}: {problem}")


def _csv_line(cells: list[Any], tabs: bool) -> bytes:
    """A line with every cell in quotes, and none that a spreadsheet runs."""
    out = io.StringIO()
    csv.writer(out, delimiter="\t" if tabs else ",", quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(
        map(safe_cell, cells)
    )
    return out.getvalue().encode("utf-8", "replace")
