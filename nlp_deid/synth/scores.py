"""All scores of a synthetic table at once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nlp_deid.synth import fidelity
from nlp_deid.synth.constraints import Constraint, prepare
from nlp_deid.synth.copies import copies
from nlp_deid.synth.encoder import require_columns
from nlp_deid.synth.frames import SynthError, check_finite, to_pandas
from nlp_deid.synth.kinds import date_unit
from nlp_deid.synth.neighbours import Space, accuracies, distances
from nlp_deid.synth.utility import is_regression, utilities

FEWEST = 10  # rows of any table
BEST = "best"


@dataclass(frozen=True)
class Scores:
    """What a synthetic table keeps and gives away.

    Args:
        rows: of the three tables.
        accuracy: nearest-neighbour adversarial accuracies (see `neighbours.accuracies`).
        distance: DCR, NNDR and membership (see `neighbours.distances`).
        copies: synthetic rows that equal a training row; `copies_test` of test rows that do, for scale.
        similarity: "cosine" of the mean rows, "row_cosine" of the nearest rows, "marginal" and "pair"
            means, "correlation_error": mean absolute difference of correlations.
        marginals: of each column.
        utility: "real" and "synthetic": each model's R² or accuracy on test rows, and the best; empty
            without a target; None for a synthetic table no model can be trained on (one target value).
        broken: rows that break each constraint.
    """

    rows: dict[str, int]
    accuracy: dict[str, float]
    distance: dict[str, float]
    copies: int
    copies_test: int
    similarity: dict[str, float]
    marginals: dict[str, float]
    utility: dict[str, dict[str, float] | None]
    measure: str
    broken: dict[str, int]

    def as_json(self) -> str:
        """JSON, one object."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)

    def write(self, path: Path) -> None:
        """Write the JSON.

        Raises:
            SynthError: it cannot be written.
        """
        try:
            path.write_text(self.as_json() + "\n", encoding="utf-8")
        except OSError as error:
            raise SynthError(f"{path}: cannot be written ({error.strerror})") from None


def score(
    train: Any,
    test: Any,
    synthetic: Any,
    target: str = "",
    constraints: Iterable[Constraint | str] = (),
    seed: int = 0,
) -> Scores:
    """Score a synthetic table against the rows it was learned from and against rows unseen.

    Args:
        train, test, synthetic: frames with the same columns.
        target: the column that models are to predict; "" for none.
        constraints: clinical rules that rows must obey.
        seed: of the draws of rows.

    Raises:
        SynthError: a missing column, fewer than 10 rows, infinite numbers, no column beside the target,
            or text where the training table has numbers or dates.
    """
    known, unseen, made = (to_pandas(table) for table in (train, test, synthetic))
    for name, frame in (("the test table", unseen), ("the synthetic table", made)):
        require_columns(frame, list(known.columns), name)
    unseen, made = _alike(unseen, known, "the test table"), _alike(made, known, "the synthetic table")
    for frame in (known, unseen, made):
        check_finite(frame)
        if len(frame) < FEWEST:
            raise SynthError(f"{len(frame)} rows; at least {FEWEST} are needed in each table")
    if target:
        require_columns(known, [target], "the table")
        if known.shape[1] == 1:
            raise SynthError(f"no column beside the target {target!r}")
    space, rng = Space.of(known), np.random.default_rng(seed)
    a, b, c = (space.place(frame) for frame in (known, unseen, made))
    return Scores(
        rows={"train": len(known), "test": len(unseen), "synthetic": len(made)},
        accuracy=accuracies(a, b, c, rng),
        distance=distances(a, b, c, rng),
        copies=copies(known, made),
        copies_test=copies(known, unseen),
        similarity=_similarity(known, made, space),
        marginals=fidelity.marginals(known, made),
        utility=_utility(known, unseen, made, target) if target else {},
        measure=("R²" if is_regression(known[target]) else "accuracy") if target else "",
        broken={
            f"{rule.kind} of {', '.join(rule.columns)}": int((~rule.holds(made)).sum())
            for rule in prepare(constraints, known)
        },
    )


def _similarity(known: pd.DataFrame, made: pd.DataFrame, space: Space) -> dict[str, float]:
    real, synthetic = space.place(known), space.place(made)
    names, alike = fidelity.pairs(known, made)
    apart = np.abs(fidelity.correlations(known, space) - fidelity.correlations(made, space))
    upper = np.triu_indices(len(names), 1)
    return {
        "cosine": fidelity.cosine(real, synthetic),
        "row_cosine": fidelity.row_cosine(real, synthetic),
        "marginal": float(np.mean(list(fidelity.marginals(known, made).values()))),
        "pair": float(alike[upper].mean()) if len(upper[0]) else 1.0,
        "correlation_error": float(apart[np.triu_indices(len(apart), 1)].mean()) if len(apart) > 1 else 0.0,
    }


def _utility(
    known: pd.DataFrame, unseen: pd.DataFrame, made: pd.DataFrame, target: str
) -> dict[str, dict[str, float] | None]:
    regression = is_regression(known[target])

    def with_best(frame: pd.DataFrame) -> dict[str, float]:
        models = utilities(frame, unseen, target, regression)
        return models | {BEST: max(models.values())}

    real = with_best(known)
    if made[target].nunique() < 2:
        return {"real": real, "synthetic": None}
    return {"real": real, "synthetic": with_best(made)}


def _alike(frame: pd.DataFrame, known: pd.DataFrame, what: str) -> pd.DataFrame:
    """The columns of the training table, with its kinds: an empty or wholly numeric text column is text too."""
    found = {}
    for name in known.columns:
        series = frame[name]
        unit = date_unit(known[name])
        if pd.api.types.is_bool_dtype(known[name].dtype):
            found[name] = _as_truth(series, what)
        elif known[name].notna().any() and (unit or pd.api.types.is_numeric_dtype(known[name].dtype)):
            found[name] = _as_numbers(series, unit, what)
        elif pd.api.types.is_numeric_dtype(series.dtype) or series.isna().all():
            found[name] = series.astype(object)
        else:
            found[name] = series
    return pd.DataFrame(found)


def _as_truth(series: pd.Series[Any], what: str) -> pd.Series[Any]:
    """Truth values from truth values, 1 and 0, or text."""
    if pd.api.types.is_bool_dtype(series.dtype):
        return series
    words = {"True": True, "true": True, "1": True, "1.0": True}
    words |= {"False": False, "false": False, "0": False, "0.0": False}
    read = series.astype(object).map(str).map(words)
    bad = int((read.isna() & series.notna()).sum())
    if bad:
        raise SynthError(f"column {series.name!r} of {what}: {bad} values are not true or false")
    return read.astype(bool) if read.notna().all() else read.astype(object)


def _as_numbers(series: pd.Series[Any], unit: str, what: str) -> pd.Series[Any]:
    """A series of numbers or dates as it is, or from text."""
    if unit:
        numeric = pd.api.types.is_numeric_dtype(series.dtype) and series.notna().any()
        read = (
            series.where(series.isna())
            if numeric
            else pd.to_datetime(series, errors="coerce", format="ISO8601")
        )
    else:
        dates = pd.api.types.is_datetime64_any_dtype(series.dtype)
        read = series.where(series.isna()) if dates else pd.to_numeric(series, errors="coerce")
    bad = int((read.isna() & series.notna()).sum())
    if bad:
        kind = "dates" if unit else "numbers"
        raise SynthError(
            f"column {series.name!r} of {what}: {bad} values are not {kind} as in the training table"
        )
    return read
