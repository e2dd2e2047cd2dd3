"""load(): a pipeline from its config over the parts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.deid import Deid
from nlp_deid.detect.site import check_site, site_options
from nlp_deid.merge import MERGES, Merge
from nlp_deid.replace.policy import Policy, load_policy
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import Options
from nlp_deid.resources import folder

DEFAULT_PIPELINE = "rules"
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


def _part(
    entry: Any, path: Path, dictionaries: Path | None = None, over: Mapping[str, Any] | None = None
) -> Any:
    """A detector or keep list from its config entry: a name, or a mapping with `use` and options.

    The options of the operating point, `over` by name of the part, win over those of the entry. `model` names
    folders beside the config file. A part that reads dictionaries takes a site's folder as `extra` or as
    part of a `lexicon`.
    """
    options = {"use": entry} if isinstance(entry, str) else dict(entry)
    name, where = options.pop("use", None), path.parent.name
    options |= (over or {}).get(str(name), {})
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
    point: str = DEFAULT_POINT,
) -> Deid:
    """A pipeline by name or by the path of its config.yaml (or of the folder that holds it).

    Args:
        pipeline: an installed name (see `pipelines()`) or a path.
        policy: a preset's name, a policy file or a Policy; by default the pipeline's own.
        dictionaries: a site's dictionary folder (see detect/dictionary_files.py), whose lists win over
            ours, added to every part that reads dictionaries.
        surrogates: fields of replace.surrogates.Options, over those of the config.
        record: keep the surrogates given out, for a map file (`Deid.replacer.pairs`).
        point: an operating point that the config names under `points`, such as "thorough" (recall first);
            "balanced" is the config as it stands.

    Raises:
        PipelineError: no such pipeline, or a config that cannot be used.
        DictionaryError: dictionaries with a fault, or a list that the pipeline has no part for.
        PolicyError: no such policy, or one that cannot be used.
        SurrogateFault: an option of the surrogates that cannot be used.
    """
    installed = pipelines()
    path = installed.get(str(pipeline), Path(pipeline))
    path = path / "config.yaml" if path.is_dir() else path
    if not path.is_file():
        raise PipelineError(
            f"no pipeline {str(pipeline)!r}: neither a path nor one of {', '.join(installed)}"
        )
    config = _config(path)
    where = path.parent.name
    over = _point(config, point, where)
    merge = _merge({**config.get("merge", {}), **over.get("merge", {})}, where)
    chosen = policy if policy is not None else config.get("policy", "tag")
    site = None if dictionaries is None else Path(dictionaries)
    if site is not None:
        parts = (*config["detectors"], *config.get("keep", []))
        check_site(site, {part if isinstance(part, str) else part.get("use") for part in parts}, where)
    try:
        options = Options(**{**config.get("surrogates", {}), **(surrogates or {})})
    except TypeError as error:
        raise PipelineError(f"{where}: surrogates: {error}") from None
    return Deid(
        detectors=[_part(entry, path, site, over) for entry in config["detectors"]],
        replacer=Replacer(chosen if isinstance(chosen, Policy) else load_policy(chosen), options, record),
        merge=merge,
        keep=[_part(entry, path, site, over) for entry in config.get("keep", [])],
        echo=_part(config["echo"], path, site, over) if "echo" in config else None,
        name=where,
    )


def _beside(path: Path, model: Any) -> Any:
    """A model's folder, or several, relative to the config file."""
    if isinstance(model, list):
        return [path.parent / str(one) for one in model]
    return path.parent / str(model)


def _point(config: Mapping[str, Any], point: str, where: str) -> Mapping[str, Any]:
    """What an operating point changes: options of `merge` and of parts, by name."""
    points = config.get("points", {})
    if point == DEFAULT_POINT:
        return {}
    if point not in points:
        known = ", ".join((DEFAULT_POINT, *points))
        raise PipelineError(f"{where}: unknown operating point {point!r}; known: {known}")
    return dict(points[point])


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
