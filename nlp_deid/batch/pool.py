"""Who answers for the notes: this process, or workers that may die without harm.

A worker that takes too long is killed, and so is one that takes too much memory. The patients it had
get another try, each apart. A patient over whom a worker dies apart gets one more: a single note once more;
of several, each alone, and then those that went well together. What fails again is quarantined.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from nlp_deid.batch.outcome import Answer, Answered, Group, Work
from nlp_deid.batch.queue import Errand, Queue, Settled
from nlp_deid.batch.recipe import Recipe
from nlp_deid.batch.worker import Limits, OutOfMemory, Ready, Refused, is_late, work
from nlp_deid.deid import DeidError
from nlp_deid.note import Note

_STARTS = 3  # times in a row that a worker may fail to start
_BATCH = 32
_AHEAD = 128  # patients a worker may be ahead of one that is waited for


class PoolError(RuntimeError):
    """Workers that cannot be started; holds no text."""


class Pool(Protocol):
    """Answers for groups of notes.

    Attributes:
        facts: what decides the answers, for the manifest; None where that is not known.
        workers: how many processes there are, 0 if it is this one.
        deaths: how many of them died.
    """

    facts: Mapping[str, str] | None
    workers: int
    deaths: int

    def run(self, groups: Iterable[Group], in_order: bool = False) -> Iterator[Answered]:
        """Every group with the answers for its notes (those that could be read)."""


class Here:
    """This process answers, in order.

    Args:
        work: answers for the notes of patients.
        facts: see `Pool`.
        batch: notes that it gets at once (but always whole patients).
    """

    def __init__(self, work: Work, facts: Mapping[str, str] | None = None, batch: int = _BATCH) -> None:
        self._work, self.facts, self._batch = work, facts, batch
        self.workers = self.deaths = 0

    def run(self, groups: Iterable[Group], in_order: bool = False) -> Iterator[Answered]:
        """As `Pool.run`."""
        queue = Queue(groups, self._batch)
        while not queue.is_empty():
            errands = queue.next()
            for errand, answers in zip(errands, self._answers(errands), strict=True):
                yield from (answered for _, answered in queue.settle(errand, answers))
            yield from (answered for _, answered in queue.unread())

    def _answers(self, errands: list[Errand]) -> list[list[Answer]]:
        try:
            return [list(answers) for answers in self._work([errand.notes for errand in errands])]
        except Exception as error:
            if len(errands) > 1:
                return [found for errand in errands for found in self._answers([errand])]
            return [[DeidError(note.id, "pipeline", type(error).__name__) for note in errands[0].notes]]


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    connection: Connection
    is_ready: bool = False
    errands: list[Errand] = field(default_factory=list)
    deadline: float = 0.0

    def give(self, errands: list[Errand], limits: Limits) -> None:
        self.errands = errands
        self.deadline = time.monotonic() + limits.wall([note for errand in errands for note in errand.notes])
        with suppress(OSError):  # it died at leisure; that is found out when it is listened to
            self.connection.send([[_bare(note) for note in errand.notes] for errand in self.errands])

    def end(self) -> None:
        self.process.join(0.1)  # if it ended by itself, its exit code says how
        self.process.kill()
        self.process.join()
        self.connection.close()


def _bare(note: Note) -> Note:
    """What a worker needs to know of a note."""
    return Note(note.text, note.id, note.patient, note.known)


class Processes:
    """Workers in processes of their own (spawned, so that no thread or lock is inherited).

    Args:
        recipe: makes the pipeline of each.
        workers: their number, at least 1.
        limits: of time and memory for the notes that a worker gets at once.
        forget: see `worker.work`.
        batch: notes that a worker gets at once (but always whole patients).
    """

    def __init__(
        self, recipe: Recipe, workers: int, limits: Limits, forget: bool = True, batch: int = _BATCH
    ) -> None:
        self.deaths, self.workers = 0, workers
        self.facts: Mapping[str, str] | None = recipe.facts()
        self._recipe, self._limits, self._forget, self._batch = recipe, limits, forget, batch
        self._context = get_context("spawn")
        self._failed_starts = 0
        self._workers = [self._start() for _ in range(workers)]

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill the workers."""
        for worker in self._workers:
            worker.end()

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(theirs, self._recipe, self._limits, self._forget), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(process, ours)

    def ready(self) -> Ready:
        """Wait for the first worker; says what policy is in force.

        Raises:
            PoolError: it does not start. Errors of `pipeline.load` are raised as they are.
        """
        while True:
            worker = self._workers[0]
            try:
                message = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(worker)
                continue
            return self._started(worker, message)

    def _started(self, worker: _Worker, message: object) -> Ready:
        if isinstance(message, Refused):
            raise message.error or PoolError(f"the pipeline cannot be loaded ({message.kind})")
        assert isinstance(message, Ready)
        worker.is_ready = True
        self._failed_starts = 0
        return message

    def _replace(self, worker: _Worker) -> None:
        """Another worker in the place of a dead one."""
        worker.end()
        if not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise PoolError(f"{_STARTS} workers died while they loaded the pipeline")
        self.deaths += 1
        self._workers[self._workers.index(worker)] = self._start()

    def run(self, groups: Iterable[Group], in_order: bool = False) -> Iterator[Answered]:
        """As `Pool.run`; in the order of the groups if that is asked for, else as they are done."""
        queue = Queue(groups, self._batch)
        held: dict[int, Answered] = {}
        turn = 0
        heard: list[Settled] = []
        while True:
            self._feed(queue, is_held_up=len(held) >= _AHEAD * len(self._workers))
            for number, answered in heard:  # the workers are busy meanwhile
                if not in_order:
                    yield answered
                    continue
                held[number] = answered
                while turn in held:
                    yield held.pop(turn)
                    turn += 1
            heard = queue.unread()
            is_busy = any(worker.errands for worker in self._workers)
            if not heard and not is_busy and queue.is_empty():
                return
            if not heard and (is_busy or not any(worker.is_ready for worker in self._workers)):
                heard = self._hear(queue)

    def _feed(self, queue: Queue, is_held_up: bool) -> None:
        """Something to do for every worker that has nothing; and the next errands, read ahead."""
        for worker in self._workers:
            if worker.is_ready and not worker.errands and (errands := queue.next(only_again=is_held_up)):
                worker.give(errands, self._limits)
        if not is_held_up:
            queue.look_ahead()

    def _hear(self, queue: Queue) -> list[Settled]:
        """Wait until a worker has something to say, dies or is late; what is settled by it."""
        heard: list[Settled] = []
        busy = [worker for worker in self._workers if worker.errands]
        patience = max(0.0, min((worker.deadline for worker in busy), default=0.0) - time.monotonic())
        speaking = wait([worker.connection for worker in self._workers], patience if busy else None)
        for worker in list(self._workers):
            if worker.connection in speaking:
                try:
                    message = worker.connection.recv()
                except (EOFError, OSError):
                    message = None
                if isinstance(message, list):
                    heard += self._answered(worker, message, queue)
                elif isinstance(message, (Ready, Refused)):
                    self._started(worker, message)
                else:
                    reason = "memory_limit" if isinstance(message, OutOfMemory) else "worker_died"
                    heard += self._died(worker, reason, queue)
            elif worker.errands and time.monotonic() > worker.deadline:
                heard += self._died(worker, "time_limit", queue)
        return heard

    def _answered(self, worker: _Worker, answers: list[list[Answer]], queue: Queue) -> list[Settled]:
        errands, worker.errands = worker.errands, []
        return [
            settled
            for errand, found in zip(errands, answers, strict=True)
            for settled in queue.settle(errand, found)
        ]

    def _died(self, worker: _Worker, reason: str, queue: Queue) -> list[Settled]:
        errands = worker.errands
        self._replace(worker)
        if reason == "worker_died" and is_late(worker.process.exitcode):
            reason = "time_limit"
        if len(errands) == 1:
            return queue.fail(errands[0], reason)
        for errand in errands:
            queue.put_back(errand)
        return []
