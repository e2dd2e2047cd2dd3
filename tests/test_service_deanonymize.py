"""`encrypt` of /anonymize and /deanonymize: Presidio reads what we write, we read what it writes; no key in a message."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from nlp_deid.deid import Deid
from nlp_deid.detect.rules import Rules
from nlp_deid.replace.policy import PRESETS
from nlp_deid.service.app import create_app
from nlp_deid.service.cipher import CipherError, decrypt, encrypt
from nlp_deid.service.engine import Engine

KEY = "3t6w9z$C&F)J@NcR"
KEYS = ("k" * 16, "é" * 12, "a key of thirty-two bytes, as is")
TEXT = "Ada Quill met Łukasz Żmij, 患者 7, on 3/4/2019."
RESULTS = [
    {"start": 0, "end": 9, "score": 0.8, "entity_type": "PERSON"},
    {"start": 14, "end": 25, "score": 0.8, "entity_type": "PERSON"},
    {"start": 27, "end": 31, "score": 0.8, "entity_type": "ID"},
    {"start": 36, "end": 44, "score": 0.8, "entity_type": "DATE_TIME"},
]
# Texts and keys of Presidio's documentation and end-to-end tests, in the other alphabet of base64.
PERSON = ("S184CMt9Drj7QaKQ21JTrpYzghnboTF9pn/neN8JME0=", "WmZq4t7w!z%C&F)J")
NUMBER = ("e6HnOMnIxbd4a8Qea44LshQDnjvxwzBIaAz+YqHNnMW2mC5r3AWoay8Spsoajyyy", "1" * 16)


@pytest.fixture(scope="module")
def web() -> Iterator[TestClient]:
    engine = Engine({"rules": Deid([Rules()], PRESETS["tag"], name="rules")})
    with TestClient(create_app(engine), base_url="http://localhost") as made:
        yield made


def post(web: TestClient, route: str, **body: Any) -> Any:
    answer = web.post(route, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def operators(kind: str) -> dict[str, dict[str, str]]:
    """A key of each length."""
    types = ("PERSON", "ID", "DEFAULT")
    return {name: {"type": kind, "key": key} for name, key in zip(types, KEYS, strict=True)}


def request(value: str, key: str, **changes: Any) -> dict[str, Any]:
    """A request for one encrypted value behind a word."""
    return {
        "text": f"Zqname {value}",
        "anonymizer_results": [{"start": 7, "end": 7 + len(value), "entity_type": "NUMBER"}],
        "deanonymizers": {"NUMBER": {"type": "decrypt", "key": key}},
        **changes,
    }


def test_the_request_of_the_end_to_end_tests(web: TestClient) -> None:
    value, key = NUMBER
    answer = post(web, "/deanonymize", **request(value, key))
    item = {"start": 7, "end": 26, "operator": "decrypt", "text": "text_for_encryption"}
    assert answer == {"text": "Zqname text_for_encryption", "items": [{**item, "entity_type": "NUMBER"}]}


def test_the_request_of_the_documentation(web: TestClient) -> None:
    value, key = PERSON
    answer = post(web, "/deanonymize", **request(value, key))
    assert answer["text"] == "Zqname Chloë"


def test_there_and_back(web: TestClient) -> None:
    """The items of the answer go back as they are."""
    hidden = post(web, "/anonymize", text=TEXT, analyzer_results=RESULTS, anonymizers=operators("encrypt"))
    assert not any(word in hidden["text"] for word in ("Quill", "Łukasz", "患者", "2019"))
    assert [item["operator"] for item in hidden["items"]] == ["encrypt"] * 4
    shown = post(
        web,
        "/deanonymize",
        text=hidden["text"],
        anonymizer_results=hidden["items"],
        deanonymizers=operators("decrypt"),
    )
    assert shown["text"] == TEXT
    places = [(item["start"], item["end"], item["entity_type"]) for item in shown["items"][::-1]]
    assert places == [(r["start"], r["end"], r["entity_type"]) for r in RESULTS]
    assert all(item["text"] == TEXT[item["start"] : item["end"]] for item in shown["items"])


def test_presidio_decrypts_ours(web: TestClient) -> None:
    presidio = pytest.importorskip("presidio_anonymizer")
    entities = presidio.entities
    hidden = post(web, "/anonymize", text=TEXT, analyzer_results=RESULTS, anonymizers=operators("encrypt"))
    theirs = presidio.DeanonymizeEngine().deanonymize(
        hidden["text"],
        [entities.OperatorResult.from_json(item) for item in hidden["items"]],
        {name: entities.OperatorConfig.from_json(o) for name, o in operators("decrypt").items()},
    )
    assert theirs.text == TEXT
    ours = post(
        web,
        "/deanonymize",
        text=hidden["text"],
        anonymizer_results=hidden["items"],
        deanonymizers=operators("decrypt"),
    )
    wanted = json.loads(theirs.to_json())
    for item in wanted["items"]:
        item.pop("score", None)  # newer versions add it; their API document does not
    assert ours == wanted


def test_we_decrypt_presidios(web: TestClient) -> None:
    presidio = pytest.importorskip("presidio_anonymizer")
    entities = presidio.entities
    theirs = presidio.AnonymizerEngine().anonymize(
        TEXT,
        [entities.RecognizerResult.from_json(result) for result in RESULTS],
        {name: entities.OperatorConfig.from_json(o) for name, o in operators("encrypt").items()},
    )
    body = json.loads(theirs.to_json())
    shown = post(
        web,
        "/deanonymize",
        text=body["text"],
        anonymizer_results=body["items"],
        deanonymizers=operators("decrypt"),
    )
    assert shown["text"] == TEXT


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(KEYS))
def test_the_cipher_is_presidios(value: str, key: str) -> None:
    cipher = pytest.importorskip("presidio_anonymizer.operators.aes_cipher").AESCipher
    hidden = encrypt(value, key)
    assert hidden != encrypt(value, key)
    assert decrypt(hidden, key) == cipher.decrypt(key.encode(), hidden) == value
    assert decrypt(cipher.encrypt(key.encode(), value), key) == value


@given(st.text() | st.integers(0, 43).map(lambda length: encrypt("x", KEY)[:length]))
def test_what_is_no_ciphertext_is_an_error(value: str) -> None:
    with pytest.raises(CipherError, match=r"^cannot be decrypted$") as caught:
        decrypt(value, KEY)
    assert caught.value.__context__ is None  # UnicodeDecodeError would carry what came out


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (request(NUMBER[0], "Zqsecret12345678"), "anonymizer_results[0] cannot be decrypted"),
        (request(NUMBER[0][:-4], NUMBER[1]), "anonymizer_results[0] cannot be decrypted"),
        (request(NUMBER[0][:-5] + "AAAA=", NUMBER[1]), "anonymizer_results[0] cannot be decrypted"),
        (request("Zqname & more", NUMBER[1]), "anonymizer_results[0] cannot be decrypted"),
        (request(NUMBER[0], "Zqsecret"), "deanonymizers[0] has a setting that decrypt cannot use; key is"),
        (request(NUMBER[0], "é" + "k" * 15), "a text of 16, 24 or 32 bytes"),
        (request(NUMBER[0], "\ud800" * 16), "decrypt cannot use"),
        (request(NUMBER[0], KEY, deanonymizers={"Zqtype": {"type": "decrypt"}}), "decrypt cannot use"),
        (request(NUMBER[0], KEY, deanonymizers={"Zqtype": {"type": "Zqkeep"}}), "offered: decrypt"),
        (request(NUMBER[0], KEY, deanonymizers={"A": {"type": "decrypt", "key": KEY}}), "no deanonymizer"),
        (request(NUMBER[0], KEY, deanonymizers="Zqtype"), "dict_type"),
        (request(NUMBER[0], KEY, text="Zqname"), "does not lie within the text"),
        ({"text": "Zqname", "anonymizer_results": []}, "missing"),
    ],
)
def test_wrong_requests(
    web: TestClient, caplog: pytest.LogCaptureFixture, body: dict[str, Any], message: str
) -> None:
    caplog.set_level(logging.DEBUG)
    answer = web.post("/deanonymize", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert message in answer.json()["error"]
    for said in (answer.text, caplog.text):
        assert "Zq" not in said
        assert KEY not in said
        assert NUMBER[0][:8] not in said


def test_overlapping_entities_are_refused(web: TestClient) -> None:
    value, key = NUMBER
    body = request(value, key)
    body["anonymizer_results"].insert(0, {"start": 8, "end": 20, "entity_type": "NUMBER"})
    answer = web.post("/deanonymize", json=body)
    assert (answer.status_code, answer.json()["error"]) == (
        422,
        "anonymizer_results[0] overlaps another entity",
    )


@pytest.mark.parametrize("key", ["Zqsecret", "", None, 5, ["Zqsecret"], "é" + "k" * 15])
def test_wrong_keys_to_encrypt(web: TestClient, caplog: pytest.LogCaptureFixture, key: object) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"text": TEXT, "analyzer_results": RESULTS, "anonymizers": {"A": {"type": "encrypt", "key": key}}}
    answer = web.post("/anonymize", json=body)
    assert answer.status_code == 422
    assert "key is a text of 16, 24 or 32 bytes" in answer.json()["error"]
    assert "Zqsecret" not in answer.text + caplog.text


def test_a_key_that_works_is_not_in_the_log(web: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    encrypting = {"DEFAULT": {"type": "encrypt", "key": KEY}}
    post(web, "/anonymize", text=TEXT, analyzer_results=RESULTS, anonymizers=encrypting)
    post(web, "/deanonymize", **request(*NUMBER))
    assert "POST /deanonymize 200" in caplog.text
    assert KEY not in caplog.text
    assert NUMBER[1] not in caplog.text


def test_lists(web: TestClient) -> None:
    assert web.get("/deanonymizers").json() == ["decrypt"]
    assert "encrypt" in web.get("/anonymizers").json()
