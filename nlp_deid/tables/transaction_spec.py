"""The YAML file that says how set-valued records are read, which models hold, and by what method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from nlp_deid.tables.basket_files import BasketForm
from nlp_deid.tables.baskets import BasketError
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.setvalued import HKPCoherence, KMAnonymity, RhoUncertainty, SetModel
from nlp_deid.tables.transactions import METHODS, output_models

SET_MODELS: dict[str, type[SetModel]] = {
    "k_m_anonymity": KMAnonymity,
    "rho_uncertainty": RhoUncertainty,
    "hkp_coherence": HKPCoherence,
}
_KEYS = (
    "separator",
    "delimiter",
    "columns",
    "keep_ids",
    "models",
    "method",
    "hierarchy",
    "prefer",
    "survival",
)
_HIERARCHIES = ("parents", "prefixes", "icd10")


@dataclass(frozen=True)
class TransactionSpec:
    """A checked specification.

    Attributes:
        form: how the records stand in their file.
        models: what shall hold.
        method: "suppress", "recode" or "mixed".
        prefer: items to leave out last.
        keep_ids: of CSV, whether ids are published; else records are numbered.
        survival: `support` and `confidence` of sets and rules that the loss counts.
    """

    form: BasketForm
    models: tuple[SetModel, ...]
    method: str = "suppress"
    prefer: tuple[str, ...] = ()
    keep_ids: bool = False
    survival: Mapping[str, float] = field(default_factory=dict)
    _hierarchy: Mapping[str, Any] = field(default_factory=dict)
    _folder: Path = Path()

    @property
    def named(self) -> set[str]:
        """The sensitive items of ρ-uncertainty, where they are named."""
        return {item for m in self.models if isinstance(m, RhoUncertainty) for item in m.sensitive or ()}

    def hierarchy(self, items: Iterable[str]) -> ItemHierarchy | None:
        """The hierarchy over these items and the sensitive ones, None if the specification names none.

        Raises:
            BasketError: a hierarchy that cannot be made.
        """
        items = {*items, *self.named}
        for kind, value in self._hierarchy.items():
            if kind == "parents":
                return ItemHierarchy.from_csv(self._folder / str(value))
            return (
                ItemHierarchy.icd10(items) if kind == "icd10" else ItemHierarchy.from_prefixes(items, value)
            )
        return None

    def models_of_output(self) -> tuple[SetModel, ...]:
        """The models as recoded records are to satisfy them."""
        tree = self.hierarchy(()) if self.named and self.method != "suppress" else None
        return tuple(output_models(self.models, tree)) if tree else self.models


def read_spec(path: Path) -> TransactionSpec:
    """Read and check a specification; file names in it are taken from its folder.

    Raises:
        BasketError: not YAML, an unknown key, or a value that is not allowed.
        OSError: the file cannot be read.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        raise BasketError(f"{path}: not a YAML file in UTF-8") from None
    try:
        return _spec(_mapping(content, "the file", _KEYS), path.parent)
    except BasketError as error:
        raise BasketError(f"{path}: {error}") from None


def _spec(content: Mapping[str, Any], folder: Path) -> TransactionSpec:
    columns = _mapping(content.get("columns", {}), "columns", ("id", "item"))
    if columns and not all(isinstance(columns.get(key), str) and columns[key] for key in ("id", "item")):
        raise BasketError("columns must name id and item")
    delimiter, separator = content.get("delimiter", ","), content.get("separator", "")
    if not isinstance(delimiter, str) or len(delimiter) != 1 or not isinstance(separator, str):
        raise BasketError("delimiter must be one character, separator a text")
    if columns and separator:
        raise BasketError("separator is for lines of items, columns for CSV; give one of them")
    method = content.get("method", "suppress")
    if method not in METHODS:
        raise BasketError(f"unknown method {method!r}; allowed: {', '.join(METHODS)}")
    hierarchy = _mapping(content.get("hierarchy", {}), "hierarchy", _HIERARCHIES)
    if len(hierarchy) > 1 or (method != "suppress" and not hierarchy):
        raise BasketError(f"hierarchy must be one of {', '.join(_HIERARCHIES)}; the method {method} needs it")
    if hierarchy.get("icd10", True) is not True:
        raise BasketError("icd10 must be true; leave it out for another hierarchy")
    if not all(isinstance(length, int) for length in _list(hierarchy.get("prefixes", []), "prefixes")):
        raise BasketError("prefixes must be a list of lengths, such as [3, 1]")
    prefer = _list(content.get("prefer", []), "prefer")
    if not all(isinstance(item, str) for item in prefer):
        raise BasketError("prefer must be a list of items as text; quote codes that are numbers")
    if not isinstance(keep_ids := content.get("keep_ids", False), bool):
        raise BasketError("keep_ids must be true or false")
    return TransactionSpec(
        form=BasketForm(separator, columns.get("id", ""), columns.get("item", ""), delimiter),
        models=_models(content.get("models")),
        method=method,
        prefer=tuple(prefer),
        keep_ids=keep_ids,
        survival=_mapping(content.get("survival", {}), "survival", ("support", "confidence")),
        _hierarchy=hierarchy,
        _folder=folder,
    )


def _models(value: object) -> tuple[SetModel, ...]:
    models = []
    for entry in _list(value, "models"):
        named = _mapping(entry, "a model", tuple(SET_MODELS))
        if len(named) != 1:
            raise BasketError("each entry of models names one model with its parameters")
        for name, parameters in named.items():
            kind = SET_MODELS[name]
            allowed = tuple(getattr(kind, "__dataclass_fields__", {}))
            given = _mapping(parameters, name, allowed)
            try:
                models.append(kind(**given))
            except TypeError:
                raise BasketError(f"{name}: a parameter is missing; it takes {', '.join(allowed)}") from None
            except BasketError as error:
                raise BasketError(f"{name}: {error}") from None
    if not models:
        raise BasketError(f"models must name at least one of {', '.join(SET_MODELS)}")
    return tuple(models)


def _mapping(value: object, name: str, allowed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BasketError(f"{name} must be a mapping with the keys {', '.join(allowed)}")
    for key in value:
        if key not in allowed:
            raise BasketError(f"unknown key {key!r} in {name}; allowed: {', '.join(allowed)}")
    return value


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise BasketError(f"{name} must be a list")
    return value
