"""One worker: a process with its own pipeline that answers for the notes of a few patients at a time.

What goes in and out passes through a pipe. A worker writes nothing: its standard streams lead nowhere, and
it leaves no core file.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path

from nlp_deid.batch.outcome import Answer, Made
from nlp_deid.batch.recipe import Recipe
from nlp_deid.deid import Deid, Deidentified, DeidError
from nlp_deid.note import Note
from nlp_deid.replace.keys import RandomSource
from nlp_deid.replace.mapfile import Pair

_ORPHAN_GRACE = 10.0  # seconds after which a worker whose parent is gone ends itself
_PER_CHARACTERS = 30_000
_TRIM_EVERY = 32  # lists of patients' notes


@dataclass(frozen=True)
class Limits:
    """What the notes that a worker gets at once may take.

    Args:
        seconds: of processor time for a note; notes of n characters together get
            seconds * (1 + n / 30,000).
        megabytes: of memory, beyond those of the loaded pipeline; 0 is no limit. Linux only.
        patience: how many times as long the clock on the wall may run, for a worker that waits or gets
            little of a busy machine.
    """

    seconds: float = 60.0
    megabytes: int = 4096
    patience: float = 5.0

    def time(self, notes: Sequence[Note]) -> float:
        """Seconds of processor time for notes."""
        return self.seconds * (1 + sum(len(note.text) for note in notes) / _PER_CHARACTERS)

    def wall(self, notes: Sequence[Note]) -> float:
        """Seconds on the wall for them."""
        return self.patience * self.time(notes)


@dataclass(frozen=True)
class Ready:
    """What a worker says of its pipeline once it is loaded."""

    policy: str
    actions: Mapping[str, str]


@dataclass(frozen=True)
class Refused:
    """A pipeline that cannot be loaded: an error of ours, or the kind of another one."""

    error: Exception | None
    kind: str


def is_late(exit_code: int | None) -> bool:
    """Whether a worker was ended by one of its alarms."""
    return exit_code in [-getattr(signal, name, 0) or None for name in ("SIGPROF", "SIGALRM")]


class OutOfMemory:
    """A worker's last word."""


def answer(deid: Deid, patients: Sequence[Sequence[Note]], forget: bool = False) -> Iterator[list[Answer]]:
    """The notes of one patient after the other through a pipeline, which sees those of several at once.

    An error is that of its note; none is raised. `forget` draws random surrogates anew for each patient.
    """
    results = deid.patients(patients)
    for at, notes in enumerate(patients):
        if forget:
            deid.replacer.options = replace(deid.replacer.options, source=RandomSource())
        try:
            yield _answers(deid, notes, next(results))
        except Exception:  # it may be another patient's fault
            yield _alone(deid, notes)
            results = deid.patients(patients[at + 1 :])


def _alone(deid: Deid, notes: Sequence[Note]) -> list[Answer]:
    try:
        if deid.replacer.pairs is not None:
            deid.replacer.pairs.clear()
        return _answers(deid, notes, deid.together(notes))
    except Exception as error:
        return [DeidError(note.id, "pipeline", type(error).__name__) for note in notes]


def _answers(deid: Deid, notes: Sequence[Note], results: Sequence[Deidentified | DeidError]) -> list[Answer]:
    pairs: dict[str, list[Pair]] = defaultdict(list)
    if deid.replacer.pairs is not None:
        for pair in deid.replacer.pairs:
            pairs[pair.note].append(pair)
        deid.replacer.pairs.clear()
    answers: list[Answer] = []
    for note, result in zip(notes, results, strict=True):
        if isinstance(result, DeidError):
            answers.append(result)
        else:
            counts = Counter((span.label, span.source) for span in result.spans)
            answers.append(Made(result.text, counts, tuple(pairs[note.id])))
    return answers


def work(connection: Connection, recipe: Recipe, limits: Limits, forget: bool) -> None:
    """The whole life of a worker.

    Args:
        connection: gives lists of patients' notes, and takes `Ready` or `Refused`, then for each list one
            of answers to each patient.
        recipe: makes the pipeline.
        limits: of time and memory.
        forget: draw random surrogates anew for each patient, which is right where all of a patient's notes
            come at once, and keeps memory flat.
    """
    _keep_quiet()
    try:
        deid = recipe.load()
        _one_thread()
    except Exception as error:
        ours = type(error).__module__.startswith("nlp_deid.") and isinstance(error, ValueError)
        connection.send(Refused(error if ours else None, type(error).__name__))
        return
    _limit_memory(limits.megabytes)
    connection.send(Ready(deid.policy.name, dict(deid.policy.actions)))
    with suppress(EOFError, BrokenPipeError):  # the parent is gone
        for turn in count(1):
            patients = connection.recv()
            notes = [note for own in patients for note in own]
            _alarms(limits.time(notes), limits.wall(notes) + _ORPHAN_GRACE)
            answers = list(answer(deid, patients, forget and recipe.key is None))
            _alarms(0, 0)
            if any(_is_out_of_memory(found) for own in answers for found in own):
                connection.send(OutOfMemory())
                return
            connection.send(answers)
            if turn % _TRIM_EVERY == 0:
                _give_back()


def _is_out_of_memory(answer: Answer) -> bool:
    return isinstance(answer, DeidError) and answer.kind == "MemoryError"


def _keep_quiet() -> None:
    """No output, no core file, and Ctrl-C is the parent's business."""
    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _give_back() -> None:
    """Freed memory back to the system: glibc keeps it in pieces of many sizes, and grows."""
    with suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _one_thread() -> None:
    """Workers share the cores; each uses one."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def _limit_memory(megabytes: int) -> None:
    status = Path("/proc/self/status")
    if not megabytes or not status.is_file():
        return
    import resource

    used = next(
        int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmData:")
    )
    most = (used << 10) + (megabytes << 20)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _alarms(processor: float, wall: float) -> None:
    """End this process by the system's hand after so many seconds, whatever code it is in; 0 calls it off."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, processor)
        signal.setitimer(signal.ITIMER_REAL, wall)
