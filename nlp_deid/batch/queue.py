"""What workers have to do: errands, and what becomes of those over which a worker died."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from nlp_deid.batch.outcome import Answer, Answered, Group, notes_of
from nlp_deid.deid import DeidError
from nlp_deid.note import Note

_CHARACTERS = 400_000  # of the notes that a worker gets at once

Settled = tuple[int, Answered]  # the number of a group, and its answers


@dataclass(eq=False)
class Task:
    """The notes of one patient on their way through the tries."""

    number: int
    group: Group
    notes: list[Note]
    tries: int = 0
    last: bool = False
    alone: dict[str, DeidError | None] | None = None  # what each note gave alone, once that is asked

    def survivors(self) -> list[Note]:
        return [note for note in self.notes if self.alone is None or self.alone.get(note.id) is None]

    def joined(self, answers: list[Answer]) -> list[Answer]:
        """The answers for all notes, given those of the survivors."""
        fresh = iter(answers)
        bad = self.alone or {}
        return [bad.get(note.id) or next(fresh) for note in self.notes]


@dataclass(eq=False)
class Errand:
    """What a worker does for a task: all notes that are left, or one alone."""

    task: Task
    notes: list[Note]


class Queue:
    """Errands: those to be done again first, then the groups as they come."""

    def __init__(self, groups: Iterable[Group], batch: int) -> None:
        self._groups = enumerate(groups)
        self._batch = batch
        self._again: deque[list[Errand]] = deque()
        self._ahead: list[Errand] = []
        self._unread: list[Settled] = []
        self._is_over = False

    def is_empty(self) -> bool:
        return self._is_over and not self._again and not self._ahead and not self._unread

    def unread(self) -> list[Settled]:
        """Groups without a readable note: there is nothing to do for them."""
        found, self._unread = self._unread, []
        return found

    def next(self, only_again: bool = False) -> list[Errand]:
        """The next errands for one worker; none if there are no more."""
        if self._again:
            return self._again.popleft()
        if only_again:
            return []
        self.look_ahead()
        errands, self._ahead = self._ahead, []
        return errands

    def look_ahead(self) -> None:
        notes = characters = 0
        while not self._ahead or (notes < self._batch and characters < _CHARACTERS):
            number, group = next(self._groups, (-1, []))
            if number < 0:
                self._is_over = True
                return
            task = Task(number, group, notes_of(group))
            if not task.notes:
                self._unread.append((number, (group, [])))
                return
            self._ahead.append(Errand(task, task.notes))
            notes += len(task.notes)
            characters += sum(len(note.text) for note in task.notes)
            if notes >= self._batch:
                return

    def put_back(self, errand: Errand) -> None:
        """An errand of a worker that died over several: nobody knows which it was."""
        self._again.append([errand])

    def settle(self, errand: Errand, answers: list[Answer]) -> list[Settled]:
        """An errand that was answered."""
        task = errand.task
        if task.alone is None or task.last:
            return [(task.number, (task.group, task.joined(answers)))]
        [found] = answers
        return self._tried_alone(task, errand, found if isinstance(found, DeidError) else None)

    def fail(self, errand: Errand, reason: str) -> list[Settled]:
        """An errand over which a worker died."""
        task = errand.task
        if task.alone is not None and not task.last:
            return self._tried_alone(task, errand, DeidError(errand.notes[0].id, "worker", reason))
        task.tries += 1
        if task.last or (task.tries > 1 and len(task.notes) == 1):
            failed: list[Answer] = [DeidError(note.id, "worker", reason) for note in errand.notes]
            return [(task.number, (task.group, task.joined(failed)))]
        if len(task.notes) == 1:
            self._again.append([errand])
        else:
            task.alone = {}
            self._again.extend([Errand(task, [note])] for note in task.notes)
        return []

    def _tried_alone(self, task: Task, errand: Errand, error: DeidError | None) -> list[Settled]:
        assert task.alone is not None
        task.alone[errand.notes[0].id] = error
        if len(task.alone) < len(task.notes):
            return []
        task.last = True
        left = task.survivors()
        if not left:
            return [(task.number, (task.group, task.joined([])))]
        self._again.append([Errand(task, left)])
        return []
