"""Arguments and options that commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nlp_deid.pipeline import DEFAULT_PIPELINE
from nlp_deid.replace.keys import KEY_VARIABLE
from nlp_deid.replace.policy import PRESETS
from nlp_deid.replace.surrogates import CONSISTENCY, ORDERS
from nlp_deid.sources import FORMATS

AUTO = "auto"

In = Annotated[
    str, typer.Argument(metavar="IN", help="A folder, a .txt, .xml or .jsonl file, or - for standard input.")
]
Out = Annotated[
    str, typer.Argument(metavar="OUT", help="A folder, a file, a .jsonl file, or - for standard output.")
]
Pipeline = Annotated[
    str,
    typer.Option(help=f"A pipeline's name (see `pipelines`; {DEFAULT_PIPELINE} if none) or a config's path."),
]
PolicyName = Annotated[
    str | None, typer.Option(help=f"{', '.join(PRESETS)}, or a file; by default the pipeline's own.")
]
Format = Annotated[
    str | None, typer.Option(help=f"Of IN, where its name does not tell: {', '.join(FORMATS)}. Text for -.")
]
PatientField = Annotated[
    str, typer.Option("--patient", metavar="FIELD", help="The key of a row that holds its patient's id.")
]
Dictionaries = Annotated[
    Path | None, typer.Option(metavar="DIR", help="A folder of word lists of your own (see `dictionary`).")
]
Table = Annotated[
    Path | None,
    typer.Option("--demographics", metavar="TABLE", help="A .csv or .parquet file with a row a patient."),
]
TableId = Annotated[str, typer.Option("--demographics-id", help="Its column of patient ids.")]
TableColumns = Annotated[
    str,
    typer.Option(
        "--demographics-columns", help="Labels of its other columns: name=PATIENT,mrn=MEDICALRECORD."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is in OUT already.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

Consistency = Annotated[
    str | None,
    typer.Option(
        help=f"Where a name keeps its surrogate: {', '.join(CONSISTENCY)}; patient if none is given."
    ),
]
DateShiftRange = Annotated[
    int | None, typer.Option(metavar="DAYS", help="Largest offset of a patient's dates, either way.")
]
KeepWeekday = Annotated[
    bool | None, typer.Option("--keep-weekday/--no-keep-weekday", help="Offsets of whole weeks only.")
]
KeepSeason = Annotated[
    bool | None, typer.Option("--keep-season/--no-keep-season", help="Offsets near to whole years only.")
]
DateOrder = Annotated[
    str | None, typer.Option(help=f"How 4/3/2019 is read: {', '.join(ORDERS)}, or {AUTO} to guess from IN.")
]
KeyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=f"The key of the surrogates (see `key new`); else {KEY_VARIABLE}."),
]
KeyDescriptor = Annotated[
    int | None, typer.Option("--key-fd", metavar="N", help="An open file descriptor to read the key from.")
]
NewMap = Annotated[
    Path | None,
    typer.Option(
        "--map-file", metavar="FILE", help="Write every original and its surrogate here: it is PHI."
    ),
]
