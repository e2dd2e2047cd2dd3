"""The command line of differential privacy: `nlp-deid dp count | sum | mean | ... TABLE`.

Exit codes: 0 released; 2 wrong call, unusable table, spent or damaged ledger: nothing is released
then. No message holds a value of the table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nlp_deid.dp.queries import Answer, Queries

WRONG_CALL = 2

app = typer.Typer(
    help="Differentially private answers about a table, paid from a ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
ledger_app = typer.Typer(help="Budgets on disk.", no_args_is_help=True)
app.add_typer(ledger_app, name="ledger")

Table = Annotated[Path, typer.Argument(metavar="TABLE", help="A .csv or .parquet file.")]
Column = Annotated[str, typer.Option(help="The column of numbers.")]
Epsilon = Annotated[float, typer.Option(help="Privacy loss of this answer (see `dp explain`).")]
Delta = Annotated[float, typer.Option(help="Needed with --by unless --groups names the groups.")]
Bounds = Annotated[
    tuple[float, float],
    typer.Option(help="LOW HIGH: values beyond are clamped. Never read them from the data; see `dp bounds`."),
]
LedgerFile = Annotated[Path, typer.Option("--ledger", help="Made by `dp ledger new`.")]
By = Annotated[list[str] | None, typer.Option(help="Group by this column; may be given several times.")]
Groups = Annotated[
    list[str] | None,
    typer.Option(help="Values that may be published, a,b,c, once for each --by; known without the data."),
]
Unit = Annotated[str, typer.Option(help="The column that tells people apart; row if each row is a person.")]
MaxRows = Annotated[int | None, typer.Option(help="The most rows of one person that take part.")]
Missing = Annotated[str, typer.Option(help="Rows with missing values: refuse the table, or skip them.")]
AllowLarge = Annotated[bool, typer.Option("--allow-large", help="Let ε exceed 10.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


@app.command()
def count(
    table: Table,
    epsilon: Epsilon,
    ledger: LedgerFile,
    by: By = None,
    groups: Groups = None,
    delta: Delta = 0.0,
    unit: Unit = "row",
    max_rows: MaxRows = None,
    missing: Missing = "refuse",
    allow_large: AllowLarge = False,
    as_json: AsJson = False,
) -> None:
    """Count rows; with several --by it is a contingency table."""
    columns, named = list(by or []), _groups(groups)
    with _asking(table, columns, ledger, unit, max_rows, missing, allow_large) as ask:
        _show(ask.count(epsilon, columns, named, delta), as_json)


def _moment(name: str, help_text: str) -> None:
    """A command for a statistic of one column, whole or grouped."""

    def command(
        table: Table,
        column: Column,
        epsilon: Epsilon,
        bounds: Bounds,
        ledger: LedgerFile,
        by: By = None,
        groups: Groups = None,
        delta: Delta = 0.0,
        unit: Unit = "row",
        max_rows: MaxRows = None,
        missing: Missing = "refuse",
        allow_large: AllowLarge = False,
        as_json: AsJson = False,
    ) -> None:
        columns, named = list(by or []), _groups(groups)
        with _asking(table, [column, *columns], ledger, unit, max_rows, missing, allow_large) as ask:
            statistic: Callable[..., list[Answer]] = getattr(ask, name)
            _show(statistic(column, epsilon, bounds, columns, named, delta), as_json)

    app.command(name, help=help_text)(command)


_moment("sum", "Sum a column clamped to bounds.")
_moment("mean", "Mean of a column clamped to bounds.")
_moment("variance", "Variance of a column clamped to bounds.")


@app.command()
def quantile(
    table: Table,
    column: Column,
    epsilon: Epsilon,
    bounds: Bounds,
    ledger: LedgerFile,
    share: Annotated[list[float] | None, typer.Option(help="0.5 is the median; several share ε.")] = None,
    whole: Annotated[bool, typer.Option("--whole", help="The column holds whole numbers.")] = False,
    unit: Unit = "row",
    max_rows: MaxRows = None,
    missing: Missing = "refuse",
    allow_large: AllowLarge = False,
    as_json: AsJson = False,
) -> None:
    """Quantiles of a column clamped to bounds."""
    with _asking(table, [column], ledger, unit, max_rows, missing, allow_large) as ask:
        _show(ask.quantiles(column, share or [0.5], epsilon, bounds, whole), as_json)


@app.command()
def histogram(
    table: Table,
    column: Column,
    epsilon: Epsilon,
    edges: Annotated[str, typer.Option(help="Rising numbers: 0,18,40,65,90.")],
    ledger: LedgerFile,
    unit: Unit = "row",
    max_rows: MaxRows = None,
    missing: Missing = "refuse",
    allow_large: AllowLarge = False,
    as_json: AsJson = False,
) -> None:
    """Count rows between edges."""
    try:
        numbers = [float(edge) for edge in edges.split(",")]
    except ValueError:
        raise typer.BadParameter("--edges must be numbers with commas between") from None
    with _asking(table, [column], ledger, unit, max_rows, missing, allow_large) as ask:
        _show(ask.histogram(column, epsilon, numbers), as_json)


@app.command()
def bounds(
    table: Table,
    column: Column,
    epsilon: Epsilon,
    ledger: LedgerFile,
    unit: Unit = "row",
    max_rows: MaxRows = None,
    missing: Missing = "refuse",
    allow_large: AllowLarge = False,
) -> None:
    """Find bounds for a column by a noisy histogram of powers of two."""
    with _asking(table, [column], ledger, unit, max_rows, missing, allow_large) as ask:
        low, high = ask.find_bounds(column, epsilon)
        typer.echo(f"{low:.17g} {high:.17g}")


@app.command()
def explain(epsilon: float) -> None:
    """Say what an ε means."""
    with _refusals():
        from nlp_deid.dp import budget

        typer.echo(budget.explain(epsilon))


@app.command()
def compose(
    epsilon: Annotated[float, typer.Option(help="ε of each query.")],
    queries: Annotated[int, typer.Option(min=1, help="How many there will be.")],
    delta: Annotated[float, typer.Option(help="δ of the whole.")] = 1e-6,
) -> None:
    """What many equal queries cost together, by every accounting."""
    with _refusals():
        from nlp_deid.dp import budget

        for name, total in budget.compose([budget.Loss(epsilon)] * queries, delta).items():
            typer.echo(f"{name:8} ε {total:.5g}")


@ledger_app.command("new")
def ledger_new(
    path: Path,
    epsilon: Annotated[float, typer.Option(help="What all answers together may cost.")],
    delta: Annotated[float, typer.Option(help="Needed to select groups, and by --accounting zcdp.")] = 0.0,
    neighbours: Annotated[
        str, typer.Option(help="unbounded: a person more or less; bounded: one changed.")
    ] = "unbounded",
    unit: Unit = "row",
    accounting: Annotated[str, typer.Option(help="basic, or zcdp for many small queries.")] = "basic",
    allow_large: AllowLarge = False,
) -> None:
    """Make a ledger; an existing file is left alone."""
    with _refusals():
        from nlp_deid.dp.budget import Budget
        from nlp_deid.dp.ledger import Ledger

        Ledger.create(path, Budget(epsilon, delta, neighbours, unit, accounting, allow_large))


@ledger_app.command("show")
def ledger_show(path: Path) -> None:
    """List what was charged and what remains."""
    with _refusals():
        from nlp_deid.dp.ledger import Ledger

        ledger = Ledger(path)
        for charge in ledger.charges:
            loss = charge.loss
            typer.echo(f"{charge.at}  ε {loss.epsilon:<8g} δ {loss.delta:<8g} {charge.what}")
        budget = ledger.budget
        spent, used = budget.spent
        typer.echo(
            f"spent ε {spent:g} of {budget.epsilon:g}, δ {used:g} of {budget.delta:g} ({budget.accounting}; "
            f"{budget.neighbours} neighbours by {budget.unit}); one more answer may cost ε {budget.remaining:g}"
        )


@contextmanager
def _asking(
    table: Path,
    columns: Sequence[str],
    ledger: Path,
    unit: str,
    max_rows: int | None,
    missing: str,
    allow_large: bool,
) -> Iterator[Queries]:
    """Questions to a table; every expected failure ends the program with its message."""
    with _refusals():
        from nlp_deid.dp.frame import read_frame
        from nlp_deid.dp.ledger import Ledger
        from nlp_deid.dp.queries import Queries

        purse = Ledger(ledger)
        frame = read_frame(table, columns, unit, max_rows, missing)
        yield Queries(frame, purse, allow_large=allow_large)


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        from nlp_deid.dp.checks import PrivacyError
    except ImportError as missing:
        typer.echo(str(missing), err=True)
        raise typer.Exit(WRONG_CALL) from None
    try:
        yield
    except PrivacyError as error:
        typer.echo(f"nothing released: {error}", err=True)
        raise typer.Exit(WRONG_CALL) from None


def _groups(groups: list[str] | None) -> list[list[str]] | None:
    return [values.split(",") for values in groups] if groups else None


def _show(answers: Sequence[Answer], as_json: bool) -> None:
    """One line an answer: the group, the value, and the radius of its noise."""
    for answer in answers:
        if as_json:
            row = {"group": answer.key, "value": answer.value, "error_95": answer.error}
            typer.echo(json.dumps(row, ensure_ascii=False))
            continue
        words = [*answer.key, f"{answer.value:.10g}"]
        if answer.error is not None:
            words.append(f"± {answer.error:.3g}")
        typer.echo("\t".join(words))
