"""load(): a pipeline from its config over the parts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.deid import Deid
from nlp_deid.detect.site import site_options, site_parts
from nlp_deid.merge import MERGES, Merge
from nlp_deid.replace.policy import Policy, load_policy
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import Options
from nlp_deid.resources import folder

DEFAULT_PIPELINE = "hybrid"
# Parts by the name a config uses; others come from the entry point group `nlp_deid.parts`.
PARTS = {
    "rules": "nlp_deid.detect.rules:Rules",
    "lexicon": "nlp_deid.detect.lexicon:LexiconDetector",
    "names": "nlp_deid.detect.names:Names",
    "context": "nlp_deid.detect.context:Context",
    "month_day": "nlp_deid.detect.month_day:MonthDay",
    "header": "nlp_deid.detect.header:Header",
    "keep_list": "nlp_deid.detect.lexicon:KeepList",
    "echo": "nlp_deid.detect.echo:Echo",
    "tagger": "nlp_deid.taggers.tagger:Tagger",
    "denial": "nlp_deid.taggers.tagger:Denial",
}
_KEYS = {"about", "detectors", "keep", "merge", "echo", "policy", "surrogates", "points"}
DEFAULT_POINT = "balanced"


class PipelineError(ValueError):
    """A pipeline that cannot be loaded; the message says which, why and what is allowed."""


def pipelines() -> dict[str, Path]:
    """Installed pipelines by name: their config files."""
    return {path.parent.name: path for path in sorted(folder("models").glob("*/config.yaml"))}


def find(pipeline: str | Path) -> tuple[Path, str]:
    """The config file that `load` would read, which may not be there, and the operating point."""
    installed = pipelines()
    name, colon, point = str(pipeline).rpartition(":")
    if not colon or str(pipeline) in installed or Path(pipeline).exists():
        name, point = str(pipeline), DEFAULT_POINT
    path = installed.get(name, Path(name))
    return (path / "config.yaml" if path.is_dir() else path), point


def read(pipeline: str | Path) -> tuple[Path, Mapping[str, Any]]:
    """The config file of a pipeline, and what it says at the operating point; no part is loaded.

    Raises:
        PipelineError: no such pipeline or point, or a config that cannot be used.
    """
    path, point = find(pipeline)
    if not path.is_file():
        known = ", ".join(pipelines())
        raise PipelineError(f"no pipeline {str(pipeline)!r}: neither a path nor one of {known}")
    return path, _at_point(_config(path), point, path.parent.name)


def points(pipeline: str | Path) -> list[str]:
    """The operating points of a pipeline, "balanced" first."""
    return [DEFAULT_POINT, *_config(find(pipeline)[0]).get("points", {})]


def _part(entry: Any, path: Path, dictionaries: Path | None = None) -> Any:
    """A detector or keep list from its config entry: a name, or a mapping with `use` and options.

    `model` names folders beside the config file. A part that reads dictionaries takes a site's folder as
    `extra` or as part of a `lexicon`.
    """
    options = {"use": entry} if isinstance(entry, str) else dict(entry)
    name, where = options.pop("use", None), path.parent.name
    if "model" in options:
        options["model"] = _beside(path, options["model"])
    dotted = PARTS.get(str(name))
    if dotted:
        module, _, attribute = dotted.partition(":")
        factory = getattr(import_module(module), attribute)
    else:
        found = [point for point in entry_points(group="nlp_deid.parts") if point.name == name]
        if not found:
            raise PipelineError(f"{where}: unknown part {name!r}; known: {', '.join(PARTS)}")
        factory = found[0].load()
    try:
        if dictionaries is not None:
            options |= site_options(factory, options, dictionaries)
        return factory(**options)
    except TypeError as error:
        raise PipelineError(f"{where}: part {name}: {error}") from None
    except (ValueError, OSError) as error:
        raise PipelineError(f"{where}: part {name}: {error}") from error


def load(
    pipeline: str | Path = DEFAULT_PIPELINE,
    policy: str | Path | Policy | None = None,
    dictionaries: str | Path | None = None,
    surrogates: Mapping[str, Any] | None = None,
    record: bool = False,
) -> Deid:
    """A pipeline by name or by the path of its config.yaml (or of the folder that holds it).

    Args:
        pipeline: an installed name (see `pipelines()`) or a path; behind a colon an operating point that
            the config has, such as "hybrid:thorough" (recall first). "balanced" is the config as it stands.
        policy: a preset's name, a policy file or a Policy; by default the pipeline's own.
        dictionaries: a site's dictionary folder (see detect/dictionary_files.py), whose lists win over
            ours, added to every part that reads dictionaries.
        surrogates: fields of replace.surrogates.Options, over those of the config.
        record: keep the surrogates given out, for a map file (`Deid.replacer.pairs`).

    Raises:
        PipelineError: no such pipeline, or a config that cannot be used.
        DictionaryError: dictionaries with a fault, or a list to keep and no part of the pipeline that would.
        PolicyError: no such policy, or one that cannot be used.
        SurrogateFault: an option of the surrogates that cannot be used.
    """
    path, config = read(pipeline)
    where = path.parent.name
    merge = _merge(config.get("merge", {}), where)
    chosen = policy if policy is not None else config.get("policy", "tag")
    site = None if dictionaries is None else Path(dictionaries)
    if site is not None:
        parts = (*config["detectors"], *config.get("keep", []))
        used = {part if isinstance(part, str) else part.get("use") for part in parts}
        config = {**config, "detectors": [*config["detectors"], *site_parts(site, used, where)]}
    try:
        options = Options(**{**config.get("surrogates", {}), **(surrogates or {})})
    except TypeError as error:
        raise PipelineError(f"{where}: surrogates: {error}") from None
    return Deid(
        detectors=[_part(entry, path, site) for entry in config["detectors"]],
        replacer=Replacer(chosen if isinstance(chosen, Policy) else load_policy(chosen), options, record),
        merge=merge,
        keep=[_part(entry, path, site) for entry in config.get("keep", [])],
        echo=_part(config["echo"], path, site) if "echo" in config else None,
        name=where,
    )


def _beside(path: Path, model: Any) -> Any:
    """A model's folder, or several, relative to the config file."""
    if isinstance(model, list):
        return [path.parent / str(one) for one in model]
    return path.parent / str(model)


def _at_point(config: Mapping[str, Any], point: str, where: str) -> Mapping[str, Any]:
    """The config at an operating point: its `detectors` and `keep` in place of those of the config, other
    entries of it over options of `merge`, or of parts by name.
    """
    known = config.get("points", {})
    if point == DEFAULT_POINT:
        return config
    if point not in known:
        names = ", ".join((DEFAULT_POINT, *known))
        raise PipelineError(f"{where}: unknown operating point {point!r}; known: {names}")
    over = dict(known[point])
    changed = {**config, **{key: over.pop(key) for key in ("detectors", "keep") if key in over}}
    changed["merge"] = {**config.get("merge", {}), **over.pop("merge", {})}
    for key in ("detectors", "keep"):
        changed[key] = [_with(entry, over) for entry in changed.get(key, [])]
    return changed


def _with(entry: Any, over: Mapping[str, Any]) -> Any:
    """A part's entry with the options that a point has for it."""
    options = {"use": entry} if isinstance(entry, str) else dict(entry)
    return {**options, **over.get(str(options.get("use")), {})}


def _merge(options: Mapping[str, Any], where: str) -> Merge:
    """The decision rule of a config: `rule` names it, the rest are its options."""
    options = dict(options)
    rule = options.pop("rule", "union")
    if rule not in MERGES:
        raise PipelineError(f"{where}: merge: unknown rule {rule!r}; known: {', '.join(MERGES)}")
    try:
        tuples: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in options.items()}
        return MERGES[rule](**tuples)
    except (TypeError, ValueError) as error:
        raise PipelineError(f"{where}: merge: {error}") from None


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise PipelineError(f"{path}: not a YAML file in UTF-8") from None
    if not isinstance(config, dict):
        raise PipelineError(f"{path}: must be a mapping with {', '.join(sorted(_KEYS))}")
    if unknown := sorted(set(config) - _KEYS):
        raise PipelineError(
            f"{path}: unknown key {', '.join(map(str, unknown))}; allowed: {', '.join(sorted(_KEYS))}"
        )
    if not config.get("detectors"):
        raise PipelineError(f"{path}: no detectors")
    return config
