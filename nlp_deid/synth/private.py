"""Training with differential privacy: noisy curves, and a critic trained by DP-SGD.

The generator sees real rows only through the critic, so it costs nothing more (post-processing). What
is charged covers adding or removing one row. Curves and shares come from one Gaussian release; the
critic's steps are those of Abadi et al. (CCS 2016) on Poisson samples, by Opacus; one Rényi accountant
counts both. The Gaussian noise is of doubles, not of an exact sampler.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from nlp_deid.synth.columns import Categories, Column, Numbers, shares_of
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

Charge = Callable[[float, float, str], None]


@dataclass(frozen=True)
class Domain:
    """What is publicly known of every column, never read from the private table.

    Args:
        ranges: low, high and decimals of columns of numbers.
        values: all values of the other columns.
    """

    ranges: Mapping[str, tuple[float, float, int]]
    values: Mapping[str, tuple[Any, ...]]

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
                if "values" in entry:
                    values[str(name)] = tuple(entry["values"])
                    usable = len(entry["values"]) > 0
                else:
                    low, high = float(entry["low"]), float(entry["high"])
                    ranges[str(name)] = low, high, int(entry.get("decimals", 0))
                    usable = bool(np.isfinite([low, high]).all()) and low < high
            except (TypeError, KeyError, ValueError):
                usable = False
            if not usable:
                raise SynthError(f"domain, column {name!r}: give low < high (and decimals), or values")
        return cls(ranges, values)


def train_privately(
    frame: pd.DataFrame,
    domain: Domain,
    target: str,
    settings: Settings,
    epsilon: float,
    delta: float,
    charge: Charge,
    rng: Rng,
    progress: Progress | None = None,
) -> tuple[Encoder, Generator]:
    """An encoder and a generator that together are (ε, δ)-differentially private.

    Raises:
        SynthError: a column without domain, missing values, or values outside the domain.
        Whatever `charge` raises, before any noise is drawn.
    """
    require_columns(frame, [*domain.ranges, *domain.values], "the table")
    _check(frame, domain)
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
        """The least noise that does; the number of rows counts as public."""
        if not (np.isfinite(epsilon) and epsilon > 0 and 0 < delta < 1):
            raise SynthError("ε must be finite and above 0, δ between 0 and 1")
        rate = min(SAMPLE, MOST_SAMPLED / rows)
        steps = (settings.steps or STEPS) * CRITIC_STEPS
        curves = _least(lambda noise: spent([(noise, 1.0, 1)], delta) <= epsilon * CURVES_SHARE)
        noise = _least(lambda noise: spent([(curves, 1.0, 1), (noise, rate, steps)], delta) <= epsilon)
        return cls(curves, noise, rate, steps)


def spent(releases: list[tuple[float, float, int]], delta: float) -> float:
    """ε of releases (noise multiplier, sampling rate, times) together, by Opacus' Rényi accountant."""
    from opacus.accountants import RDPAccountant

    accountant = RDPAccountant()
    accountant.history = list(releases)
    with warnings.catch_warnings():  # of an order at the end of its list, which still is an upper bound
        warnings.simplefilter("ignore", UserWarning)
        return float(accountant.get_epsilon(delta))


def _least(enough: Callable[[float], bool]) -> float:
    """The least noise that is enough, to half a percent."""
    low, high = 0.2, 1.0
    while not enough(high):
        low, high = high, 2 * high
    while high / low > 1.005:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _check(frame: pd.DataFrame, domain: Domain) -> None:
    for name in frame.columns:
        if name not in domain.ranges and name not in domain.values:
            raise SynthError(f"column {name!r} is not in the domain")
        if frame[name].isna().any():
            raise SynthError(f"column {name!r}: missing values cannot take part in a private fit")
        if name in domain.values and not frame[name].isin(list(domain.values[name])).all():
            raise SynthError(f"column {name!r}: values outside the domain")


def _noisy_encoder(frame: pd.DataFrame, domain: Domain, target: str, noise: float, rng: Rng) -> Encoder:
    """Columns from noisy counts. One row adds one to one count a column: the sensitivity is √columns."""
    scale = noise * float(np.sqrt(frame.shape[1]))
    columns: dict[str, Column] = {}
    for name in frame.columns:
        dtype = str(frame[name].dtype)
        if name in domain.values:
            values = domain.values[name]
            counts = np.array([(frame[name] == value).sum() for value in values], dtype=np.float64)
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
            noise_multiplier=plan.noise,
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
        self.judge.step()

    def _generator_step(self) -> None:
        self.critic.disable_hooks()  # rows that are made need no gradients of their own
        loss = F.softplus(-self.critic(self.generator(2 * self.expected))).mean()
        self.make.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.make.step()
        self.critic.enable_hooks()
