"""A budget on disk: append-only, locked, and refusing before noise is drawn.

One JSON line a charge, each sealed with a hash over all before it. A charge is on disk (fsync) before
`spend` returns, so whatever is drawn later is paid for. A last line without its line end is a charge
that a crash cut off before anything was drawn; the next charge removes it. The file cannot notice
that someone puts an older copy of it in its place.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from nlp_deid.dp.budget import Budget, BudgetError, Loss
from nlp_deid.dp.checks import PrivacyError

_FORMAT = 1
_HEADER = ("epsilon", "delta", "neighbours", "unit", "accounting", "allow_large")


@dataclass(frozen=True)
class Charge:
    """One line of a ledger."""

    loss: Loss
    what: str
    at: str


class Ledger:
    """A budget in a file, shared by any number of processes, one at a time.

    Args:
        path: a ledger that `create` made.

    Raises:
        BudgetError: the file is missing, damaged, or in use.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        with self._locked("rb") as file:
            self.budget, self.charges, _, _ = self._read(file)

    @classmethod
    def create(cls, path: Path | str, budget: Budget) -> Ledger:
        """A new ledger with an unspent budget; an existing file is never touched."""
        if budget.losses:
            raise BudgetError("a ledger begins with an unspent budget")
        body = {"ledger": _FORMAT} | {name: getattr(budget, name) for name in _HEADER} | {"at": _now()}
        try:
            with Path(path).open("xb") as file:
                _write(file, _seal(body, ""))
        except FileExistsError:
            raise BudgetError(f"{path}: exists already") from None
        except OSError as error:
            raise BudgetError(f"{path}: cannot be written ({error.strerror})") from None
        _sync_folder(Path(path).parent)
        return cls(path)

    @property
    def neighbours(self) -> str:
        """ "unbounded" or "bounded"."""
        return self.budget.neighbours

    @property
    def unit(self) -> str:
        """Whose presence is protected."""
        return self.budget.unit

    def spend(self, loss: Loss, what: str = "") -> None:
        """Charge a price; on return it is on disk.

        Raises:
            BudgetError: it would exceed the budget, or the file is damaged, missing or in use. Nothing
                is charged then.
        """
        with self._locked("r+b") as file:
            self.budget, self.charges, seal, whole = self._read(file)
            self.budget.spend(loss, what)
            charge = Charge(loss, what, _now())
            body = {"n": len(self.charges) + 1, "epsilon": loss.epsilon, "delta": loss.delta, "what": what}
            body |= {"bounded_range": loss.bounded_range, "at": charge.at}
            file.truncate(whole)
            file.seek(whole)
            _write(file, _seal(body, seal))
            self.charges.append(charge)

    @contextmanager
    def _locked(self, mode: str) -> Iterator[IO[bytes]]:
        try:
            import fcntl
        except ImportError:
            raise BudgetError("a ledger needs file locks, which this operating system lacks") from None
        try:
            file = self.path.open(mode)
        except OSError as error:
            raise BudgetError(f"{self.path}: cannot be opened ({error.strerror})") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BudgetError(f"{self.path}: in use by another process; nothing was charged") from None
            yield file  # closing the file gives the lock back

    def _read(self, file: IO[bytes]) -> tuple[Budget, list[Charge], str, int]:
        """The budget, its charges, the last seal and the length of the whole lines."""
        content = file.read()
        whole = content.rfind(b"\n") + 1
        seal = ""
        charges: list[Charge] = []
        budget: Budget | None = None
        for number, line in enumerate(content[:whole].splitlines(), 1):
            body, seal = self._checked(line, seal, number)
            try:
                if budget is None:
                    budget = _budget(body)
                    continue
                loss = Loss(body["epsilon"], body["delta"], body["bounded_range"])
                if body["n"] != len(charges) + 1:
                    raise self._damaged(number)
                budget.spend(loss)
                charges.append(Charge(loss, body["what"], body["at"]))
            except (KeyError, TypeError, PrivacyError):
                raise self._damaged(number) from None
        if budget is None:
            raise self._damaged(1)
        return budget, charges, seal, whole

    def _checked(self, line: bytes, seal: str, number: int) -> tuple[dict[str, Any], str]:
        """The content of a line whose seal is right."""
        try:
            body = json.loads(line)
            found = body.pop("seal")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise self._damaged(number) from None
        if found != _hash(body, seal):
            raise self._damaged(number)
        return body, found

    def _damaged(self, number: int) -> BudgetError:
        return BudgetError(f"{self.path}: line {number} is damaged; the ledger releases nothing any more")


def _budget(body: dict[str, Any]) -> Budget:
    if body["ledger"] != _FORMAT:
        raise BudgetError("unknown form")
    return Budget(**{name: body[name] for name in _HEADER})


def _hash(body: dict[str, Any], seal: str) -> str:
    return hashlib.sha256((seal + json.dumps(body, sort_keys=True)).encode()).hexdigest()


def _seal(body: dict[str, Any], seal: str) -> bytes:
    return (json.dumps(body | {"seal": _hash(body, seal)}) + "\n").encode()


def _write(file: IO[bytes], line: bytes) -> None:
    file.write(line)
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
