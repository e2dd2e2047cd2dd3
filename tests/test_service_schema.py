"""Requests made up from the OpenAPI document, sound and broken, never bring the service down."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import HealthCheck, settings

pytest.importorskip("fastapi")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    schemathesis = pytest.importorskip("schemathesis")

from nlp_deid.deid import Deid
from nlp_deid.detect.rules import Rules
from nlp_deid.replace.policy import PRESETS
from nlp_deid.service.app import create_app
from nlp_deid.service.engine import Engine

# 14 routes; the full count of 2,000 cases is run by benchmarks/doors.py.
CASES = 20


@schemathesis.serializer("application/x-ndjson")  # type: ignore[untyped-decorator]
def rows(_: object, value: object) -> bytes:
    """Any text is a body of rows."""
    return str(value).encode("utf-8", "replace")


schema = schemathesis.openapi.from_asgi(
    "/openapi.json",
    create_app(Engine({"rules": Deid([Rules()], PRESETS["tag"], name="rules")}), hosts=["*"]),
)


@schema.parametrize()  # type: ignore[untyped-decorator]
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_answer_is_a_fault_of_ours(case: schemathesis.Case) -> None:
    answer = case.call()
    assert answer.status_code < 500
    case.validate_response(answer, checks=[schemathesis.checks.not_a_server_error])
