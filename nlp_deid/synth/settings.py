"""What may be set of a fit."""

from __future__ import annotations

from dataclasses import dataclass

from nlp_deid.synth.frames import SynthError


@dataclass(frozen=True)
class Settings:
    """How a generator is trained.

    Args:
        steps: generator steps; 0: by the number of rows.
        batch: rows a step.
        packed: rows that the critic judges together (Lin et al. 2018, PacGAN).
        critic_steps: critic steps for each generator step.
        rate: learning rate of both.
        hidden: width of the generator's layers; the critic's are half as wide again.
        penalty: weight of the critic's gradient penalty (Gulrajani et al. 2017, WGAN-GP).
        privacy: weight of the nearest-neighbour term.
        target: weight of the target term.
        held_out: share of the rows kept out of training, to decide when to stop.
        checks: how often it is looked at.
        patience: checks without a better one before training stops.
    """

    steps: int = 0
    batch: int = 500
    packed: int = 4
    critic_steps: int = 2
    rate: float = 3e-4
    hidden: int = 128
    penalty: float = 10.0
    privacy: float = 1.0
    target: float = 2.0
    held_out: float = 0.1
    checks: int = 6
    patience: int = 3

    def __post_init__(self) -> None:
        whole = ("batch", "packed", "critic_steps", "hidden", "checks", "patience")
        for name in whole:
            if getattr(self, name) < 1:
                raise SynthError(f"settings: {name} must be at least 1")
        for name in ("steps", "penalty", "privacy", "target"):
            if getattr(self, name) < 0:
                raise SynthError(f"settings: {name} must not be negative")
        if not 0 <= self.held_out <= 0.5:
            raise SynthError("settings: held_out must lie in [0, 0.5]")

    def steps_for(self, rows: int) -> int:
        """Generator steps for a table of so many rows."""
        return self.steps or min(1000 + rows // 12, 5000)
