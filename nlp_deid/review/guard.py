"""Stands before the application: headers, size of requests, errors nobody foresaw."""

from __future__ import annotations

import traceback
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 1 << 16  # bytes; an act takes about 100
HEADERS = {
    # No script, style or request but our own; strings cannot become markup (Trusted Types).
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class _TooLargeError(Exception):
    """A request's body is larger than `LARGEST_BODY`."""


class Guard:
    """Sets the headers of every answer, limits what is read, and tells of a fault only where it is."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        read, answered, too_large = 0, False, False

        async def limited() -> Message:
            nonlocal read, too_large
            message = await receive()
            read += len(message.get("body", b""))
            too_large = read > LARGEST_BODY
            if too_large:
                raise _TooLargeError
            return message

        async def guarded(message: Message) -> None:
            nonlocal answered
            if too_large:  # the framework takes the error for a body it cannot parse, and says so
                return
            if message["type"] == "http.response.start":
                answered = True
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = None
        try:
            await self._app(scope, limited, guarded)
        except Exception as error:  # its message may hold text; its place does not
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
            answer = _error("internal", f"internal error: {where}", 500)
        if too_large:
            too_large, answer = False, _error("too_large", f"a request may have {LARGEST_BODY} bytes", 413)
        if answer is not None and not answered:
            await answer(scope, receive, guarded)


def _error(word: str, message: str, status: int) -> JSONResponse:
    return JSONResponse({"error": word, "message": message}, status)
