"""The command line of carriers: `nlp-deid fhir | hl7 | omop IN OUT`.

Exit codes: 0 all done; 1 some documents quarantined; 2 wrong call, wrong configuration, or nothing could be
done. No message shows text of a document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nlp_deid.carriers.files import CarrierFilesError, Summary, scrub_fhir, scrub_hl7
from nlp_deid.carriers.omop_files import scrub_omop
from nlp_deid.cli_keys import KEY_ERRORS, given, read_given_key
from nlp_deid.cli_keys import report as report_surrogates
from nlp_deid.cli_options import (
    DateShiftRange,
    Dictionaries,
    KeyDescriptor,
    KeyFile,
    Overwrite,
    Pipeline,
    PolicyName,
)
from nlp_deid.deid import Deid
from nlp_deid.detect.dictionary_files import DictionaryError
from nlp_deid.pipeline import DEFAULT_PIPELINE, PipelineError, load
from nlp_deid.replace.keys import Secret
from nlp_deid.replace.policy import PolicyError

QUARANTINED = 1
WRONG_CALL = 2
_EXPECTED = (CarrierFilesError, DictionaryError, ImportError, PipelineError, PolicyError, *KEY_ERRORS)

app = typer.Typer(
    help="Documents that carry notes: FHIR, HL7 v2, OMOP.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Source = Annotated[Path, typer.Argument(metavar="IN", help="A file, or a folder with files in it and below.")]
Target = Annotated[Path, typer.Argument(metavar="OUT", help="A file, or a folder with the same names.")]


@app.command("fhir")
def fhir(
    source: Source,
    out: Target,
    pipeline: Pipeline = DEFAULT_PIPELINE,
    policy: PolicyName = None,
    dictionaries: Dictionaries = None,
    system: Annotated[
        str,
        typer.Option(
            "--patient-system",
            metavar="URI",
            help="The identifier system whose value is the patient's id in notes; else the resource's id is.",
        ),
    ] = "",
    date_shift_range: DateShiftRange = None,
    key_file: KeyFile = None,
    key_descriptor: KeyDescriptor = None,
    overwrite: Overwrite = False,
) -> None:
    """Write FHIR R4 resources without identifiers: .json files, and .ndjson files of a bulk export.

    What cannot be processed is quarantined whole: quarantine.jsonl says where and why.
    """
    with _run(pipeline, policy, dictionaries, date_shift_range, key_file, key_descriptor) as done:
        done(lambda deid: scrub_fhir(deid, source, out, system=system, overwrite=overwrite))


@app.command("hl7")
def hl7(
    source: Source,
    out: Target,
    pipeline: Pipeline = DEFAULT_PIPELINE,
    policy: PolicyName = None,
    dictionaries: Dictionaries = None,
    date_shift_range: DateShiftRange = None,
    key_file: KeyFile = None,
    key_descriptor: KeyDescriptor = None,
    overwrite: Overwrite = False,
) -> None:
    """Write HL7 v2 messages without identifiers: .hl7 files with one message or more.

    A message with a malformed segment is quarantined whole: quarantine.jsonl says where and why.
    """
    with _run(pipeline, policy, dictionaries, date_shift_range, key_file, key_descriptor) as done:
        done(lambda deid: scrub_hl7(deid, source, out, overwrite=overwrite))


@app.command("omop")
def omop(
    source: Source,
    out: Target,
    persons: Annotated[
        Path | None,
        typer.Option(
            "--person", metavar="TABLE", help="The PERSON table (.csv, .tsv), joined to names or not."
        ),
    ] = None,
    pipeline: Pipeline = DEFAULT_PIPELINE,
    policy: PolicyName = None,
    dictionaries: Dictionaries = None,
    date_shift_range: DateShiftRange = None,
    key_file: KeyFile = None,
    key_descriptor: KeyDescriptor = None,
    overwrite: Overwrite = False,
) -> None:
    """Write OMOP NOTE tables without identifiers: .csv or .tsv files, sorted by person.

    A row that cannot be processed is quarantined: quarantine.jsonl says where and why.
    """
    with _run(pipeline, policy, dictionaries, date_shift_range, key_file, key_descriptor) as done:
        done(lambda deid: scrub_omop(deid, source, out, persons=persons, overwrite=overwrite))


@contextmanager
def _run(
    pipeline: str,
    policy: str | None,
    dictionaries: Path | None,
    date_shift_range: int | None,
    key_file: Path | None,
    key_descriptor: int | None,
) -> Iterator[Callable[[Callable[[Deid], Summary]], None]]:
    """A function that runs work with the pipeline, says what became of it, and sets the exit code."""

    def done(work: Callable[[Deid], Summary]) -> None:
        key = read_given_key(key_file, key_descriptor)
        secret = None if key is None else Secret(key)
        settings = given(source=secret, date_shift_range=date_shift_range)
        deid = load(pipeline, policy, dictionaries, settings)
        summary = work(deid)
        _say(str(summary))
        if summary.report is not None:
            _say(f"reasons in {summary.report}")
        report_surrogates(deid.policy.actions, secret.id if secret else None, None, [])
        if summary.failures:
            raise typer.Exit(QUARANTINED)

    try:
        yield done
    except OSError as error:
        problem = f"{error.filename or 'input or output'}: {error.strerror or type(error).__name__}"
    except _EXPECTED as error:
        problem = str(error)
    else:
        return
    _say(problem)
    raise typer.Exit(WRONG_CALL)


def _say(message: str) -> None:
    typer.echo(f"nlp-deid: {message}".encode("utf-8", "backslashreplace").decode(), err=True)
