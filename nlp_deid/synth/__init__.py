"""Synthetic tables: a GAN with a privacy objective, and the scores that say what it keeps and gives away.

Needs the extra: pip install nlp-deid[synth].
"""

try:
    import pandas as _pandas  # noqa: F401
    import torch as _torch  # noqa: F401
except ImportError as missing:
    raise ImportError("nlp_deid.synth needs its extra: pip install 'nlp-deid[synth]'") from missing

from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.pgan import PGan
from nlp_deid.synth.settings import Settings

__all__ = ["PGan", "Settings", "SynthError"]
