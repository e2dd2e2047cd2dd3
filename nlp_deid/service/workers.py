"""Work beside the event loop: a few threads, a short queue, a time limit, and an end when the client goes away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.types import Receive

from nlp_deid.service.analyze import RequestError
from nlp_deid.service.engine import ChoiceError, Stop
from nlp_deid.service.limits import place
from nlp_deid.service.metrics import Metrics

Result = TypeVar("Result")
CLIENT_GONE = 499


class Workers:
    """Runs the work of requests.

    Args:
        threads: works done at once.
        waiting: works that may wait for a thread; more are refused with 503.
        seconds: for one work, its waiting included; then 504. The thread stops at its next detector.
        metrics: where running works are counted.
    """

    def __init__(self, threads: int, waiting: int, seconds: float, metrics: Metrics) -> None:
        self._threads, self._most = threads, threads + waiting
        self.seconds, self._metrics = seconds, metrics
        self._pool: ThreadPoolExecutor | None = None
        self._running = 0
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether the next work would be refused."""
        return self._running >= self._most

    def close(self) -> None:
        """Wait for what runs."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[Stop], Result], receive: Receive | None = None) -> Result:
        """The result of `work`.

        Args:
            work: what to do; it is given the signal to watch.
            receive: of a request whose body was read, to see its client go away.

        Raises:
            HTTPException: 503 for too much waiting, 504 for too long, 499 for a client that is gone.
            ChoiceError, RequestError: of the work itself; any other error becomes a RuntimeError without
                its message.
        """
        if self.full:
            raise HTTPException(503, "too many requests are waiting", {"Retry-After": "1"})
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="nlp-deid")
        stop = Stop(self.seconds)
        self._count(1)
        future = self._pool.submit(_silent, work, stop)
        future.add_done_callback(lambda _: self._count(-1))
        gone = None if receive is None else asyncio.ensure_future(_gone(receive))
        try:
            return await self._first(future, gone)
        finally:
            stop.call()
            if gone is not None:
                gone.cancel()

    async def _first(self, future: Future[Result], gone: asyncio.Future[None] | None) -> Result:
        result = asyncio.wrap_future(future)
        result.add_done_callback(_seen)
        waits: set[asyncio.Future[Result] | asyncio.Future[None]] = {result}
        if gone is not None:
            waits.add(gone)
        done, _ = await asyncio.wait(waits, timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
        if result in done:
            return result.result()
        future.cancel()
        if gone in done:
            raise HTTPException(CLIENT_GONE, "the client went away")
        raise HTTPException(504, f"the request took more than {self.seconds:g} s")

    def _count(self, by: int) -> None:
        with self._lock:
            self._running += by
            self._metrics.running.set(self._running)


def _silent(work: Callable[[Stop], Result], stop: Stop) -> Result:
    try:
        return work(stop)
    except (ChoiceError, RequestError):
        raise
    except Exception as error:
        where = place(error)
    raise RuntimeError(where)


def _seen(future: asyncio.Future[Result]) -> None:
    """Look at an error that nobody waits for any more, so that asyncio does not write it to the log."""
    if not future.cancelled():
        future.exception()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
