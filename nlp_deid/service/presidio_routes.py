"""The routes that speak Presidio's JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from nlp_deid.deid import DeidError
from nlp_deid.note import Note
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import Options
from nlp_deid.service import analyze as presidio
from nlp_deid.service import models
from nlp_deid.service.anonymize import anonymize, deanonymize
from nlp_deid.service.engine import Choice, Stop
from nlp_deid.service.operators import ANONYMIZERS, DEANONYMIZERS
from nlp_deid.service.state import REFUSALS, Service, unprocessed


def presidio_routes(service: Service) -> APIRouter:
    router = APIRouter(tags=["presidio"], responses=REFUSALS)
    engine = service.engine

    @router.post("/analyze", response_model=list[models.AnalyzeResult] | list[list[models.AnalyzeResult]])
    async def analyze(asked: models.AnalyzeRequest, request: Request) -> Any:
        """Presidio's /analyze: the entities of a text, or of each of a list of texts."""
        naming = presidio.check(asked)
        texts = [asked.text] if isinstance(asked.text, str) else asked.text

        def work(stop: Stop) -> list[list[models.AnalyzeResult]] | DeidError:
            found = []
            for text, spans in zip(texts, engine.detect_apart(map(Note, texts), Choice(), stop), strict=True):
                if isinstance(spans, DeidError):
                    return spans
                if stop.over:  # the request's own patterns take time, too
                    return DeidError("", stop.name, TimeoutError.__name__)
                found.append(presidio.results(text, spans, asked, naming))
            return found

        results = await service.workers.run(work, request.receive)
        if isinstance(results, DeidError):
            raise unprocessed("a text", results)
        return results[0] if isinstance(asked.text, str) else results

    @router.post("/anonymize")
    async def replace(asked: models.AnonymizeRequest, request: Request) -> models.AnonymizeResponse:
        """Presidio's /anonymize, with our replacer as one more operator, `nlp_deid`, and its policies."""

        def replacer(policy: str | None) -> Replacer:
            base = next(iter(engine.pipelines.values()))
            choice = Choice(policy=policy)
            return Replacer(engine.policy(base, choice), Options(source=engine.source(choice)))

        return await service.workers.run(lambda _: anonymize(asked, replacer), request.receive)

    @router.post("/deanonymize")
    async def restore(asked: models.DeanonymizeRequest, request: Request) -> models.AnonymizeResponse:
        """Presidio's /deanonymize: decrypts what /anonymize has encrypted, here or there."""
        return await service.workers.run(lambda _: deanonymize(asked), request.receive)

    @router.get("/supportedentities")
    async def entities(language: Annotated[str, Query(max_length=20)] = presidio.LANGUAGE) -> list[str]:
        """Entity types that /analyze gives."""
        return presidio.supported()

    @router.get("/recognizers")
    async def recognizers(language: Annotated[str, Query(max_length=20)] = presidio.LANGUAGE) -> list[str]:
        """Parts of the pipeline."""
        return [detector.name for detector in next(iter(engine.pipelines.values())).detectors]

    @router.get("/anonymizers")
    async def anonymizers() -> list[str]:
        """Operators of /anonymize."""
        return list(ANONYMIZERS)

    @router.get("/deanonymizers")
    async def deanonymizers() -> list[str]:
        """Operators of /deanonymize."""
        return list(DEANONYMIZERS)

    return router
