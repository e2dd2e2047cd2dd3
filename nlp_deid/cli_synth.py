"""The command line of synthetic tables: `nlp-deid synth fit | sample | evaluate | domain`.

Exit codes: 0 done; 2 wrong call, unusable table, damaged model or spent budget: nothing is written
then. Messages name columns and counts, no value of a table.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from nlp_deid.synth.private import Charge, Domain

WRONG_CALL = 2
SOURCE = "source.json"  # which table a model is of, so that `sample` can leave out its rows

app = typer.Typer(
    help="Synthetic tables: learn one, draw rows, score them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

In = Annotated[Path, typer.Argument(metavar="IN", help="A .csv, .tsv or .parquet file.")]
Model = Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `synth fit` wrote.")]
Target = Annotated[str, typer.Option(help="The column that models are to predict.")]
Rules = Annotated[
    list[str] | None,
    typer.Option("--constraint", help='"0 <= age <= 110", "low <= high", "city, state"; may be repeated.'),
]
Seed = Annotated[int | None, typer.Option(help="Makes the result repeatable.")]


@app.command()
def fit(
    source: In,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model goes.")],
    target: Target = "",
    epsilon: Annotated[float | None, typer.Option(help="Train with differential privacy at this ε.")] = None,
    delta: Annotated[float, typer.Option(help="δ of it; well below one over the number of rows.")] = 1e-5,
    ledger: Annotated[
        Path | None, typer.Option(help="Pays ε; by default a new one in DIR holding just that.")
    ] = None,
    domain: Annotated[
        Path | None,
        typer.Option(metavar="DOMAIN.yaml", help="Public values of each column; needed with --epsilon."),
    ] = None,
    constraint: Rules = None,
    drop_identifiers: Annotated[
        bool, typer.Option("--drop-identifiers", help="Leave out columns that look like identifiers.")
    ] = False,
    steps: Annotated[int, typer.Option(help="Training steps; 0: by the number of rows.")] = 0,
    seed: Seed = None,
) -> None:
    """Learn the table IN."""
    with _refusals():
        from nlp_deid.synth import PGan, Settings
        from nlp_deid.synth.frames import read

        frame = read(source)
        _require_folder(out)
        public: Domain | None = None
        charge: Charge | None = None
        if epsilon is not None:
            public = _domain(domain)
            charge = _charge(out, ledger, epsilon, delta)
        model = PGan(
            target,
            seed,
            Settings(steps=steps),
            constraint or (),
            drop_identifiers=drop_identifiers,
            epsilon=epsilon,
            delta=delta,
            domain=public,
            charge=charge,
        )
        with _bar("learning") as progress:
            model.fit(frame, progress)
        model.save(out)
        _note_source(out, source, epsilon)
        _say(f"{len(frame)} rows learned")
        if model.history.checks:
            check = model.history.checks[model.history.best]
            _say(", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in check.items()))
        if epsilon is not None:
            _say(f"ε {epsilon:g}, δ {delta:g} charged; one row more or less")


@app.command()
def sample(
    model: Model,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")],
    out: Annotated[Path, typer.Option("--out", metavar="F", help="A .csv, .tsv or .parquet file.")],
    where: Annotated[
        list[str] | None, typer.Option(help="column=value or column=low:high; may be repeated.")
    ] = None,
    avoid: Annotated[
        Path | None,
        typer.Option(metavar="TABLE", help="Draw no row of it; by default the table learned from."),
    ] = None,
    seed: Seed = None,
) -> None:
    """Draw rows of a model."""
    with _refusals():
        from nlp_deid.synth import PGan
        from nlp_deid.synth.frames import read, write

        found = PGan.load(model, seed)
        table = avoid or _source(model)
        if table is not None and found.epsilon is None:
            found.avoid(read(table))
        elif found.epsilon is None:
            _say("the table learned from is not there: copies of its rows are not looked for (see --avoid)")
        write(found.sample(rows, _conditions(where or [])), out)


@app.command()
def evaluate(
    train: Annotated[Path, typer.Option(help="The table learned from.")],
    test: Annotated[Path, typer.Option(help="Real rows that were not learned from.")],
    synthetic: Annotated[Path, typer.Option(help="The synthetic table.")],
    target: Target = "",
    constraint: Rules = None,
    report: Annotated[Path | None, typer.Option(metavar="R", help="Write a report: .html or .json.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws of rows.")] = 0,
) -> None:
    """Score a synthetic table; prints JSON."""
    with _refusals():
        from nlp_deid.synth.frames import SynthError, read
        from nlp_deid.synth.scores import score

        if report is not None and report.suffix not in (".html", ".json"):
            raise SynthError(f"{report}: a report ends in .html or .json")
        known, made = read(train), read(synthetic)
        found = score(known, read(test), made, target, constraint or (), seed)
        if report is not None and report.suffix == ".json":
            found.write(report)
        elif report is not None:
            from nlp_deid.synth.report import write_report

            write_report(report, found, known, made)
        typer.echo(found.as_json())


def _require_folder(out: Path) -> None:
    """Make the folder of the model, so that nothing is learned or charged for one that cannot be."""
    from nlp_deid.synth.frames import SynthError

    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SynthError(f"{out}: cannot be a folder ({error.strerror})") from None
    if not os.access(out, os.W_OK | os.X_OK):
        raise SynthError(f"{out}: cannot be written")


def _charge(out: Path, ledger: Path | None, epsilon: float, delta: float) -> Charge:
    """What pays for a private fit; a ledger of its own is made only when it does."""
    from nlp_deid.dp.budget import Budget, Loss
    from nlp_deid.dp.ledger import Ledger
    from nlp_deid.synth.frames import SynthError

    own = Budget(epsilon, delta)
    purse = None if ledger is None else Ledger(ledger)
    if purse is not None and (purse.unit, purse.neighbours) != (own.unit, own.neighbours):
        raise SynthError(
            f"{ledger}: protects each {purse.unit} between {purse.neighbours} neighbours; a private fit "
            f"protects each {own.unit} between {own.neighbours} ones"
        )

    def charge(price: float, chance: float, what: str) -> None:
        paying = Ledger.create(out / "ledger.jsonl", own) if purse is None else purse
        paying.spend(Loss(price, chance), what)

    return charge


def _domain(path: Path | None) -> Domain:
    import yaml

    from nlp_deid.synth.frames import SynthError
    from nlp_deid.synth.private import Domain

    if path is None:
        raise SynthError(
            "--epsilon needs --domain: ranges and values taken from the table would tell of its rows"
        )
    try:
        return Domain.from_dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise SynthError(f"{path}: not readable as YAML ({type(error).__name__})") from None


def _note_source(folder: Path, source: Path, epsilon: float | None) -> None:
    """Remember where the table lies; a private model must not be told, nor find what another left."""
    if epsilon is not None:
        (folder / SOURCE).unlink(missing_ok=True)
    else:
        text = json.dumps({"table": str(source.resolve())})
        (folder / SOURCE).write_text(text + "\n", encoding="utf-8")


def _source(folder: Path) -> Path | None:
    try:
        path = Path(json.loads((folder / SOURCE).read_text(encoding="utf-8"))["table"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if path.is_file() else None


def _conditions(given: list[str]) -> dict[str, Any]:
    from nlp_deid.synth.frames import SynthError

    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise SynthError("--where must be column=value or column=low:high")
        low, colon, high = value.partition(":")
        ends = _bound(low), _bound(high)
        found[name] = ends if colon and type(ends[0]) is type(ends[1]) is not type(None) else value
    return found


def _bound(text: str) -> float | str | None:
    """A number, an ISO date, or None for other text, which is no end of a range."""
    with suppress(ValueError):
        return float(text)
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat()
    return None


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(what)
        yield lambda done, total: shown.update(task, completed=done, total=total)


@contextmanager
def _refusals() -> Iterator[None]:
    """Warnings become lines on stderr, expected failures end the program with their message."""
    try:
        from nlp_deid.synth.frames import SynthError
        from nlp_deid.synth.kinds import SynthWarning
    except ImportError as missing:
        _say(str(missing))
        raise typer.Exit(WRONG_CALL) from None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SynthWarning)
        try:
            yield
        except (SynthError, ImportError) as error:
            _say(str(error))
            raise typer.Exit(WRONG_CALL) from None
        except ValueError as error:
            if type(error).__module__.startswith("nlp_deid."):  # the ledger's refusals
                _say(f"nothing released: {error}")
                raise typer.Exit(WRONG_CALL) from None
            raise
        finally:
            for warning in caught:
                if issubclass(warning.category, SynthWarning):
                    _say(f"note: {warning.message}")


def _say(text: str) -> None:
    typer.echo(text, err=True)
