"""Arguments and options that commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nlp_deid.native import LABELS
from nlp_deid.pipeline import DEFAULT_PIPELINE
from nlp_deid.replace.keys import KEY_VARIABLE
from nlp_deid.replace.policy import PRESETS
from nlp_deid.replace.surrogates import CONSISTENCY, ORDERS
from nlp_deid.sources import FORMATS

AUTO = "auto"

In = Annotated[
    str,
    typer.Argument(
        metavar="IN", help="A folder, a note, a .jsonl, .csv or .parquet file, or - for standard input."
    ),
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
Texts = Annotated[
    list[str] | None,
    typer.Option(
        "--text", metavar="COLUMN", help="Of the rows, where the text is; may be given more than once."
    ),
]
IdField = Annotated[str, typer.Option("--id", metavar="COLUMN", help="Of the rows, where their ids are.")]
Other = Annotated[
    str | None,
    typer.Option(
        help="Other columns of the rows: keep, drop or refuse; JSON Lines are kept, tables refused."
    ),
]
Ids = Annotated[str, typer.Option(help="File names and ids go out as they are (keep), or as a pseudonym.")]
Workers = Annotated[int, typer.Option(min=0, help="Processes at work; 0 is this one, without limits.")]
Seconds = Annotated[
    float, typer.Option("--note-seconds", min=0.1, help="What a note may take; long notes get more.")
]
Megabytes = Annotated[
    int,
    typer.Option("--note-megabytes", min=0, help="Memory that notes may take beside the pipeline; 0: any."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run of OUT that did not end, or begin.")]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE.json", help="Figures of the run here, and as a page beside it."),
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
SpanLabels = Annotated[
    str, typer.Option("--labels", help=f"Of spans: {', '.join(LABELS)} (the types of the tagger's corpus).")
]
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
