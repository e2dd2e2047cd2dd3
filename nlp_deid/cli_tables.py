"""The command line of tables: `nlp-deid table anonymize | check | risk | loss | safe-harbor | limited-data-set`.

Exit codes: 0 done, or the models hold; 1 they do not hold, or the rule is broken; 2 wrong call, wrong
configuration, or models that cannot hold: nothing is written then. Messages name columns, rows as
counts, and values that a hierarchy lacks; no other value of a table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from nlp_deid.tables.anonymizer import Release
    from nlp_deid.tables.report import Report
    from nlp_deid.tables.safe_harbor import SafeHarbor
    from nlp_deid.tables.spec import Spec

DOES_NOT_HOLD = 1
WRONG_CALL = 2

app = typer.Typer(
    help="Tables: privacy models, risk, loss, and the HIPAA rules.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

In = Annotated[Path, typer.Argument(metavar="IN", help="A .csv, .tsv or .parquet file.")]
Out = Annotated[Path, typer.Argument(metavar="OUT", help="A .csv, .tsv or .parquet file.")]
Config = Annotated[
    Path, typer.Option("--config", metavar="SPEC.yaml", help="Columns, models and method (see the docs).")
]
Report_ = Annotated[
    Path | None, typer.Option("--report", metavar="R", help="Write a report: .html or .json.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT, and the report, if they exist.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]


@app.command()
def anonymize(
    source: In,
    out: Out,
    config: Config,
    report: Report_ = None,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="Give the rows a random order.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write IN to OUT with all models of SPEC.yaml holding."""
    with _errors():
        from dataclasses import replace

        spec = _spec(config)
        _refuse_existing(source, config, [out, report], overwrite)
        if report is not None and report.suffix not in (".html", ".json"):
            _stop(f"{report}: a report ends in .html or .json")
        frame = spec.read(source)
        anonymizer = (replace(spec, shuffle=True) if shuffle and spec.shuffle is False else spec).anonymizer()
        released = anonymizer.fit_transform(frame)
        failing = [check.model for check in anonymizer.release.checks if not check]
        if failing:  # the anonymizers promise that this does not happen
            _stop(f"nothing written: the result does not hold {', '.join(failing)}")
        spec.write(released, out)
        if report is not None:
            _report(spec, frame, released, anonymizer.release).write(report)
    done = anonymizer.release
    _say(
        f"{done.rows} rows, {done.classes} classes, {done.suppressed} suppressed, "
        f"{done.merged} merged; GCP {done.loss.gcp:.4f}"
    )


@app.command()
def check(source: In, config: Config, as_json: AsJson = False) -> None:
    """Say of each model whether IN holds it."""
    with _errors():
        spec = _spec(config)
        if not spec.models:
            _stop("the configuration names no models")
        table = spec.table(spec.read(source))
        checks = [model.check(table, treatment=spec.treatment) for model in spec.models]
    if as_json:
        _print_json(checks)
    else:
        for found in checks:
            typer.echo(
                f"{found.model}: {'holds' if found else 'does not hold'} (worst {found.worst:.6g}; "
                f"{found.failing_classes} of {found.classes} classes and {found.failing_records} records "
                f"fail, {found.suppressed} suppressed)"
            )
    if not all(checks):
        raise typer.Exit(DOES_NOT_HOLD)


@app.command()
def risk(
    source: In,
    config: Config,
    population: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="The population IN is part of, with the same labels."),
    ] = None,
    population_size: Annotated[
        int | None, typer.Option(help="Records of the population, for its uniqueness.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the risk of re-identification in IN."""
    with _errors():
        from nlp_deid.tables.risk import risk as measure

        spec = _spec(config)
        found = measure(
            spec.read(source),
            spec.named("quasi"),
            thresholds=spec.thresholds,
            population=spec.read(population) if population else None,
            population_size=population_size or spec.population_size,
        )
    if as_json:
        _print_json(found)
        return
    typer.echo(f"{found.records} records, {found.classes} classes, {found.suppressed} suppressed")
    for name, attack in (("prosecutor", found.prosecutor), ("journalist", found.journalist)):
        if attack:
            above = "; ".join(f"{share:.2%} above {bound:g}" for bound, share in attack.above.items())
            typer.echo(f"{name}: highest {attack.highest:.4g}, mean {attack.mean:.4g}; {above}")
    typer.echo(f"marketer: {found.marketer:.2%} of the records named rightly")
    typer.echo(f"sample uniques: {found.sample_uniques:.2%}")
    if found.population:
        typer.echo(
            f"population uniques: {found.population.share:.2%} (estimated by {found.population.chosen})"
        )


@app.command()
def loss(source: In, out: Out, config: Config, as_json: AsJson = False) -> None:
    """Measure what OUT lost against IN."""
    with _errors():
        from nlp_deid.tables.loss import compare

        spec = _spec(config)
        frame, quasi = spec.read(source), spec.named("quasi")
        found = compare(frame, spec.read(out), quasi, spec.built(frame), spec.smallest)
    if as_json:
        _print_json(found)
        return
    typer.echo(
        f"GCP {found.gcp:.4f}, C_DM {found.c_dm}, C_AVG {found.c_avg:.4g}, suppressed {found.suppressed:.2%}"
    )
    for name, ncp in found.ncp.items():
        entropy = f", entropy {found.entropy[name]:.4f}" if name in found.entropy else ""
        typer.echo(f"column {name!r}: NCP {ncp:.4f}{entropy}")


Pipeline = Annotated[
    str | None, typer.Option(help="The text pipeline for free text; by default the shipped one.")
]
Rule = Annotated[
    Path | None, typer.Option("--config", metavar="SPEC.yaml", help="Kinds of columns; others are detected.")
]
CheckOnly = Annotated[
    bool, typer.Option("--check", help="Write nothing: list what breaks the rule in IN; exit code 1 if so.")
]
OptionalOut = Annotated[
    Path | None, typer.Argument(metavar="OUT", help="A .csv, .tsv or .parquet file; none with --check.")
]


@app.command("safe-harbor")
def safe_harbor(
    source: In,
    out: OptionalOut = None,
    config: Rule = None,
    check_only: CheckOnly = False,
    pipeline: Pipeline = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write IN to OUT without the 18 identifiers of Safe Harbor."""
    _hipaa("safe_harbor", source, out, config, check_only, pipeline, overwrite, as_json)


@app.command("limited-data-set")
def limited_data_set(
    source: In,
    out: OptionalOut = None,
    config: Rule = None,
    check_only: CheckOnly = False,
    pipeline: Pipeline = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> None:
    """Write IN to OUT as a Limited Data Set; it needs a data use agreement."""
    _hipaa("limited_data_set", source, out, config, check_only, pipeline, overwrite, as_json)


def _hipaa(
    policy: str,
    source: Path,
    out: Path | None,
    config: Path | None,
    check_only: bool,
    pipeline: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Apply or check one of the two rules."""
    if (out is None) != check_only:
        raise typer.BadParameter("give OUT, or --check without it")
    with _errors():
        from nlp_deid.tables.safe_harbor import LimitedDataSet, SafeHarbor
        from nlp_deid.tables.spec import Spec

        spec = _spec(config) if config else Spec()
        kind = SafeHarbor if policy == "safe_harbor" else LimitedDataSet
        rule = kind(spec.kinds, reference_year=spec.reference_year, census=spec.census)
        _refuse_existing(source, config, [out], overwrite)
        frame = spec.read(source)
        if any(rule.action(column.kind) == "scrub" for column in rule.rules(frame).values()):
            rule.scrub = _scrub(pipeline, policy)
        if out is not None:
            spec.write(rule.fit_transform(frame), out)
    if out is None:
        _list_violations(rule, frame, as_json)
    elif as_json:
        _print_json(list(rule.results))
    else:
        for done in rule.results:
            why = f"{done.kind} by its {done.why}" if done.why in ("name", "values") else done.kind
            empty = f", {done.unread} of them left empty" if done.unread else ""
            typer.echo(f"column {done.column!r} ({why}): {done.action}, {done.changed} rows changed{empty}")


def _list_violations(rule: SafeHarbor, frame: Any, as_json: bool) -> None:
    with _errors():
        found = rule.check(frame)
    if as_json:
        _print_json(found)
    else:
        for violation in found:
            typer.echo(str(violation))
    if found:
        raise typer.Exit(DOES_NOT_HOLD)


def _scrub(pipeline: str | None, policy: str) -> Callable[[str], str]:
    from nlp_deid.pipeline import DEFAULT_PIPELINE, load

    deid = load(pipeline or DEFAULT_PIPELINE, policy)
    return lambda text: deid(text).text


def _report(spec: Spec, frame: Any, released: Any, done: Release) -> Report:
    from nlp_deid.tables.report import report
    from nlp_deid.tables.risk import risk as measure
    from nlp_deid.tables.table import Table

    before, after = (Table(held, spec.named("quasi")) for held in (frame, released))
    risks = [
        measure(table, thresholds=spec.thresholds, population_size=spec.population_size)
        for table in (before, after)
    ]
    return report(
        before, after, done.checks, risks[0], risks[1], done.loss, merged=done.merged, levels=done.levels
    )


def _spec(config: Path) -> Spec:
    from nlp_deid.tables.spec import read_spec

    return read_spec(config)


def _refuse_existing(
    source: Path, config: Path | None, written: Sequence[Path | None], overwrite: bool
) -> None:
    paths = [path for path in written if path is not None]
    for path in paths:
        if path.resolve() in {source.resolve(), config.resolve() if config else None}:
            _stop(f"{path}: would be written over while it is read; name another file")
        if path.exists() and not overwrite:
            _stop(f"{path}: exists; give --overwrite to replace it")
    for path in paths:
        if not path.resolve().parent.is_dir():
            _stop(f"{path}: its folder does not exist")


@contextmanager
def _errors() -> Iterator[None]:
    """Ends with exit code 2 where a message for users says what is wrong."""
    try:
        from nlp_deid.pipeline import PipelineError
        from nlp_deid.tables.base import ModelError
        from nlp_deid.tables.frames import TableError
        from nlp_deid.tables.hierarchy import HierarchyError
        from nlp_deid.tables.spec import SpecError
    except ImportError as error:
        _stop(_lacking(error))
    try:
        yield
    except (TableError, HierarchyError, ModelError, SpecError, PipelineError) as error:
        _stop(str(error))
    except ImportError as error:
        _stop(_lacking(error))
    except OSError as error:
        _stop(f"{error.filename or 'input or output'}: {error.strerror or type(error).__name__}")


def _lacking(error: ImportError) -> str:
    return f"tables need {error.name}: pip install 'nlp-deid[tables]'" if error.name else str(error)


def _print_json(value: object) -> None:
    from nlp_deid.tables.report import jsonable

    typer.echo(json.dumps(jsonable(value), indent=2, ensure_ascii=False))


def _say(message: str) -> None:
    typer.echo(f"nlp-deid: {message}".encode("utf-8", "backslashreplace").decode(), err=True)


def _stop(message: str) -> NoReturn:
    _say(message)
    raise typer.Exit(WRONG_CALL)
