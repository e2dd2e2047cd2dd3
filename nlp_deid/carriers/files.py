"""Files and folders of FHIR and HL7 v2, and what all carriers share of it.

What cannot be scrubbed is left out, and reported without text. A file appears whole or not at all.
Documents read = written + quarantined, always.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from nlp_deid.carriers import fhir, hl7v2
from nlp_deid.carriers.fhir_directory import Directory, closed, resources_of
from nlp_deid.carriers.sheet import CarrierError
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.files import Folder, whole
from nlp_deid.deid import Deid

# A place within a file ("" where the file is one document) and the rewritten bytes, or why there are none.
Results = Iterator[tuple[str, "bytes | CarrierError"]]
Reader = Callable[[Path], Results]
QUARANTINE = "quarantine.jsonl"
HEADER = "header"  # the place of a line that is no document
_LINES = frozenset({".ndjson", ".jsonl"})
FHIR_SUFFIXES = frozenset({".json", *_LINES})
HL7_SUFFIXES = frozenset({".hl7"})


class CarrierFilesError(ValueError):
    """Input or output that cannot be used; names files, holds no text."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A document that was not written: its file and place, and a code."""

    place: str
    reason: str

    def row(self) -> bytes:
        """A line of the quarantine report."""
        return (json.dumps({"place": self.place, "reason": self.reason}) + "\n").encode()


@dataclass
class Summary:
    """What became of the documents of a run."""

    written: int = 0
    failures: list[Failure] = field(default_factory=list)
    report: Path | None = None

    def __str__(self) -> str:
        read = self.written + len(self.failures)
        return f"{read} documents read, {self.written} written, {len(self.failures)} quarantined"


def scrub_fhir(deid: Deid, source: Path, out: Path, *, system: str = "", overwrite: bool = False) -> Summary:
    """Resources and Bundles of .json files, one a file, and of .ndjson files, one a line (bulk export).

    All files are read before the first is written: for the patients, whose values are looked for in all else.

    Args:
        deid: the pipeline.
        source: a file or a folder with files in it and below.
        out: likewise.
        system: the identifier system whose value is the patient's id in notes; else the resource id is.
        overwrite: replace what is in `out`.

    Raises:
        CarrierFilesError: input or output that cannot be used.
    """
    directory = Directory(system)
    files = [path for _, path in _files(source) if _is_plain(path) and path.suffix.lower() in FHIR_SUFFIXES]
    for want_names in (True, False):  # what patients are called first, so that references find them
        for path in files:
            with suppress(OSError):  # told when the file is scrubbed
                for _, text in _documents(path):
                    _learn(directory, deid, text, want_names)

    def read(path: Path) -> Results:
        for place, text in _documents(path):
            yield place, _made(partial(fhir.scrub_json, deid, text, directory=directory), "\n")

    return run(source, out, FHIR_SUFFIXES, read, overwrite)


def scrub_hl7(deid: Deid, source: Path, out: Path, *, overwrite: bool = False) -> Summary:
    """The messages of .hl7 files (UTF-8; one or more a file), without batch envelopes; as for `scrub_fhir`.

    Raises:
        CarrierFilesError: input or output that cannot be used.
    """

    def read(path: Path) -> Results:
        try:
            found = list(hl7v2.messages(path.read_bytes().decode("utf-8")))
        except UnicodeDecodeError:
            yield "", CarrierError("encoding")
            return
        except CarrierError as error:
            yield "", error
            return
        if not found:
            yield "", CarrierError("empty")
        for number, message in enumerate(found, 1):
            yield f"{number}", _made(partial(hl7v2.scrub, deid, message))

    return run(source, out, HL7_SUFFIXES, read, overwrite)


def _made(work: Callable[[], str], end: str = "") -> bytes | CarrierError:
    try:
        return (work() + end).encode("utf-8")
    except CarrierError as error:
        return error
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can escape
        pass
    return CarrierError("encoding")


def _learn(directory: Directory, deid: Deid, text: bytes, want_names: bool) -> None:
    """Take in the resources of one document; what fails is reported when it is scrubbed."""
    try:
        document = fhir.parse_json(text)
    except CarrierError:
        return
    for url, resource in [("", document), *resources_of(document)]:
        with suppress(CarrierError), closed():
            if want_names:
                directory.add_names(resource, url)
            else:
                directory.add(deid, [resource])


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Place and JSON of each document of a file: its lines, or the file."""
    if path.suffix.lower() not in _LINES:
        yield "", path.read_bytes()
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield str(number), line


def _files(source: Path) -> list[tuple[str, Path]]:
    """Relative name without the suffix, and file; hidden files are passed over.

    Raises:
        CarrierFilesError: nothing there.
    """
    if source.is_file():
        return [(source.stem, source)]
    if not source.is_dir():
        raise CarrierFilesError(f"{source}: no such file or folder")
    found = []
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        hidden = any(part.startswith(".") for part in relative.parts)
        if not hidden and (path.is_symlink() or path.is_file() or _is_closed(path)):
            found.append((relative.with_suffix("").as_posix(), path))
    if not found:
        raise CarrierFilesError(f"{source}: no file in this folder")
    return found


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _is_closed(path: Path) -> bool:
    """True for a folder whose files cannot be seen."""
    return path.is_dir() and not os.access(path, os.R_OK | os.X_OK)


def run(source: Path, out: Path, suffixes: frozenset[str], read: Reader, overwrite: bool) -> Summary:
    """All files through `read`; the report is written last, and an old one is taken away."""
    files = _files(source)
    folder = source.is_dir()
    _check_out(source, out, folder, overwrite)
    summary = Summary()
    try:
        target = Folder(out) if folder else None
        report = out / QUARANTINE if folder else out.with_name(out.name + f".{QUARANTINE}")
        for name, path in files:
            place = path.relative_to(source).as_posix() if folder else path.name
            reason = _refused(path, suffixes, folder)
            if not reason:
                try:
                    goal = target.path(name, path.suffix) if target else out
                except CorpusError:
                    reason = "name"
            if reason:
                summary.failures.append(Failure(place, reason))
            else:
                _file(summary, goal, place, _readable(read(path)))
        report.unlink(missing_ok=True)
        if summary.failures:
            with whole(report) as stream:
                stream.writelines(failure.row() for failure in summary.failures)
            summary.report = report
    except OSError as error:
        problem = f"{out}: cannot be written: {error.strerror or type(error).__name__}"
    else:
        return summary
    raise CarrierFilesError(problem)


def _refused(path: Path, suffixes: frozenset[str], in_folder: bool) -> str:
    """Why a file is not read, "" if it is."""
    if in_folder and not _is_plain(path):
        return "symlink" if path.is_symlink() else "unreadable"
    return "" if path.suffix.lower() in suffixes else "suffix"


def _readable(results: Results) -> Results:
    """The results of a file; where it cannot be read, that is the last."""
    try:
        yield from results
    except OSError:
        yield "", CarrierError("unreadable")


def _file(summary: Summary, target: Path, place: str, results: Results) -> None:
    """One file; none is written if nothing of it can be."""
    first = next(results, None)
    while first is not None and isinstance(first[1], CarrierError):
        summary.failures.append(_failure(place, *first))
        first = next(results, None)
    if first is None:
        target.unlink(missing_ok=True)
        return
    with whole(target) as stream:
        while first is not None:
            at, made = first
            if isinstance(made, CarrierError):
                summary.failures.append(_failure(place, at, made))
            else:
                stream.write(made)
                summary.written += at != HEADER
            first = next(results, None)


def _failure(place: str, at: str, made: Any) -> Failure:
    return Failure(f"{place}:{at}" if at else place, str(made))


def _check_out(source: Path, out: Path, folder: bool, overwrite: bool) -> None:
    """Refuse an output that would touch the input or what is there already."""
    here, there = source.resolve(), out.resolve()
    if here == there or there.is_relative_to(here) or here.is_relative_to(there):
        raise CarrierFilesError(f"{out}: input and output are the same, or one lies in the other")
    if folder and out.exists() and not out.is_dir():
        raise CarrierFilesError(f"{out}: is there already and is no folder")
    if not folder and (out.is_dir() or not out.parent.is_dir()):
        raise CarrierFilesError(f"{out}: name a file in a folder that is there")
    taken = any(out.iterdir()) if folder and out.is_dir() else out.exists() or out.is_symlink()
    if taken and not overwrite:
        raise CarrierFilesError(f"{out}: is there already; use --overwrite or another name")
