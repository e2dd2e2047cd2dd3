"""A whole table as one matrix, and back; the target column comes last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nlp_deid.synth.columns import Categories, Column, Numbers
from nlp_deid.synth.copies import Hashes, fingerprints
from nlp_deid.synth.frames import Floats, Generator, SynthError
from nlp_deid.synth.kinds import learn

KINDS: dict[str, type[Categories] | type[Numbers]] = {"categories": Categories, "numbers": Numbers}


@dataclass(frozen=True)
class Encoder:
    """The columns of a table.

    Args:
        columns: in the order of the matrix, the target last.
        names: in the order of the table.
        target: the column that others are to predict, or "".
    """

    columns: tuple[Column, ...]
    names: tuple[str, ...]
    target: str = ""

    @classmethod
    def of(cls, frame: pd.DataFrame, target: str = "") -> Encoder:
        """Learn every column of a frame."""
        names = [name for name in frame.columns if name != target] + ([target] if target else [])
        return cls(tuple(learn(frame[name]) for name in names), tuple(frame.columns), target)

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return sum(column.width for column in self.columns)

    def blocks(self) -> Iterator[tuple[Column, slice]]:
        """Each column with its part of the matrix."""
        start = 0
        for column in self.columns:
            yield column, slice(start, start + column.width)
            start += column.width

    def encode(self, frame: pd.DataFrame, rng: Generator) -> NDArray[np.float32]:
        """(rows, width); spikes are spread anew in each call."""
        parts = [column.encode(frame[column.name], rng) for column in self.columns]
        return np.hstack(parts).astype(np.float32)

    def decode(self, matrix: Floats) -> pd.DataFrame:
        """A frame with the columns, order and dtypes of the one learned from."""
        parts = {column.name: column.decode(matrix[:, at]) for column, at in self.blocks()}
        return pd.DataFrame({name: parts[name] for name in self.names})

    def fingerprints(self, frame: pd.DataFrame) -> Hashes:
        """A hash of each row (see `copies.fingerprints`)."""
        rounding = {c.name: (c.unit, c.decimals) if isinstance(c, Numbers) else None for c in self.columns}
        return fingerprints(frame, rounding)

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        columns = [{"kind": column.kind, **asdict(column)} for column in self.columns]
        return {"columns": columns, "names": list(self.names), "target": self.target}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Encoder:
        """What `as_dict` gave.

        Raises:
            SynthError: something else.
        """
        try:
            columns = tuple(_column(dict(entry)) for entry in found["columns"])
            return cls(columns, tuple(found["names"]), found["target"])
        except (KeyError, TypeError, AttributeError):
            raise SynthError("the model's columns are damaged") from None


def _column(entry: dict[str, Any]) -> Column:
    kind: Any = KINDS[entry.pop("kind")]
    found: Column = kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in entry.items()})
    return found


def require_columns(frame: pd.DataFrame, names: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks columns.

    Raises:
        SynthError: names the missing columns.
    """
    lacking = [name for name in names if name not in frame.columns]
    if lacking:
        raise SynthError(f"{what} lacks the columns {', '.join(lacking)}")
