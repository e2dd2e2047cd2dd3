"""The CRF head against enumeration of all tag sequences."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from nlp_deid.taggers.bio import Tags
from nlp_deid.taggers.crf import CRFHead

_LENGTHS = (1, 2, 4, 3)


def _case(seed: int, labels: int = 1, scale: float = 2.0) -> tuple[CRFHead, Tensor, Tensor, Tags]:
    torch.manual_seed(seed)
    tags = Tags(tuple(f"L{at}" for at in range(labels)))
    head = CRFHead(tags)
    for weights in (head.transitions, head.start_transitions, head.end_transitions):
        torch.nn.init.normal_(weights)
    emissions = torch.randn(len(_LENGTHS), max(_LENGTHS), len(tags)) * scale
    mask = torch.arange(max(_LENGTHS))[None] < torch.tensor(_LENGTHS)[:, None]
    return head, emissions, mask, tags


@torch.no_grad()
def _paths(head: CRFHead, emissions: Tensor, tags: Tags) -> dict[tuple[int, ...], float]:
    """Score of each legal sequence of one unpadded row."""
    scores = {}
    for path in product(range(len(tags)), repeat=len(emissions)):
        if all(tags.follows[a, b] for a, b in pairwise(path)):
            score = head.start_transitions[path[0]] + head.end_transitions[path[-1]]
            score = score + sum(emissions[at, tag] for at, tag in enumerate(path))
            scores[path] = float(score + sum(head.transitions[a, b] for a, b in pairwise(path)))
    return scores


@pytest.mark.parametrize("seed", range(3))
def test_loss_marginals_and_best_against_enumeration(seed: int) -> None:
    head, emissions, mask, tags = _case(seed)
    best, marginals = head.best(emissions, mask), head.marginals(emissions, mask)
    gold = torch.zeros(mask.shape, dtype=torch.long)
    expected = 0.0
    for row, length in enumerate(_LENGTHS):
        scores = _paths(head, emissions[row, :length], tags)
        total = torch.logsumexp(torch.tensor(list(scores.values()), dtype=torch.float64), 0)
        wanted = max(scores, key=lambda path: scores[path])
        assert best[row].tolist() == [*wanted, *[0] * (len(mask[0]) - length)]
        chances = torch.zeros(mask.shape[1], len(tags), dtype=torch.float64)
        for path, score in scores.items():
            for at, tag in enumerate(path):
                chances[at, tag] += torch.exp(torch.tensor(score, dtype=torch.float64) - total)
        torch.testing.assert_close(marginals[row].double(), chances, atol=1e-5, rtol=1e-4)
        chosen = sorted(scores)[(7 * row + seed) % len(scores)]
        gold[row, :length] = torch.tensor(chosen)
        expected += float(total) - scores[chosen]
    loss = head.loss(emissions, gold, mask)
    assert loss.item() == pytest.approx(expected / sum(_LENGTHS), rel=1e-4)


@pytest.mark.parametrize("scale", [1.0, 30.0, 500.0])
def test_best_never_breaks_the_grammar_and_marginals_stay_probabilities(scale: float) -> None:
    head, _, _, tags = _case(1, labels=4)
    emissions = torch.randn(20, 30, len(tags)) * scale
    lengths = torch.randint(1, 31, (20,))
    mask = torch.arange(30)[None] < lengths[:, None]
    for row, length in zip(head.best(emissions, mask).tolist(), lengths.tolist(), strict=True):
        assert all(tags.follows[a, b] for a, b in pairwise(row[:length]))
        assert not any(row[length:])
    sums = head.marginals(emissions, mask).sum(2)
    torch.testing.assert_close(sums, mask.float(), atol=1e-5, rtol=0)


def test_padding_changes_nothing() -> None:
    head, emissions, mask, _ = _case(2)
    for row, length in enumerate(_LENGTHS):
        alone, whole = emissions[row : row + 1, :length], torch.ones(1, length, dtype=torch.bool)
        torch.testing.assert_close(
            head.marginals(alone, whole)[0], head.marginals(emissions, mask)[row, :length], atol=1e-6, rtol=0
        )
        assert head.best(alone, whole)[0].tolist() == head.best(emissions, mask)[row, :length].tolist()


def test_gradients_are_finite_and_what_the_grammar_forbids_is_not_learned() -> None:
    head, emissions, mask, tags = _case(3, labels=2, scale=40.0)
    emissions.requires_grad_()
    gold = torch.zeros(mask.shape, dtype=torch.long)
    head.loss(emissions, gold, mask).backward()  # type: ignore[no-untyped-call]
    assert emissions.grad is not None
    assert torch.isfinite(emissions.grad).all()
    assert not emissions.grad[~mask].any()
    assert head.transitions.grad is not None
    assert torch.isfinite(head.transitions.grad).all()
    assert not head.transitions.grad[~torch.from_numpy(tags.follows)].any()


def test_gradient_is_marginals_minus_gold() -> None:
    head, emissions, mask, tags = _case(4, labels=2)
    emissions.requires_grad_()
    gold = torch.zeros(mask.shape, dtype=torch.long)
    head.loss(emissions, gold, mask).backward()  # type: ignore[no-untyped-call]
    hits = torch.nn.functional.one_hot(gold, len(tags)) * mask[:, :, None]
    expected = (head.marginals(emissions.detach(), mask) - hits) / mask.sum()
    torch.testing.assert_close(emissions.grad, expected, atol=1e-5, rtol=0)
