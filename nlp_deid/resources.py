"""Finds rules/, dictionaries/ and models/, in a wheel or in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
KINDS = ("rules", "dictionaries", "models", "examples")


def root() -> Path:
    """The folder that holds rules/, dictionaries/, models/.

    A wheel carries them under `nlp_deid/data/`; a checkout has them at its top level.
    """
    packed = _PACKAGE / "data"
    return packed if packed.is_dir() else _PACKAGE.parent


def folder(kind: str) -> Path:
    """The folder of one kind of resource.

    Raises:
        ValueError: `kind` is not one of KINDS.
        FileNotFoundError: the installation lacks it.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown resource kind {kind!r}; allowed: {', '.join(KINDS)}")
    path = root() / kind
    if not path.is_dir():
        raise FileNotFoundError(f"{kind}/ is missing from the installation (looked in {root()})")
    return path
