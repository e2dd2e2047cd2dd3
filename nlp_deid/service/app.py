"""The REST service as an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from nlp_deid.service.analyze import RequestError
from nlp_deid.service.engine import ChoiceError, Engine
from nlp_deid.service.limits import Guard
from nlp_deid.service.models import FIELDS
from nlp_deid.service.presidio_routes import presidio_routes
from nlp_deid.service.routes import note_routes, status_routes, stream_routes
from nlp_deid.service.state import Limits, Service

_LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]", "::1"]


def create_app(
    engine: Engine,
    limits: Limits | None = None,
    token: bytes | None = None,
    hosts: Sequence[str] | None = None,
) -> FastAPI:
    """The service as an ASGI application.

    Args:
        engine: what it offers.
        limits: of requests.
        token: hash of the bearer token, see `limits.check_token`; None lets all in.
        hosts: names in the Host header that are answered ("*": any); by default those of this machine, so
            that no web page can reach the service under a name of its own.
    """
    service = Service(engine, limits or Limits())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.workers.close()

    app = FastAPI(
        title="nlp-deid",
        version=version("nlp-deid"),
        description="Finds and removes identifiers in clinical notes.",
        docs_url=None,  # their pages fetch scripts from the network
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={
            HTTPException: _http_error,
            RequestValidationError: _wrong_request,
            ChoiceError: _refused,
            RequestError: _refused,
        },
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts or _LOCAL_HOSTS))
    app.add_middleware(
        Guard,
        metrics=service.metrics,
        token=token,
        max_bytes=service.limits.max_bytes,
        seconds=service.limits.seconds,
    )
    for routes in (status_routes, note_routes, stream_routes, presidio_routes):
        app.include_router(routes(service))
    return app


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail, "where": []}, error.status_code, error.headers)


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error), "where": []}, 422)


async def _wrong_request(_: Request, error: Exception) -> Response:
    """What is wrong and where. pydantic would add the input itself, and keys that are values of the sender."""
    assert isinstance(error, RequestValidationError)
    faults = [
        (".".join(str(p) if p in FIELDS or isinstance(p, int) else "?" for p in fault["loc"]), fault["type"])
        for fault in error.errors()
    ]
    said = {fault["msg"] for fault in error.errors() if fault["type"] == "value_error"}
    kinds = ", ".join(sorted(said | {kind for _, kind in faults if kind != "value_error"}))
    return JSONResponse({"error": f"wrong request: {kinds}", "where": [where for where, _ in faults]}, 422)
