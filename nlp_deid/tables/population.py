"""How many records of a population are unique, estimated from the class sizes of a sample of it.

Three estimators and the rule that chooses among them (Dankar, El Emam, Neisa & Roffey, "Estimating
the re-identification risk of clinical data sets", BMC Med Inform Decis Mak 12:66, 2012).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nlp_deid.tables.arrays import Ints
from nlp_deid.tables.frames import TableError

SMALL_FRACTION = 0.1  # up to this sampling fraction the rule trusts Pitman's model


@dataclass(frozen=True)
class PopulationUniqueness:
    """Estimates of the share of a population's records that are unique in it.

    Attributes:
        population: its number of records.
        fraction: the sample's share of it.
        estimates: by "pitman", "zayatz" and "snb"; NaN where a model does not fit the sample.
        chosen: the estimator that the rule takes.
    """

    population: int
    fraction: float
    estimates: Mapping[str, float]
    chosen: str

    @property
    def share(self) -> float:
        """The chosen estimate."""
        return self.estimates[self.chosen]


def population_uniqueness(sizes: Ints, population: int) -> PopulationUniqueness:
    """Estimate population uniqueness.

    Args:
        sizes: records of each class of the sample.
        population: records of the population that the sample was drawn from.

    Raises:
        TableError: no classes, or a population smaller than the sample.
    """
    sample = int(sizes.sum())
    if not sample:
        raise TableError("no records to estimate from")
    if population < sample:
        raise TableError(f"the population ({population}) is smaller than the table ({sample} records)")
    size, count = np.unique(sizes, return_counts=True)
    models = {"pitman": pitman, "zayatz": zayatz, "snb": snb}
    if size[0] > 1:  # without sample uniques every model says none
        estimates = dict.fromkeys(models, 0.0)
    else:
        estimates = {name: model(size, count, population) for name, model in models.items()}
    fraction = sample / population
    return PopulationUniqueness(population, fraction, estimates, _choose(estimates, fraction))


def _choose(estimates: Mapping[str, float], fraction: float) -> str:
    """Pitman for small fractions, else the lower one of Zayatz and SNB; Zayatz where these do not fit."""
    if fraction <= SMALL_FRACTION:
        return "pitman" if np.isfinite(estimates["pitman"]) else "zayatz"
    return "snb" if estimates["snb"] <= estimates["zayatz"] else "zayatz"


def zayatz(size: Ints, count: Ints, population: int) -> float:
    """Sample uniques times the chance that one is a population unique, over the sampling fraction.

    Class sizes in the population are taken to be distributed as in the sample (Zayatz, "Estimation
    of the percent of unique population elements on a microdata file using the sample", US Census
    Bureau SRD/RR-91/08, 1991).

    Args:
        size, count: the different class sizes of the sample, and the classes of each size.
    """
    from scipy.stats import hypergeom

    sample = int(size @ count)
    seen_once = hypergeom.pmf(1, population, size, sample)
    unique = float(seen_once[0] * count[0] / (seen_once @ count)) if size[0] == 1 else 0.0
    return float(count[0]) * unique / sample


def pitman(size: Ints, count: Ints, population: int) -> float:
    """Share expected under Pitman's sampling formula with the parameters most likely for the sample.

    Hoshino, "Applying Pitman's sampling formula to microdata disclosure risk assessment", J Off
    Stat 17:499, 2001.
    """
    theta, alpha = pitman_parameters(size, count)
    return pitman_uniques(theta, alpha, population) / population


def pitman_uniques(theta: float, alpha: float, population: int) -> float:
    """Classes of one record that a population has in the mean."""
    from scipy.special import gammaln

    logarithm = (
        gammaln(theta + alpha + population - 1)
        - gammaln(theta + alpha)
        + gammaln(theta + 1)
        - gammaln(theta + population)
    )
    return float(population * np.exp(logarithm))


def pitman_parameters(size: Ints, count: Ints) -> tuple[float, float]:
    """The most likely theta and alpha; 0 < alpha < 1, theta > -alpha. NaN if none is found."""
    from scipy.optimize import minimize
    from scipy.special import expit, gammaln

    classes, records = int(count.sum()), int(size @ count)

    def cost(point: tuple[float, float]) -> float:
        alpha = float(np.clip(expit(point[1]), 1e-9, 1 - 1e-9))
        theta = float(np.exp(np.clip(point[0], -30, 30))) - alpha
        new = (classes - 1) * np.log(alpha) + gammaln(theta / alpha + classes) - gammaln(theta / alpha + 1)
        grown = count @ (gammaln(size - alpha) - gammaln(1 - alpha))
        return float(gammaln(theta + records) - gammaln(theta + 1) - new - grown)

    starts = [(np.log(max(classes, 2)), 0.0), (0.0, 0.0), (np.log(max(classes, 2)), -4.0)]
    options = {"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000}
    found = [minimize(cost, start, method="Nelder-Mead", options=options) for start in starts]
    best = min((fit for fit in found if fit.success), key=lambda fit: fit.fun, default=None)
    if best is None:
        return float("nan"), float("nan")
    alpha = float(np.clip(expit(best.x[1]), 1e-9, 1 - 1e-9))
    return float(np.exp(best.x[0])) - alpha, alpha


def snb(size: Ints, count: Ints, population: int) -> float:
    """Share under the slide negative binomial model: class sizes are 1 + NB(r, p).

    r and p are solved from the classes of one and two records, with the number of population
    classes after Shlosser. Chen & Keller-McNulty, "Estimation of identification disclosure risk in
    microdata", J Off Stat 14:79, 1998.
    """
    by_size = dict(zip(size.tolist(), count.tolist(), strict=True))
    sample = int(size @ count)
    fraction = sample / population
    if fraction == 1:
        return float(by_size.get(1, 0) / population)
    classes = shlosser(size, count, fraction)
    r, p = snb_parameters(classes, by_size.get(1, 0), by_size.get(2, 0), fraction)
    return min(float(classes * p**r) / population, 1.0)


def shlosser(size: Ints, count: Ints, fraction: float) -> float:
    """Classes of the population (Haas & Stokes, "Estimating the number of classes in a finite
    population", J Am Stat Assoc 93:1475, 1998: Shlosser's estimator, third form). The fraction lies below 1.
    """
    ones = float(count[size == 1].sum())
    squared = fraction**2
    first = (size * squared * (1 - squared) ** (size - 1)) @ count
    second = ((1 - fraction) ** size * ((1 + fraction) ** size - 1)) @ count
    unseen = ((1 - fraction) ** size) @ count
    once = (size * fraction * (1 - fraction) ** (size - 1)) @ count
    return float(count.sum() + ones * (first / second) * (unseen / once) ** 2)


def snb_parameters(classes: float, ones: float, twos: float, fraction: float) -> tuple[float, float]:
    """r and p for which a sample has that many classes of one and two records; NaN if there are none."""
    from scipy.optimize import least_squares
    from scipy.special import expit

    def miss(point: tuple[float, float]) -> list[float]:
        expected = snb_seen(float(np.exp(point[0])), float(expit(point[1])), fraction)
        return [
            (classes * share - seen) / (1 + seen) for share, seen in zip(expected, (ones, twos), strict=True)
        ]

    starts = [(0.0, 0.0), (-2.0, -2.0), (-2.0, 2.0), (2.0, 2.0)]
    fits = [least_squares(miss, start, bounds=([-30, -30], [30, 30])) for start in starts]
    best = min(fits, key=lambda fit: fit.cost)
    if not best.cost < 1e-8:
        return float("nan"), float("nan")
    return float(np.exp(best.x[0])), float(expit(best.x[1]))


def snb_seen(r: float, p: float, fraction: float) -> tuple[float, float]:
    """Chances that a class has one, and two, records in a sample that takes each with `fraction`."""
    hidden = (1 - fraction) * (1 - p)
    odds = (1 - p) * fraction / (1 - hidden)
    base = (p / (1 - hidden)) ** r
    one = base * ((1 - fraction) * r * odds + fraction)
    two = base * ((1 - fraction) * r * (r + 1) / 2 * odds**2 + fraction * r * odds)
    return one, two
