"""A table of patients' demographics, joined to the notes by patient.

What a table says of a note's patient is looked for in the note in all its forms, as Gupta, Saul &
Gilbertson 2004 (Am J Clin Pathol 121:176) do with the demographics of a registration system. No message
shows a cell: it says file, line, column number, or a name of a column that we know.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.text import decode
from nlp_deid.labels import check_label
from nlp_deid.note import Note
from nlp_deid.sources import Entry, Source

ID_COLUMN = "patient"
# Columns that are used without being asked for, by name; case, blanks and marks in it do not count.
COLUMNS: dict[str, str] = {
    column: label
    for label, columns in {
        "PATIENT": "name full_name patient_name first_name first given_name middle_name last_name last surname family_name"
        " maiden_name birth_name preferred_name nickname alias mother father mother_name father_name spouse partner"
        " guardian next_of_kin emergency_contact contact_name guarantor",
        "DOCTOR": "doctor pcp physician provider attending referring",
        "MEDICALRECORD": "mrn medical_record medical_record_number record_number",
        "ACCOUNT": "account account_number",
        "SSN": "ssn social_security_number",
        "HEALTHPLAN": "health_plan member_id insurance_id policy_number",
        "LICENSE": "license drivers_license",
        "DATE": "dob birth_date birthdate date_of_birth",
        "PHONE": "phone phone_number telephone home_phone work_phone mobile cell",
        "FAX": "fax",
        "EMAIL": "email e_mail",
        "STREET": "address street street_address address_1 address_2",
        "CITY": "city town",
        "ZIP": "zip zip_code postal_code postcode",
        "ORGANIZATION": "employer",
        "USERNAME": "username login",
    }.items()
    for column in columns.split()
}  # fmt: skip
# Parts of one name, in the order in which they make it up.
_PARTS = ("first_name", "first", "given_name", "middle_name", "last_name", "last", "surname", "family_name")
_NAMES = ("PATIENT", "DOCTOR")
_NOTHING = frozenset(
    {"", "-", "?", "n/a", "na", "nan", "nil", "none", "not given", "null", "unk", "unknown", "x"}
)
_TWO_LETTERS = re.compile(r"[^\W\d_]{2}")
_NUMBERED = re.compile(r"(.+)-\d+")  # a patient's numbered note: "220-01"

Rows = Iterable[Sequence[str]]


class DemographicsError(ValueError):
    """A demographics table that cannot be used; holds no cell."""


@dataclass
class Demographics:
    """Known values of patients.

    Attributes:
        known: patient id to label to values.
        left_out: names left out because they are one letter only.
        nameless: rows left out because they have no patient id.
        notes, unmatched: notes asked about so far, and those whose patient is not in the table.
    """

    known: Mapping[str, Mapping[str, Sequence[str]]]
    left_out: int = 0
    nameless: int = 0
    notes: int = field(default=0, init=False)
    unmatched: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return f"Demographics({len(self.known)} patients)"

    def __str__(self) -> str:
        parts = [f"{len(self.known)} patients", f"{self.unmatched} of {self.notes} notes have no row"]
        if self.left_out:
            parts.append(f"{self.left_out} names of one letter left out")
        if self.nameless:
            parts.append(f"{self.nameless} rows without a patient left out")
        return "demographics: " + ", ".join(parts)

    def fill(self, note: Note, place: str = "", counts: bool = True) -> Note:
        """The note with its patient's values added to `known`.

        The patient is `note.patient`. A note without one is joined by `place`, its file's path without
        the suffix: the top folder ("220/a"), the file's name, or the name without its number ("220-01"),
        the first that is in the table, which then is the note's patient too. A note whose patient is not
        in the table comes back as it is. `counts` is whether the note goes into the figures.
        """
        self.notes += counts
        ids = [note.patient] if note.patient is not None else _from_place(place)
        patient = next((one for one in ids if one in self.known), None)
        if patient is None:
            self.unmatched += counts
            return note
        known = {label: list(values) for label, values in note.known.items()}
        for label, values in self.known[patient].items():
            known[label] = list(dict.fromkeys((*known.get(label, ()), *values)))
        return replace(note, patient=patient, known=known)


def _from_place(place: str) -> list[str]:
    """Patients that the path of a note's file may mean."""
    top, _, _ = place.partition("/")
    name = place.rpartition("/")[2]
    numbered = _NUMBERED.fullmatch(name)
    return [top, name, *([numbered[1]] if numbered else [])]


@dataclass(frozen=True)
class Joined(Source):
    """A source each of whose notes, when it is read, gets what a table knows of its patient."""

    demographics: Demographics

    @classmethod
    def of(cls, source: Source, demographics: Demographics) -> Joined:
        """A source and a table."""
        return cls(source.path, source.kind, source.format, demographics, columns=source.columns)

    def entries(self, stdin: BinaryIO | None = None) -> Iterator[Entry]:
        """As `Source.entries`; of several readings of the source, the first is counted."""
        counts = self.demographics.notes == 0
        for entry in super().entries(stdin):
            yield replace(entry, read=partial(self._read, entry, counts))

    def _read(self, entry: Entry, counts: bool) -> Note:
        note, place = entry.read(), entry.id
        if self.kind == "note" and self.path is not None:
            place = f"{self.path.resolve().parent.name}/{place}"
        return self.demographics.fill(note, "" if self.kind == "rows" else place, counts)


def joined(source: Source, table: Path | None, id_column: str = ID_COLUMN, columns: str = "") -> Source:
    """A source with what a table knows of its patients, or the source itself if there is no table.

    `id_column` as in `read_demographics`, `columns` as in `parse_columns`, which say what they raise.
    """
    if table is None:
        return source
    return Joined.of(source, read_demographics(table, id_column, parse_columns(columns)))


def read_demographics(
    path: str | Path, id_column: str = ID_COLUMN, columns: Mapping[str, str] | None = None
) -> Demographics:
    """A table in CSV (.csv, or .tsv with tabs; UTF-8, or with a byte order mark) or Parquet (.parquet).

    Args:
        path: the file; its first row names the columns.
        id_column: the column of the patient ids.
        columns: column to label, besides `COLUMNS` and instead of what they say of the same column.

    Rows of one patient are joined. Parts of a name (first, middle, last) make one full name. Empty cells,
    placeholders such as "unknown", and names of one letter are left out. A name that is also a plain word
    is found in notes with a capital, beside other words of the name, or after a title or kinship word
    only (see detect/seeds.py).

    Raises:
        DemographicsError: no such column, an unknown label, or a file that is no sound table.
        OSError: no such file.
    """
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        header, rows = _parquet(path)
    elif path.suffix.lower() in (".csv", ".tsv"):
        header, rows = _csv(path)
    else:
        raise DemographicsError(f"{path}: a table must end in .csv, .tsv or .parquet")
    names = [_plain(name) for name in header]
    at = _id_place(path, names, id_column)
    labels = _labels(path, names, at, columns or {})
    return _collect(rows, names, at, labels)


def parse_columns(text: str) -> dict[str, str]:
    """Columns and labels of "name=PATIENT,mrn=MEDICALRECORD".

    Raises:
        DemographicsError: another form, or an unknown label.
    """
    found: dict[str, str] = {}
    for pair in filter(None, map(str.strip, text.split(","))):
        column, equals, label = (part.strip() for part in pair.partition("="))
        if not (column and equals and label):
            raise DemographicsError("columns must be given as name=PATIENT,mrn=MEDICALRECORD")
        found[column] = label
    return found


def _plain(name: str) -> str:
    """A column's name as `COLUMNS` has it: "Date of Birth" is date_of_birth."""
    return "_".join(re.findall(r"[^\W_]+", name.lower()))


def _id_place(path: Path, names: Sequence[str], id_column: str) -> int:
    """Where the column of patient ids is. Names of other columns may be cells of a table without a header."""
    wanted = _plain(id_column)
    if names.count(wanted) == 1:
        return names.index(wanted)
    problem = "twice or more" if wanted in names else "not there"
    known = ", ".join(name for name in names if name in COLUMNS) or "none"
    raise DemographicsError(
        f"{path}: the column of patients, {id_column!r}, is {problem}; the first row has {len(names)} columns,"
        f" of which known by name: {known}. Name it with --demographics-id"
    )


def _labels(path: Path, names: Sequence[str], at: int, columns: Mapping[str, str]) -> dict[int, str]:
    """Number of each column that is used, and its label."""
    own = {_plain(column): label for column, label in columns.items()}
    for column, label in columns.items():
        if _plain(column) not in names:
            raise DemographicsError(f"{path}: no column {column!r} among {len(names)} columns")
        try:
            check_label(label)
        except ValueError as error:
            raise DemographicsError(f"column {column!r}: {error}") from None
    labels = {**{i: COLUMNS[name] for i, name in enumerate(names) if name in COLUMNS and i != at}}
    labels |= {i: own[name] for i, name in enumerate(names) if name in own}
    if not labels:
        raise DemographicsError(
            f"{path}: none of its {len(names)} columns has a known name ({', '.join(COLUMNS)});"
            " map them with --demographics-columns"
        )
    return labels


def _collect(rows: Rows, names: Sequence[str], at: int, labels: Mapping[int, str]) -> Demographics:
    """The values of every patient."""
    known: dict[str, dict[str, dict[str, None]]] = {}
    left_out = nameless = 0
    for cells in rows:
        patient = cells[at].strip()
        if not patient:
            nameless += 1
            continue
        mine = known.setdefault(patient, {})
        for label, value in _values(cells, names, labels):
            if label in _NAMES and not _TWO_LETTERS.search(value):
                left_out += 1
            else:
                mine.setdefault(label, {})[value] = None
    lists = {
        patient: {label: list(values) for label, values in mine.items()} for patient, mine in known.items()
    }
    return Demographics(lists, left_out, nameless)


def _values(
    cells: Sequence[str], names: Sequence[str], labels: Mapping[int, str]
) -> Iterator[tuple[str, str]]:
    """(label, value) of the filled cells of a row; parts of the patient's name come as one."""
    parts: dict[str, str] = {}
    for i, label in labels.items():
        value = " ".join(cells[i].split())
        if value.lower() in _NOTHING:
            continue
        if names[i] in _PARTS and label == "PATIENT":
            parts[names[i]] = value
        else:
            yield label, value
    if parts:
        yield "PATIENT", " ".join(parts[name] for name in _PARTS if name in parts)


def _csv(path: Path) -> tuple[list[str], Rows]:
    try:
        text = decode(path.read_bytes(), str(path))
    except CorpusError as error:
        raise DemographicsError(str(error)) from None
    rows: list[list[str]] = []
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True
    )
    line = 0
    try:
        for row in reader:
            line = reader.line_num
            if not row:
                continue
            if rows and len(row) != len(rows[0]):
                raise DemographicsError(
                    f"{path}: line {line}: {len(row)} cells, but the first row has {len(rows[0])}"
                )
            rows.append(row)
    except csv.Error:  # its message may quote the line
        raise DemographicsError(f"{path}: behind line {line}: not CSV (quotes that do not match?)") from None
    if not rows:
        raise DemographicsError(f"{path}: is empty")
    return rows[0], rows[1:]


def _parquet(path: Path) -> tuple[list[str], Rows]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DemographicsError(
            f"{path}: Parquet needs pyarrow: pip install pyarrow, or give a .csv"
        ) from None
    if not path.is_file():
        raise DemographicsError(f"{path}: no such file")
    try:
        table = ParquetFile(path).read()
    except (ArrowException, OSError):
        raise DemographicsError(f"{path}: not a sound Parquet file") from None
    columns = [
        [_cell(path, number, value) for value in column.to_pylist()]
        for number, column in enumerate(table.columns, 1)
    ]
    return list(table.column_names), [list(row) for row in zip(*columns, strict=True)]


def _cell(path: Path, column: int, value: Any) -> str:
    """A Parquet value as a CSV file would have it."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():  # whole numbers beside missing ones
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, (str, int, float, date)):
        return str(value)
    raise DemographicsError(
        f"{path}: column {column} holds {type(value).__name__} values; allowed: text, numbers, dates"
    )
