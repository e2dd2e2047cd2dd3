"""Batches of windows of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from nlp_deid.taggers.features import Rows


def by_length(lengths: Sequence[int], units: int) -> Iterator[list[int]]:
    """Indices in groups of like length, longest first; a group has at most `units` units with its padding."""
    group: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if group and (len(group) + 1) * lengths[group[0]] > units:
            yield group
            group = []
        group.append(at)
    if group:
        yield group


def pad(rows: Sequence[Rows]) -> tuple[Tensor, Tensor]:
    """[B, T, F] rows padded with zeros, and the [B, T] mask of the real ones."""
    longest = max(map(len, rows))
    padded = np.zeros((len(rows), longest, rows[0].shape[1]), dtype=np.int32)
    mask = np.zeros((len(rows), longest), dtype=bool)
    for at, row in enumerate(rows):
        padded[at, : len(row)] = row
        mask[at, : len(row)] = True
    return torch.from_numpy(padded), torch.from_numpy(mask)


def pad_tags(tags: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]], length: int) -> Tensor:
    """[B, length] tags padded with O."""
    padded = np.zeros((len(tags), length), dtype=np.int64)
    for at, row in enumerate(tags):
        padded[at, : len(row)] = row
    return torch.from_numpy(padded)
