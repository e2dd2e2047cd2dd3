"""Runs the page on this machine's own loopback address until it is stopped."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import uvicorn

from nlp_deid.review.app import make_app
from nlp_deid.review.desk import Desk

LOOPBACK = "127.0.0.1"
_GRACE = 5  # seconds for requests that are under way when the page is stopped


class _Server(uvicorn.Server):
    """Calls back with the port once it listens."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[int], None]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening(self.servers[0].sockets[0].getsockname()[1])


def serve(desk: Desk, reviewers: Sequence[str], port: int, say: Callable[[str, str], None]) -> None:
    """Serve the page; returns when it is interrupted.

    Args:
        desk: the notes; its detectors run meanwhile.
        reviewers: who takes part, each with an address of their own.
        port: 0 for any free one.
        say: told each reviewer's name and secret address.

    Raises:
        SystemExit: the port cannot be listened at; uvicorn has logged why.
    """
    tokens = {secrets.token_urlsafe(24): name for name in reviewers}

    def listening(at: int) -> None:
        for token, name in tokens.items():
            say(name, f"http://{LOOPBACK}:{at}/{token}/")

    config = uvicorn.Config(
        make_app(desk, tokens),
        host=LOOPBACK,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        ws="none",
        lifespan="off",
    )
    desk.scout.start()
    try:
        with suppress(KeyboardInterrupt):  # raised once more when the server has stopped
            _Server(config, listening).run()
    finally:
        desk.scout.stop()
