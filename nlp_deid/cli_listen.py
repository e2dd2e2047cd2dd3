"""A server that cannot listen at its port ends its command as any wrong call does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def listening(host: str, port: int) -> Iterator[None]:
    """Around the run of a uvicorn server, which would else end the process with a code of its own.

    Raises:
        typer.BadParameter: the server could not start; uvicorn has logged the system's reason.
    """
    try:
        yield
    except SystemExit:
        raise typer.BadParameter(
            f"cannot listen at {host}, port {port}: in use, not allowed, or no address of this machine",
            param_hint="--port",
        ) from None
