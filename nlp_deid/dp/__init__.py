"""Differential privacy that holds on real machines: exact draws, stated laws, budgets on disk.

Needs the extra: pip install nlp-deid[dp].
"""

try:
    import numpy as _numpy  # noqa: F401
except ImportError as missing:
    raise ImportError("nlp_deid.dp needs numpy: pip install nlp-deid[dp]") from missing

from nlp_deid.dp.budget import Budget, BudgetError, Loss
from nlp_deid.dp.checks import PrivacyError
from nlp_deid.dp.continual import RunningSum, running_count
from nlp_deid.dp.ledger import Ledger
from nlp_deid.dp.mechanisms import Geometric, Laplace, Staircase
from nlp_deid.dp.selection import Exponential

__all__ = [
    "Budget",
    "BudgetError",
    "Exponential",
    "Geometric",
    "Laplace",
    "Ledger",
    "Loss",
    "PrivacyError",
    "RunningSum",
    "Staircase",
    "running_count",
]
