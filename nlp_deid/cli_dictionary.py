"""The command line's `nlp-deid dictionary import-umls | add | check`: a site's own word lists.

No message shows a term: a site's lists may hold names.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from nlp_deid.detect.dictionary_files import (
    INDEX,
    DictionaryError,
    check_folder,
    put_list,
    read_index,
    read_lines,
)

dictionary_app = typer.Typer(help="Word lists of your own.", no_args_is_help=True)

_MADE_FOR = {"phi": "mask", "keep": "keep"}
_PATTERN = re.compile(r"\\|[\[\]{}|^$*]|\(\?|\.[+?]|\w[+?](?!\w)")

Name = Annotated[str, typer.Option(help="The list's name: letters, digits and _.")]
Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A dictionary folder; made if it is not there.")
]


@dictionary_app.command("import-umls")
def import_umls(
    mrconso: Annotated[
        Path, typer.Argument(metavar="MRCONSO.RRF", help="Of a licensed release; MRSTY.RRF beside it.")
    ],
    out: Annotated[Path, typer.Option(help="The dictionary folder; made if it is not there.")],
    types: Annotated[
        str, typer.Option(help="Semantic types, by number or name: T047,T121. By default all.")
    ] = "",
    name: Name = "umls",
    languages: Annotated[str, typer.Option(help="Languages, as the release calls them: ENG,SPA.")] = "ENG",
) -> None:
    """Make a keep list of a licensed UMLS release."""
    from nlp_deid.detect.umls import import_umls as run

    _check_name(name)
    try:
        count = run(mrconso, _parts(types), _parts(languages), out, name)
    except UnicodeDecodeError:  # it holds the bytes
        raise DictionaryError(f"{mrconso}: this file or MRSTY.RRF is not UTF-8") from None
    typer.echo(f"nlp-deid: {count} terms to keep in the list {name}", err=True)


@dictionary_app.command("add")
def add(
    folder: Folder,
    terms: Annotated[Path, typer.Argument(metavar="TERMS.txt", help="A term a line, UTF-8.")],
    name: Name,
    kind: Annotated[str, typer.Option(help="phi (its terms are masked) or keep.")],
    label: Annotated[str, typer.Option(help="For phi: the label of its terms, such as DOCTOR.")] = "",
    score: Annotated[
        float | None, typer.Option(help="For phi: 0.95 if not given; below 0.9 keep lists win.")
    ] = None,
    case: Annotated[
        str, typer.Option(help="any; title: found where capitalised; exact: as written in TERMS.")
    ] = "any",
    source: Annotated[str, typer.Option(help="Where the terms are from, for the index.")] = "",
    licence: Annotated[str, typer.Option(help="Their licence, for the index.")] = "",
) -> None:
    """Add a list to a dictionary folder for `--dictionaries`.

    Terms are plain text, not patterns. A term cannot be masked and kept: nothing is added then.
    """
    if kind not in _MADE_FOR:
        raise DictionaryError(f"unknown kind {kind!r}; a list of your own is phi (masked) or keep")
    if kind == "phi" and not label:
        raise DictionaryError("a list of kind phi needs --label, such as PATIENT or DOCTOR")
    _check_name(name)
    lines = _read_terms(terms)
    wanted = {line if case == "exact" else line.lower(): number for number, line in reversed(lines)}
    if (folder / INDEX).exists():
        _refuse_conflicts(folder, terms, kind, wanted)
    count = put_list(
        folder, wanted, name, kind=kind, label=label, score=score, case=case, source=source, licence=licence
    )
    left_out = f", {len(lines) - count} given twice" if len(lines) > count else ""
    typer.echo(f"nlp-deid: {count} terms to {_MADE_FOR[kind]} in the list {name}{left_out}", err=True)


@dictionary_app.command("check")
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A dictionary folder.")],
) -> None:
    """Check the index, the form of every list, and terms both masked and kept."""
    problems = check_folder(folder)
    for problem in problems:
        typer.echo(problem)
    lists = 0 if problems and not (folder / INDEX).is_file() else len(read_index(folder))
    typer.echo(f"nlp-deid: {lists} lists, {len(problems)} problems", err=True)
    if problems:
        raise typer.Exit(1)


def _parts(text: str) -> list[str]:
    return [part for part in (part.strip() for part in text.split(",")) if part]


def _check_name(name: str) -> None:
    """Refuse the names of shipped lists, which a site's list of that name would replace."""
    from nlp_deid.resources import folder

    if name in read_index(folder("dictionaries")):
        raise DictionaryError(f"{name!r} is a shipped list, which yours would replace; choose another name")


def _read_terms(path: Path) -> list[tuple[int, str]]:
    """The terms of a file with their line numbers.

    Raises:
        DictionaryError: a line that is not UTF-8, or a term that could never be found.
    """
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
    else:
        lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if not lines:
            raise DictionaryError(f"{path}: holds no terms")
        for number, line in lines:
            _check_term(f"{path}: line {number}", line)
        return lines
    raise DictionaryError(f"{path}: line {number}: not UTF-8")


def _check_term(where: str, term: str) -> None:
    if not term.isprintable():
        raise DictionaryError(f"{where}: a tab, or a control or invisible character")
    if _PATTERN.search(term):
        raise DictionaryError(
            f"{where}: reads as a pattern; terms are plain text (see `rules check` for rules)"
        )
    if not any(char.isalnum() for char in term):
        raise DictionaryError(f"{where}: holds no letter or digit")


def _refuse_conflicts(folder: Path, terms: Path, kind: str, wanted: dict[str, int]) -> None:
    """Refuse terms that a list of the folder keeps where these are to be masked, or the other way."""
    for other in read_index(folder).values():
        if other.kind in _MADE_FOR and other.kind != kind:
            held = {line.split("\t")[0].lower() for line in read_lines(other)}
            if both := [number for term, number in wanted.items() if term.lower() in held]:
                raise DictionaryError(
                    f"{terms}: line {min(both)}: the list {other.name} of this folder"
                    f" would {_MADE_FOR[other.kind]} the same term"
                )
