"""How near synthetic rows are to real ones: adversarial accuracy, distances, copies, membership.

Rows become points: numbers scaled to [0, 1] by the training table, categories one-hot; distances are
Euclidean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from nlp_deid.synth.columns import numbers_of
from nlp_deid.synth.encoder import require_columns
from nlp_deid.synth.frames import Floats, SynthError
from nlp_deid.synth.frames import Generator as Rng
from nlp_deid.synth.kinds import date_unit

TIE = 1e-7  # distances that differ by less are equal: sums of unlike order differ in the last digits


@dataclass(frozen=True)
class Space:
    """Where rows lie.

    Args:
        numbers: each column of numbers with its unit, lowest and highest value.
        categories: each other column with its values as text.
    """

    numbers: dict[str, tuple[str, float, float]]
    categories: dict[str, list[str]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Space:
        """Scaled by the training table."""
        numbers: dict[str, tuple[str, float, float]] = {}
        categories: dict[str, list[str]] = {}
        for name in frame.columns:
            unit = date_unit(frame[name])
            numeric = pd.api.types.is_numeric_dtype(frame[name].dtype)
            if (unit or numeric) and frame[name].notna().any():
                found = numbers_of(frame[name], unit)
                numbers[name] = unit, float(np.nanmin(found)), float(np.nanmax(found))
            else:
                categories[name] = sorted(set(_text(frame[name])))
        return cls(numbers, categories)

    def place(self, frame: pd.DataFrame) -> Floats:
        """(rows, dimensions). A missing number lies in the middle, one away in a dimension of its own."""
        require_columns(frame, [*self.numbers, *self.categories], "the table")
        parts: list[Floats] = []
        for name, (unit, low, high) in self.numbers.items():
            found = numbers_of(frame[name], unit)
            gaps = np.isnan(found)
            scaled = (found - low) / (high - low) if high > low else np.zeros(len(found))
            parts += [np.where(gaps, 0.5, scaled)[:, None], gaps.astype(np.float64)[:, None]]
        for name, values in self.categories.items():
            text = _text(frame[name]).to_numpy()
            parts.append((text[:, None] == np.array(values, dtype=object)[None, :]).astype(np.float64))
        return np.hstack(parts)


@dataclass(frozen=True)
class Accuracy:
    """Nearest-neighbour adversarial accuracy: .5 if two tables cannot be told apart, 1 if always.

    Args:
        truth: share of real rows nearer to a real row than to a synthetic one.
        synthetic: share of synthetic rows nearer to a synthetic row than to a real one.
    """

    truth: float
    synthetic: float

    @property
    def mean(self) -> float:
        """Of the two halves."""
        return (self.truth + self.synthetic) / 2


def nearest(points: Floats, others: Floats, count: int = 1, itself: bool = False) -> Floats:
    """Distances from each point to its `count` nearest among others; (points, count).

    Args:
        itself: the others are the same table, and a point is not its own neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    extra = int(itself)
    if len(others) < count + extra:
        raise SynthError(f"{len(others)} rows are too few to look for {count} neighbours")
    search = NearestNeighbors(n_neighbors=count + extra).fit(others)
    rough, found = search.kneighbors(points)
    exact = np.empty_like(rough)  # above 15 dimensions the search is fast but puts copies up to 1e-7 apart
    for at in range(count + extra):
        exact[:, at] = np.linalg.norm(points - others[found[:, at]], axis=1)
    return np.asarray(np.sort(exact, axis=1)[:, extra:])


def adversarial_accuracy(real: Floats, synthetic: Floats) -> Accuracy:
    """Of two equally long tables (Yale et al., Neurocomputing 416, 2020, equation 1); ties count as not farther."""
    if len(real) != len(synthetic):
        raise SynthError("adversarial accuracy needs two equally long tables")
    truth = nearest(real, synthetic)[:, 0] > nearest(real, real, itself=True)[:, 0] + TIE
    fake = nearest(synthetic, real)[:, 0] > nearest(synthetic, synthetic, itself=True)[:, 0] + TIE
    return Accuracy(float(truth.mean()), float(fake.mean()))


def accuracies(
    train: Floats, test: Floats, synthetic: Floats, rng: Rng, most: int = 10_000, repeats: int = 5
) -> dict[str, float]:
    """Adversarial accuracy against training and test rows, and what it gives away.

    Each is a mean over draws of as many rows as the smaller table has (at most `most`); training and
    test rows meet different synthetic rows. `full` takes as many training rows as there are synthetic
    ones for (`full_rows`; at most twice `most`): all, if the synthetic table is as long, so that a copied
    row cannot be missed by a draw. The privacy loss is test less train: above 0 the training rows are nearer.
    """
    size = min(len(test), len(train), len(synthetic) // 2, most)
    near: list[Accuracy] = []
    far: list[Accuracy] = []
    for _ in range(repeats):
        drawn = rng.permutation(len(synthetic))
        near.append(
            adversarial_accuracy(train[rng.choice(len(train), size, replace=False)], synthetic[drawn[:size]])
        )
        other = synthetic[drawn[size : 2 * size]]
        far.append(adversarial_accuracy(test[rng.choice(len(test), size, replace=False)], other))
    whole = min(len(train), len(synthetic), 2 * most)
    full = adversarial_accuracy(
        train[rng.choice(len(train), whole, replace=False)],
        synthetic[rng.choice(len(synthetic), whole, replace=False)],
    )
    means = {"train": np.mean([a.mean for a in near]), "test": np.mean([a.mean for a in far])}
    halves = {
        "train_truth": np.mean([a.truth for a in near]),
        "train_synthetic": np.mean([a.synthetic for a in near]),
        "test_truth": np.mean([a.truth for a in far]),
        "test_synthetic": np.mean([a.synthetic for a in far]),
    }
    found = means | halves | {"full": full.mean, "full_truth": full.truth, "full_synthetic": full.synthetic}
    found["full_rows"] = whole
    return {name: float(value) for name, value in found.items()} | {
        "privacy_loss": float(means["test"] - means["train"])
    }


def distances(
    train: Floats, test: Floats, synthetic: Floats, rng: Rng, most: int = 10_000
) -> dict[str, float]:
    """Distance to the closest record (DCR), nearest-neighbour distance ratio (NNDR), and membership.

    `dcr_share` is the share of synthetic rows nearer to a training row than to a test row, of equally
    many of both: .5 if training rows are no nearer. `membership_auc` is how well an attacker who sees
    the synthetic table tells training rows from test rows by their distance to it: .5 is a guess.
    """
    from sklearn.metrics import roc_auc_score

    size = min(len(train), len(test), most)
    members = train[rng.choice(len(train), size, replace=False)]
    others = test[rng.choice(len(test), size, replace=False)]
    some = synthetic[rng.choice(len(synthetic), min(len(synthetic), most), replace=False)]
    two = nearest(some, train, 2)
    to_members, to_others = nearest(some, members)[:, 0], nearest(some, others)[:, 0]
    ties = np.abs(to_members - to_others) <= TIE
    attack = -np.concatenate([nearest(members, synthetic)[:, 0], nearest(others, synthetic)[:, 0]])
    attack = np.round(attack / TIE)
    return {
        "dcr_median": float(np.median(two[:, 0])),
        "dcr_median_test": float(np.median(nearest(others, train)[:, 0])),
        "dcr_share": float((to_members < to_others - TIE).mean() + ties.mean() / 2),
        "nndr_median": float(np.median(two[:, 0] / np.maximum(two[:, 1], 1e-12))),
        "membership_auc": float(roc_auc_score(np.repeat([1, 0], size), attack)),
    }


def _text(series: pd.Series[str]) -> pd.Series[str]:
    return series.astype(object).where(series.notna(), "").map(str)
