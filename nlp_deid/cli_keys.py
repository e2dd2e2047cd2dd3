"""Keys and maps on the command line: `nlp-deid key new`, `nlp-deid reidentify`, and what `scrub` needs of both.

There is no option that takes a key itself: every user of a machine can read a command line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from nlp_deid.cli_options import AUTO, Format, In, Out, Overwrite
from nlp_deid.replace.dates import guess_order
from nlp_deid.replace.keys import KEY_VARIABLE, KeyFault, read_key, write_new_key
from nlp_deid.replace.mapfile import MapFault, Pair, read_map, write_map
from nlp_deid.replace.surrogates import SurrogateFault
from nlp_deid.sources import STDIN, Source, SourceError, open_source

# Messages of these are written for users and hold neither key nor note text.
KEY_ERRORS = (KeyFault, MapFault, SurrogateFault)
_QUARANTINED = 1
_MADE_UP = frozenset({"surrogate", "shift"})

key_app = typer.Typer(help="Keys of surrogates.", no_args_is_help=True)


@key_app.command("new")
def key_new(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file; never overwritten.")],
) -> None:
    """Write a new random key that only you can read, and print its public id."""
    _say(f"key {write_new_key(file).id} written to {file}")


def reidentify(
    source: In,
    out: Out,
    map_file: Annotated[Path, typer.Option("--map-file", metavar="FILE", help="The map that `scrub` wrote.")],
    format: Format = None,
    overwrite: Overwrite = False,
) -> None:
    """Put the originals of a map back into the notes of IN that `scrub` wrote. The output is PHI.

    A surrogate that stands for two originals of its note is left as it is and counted.
    """
    from nlp_deid.batch import reidentify as put_back

    summary, counts = put_back(read_map(map_file), open_source(source, format), out, overwrite)
    _say(str(summary))
    _say(
        f"{counts['restored']} values put back, {counts['ambiguous']} left as ambiguous;"
        f" {counts['unknown']} notes are not in the map"
    )
    if summary.failures:
        raise typer.Exit(_QUARANTINED)


def read_given_key(file: Path | None, descriptor: int | None) -> bytes | None:
    """The key that was given; None if there is none.

    Raises:
        KeyFault: it cannot be used.
    """
    if file is None and descriptor is None and KEY_VARIABLE not in os.environ:
        return None
    if file is not None and not _exists(file):  # not named: a key may have been put where its file belongs
        raise KeyFault("--key-file: no such file; it takes a file's name, never the key itself")
    return read_key(file, descriptor=descriptor)


def _exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError:  # a name that no file can have
        return False


def resolve_order(order: str | None, source: Source) -> str | None:
    """The order of figures in dates: as given, or guessed from all notes and reported with its evidence.

    Raises:
        SourceError: notes that cannot be read twice.
    """
    if order != AUTO:
        return order
    if source.path is None:
        raise SourceError("--date-order auto reads the notes twice, which standard input does not allow")
    guess = guess_order(_texts(source))
    decided = "guessed" if guess.month_first != guess.day_first else "nothing decides"
    _say(
        f"date order {guess.order} ({decided}): {guess.month_first} dates only month first,"
        f" {guess.day_first} only day first, {guess.undecided} could be both"
    )
    return guess.order


def _texts(source: Source) -> Iterator[str]:
    for entry in source.entries():
        with suppress(Exception):  # the note fails again, and is reported, when it is scrubbed
            yield entry.read().text


def given(**options: Any) -> dict[str, Any]:
    """The options that were given; the pipeline's config has the others."""
    return {name: value for name, value in options.items() if value is not None}


def check_map(map_file: Path | None, policy: str, actions: Mapping[str, str], out: str) -> None:
    """Refuse a map that could not be written in the end, or that would be handed on with the notes.

    Raises:
        MapFault: the file exists, has no folder, lies in the output, or the policy makes no surrogates.
    """
    if map_file is None:
        return
    if not makes_surrogates(actions):
        raise MapFault(f"policy {policy} makes no surrogates, so there is nothing to map")
    if map_file.exists() or map_file.is_symlink():
        raise MapFault(f"{map_file}: exists already; a map is never overwritten")
    if not map_file.parent.is_dir():
        raise MapFault(f"{map_file}: no such folder")
    if out != STDIN and map_file.resolve().is_relative_to(Path(out).resolve()):
        raise MapFault(f"{map_file}: lies in the output and would be handed on with it")


def makes_surrogates(actions: Mapping[str, str]) -> bool:
    """Whether a policy writes made-up values or moved dates."""
    return not _MADE_UP.isdisjoint(actions.values())


def report(
    actions: Mapping[str, str], key_id: str | None, map_file: Path | None, pairs: Sequence[Pair]
) -> None:
    """After a run: the key's public id, and the map if one is asked for."""
    if makes_surrogates(actions):
        _say(
            f"key {key_id}"
            if key_id
            else "no key: a random one was used; the surrogates of another run will not match"
        )
    if map_file is not None:
        _say(f"{write_map(map_file, pairs)} pairs in {map_file}: keep it apart from the notes")


def _say(message: str) -> None:
    typer.echo(f"nlp-deid: {message}".encode("utf-8", "backslashreplace").decode(), err=True)
