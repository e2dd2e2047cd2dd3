"""scrub, detect, reidentify: what the command line and programs call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nlp_deid.batch import stream
from nlp_deid.batch.manifest import folder_for, is_unfinished, open_manifest
from nlp_deid.batch.outcome import Answer, Made, Summary, Watch
from nlp_deid.batch.pool import Here, Pool
from nlp_deid.batch.staged import Run
from nlp_deid.batch.worker import answer
from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Note, Span
from nlp_deid.outputs import OutputError, check_target
from nlp_deid.replace.mapfile import Pair, put_back
from nlp_deid.row_outputs import FILES, Rename, form_of
from nlp_deid.sources import STDIN, Source

_HOLD = 1 << 28


@dataclass(frozen=True)
class Settings:
    """How a batch is run.

    Args:
        overwrite: what is in the output already may be replaced.
        resume: go on with a run that did not end, or begin if there is none.
        rename: makes pseudonyms of file names and ids (see `names.pseudonyms`); None leaves them.
        rename_id: names what `rename` was made with, for the manifest.
        hold: characters of notes in memory at once, for patients whose notes do not follow each other; a
            patient with more is quarantined.
    """

    overwrite: bool = False
    resume: bool = False
    rename: Rename | None = field(default=None, repr=False)
    rename_id: str = ""
    hold: int = _HOLD


def scrub(
    deid: Deid | Pool,
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: Callable[[], None] = lambda: None,
    settings: Settings | None = None,
    watch: Watch | None = None,
) -> Summary:
    """De-identify a source.

    All notes of a patient go together, wherever they stand in a file or folder; from standard input, to
    standard output, those that follow each other.

    Args:
        deid: the pipeline, to run in this process; or a pool.
        source: from `sources.open_source`.
        out: "-" for standard output; a .jsonl file, or a file of the source's own form, for rows; a file
            for one note; else a folder, which gets a file a note of the same relative name.
        overwrite: as in the settings.
        after_note: called after every note, for a progress bar.
        settings: the others.
        watch: in place of `after_note`, who follows the run.

    Raises:
        OutputError: `out` cannot be used, or not be resumed; or the disk refuses.
        SourceError: the source as a whole is damaged.
    """
    pool = Here(partial(answer, deid)) if isinstance(deid, Deid) else deid
    settings = settings or Settings(overwrite)
    watch = watch or Watch(after_note=after_note)
    if source.kind == "folder" and str(out) == STDIN:
        raise OutputError("a folder cannot go to standard output; name a folder or a .jsonl file")
    if source.path is None or source.kind == "note" or str(out) == STDIN:
        if settings.resume or settings.rename:
            raise OutputError(
                "only runs from files to files can be resumed, and names and ids be made pseudonyms"
            )
        return stream.rewrite(pool, source, out, settings.overwrite, watch)
    return _staged(pool, source, Path(out), settings, watch)


def _staged(pool: Pool, source: Source, target: Path, settings: Settings, watch: Watch) -> Summary:
    form = form_of(source, target)
    folder = folder_for(target, form == FILES)
    if settings.resume and pool.facts is None:
        raise OutputError("a run can be resumed only with a pipeline that was made by a recipe")
    going_on = is_unfinished(folder)
    if going_on and not (settings.resume or settings.overwrite):
        raise OutputError(
            f"{target}: holds an unfinished run; use --resume to go on with it, or --overwrite to begin anew"
        )
    resuming = going_on and settings.resume
    check_target(source, target, form in (FILES, "datasets"), settings.overwrite or resuming)
    manifest = open_manifest(folder, resuming)
    keep = False
    try:
        if pool.facts is not None:
            manifest.settle({**pool.facts, **_facts(source, form, settings)})
        run = Run(pool, source, target, form, manifest, settings.rename, watch, settings.hold)
        return run.whole()
    except BaseException:
        keep = resuming or (pool.facts is not None and manifest.totals()[2] > 0)
        raise
    finally:
        manifest.close(
            remove=not keep
        )  # what was not committed is done again by the run that resumes this one


def _facts(source: Source, form: str, settings: Settings) -> dict[str, str]:
    return {"columns": repr(source.columns), "form of the output": form, "ids": settings.rename_id}


def detect(
    deid: Deid,
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: Callable[[], None] = lambda: None,
    relabel: Callable[[Span], Span] = lambda span: span,
) -> Summary:
    """Find the spans of every note of a source and write a row a note, in order.

    A row is {"id", "spans": [{"start", "end", "label", "score", "source"}]}, offsets into the input.
    Arguments and errors as for `scrub`; `out` is a file or "-". Notes of one patient that follow each
    other go together. `relabel` gives each span the label that is written (see native.py).
    """

    def work(patients: Sequence[Sequence[Note]]) -> Iterator[list[Answer]]:
        for found in deid.detect_patients(patients):
            yield [
                spans if isinstance(spans, DeidError) else Made([relabel(span) for span in spans])
                for spans in found
            ]

    return stream.find(Here(work), source, out, overwrite, Watch(after_note=after_note))


def reidentify(
    pairs: Iterable[Pair],
    source: Source,
    out: str | Path,
    overwrite: bool = False,
    after_note: Callable[[], None] = lambda: None,
) -> tuple[Summary, Counter[str]]:
    """Put the originals of a map back into notes that `scrub` wrote.

    Args:
        pairs: from `mapfile.read_map`; a note's own pairs count, by its id. A map of one note fits any note
            that is given alone, as its file may have another name.
        source, out, overwrite, after_note: as for `scrub`.

    Returns:
        What became of the notes; how many surrogates were "restored", how many left as "ambiguous", and how
        many notes are "unknown" to the map.
    """
    by_note: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_note.setdefault(pair.note, []).append(pair)
    counts: Counter[str] = Counter()
    only = next(iter(by_note.values())) if len(by_note) == 1 and source.kind == "note" else []

    def original(note: Note) -> Made:
        mine = by_note.get(note.id, only)
        found = put_back(note.text, mine)
        counts.update(restored=found.restored, ambiguous=found.ambiguous, unknown=not mine)
        return Made(found.text)

    pool = Here(lambda patients: [[original(note) for note in notes] for notes in patients])
    return stream.rewrite(pool, source, out, overwrite, Watch(after_note=after_note)), counts
