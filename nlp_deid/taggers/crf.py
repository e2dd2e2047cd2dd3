"""The linear-chain CRF head: pytorch-crf, with the grammar of tags, posterior marginals and a fast sum.

Lafferty, McCallum & Pereira 2001 (ICML); marginals by forward and backward sums (Sutton & McCallum
2012, Found Trends Mach Learn 4:267, section 4.1).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchcrf import CRF

from nlp_deid.taggers.bio import Tags

NEVER = -1e4
_TINY = 1e-30
_LEAST = 1e-130


class CRFHead(CRF):  # type: ignore[misc]  # torchcrf has no types
    """A CRF over BIOES tags that gives steps of broken grammar no probability.

    Emissions are [B, T, K], masks [B, T] with the real units first in each row. A row may be a window of
    a longer note, so that any tag may stand first or last.
    """

    def __init__(self, tags: Tags) -> None:
        super().__init__(len(tags), batch_first=True)
        self.register_buffer("follows", torch.from_numpy(tags.follows.copy()), persistent=False)

    @property
    def legal(self) -> Tensor:
        """[K, K] transition scores, almost minus infinity where the grammar forbids the step."""
        transitions: Tensor = self.transitions
        return transitions.masked_fill(~self.follows, NEVER)

    def loss(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Mean negative log-likelihood of a unit."""
        transitions = self.legal
        rows = torch.arange(len(tags))
        steps = emissions.gather(2, tags[:, :, None])[:, :, 0]
        moves = transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]
        last = tags[rows, mask.sum(1) - 1]
        score = (steps * mask).sum(1) + moves.sum(1)
        score = score + self.start_transitions[tags[:, 0]] + self.end_transitions[last]
        missed: Tensor = self._forward(emissions, mask, transitions) - score
        return missed.sum() / mask.sum()

    def _forward(self, emissions: Tensor, mask: Tensor, transitions: Tensor) -> Tensor:
        """[B] log of the summed weight of all tag sequences; one matrix product a step."""
        weights = transitions.exp()
        alpha = self.start_transitions + emissions[:, 0]
        for step in range(1, emissions.shape[1]):
            top = alpha.max(1, keepdim=True).values.detach()
            moved = ((alpha - top).exp() @ weights).clamp_min(_TINY).log() + top + emissions[:, step]
            alpha = torch.where(mask[:, step, None], moved, alpha)
        return torch.logsumexp(alpha + self.end_transitions, 1)

    @torch.no_grad()
    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """[B, T, K] posterior probability of each tag at each unit; rows beyond the mask are zero."""
        transitions = self.legal.double().exp()  # double, so that very sure scores do not underflow
        emissions = emissions.double()
        local = (emissions - emissions.amax(2, keepdim=True)).exp().clamp_min(_LEAST)
        length = emissions.shape[1]
        alpha = local[:, 0] * self.start_transitions.double().softmax(0)
        forward = [alpha / alpha.sum(1, keepdim=True)]
        for step in range(1, length):
            alpha = (forward[-1] @ transitions) * local[:, step]
            alpha = alpha / alpha.sum(1, keepdim=True)
            forward.append(torch.where(mask[:, step, None], alpha, forward[-1]))
        beta = self.end_transitions.double().softmax(0).expand_as(alpha)
        backward = [beta]
        for step in range(length - 1, 0, -1):
            beta = (local[:, step] * beta) @ transitions.T
            beta = beta / beta.sum(1, keepdim=True)
            backward.append(beta := torch.where(mask[:, step, None], beta, backward[-1]))
        joint = torch.stack(forward, 1) * torch.stack(backward[::-1], 1)
        return (joint / joint.sum(2, keepdim=True) * mask[:, :, None]).float()

    @torch.no_grad()
    def best(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """[B, T] the likeliest tag sequence of each row (Viterbi); 0 beyond the mask."""
        transitions = self.legal
        score = self.start_transitions + emissions[:, 0]
        back = []
        for step in range(1, emissions.shape[1]):
            value, origin = (score[:, :, None] + transitions).max(1)
            keep = mask[:, step, None]
            score = torch.where(keep, value + emissions[:, step], score)
            stay = torch.arange(score.shape[1]).expand_as(origin)
            back.append(torch.where(keep, origin, stay))
        tag = (score + self.end_transitions).argmax(1)
        path = [tag]
        for origin in reversed(back):
            tag = origin.gather(1, tag[:, None])[:, 0]
            path.append(tag)
        return torch.stack(path[::-1], 1) * mask
