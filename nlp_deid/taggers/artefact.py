"""A tagger on disk: a folder with `tagger.json`, `weights.safetensors` and, if it needs one, `tokenizer.json`.

`tagger.json` holds the design and a sha256 of every other file. There is no pickle, and no text of the
training notes: words are hashes, lists and vocabularies public.

Weights are float32, bfloat16, or 8-bit whole numbers with a scale for each row (`name` and `name::scale`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from tokenizers import Tokenizer
from torch import Tensor

from nlp_deid.taggers.gazetteer import Gazetteer
from nlp_deid.taggers.model import Design, Model, ModelError

FORMAT = 1
_DESIGN, _WEIGHTS, _TOKENIZER = "tagger.json", "weights.safetensors", "tokenizer.json"
_SCALE = "::scale"
_TABLE = 10_000  # rows from which a matrix is a table, stored as 8-bit numbers
_LISTS, _FLAGS = "gazetteer.hashes", "gazetteer.flags"


def save(model: Model, path: Path, thresholds: Mapping[str, float] | None = None, small: bool = True) -> None:
    """Write a model to a folder, which is made if it is not there.

    Args:
        model: what to write.
        path: the folder.
        thresholds: by label, from which probability of any PHI a unit is taken (see tagger.py).
        small: tables of 10,000 rows or more as 8-bit numbers, other weights as bfloat16; else all as float32.
    """
    path.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {
        _LISTS: torch.from_numpy(model.gazetteer.hashes.view(np.int32).copy()),
        _FLAGS: torch.from_numpy(model.gazetteer.flags.view(np.int32).copy()),
    }
    for name, value in model.state_dict().items():
        tensors |= _packed(name, value) if small else {name: value.contiguous()}
    files = {_WEIGHTS: save_tensors(tensors)}
    if model.tokenizer is not None:
        files[_TOKENIZER] = model.tokenizer.to_str().encode()
    for name, data in files.items():
        (path / name).write_bytes(data)
    description = {
        "format": FORMAT,
        "design": model.design.plain(),
        "lists": list(model.gazetteer.names),
        "thresholds": dict(thresholds or {}),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    (path / _DESIGN).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")


def load(path: Path) -> tuple[Model, dict[str, float]]:
    """The model of a folder, ready to tag, and its thresholds.

    Raises:
        ModelError: a file is missing, cut short or not the one that was written, or the weights are
            those of another design; the message names the file.
    """
    description = _description(path)
    data = {name: _verified(path / name, digest) for name, digest in description["sha256"].items()}
    try:
        tensors = load_tensors(data[_WEIGHTS])
    except (SafetensorError, KeyError):
        raise ModelError(f"{path / _WEIGHTS}: not a whole safetensors file") from None
    try:
        lists, flags = (tensors.pop(name).numpy().view(np.uint32) for name in (_LISTS, _FLAGS))
        gazetteer = Gazetteer(tuple(description["lists"]), lists, flags)
        tokenizer = Tokenizer.from_str(data[_TOKENIZER].decode()) if _TOKENIZER in data else None
        labels = tuple(description["design"].pop("labels"))
        model = Model(Design(labels=labels, **description["design"]), gazetteer, tokenizer)
        thresholds = dict(description.get("thresholds", {}))
    except ModelError as error:
        raise ModelError(f"{path / _DESIGN}: {error}") from None
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path / _DESIGN}: not a description of a tagger ({type(error).__name__})"
        ) from None
    try:
        model.load_state_dict(_unpacked(tensors))
    except RuntimeError:
        raise ModelError(f"{path}: the weights are those of another design than {_DESIGN} says") from None
    return model.eval(), thresholds


def _description(path: Path) -> dict[str, Any]:
    file = path / _DESIGN
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{file}: missing; a tagger's folder holds {_DESIGN} and {_WEIGHTS}") from None
    except ValueError:
        raise ModelError(f"{file}: not JSON in UTF-8") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ModelError(f"{file}: not a tagger of format {FORMAT}")
    if not isinstance(description.get("sha256"), dict) or not isinstance(description.get("design"), dict):
        raise ModelError(f"{file}: lacks its design or the digests of its files")
    return description


def _verified(file: Path, digest: str) -> bytes:
    """The bytes of a file whose sha256 is `digest`."""
    if file.name not in (_WEIGHTS, _TOKENIZER):
        raise ModelError(f"{file.parent / _DESIGN}: names a file that is no part of a tagger")
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"{file}: {error.strerror}") from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise ModelError(f"{file}: not the file that {_DESIGN} describes (sha256 differs)")
    return data


def _packed(name: str, value: Tensor) -> dict[str, Tensor]:
    """A tensor as it is stored small."""
    if not value.is_floating_point():
        return {name: value.contiguous()}
    if value.ndim == 2 and value.shape[0] >= _TABLE:
        scale = value.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        return {name: (value / scale).round().to(torch.int8), name + _SCALE: scale.float()}
    return {name: value.to(torch.bfloat16).contiguous()}


def _unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Stored tensors in float32."""
    state = {}
    for name, value in tensors.items():
        if not name.endswith(_SCALE):
            scale = tensors.get(name + _SCALE)
            whole = value.float() if value.is_floating_point() or scale is not None else value
            state[name] = whole * scale if scale is not None else whole
    return state
