"""What every request meets first and last: token, size and time of its body, log, and a last net for errors.

Nothing here writes a path, a header, a body or the message of an unexpected error: they may hold text.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import time
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nlp_deid.service.metrics import Metrics

OPEN = frozenset({"/health", "/ready"})
STREAMS = frozenset({"/scrub/stream", "/detect/stream"})
LEAST_TOKEN = 16
access = logging.getLogger("nlp_deid.access")
_UNKNOWN = "-"


class TokenFault(ValueError):
    """A token that cannot be used."""


def check_token(token: str) -> bytes:
    """The hash under which a token is kept.

    Raises:
        TokenFault: shorter than 16 characters, or with characters that a header cannot carry.
    """
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenFault(f"a token has {LEAST_TOKEN} or more printable ASCII characters and no blank")
    return hashlib.sha256(token.encode()).digest()


def place(error: BaseException) -> str:
    """Kind and place of an error, without its message."""
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    where = f" at {Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}" if at else ""
    return type(error).__name__ + where


class Guard:
    """Middleware around the whole service.

    Args:
        app: the service.
        metrics: where requests are counted.
        token: hash of the token that every request but /health and /ready must bear; None lets all in.
        max_bytes: the longest body, except for streams, which limit their lines.
        seconds: the longest wait for the next part of a body.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, token: bytes | None, max_bytes: int, seconds: float
    ) -> None:
        self.app, self._metrics, self._token = app, metrics, token
        self._max_bytes, self._seconds = max_bytes, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        sent = {"status": 0, "bytes": 0}

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
            sent["bytes"] += len(message.get("body", b""))
            await send(message)

        body = _Body(receive, None if scope["path"] in STREAMS else self._max_bytes, self._seconds)
        try:
            await self._pass(scope, body, counted)
        except Exception as error:  # of ours or of a client that went away: its message may hold text
            access.error("internal error: %s", place(error))
            if not sent["status"]:
                await _refuse(500, "internal error", scope, body, counted)
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            seconds = time.perf_counter() - start
            status = sent["status"] or 499  # the client went away
            self._metrics.request(route, status, seconds)
            method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN
            access.info(
                "%s %s %d in=%d out=%d ms=%.0f",
                method,
                route,
                status,
                body.size,
                sent["bytes"],
                seconds * 1e3,
            )

    async def _pass(self, scope: Scope, body: _Body, send: Send) -> None:
        headers = Headers(scope=scope)
        if scope["path"] not in OPEN and not self._may(headers):
            challenge = {"WWW-Authenticate": "Bearer"}
            await _refuse(401, "a bearer token is needed", scope, body, send, challenge)
        elif body.most is not None and _declared(headers) > body.most:
            await _refuse(413, f"the body has more than {body.most} bytes", scope, body, send)
        else:
            await self.app(scope, body, send)

    def _may(self, headers: Headers) -> bool:
        """Whether the token is right; hashes are compared, so that time tells neither its length nor its start."""
        if self._token is None:
            return True
        kind, _, token = headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(token.strip().encode()).digest()
        return hmac.compare_digest(given, self._token) and kind.lower() == "bearer"


_METHODS = frozenset(
    {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY"}
)


class _Body:
    """A request's `receive`, counted and timed.

    Raises:
        HTTPException: 413 for too many bytes, 408 if the next part does not come in time.
    """

    def __init__(self, receive: Receive, most: int | None, seconds: float) -> None:
        self._receive, self.most, self._seconds = receive, most, seconds
        self.size = 0
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._seconds)
        except TimeoutError:
            raise HTTPException(408, f"no part of the body came within {self._seconds:g} s") from None
        self.size += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self.most is not None and self.size > self.most:
            raise HTTPException(413, f"the body has more than {self.most} bytes")
        return message


def _declared(headers: Headers) -> int:
    value = headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 20 else 0


async def _refuse(
    status: int, why: str, scope: Scope, receive: Any, send: Send, headers: dict[str, str] | None = None
) -> None:
    response = JSONResponse({"error": why, "where": []}, status, {"Connection": "close", **(headers or {})})
    await response(scope, receive, send)
