"""What the routes share: the engine, the limits, the workers and the figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.exceptions import HTTPException

from nlp_deid.deid import Deidentified, DeidError
from nlp_deid.service.engine import Engine, Stop
from nlp_deid.service.metrics import Metrics
from nlp_deid.service.models import ErrorOut
from nlp_deid.service.workers import Workers

REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": ErrorOut, "description": why}
    for code, why in {
        400: "no JSON, or no host of ours",
        401: "no or a wrong token",
        408: "the body came too slowly",
        413: "the body is too long",
        422: "a wrong field, or a note that could not be processed",
        499: "the client went away",
        503: "too many requests are waiting",
        504: "the time limit",
    }.items()
}


@dataclass(frozen=True)
class Limits:
    """What a request may take.

    Args:
        max_bytes: of a body, or of one row of a stream and of the notes of one patient in it.
        seconds: for the work of a request or of one patient's notes in a stream, and for each wait for input.
        threads: works done at once.
        waiting: works that may wait.
    """

    max_bytes: int = 5_000_000
    seconds: float = 30.0
    threads: int = 2
    waiting: int = 32


class Service:
    """What the routes share: engine, workers, figures."""

    def __init__(self, engine: Engine, limits: Limits) -> None:
        self.engine, self.limits, self.metrics = engine, limits, Metrics()
        self.workers = Workers(limits.threads, limits.waiting, limits.seconds, self.metrics)

    async def notes(
        self, request: Request, work: Callable[[Stop], list[Any]], receive: bool = True
    ) -> list[Any]:
        """The results of notes, counted; errors among them."""
        results = await self.workers.run(work, request.receive if receive else None)
        for result in results:
            if isinstance(result, DeidError):
                self.metrics.failed()
            else:
                self.metrics.done(result.spans if isinstance(result, Deidentified) else result)
        return results

    async def one(self, request: Request, work: Callable[[Stop], list[Any]]) -> Any:
        """The result of one note.

        Raises:
            HTTPException: 422 for a note that cannot be processed, 504 for one that takes too long.
        """
        [result] = await self.notes(request, work)
        if isinstance(result, DeidError):
            raise unprocessed("the note", result)
        return result


def unprocessed(what: str, error: DeidError) -> HTTPException:
    """The answer where a note failed: 504 if its time was over, else 422."""
    status = 504 if error.stage == Stop.name else 422
    return HTTPException(status, f"{what} was not processed: {why(error)}")


def why(error: DeidError) -> str:
    return f"{error.stage} failed ({error.kind})"
