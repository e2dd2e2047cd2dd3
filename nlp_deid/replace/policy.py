"""What is done with each kind of PHI.

A policy names one action for every label; none may be missing, none may be unknown.

    tag         [PATIENT]
    number      [PATIENT-1], the same number for the same value within a patient's notes; dates as tokens
                that keep intervals ([DATE-1], [DATE-1+12d])
    surrogate   a made-up value in kind
    shift       a date moved by the patient's offset
    generalize  year only, 90+, three-digit ZIP
    mask        *** of the same length
    keep        left as it is
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.labels import LABELS

ACTIONS = ("tag", "number", "surrogate", "shift", "generalize", "mask", "keep")
_GENERALIZED = ("DATE", "AGE", "ZIP")


class PolicyError(ValueError):
    """A policy that cannot be used; the message says which label or action and what is allowed."""


@dataclass(frozen=True)
class Policy:
    """One action for every label.

    Raises:
        PolicyError: a label without an action, an unknown label, an unknown or unfit action.
    """

    name: str
    actions: Mapping[str, str]

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.actions) - set(LABELS)):
            raise PolicyError(
                f"policy {self.name}: unknown label {', '.join(unknown)}; labels: {', '.join(LABELS)}"
            )
        if missing := [label for label in LABELS if label not in self.actions]:
            raise PolicyError(
                f"policy {self.name}: no action for {', '.join(missing)}; every label needs one"
            )
        for label, action in self.actions.items():
            if action not in ACTIONS:
                raise PolicyError(
                    f"policy {self.name}: unknown action {action!r} for {label}; actions: {', '.join(ACTIONS)}"
                )
            if action == "shift" and label != "DATE":
                raise PolicyError(f"policy {self.name}: {label} cannot be shifted; only DATE can")
            if action == "generalize" and label not in _GENERALIZED:
                raise PolicyError(
                    f"policy {self.name}: {label} cannot be generalized; only {', '.join(_GENERALIZED)} can"
                )


def _all(action: str, **others: str) -> dict[str, str]:
    return {label: others.get(label, action) for label in LABELS}


PRESETS: dict[str, Policy] = {
    "tag": Policy("tag", _all("tag")),
    "consistent_tags": Policy("consistent_tags", _all("number")),
    "surrogate": Policy("surrogate", _all("surrogate", DATE="shift")),
    "mask": Policy("mask", _all("mask")),
    "safe_harbor": Policy(
        "safe_harbor",
        _all("tag", DATE="generalize", AGE="generalize", ZIP="generalize", STATE="keep", COUNTRY="keep"),
    ),
    "limited_data_set": Policy(
        "limited_data_set",
        {name: "keep" if label.limited else "tag" for name, label in LABELS.items()},
    ),
}


def load_policy(name: str | Path) -> Policy:
    """A preset by name, or a YAML file `{LABEL: action, ...}` that names every label.

    Raises:
        PolicyError: no such preset or file, or a policy that cannot be used.
    """
    if str(name) in PRESETS:
        return PRESETS[str(name)]
    path = Path(name)
    if not path.is_file():
        raise PolicyError(f"no policy {str(name)!r}: neither a file nor one of {', '.join(PRESETS)}")
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise PolicyError(f"policy {path}: not a YAML file in UTF-8") from None
    if not isinstance(data, dict) or not all(
        isinstance(k, str) and isinstance(v, str) for k, v in data.items()
    ):
        raise PolicyError(f"policy {path}: must be a mapping of label to action")
    return Policy(path.stem, data)
