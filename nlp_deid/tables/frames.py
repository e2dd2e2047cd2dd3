"""Frames in and out: polars inside; pandas, Arrow, CSV and Parquet at the edges."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

Frame = Any  # a polars or pandas DataFrame or an Arrow table: whatever comes in goes out


class TableError(ValueError):
    """A table, or a call on it, that is wrong; names columns, never a person's value."""


def polars() -> Any:
    """The polars library.

    Raises:
        ImportError: the extra is not installed.
    """
    try:
        import polars as library
    except ImportError as error:
        raise ImportError("tables need polars: pip install 'nlp-deid[tables]'") from error
    return library


def read(path: str | Path, delimiter: str = ",") -> pl.DataFrame:
    """Read a CSV (every column as text, an empty field is missing) or Parquet file, by its ending.

    Raises:
        TableError: another ending, duplicate column names, or a file that cannot be read as such.
    """
    pl = polars()
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)  # type: ignore[no-any-return]
        if path.suffix in (".csv", ".tsv", ".txt"):
            with path.open(encoding="utf-8-sig", newline="") as file:
                _refuse_duplicates(next(csv.reader(file, delimiter=delimiter), []))
            return pl.read_csv(path, separator=delimiter, infer_schema=False)  # type: ignore[no-any-return]
    except (pl.exceptions.PolarsError, UnicodeError, csv.Error) as error:
        raise TableError(f"{path.name}: not readable as {path.suffix[1:]} ({type(error).__name__})") from None
    raise TableError(f"{path.name}: the ending must be .csv, .tsv, .txt or .parquet")


def write(frame: Frame, path: str | Path, delimiter: str = ",") -> None:
    """Write a CSV or Parquet file, by its ending."""
    path = Path(path)
    if path.suffix == ".parquet":
        to_polars(frame).write_parquet(path)
    elif path.suffix in (".csv", ".tsv", ".txt"):
        to_polars(frame).write_csv(path, separator=delimiter)
    else:
        raise TableError(f"{path.name}: the ending must be .csv, .tsv, .txt or .parquet")


def to_polars(frame: Frame) -> pl.DataFrame:
    """The frame as a polars one; a pandas index is left out, as it is no column.

    Raises:
        TableError: no frame of a known kind, or duplicate column names.
    """
    pl = polars()
    if isinstance(frame, pl.DataFrame):
        return frame  # type: ignore[no-any-return]
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()  # type: ignore[no-any-return]
    kind = type(frame).__module__.partition(".")[0]
    if kind == "pandas":
        _refuse_duplicates([str(name) for name in frame.columns])
        columns = {str(name): frame[name] for name in frame.columns}
        return pl.DataFrame({name: pl.from_pandas(c) for name, c in columns.items()})  # type: ignore[no-any-return]
    if kind == "pyarrow":
        _refuse_duplicates(frame.column_names)
        return pl.from_arrow(frame)  # type: ignore[no-any-return]
    raise TableError(
        f"a table must be a polars or pandas DataFrame or an Arrow table, not {type(frame).__name__}"
    )


def like(frame: pl.DataFrame, original: Frame) -> Frame:
    """A polars frame in the kind of the original one; a pandas index starts at 0 again."""
    kind = type(original).__module__.partition(".")[0]
    if kind == "pandas":
        import pandas as pd

        return pd.DataFrame({name: _pandas(frame[name]) for name in frame.columns})
    return frame.to_arrow() if kind == "pyarrow" else frame


def _pandas(series: pl.Series) -> Any:
    import pandas as pd

    values = series.to_list() if series.dtype == polars().String else series.to_numpy()
    return pd.Series(values, dtype=object if series.dtype == polars().String else None)


def _refuse_duplicates(names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise TableError(f"duplicate column names: {', '.join(map(repr, twice))}")
