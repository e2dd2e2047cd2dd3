"""The page's web application: static files and a small JSON interface below a secret address.

Every address begins with a token that stands for one reviewer; whoever does not know it sees nothing. No
answer to an error holds note text, and nothing is logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Body, Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.trustedhost import TrustedHostMiddleware

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.labels import LABELS
from nlp_deid.review import shown
from nlp_deid.review.desk import Act, Desk, UnknownNoteError
from nlp_deid.review.exports import EXPORTS
from nlp_deid.review.folder import EditedError
from nlp_deid.review.guard import Guard
from nlp_deid.review.marks import ActError
from nlp_deid.review.store import ConflictError, StoreError

STATIC = Path(__file__).parent / "static"
_FILES = {path.name for path in STATIC.iterdir()}
_HOSTS = ("127.0.0.1", "localhost")
# Kind of error: its word for the page, and the status.
_ERRORS: dict[type[Exception], tuple[str, int]] = {
    ActError: ("refused", 422),
    ConflictError: ("conflict", 409),
    CorpusError: ("refused", 422),
    EditedError: ("edited", 409),
    StoreError: ("storage", 503),
}

Book = Literal["mine", "gold"]


class ActBody(BaseModel):
    """An act as the page sends it; see `desk.Act`."""

    model_config = ConfigDict(extra="forbid", strict=True)
    act: Literal["put", "reject", "begin", "accept_rest", "finish", "reopen", "undo", "redo"]
    version: int = Field(ge=0)
    start: int = 0
    end: int = 0
    label: str = Field(default="", max_length=40)


_PLACES = {"body", "query", "book", "order", *ActBody.model_fields}


def _reviewer(request: Request, token: str) -> str:
    for known, name in request.app.state.tokens.items():
        if compare_digest(known.encode(), token.encode()):
            return str(name)
    raise HTTPException(404)


Reviewer = Annotated[str, Depends(_reviewer)]


def make_app(desk: Desk, tokens: Mapping[str, str]) -> FastAPI:
    """The application.

    Args:
        desk: what it shows.
        tokens: the reviewer of each token.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.state.tokens = dict(tokens)
    _add_files(app)
    _add_reading(app, desk)
    _add_writing(app, desk)
    for kind in _ERRORS:
        app.add_exception_handler(kind, _refusal)
    app.add_exception_handler(UnknownNoteError, _missing)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(_HOSTS))
    app.add_middleware(Guard)
    return app


def _add_files(app: FastAPI) -> None:
    @app.get("/{token}/")
    def index(reviewer: Reviewer) -> FileResponse:
        return FileResponse(STATIC / "index.html")

    @app.get("/{token}/static/{name}")
    def static(reviewer: Reviewer, name: str) -> FileResponse:
        if name not in _FILES:
            raise HTTPException(404)
        return FileResponse(STATIC / name)


def _add_reading(app: FastAPI, desk: Desk) -> None:
    @app.get("/{token}/api/session")
    def session(reviewer: Reviewer) -> JSONResponse:
        return JSONResponse(
            {
                "reviewer": reviewer,
                "labels": [{"name": label.name, "category": label.category} for label in LABELS.values()],
                "formats": list(EXPORTS),
                "pipeline": desk.deid.name,
                "policy": desk.deid.policy.name,
                "unreadable": desk.folder.unreadable,
            }
        )

    @app.get("/{token}/api/notes")
    def notes(reviewer: Reviewer, order: Literal["doubt", "folder"] = "doubt") -> JSONResponse:
        return JSONResponse([shown.row(row) for row in desk.rows(reviewer, order)])

    @app.get("/{token}/api/notes/{key}")
    def note(reviewer: Reviewer, key: str, book: Book = "mine") -> JSONResponse:
        opened = desk.open(reviewer, key, book)
        return _waiting() if opened is None else JSONResponse(shown.note(opened))

    @app.get("/{token}/api/notes/{key}/after")
    def after(reviewer: Reviewer, key: str, book: Book = "mine") -> JSONResponse:
        opened = desk.open(reviewer, key, book)
        return _waiting() if opened is None else JSONResponse(shown.after(*desk.after(opened), opened.review))

    @app.get("/{token}/api/agreement")
    def agreement(reviewer: Reviewer) -> JSONResponse:
        return JSONResponse(shown.agreement(desk))


def _add_writing(app: FastAPI, desk: Desk) -> None:
    @app.post("/{token}/api/notes/{key}")
    def act(
        reviewer: Reviewer, key: str, body: Annotated[ActBody, Body()], book: Book = "mine"
    ) -> JSONResponse:
        wanted = Act(body.act, body.version, body.start, body.end, body.label)
        opened = desk.act(reviewer, key, book, wanted)
        return _waiting() if opened is None else JSONResponse(shown.review(opened))

    @app.post("/{token}/api/export/{format}")
    def export(reviewer: Reviewer, format: str, book: Book = "mine") -> JSONResponse:
        if format not in EXPORTS:
            raise HTTPException(404)
        path, count = desk.export(reviewer, book, format)
        return JSONResponse({"path": str(path), "notes": count})


def _waiting() -> JSONResponse:
    return JSONResponse({"error": "waiting", "message": "the detectors are at work on this note"}, 202)


def _refusal(request: Request, error: Exception) -> JSONResponse:
    word, status = next(_ERRORS[kind] for kind in type(error).__mro__ if kind in _ERRORS)
    return JSONResponse({"error": word, "message": str(error)}, status)


def _missing(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": "missing", "message": "no such note; start the review again"}, 404)


def _malformed(request: Request, error: Exception) -> JSONResponse:
    """What was wrong and where, without the values and names that were sent."""
    assert isinstance(error, RequestValidationError)
    problems = [
        f"{'.'.join(part for part in found['loc'] if part in _PLACES)}: {found['type']}"
        for found in error.errors()[:5]
    ]
    return JSONResponse({"error": "malformed", "message": "; ".join(problems)}, 422)
