"""The command line: notes here, tables and the rest in their own modules (`nlp-deid --help` lists all).

Exit codes: 0 all done; 1 some notes quarantined, or rules or dictionaries with problems; 2 wrong call, wrong
configuration, or nothing could be done. No message shows text of a note unless it was asked for.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from nlp_deid.cli_carriers import app as carriers_app
from nlp_deid.cli_dictionary import dictionary_app
from nlp_deid.cli_dp import app as dp_app
from nlp_deid.cli_keys import KEY_ERRORS, key_app, reidentify
from nlp_deid.cli_options import (
    AsJson,
    Dictionaries,
    Format,
    In,
    Overwrite,
    PatientField,
    Pipeline,
    PolicyName,
    SpanLabels,
    Table,
    TableColumns,
    TableId,
)
from nlp_deid.cli_review import review
from nlp_deid.cli_scrub import BATCH_ERRORS, joined_source, progress, scrub, tell, tell_demographics
from nlp_deid.cli_serve import serve
from nlp_deid.cli_synth import app as synth_app
from nlp_deid.cli_tables import app as table_app
from nlp_deid.cli_transactions import app as transactions_app
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.deid import DeidError
from nlp_deid.demographics import ID_COLUMN, DemographicsError
from nlp_deid.detect.dictionary_files import DictionaryError
from nlp_deid.outputs import OutputError
from nlp_deid.pipeline import DEFAULT_PIPELINE, PipelineError, load
from nlp_deid.replace.policy import PolicyError
from nlp_deid.sources import PATIENT_FIELD, Columns, SourceError

QUARANTINED = 1
WRONG_CALL = 2
# Messages of these are written for users and hold no note text.
_EXPECTED = (
    CorpusError,
    DeidError,
    DemographicsError,
    DictionaryError,
    OutputError,
    PipelineError,
    PolicyError,
    SourceError,
    *BATCH_ERRORS,
    *KEY_ERRORS,
)

app = typer.Typer(
    help="Find and remove identifiers in clinical notes, offline.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
rules_app = typer.Typer(help="Rules of your own.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")
app.add_typer(dictionary_app, name="dictionary")
app.add_typer(key_app, name="key")
app.add_typer(table_app, name="table")
app.add_typer(transactions_app, name="transactions")
app.add_typer(dp_app, name="dp")
app.add_typer(synth_app, name="synth")
app.add_typer(carriers_app)
for command in (scrub, reidentify, serve, review):
    app.command()(command)


@app.command()
def detect(
    source: In,
    out: Annotated[str, typer.Argument(metavar="OUT.jsonl", help="A .jsonl file, or - for standard output.")],
    pipeline: Pipeline = DEFAULT_PIPELINE,
    format: Format = None,
    patient: PatientField = PATIENT_FIELD,
    dictionaries: Dictionaries = None,
    demographics: Table = None,
    demographics_id: TableId = ID_COLUMN,
    demographics_columns: TableColumns = "",
    overwrite: Overwrite = False,
    labels: SpanLabels = "ours",
    html: Annotated[
        Path | None,
        typer.Option(metavar="PAGE.html", help="Also write a page with the spans marked. It holds text."),
    ] = None,
) -> None:
    """Write a row a note with the spans found, offsets into its text.

    A row is {"id", "spans": [{"start", "end", "label", "score", "source"}]}.
    """
    from nlp_deid import batch
    from nlp_deid.html import check_page, write_page
    from nlp_deid.native import relabel
    from nlp_deid.predictions import read_found

    if html is not None and "-" in (source, out):
        raise SourceError("a page needs a file or folder to read and a file of spans, not - for either")
    columns = Columns(patient=patient, other="drop")
    notes = joined_source(source, format, columns, demographics, demographics_id, demographics_columns)
    if html is not None:
        check_page(html, notes, Path(out), overwrite)
    deid = load(pipeline, None, dictionaries)
    named = relabel(deid, labels)
    with progress() as watch:
        if (count := notes.count()) is not None:
            watch.total(count)
        summary = batch.detect(
            deid, notes, out, overwrite=overwrite, after_note=watch.after_note, relabel=named
        )
    if html is not None:
        write_page(html, notes.entries(), read_found(Path(out)))
    if tell(summary, notes):
        raise typer.Exit(QUARANTINED)


@app.command()
def explain(
    note: Annotated[str, typer.Argument(metavar="NOTE", help="A note's file, or - for standard input.")],
    pipeline: Pipeline = DEFAULT_PIPELINE,
    policy: PolicyName = None,
    dictionaries: Dictionaries = None,
    demographics: Table = None,
    demographics_id: TableId = ID_COLUMN,
    demographics_columns: TableColumns = "",
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Show the found words. They are PHI.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say for every proposal in one note who made it, how surely, and what became of it."""
    from nlp_deid import screen

    source = joined_source(note, None, Columns(), demographics, demographics_id, demographics_columns)
    if source.kind != "note":
        raise SourceError(f"{note}: explain takes one note, not a {source.kind}")
    entry = next(source.entries(sys.stdin.buffer if source.path is None else None))
    read = entry.read()
    tell_demographics(source)
    rows = [
        {
            "start": found.verdict.span.start,
            "end": found.verdict.span.end,
            **({"text": read.text[found.verdict.span.start : found.verdict.span.end]} if show_text else {}),
            "label": found.verdict.span.label,
            "score": round(found.verdict.span.score, 4),
            "source": found.verdict.span.source,
            "outcome": found.verdict.outcome,
            "by": found.verdict.by,
            "action": found.action,
        }
        for found in load(pipeline, policy, dictionaries).explain(read)
    ]
    if as_json:
        _print_json(rows)
    else:
        screen.table(f"{len(rows)} proposals", rows)


@app.command()
def evaluate(
    gold: Annotated[
        Path,
        typer.Argument(
            metavar="GOLD",
            help="Notes with gold spans: .jsonl, i2b2, BRAT, CoNLL, PhysioNet, doccano, Label Studio.",
        ),
    ],
    pred: Annotated[Path, typer.Argument(metavar="PRED", help="What `detect` wrote, or notes with spans.")],
    missing: Annotated[
        str, typer.Option(help="Notes without an answer: raise, or miss (all PHI missed).")
    ] = "raise",
    compat: Annotated[
        bool, typer.Option("--compat", help="Keep the known faults of the official scripts.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score found spans against gold, by every measure and by name."""
    from nlp_deid import screen
    from nlp_deid.corpus import formats
    from nlp_deid.corpus.jsonl import FOLD, ignore_ranges
    from nlp_deid.evaluate import evaluate as score
    from nlp_deid.predictions import read_found

    notes = list(formats.read(gold, labels=FOLD))
    found = read_found(pred)
    ignore = {note.id: ranges for note in notes if (ranges := ignore_ranges(note))}
    if missing not in ("raise", "miss"):
        raise typer.BadParameter("raise or miss", param_hint="--missing")
    try:
        report = score(
            notes, found, ignore=ignore, missing="miss" if missing == "miss" else "raise", compat=compat
        )
    except ValueError as error:  # its messages name ids and offsets
        _stop(str(error))
    if as_json:
        _print_json(report.to_dict())
    else:
        screen.report(report)


@rules_app.command("check")
def rules_check(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of rule files (*.yaml).")],
) -> None:
    """Run every rule's own examples and throw hostile text at its pattern."""
    from nlp_deid.detect.rulecheck import check_rules
    from nlp_deid.detect.rules import RuleError, read_rules

    try:
        rules = read_rules(directory)
    except RuleError as error:
        _stop(str(error))
    problems = check_rules(rules)
    for problem in problems:
        typer.echo(str(problem))
    _say(f"nlp-deid: {len(rules)} rules, {len(problems)} problems")
    if problems:
        raise typer.Exit(1)


@app.command()
def pipelines(as_json: AsJson = False) -> None:
    """List the installed pipelines."""
    import yaml

    from nlp_deid import screen
    from nlp_deid.pipeline import pipelines as installed

    rows = []
    for name, path in installed().items():
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        about = str(config.get("about", ""))
        points = ", ".join(config.get("points", {}))
        rows.append({"name": name, "about": about, "points": points, "config": str(path)})
    if as_json:
        _print_json(rows)
    else:
        screen.table("pipelines", rows)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _say(message: str) -> None:
    """To standard error; characters that it cannot show are escaped."""
    typer.echo(message.encode("utf-8", "backslashreplace").decode(), err=True)


def _stop(message: str) -> NoReturn:
    _say(f"nlp-deid: {message}")
    raise typer.Exit(WRONG_CALL)


def main() -> None:
    """Entry point. Nothing it prints about an error holds note text."""
    try:
        app()
    except _EXPECTED as error:
        _say(f"nlp-deid: {error}")
        code = WRONG_CALL
    except OSError as error:
        _say(f"nlp-deid: {error.filename or 'input or output'}: {error.strerror or type(error).__name__}")
        code = WRONG_CALL
    except Exception as error:  # a fault of ours: its message may hold text, its place does not
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
        _say(f"nlp-deid: internal error: {type(error).__name__}{where}")
        code = WRONG_CALL
    else:
        return
    sys.exit(code)
