"""The generator and its critic."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nlp_deid.synth.columns import Categories, Numbers
from nlp_deid.synth.encoder import Encoder

NOISE = 32  # numbers behind the columns other than the target
TARGET_NOISE = 8  # more numbers behind the target
TEMPERATURE = 0.5


class Curves(nn.Module):
    """Values of places, with gradients: the curves of all columns of numbers at once.

    Values are standardised by their mean and deviation along the curve.
    """

    def __init__(self, columns: list[Numbers]) -> None:
        super().__init__()
        longest = max((len(column.places) for column in columns), default=2)
        places = torch.ones(len(columns), longest)
        values = torch.zeros(len(columns), longest)
        for row, column in enumerate(columns):
            at = torch.tensor(column.places, dtype=torch.float64)
            curve = torch.tensor(column.values, dtype=torch.float64)
            share = torch.diff(at)
            middle = (curve[1:] + curve[:-1]) / 2
            mean = (middle * share).sum()
            deviation = ((middle - mean).square() * share).sum().sqrt().clamp_min(1e-9)
            scaled = ((curve - mean) / deviation).float()
            places[row, : len(at)] = at.float()
            values[row] = scaled[-1]
            values[row, : len(at)] = scaled
        self.register_buffer("places", places)
        self.register_buffer("values", values)

    def forward(self, place: Tensor) -> tuple[Tensor, Tensor]:
        """Standardised values, and places with those of a spike moved to its middle.

        Args:
            place: (rows, columns) on [-1, 1].
        """
        knots, curve = self.get_buffer("places"), self.get_buffer("values")
        at = ((place + 1) / 2).clamp(0, 1).T.contiguous()
        high = torch.searchsorted(knots, at.detach()).clamp(1, knots.shape[1] - 1)
        left, right = knots.gather(1, high - 1), knots.gather(1, high)
        low_value, high_value = curve.gather(1, high - 1), curve.gather(1, high)
        share = ((at - left) / (right - left).clamp_min(1e-6)).clamp(0, 1)
        value = low_value + (high_value - low_value) * share
        snapped = torch.where(low_value == high_value, left + right - 1, 2 * at - 1)
        return value.T, snapped.T


class _Residual(nn.Module):
    """A layer whose output is joined to its input."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.layer = nn.Linear(width, out)
        self.norm = nn.LayerNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, F.gelu(self.norm(self.layer(x)))], dim=1)


class Generator(nn.Module):
    """Rows from noise: first all columns but the target, then the target given these.

    The target's part can also be asked about real rows, which is what the target term does.

    Args:
        encoder: says which outputs are one-hot and which are places.
        hidden: width of the layers.
    """

    def __init__(self, encoder: Encoder, hidden: int) -> None:
        super().__init__()
        blocks = list(encoder.blocks())
        self.target = blocks.pop() if encoder.target else None
        self.blocks = blocks
        self.width = sum(column.width for column, _ in blocks)
        self.at_numbers = [at.start for column, at in blocks if isinstance(column, Numbers)]
        self.curves = Curves([column for column, _ in blocks if isinstance(column, Numbers)])
        self.body = nn.Sequential(
            _Residual(NOISE, hidden),
            _Residual(NOISE + hidden, hidden),
            nn.Linear(NOISE + 2 * hidden, self.width),
        )
        if self.target is None:
            return
        column = self.target[0]
        self.target_curve = Curves([column] if isinstance(column, Numbers) else [])
        self.head = nn.Sequential(
            nn.Linear(self.width + len(self.at_numbers) + TARGET_NOISE, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, column.width),
        )

    def forward(self, rows: int) -> Tensor:
        """(rows, width of the encoder)."""
        x = self.others(rows)
        if self.target is None:
            return x
        return torch.cat([x, activate(self.target[0], self.target_output(self.features(x)))], dim=1)

    def others(self, rows: int) -> Tensor:
        """All columns but the target."""
        out = self.body(torch.randn(rows, NOISE, device=self._device))
        return torch.cat([activate(column, out[:, at]) for column, at in self.blocks], dim=1)

    def features(self, x: Tensor) -> Tensor:
        """What the target depends on: the columns, spikes without their spread, and numbers to scale."""
        x = x.detach()
        if not self.at_numbers:
            return x
        values, snapped = self.curves(x[:, self.at_numbers])
        x = x.clone()
        x[:, self.at_numbers] = snapped
        return torch.cat([x, values.clamp(-4, 4)], dim=1)

    def target_output(self, features: Tensor) -> Tensor:
        """What `activate` makes a target of, with fresh noise."""
        noise = torch.randn(len(features), TARGET_NOISE, device=features.device)
        out: Tensor = self.head(torch.cat([features, noise], dim=1))
        return out

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


def activate(column: Categories | Numbers, out: Tensor) -> Tensor:
    """A column from a layer's output: places by the normal law, one-hot by the Gumbel trick.

    The one-hot is hard, with the gradient of the soft one (Jang, Gu, Poole 2017).
    """
    if isinstance(column, Categories):
        return F.gumbel_softmax(out, tau=TEMPERATURE, hard=True)
    place = torch.erf(out[:, :1] / math.sqrt(2))
    if column.width == 1:
        return place
    return torch.cat([place, F.gumbel_softmax(out[:, 1:], tau=TEMPERATURE, hard=True)], dim=1)


class Critic(nn.Module):
    """How real a pack of rows looks; higher is more real."""

    def __init__(self, width: int, hidden: int, packed: int) -> None:
        super().__init__()
        self.packed = packed
        self.net = nn.Sequential(
            nn.Linear(width * packed, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def forward(self, rows: Tensor) -> Tensor:
        """(packs, 1) from (packs * packed, width)."""
        out: Tensor = self.net(rows.reshape(len(rows) // self.packed, -1))
        return out
