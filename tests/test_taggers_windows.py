"""Windows over a note: cores tile it, bounds hold, cuts at line ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.taggers.batches import by_length, pad
from nlp_deid.taggers.features import Rows
from nlp_deid.taggers.windows import windows


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "\n", "\x0b"]), max_size=120),
    st.integers(1, 30),
    st.integers(0, 12),
)
def test_cores_tile_the_units(texts: list[str], room: int, context: int) -> None:
    size = room + 2 * context
    found = windows(texts, size, context)
    cores = [at for window in found for at in range(window.core_start, window.core_end)]
    assert cores == list(range(len(texts)))
    for window in found:
        assert 0 <= window.start <= window.core_start < window.core_end <= window.end <= len(texts)
        assert window.end - window.start <= size
        assert window.core_start - window.start == min(context, window.core_start)
        assert window.end - window.core_end == min(context, len(texts) - window.core_end)
    for one, other in pairwise(found):
        length = one.core_end - one.core_start
        assert length == room or (texts[one.core_end - 1] in "\n\x0b" and length > room // 2)
        assert other.core_end == len(texts) or other.core_start == one.core_end


def test_a_note_that_fits_is_one_window() -> None:
    assert windows(["a"] * 40, 50, 10) == [(0, 40, 0, 40)]
    assert windows([], 50, 10) == []


@pytest.mark.parametrize(("size", "context"), [(20, 10), (0, 0), (5, -1)])
def test_no_room_for_a_core(size: int, context: int) -> None:
    with pytest.raises(ValueError, match="room"):
        windows(["a"], size, context)


@settings(deadline=None)
@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 200))
def test_groups_hold_each_index_once_and_stay_small(lengths: list[int], units: int) -> None:
    groups = list(by_length(lengths, units))
    assert sorted(at for group in groups for at in group) == list(range(len(lengths)))
    assert all(len(group) == 1 or len(group) * max(lengths[at] for at in group) <= units for group in groups)


def test_padding() -> None:
    import numpy as np

    one, two = (np.full((n, 2), n, dtype=np.int32) for n in (1, 3))
    rows: list[Rows] = [one, two]
    padded, mask = pad(rows)
    assert padded.tolist() == [[[1, 1], [0, 0], [0, 0]], [[3, 3]] * 3]
    assert mask.tolist() == [[True, False, False], [True, True, True]]
