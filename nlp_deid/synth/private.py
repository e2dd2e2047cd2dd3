"""Training with differential privacy: noisy curves, and a critic trained by DP-SGD.

The generator sees real rows only through the critic, so it costs nothing more (post-processing). What
is charged covers adding or removing one row. Curves and shares come from one Gaussian release; the
critic's steps are those of Abadi et al. (CCS 2016) on Poisson samples, by Opacus; one Rényi accountant
counts both. The Gaussian noise is of doubles, not of an exact sampler. Of the table only the names of
columns and the number of rows count as public; what is refused, is refused before anything is charged.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from nlp_deid.synth.columns import Categories, Column, Numbers, plain, shares_of
from nlp_deid.synth.constraints import Constraint
from nlp_deid.synth.encoder import Encoder, require_columns
from nlp_deid.synth.frames import Generator as Rng
from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.networks import Generator
from nlp_deid.synth.settings import Settings
from nlp_deid.synth.training import BETAS, SMOOTHING, Progress

BINS = 20  # of the noisy curve of a column of numbers
CURVES_SHARE = 0.3  # of ε, if the curves were all
CLIP = 1.0
CRITIC_STEPS = 2
STEPS = 300
SAMPLE = 0.12  # chance of a row to take part in a step, at most
MOST_SAMPLED = 500
HIGH_ORDERS = [2**power for power in range(6, 12)]  # beyond Opacus' own; a small ε needs them
MOST_NOISE = 1e4
WHOLE = 2.0**53  # doubles hold whole numbers up to here

Charge = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Domain:
    """What is publicly known of every column, never read from the private table.

    Args:
        ranges: low, high and decimals of columns of numbers.
        values: all values of the other columns: texts, numbers or truth values, none equal to another
            (a row must count once).

    Raises:
        SynthError: names the column whose entry is neither.
    """

    ranges: Mapping[str, tuple[float, float, int]]
    values: Mapping[str, tuple[Any, ...]]

    def __post_init__(self) -> None:
        for name, (low, high, _) in self.ranges.items():
            if not (np.isfinite([low, high]).all() and low < high):
                raise _unusable(name)
        for name, values in self.values.items():
            if not (values and all(map(_is_scalar, values)) and len(set(values)) == len(values)):
                raise _unusable(name)

    @classmethod
    def from_dict(cls, found: Any) -> Domain:
        """From {column: {low, high, decimals} or {values: [...]}}, as a YAML file holds it.

        Raises:
            SynthError: names the column that is neither.
        """
        if not isinstance(found, dict):
            raise SynthError("a domain maps columns to {low, high, decimals} or {values}")
        ranges: dict[str, tuple[float, float, int]] = {}
        values: dict[str, tuple[Any, ...]] = {}
        for name, entry in found.items():
            try:
                if "values" not in entry:
                    ranges[str(name)] = (
                        float(entry["low"]),
                        float(entry["high"]),
                        int(entry.get("decimals", 0)),
                    )
                elif isinstance(entry["values"], list | tuple):
                    values[str(name)] = tuple(plain(value) for value in entry["values"])
                else:
                    raise _unusable(name)
            except (TypeError, KeyError, AttributeError, ValueError, OverflowError):
                raise _unusable(name) from None
        return cls(ranges, values)

    def dtype(self, name: str) -> str:
        """Of the column that comes out; that of the table would tell of its rows."""
        if name in self.values:
            return str(pd.Series(list(self.values[name])).dtype)
        low, high, decimals = self.ranges[name]
        return "int64" if decimals <= 0 and max(-low, high) <= WHOLE else "float64"


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _unusable(name: Any) -> SynthError:
    return SynthError(
        f"domain, column {name!r}: give low < high (and decimals), or a list of values: texts, numbers or "
        "truth values, none equal to another"
    )


def train_privately(
    frame: pd.DataFrame,
    domain: Domain,
    target: str,
    settings: Settings,
    epsilon: float,
    delta: float,
    charge: Charge,
    rng: Rng,
    constraints: Sequence[Constraint] = (),
    progress: Progress | None = None,
) -> tuple[Encoder, Generator]:
    """An encoder and a generator that together are (ε, δ)-differentially private.

    All noise comes from `rng`.

    Raises:
        SynthError: a column without domain, missing or infinite values, values outside the domain, a
            constraint on other columns, or an (ε, δ) that cannot be kept.
        Whatever `charge` raises, before any noise is drawn.
    """
    require_columns(frame, [*domain.ranges, *domain.values], "the table")
    _check(frame, domain)
    for rule in constraints:
        require_columns(frame, rule.columns, "a constraint names columns that the table lacks: it")
    plan = Plan.of(len(frame), settings, epsilon, delta)
    charge(epsilon, delta, f"pGAN: DP-SGD critic, {plan.steps} steps, noise {plan.noise:.3g}")
    encoder = _noisy_encoder(frame, domain, target, plan.curves, rng)
    return encoder, _Private(encoder, frame, settings, plan, rng).run(progress)


@dataclass(frozen=True)
class Plan:
    """Noise and lengths that keep to (ε, δ).

    Args:
        curves: noise of the marginals, in units of their sensitivity.
        noise: of the critic's gradients, in units of the clipping norm.
        rate: chance of a row to take part in a critic step.
        steps: of the critic.
    """

    curves: float
    noise: float
    rate: float
    steps: int

    @classmethod
    def of(cls, rows: int, settings: Settings, epsilon: float, delta: float) -> Plan:
        """The least noise that does; the number of rows counts as public.

        Raises:
            SynthError: ε or δ out of range, or ε too small to be accounted for.
        """
        if not (np.isfinite(epsilon) and epsilon > 0 and 0 < delta < 1):
            raise SynthError("ε must be finite and above 0, δ between 0 and 1")
        if delta * rows >= 1:
            raise SynthError(f"δ must be below 1/{rows}, one over the number of rows; well below is better")
        rate = min(SAMPLE, MOST_SAMPLED / rows)
        steps = (settings.steps or STEPS) * CRITIC_STEPS

        def total(curves: float, noise: float) -> float:
            return spent([(curves, 1.0, 1), (noise, rate, steps)], delta)

        curves = _least(lambda noise: spent([(noise, 1.0, 1)], delta) <= epsilon * CURVES_SHARE)
        noise = _least(lambda noise: total(curves, noise) <= epsilon) if curves else None
        if curves is None or noise is None:
            raise SynthError(
                f"ε {epsilon:g} is too small at δ {delta:g}: no noise can be shown to keep to it"
            )
        return cls(curves, noise, rate, steps)


def spent(releases: list[tuple[float, float, int]], delta: float) -> float:
    """ε of releases (noise multiplier, sampling rate, times) together, by Opacus' Rényi accountant."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = list(releases)
    orders = [*RDPAccountant.DEFAULT_ALPHAS, *HIGH_ORDERS]
    with warnings.catch_warnings():  # of an order at the end of its list, which still is an upper bound
        warnings.simplefilter("ignore", UserWarning)
        return float(accountant.get_epsilon(delta, alphas=orders))


def _least(enough: Callable[[float], bool]) -> float | None:
    """The least noise that is enough, to half a percent; None if not even `MOST_NOISE` is."""
    low, high = 0.2, 1.0
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_NOISE:
            return None
    while high / low > 1.005:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(frame: pd.DataFrame, domain: Domain) -> None:
    """Refuse a table outside its domain; no message holds a value or a count."""
    for name in frame.columns:
        if name not in domain.ranges and name not in domain.values:
            raise SynthError(f"column {name!r} is not in the domain")
        series = frame[name]
        if series.isna().any():
            raise SynthError(f"column {name!r}: missing values cannot take part in a private fit")
        if name in domain.values:
            _check_values(series, domain.values[name])
        elif not pd.api.types.is_any_real_numeric_dtype(series.dtype):
            raise SynthError(f"column {name!r}: has a range, but is not a column of numbers")
        elif not np.isfinite(series.to_numpy(dtype=np.float64)).all():
            raise SynthError(f"column {name!r}: infinite values cannot take part in a private fit")


def _check_values(series: pd.Series[Any], values: tuple[Any, ...]) -> None:
    if {plain(value) for value in series.unique()} <= set(values):
        return
    hint = ""
    if any(isinstance(value, bool) for value in values):
        hint = "; YAML reads yes, no, on, off, true and false without quotes as truth values"
    raise SynthError(f"column {series.name!r}: values outside the domain{hint}")


def _noisy_encoder(frame: pd.DataFrame, domain: Domain, target: str, noise: float, rng: Rng) -> Encoder:
    """Columns from noisy counts. One row adds one to one count a column: the sensitivity is √columns."""
    scale = noise * float(np.sqrt(frame.shape[1]))
    columns: dict[str, Column] = {}
    for name in frame.columns:
        dtype = domain.dtype(name)
        if name in domain.values:
            values = domain.values[name]
            even = Categories(name, values, shares_of([1] * len(values)), dtype)
            counts = even.encode(frame[name], rng).sum(axis=0)
            noisy = np.maximum(counts + scale * rng.standard_normal(len(values)), 1.0)
            columns[name] = Categories(name, values, shares_of(noisy.tolist()), dtype)
        else:
            low, high, decimals = domain.ranges[name]
            clipped = np.clip(frame[name].to_numpy(dtype=np.float64), low, high)
            counts = np.histogram(clipped, BINS, (low, high))[0].astype(np.float64)
            noisy = np.maximum(counts + scale * rng.standard_normal(BINS), 0.1)
            places = np.concatenate([[0.0], np.cumsum(noisy) / noisy.sum()])
            edges = np.linspace(low, high, BINS + 1)
            columns[name] = Numbers(name, tuple(places.tolist()), tuple(edges.tolist()), decimals, dtype)
    order = [name for name in frame.columns if name != target] + ([target] if target else [])
    return Encoder(tuple(columns[name] for name in order), tuple(frame.columns), target)


class _Private:
    """Networks and data of one private training."""

    def __init__(
        self, encoder: Encoder, frame: pd.DataFrame, settings: Settings, plan: Plan, rng: Rng
    ) -> None:
        from opacus import GradSampleModule
        from opacus.optimizers import DPOptimizer

        self.plan, self.rng = plan, rng
        self.rows = torch.from_numpy(encoder.encode(frame, rng))
        self.expected = max(1, round(plan.rate * len(frame)))
        self.generator = Generator(encoder, settings.hidden)
        self.smooth = copy.deepcopy(self.generator)
        self.make = torch.optim.Adam(self.generator.parameters(), lr=settings.rate, betas=BETAS)
        width = settings.hidden
        network = nn.Sequential(
            nn.Linear(encoder.width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, width),
            nn.LeakyReLU(0.2),
            nn.Linear(width, 1),
        )
        self.critic = GradSampleModule(network, loss_reduction="sum")
        self.judge = DPOptimizer(
            torch.optim.Adam(network.parameters(), lr=2 * settings.rate, betas=BETAS),
            noise_multiplier=0.0,  # `_noise` draws it: a seed of torch counts 32 bits only
            max_grad_norm=CLIP,
            expected_batch_size=self.expected,
        )

    def run(self, progress: Progress | None) -> Generator:
        """Critic and generator by turns."""
        total = self.plan.steps // CRITIC_STEPS
        for step in range(1, total + 1):
            for _ in range(CRITIC_STEPS):
                self._critic_step()
            self._generator_step()
            keep = min(SMOOTHING, step / (step + 10))
            with torch.no_grad():
                for kept, new in zip(self.smooth.parameters(), self.generator.parameters(), strict=True):
                    kept.lerp_(new, 1 - keep)
            if progress:
                progress(step, total)
        return self.smooth.eval()

    def _critic_step(self) -> None:
        """One step on a Poisson sample of real rows, each paired with a made one.

        The gradient of a pair is clipped, which bounds what one real row does to the sum.
        """
        taken = torch.from_numpy(self.rng.random(len(self.rows)) < self.plan.rate)
        real = self.rows[taken]
        with torch.no_grad():
            fake = self.generator(max(1, len(real)))[: len(real)]
        self.judge.zero_grad()
        out = self.critic(torch.stack([real, fake], dim=1).requires_grad_())
        loss = F.softplus(-out[:, 0]).sum() + F.softplus(out[:, 1]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.judge.pre_step():  # clips, sums and divides by the expected number of rows
            self._noise()
            self.judge.original_optimizer.step()

    def _noise(self) -> None:
        """Noise of the plan on the mean of clipped gradients."""
        scale = self.plan.noise * CLIP / self.expected
        for weights in self.judge.params:
            noise = scale * self.rng.standard_normal(tuple(weights.shape))
            weights.grad += torch.from_numpy(noise).to(weights.grad)

    def _generator_step(self) -> None:
        self.critic.disable_hooks()  # rows that are made need no gradients of their own
        loss = F.softplus(-self.critic(self.generator(2 * self.expected))).mean()
        self.make.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.make.step()
        self.critic.enable_hooks()
