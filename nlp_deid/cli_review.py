"""`nlp-deid review FOLDER`: a page on this machine where people correct what a pipeline found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nlp_deid.cli_listen import listening
from nlp_deid.cli_options import Dictionaries, Pipeline, PolicyName, Table, TableColumns, TableId
from nlp_deid.demographics import ID_COLUMN, Joined, joined
from nlp_deid.pipeline import DEFAULT_PIPELINE, load
from nlp_deid.sources import open_source

_STATE = ".nlp-deid-review"

Notes = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder of notes, or a .jsonl, .csv or .parquet file.")
]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", help="A reviewer's name; may be given more than once. Each gets an own address."),
]
State = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR", help=f"Where reviews and exports are kept; {_STATE} beside or in FOLDER if none."
    ),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Of the page; 0 is any free one.")]


def review(
    source: Notes,
    pipeline: Pipeline = DEFAULT_PIPELINE,
    policy: PolicyName = None,
    dictionaries: Dictionaries = None,
    demographics: Table = None,
    demographics_id: TableId = ID_COLUMN,
    demographics_columns: TableColumns = "",
    name: Names = None,
    state: State = None,
    port: Port = 0,
) -> None:
    """Correct what a pipeline finds in a folder of notes, in a web page on this machine (Ctrl-C ends it).

    The page can only be reached from this machine, by the secret address that is printed. Reviews are saved
    after every act, as offsets and labels; exports hold text.
    """
    from nlp_deid.review.desk import Desk
    from nlp_deid.review.folder import NoteFolder
    from nlp_deid.review.store import Store, StoreError, check_name

    try:
        from nlp_deid.review.serve import LOOPBACK, serve
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"the review page needs {error.name}: pip install 'nlp-deid[service]'"
        ) from None
    try:
        reviewers = list(dict.fromkeys(map(check_name, name or ["reviewer"])))
    except StoreError as error:
        raise typer.BadParameter(str(error), param_hint="--name") from None
    notes = joined(open_source(source), demographics, demographics_id, demographics_columns)
    folder = NoteFolder(notes)
    root = state or _state_of(source)
    store = Store(root)
    _say(f"{len(folder.pages)} notes; reviews in {root}")
    if isinstance(notes, Joined):
        _say(str(notes.demographics))
    if folder.unreadable:
        _say(f"{len(folder.unreadable)} entries cannot be read; the page lists them")
    if strange := store.strangers(set(folder.pages)):
        _say(f"{strange} saved reviews belong to notes that are gone or have another text now; they are kept")
    desk = Desk(folder, load(pipeline, policy, dictionaries), store, root / "exports")
    with listening(LOOPBACK, port):
        serve(desk, reviewers, port, lambda who, address: typer.echo(f"{who}: {address}"))


def _state_of(source: Path) -> Path:
    return source / _STATE if source.is_dir() else source.with_name(f".{source.name}{_STATE}")


def _say(message: str) -> None:
    """To standard error; characters that it cannot show are escaped."""
    typer.echo(f"nlp-deid: {message}".encode("utf-8", "backslashreplace").decode(), err=True)
