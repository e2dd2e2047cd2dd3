"""The review page's interface: who gets in, what is refused and how, and that no answer holds text."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from review_samples import NOTES, Finds, desk_of, finish, key_of, opened, write_notes
from typer.testing import CliRunner

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from nlp_deid.cli_review import review
from nlp_deid.deid import Deid
from nlp_deid.note import Note, Span
from nlp_deid.replace.policy import load_policy
from nlp_deid.review.app import make_app
from nlp_deid.review.desk import Desk
from nlp_deid.review.folder import NoteFolder
from nlp_deid.review.guard import LARGEST_BODY
from nlp_deid.review.store import Store
from nlp_deid.sources import SourceError

WORDS = ("Zqada", "Zqbo", "00481772", "3/4/2019", "alert")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return desk_of(write_notes(tmp_path / "notes"))


@pytest.fixture
def web(desk: Desk) -> Iterator[TestClient]:
    app = make_app(desk, {"secret-of-ann": "ann", "secret-of-ben": "ben"})
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


def post(web: TestClient, desk: Desk, note: str = "a", who: str = "ann", **body: Any) -> Any:
    return web.post(f"/secret-of-{who}/api/notes/{key_of(desk, note)}", json=body)


@pytest.mark.parametrize(
    "path", ["/", "/wrong/", "/wrong/api/session", "/api/session", "/secret-of-an/api/notes"]
)
def test_nobody_gets_in_without_the_token(web: TestClient, path: str) -> None:
    assert web.get(path).status_code == 404


def test_another_host_name_is_refused(web: TestClient) -> None:
    path = "/secret-of-ann/api/session"
    assert web.get(path, headers={"host": "localhost:8000"}).status_code == 200
    assert web.get(path, headers={"host": "rebound.example.org"}).status_code == 400


@pytest.mark.parametrize(
    "path", ["/secret-of-ann/", "/secret-of-ann/static/main.js", "/secret-of-ann/api/notes", "/wrong"]
)
def test_every_answer_has_the_headers(web: TestClient, path: str) -> None:
    headers = web.get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_static_files_are_ours_only(web: TestClient) -> None:
    assert web.get("/secret-of-ann/static/main.js").headers["content-type"].startswith("text/javascript")
    for name in ("../app.py", "%2e%2e%2fapp.py", "nothing.js", "..%5capp.py"):
        assert web.get(f"/secret-of-ann/static/{name}").status_code == 404, name


def test_the_page_has_nothing_from_elsewhere_and_no_inner_html() -> None:
    static = Path(__file__).parent.parent / "nlp_deid" / "review" / "static"
    if not static.is_dir():
        pytest.skip("an installed wheel")
    for file in static.iterdir():
        text = file.read_text()
        assert "//" not in text.replace("// ", "").replace("http://www.w3.org/2000/svg", ""), file.name
        for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style="):
            assert word not in text, (file.name, word)


def test_a_note_comes_as_it_is(web: TestClient, desk: Desk) -> None:
    found = web.get(f"/secret-of-ann/api/notes/{key_of(desk, 'b')}").json()
    assert found["text"] == NOTES["b"]
    place = NOTES["b"].index("Zqada")
    assert found["marks"][0] == [place, place + 5, "PATIENT", "proposed", 0.05]
    assert found["claims"][0] == [place, place + 5, "PATIENT", 0.95, "names", "won", ""]


def test_acts_and_conflicts(web: TestClient, desk: Desk) -> None:
    done = post(web, desk, act="put", version=0, start=0, end=4, label="DOCTOR")
    assert (done.status_code, done.json()["version"]) == (200, 1)
    late = post(web, desk, act="reject", version=0, start=8, end=13)
    assert (late.status_code, late.json()["error"]) == (409, "conflict")
    assert "version 1" in late.json()["message"]
    assert post(web, desk, act="reject", version=1, start=8, end=13).json()["version"] == 2
    assert post(web, desk, who="ben", act="reject", version=0, start=8, end=13).json()["version"] == 1
    refused = post(web, desk, act="reject", version=2, start=1, end=2)
    assert (refused.status_code, refused.json()["error"]) == (422, "refused")
    after = web.get(f"/secret-of-ann/api/notes/{key_of(desk, 'a')}/after").json()
    assert after["text"] == "[DOCTOR] by Zqada on [DATE].\n[PATIENT] came later.\n"
    assert after["version"] == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Zqada",
        b"{",
        b"[]",
        b'{"act": "Zqada", "version": 0}',
        b'{"act": "undo"}',
        b'{"act": "undo", "version": -1}',
        b'{"act": "undo", "version": "0"}',
        b'{"act": "undo", "version": 1e400}',
        b'{"act": "undo", "version": 0, "Zqada": 1}',
        b'{"act": "put", "version": 0, "start": 0.5, "end": 4, "label": "DATE"}',
        b'{"act": "put", "version": 0, "start": 0, "end": 4, "label": "' + b"Zqada" * 99 + b'"}',
        b'{"act": "put", "version": 0, "start": -4, "end": 4, "label": "DATE"}',
        b'{"act": "put", "version": 0, "start": 0, "end": 99999999999999999999, "label": "DATE"}',
        b"\xff\xfe",
        b"[" * 50_000,
    ],
)
def test_malformed_acts_are_refused_without_an_echo(web: TestClient, desk: Desk, body: bytes) -> None:
    answer = web.post(
        f"/secret-of-ann/api/notes/{key_of(desk, 'a')}",
        content=body,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code in (400, 422)
    assert not any(word in answer.text for word in WORDS)
    assert web.get(f"/secret-of-ann/api/notes/{key_of(desk, 'a')}").json()["version"] == 0


def test_a_request_that_is_too_large_is_refused(web: TestClient, desk: Desk) -> None:
    path = f"/secret-of-ann/api/notes/{key_of(desk, 'a')}"
    pieces = (b" " * 1024 for _ in range(LARGEST_BODY // 1024 + 1))
    for body in (b" " * (LARGEST_BODY + 1), pieces):
        answer = web.post(path, content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


def test_unknown_notes_books_and_formats(web: TestClient, desk: Desk) -> None:
    assert web.get("/secret-of-ann/api/notes/0").json()["error"] == "missing"
    assert web.get(f"/secret-of-ann/api/notes/{key_of(desk, 'a')}?book=other").status_code == 422
    assert web.post("/secret-of-ann/api/export/pickle").status_code == 404
    assert web.delete(f"/secret-of-ann/api/notes/{key_of(desk, 'a')}").status_code == 405
    assert web.get("/secret-of-ann/openapi.json").status_code == 404


def test_a_note_that_the_detectors_are_still_at_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    class Slow(Finds):
        def find(self, note: Note) -> list[Span]:
            assert go_on.wait(60)
            return super().find(note)

    monkeypatch.setattr("nlp_deid.review.desk.PATIENCE", 0.05)
    folder = write_notes(tmp_path / "notes")
    deid = Deid([Slow(r"Zq\w+", "PATIENT", 0.9, "slow")], load_policy("tag"))
    desk = Desk(NoteFolder(folder), deid, Store(folder / "state"), folder / "exports")
    desk.scout.start()
    with TestClient(make_app(desk, {"secret-of-ann": "ann"}), base_url="http://127.0.0.1") as web:
        path = f"/secret-of-ann/api/notes/{key_of(desk, 'c')}"
        waiting = web.get(path)
        assert (waiting.status_code, waiting.json()["error"]) == (202, "waiting")
        assert {row["status"] for row in web.get("/secret-of-ann/api/notes").json()} == {"waiting"}
        assert post(web, desk, "c", act="put", version=0, start=0, end=4, label="DOCTOR").status_code == 202
        go_on.set()
        assert desk.scout.wait(desk.page(key_of(desk, "c")), 60) is not None
        assert web.get(path).json()["version"] == 0
    desk.scout.stop()


def test_an_edited_note_is_a_clear_error_without_text(web: TestClient, desk: Desk) -> None:
    (desk.folder.path / "a.txt").write_text("Zqada, changed.")
    answer = post(web, desk, act="put", version=0, start=0, end=4, label="DOCTOR")
    assert (answer.status_code, answer.json()["error"]) == (409, "edited")
    assert not any(word in answer.text for word in WORDS)


def test_an_internal_error_tells_its_place_only(
    web: TestClient, desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*arguments: object) -> None:
        raise RuntimeError("Zqada")

    monkeypatch.setattr(desk, "open", fail)
    with caplog.at_level(logging.DEBUG):
        answer = web.get(f"/secret-of-ann/api/notes/{key_of(desk, 'a')}")
    assert answer.status_code == 500
    assert answer.json()["message"].startswith("internal error: RuntimeError at test_review_app.py:")
    assert "Zqada" not in caplog.text
    assert answer.headers["cache-control"] == "no-store"


def test_agreement_and_export(web: TestClient, desk: Desk) -> None:
    finish(desk, "ann", "a")
    finish(desk, "ben", "a")
    found = web.get("/secret-of-ann/api/agreement").json()
    assert found["reviewers"] == ["ann", "ben"]
    assert (found["pairs"][0]["kappa"], found["pairs"][0]["spans"]["f1"]) == (1.0, 1.0)
    assert [note["id"] for note in found["notes"]] == ["a"]
    done = web.post("/secret-of-ann/api/export/brat").json()
    assert done["notes"] == 1
    assert (Path(done["path"]) / "a.ann").is_file()
    nothing = web.post("/secret-of-ann/api/export/brat?book=gold")
    assert (nothing.status_code, nothing.json()["error"]) == (422, "refused")


def test_the_command_line_does_not_load_the_web() -> None:
    code = "import sys, nlp_deid.cli_review; print('fastapi' in sys.modules, 'uvicorn' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["False", "False"]


def test_a_note_with_every_kind_of_character_survives_json(tmp_path: Path) -> None:
    text = "\x00\x01\u2028</script>\ufeff\U0001f600 Zqada\r\r\n\x85"
    desk = desk_of(write_notes(tmp_path / "notes", {"odd": text}))
    with TestClient(make_app(desk, {"secret": "ann"}), base_url="http://127.0.0.1") as client:
        answer = client.get(f"/secret/api/notes/{key_of(desk, 'odd')}")
    assert json.loads(answer.content)["text"] == text


def test_a_wrong_call_is_told_before_anything_starts(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(review)
    wrong = CliRunner().invoke(app, [str(write_notes(tmp_path / "notes")), "--name", "a/b"])
    assert wrong.exit_code == 2
    assert "40 letters" in wrong.output
    missing = CliRunner().invoke(app, [str(tmp_path / "nothing")])
    assert isinstance(missing.exception, SourceError)
    stdin = CliRunner().invoke(app, ["-"])
    assert isinstance(stdin.exception, SourceError)
    assert "standard input" in str(stdin.exception)


def test_a_table_of_patients_helps_as_in_scrub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"P1-01": "Will may go; z q a d a Roe is here.\n", "P2-01": "Will may go.\n"}
    folder = write_notes(tmp_path / "notes", texts)
    table = tmp_path / "patients.csv"
    table.write_text("pid,name,kin\nP1,Zqada Roe,Will Roe\n")
    desks: list[Desk] = []
    monkeypatch.setattr("nlp_deid.review.serve.serve", lambda desk, *_: desks.append(desk))
    app = typer.Typer()
    app.command()(review)
    asked = [
        "--demographics",
        str(table),
        "--demographics-id",
        "pid",
        "--demographics-columns",
        "kin=PATIENT",
    ]
    done = CliRunner().invoke(app, [str(folder), "--pipeline", "rules", *asked])
    assert done.exit_code == 0, done.output
    assert "1 patients, 1 of 2 notes have no row" in done.output
    assert "Zqada" not in done.output
    [desk] = desks
    desk.scout.start()
    found = {}
    for page in desk.folder.pages.values():
        assert desk.scout.wait(page, 60) is not None
        marks = opened(desk, "reviewer", page.note.id).review.marks
        found[page.note.id] = [(page.note.text[m.start : m.end], m.label) for m in marks]
    desk.scout.stop()
    assert {("z q a d a", "PATIENT"), ("Roe", "PATIENT")} <= set(found["P1-01"])
    assert not found["P2-01"]
