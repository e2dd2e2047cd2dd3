"""PhysioNet's deid corpus: NAME.text with many records, and beside it where the PHI is. Read only.

    START_OF_RECORD=3||||1||||
    ...
    ||||END_OF_RECORD

The PHI is in the first of these files that is there:

    NAME-phi.phrase, NAME.phrase   3 1 12 20 HCPName Dr Quill     patient, note, start, end, type, text
    NAME.phi, NAME.deid, deid.phi  Patient 3<TAB>Note 1, then 12<TAB>12<TAB>20: start twice, end

Offsets count characters from the line behind START_OF_RECORD, end exclusive. The second form has no types:
its label is `PHI` (Neamatullah et al. 2008, BMC Med Inform Decis Mak 8:32).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError, Labels, finish_spans, make_span, offset, unique
from nlp_deid.corpus.files import find
from nlp_deid.corpus.text import decode
from nlp_deid.note import Note

UNTYPED = "PHI"

_START = re.compile(r"START_OF_RECORD=(\d+)\|\|\|\|(\d+)\|\|\|\|\s*")
_END = "||||END_OF_RECORD"
_HEAD = re.compile(r"Patient\s+(\d+)\s+Note\s+(\d+)\s*")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_Place = tuple[int, int, str, str | None, str]  # start, end, label, text, where it is said
_Key = tuple[str, str]  # patient, note


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of one .text file or of a folder; "3-1" is note 1 of patient 3.

    In a folder of several .text files the file's own id comes first ("NAME/3-1"). `labels` as in
    `checks.finish_spans`; `strict` refuses overlaps and phrases that are not the text at their offsets.

    Raises:
        CorpusError: no file of PHI, a broken record or line, or PHI of a record that is not there.
    """
    files = list(find(Path(path), ".text"))
    return unique(
        (
            note
            for name, file in files
            for note in _read(file, f"{name}/" if len(files) > 1 else "", labels, strict)
        ),
        str(path),
    )


def _read(file: Path, prefix: str, labels: Labels | None, strict: bool) -> Iterator[Note]:
    source, places = _phi(file)
    for key, text in _records(file):
        patient, number = key
        spans = []
        for start, end, label, phrase, where in places.pop(key, []):
            spans.append(make_span(start, end, label, len(text), where))
            if strict and phrase is not None and phrase.split() != text[start:end].split():
                raise CorpusError(f"{where}: the phrase is not the text at [{start}, {end})")
        where = f"{source}, patient {patient}, note {number}"
        spans = finish_spans(spans, labels, strict, where)
        yield Note(text, f"{prefix}{patient}-{number}", patient, spans=spans)
    if places:
        patient, number = min(places)
        raise CorpusError(f"{source}: PHI of patient {patient}, note {number}, which {file.name} lacks")


def _records(file: Path) -> Iterator[tuple[_Key, str]]:
    """Patient and note number, and text, of each record."""
    key: _Key | None = None
    lines: list[str] = []
    number = 0
    for number, line in enumerate(_lines(file), start=1):
        start = _START.fullmatch(line)
        if start and key is None:
            key, lines = (start[1], start[2]), []
        elif start:
            raise CorpusError(f"{file}, line {number}: a record begins before the one before it ends")
        elif key is not None and line.rstrip().endswith(_END):
            lines.append(line.rstrip().removesuffix(_END))
            yield key, "".join(lines)
            key = None
        elif key is not None:
            lines.append(line)
        elif line.strip():
            raise CorpusError(f"{file}, line {number}: text outside of the records")
    if key is not None:
        raise CorpusError(f"{file}, line {number}: the last record does not end")


def _lines(file: Path) -> list[str]:
    """The lines with their ends; only a line feed ends one, as offsets count all other characters."""
    return _LINE.findall(decode(file.read_bytes(), str(file)))


def _phi(file: Path) -> tuple[Path, dict[_Key, list[_Place]]]:
    """The file that says where the PHI is, and the places by record."""
    stem = file.stem
    for name in (f"{stem}-phi.phrase", f"{stem}.phrase", f"{stem}.phi", f"{stem}.deid", "deid.phi"):
        source = file.with_name(name)
        if source.is_file():
            break
    else:
        raise CorpusError(f"{file}: neither {stem}-phi.phrase nor {stem}.phi beside it")
    places: dict[_Key, list[_Place]] = defaultdict(list)
    for key, place in _phrases(source) if source.suffix == ".phrase" else _positions(source):
        places[key].append(place)
    return source, places


def _phrases(source: Path) -> Iterator[tuple[_Key, _Place]]:
    for number, line in enumerate(_lines(source), start=1):
        where = f"{source}, line {number}"
        if not line.strip():
            continue
        columns = line.split(None, 5)
        if len(columns) < 5:
            raise CorpusError(f"{where}: not patient, note, start, end, type and text")
        patient, note, start, end, label = columns[:5]
        phrase = columns[5] if len(columns) > 5 else ""
        yield (patient, note), (offset(start, where), offset(end, where), label, phrase, where)


def _positions(source: Path) -> Iterator[tuple[_Key, _Place]]:
    key: _Key | None = None
    for number, line in enumerate(_lines(source), start=1):
        where = f"{source}, line {number}"
        if not line.strip():
            continue
        if head := _HEAD.fullmatch(line):
            key = head[1], head[2]
            continue
        columns = line.split()
        if key is None or len(columns) != 3:
            raise CorpusError(f"{where}: neither 'Patient N<TAB>Note N' nor start, start and end")
        yield key, (offset(columns[0], where), offset(columns[2], where), UNTYPED, None, where)
