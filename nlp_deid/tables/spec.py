"""SPEC.yaml: what a table's columns are, which models are to hold, and how they are made to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nlp_deid.tables.anonymizer import Anonymizer
from nlp_deid.tables.base import Model, Treatment
from nlp_deid.tables.builders import Automatic, Builder, Dates, Intervals, Ordered, Prefixes, Taxonomy
from nlp_deid.tables.frames import Frame, TableError, read, to_polars, write
from nlp_deid.tables.hierarchy import MISSING, Hierarchy
from nlp_deid.tables.lattice import GlobalRecoding
from nlp_deid.tables.local import LocalRecoding
from nlp_deid.tables.models import model
from nlp_deid.tables.mondrian import Mondrian
from nlp_deid.tables.risk import THRESHOLDS
from nlp_deid.tables.safe_harbor import ColumnRule
from nlp_deid.tables.table import ROLES, Table, encode

if TYPE_CHECKING:
    import polars as pl

METHODS: Mapping[str, type[Anonymizer]] = {
    "local": LocalRecoding,
    "global": GlobalRecoding,
    "mondrian": Mondrian,
}
BUILDERS = ("file", "interval", "prefix", "date", "ordered", "taxonomy", "automatic")
_COLUMN_KEYS = ("role", "hierarchy", "kind", "unit")


class SpecError(ValueError):
    """A SPEC.yaml that is wrong; the message says where and what is allowed."""


@dataclass(frozen=True)
class Spec:
    """The settings of one table, as in the file.

    Attributes:
        delimiter: of CSV files; None: by their ending, a tab for .tsv, else a comma.
        roles: for each column named in the file its role; others are kept.
        hierarchies: of quasi-identifiers, and of sensitive columns for distances.
        kinds: for Safe Harbor and Limited Data Sets, by column.
        models: all of them are to hold.
        method: one of `METHODS`.
        suppression_limit, suppressed_rows, leftovers, shuffle: as in `Anonymizer`.
        treatment: how suppressed and missing values count.
        thresholds, population_size: as in `risk`.
        reference_year, census: as in `SafeHarbor`.
    """

    delimiter: str | None = None
    roles: Mapping[str, str] = field(default_factory=dict)
    hierarchies: Mapping[str, Hierarchy | Builder] = field(default_factory=dict)
    kinds: Mapping[str, ColumnRule] = field(default_factory=dict)
    models: tuple[Model, ...] = ()
    method: str = "local"
    suppression_limit: float = 0.0
    suppressed_rows: str = "mark"
    leftovers: str = "merge"
    shuffle: bool | int = False
    treatment: Treatment = field(default_factory=Treatment)
    thresholds: tuple[float, ...] = THRESHOLDS
    population_size: int | None = None
    reference_year: int | None = None
    census: int = 2020

    def read(self, path: Path) -> pl.DataFrame:
        """The table in a file."""
        return read(path, self._delimiter(path))

    def write(self, frame: Frame, path: Path) -> None:
        """Write a table to a file."""
        write(frame, path, self._delimiter(path))

    def _delimiter(self, path: Path) -> str:
        return self.delimiter or ("\t" if path.suffix == ".tsv" else ",")

    def named(self, role: str) -> list[str]:
        """The columns of a role."""
        return [name for name, given in self.roles.items() if given == role]

    @property
    def smallest(self) -> int:
        """The least class size that the models ask for."""
        return max((model.smallest for model in self.models), default=1)

    def anonymizer(self) -> Anonymizer:
        """The anonymizer that the settings describe.

        Raises:
            SpecError, ModelError, TableError: settings that do not go together.
        """
        if not self.models:
            raise SpecError("models: name at least one, such as - k_anonymity: {k: 5}")
        if not self.named("quasi"):
            raise SpecError("columns: no column has the role quasi")
        return METHODS[self.method](
            self.models,
            self.hierarchies,
            quasi=self.named("quasi"),
            identifiers=self.named("identifier"),
            suppression_limit=self.suppression_limit,
            suppressed_rows=self.suppressed_rows,
            leftovers=self.leftovers,
            treatment=self.treatment,
            shuffle=self.shuffle,
        )

    def table(self, frame: Frame) -> Table:
        """A frame, original or released, with the roles of the file and the hierarchies of sensitive columns.

        Raises:
            TableError, HierarchyError: a column or value that does not fit.
        """
        held, sensitive = to_polars(frame), self._read()
        identifiers = [name for name in self.named("identifier") if name in held.columns]
        return Table(held, self.named("quasi"), sensitive, identifiers, self.built(held, sensitive))

    def built(self, frame: Frame, names: Iterable[str] | None = None) -> dict[str, Hierarchy]:
        """The hierarchies of the given columns (None: of all), those of builders from the frame's values."""
        held = to_polars(frame)
        made: dict[str, Hierarchy] = {}
        for name, source in self.hierarchies.items():
            if names is not None and name not in names:
                continue
            if name not in held.columns:
                raise TableError(f"column {name!r} has a hierarchy but is not in the table")
            if isinstance(source, Hierarchy):
                made[name] = source
            else:
                made[name] = source([v for v in encode(held[name]).values if v != MISSING], name)
        return made

    def _read(self) -> list[str]:
        """Columns that models read."""
        read = [name for model in self.models for name in model.attributes]
        return list(dict.fromkeys([*self.named("sensitive"), *read]))


def read_spec(path: str | Path) -> Spec:
    """Read a SPEC.yaml; files that it names are looked up beside it.

    Raises:
        SpecError: not YAML, an unknown key, or a value that is not allowed.
        ModelError, HierarchyError: a model or hierarchy that is wrong in itself.
    """
    path = Path(path)
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise SpecError(f"{path.name}: no YAML" + (f" (line {mark.line + 1})" if mark else "")) from None
    except UnicodeDecodeError:
        raise SpecError(f"{path.name}: not UTF-8") from None
    if not isinstance(given, dict):
        raise SpecError(f"{path.name}: must be a mapping with {', '.join(_keys())}")
    _known(given, _keys(), path.name)
    columns = _mapping(given.pop("columns", {}), "columns")
    parsed = {str(name): _column(str(name), _mapping(c, f"columns: {name}")) for name, c in columns.items()}
    models = tuple(_model(entry) for entry in _list(given.pop("models", []), "models"))
    spec = Spec(
        roles={name: column.get("role", "keep") for name, column in parsed.items()},
        hierarchies={
            name: _hierarchy(column["hierarchy"], name, path.parent)
            for name, column in parsed.items()
            if "hierarchy" in column
        },
        kinds={name: rule for name, column in parsed.items() if (rule := _kind(column))},
        models=models,
        **_settings(given),
    )
    _consistent(spec)
    return spec


def _keys() -> list[str]:
    return ["columns", *(f.name for f in fields(Spec) if f.name not in ("roles", "hierarchies", "kinds"))]


def _column(name: str, column: dict[str, Any]) -> dict[str, Any]:
    _known(column, _COLUMN_KEYS, f"columns: {name}")
    if column.get("role", "keep") not in ROLES:
        raise SpecError(f"columns: {name}: role must be one of {', '.join(ROLES)}")
    return column


def _kind(column: Mapping[str, Any]) -> ColumnRule | None:
    if "kind" in column:
        return ColumnRule(str(column["kind"]), str(column.get("unit", "years")))
    return ColumnRule("identifier") if column.get("role") == "identifier" else None


def _model(entry: Any) -> Model:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not (isinstance(entry, dict) and len(entry) == 1):
        raise SpecError("models: each is one name with its parameters, such as - k_anonymity: {k: 5}")
    [(name, parameters)] = entry.items()
    return model(str(name), _mapping(parameters or {}, f"models: {name}"))


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """The plain settings, checked for their types."""
    settings = dict(given)
    treatment = _mapping(settings.get("treatment", {}), "treatment")
    _known(treatment, [f.name for f in fields(Treatment)], "treatment")
    settings["treatment"] = Treatment(**treatment)
    if settings.get("method", "local") not in METHODS:
        raise SpecError(f"method must be one of {', '.join(METHODS)}")
    limit = settings.get("suppression_limit", 0.0)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit <= 1:
        raise SpecError("suppression_limit must be a number from 0 to 1")
    delimiter = settings.get("delimiter", ",")
    if not isinstance(delimiter, str) or len(delimiter) != 1:
        raise SpecError("delimiter must be one character")
    if "thresholds" in settings:
        settings["thresholds"] = tuple(
            _number(x, "thresholds") for x in _list(settings["thresholds"], "thresholds")
        )
    for key in ("population_size", "reference_year", "census"):
        if key in settings and (isinstance(settings[key], bool) or not isinstance(settings[key], int)):
            raise SpecError(f"{key} must be a whole number")
    if not isinstance(settings.get("shuffle", False), int):
        raise SpecError("shuffle must be true, false, or a seed")
    return settings


def _consistent(spec: Spec) -> None:
    """No column that a model reads has another role."""
    for rule in spec.models:
        for name in rule.attributes:
            role = spec.roles.get(name, "sensitive")
            if role in ("quasi", "identifier"):
                raise SpecError(f"column {name!r} is {role}, but model {rule} reads it as sensitive")


def _hierarchy(given: Any, name: str, beside: Path) -> Hierarchy | Builder:
    """A hierarchy file, or a builder."""
    where = f"columns: {name}: hierarchy"
    if given == "automatic":
        return Automatic()
    if isinstance(given, str):
        given = {"file": given}
    options = _mapping(given, where)
    found = [key for key in BUILDERS if key in options]
    if len(found) != 1:
        raise SpecError(f"{where}: a file's name, or one of {', '.join(BUILDERS)}")
    value = options.pop(found[0])
    extra = {"file": ("delimiter",), "interval": ("origin",), "ordered": ("fanout",)}.get(found[0], ())
    _known(options, extra, where)
    try:
        return _built(found[0], value, options, name, where, beside)
    except (TypeError, AttributeError):
        raise SpecError(f"{where}: {found[0]} has a value of the wrong type") from None


def _built(
    kind: str, value: Any, options: dict[str, Any], name: str, where: str, beside: Path
) -> Hierarchy | Builder:
    match kind:
        case "file":
            try:
                return Hierarchy.from_csv(beside / str(value), name, **options)
            except OSError as error:
                raise SpecError(f"{where}: {value}: {error.strerror}") from None
            except UnicodeDecodeError:
                raise SpecError(f"{where}: {value}: not UTF-8") from None
        case "interval" if isinstance(value, list):
            return Intervals(*(_number(width, where) for width in value), **options)
        case "interval":  # one width is doubled three times
            return Intervals(*(_number(value, where) * factor for factor in (1, 2, 4, 8)), **options)
        case "prefix":
            return Prefixes(tuple(value) if isinstance(value, list) else ())
        case "date":
            return Dates()
        case "ordered":
            return Ordered(tuple(str(v) for v in value) if isinstance(value, list) else (), **options)
        case "taxonomy":
            return Taxonomy(_mapping(value, where))
    return Automatic()


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SpecError(f"{where}: must be a number")
    return value


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SpecError(f"{where}: must be a mapping")
    return dict(value)


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise SpecError(f"{where}: must be a list")
    return value


def _known(given: Mapping[Any, Any], allowed: Sequence[str], where: str) -> None:
    for key in given:
        if key not in allowed:
            raise SpecError(f"{where}: unknown key {key!r}; allowed: {', '.join(allowed) or 'none'}")
