"""A fitted model on disk: weights as safetensors, all else as JSON, both sealed by hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from nlp_deid.synth import constraints as rules
from nlp_deid.synth.encoder import Encoder
from nlp_deid.synth.frames import SynthError
from nlp_deid.synth.networks import Generator
from nlp_deid.synth.settings import Settings
from nlp_deid.synth.training import History

VERSION = 1
WEIGHTS, WORDS = "model.safetensors", "model.json"


@dataclass(frozen=True)
class Stored:
    """What a folder held."""

    encoder: Encoder
    generator: Generator
    settings: Settings
    constraints: tuple[rules.Constraint, ...]
    history: History
    privacy: dict[str, float]


def save(
    folder: Path,
    encoder: Encoder,
    generator: Generator,
    settings: Settings,
    constraints: Sequence[rules.Constraint],
    history: History,
    privacy: dict[str, float],
) -> None:
    """Write a model into a folder, made if need be.

    Raises:
        SynthError: it cannot be written.
    """
    weights = save_tensors({name: value.contiguous() for name, value in generator.state_dict().items()})
    body: dict[str, Any] = {
        "format": "nlp-deid pGAN",
        "version": VERSION,
        "encoder": encoder.as_dict(),
        "settings": asdict(settings),
        "constraints": [rules.to_dict(constraint) for constraint in constraints],
        "history": asdict(history),
        "privacy": privacy,
        "weights": hashlib.sha256(weights).hexdigest(),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS).write_bytes(weights)
        text = json.dumps(body | {"seal": _seal(body)}, indent=1, ensure_ascii=False)
        (folder / WORDS).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise SynthError(f"{folder}: cannot be written ({error.strerror})") from None


def load(folder: Path) -> Stored:
    """Read a model.

    Raises:
        SynthError: missing files, another version, or files that were changed.
    """
    try:
        body = json.loads((folder / WORDS).read_text(encoding="utf-8"))
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise SynthError(f"{folder}: no model here ({error.strerror})") from None
    except ValueError:
        raise SynthError(f"{folder / WORDS}: damaged") from None
    if not isinstance(body, dict) or body.get("format") != "nlp-deid pGAN":
        raise SynthError(f"{folder / WORDS}: not a model of this program")
    if body.get("version") != VERSION:
        raise SynthError(f"{folder}: a model of version {body.get('version')}; this program reads {VERSION}")
    seal = body.pop("seal", None)
    if seal != _seal(body):
        raise SynthError(f"{folder / WORDS}: changed since it was saved")
    if body["weights"] != hashlib.sha256(weights).hexdigest():
        raise SynthError(f"{folder / WEIGHTS}: changed since it was saved")
    encoder, settings = Encoder.from_dict(body["encoder"]), Settings(**body["settings"])
    generator = Generator(encoder, settings.hidden)
    generator.load_state_dict(load_tensors(weights))
    found = tuple(rules.from_dict(entry) for entry in body["constraints"])
    return Stored(encoder, generator.eval(), settings, found, History(**body["history"]), body["privacy"])


def _seal(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
