"""Frames in and out: pandas inside; polars, Arrow, CSV and Parquet at the edges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Generator = np.random.Generator


class SynthError(ValueError):
    """A table, a model or a call that is wrong; names columns and counts, never a person's value."""


def to_pandas(table: Any) -> pd.DataFrame:
    """A pandas frame with a fresh index from a pandas or polars frame or an Arrow table.

    Raises:
        SynthError: something else, no columns, or two columns of one name.
    """
    if not isinstance(table, pd.DataFrame):
        if not hasattr(table, "to_pandas"):
            raise SynthError(
                f"a table must be a pandas or polars frame or an Arrow table, not {type(table).__name__}"
            )
        table = table.to_pandas()
    frame: pd.DataFrame = table.reset_index(drop=True)
    frame.columns = pd.Index([str(name) for name in frame.columns])
    doubles = sorted(set(frame.columns[frame.columns.duplicated()]))
    if doubles or frame.shape[1] == 0:
        raise SynthError(f"two columns are named {', '.join(doubles)}" if doubles else "no columns")
    return frame


def read(path: Path | str) -> pd.DataFrame:
    """Read a .csv, .tsv or .parquet file; an empty field or NaN is missing, other words are text.

    Raises:
        SynthError: another ending, or a file that cannot be read as such.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            return to_pandas(pd.read_parquet(path))
        if path.suffix in (".csv", ".tsv"):
            separator = "\t" if path.suffix == ".tsv" else ","
            return to_pandas(
                pd.read_csv(path, sep=separator, keep_default_na=False, na_values=["", "NaN", "nan"])
            )
    except (OSError, ValueError, ImportError) as error:
        raise SynthError(f"{path}: not readable as {path.suffix[1:]} ({type(error).__name__})") from None
    raise SynthError(f"{path}: the ending must be .csv, .tsv or .parquet")


def write(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a .csv, .tsv or .parquet file, by its ending."""
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            frame.to_parquet(path, index=False)
        elif path.suffix in (".csv", ".tsv"):
            frame.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
        else:
            raise SynthError(f"{path}: the ending must be .csv, .tsv or .parquet")
    except OSError as error:
        raise SynthError(f"{path}: cannot be written ({error.strerror})") from None


def check_finite(frame: pd.DataFrame) -> None:
    """Refuse infinite numbers.

    Raises:
        SynthError: names the columns and how many rows are affected.
    """
    for name in frame.columns:
        if pd.api.types.is_float_dtype(frame[name].dtype):
            bad = int(np.isinf(frame[name].to_numpy(dtype=np.float64, na_value=np.nan)).sum())
            if bad:
                raise SynthError(f"column {name!r}: {bad} infinite numbers; make them missing or finite")
