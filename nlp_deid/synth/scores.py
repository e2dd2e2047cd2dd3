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
            without a target.
        broken: rows that break each constraint.
    """

    rows: dict[str, int]
    accuracy: dict[str, float]
    distance: dict[str, float]
    copies: int
    copies_test: int
    similarity: dict[str, float]
    marginals: dict[str, float]
    utility: dict[str, dict[str, float]]
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
        SynthError: a missing column, fewer than 10 rows, or infinite numbers.
    """
    known, unseen, made = (to_pandas(table) for table in (train, test, synthetic))
    for name, frame in (("the test table", unseen), ("the synthetic table", made)):
        require_columns(frame, list(known.columns), name)
    unseen, made = unseen[known.columns], made[known.columns]
    for frame in (known, unseen, made):
        check_finite(frame)
        if len(frame) < FEWEST:
            raise SynthError(f"{len(frame)} rows; at least {FEWEST} are needed in each table")
    if target:
        require_columns(known, [target], "the table")
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
        measure=("R²" if is_regression(unseen[target]) else "accuracy") if target else "",
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
) -> dict[str, dict[str, float]]:
    found = {}
    for name, frame in (("real", known), ("synthetic", made)):
        models = utilities(frame, unseen, target)
        found[name] = models | {BEST: max(models.values())}
    return found
