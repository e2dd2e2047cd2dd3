"""The privacy term: nearest-neighbour adversarial accuracy with gradients."""

from __future__ import annotations

import torch
from torch import Tensor

SOFTNESS = 0.05  # of the comparison of two distances, on encoded rows


def soft_accuracies(real: Tensor, synthetic: Tensor) -> tuple[Tensor, Tensor]:
    """Both halves of the adversarial accuracy of two equal batches, each .5 if they cannot be told apart.

    Yale et al. (Neurocomputing 416, 2020): the share of rows whose nearest row of the other table is
    farther than the nearest of their own. Here the comparison is a sigmoid, so that it has a gradient.

    Args:
        real, synthetic: (rows, width), encoded.
    """
    across = torch.cdist(real, synthetic)
    within_real, within_synthetic = _nearest_other(real), _nearest_other(synthetic)
    truth = torch.sigmoid((across.amin(1) - within_real) / SOFTNESS).mean()
    fake = torch.sigmoid((across.amin(0) - within_synthetic) / SOFTNESS).mean()
    return truth, fake


def privacy_term(real: Tensor, synthetic: Tensor) -> Tensor:
    """How far the two halves are from .5: above it rows are unlike, below it they are copied."""
    truth, fake = soft_accuracies(real, synthetic)
    return (truth - 0.5).square() + (fake - 0.5).square()


def _nearest_other(rows: Tensor) -> Tensor:
    distance = torch.cdist(rows, rows)
    return (distance + torch.diag(torch.full((len(rows),), torch.inf, device=rows.device))).amin(1)
