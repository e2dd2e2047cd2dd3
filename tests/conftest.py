"""What every test runs under: no network."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NoReturn

import pytest


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise AssertionError("a test tried to use the network")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Connections, servers and name look-ups fail in the whole test run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex", "bind", "sendto"):
            patch.setattr(socket.socket, name, _refuse)
        for name in ("getaddrinfo", "gethostbyname", "gethostbyaddr", "create_connection"):
            patch.setattr(socket, name, _refuse)
        yield
