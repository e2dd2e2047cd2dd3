"""How a pipeline is made, in a form that each process can follow: a loaded one cannot be sent to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.deid import Deid
from nlp_deid.pipeline import DEFAULT_PIPELINE, find, load
from nlp_deid.replace.keys import Secret
from nlp_deid.replace.policy import Policy
from nlp_deid.resources import folder

_PACKAGE = Path(__file__).resolve().parents[1]
_LONGEST_PATH = 200  # characters; longer texts of a config are no paths


@dataclass(frozen=True)
class Recipe:
    """The arguments of `pipeline.load`, and the key as bytes.

    Args:
        pipeline, policy, dictionaries, record: as for `load`.
        surrogates: as for `load`, without "source".
        key: what surrogates are made with; None for a random source of each patient.
    """

    pipeline: str | Path = DEFAULT_PIPELINE
    policy: str | Path | Policy | None = None
    dictionaries: str | Path | None = None
    surrogates: Mapping[str, Any] = field(default_factory=dict)
    key: bytes | None = field(default=None, repr=False)
    record: bool = False

    @property
    def key_id(self) -> str:
        """The public name of the key, or "random"."""
        return "random" if self.key is None else Secret(self.key).id

    def facts(self) -> dict[str, str]:
        """What decides the output, for the manifest."""
        return {"pipeline and policy": self.fingerprint(), "key": self.key_id}

    def load(self) -> Deid:
        """The pipeline; errors as for `pipeline.load`."""
        source = {} if self.key is None else {"source": Secret(self.key)}
        return load(self.pipeline, self.policy, self.dictionaries, {**self.surrogates, **source}, self.record)

    def fingerprint(self) -> str:
        """A hash of all that decides what comes out, the key aside.

        That is the code, the rules and dictionaries, the pipeline with its weights, a site's dictionaries,
        the policy and the options.
        """
        found = hashlib.sha256(version("nlp-deid").encode())
        policy = self.policy
        if isinstance(policy, Policy):
            policy = json.dumps([policy.name, dict(policy.actions)], sort_keys=True)
        for part in (
            str(self.pipeline),
            str(policy),
            json.dumps(self.surrogates, sort_keys=True, default=str),
        ):
            found.update(b"%d:%b" % (len(part.encode()), part.encode()))
        for path in self._files(policy):
            found.update(f"{path.name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            with path.open("rb") as file:
                found.update(hashlib.file_digest(file, "sha256").digest())
        return found.hexdigest()

    def _files(self, policy: str | Path | None) -> Iterator[Path]:
        roots = [folder("rules"), folder("dictionaries"), *_pipeline_files(find(self.pipeline)[0])]
        roots += [Path(self.dictionaries)] if self.dictionaries is not None else []
        yield from sorted(_PACKAGE.rglob("*.py"))
        for root in roots:
            if root.is_file():
                yield root
            yield from sorted(path for path in root.rglob("*") if path.is_file())
        if isinstance(policy, (str, Path)) and len(str(policy)) < 256 and Path(policy).is_file():
            yield Path(policy)


def _pipeline_files(config: Path) -> list[Path]:
    """The folder of an installed pipeline; of another, the config with the files and folders it names.

    Beside such a config may lie anything, the output too.
    """
    if (
        config.resolve() in {path.resolve() for path in folder("models").glob("*/config.yaml")}
        or not config.is_file()
    ):
        return [config.parent]
    texts = filter(None, _texts(yaml.safe_load(config.read_text(encoding="utf-8"))))
    named = {
        place for text in texts if len(text) < _LONGEST_PATH for place in (config.parent / text, Path(text))
    }
    return [config, *sorted(place for place in named if place.exists())]


def _texts(value: Any) -> Iterator[str]:
    """Every text in a config."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)
