"""The command line of set-valued records: `nlp-deid transactions check | anonymize`.

Exit codes: 0 done or holds, 1 a model does not hold, 2 wrong call, unusable file or models that
cannot hold: nothing is written then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nlp_deid.outputs import OutputError, write_whole
from nlp_deid.tables.basket_files import read_baskets, write_baskets
from nlp_deid.tables.baskets import BasketError, Baskets
from nlp_deid.tables.transaction_report import as_html, as_json, check_record, check_words
from nlp_deid.tables.transaction_spec import TransactionSpec, read_spec
from nlp_deid.tables.transactions import Published
from nlp_deid.tables.transactions import anonymize as run

DOES_NOT_HOLD = 1
WRONG_CALL = 2

app = typer.Typer(
    help="Records that are sets of items: diagnoses, drugs, baskets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Source = Annotated[Path, typer.Argument(metavar="IN", help="A line of items per record, or CSV.")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="In the form of IN, a record per line.")]
Config = Annotated[Path, typer.Option("--config", metavar="SPEC.yaml", help="Form, models and method.")]


@app.command("check")
def check(
    source: Source,
    config: Config,
    json_lines: Annotated[bool, typer.Option("--json", help="Print a JSON line a model.")] = False,
) -> None:
    """Say whether the models hold, and the worst set of items with its support.

    That set may single out a person: the answer is no more public than the records.
    """
    with _refusals():
        spec = read_spec(config)
        records = read_baskets(source, spec.form).records
        if not records:
            raise BasketError(f"{source}: there are no records")
        baskets = Baskets.of(records)
        checks = [model.check(baskets) for model in spec.models_of_output()]
    for found in checks:
        if json_lines:
            typer.echo(json.dumps(check_record(found), ensure_ascii=False))
        else:
            note = f" ({found.note})" if found.note else ""
            state = "holds" if found.holds else "does not hold"
            typer.echo(f"{found.model}: {state}; worst: {check_words(found)}{note}")
    if baskets.duplicates:
        _say(f"{baskets.duplicates} duplicate items of a record counted once")
    if not all(checks):
        raise typer.Exit(DOES_NOT_HOLD)


@app.command("anonymize")
def anonymize(
    source: Source,
    target: Target,
    config: Config,
    report: Annotated[
        Path | None, typer.Option(metavar="R.html|.json", help="Losses, checks and suppressed items.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT and the report.")] = False,
) -> None:
    """Make the models hold and write the records that may be published."""
    with _refusals():
        _check_paths(source, target, report, overwrite)
        spec = read_spec(config)
        result = _anonymized(source, target, spec)
        if report is not None:
            page = as_html(result) if report.suffix == ".html" else as_json(result)
            write_whole(report, page.encode())
    loss = result.loss
    _say(
        f"{len(result.records)} records, {loss.emptied} emptied; loss (NCP) {loss.ncp:.4f}; suppressed "
        f"{loss.suppressed} of {loss.occurrences} occurrences ({len(loss.suppressed_items)} items); "
        f"{loss.generalised_items} items recoded; {loss.itemsets_kept} of {loss.itemsets} frequent sets "
        f"and {loss.rules_kept} of {loss.rules} rules kept"
    )
    if result.duplicates:
        _say(f"{result.duplicates} duplicate items of a record counted once")


def _anonymized(source: Path, target: Path, spec: TransactionSpec) -> Published:
    file = read_baskets(source, spec.form)
    items = dict.fromkeys(item for record in file.records for item in record)
    hierarchy = spec.hierarchy(items) if spec.method != "suppress" and items else None
    method = spec.method if items else "suppress"
    result = run(file.records, spec.models, method, hierarchy, spec.prefer, spec.survival)
    ids = file.ids if spec.keep_ids else [str(number) for number in range(1, len(result.records) + 1)]
    write_whole(target, write_baskets(result.records, ids, spec.form))
    return result


def _check_paths(source: Path, target: Path, report: Path | None, overwrite: bool) -> None:
    written = [path for path in (target, report) if path is not None]
    if report is not None and report.suffix not in (".html", ".json"):
        raise BasketError(f"{report}: a report is .html or .json")
    if len({path.resolve() for path in (source, *written)}) <= len(written):
        raise BasketError("IN, OUT and the report must be different files")
    for path in written:
        if path.is_dir() or not path.parent.is_dir():
            raise BasketError(f"{path}: name a file in a folder that is there")
        if path.exists() and not overwrite:
            raise BasketError(f"{path}: is there already; use --overwrite or another name")


@contextmanager
def _refusals() -> Iterator[None]:
    """Errors of the caller as one line and exit code 2."""
    try:
        yield
    except (BasketError, OutputError) as error:
        message = str(error)
    except OSError as error:
        message = f"{error.filename or 'input or output'}: {error.strerror or type(error).__name__}"
    else:
        return
    _say(message)
    raise typer.Exit(WRONG_CALL)


def _say(message: str) -> None:
    typer.echo(f"nlp-deid: {message}", err=True)
