"""RAPPOR complete: Bloom filters, cohorts, two rounds of noise, and the server's decoding.

Erlingsson, Pihur and Korolova, "RAPPOR" (CCS 2014). The permanent answer to a value is drawn once and
kept, so averaging many reports tells no more than that answer: ε∞ bounds what all reports of one
value tell, ε1 what a single one tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import NDArray

from nlp_deid.dp.checks import PrivacyError, exact
from nlp_deid.dp.local import Bits, bucket
from nlp_deid.dp.sampling import Entropy, Integers, below, coins, os_entropy


@dataclass(frozen=True)
class Rappor:
    """The settings that clients and server share.

    Args:
        bits: length of a Bloom filter.
        hashes: bits that a value sets.
        cohorts: groups of clients with hash functions of their own.
        f: share of permanent bits that are pure chance.
        p, q: probability that a report shows 1 where the permanent bit is 0, or 1.
    """

    bits: int = 128
    hashes: int = 2
    cohorts: int = 64
    f: float = 0.5
    p: float = 0.5
    q: float = 0.75

    def __post_init__(self) -> None:
        if min(self.bits, self.hashes, self.cohorts) < 1 or self.hashes > self.bits:
            raise PrivacyError("bits, hashes and cohorts must be at least 1, and hashes at most bits")
        if not (0 < self.f < 1 and 0 <= self.p < self.q <= 1):
            raise PrivacyError("f must lie strictly between 0 and 1, and p below q, both in [0, 1]")

    @property
    def epsilon_permanent(self) -> float:
        """ε∞ = 2h ln((1 - f/2) / (f/2)): all reports of one value together."""
        return 2 * self.hashes * math.log((1 - self.f / 2) / (self.f / 2))

    @property
    def epsilon_one(self) -> float:
        """ε1 = h ln(q*(1 - p*) / p*(1 - q*)): one report."""
        low, high = self.rates
        return self.hashes * math.log(high * (1 - low) / (low * (1 - high)))

    @property
    def rates(self) -> tuple[float, float]:
        """(p*, q*): probability that a report shows 1 where the filter holds 0, or 1."""
        middle = self.f * (self.p + self.q) / 2
        return middle + (1 - self.f) * self.p, middle + (1 - self.f) * self.q

    def bloom(self, value: str, cohort: int) -> Bits:
        """The filter of a value in a cohort."""
        filled = np.zeros(self.bits, dtype=bool)
        for number in range(self.hashes):
            filled[bucket(value, cohort * self.hashes + number, self.bits)] = True
        return filled

    def permanent(self, truth: Bits, entropy: Entropy = os_entropy) -> Bits:
        """The first noise: each bit is flipped with probability f/2. Never to be drawn twice for a value."""
        return truth ^ coins(exact(self.f) / 2, truth.size, entropy).reshape(truth.shape)

    def report(self, permanent: Bits, entropy: Entropy = os_entropy) -> Bits:
        """The second noise, fresh for each report: 1 with probability q where the bit is 1, else p."""
        high, low = (
            coins(exact(rate), permanent.size, entropy).reshape(permanent.shape) for rate in (self.q, self.p)
        )
        return np.where(permanent, high, low)

    def error(self, people: int) -> float:
        """Standard deviation of the estimate of a rare value, a bit's noise over `hashes` bits a cohort."""
        low, high = self.rates
        return math.sqrt(people * low * (1 - low) / self.hashes) / (high - low)


@dataclass
class RapporClient:
    """One person's device: a cohort drawn once and the permanent answers it must keep.

    Args:
        settings: as the server's.
        cohort: kept from an earlier run; None draws one.
        memory: permanent answers kept from an earlier run. They are secret and must outlive restarts,
            for a second permanent answer to one value doubles its ε∞.
    """

    settings: Rappor
    cohort: int | None = None
    memory: dict[str, Bits] = field(default_factory=dict, repr=False)
    _: KW_ONLY
    entropy: Entropy = field(default=os_entropy, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.cohort is None:
            self.cohort = int(below(self.settings.cohorts, 1, self.entropy)[0])
        if not 0 <= self.cohort < self.settings.cohorts:
            raise PrivacyError("the cohort does not exist")

    def report(self, value: str) -> tuple[int, Bits]:
        """(cohort, bits): what leaves the device."""
        cohort = int(self.cohort or 0)
        if value not in self.memory:
            truth = self.settings.bloom(value, cohort)
            self.memory[value] = self.settings.permanent(truth, self.entropy)
        return cohort, self.settings.report(self.memory[value], self.entropy)


@dataclass(frozen=True)
class Found:
    """A value that the server holds to be in use: how many people, with what standard error."""

    value: str
    people: float
    error: float
    p_value: float


@dataclass
class RapporServer:
    """Adds up reports and decodes them over a list of candidate values."""

    settings: Rappor
    ones: Integers = field(init=False)
    people: Integers = field(init=False)

    def __post_init__(self) -> None:
        self.ones = np.zeros((self.settings.cohorts, self.settings.bits), dtype=np.int64)
        self.people = np.zeros(self.settings.cohorts, dtype=np.int64)

    def add(self, cohorts: Iterable[int], reports: NDArray[np.bool_]) -> None:
        """Take in reports, one row each."""
        groups = np.fromiter(cohorts, dtype=np.int64)
        np.add.at(self.people, groups, 1)
        for cohort in np.unique(groups):
            self.ones[cohort] += reports[groups == cohort].sum(axis=0)

    def estimate(self) -> NDArray[np.float64]:
        """How many people's filters hold a 1, for each cohort and bit."""
        low, high = self.settings.rates
        return np.asarray((self.ones - low * self.people[:, None]) / (high - low))

    def decode(self, candidates: Sequence[str], false_discovery: float = 0.05) -> list[Found]:
        """The candidates in use, most frequent first.

        A lasso without negative weights picks candidates, least squares over them estimates how
        many people hold each, and the values found are held to a false-discovery rate (Benjamini
        and Hochberg) counted over all candidates. Values outside the list fall into the intercept.
        """
        from sklearn.linear_model import Lasso

        seen = np.flatnonzero(self.people)
        if not seen.size or not candidates:
            return []
        target = (self.estimate()[seen] * (self.people.sum() / self.people[seen])[:, None]).ravel()
        filters = [[self.settings.bloom(value, int(cohort)) for cohort in seen] for value in candidates]
        design = np.array(filters, dtype=np.float64).reshape(len(candidates), -1).T
        low, high = self.settings.rates
        spread = math.sqrt(seen.size * self.people.sum() * low * (1 - low)) / (high - low)
        # About the noise that reaches one candidate: lets nearly all true ones in, the test below sifts.
        penalty = spread * math.sqrt(self.settings.hashes * seen.size) / len(target)
        lasso = Lasso(alpha=penalty, positive=True, max_iter=5000).fit(design, target)
        chosen = np.flatnonzero(lasso.coef_ > 0)
        people, errors = _least_squares(design[:, chosen], target)
        p_values = np.array([0.5 * math.erfc(z / math.sqrt(2)) for z in people / errors])
        order = np.argsort(p_values)
        limits = false_discovery * np.arange(1, len(order) + 1) / len(candidates)
        passing = np.flatnonzero(p_values[order] <= limits)
        kept = order[: passing[-1] + 1] if passing.size else order[:0]
        found = [
            Found(candidates[chosen[i]], float(people[i]), float(errors[i]), float(p_values[i])) for i in kept
        ]
        return sorted(found, key=lambda one: -one.people)


def _least_squares(
    design: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights and their standard errors, with an intercept that is left out of the result."""
    full = np.column_stack([np.ones(len(target)), design])
    inverse = np.linalg.pinv(full.T @ full)
    weights = inverse @ full.T @ target
    rest = target - full @ weights
    noise = float(rest @ rest) / max(len(target) - full.shape[1], 1)
    return weights[1:], np.sqrt(np.diag(inverse)[1:] * noise)


def simulate(
    settings: Rappor, values: Sequence[str], entropy: Entropy = os_entropy, chunk: int = 4096
) -> RapporServer:
    """A server that got one report from each of many clients."""
    server = RapporServer(settings)
    cohorts = below(settings.cohorts, len(values), entropy)
    filters: dict[tuple[str, int], Bits] = {}
    for start in range(0, len(values), chunk):
        groups = cohorts[start : start + chunk].tolist()
        keys = list(zip(values[start : start + chunk], groups, strict=True))
        for key in keys:
            if key not in filters:
                filters[key] = settings.bloom(*key)
        truth = np.array([filters[key] for key in keys])
        server.add(groups, settings.report(settings.permanent(truth, entropy), entropy))
    return server
