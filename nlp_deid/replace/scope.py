"""What all makers of surrogates share: one patient's (or document's) values stay apart and come back the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from nlp_deid.replace.keys import Source

_GAP = re.compile(r"[\W_]+")
_ATTEMPTS = 300


def compact(text: str) -> str:
    """The text without case, blanks and separators."""
    return text.casefold() if text.isalnum() else _GAP.sub("", text).casefold()


class Scope:
    """Draws surrogates that are neither real values of the scope nor given to another value of it.

    What a value gets depends on the key, the scope and the value alone, save where two values draw the
    same surrogate: then the one that came later draws again.

    Args:
        source: the key, or random draws; derive one for the purpose.
        patient: the scope; equal values in two scopes get unrelated surrogates.
        taken: real values of the patient, words and whole values, which must not come out.
    """

    def __init__(self, source: Source, patient: str, taken: Iterable[str] = ()) -> None:
        self._source = source
        self._patient = patient
        self._taken: set[str] = set()
        self._attempts: dict[tuple[str, ...], str] = {}
        self._given: dict[str, tuple[str, ...]] = {}
        self.take(taken)

    def take(self, values: Iterable[str]) -> None:
        """More real values of the patient that must not come out from now on."""
        self._taken.update(map(compact, values))

    def is_taken(self, value: str) -> bool:
        """True if the value is a real one of this scope."""
        return compact(value) in self._taken

    def draw(self, key: tuple[str, ...], attempt: str, below: int, part: str = "") -> int:
        """Uniform in [0, below) for one attempt at the surrogate of a value."""
        return self._source.number(below, self._patient, *key, attempt, part)

    def settle(
        self, key: tuple[str, ...], render: Callable[[str], str | None], attempts: int = _ATTEMPTS
    ) -> str | None:
        """The surrogate of a value: that of the first attempt which is free, the same one ever after.

        Args:
            key: the value in plain form.
            render: the surrogate of one attempt, in the layout of the text at hand; None refuses it.
            attempts: how many to make before giving up with None.
        """
        if (known := self._attempts.get(key)) is not None:
            return render(known)
        for number in range(attempts):
            attempt = str(number)
            value = render(attempt)
            if value is None:
                continue
            plain = compact(value)
            if plain in self._taken or self._given.setdefault(plain, key) != key:
                continue
            self._attempts[key] = attempt
            return value
        return None
