"""What the critic and the generator are asked to make small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nlp_deid.synth.columns import Categories
from nlp_deid.synth.networks import Critic, Generator, activate

DRAWS = 4  # targets drawn for one real row


def critic_loss(critic: Critic, real: Tensor, fake: Tensor, weight: float) -> Tensor:
    """Wasserstein loss with gradient penalty on packs (Gulrajani et al. 2017)."""
    share = torch.rand(len(real) // critic.packed, 1, device=real.device).repeat_interleave(critic.packed, 0)
    between = (share * real + (1 - share) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    norms = slope.reshape(len(real) // critic.packed, -1).norm(dim=1)
    loss: Tensor = critic(fake).mean() - critic(real).mean() + weight * (norms - 1).square().mean()
    return loss


def target_loss(generator: Generator, features: Tensor, target: Tensor) -> Tensor:
    """How badly the generator's target, given the other columns of real rows, fits their real target.

    Categories: log loss of the mean probability over draws. Numbers: the energy score (Gneiting and
    Raftery 2007, section 4.3) of places and of values, a proper score of the whole law.

    Args:
        features: (rows, ·) of `Generator.features`.
        target: (rows, width of the target), encoded.
    """
    assert generator.target is not None
    column = generator.target[0]
    outs = [generator.target_output(features) for _ in range(DRAWS)]
    if isinstance(column, Categories):
        mean = torch.stack([F.softmax(out, dim=1) for out in outs]).mean(0)
        return -(mean.clamp_min(1e-7).log() * target).sum(1).mean()
    draws = torch.cat([activate(column, out)[:, :1] for out in outs], dim=1)
    values = generator.target_curve(draws.reshape(-1, 1))[0].reshape(draws.shape)
    real = target[:, :1]
    return energy_score(draws, real) + energy_score(values, generator.target_curve(real)[0])


def energy_score(draws: Tensor, real: Tensor) -> Tensor:
    """Mean |draw - real| less half the mean |draw - other draw|: (rows, draws) against (rows, 1)."""
    count = draws.shape[1]
    apart = (draws[:, :, None] - draws[:, None, :]).abs().sum() / (len(draws) * count * (count - 1))
    return (draws - real).abs().mean() - apart / 2
