"""Many notes in one request: a JSON row a note in, a row a note out, as each patient's notes are done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from itertools import count

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nlp_deid.service.models import NoteIn

MEDIA_TYPE = "application/x-ndjson"
Answers = Callable[[Sequence[NoteIn]], "asyncio.Future[list[BaseModel]]"]


class RowError(BaseModel):
    """A row that gave no note, or a note that could not be processed."""

    id: str = ""
    line: int | None = None
    error: str


class StreamEnd(ValueError):
    """The rest of the rows cannot be read; holds no text."""


class Rows:
    """The rows of a body, read ahead up to a number of bytes.

    A client that sends all before it reads anything would else wait for us while we wait for it.

    Args:
        receive: of the request.
        most: bytes of one row.
        ahead: bytes read and not yet worked on.
        seconds: the longest wait for room; then the client does not read its answers.
    """

    def __init__(self, receive: Receive, most: int, ahead: int, seconds: float) -> None:
        self._receive, self._most, self._ahead, self._seconds = receive, most, ahead, seconds
        self._rows: deque[bytes] = deque()
        self._size = 0
        self._over: StreamEnd | None = None
        self._ended = False
        self._changed = asyncio.Condition()
        self.gone = asyncio.Event()
        self._reader = asyncio.ensure_future(self._read())

    def close(self) -> None:
        """Read no more."""
        self._reader.cancel()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The rows, without their line ends.

        Raises:
            StreamEnd: after the last row that could be read.
        """
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._rows or self._ended)
                if not self._rows:
                    if self._over is not None:
                        raise self._over
                    return
                row = self._rows.popleft()
                self._size -= len(row)
                self._changed.notify_all()
            yield row

    async def _read(self) -> None:
        error: StreamEnd | None = None
        try:
            await self._fill()
        except StreamEnd as end:
            error = end
        except HTTPException as end:
            error = StreamEnd(end.detail)
        except Exception as end:
            error = StreamEnd(type(end).__name__)
        async with self._changed:
            self._over, self._ended = error, True
            self._changed.notify_all()
        if error is None:
            while (await self._receive())["type"] != "http.disconnect":
                pass
            self.gone.set()

    async def _fill(self) -> None:
        rest = b""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                raise StreamEnd("the client went away")
            more = message.get("more_body", False)
            *rows, rest = (rest + message.get("body", b"")).split(b"\n")
            for row in rows:
                await self._put(row)
            if len(rest) > self._most:
                raise StreamEnd(f"a row has more than {self._most} bytes; the rest is not read")
        await self._put(rest)

    async def _put(self, row: bytes) -> None:
        if len(row) > self._most:
            raise StreamEnd(f"a row has more than {self._most} bytes; the rest is not read")
        async with self._changed:
            try:
                async with asyncio.timeout(self._seconds):
                    await self._changed.wait_for(
                        lambda: self._size + len(row) <= self._ahead or not self._rows
                    )
            except TimeoutError:
                raise StreamEnd("the answers are not read; read while you send") from None
            self._rows.append(row)
            self._size += len(row)
            self._changed.notify_all()


async def groups(rows: Rows, most: int) -> AsyncIterator[list[NoteIn] | RowError]:
    """The notes of each patient that follow each other, and errors of rows that gave none.

    Where one patient's rows have more than `most` bytes together, each of them gets an error.

    Raises:
        StreamEnd: as for the rows.
    """
    group: list[NoteIn] = []
    patient: str | None = None
    size = 0  # bytes of the patient's rows, those that were refused included
    numbers = count(1)
    end: StreamEnd | None = None
    try:
        async for row in rows:
            number = next(numbers)
            if not row.strip():
                continue
            note = _read_note(row, number)
            owner = None if isinstance(note, RowError) else note.patient
            if owner is None or owner != patient:
                if group:
                    yield group
                group, patient, size = [], owner, 0
            if isinstance(note, RowError):
                yield note
                continue
            group.append(note)
            size += len(row)
            if size > most:
                why = f"the rows of its patient have more than {most} bytes"
                for refused in group:
                    yield RowError(id=refused.id, error=why)
                group = []
    except StreamEnd as error:
        end = error
    if group:
        yield group
    if end is not None:
        raise end


def _read_note(row: bytes, number: int) -> NoteIn | RowError:
    try:
        return NoteIn.model_validate_json(row)
    except ValidationError as error:
        return RowError(line=number, error=f"no note: {_kinds(error)}")


def _kinds(error: ValidationError) -> str:
    """What is wrong with a row: pydantic's words for it, which hold no value."""
    return ", ".join(
        sorted({detail["type"] for detail in error.errors(include_input=False, include_url=False)})
    )


class StreamResponse(Response):
    """Sends rows as they are made, and stops when the client is gone.

    Starlette's own would take the rest of the body for itself while it sends.

    Args:
        rows: the rows of the request.
        answers: the rows to send.
    """

    media_type = MEDIA_TYPE

    def __init__(self, rows: Rows, answers: AsyncIterator[BaseModel]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._rows, self._answers = rows, answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.ensure_future(self._send(send))
        gone = asyncio.ensure_future(self._rows.gone.wait())
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, gone):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await sending
            self._rows.close()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for answer in self._answers:
            row = answer.model_dump_json(exclude_none=True).encode() + b"\n"
            await send({"type": "http.response.body", "body": row, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
