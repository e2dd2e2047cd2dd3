"""Differential privacy that holds on real machines: exact draws, stated laws, budgets on disk.

Needs the extra: pip install nlp-deid[dp].
"""

try:
    import numpy as _numpy  # noqa: F401
except ImportError as missing:
    raise ImportError("nlp_deid.dp needs numpy: pip install nlp-deid[dp]") from missing

from nlp_deid.dp.checks import PrivacyError
from nlp_deid.dp.mechanisms import Geometric, Laplace, Staircase
from nlp_deid.dp.selection import Exponential

__all__ = ["Exponential", "Geometric", "Laplace", "PrivacyError", "Staircase"]
