"""Whether a row is in a table, by hashes of whole rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nlp_deid.synth.columns import decimals_of, numbers_of
from nlp_deid.synth.kinds import date_unit

Hashes = NDArray[np.uint64]
Rounding = tuple[str, int]  # unit and decimals of a column of numbers


def fingerprints(frame: pd.DataFrame, rounding: Mapping[str, Rounding | None]) -> Hashes:
    """A hash of each row, equal for equal rows after rounding, whatever the dtypes.

    Args:
        rounding: the columns that count; None for those that are not numbers or dates.
    """
    plain = {}
    for name, how in rounding.items():
        if how is None:
            plain[name] = frame[name].astype(object).map(_as_text).to_numpy()
        else:
            plain[name] = numbers_of(frame[name], how[0]).round(how[1]) + 0.0  # no negative zero
    return np.asarray(pd.util.hash_pandas_object(pd.DataFrame(plain), index=False), dtype=np.uint64)


def copies(train: pd.DataFrame, synthetic: pd.DataFrame) -> int:
    """How many synthetic rows equal a training row in every column."""
    rounding: dict[str, Rounding | None] = {}
    for name in train.columns:
        unit = date_unit(train[name])
        numeric = pd.api.types.is_numeric_dtype(train[name].dtype) and train[name].notna().any()
        if unit or numeric:
            rounding[name] = unit, decimals_of(numbers_of(train[name].dropna(), unit))
        else:
            rounding[name] = None
    return int(np.isin(fingerprints(synthetic, rounding), fingerprints(train, rounding)).sum())


def _as_text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if pd.isna(value) else str(value)
