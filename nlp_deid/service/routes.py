"""The routes of the service in its own words: state, notes, streams of notes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from nlp_deid.deid import DeidError
from nlp_deid.note import Note
from nlp_deid.service import models
from nlp_deid.service.analyze import RequestError
from nlp_deid.service.engine import Choice, Stop
from nlp_deid.service.models import NoteIn
from nlp_deid.service.state import REFUSALS, Service, why
from nlp_deid.service.stream import MEDIA_TYPE, RowError, Rows, StreamEnd, StreamResponse, groups


def status_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["status"])

    @router.get("/health", response_class=PlainTextResponse)
    async def health() -> str:
        """The process runs."""
        return "nlp-deid service is up"

    @router.get(
        "/ready", responses={503: {"model": models.Ready, "description": "too many requests are waiting"}}
    )
    async def ready() -> models.Ready:
        """Whether the next request would be taken, and what it may choose."""
        engine = service.engine
        state = models.Ready(
            ready=not service.workers.full,
            pipelines=list(engine.pipelines),
            policies=list(engine.policies),
            keys=list(engine.keys),
        )
        return state if state.ready else JSONResponse(state.model_dump(), 503)  # type: ignore[return-value]

    @router.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router


async def only_its_query(request: Request) -> None:
    """Refuse parameters that the route does not take: `?polcy=` would leave the default policy in force.

    Raises:
        RequestError: with the names that it takes.
    """
    taken = [field.alias for field in request.scope["route"].dependant.query_params]
    if not request.query_params.keys() <= set(taken):
        raise RequestError(f"unknown query parameter; this route takes: {', '.join(taken) or 'none'}")


def note_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["notes"], responses=REFUSALS, dependencies=[Depends(only_its_query)])

    @router.post("/scrub")
    async def scrub(asked: models.ScrubRequest, request: Request) -> models.ScrubResponse:
        """Rewrite one note."""
        choice = Choice(asked.pipeline, asked.policy, asked.key)
        note = asked.note()
        result = await service.one(request, lambda stop: service.engine.scrub([note], choice, stop))
        return models.ScrubResponse.of(asked.id, result)

    @router.post("/detect")
    async def detect(asked: models.DetectRequest, request: Request) -> models.DetectResponse:
        """Find the identifiers of one note."""
        choice, note = Choice(asked.pipeline), asked.note()
        spans = await service.one(request, lambda stop: service.engine.detect([note], choice, stop))
        return models.DetectResponse.of(asked.id, spans)

    return router


Named = Annotated[str | None, Query(max_length=200)]
_STREAM: dict[str, Any] = {
    "response_class": Response,
    "responses": REFUSALS | {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
    "openapi_extra": {
        "requestBody": {"required": True, "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
    },
}


def stream_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["streams"], dependencies=[Depends(only_its_query)])
    engine, limits = service.engine, service.limits

    def answer(
        request: Request, work: Callable[[list[Note], Stop], list[Any]], form: Callable[[str, Any], BaseModel]
    ) -> StreamResponse:
        rows = Rows(request.receive, limits.max_bytes, 4 * limits.max_bytes, limits.seconds)

        async def answers() -> AsyncIterator[BaseModel]:
            try:
                async for group in groups(rows, limits.max_bytes):
                    if isinstance(group, RowError):
                        yield group
                        continue
                    for row in await _grouped(service, request, group, work, form):
                        yield row
            except StreamEnd as end:
                yield RowError(error=str(end))

        return StreamResponse(rows, answers())

    @router.post("/scrub/stream", **_STREAM)
    async def scrub(
        request: Request, pipeline: Named = None, policy: Named = None, key: Named = None
    ) -> StreamResponse:
        """Rewrite a row a note. Notes of one patient that follow each other go together."""
        choice = Choice(pipeline, policy, key)
        engine.deid(choice, Stop())  # refuses a wrong choice before anything is read
        source = engine.source(choice)
        return answer(
            request, lambda notes, stop: engine.scrub(notes, choice, stop, source), models.ScrubResponse.of
        )

    @router.post("/detect/stream", **_STREAM)
    async def detect(request: Request, pipeline: Named = None) -> StreamResponse:
        """Find the identifiers of a row a note."""
        choice = Choice(pipeline)
        engine.deid(choice, Stop())
        return answer(
            request, lambda notes, stop: engine.detect(notes, choice, stop), models.DetectResponse.of
        )

    return router


async def _grouped(
    service: Service,
    request: Request,
    group: list[NoteIn],
    work: Callable[[list[Note], Stop], list[Any]],
    form: Callable[[str, Any], BaseModel],
) -> list[BaseModel]:
    """The answers for the notes of one patient."""
    notes = [note.note() for note in group]
    try:
        results = await service.notes(request, lambda stop: work(notes, stop), receive=False)
    except HTTPException as error:
        return [RowError(id=note.id, error=error.detail) for note in group]
    return [
        RowError(id=note.id, error=why(result)) if isinstance(result, DeidError) else form(note.id, result)
        for note, result in zip(group, results, strict=True)
    ]
