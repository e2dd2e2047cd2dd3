"""PGan: a generator of tables that answers to a critic, to a privacy term and to a target.

The design is our own. Columns are made uniform by their own curves, a Wasserstein critic judges packs
of rows, nearest-neighbour adversarial accuracy is pushed to .5 from both sides, and the target given
the other columns is held to a proper score on real rows. See docs/synth.md for what each part brings.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from nlp_deid.synth import store
from nlp_deid.synth.columns import Categories, Numbers
from nlp_deid.synth.constraints import (
    Constraint,
    check_conditions,
    declared,
    holds,
    meets,
    orders_of,
    prepare,
)
from nlp_deid.synth.encoder import Encoder, require_columns
from nlp_deid.synth.finish import finish_target
from nlp_deid.synth.frames import Floats, SynthError, check_finite, to_pandas
from nlp_deid.synth.judge import judge_of
from nlp_deid.synth.kinds import identifiers, warn
from nlp_deid.synth.networks import Generator, activate
from nlp_deid.synth.private import Charge, Domain, train_privately
from nlp_deid.synth.settings import Settings
from nlp_deid.synth.training import History, Progress, spread, train

FEWEST_ROWS = 20
CHUNK = 2000
ROOM = 10  # times as many rows must be possible as there are to be avoided
TRIES = 200  # rounds without enough rows before a condition counts as impossible

Condition = Any  # a value, or a pair (low, high) for a column of numbers


class PGan:
    """Learns a table and draws synthetic rows.

    Args:
        target: the column that others are to predict; models trained on synthetic rows then do well.
        seed: makes fit and sample repeatable; without it both draw from the operating system.
        settings: of the training.
        constraints: objects of `constraints`, or text as "0 <= age <= 110", "low <= high", "city, state".
        keep_orders: also keep every order of two columns that holds in all training rows.
        drop_identifiers: leave out columns that look like identifiers; not with epsilon.
        epsilon, delta: train with differential privacy; `domain` and `charge` are needed then.
        domain: the public values of every column (see `private.Domain`).
        charge: called with ε, δ and a text before anything is drawn; raises if the budget is spent.
    """

    def __init__(
        self,
        target: str = "",
        seed: int | None = None,
        settings: Settings | None = None,
        constraints: Iterable[Constraint | str] = (),
        keep_orders: bool = True,
        drop_identifiers: bool = False,
        epsilon: float | None = None,
        delta: float = 1e-5,
        domain: Domain | None = None,
        charge: Charge | None = None,
    ) -> None:
        if epsilon is not None and (domain is None or charge is None):
            raise SynthError("a private fit needs a domain (public values) and a charge (a ledger)")
        if epsilon is not None and drop_identifiers:
            raise SynthError(
                "a private fit cannot look for identifiers; leave their columns out of the table"
            )
        self.target, self.seed, self.settings = target, seed, settings or Settings()
        self.given, self.keep_orders, self.drop_identifiers = (
            tuple(constraints),
            keep_orders,
            drop_identifiers,
        )
        self.epsilon, self.delta, self.domain, self.charge = epsilon, delta, domain, charge
        self.constraints: tuple[Constraint, ...] = ()
        self.encoder: Encoder | None = None
        self.generator: Generator | None = None
        self.history = History()
        self._avoid: NDArray[np.uint64] = np.array([], dtype=np.uint64)

    def fit(self, table: Any, progress: Progress | None = None) -> PGan:
        """Learn a table: a pandas or polars frame or an Arrow table.

        Raises:
            SynthError: fewer than 20 rows, an unknown target, infinite numbers, or an unusable column.
                A private fit also refuses what `private.train_privately` does.
        """
        frame = to_pandas(table)
        if self.target:
            require_columns(frame, [self.target], "the table")
        if self.epsilon is None:
            frame = self._cleaned(frame)
        _require_size(frame, self.target)
        with torch.random.fork_rng(devices=[]):
            seed = secrets.randbits(62) if self.seed is None else self.seed
            torch.manual_seed(seed)
            rng = np.random.default_rng(self.seed)  # all of DP's noise; without a seed of 128 random bits
            if self.epsilon is not None:
                assert self.domain is not None
                assert self.charge is not None
                if self.seed is not None:
                    warn("a private fit with a seed: who knows or guesses it can take the noise away again")
                self.constraints = declared(self.given)
                self.encoder, self.generator = train_privately(
                    frame,
                    self.domain,
                    self.target,
                    self.settings,
                    self.epsilon,
                    self.delta,
                    self.charge,
                    rng,
                    self.constraints,
                    progress,
                )
            else:
                self._fit(frame, rng, progress)
        if self.epsilon is None:  # to leave out training rows would tell of them beyond ε
            self.avoid(frame)
        return self

    def sample(
        self, rows: int, where: Mapping[str, Condition] | None = None, seed: int | None = None
    ) -> pd.DataFrame:
        """Draw rows; none is a copy of a training row while these are known (see `avoid`).

        Args:
            where: values that columns must have, or pairs (low, high) for columns of numbers.
            seed: of this draw; by default that of the object.

        Raises:
            SynthError: not fitted, conditions that cannot be met, or conditions and constraints that
                (nearly) no row meets unless it is a copy.
        """
        encoder, _ = self._fitted()
        if rows < 1:
            raise SynthError("at least one row must be asked for")
        wanted = dict(where or {})
        require_columns(pd.DataFrame(columns=list(encoder.names)), list(wanted), "the model")
        check_conditions(encoder.columns, wanted)
        seed = self.seed if seed is None else seed
        seed = secrets.randbits(62) if seed is None else seed
        parts: list[pd.DataFrame] = []
        found = fruitless = copied = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            while found < rows:
                frame = self._draw(max(CHUNK, min(rows - found, 10 * CHUNK)))
                met = holds(self.constraints, frame) & meets(frame, encoder.columns, wanted)
                good = met & ~np.isin(encoder.fingerprints(frame), self._avoid)
                fruitless, copied = (0, 0) if good.any() else (fruitless + 1, copied + int(met.sum()))
                if fruitless >= TRIES:
                    but = f" but {copied} copies of training rows, which are left out" if copied else ""
                    raise SynthError(
                        f"no row{but} met the conditions and constraints in {TRIES} rounds of {CHUNK}"
                    )
                parts.append(frame[good])
                found += int(good.sum())
        return pd.concat(parts, ignore_index=True).head(rows)

    def avoid(self, table: Any) -> None:
        """Never draw a row of this table. A fit does it for its own; a loaded model knows no rows.

        With fewer than `ROOM` possible rows for each of the table a row may well be drawn by chance, and
        leaving all of them out would leave few or none: then there is a warning and no row is avoided.
        """
        encoder, _ = self._fitted()
        frame = to_pandas(table)
        require_columns(frame, encoder.names, "the table")
        if math.prod(column.variety for column in encoder.columns) < ROOM * len(frame):
            warn("the columns allow so few different rows that copies of training rows are not left out")
            return
        self._avoid = np.union1d(self._avoid, encoder.fingerprints(frame))

    def save(self, folder: Path | str) -> None:
        """Write model.safetensors and model.json; no training row is in them."""
        encoder, generator = self._fitted()
        store.save(
            Path(folder), encoder, generator, self.settings, self.constraints, self.history, self._privacy()
        )

    @classmethod
    def load(cls, folder: Path | str, seed: int | None = None) -> PGan:
        """What `save` wrote.

        Raises:
            SynthError: missing files, another version, or files that were changed.
        """
        found = store.load(Path(folder))
        model = cls(found.encoder.target, seed, found.settings)
        model.encoder, model.generator = found.encoder, found.generator
        model.constraints, model.history = found.constraints, found.history
        model.epsilon = found.privacy.get("epsilon")
        model.delta = found.privacy.get("delta", model.delta)
        return model

    def _privacy(self) -> dict[str, float]:
        return {} if self.epsilon is None else {"epsilon": self.epsilon, "delta": self.delta}

    def _fitted(self) -> tuple[Encoder, Generator]:
        if self.encoder is None or self.generator is None:
            raise SynthError("fit or load a model first")
        return self.encoder, self.generator

    def _cleaned(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows and columns that take part. It looks at values, so a private fit must not call it."""
        if self.target:
            gaps = int(frame[self.target].isna().sum())
            if gaps:
                warn(f"column {self.target!r}: {gaps} rows have no target and are left out")
                frame = frame[frame[self.target].notna()].reset_index(drop=True)
        check_finite(frame)
        suspects = [name for name in identifiers(frame) if name != self.target]
        if suspects:
            names = ", ".join(suspects)
            warn(f"{names}: looks like an identifier{'; left out' if self.drop_identifiers else ''}")
            if self.drop_identifiers:
                frame = frame.drop(columns=suspects)
        return frame

    def _fit(self, frame: pd.DataFrame, rng: np.random.Generator, progress: Progress | None) -> None:
        encoder = Encoder.of(frame, self.target)
        self.encoder = encoder
        numeric = [column.name for column in encoder.columns if isinstance(column, Numbers)]
        self.constraints = prepare(self.given, frame)
        if self.keep_orders:
            self.constraints += orders_of(frame, numeric)
        held = int(len(frame) * self.settings.held_out)
        order = rng.permutation(len(frame))
        unseen, known = frame.iloc[order[:held]], frame.iloc[order[held:]]
        judge = None
        if held >= FEWEST_ROWS:
            look = judge_of(known, unseen, self.target, rng)
            rows = min(len(known), 4 * CHUNK)

            def judge(generator: Generator) -> dict[str, float]:
                self.generator = generator
                return look(self._draw(rows))

        self.generator, self.history = train(
            encoder, known, self.settings, rng, judge, 0.5 / max(1, held) ** 0.5, progress
        )
        if self.target and self.settings.target and held >= FEWEST_ROWS:
            self.generator = finish_target(self.generator, encoder, known, unseen, self.settings, rng)

    def _draw(self, rows: int) -> pd.DataFrame:
        encoder, generator = self._fitted()
        with torch.no_grad():
            x = generator.others(rows)
            if generator.target is not None:
                column, _ = generator.target
                out = generator.target_output(generator.features(x))
                spread_out = isinstance(column, Categories)
                y = _even_choice(out) if spread_out else activate(column, out)
                x = torch.cat([x, y], dim=1)
        return encoder.decode(x.cpu().numpy().astype(np.float64))


def _require_size(frame: pd.DataFrame, target: str) -> None:
    if len(frame) < FEWEST_ROWS:
        raise SynthError(f"{len(frame)} rows; at least {FEWEST_ROWS} are needed")
    if frame.shape[1] == 0 or (target and frame.shape[1] == 1):
        raise SynthError("no column is left beside the target")


def _even_choice(out: torch.Tensor) -> torch.Tensor:
    """One-hot targets, each with its own probabilities, but evenly spread over rows of like probabilities.

    Independent draws would add noise that a model trained on the rows has to average away.
    """
    chances = F.softmax(out.double(), dim=1)
    start = float(torch.rand(()))
    turn: Floats = np.empty(len(out))
    order = torch.argsort(chances[:, 0]).cpu().numpy()
    turn[order] = (spread(len(out)) + start) % 1.0
    ladder = chances.cumsum(dim=1)
    picks = (ladder < torch.from_numpy(turn).to(out.device)[:, None]).sum(dim=1)
    return F.one_hot(picks.clamp_max(out.shape[1] - 1), out.shape[1]).to(out.dtype)
