"""All privacy models by the name they have in a configuration.

A further model is one class (`Model` or `Sensitive`) and one line of `MODELS`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from nlp_deid.tables.base import Check, Model, ModelError, Treatment
from nlp_deid.tables.closeness import TCloseness
from nlp_deid.tables.diversity import (
    AlphaK,
    DistinctLDiversity,
    EntropyLDiversity,
    KAnonymity,
    ProbabilisticLDiversity,
    PSensitive,
    RecursiveCLDiversity,
)
from nlp_deid.tables.numeric import KE, EpsilonM
from nlp_deid.tables.personal import AlpDif, PersonalKL

MODELS: Mapping[str, type[Model]] = {
    "k_anonymity": KAnonymity,
    "distinct_l_diversity": DistinctLDiversity,
    "probabilistic_l_diversity": ProbabilisticLDiversity,
    "entropy_l_diversity": EntropyLDiversity,
    "recursive_cl_diversity": RecursiveCLDiversity,
    "t_closeness": TCloseness,
    "p_sensitive": PSensitive,
    "alpha_k": AlphaK,
    "k_e": KE,
    "epsilon_m": EpsilonM,
    "k_l": PersonalKL,
    "alp_dif": AlpDif,
}

__all__ = [
    "KE",
    "MODELS",
    "AlpDif",
    "AlphaK",
    "Check",
    "DistinctLDiversity",
    "EntropyLDiversity",
    "EpsilonM",
    "KAnonymity",
    "Model",
    "ModelError",
    "PSensitive",
    "PersonalKL",
    "ProbabilisticLDiversity",
    "RecursiveCLDiversity",
    "TCloseness",
    "Treatment",
    "model",
]


def model(name: str, parameters: Mapping[str, Any] | None = None) -> Model:
    """A model from its configuration name and parameters.

    Raises:
        ModelError: an unknown name or parameter, a parameter left out or out of range.
    """
    if name not in MODELS:
        raise ModelError(f"unknown model {name!r}; there are {', '.join(MODELS)}")
    kind, given = MODELS[name], dict(parameters or {})
    known = inspect.signature(kind).parameters
    wrong = [key for key in given if key not in known]
    needed = [key for key, p in known.items() if p.default is p.empty and key not in given]
    if wrong or needed:
        problem = (
            f"unknown {', '.join(map(repr, wrong))}" if wrong else f"needs {', '.join(map(repr, needed))}"
        )
        raise ModelError(f"model {name}: {problem}; its parameters are {', '.join(known)}")
    try:
        return kind(**given)
    except (TypeError, ModelError) as error:
        raise ModelError(f"model {name}: {error}") from None
