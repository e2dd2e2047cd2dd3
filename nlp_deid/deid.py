"""Deid: detect, merge, echo, replace."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby, islice
from typing import Any, TypeVar

from nlp_deid.labels import LABELS
from nlp_deid.merge import Keep, Merge, Verdict
from nlp_deid.note import Detector, Note, Span
from nlp_deid.replace.policy import Policy
from nlp_deid.replace.replacer import Change, Replacer

Result = TypeVar("Result")
Proposals = tuple[list[Span], list[Keep]]
_AT_ONCE = 32  # notes that detectors get at once


class DeidError(RuntimeError):
    """A note that could not be processed; it must not be passed on.

    The message names the note, the stage and the kind of error, never text of the note.
    """

    def __init__(self, note_id: str, stage: str, kind: str) -> None:
        super().__init__(f"note {note_id!r}: {stage} failed ({kind})")
        self.note_id, self.stage, self.kind = note_id, stage, kind

    def __reduce__(self) -> tuple[type[DeidError], tuple[str, str, str]]:
        return type(self), (self.note_id, self.stage, self.kind)


@dataclass(frozen=True, repr=False)
class Deidentified:
    """A rewritten note.

    Attributes:
        text: the note without its identifiers.
        spans: what was found, offsets into the input.
        changes: what was done, offsets into input and output.
    """

    text: str
    spans: tuple[Span, ...]
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"Deidentified({len(self.text)} characters, {len(self.spans)} spans)"


@dataclass(frozen=True, slots=True)
class Explanation:
    """One proposal, what became of it, and the action its label calls for."""

    verdict: Verdict
    action: str


class Deid:
    """A pipeline: detectors propose, merge decides, echo repeats, the policy rewrites.

    Args:
        detectors: asked one after another; their order has no effect.
        replacer: carries out a policy; a Policy alone will do.
        merge: how rival proposals are decided.
        keep: keep lists that veto unsure proposals.
        echo: finds what was surely found again, in all notes of the patient.
        name: for messages.

    Raises:
        ValueError: no detector.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        replacer: Replacer | Policy,
        merge: Merge | None = None,
        keep: Sequence[Any] = (),
        echo: Any = None,
        name: str = "",
    ) -> None:
        if not detectors:
            raise ValueError("a pipeline needs at least one detector")
        self.detectors, self.keep, self.echo, self.name = list(detectors), list(keep), echo, name
        self.merge = merge or Merge()
        self.replacer = Replacer(replacer) if isinstance(replacer, Policy) else replacer

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.replacer.policy

    def __repr__(self) -> str:
        return f"Deid({self.name!r}, policy={self.policy.name!r})"

    def detect(self, note: Note | str) -> list[Span]:
        """The decided spans of one note: sorted, without overlap.

        Raises:
            DeidError: a part failed; nothing of the note may be used.
        """
        [found] = self.detect_together([_note(note)])
        return _raised(found)

    def __call__(self, note: Note | str) -> Deidentified:
        """The note without its identifiers.

        Raises:
            DeidError: a part failed; nothing of the note may be used.
        """
        [result] = self.together([_note(note)])
        return _raised(result)

    def pipe(self, notes: Iterable[Note | str]) -> Iterator[Deidentified]:
        """Like calling the pipeline on every note, in order.

        Notes of one patient that follow each other go together: a name surely found in one is found
        in all, and they share surrogates.

        Raises:
            DeidError: at the first note that fails.
        """
        patients = (
            [note for _, note in group] for _, group in groupby(enumerate(map(_note, notes)), _same_patient)
        )
        for results in self.patients(patients):
            yield from map(_raised, results)

    def together(self, notes: Sequence[Note]) -> list[Deidentified | DeidError]:
        """The notes of one patient; a note that fails gives its error, and the others go on.

        If the surrogates of the patient cannot be made, all the patient's notes fail.
        """
        return self._finished(notes, self._proposed(notes))

    def patients(self, patients: Iterable[Sequence[Note]]) -> Iterator[list[Deidentified | DeidError]]:
        """`together` for one patient after another; detectors get the notes of several at once."""
        return self._each(patients, self._finished)

    def detect_patients(self, patients: Iterable[Sequence[Note]]) -> Iterator[list[list[Span] | DeidError]]:
        """`detect_together` for one patient after another; detectors get the notes of several at once."""
        return self._each(patients, self._decided)

    def _each(self, patients: Iterable[Sequence[Note]], finish: Callable[..., Result]) -> Iterator[Result]:
        for chunk in _chunks(patients):
            proposed = iter(self._proposed([note for notes in chunk for note in notes]))
            for notes in chunk:
                yield finish(notes, list(islice(proposed, len(notes))))

    def _finished(
        self, notes: Sequence[Note], proposed: Sequence[Proposals | DeidError]
    ) -> list[Deidentified | DeidError]:
        """Echo, merge and replace for the notes of one patient."""
        found = self._decided(notes, proposed)
        good = [(note, spans) for note, spans in zip(notes, found, strict=True) if isinstance(spans, list)]
        made = _try(notes[0], "replace", self._replaced, (good,)) if good else []
        if isinstance(made, DeidError):
            kind = made.kind
            failed = [DeidError(note.id, "replace", kind) for note in notes]
            return [
                own if isinstance(own, DeidError) else new for own, new in zip(found, failed, strict=True)
            ]
        done = iter(made)
        return [spans if isinstance(spans, DeidError) else next(done) for spans in found]

    def _replaced(self, notes: Sequence[tuple[Note, list[Span]]]) -> list[Deidentified]:
        made = self.replacer.replace_all(notes)
        results = []
        for (_, spans), (text, changes) in zip(notes, made, strict=True):
            if not isinstance(text, str):
                raise TypeError("not a text")
            results.append(Deidentified(text, tuple(spans), tuple(changes)))
        return results

    def explain(self, note: Note | str) -> list[Explanation]:
        """Every proposal: source, score, won or lost to whom, vetoed by which list, action.

        Raises:
            DeidError: a part failed.
        """
        note = _note(note)
        [proposals] = self._with_echo([note], self._proposed([note]))
        verdicts = _run(note, "merge", self.merge.verdicts, *_raised(proposals), note.text)
        return [Explanation(verdict, self.policy.actions[verdict.span.label]) for verdict in verdicts]

    def detect_together(self, notes: Sequence[Note]) -> list[list[Span] | DeidError]:
        """The decided spans of the notes of one patient; a note that fails gives its error."""
        return self._decided(notes, self._proposed(notes))

    def _decided(
        self, notes: Sequence[Note], proposed: Sequence[Proposals | DeidError]
    ) -> list[list[Span] | DeidError]:
        return [
            _try(note, "merge", self.merge.spans, proposals, note.text)
            for note, proposals in zip(notes, self._with_echo(notes, proposed), strict=True)
        ]

    def _with_echo(
        self, notes: Sequence[Note], found: Sequence[Proposals | DeidError]
    ) -> list[Proposals | DeidError]:
        """The proposals for the notes of one patient, and what echo adds to them."""
        if self.echo is None:
            return list(found)
        seeds = [
            _try(note, "echo", self._seeds, proposals, note)
            for note, proposals in zip(notes, found, strict=True)
        ]
        sown = [seed for seed in seeds if not isinstance(seed, DeidError)]
        joined = reduce(lambda mine, other: mine.joined(other), sown) if sown else None
        return [
            seed if isinstance(seed, DeidError) else _try(note, "echo", self._echoed, proposals, note, joined)
            for note, proposals, seed in zip(notes, found, seeds, strict=True)
        ]

    def _proposed(self, notes: Sequence[Note]) -> list[Proposals | DeidError]:
        """What detectors and keep lists say of each note, alone."""
        found: list[Proposals | DeidError] = [([], []) for _ in notes]
        for detector in self.detectors:
            sound = [(at, so_far[0]) for at, so_far in enumerate(found) if not isinstance(so_far, DeidError)]
            answers = _found(detector, [notes[at] for at, _ in sound])
            for (at, so_far), spans in zip(sound, answers, strict=True):
                if isinstance(spans, DeidError):
                    found[at] = spans
                else:
                    so_far.extend(spans)
        return [
            _try(note, "keep lists", self._kept, proposals, note)
            for note, proposals in zip(notes, found, strict=True)
        ]

    def _kept(self, spans: list[Span], keeps: list[Keep], note: Note) -> Proposals:
        for keep_list in self.keep:
            keeps += [Keep(*place) for place in keep_list.find(note)]
        return spans, keeps

    def _seeds(self, spans: list[Span], keeps: list[Keep], note: Note) -> Any:
        return self.echo.seeds(note, self.merge.spans(spans, keeps, note.text))

    def _echoed(self, spans: list[Span], keeps: list[Keep], note: Note, seeds: Any) -> Proposals:
        return spans + _checked(self.echo.find(note, seeds), note), keeps


def _found(detector: Detector, notes: Sequence[Note]) -> list[list[Span] | DeidError]:
    """A detector's answers for all notes at once; if that fails, for each alone, so that the others go on."""
    if len(notes) > 1 and type(detector).find_all is not Detector.find_all:
        try:
            return [
                _checked(found, note) for found, note in zip(detector.find_all(notes), notes, strict=True)
            ]
        except Exception:  # which note it was is found below
            pass
    return [_try(note, detector.name, _ask, (detector, note)) for note in notes]


def _ask(detector: Detector, note: Note) -> list[Span]:
    return _checked(detector.find(note), note)


def _chunks(patients: Iterable[Sequence[Note]]) -> Iterator[list[Sequence[Note]]]:
    """Whole patients in groups that detectors work on at once."""
    chunk: list[Sequence[Note]] = []
    for notes in patients:
        chunk.append(notes)
        if sum(map(len, chunk)) >= _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _run(note: Note, stage: str, work: Callable[..., Result], *args: Any) -> Result:
    """work(*args); any error becomes a DeidError that holds neither text nor the error that might."""
    try:
        return work(*args)
    except DeidError as error:
        stage, kind = error.stage, error.kind
    except Exception as error:
        kind = type(error).__name__
    raise DeidError(note.id, stage, kind)


def _try(note: Note, stage: str, work: Callable[..., Result], first: Any, *rest: Any) -> Result | DeidError:
    """Like _run with `first` unpacked, but an error is returned, and an earlier one handed on."""
    if isinstance(first, DeidError):
        return first
    try:
        return _run(note, stage, work, *first, *rest)
    except DeidError as error:
        return error


def _raised(result: Result | DeidError) -> Result:
    if isinstance(result, DeidError):
        raise result
    return result


def _same_patient(numbered: tuple[int, Note]) -> tuple[str, int]:
    """A key that consecutive notes of one patient share, and notes without a patient do not."""
    number, note = numbered
    return ("", number) if note.patient is None else (note.patient, -1)


def _note(note: Note | str) -> Note:
    return Note(note) if isinstance(note, str) else note


def _checked(found: Any, note: Note) -> list[Span]:
    """A detector's answer; anything but spans of this note fails the note."""
    if not isinstance(found, list):
        raise TypeError("not a list of spans")
    for span in found:
        if not isinstance(span, Span) or span.end > len(note.text):
            raise ValueError("not a span of this note")
        if span.label not in LABELS:
            raise ValueError("unknown label")
    return found
