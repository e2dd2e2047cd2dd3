"""The REST service: routes, choices, errors, limits, streams, figures; no text where none belongs."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from nlp_deid.deid import Deid
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import load
from nlp_deid.replace.keys import Secret, new_key
from nlp_deid.replace.policy import PRESETS
from nlp_deid.service.app import create_app
from nlp_deid.service.engine import Engine
from nlp_deid.service.limits import TokenFault, check_token
from nlp_deid.service.state import Limits

TEXT = "Seen by Dr. Ada Quill on 3/4/2019, phone 218-555-0134, for Graves disease."
SCRUBBED = "Seen by Dr. [DOCTOR] on [DATE], phone [PHONE], for Graves disease."
CANARY = "Zqcanary"
TOKEN = "a-token-of-sixteen-or-more"
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}


class Words(Detector):
    """Finds the canary; waits, fails or both where it is told to."""

    name = "words"

    def __init__(self) -> None:
        self.seen = threading.Semaphore(0)
        self.go = threading.Event()

    def find(self, note: Note) -> list[Span]:
        if "BAD" in note.text:
            raise ValueError(note.text)
        if "SLOW" in note.text:
            self.seen.release()
            self.go.wait(10)
        at = note.text.find(CANARY)
        return [Span(at, at + len(CANARY), "PATIENT", 0.95, "words")] if at >= 0 else []


def client(engine: Engine, limits: Limits | None = None, token: str | None = None) -> TestClient:
    app = create_app(engine, limits, None if token is None else check_token(token))
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=True)


def small(**options: Any) -> tuple[TestClient, Words]:
    words = Words()
    return client(Engine({"small": Deid([words], PRESETS["tag"], name="small")}), Limits(**options)), words


@pytest.fixture(scope="module")
def deid() -> Deid:
    return load("rules", "tag")


@pytest.fixture(scope="module")
def web(deid: Deid) -> Iterator[TestClient]:
    keys = {"a": Secret(new_key()), "b": Secret(new_key())}
    with client(Engine({"rules": deid}, keys)) as made:
        yield made


def test_scrub_is_what_the_pipeline_does(web: TestClient, deid: Deid) -> None:
    answer = web.post("/scrub", json={"text": TEXT, "id": "n1"})
    assert answer.status_code == 200
    body, expected = answer.json(), deid(TEXT)
    assert (body["id"], body["text"]) == ("n1", SCRUBBED)
    assert [Span(**span) for span in body["spans"]] == list(expected.spans)
    for change in body["changes"]:
        assert body["text"][change["out_start"] : change["out_end"]] == f"[{change['label']}]"


def test_detect_and_known_values(web: TestClient, deid: Deid) -> None:
    body = web.post("/detect", json={"text": TEXT}).json()
    assert [Span(**span) for span in body["spans"]] == deid.detect(TEXT)
    text = "came with Brightwater as always"
    known = {"PATIENT": ["Jo Brightwater"]}
    assert "Brightwater" not in web.post("/scrub", json={"text": text, "known": known}).json()["text"]


def test_what_a_request_may_choose(web: TestClient) -> None:
    offered = web.get("/ready").json()
    assert offered["ready"]
    assert offered["keys"] == ["a", "b"]
    for policy in offered["policies"]:
        answer = web.post("/scrub", json={"text": TEXT, "policy": policy, "pipeline": "rules"})
        assert "Ada Quill" not in answer.json()["text"]


@pytest.mark.parametrize("field", ["pipeline", "policy", "key"])
def test_what_is_not_offered_is_refused_without_its_name(web: TestClient, field: str) -> None:
    for path in ("/scrub", f"/scrub/stream?{field}=../{CANARY}"):
        answer = web.post(path, json={"text": TEXT, field: f"../{CANARY}"})
        assert answer.status_code == 422
        assert f"this {field} is not offered; offered: " in answer.json()["error"]
        assert CANARY not in answer.text


def test_two_keys_at_once_do_not_mix(web: TestClient) -> None:
    def ask(number: int) -> tuple[str, str]:
        key = "ab"[number % 2]
        body = {"text": TEXT, "policy": "surrogate", "patient": "p", "key": key}
        return key, web.post("/scrub", json=body).json()["text"]

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(ask, range(24)))
    assert len(answers) == 2
    assert len({text for _, text in answers}) == 2


def test_without_a_key_no_request_repeats_another(web: TestClient) -> None:
    texts = {
        web.post("/scrub", json={"text": TEXT, "policy": "surrogate", "patient": "p"}).json()["text"]
        for _ in range(3)
    }
    assert len(texts) == 3


def test_concurrent_requests_get_their_own_answers(web: TestClient, deid: Deid) -> None:
    texts = [f"Dr. Ada Quill{'x' * n} called 218-555-01{n:02}, aged {40 + n}." for n in range(24)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: web.post("/scrub", json={"text": text}).json()["text"], texts))
    assert answers == [deid(text).text for text in texts]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (b'{"text": "' + CANARY.encode(), "body"),
        (b'{"text": 5}', "body.text"),
        (b'{"txt": "' + CANARY.encode() + b'"}', "body.?"),
        (b'{"text": "", "' + CANARY.encode() + b'": 1}', "body.?"),
        (b'{"text": "", "known": {"' + CANARY.encode() + b'": ["x"]}}', "body.known"),
        (b'{"text": "' + CANARY.encode() + b'\\ud800"}', "body.text"),
        (b"[]", "body"),
        (b"\xff\xfe", ""),
        (b"", "body"),
    ],
)
def test_wrong_requests_are_told_where_and_not_what(web: TestClient, content: bytes, where: str) -> None:
    answer = web.post("/scrub", content=content, headers=JSON)
    assert answer.status_code in (400, 422)
    assert any(place.startswith(where) for place in [*answer.json()["where"], ""])
    assert CANARY not in answer.text


def test_markup_is_text(web: TestClient) -> None:
    text = "<script>alert('{}')</script> \\1 %s {text} \x00 Dr. Ada Quill"
    answer = web.post("/scrub", json={"text": text})
    assert answer.json()["text"] == text.replace("Ada Quill", "[DOCTOR]")
    assert answer.headers["content-type"] == "application/json"


def test_a_note_that_fails_gives_a_reason_and_no_text() -> None:
    made, _ = small()
    with made as web:
        answer = web.post("/scrub", json={"text": f"BAD {CANARY}"})
        assert answer.status_code == 422
        assert answer.json()["error"] == "the note was not processed: words failed (ValueError)"
        assert 'nlp_deid_notes_total{outcome="failed"} 1.0' in web.get("/metrics").text


def test_an_error_of_ours_shows_its_place_only(caplog: pytest.LogCaptureFixture) -> None:
    made, _ = small()
    with made as web, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "scrub", lambda *args: 1 / len(str(args) * 0))
        patch.setattr(Engine, "detect", broken)
        with caplog.at_level(logging.DEBUG):
            for path in ("/scrub", "/detect"):
                answer = web.post(path, json={"text": CANARY})
                assert (answer.status_code, answer.json()["error"]) == (500, "internal error")
    assert "internal error: RuntimeError" in caplog.text
    assert CANARY not in caplog.text


def broken(self: Engine, notes: list[Note], *_: Any) -> None:
    raise KeyError(notes[0].text)


def test_the_access_log_and_the_figures_hold_no_text(
    web: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        web.post("/scrub", json={"text": f"Dr. {CANARY} Quill", "id": CANARY, "patient": CANARY})
        web.get(f"/{CANARY}?text={CANARY}")
        web.post(f"/scrub/stream?policy={CANARY}", content=CANARY.encode())
        web.request(CANARY.upper(), "/scrub")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert any(line.startswith("POST /scrub 200 in=") for line in ours)
    assert CANARY.lower() not in "\n".join(ours).lower()
    figures = web.get("/metrics").text
    assert 'nlp_deid_requests_total{route="/scrub",status="200"}' in figures
    assert 'route="-",status="404"' in figures
    assert 'nlp_deid_spans_total{label="DOCTOR"}' in figures
    assert CANARY.lower() not in figures.lower()


def test_token() -> None:
    words = Words()
    engine = Engine({"small": Deid([words], PRESETS["tag"])})
    with client(engine, token=TOKEN) as web:
        for header in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN):
            answer = web.post("/scrub", json={"text": "x"}, headers={"authorization": header})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        good = {"authorization": f"Bearer {TOKEN}"}
        assert web.post("/scrub", json={"text": "x"}, headers=good).status_code == 200
        for path in ("/openapi.json", "/metrics", "/nothing", "/supportedentities"):
            assert web.get(path).status_code == 401
        assert web.get("/health").status_code == web.get("/ready").status_code == 200


@pytest.mark.parametrize("token", ["", "short", "with a blank in it", "ünprintable-and-long"])
def test_weak_tokens_are_refused(token: str) -> None:
    with pytest.raises(TokenFault):
        check_token(token)


def test_another_host_is_refused(web: TestClient) -> None:
    assert web.get("/health", headers={"host": "evil.example"}).status_code == 400
    for host in ("127.0.0.1:8000", "localhost", "[::1]:8000"):
        assert web.get("/health", headers={"host": host}).status_code == 200


def test_too_long_a_body() -> None:
    made, _ = small(max_bytes=1000)
    with made as web:
        assert web.post("/scrub", json={"text": "x" * 900}).status_code == 200
        answer = web.post("/scrub", json={"text": "x" * 10_000_000})
        assert (answer.status_code, answer.json()["error"]) == (413, "the body has more than 1000 bytes")
        chunks = (b'{"text": "' + b"x" * 100 for _ in range(100))  # no length is declared
        assert web.post("/scrub", content=chunks, headers=JSON).status_code == 413


def test_time_limit() -> None:
    made, words = small(seconds=0.2)
    with made as web:
        answer = web.post("/scrub", json={"text": f"SLOW {CANARY}"})
        assert (answer.status_code, answer.json()["error"]) == (504, "the request took more than 0.2 s")
        words.go.set()
        assert web.post("/scrub", json={"text": "x"}).status_code == 200


def test_too_many_requests() -> None:
    made, words = small(threads=1, waiting=1, seconds=20)
    with made as web, ThreadPoolExecutor(2) as pool:
        first = pool.submit(web.post, "/scrub", json={"text": "SLOW"})
        assert words.seen.acquire(timeout=10)
        second = pool.submit(web.post, "/scrub", json={"text": "x"})
        until = time.monotonic() + 10
        while web.get("/ready").status_code != 503 and time.monotonic() < until:
            time.sleep(0.01)
        answer = web.post("/scrub", json={"text": "x"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        words.go.set()
        assert first.result().status_code == second.result().status_code == 200
        assert web.get("/ready").json()["ready"]


def rows(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(row) for row in answer.text.splitlines()]


def test_stream(web: TestClient, deid: Deid) -> None:
    notes = [
        {"id": "1", "patient": "a", "text": "Dr. Ada Quill saw him."},
        {"id": "2", "patient": "a", "text": "He thanks Quill."},
        {"id": "3", "text": "He thanks Quill."},
    ]
    body = "\n".join(map(json.dumps, notes)).encode()
    answer = web.post("/scrub/stream", content=body, headers=NDJSON)
    assert answer.headers["content-type"] == "application/x-ndjson"
    expected = deid.pipe([Note(n["text"], n["id"], n.get("patient")) for n in notes])
    assert [(r["id"], r["text"]) for r in rows(answer)] == [
        (n["id"], result.text) for n, result in zip(notes, expected, strict=True)
    ]
    found = rows(web.post("/detect/stream", content=body, headers=NDJSON))
    assert [len(row["spans"]) for row in found][:2] == [1, 1]


def test_every_row_of_a_stream_gets_its_answer() -> None:
    made, _ = small(max_bytes=200)
    with made as web:
        lines = [
            json.dumps({"id": "1", "text": CANARY}),
            f"not json {CANARY}",
            "",
            json.dumps({"id": "2", "text": f"BAD {CANARY}"}),
            json.dumps({"id": "3", "text": "x"}),
            json.dumps({"id": "4", "text": CANARY * 100}),
            json.dumps({"id": "5", "text": "x"}),
        ]
        answer = web.post("/scrub/stream", content="\n".join(lines).encode())
        assert CANARY not in answer.text
        one, two, three, four, five = rows(answer)
        assert one["text"] == "[PATIENT]"
        assert (two["line"], two["error"]) == (2, "no note: json_invalid")
        assert (three["id"], three["error"]) == ("2", "words failed (ValueError)")
        assert four["text"] == "x"
        assert five["error"] == "a row has more than 200 bytes; the rest is not read"


def test_a_patient_with_too_many_notes_gets_an_error_a_row_and_the_stream_goes_on() -> None:
    made, _ = small(max_bytes=200)
    notes = [{"id": f"p{n}", "patient": "p", "text": CANARY * 10} for n in range(5)]
    notes.insert(4, {"id": "empty", "patient": "p", "text": ""})
    notes += [{"id": f"q{n}", "patient": "q", "text": CANARY} for n in range(2)]
    notes += [{"id": "p9", "patient": "p", "text": CANARY}, {"id": "alone", "text": CANARY}]
    with made as web:
        for path in ("/scrub/stream", "/detect/stream"):
            answer = web.post(path, content="\n".join(map(json.dumps, notes)).encode())
            answers = rows(answer)
            assert [row["id"] for row in answers] == [note["id"] for note in notes]
            whys = [row.get("error") for row in answers]
            assert whys == ["the rows of its patient have more than 200 bytes"] * 6 + [None] * 4
            assert CANARY not in answer.text


def test_the_rows_of_one_patient_may_have_the_limit_s_bytes_in_all() -> None:
    body = "\n".join(json.dumps({"id": str(n), "patient": "p", "text": "x" * 100}) for n in range(2))
    made, _ = small(max_bytes=len(body) - 1)  # without the line end
    with made as web:
        answers = rows(web.post("/scrub/stream", content=body.encode()))
        assert [row.get("text") for row in answers] == ["x" * 100] * 2
        answers = rows(web.post("/scrub/stream", content=(body.replace('xx"', 'xxx"') + "\nx").encode()))
    assert ["patient" in row["error"] for row in answers] == [True, True, False]


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/scrub/stream?polcy=safe_harbor", "pipeline, policy, key"),
        (f"/scrub/stream?policy=tag&{CANARY}={CANARY}", "pipeline, policy, key"),
        ("/detect/stream?policy=", "pipeline"),
        ("/scrub?policy=safe_harbor", "none"),
        ("/detect?=", "none"),
    ],
)
def test_unknown_query_parameters_are_refused(web: TestClient, path: str, taken: str) -> None:
    answer = web.post(path, json={"text": CANARY})
    message = f"unknown query parameter; this route takes: {taken}"
    assert (answer.status_code, answer.json()) == (422, {"error": message, "where": []})


def test_known_query_parameters_choose(web: TestClient) -> None:
    policies = {"tag": "[DATE]", "safe_harbor": "2019"}
    for policy, date in policies.items():
        answer = web.post(f"/scrub/stream?pipeline=rules&policy={policy}&key=a", json={"text": TEXT})
        assert f"on {date}, " in rows(answer)[0]["text"]
    assert "spans" in rows(web.post("/detect/stream?pipeline=rules", json={"text": TEXT}))[0]


def test_a_long_stream_keeps_its_order() -> None:
    made, _ = small(max_bytes=2000)
    with made as web:
        body = "".join(json.dumps({"id": str(n), "text": CANARY * 3}) + "\n" for n in range(1000)).encode()
        chunks = (body[at : at + 777] for at in range(0, len(body), 777))
        answers = rows(web.post("/scrub/stream", content=chunks))
    assert [answer["id"] for answer in answers] == [str(n) for n in range(1000)]


def test_openapi_is_whole(web: TestClient) -> None:
    paths = web.get("/openapi.json").json()["paths"]
    assert {"/scrub", "/detect", "/scrub/stream", "/detect/stream", "/analyze", "/anonymize"} <= set(paths)
    assert web.get("/docs").status_code == 404
