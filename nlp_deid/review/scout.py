"""Runs the detectors over all notes in the background, the note that someone opens next."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from nlp_deid.deid import Deid, DeidError
from nlp_deid.review.evidence import Evidence, from_detectors
from nlp_deid.review.folder import Page

_PATIENCE = 5.0  # seconds; the thread ends with the program in any case


class Scout:
    """The evidence of every note, as it comes.

    Args:
        deid: asked by one thread only.
        pages: the notes, in order.
    """

    def __init__(self, deid: Deid, pages: Iterable[Page]) -> None:
        self._deid = deid
        self._waiting = {page.key: page for page in pages}
        self._found: dict[str, Evidence] = {}
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="scout", daemon=True)
        self._stopped = False

    def start(self) -> None:
        """Begin in the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the note at work; wait for that, but not long."""
        with self._news:
            self._stopped = True
            self._waiting.clear()
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE)

    def peek(self, key: str) -> Evidence | None:
        """The evidence of a note, if it is there."""
        return self._found.get(key)

    def wait(self, page: Page, seconds: float) -> Evidence | None:
        """The evidence of a note, which goes before all others that wait; None if it takes longer."""
        with self._news:
            if page.key in self._waiting:
                rest = {key: other for key, other in self._waiting.items() if key != page.key}
                self._waiting = {page.key: page, **rest}
            self._news.wait_for(lambda: page.key in self._found or self._stopped, seconds)
        return self._found.get(page.key)

    def _run(self) -> None:
        while True:
            with self._news:
                if not self._waiting:
                    return
                page = self._waiting.pop(next(iter(self._waiting)))
            found = self._look(page)
            with self._news:
                self._found[page.key] = found
                self._news.notify_all()

    def _look(self, page: Page) -> Evidence:
        try:
            return from_detectors(self._deid, page.note)
        except DeidError as error:  # its parts hold no text
            failed = f"{error.stage} failed ({error.kind})"
        except Exception as error:  # a fault of ours: its message may hold text
            failed = type(error).__name__
        return Evidence((), (), (), failed)
