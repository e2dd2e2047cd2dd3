"""Surrogates of numbers and addresses: the same format, another value, never one that is real.

The value without case, blanks and separators names the identifier, so "12-345" and "12345" of one
patient get one surrogate, each in its own layout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from string import ascii_lowercase

from nlp_deid.hipaa import generalize_age
from nlp_deid.replace.check_digits import Scheme, schemes
from nlp_deid.replace.keys import Source
from nlp_deid.replace.networks import email, hardware_address, ip_address, is_hardware_address, url, word_like
from nlp_deid.replace.phones import Plan, plan_of
from nlp_deid.replace.scope import Scope, compact
from nlp_deid.replace.shapes import Shape, shape_of

CHECKS = ("break", "valid")
_VALID_ATTEMPTS = 3000
_BLANK = re.compile(r"\s+")
_JOINED = re.compile(r"(\s*(?:[,;/&|\n]|\b(?:or|and)\b)\s*)")
# Nine digits may be a Social Security number whatever they are called; a letter behind makes a Medicare claim number.
_SSN = re.compile(r"0{9}(?:[Aa][0Aa]?)?")
_LAST_DIGITS = re.compile(r"\d(?=\D*\Z)")
_KEYPAD = dict(zip(ascii_lowercase, "22233344455566677778889999", strict=True))
# Social Security numbers never begin with 9; groups 01 to 49 of 9xx are no taxpayer number (IRS) either.
_SSN_SIZE = 100 * 49 * 9999


def surrogate_age(text: str) -> str | None:
    """An age as it is up to 89, "90+" above; None if it is not surely understood."""
    try:
        return generalize_age(text)
    except ValueError:
        return None


class IdSurrogates(Scope):
    """Surrogates of the numbers and addresses of one patient (or of one document: the scope is yours).

    Args:
        source: the key, or random draws; derive one for this purpose.
        patient: the scope; equal values in two scopes get unrelated surrogates.
        taken: real values of the patient, which must not come out.
        checks: "break": no surrogate passes a check digit; "valid": where the source has a right
            check digit its surrogate has one too.
        vary_length: let plain numbers grow or shrink by a digit. A kept length tells a little: which
            system gave the number, and how long it has been counting.

    Raises:
        ValueError: an unknown value of `checks`.
    """

    def __init__(
        self,
        source: Source,
        patient: str,
        taken: Iterable[str] = (),
        *,
        checks: str = "break",
        vary_length: bool = False,
    ) -> None:
        if checks not in CHECKS:
            raise ValueError(f"unknown checks {checks!r}; allowed: {', '.join(CHECKS)}")
        super().__init__(source, patient, taken)
        self._valid = checks == "valid"
        self._vary_length = vary_length

    def make(self, label: str, text: str, login: str | None = None) -> str | None:
        """The surrogate of an identifier; None if the text has nothing to replace or no value is free.

        Args:
            label: its label; PHONE, FAX, SSN, EMAIL, URL and IPADDR have formats of their own.
            text: as written in the note.
            login: for EMAIL, the surrogate of the part before the @.
        """
        if label == "AGE":
            return surrogate_age(text)
        if label in ("PHONE", "FAX"):
            return self._phones(label, text)
        if label == "EMAIL":
            return self._address(label, text, partial(email, login=login))
        if label == "URL":
            return self._address(label, text, url)
        if label == "IPADDR":
            return self._address(label, text, ip_address)
        if label == "USERNAME":
            return self._address(label, text, word_like)
        if len(text) >= 17 and is_hardware_address(text):
            return self._address(label, text, hardware_address)
        return self._number(label, text)

    # ---- plain numbers

    def _number(self, label: str, text: str) -> str | None:
        shape = shape_of(text, numeric=label == "SSN")
        if not shape.slots:
            return None
        old, kinds = shape.values, shape.kinds
        if _SSN.fullmatch(kinds):
            key = (label, old, "ssn")
            new = self.settle(
                key, lambda attempt: self._ssn(key, attempt) + self._fresh(key, attempt, kinds[9:])
            )
        else:
            key = (label, old, kinds.lower().replace("w", "0"))
            if self._vary_length and kinds.count("0") == len(kinds) > 3:
                shape = self._other_length(key, shape)
                kinds = shape.kinds
            holds = schemes(old) if self._valid else []
            propose = partial(self._scrambled, key, old, kinds, holds)
            new = self.settle(key, propose, _VALID_ATTEMPTS) if holds else self.settle(key, propose)
        return shape.fill(new) if new is not None else None

    def _fresh(self, key: tuple[str, ...], attempt: str, kinds: str) -> str:
        """Digits and letters for slots of these kinds, all uniform and independent of the source."""
        size = len(kinds)
        if kinds.isdigit():
            return f"{self.draw(key, attempt, 10**size):0{size}}" if size else ""
        seed = self.draw(key, attempt, 260**size)
        made = []
        for kind in kinds:
            if kind in "Aa":
                seed, at = divmod(seed, 26)
                made.append(ascii_lowercase[at])
            else:
                seed, at = divmod(seed, 8 if kind == "y" else 10)
                made.append(str(at))
        return "".join(made)

    def _scrambled(
        self, key: tuple[str, ...], old: str, kinds: str, holds: list[Scheme], attempt: str
    ) -> str | None:
        """Fresh values; refused if half of the digits stay, or if their check digits are not as asked for."""
        new = self._fresh(key, attempt, kinds)
        same = sum(map(str.__eq__, new, old))
        if same and not old.isdigit():
            same = sum(a == b for a, b in zip(new, old, strict=False) if b.isdigit())
        if new == old or 2 * same > sum(map(str.isdigit, old)):
            return None
        passed = schemes(new)
        return new if (any(scheme in holds for scheme in passed) if holds else not passed) else None

    def _ssn(self, key: tuple[str, ...], attempt: str) -> str:
        rest, serial = divmod(self.draw(key, attempt, _SSN_SIZE), 9999)
        area, group = divmod(rest, 49)
        return f"9{area:02}{group + 1:02}{serial + 1:04}"

    def _other_length(self, key: tuple[str, ...], shape: Shape) -> Shape:
        last = _LAST_DIGITS.search(shape.text)
        change = self._source.number(3, self._patient, *key, "length") - 1
        if not last or not change:
            return shape
        text = shape.text[: last.start()] + ("00" if change > 0 else "") + shape.text[last.end() :]
        return shape_of(text)

    # ---- telephones

    def _phones(self, label: str, text: str) -> str | None:
        """One number, or several between commas, slashes or "or"."""
        parts = _JOINED.split(text)
        if len(parts) > 1 and all(sum(map(str.isdigit, part)) >= 7 for part in parts[::2]):
            made = [self._phone(label, part) for part in parts[::2]]
            parts[::2] = [part or "" for part in made]
            return "".join(parts) if all(made) else None
        return self._phone(label, text)

    def _phone(self, label: str, text: str) -> str | None:
        shape = shape_of(text, numeric=True)
        kinds = shape.kinds
        digits = shape.values
        if "a" in kinds.lower():
            digits = "".join([_KEYPAD.get(char, char) for char in shape.values])
            if len(digits) not in (7, 10, 11):
                return self._number(label, text)
        elif "n" in kinds or "y" in kinds:
            return self._number(label, text)
        if not digits:
            return None
        plan = plan_of(text, digits)
        key = (label, plan.core)
        core = self.settle(key, partial(self._dialled, key, plan))
        if core is None:
            return None
        tail = digits[len(digits) - plan.tail :]
        kept = digits[: len(digits) - len(plan.core) - plan.tail]
        extension = ""
        if tail:
            step = 1 + self.draw((label, plan.core, tail), "extension", 10 ** len(tail) - 1)
            extension = f"{(int(tail) + step) % 10 ** len(tail):0{len(tail)}}"
        return shape.fill(kept + core + extension)

    def _dialled(self, key: tuple[str, ...], plan: Plan, attempt: str) -> str | None:
        new = plan.make(self.draw(key, attempt, plan.size))
        same_area = len(new) == 10 and new[3:6] == "555" and new[:3] == plan.core[:3]
        same_end = len(new) > 6 and new[-4:] == plan.core[-4:]
        return None if new == plan.core or same_area or same_end else new

    # ---- addresses

    def _address(self, label: str, text: str, make: Callable[..., str]) -> str | None:
        key = (label, _BLANK.sub("", text).casefold())

        def render(attempt: str) -> str | None:
            new = make(text, lambda below, part: self.draw(key, attempt, below, part))
            return None if compact(new) == compact(text) else new

        return self.settle(key, render) if compact(text) else None
