"""Cells: what a spreadsheet would run gets an apostrophe, all else stays."""

from __future__ import annotations

from typing import Any

import pytest

from nlp_deid.corpus.cells import safe_cell


@pytest.mark.parametrize("text", ["=1+1", "+A1", "-cmd", "@SUM(A1)", "\t=1", "\r=1", "-", "+1 617", "-1 "])
def test_formulas(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    ("value", "cell"), [(None, ""), (5, "5"), (-1.5, "-1.5"), ("-12", "-12"), ("a=b", "a=b"), (" =1", " =1")]
)
def test_other_cells_stay(value: Any, cell: str) -> None:
    assert safe_cell(value) == cell
