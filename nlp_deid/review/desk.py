"""All that the page can ask for, without the web: open a note, act on it, compare, export."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from nlp_deid.deid import Deid
from nlp_deid.labels import check_label
from nlp_deid.note import Note, Span
from nlp_deid.replace.replacer import Change
from nlp_deid.review import agreement, marks
from nlp_deid.review.evidence import Evidence, from_reviewers
from nlp_deid.review.exports import export
from nlp_deid.review.folder import NoteFolder, Page
from nlp_deid.review.marks import ActError, Review
from nlp_deid.review.scout import Scout
from nlp_deid.review.store import ADJUDICATED, Store

MINE, GOLD = "mine", "gold"
BOOKS = (MINE, GOLD)
ORDERS = ("doubt", "folder")
PATIENCE = 2.0  # seconds that opening a note waits for the detectors

_ACTS: dict[str, Callable[[Review], Review]] = {
    "accept_rest": marks.accept_rest,
    "finish": marks.finish,
    "reopen": marks.reopen,
    "undo": marks.undo,
    "redo": marks.redo,
}
ACTS = ("put", "reject", "begin", *_ACTS)


@dataclass(frozen=True, slots=True)
class Act:
    """What a reviewer wants: one of `ACTS`, with the version they saw; `put` and `reject` name a place."""

    name: str
    version: int
    start: int = 0
    end: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A note in the list: `status` of the reviewer's own review and `gold` of the adjudication.

    status: "waiting" (for the detectors), "failed" (they could not read it), "new", "started", "done".
    gold: "" (not two reviewers are done), "ready", "begun", "done".
    """

    page: Page
    status: str
    gold: str
    doubt: float
    undecided: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A note on the desk."""

    page: Page
    review: Review
    evidence: Evidence


class UnknownNoteError(KeyError):
    """No note has this key."""


class Desk:
    """Notes, what detectors say of them, and what reviewers decided.

    Args:
        folder: the notes.
        deid: the pipeline; its policy makes the text "after".
        store: the saved reviews.
        exports: the folder for what is exported.
    """

    def __init__(self, folder: NoteFolder, deid: Deid, store: Store, exports: Path) -> None:
        self.folder, self.deid, self.store, self.exports = folder, deid, store, exports
        self.scout = Scout(deid, folder.pages.values())

    def page(self, key: str) -> Page:
        """The note with a key.

        Raises:
            UnknownNoteError: none has it.
        """
        if key not in self.folder.pages:
            raise UnknownNoteError(key)
        return self.folder.pages[key]

    def rows(self, reviewer: str, order: str = "doubt") -> list[Row]:
        """Every note; by "doubt" those that are not done come first, and of them the most doubtful."""
        rows = [self._row(reviewer, page) for page in self.folder.pages.values()]
        if order == "doubt":
            rows.sort(key=lambda row: (row.status == "done", -row.doubt))
        return rows

    def _row(self, reviewer: str, page: Page) -> Row:
        evidence, review = self.scout.peek(page.key), self.store.load(reviewer, page)
        if review is not None:
            status = "done" if review.done else "started"
        elif evidence is None:
            status = "waiting"
        else:
            status = "failed" if evidence.failed else "new"
        undecided = review.undecided if review else len(evidence.marks) if evidence else 0
        return Row(page, status, self._gold_status(page), evidence.doubt if evidence else 0.0, undecided)

    def _gold_status(self, page: Page) -> str:
        gold = self.store.load(ADJUDICATED, page)
        if gold is not None:
            return "done" if gold.done else "begun"
        return "ready" if len(self._done(page)) > 1 else ""

    def _done(self, page: Page) -> dict[str, list[Span]]:
        """The spans of every reviewer who is done with a note, by name."""
        reviews = {name: self.store.load(name, page) for name in self.store.reviewers()}
        return {name: review.spans for name, review in reviews.items() if review and review.done}

    def open(self, reviewer: str, key: str, book: str = MINE) -> Opened | None:
        """A note with its review; None while the detectors have not read it yet.

        Raises:
            EditedError: its file has changed.
            ActError: there is nothing to adjudicate.
        """
        page = self.page(key)
        self.folder.check(page)
        evidence = self._evidence(page, book)
        if evidence is None:
            return None
        return Opened(page, self.store.load(_owner(reviewer, book), page) or Review(evidence.marks), evidence)

    def _evidence(self, page: Page, book: str) -> Evidence | None:
        if book == MINE:
            return self.scout.peek(page.key) or self.scout.wait(page, PATIENCE)
        done = self._done(page)
        if len(done) < 2:
            raise ActError("an adjudication needs two reviewers who are done with the note")
        return from_reviewers(done)

    def act(self, reviewer: str, key: str, book: str, act: Act) -> Opened | None:
        """Carry out and save an act; None while the detectors have not read the note.

        Raises:
            ActError, ConflictError, EditedError: it is refused, and nothing is saved.
        """
        opened = self.open(reviewer, key, book)
        if opened is None:
            return None
        page = opened.page
        change = self._change(page, book, act)
        if book == GOLD and act.name != "begin" and self.store.load(ADJUDICATED, page) is None:
            raise ActError("the adjudication of this note has not begun")
        start = Review(opened.evidence.marks)
        review = self.store.act(_owner(reviewer, book), page, act.version, start, change)
        return replace(opened, review=review)

    def _change(self, page: Page, book: str, act: Act) -> Callable[[Review], Review]:
        if act.name == "begin":
            if book != GOLD:
                raise ActError("only an adjudication is begun")
            return lambda review: replace(review, version=review.version + 1)
        if act.name == "reopen" and book == MINE and self.store.load(ADJUDICATED, page) is not None:
            raise ActError("the adjudication of this note has begun; its reviews can no longer be changed")
        if act.name in _ACTS:
            return _ACTS[act.name]
        if not 0 <= act.start < act.end <= len(page.note.text):
            raise ActError(f"[{act.start}, {act.end}) is empty or outside the note")
        if act.name == "reject":
            return lambda review: marks.reject(review, act.start, act.end)
        if page.note.text[act.start : act.end].isspace():
            raise ActError("a mark must hold more than blanks")
        try:
            label = check_label(act.label)
        except ValueError as error:
            problem = str(error)
        else:
            return lambda review: marks.put(review, act.start, act.end, label)
        raise ActError(problem)

    def after(self, opened: Opened) -> tuple[str, tuple[Change, ...]]:
        """The note as the policy rewrites it with the review's marks, and what changed."""
        return self.deid.replacer.replace(opened.page.note, opened.review.spans)

    def agreements(self) -> dict[tuple[str, str], agreement.Agreement]:
        """The agreement of every two reviewers on the notes that both have done."""
        done = [(page.note.text, self._done(page)) for page in self.folder.pages.values()]
        return {
            (one, other): agreement.compare(
                (text, spans[one], spans[other]) for text, spans in done if one in spans and other in spans
            )
            for one, other in combinations(self.store.reviewers(), 2)
        }

    def disagreements(self) -> Iterator[tuple[Row, int, int]]:
        """The notes that two or more have done: the row, spans that all share, and spans that not all do."""
        for page in self.folder.pages.values():
            sides = [{(s.start, s.end, s.label) for s in spans} for spans in self._done(page).values()]
            if len(sides) > 1:
                shared = set.intersection(*sides)
                row = Row(page, "done", self._gold_status(page), 0.0, 0)
                yield row, len(shared), len(set.union(*sides)) - len(shared)

    def export(self, reviewer: str, book: str, format: str) -> tuple[Path, int]:
        """Write the notes that are done to files; where, and how many.

        Raises:
            ActError: none is done.
            CorpusError: a note that the format cannot hold.
            EditedError: a file has changed.
        """
        owner = _owner(reviewer, book)
        notes = list(self._finished(owner))
        if not notes:
            raise ActError("no note is done yet; only notes that are done are exported")
        return export(self.exports, owner, format, notes), len(notes)

    def _finished(self, owner: str) -> Iterator[Note]:
        for page in self.folder.pages.values():
            review = self.store.load(owner, page)
            if review is not None and review.done:
                self.folder.check(page)
                yield Note(page.note.text, page.note.id, page.note.patient, spans=_unsourced(review.spans))


def _owner(reviewer: str, book: str) -> str:
    return ADJUDICATED if book == GOLD else reviewer


def _unsourced(spans: Sequence[Span]) -> list[Span]:
    return [Span(span.start, span.end, span.label) for span in spans]
