"""Train on synthetic rows, test on real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nlp_deid.synth.columns import numbers_of
from nlp_deid.synth.encoder import require_columns
from nlp_deid.synth.frames import Floats, SynthError
from nlp_deid.synth.kinds import FEW, date_unit

MOST_FOR_CHECK = 6000
MOST_VALUES = 50  # of a text column, for models; further ones count as none of them


def is_regression(target: pd.Series[Any]) -> bool:
    """Whether a target is a number with many values."""
    numeric = pd.api.types.is_numeric_dtype(target.dtype) and not pd.api.types.is_bool_dtype(target.dtype)
    return bool(numeric and target.nunique() > FEW)


def matrices(
    train: pd.DataFrame, test: pd.DataFrame, target: str, regression: bool
) -> tuple[Floats, NDArray[Any], Floats, NDArray[Any]]:
    """Features and targets for scikit-learn; rows without a target are left out."""
    for frame in (train, test):
        require_columns(frame, [*test.columns, target], "a table")
    train, test = train[train[target].notna()], test[test[target].notna()]
    if train.empty or test.empty:
        raise SynthError(f"no row has a target in column {target!r}")
    known, unknown = [], []
    for name in test.columns.drop(target):
        parts = _features(train[name], test[name])
        known.append(parts[0])
        unknown.append(parts[1])
    y_train, y_test = train[target], test[target]
    if regression:
        return np.hstack(known), numbers_of(y_train), np.hstack(unknown), numbers_of(y_test)
    return np.hstack(known), _labels(y_train), np.hstack(unknown), _labels(y_test)


def quick_utility(synthetic: pd.DataFrame, real: pd.DataFrame, target: str, regression: bool) -> float:
    """R² or accuracy on real rows of one quick model trained on synthetic ones; -1 if it cannot be trained.

    Args:
        regression: what `is_regression` says of the table learned from; few rows may have few values.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    x, y, x_real, y_real = matrices(synthetic.head(MOST_FOR_CHECK), real, target, regression)
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    if len(np.unique(y)) < 2:
        return -1.0
    model = kind(max_iter=60, random_state=0, early_stopping=False, max_leaf_nodes=15)
    return float(max(-1.0, model.fit(x, y).score(x_real, y_real)))


def utilities(train: pd.DataFrame, test: pd.DataFrame, target: str, regression: bool) -> dict[str, float]:
    """R² or accuracy on test rows of a linear model, a random forest and gradient boosting trained on train.

    Args:
        regression: what `is_regression` says of the real training table.

    Raises:
        SynthError: no row has a target, or all have the same.
    """
    from sklearn import ensemble, linear_model
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y, x_test, y_test = matrices(train, test, target, regression)
    if len(np.unique(y)) < 2:
        raise SynthError(f"column {target!r}: one value only; a model cannot be trained")
    models: dict[str, Any]
    if regression:
        models = {
            "linear": linear_model.LinearRegression(),
            "forest": ensemble.RandomForestRegressor(200, random_state=0),
            "boosting": ensemble.GradientBoostingRegressor(random_state=0),
        }
    else:
        models = {
            "linear": make_pipeline(StandardScaler(), linear_model.LogisticRegression(max_iter=1000)),
            "forest": ensemble.RandomForestClassifier(200, random_state=0),
            "boosting": ensemble.GradientBoostingClassifier(random_state=0),
        }
    return {name: float(model.fit(x, y).score(x_test, y_test)) for name, model in models.items()}


def _features(train: pd.Series[Any], test: pd.Series[Any]) -> tuple[Floats, Floats]:
    unit = date_unit(test)
    if unit or pd.api.types.is_numeric_dtype(test.dtype):
        known, unknown = numbers_of(train, unit), numbers_of(test, unit)
        middle = float(np.nanmedian(known)) if (~np.isnan(known)).any() else 0.0
        filled = [
            np.column_stack([np.nan_to_num(part, nan=middle), np.isnan(part)]) for part in (known, unknown)
        ]
        return filled[0], filled[1]
    values = train.dropna().map(str).value_counts().index[:MOST_VALUES].to_numpy()
    hot = [
        np.asarray(part.map(str).to_numpy()[:, None] == values[None, :], np.float64) for part in (train, test)
    ]
    return hot[0], hot[1]


def _labels(series: pd.Series[Any]) -> NDArray[Any]:
    """Classes as text, equal for 1, 1.0 and "1"."""
    return np.array([str(int(v)) if isinstance(v, float) and v.is_integer() else str(v) for v in series])
