"""/analyze and /anonymize speak Presidio's JSON: its documented requests, and its operators beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

pytest.importorskip("fastapi")
from starlette.testclient import TestClient

from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import load
from nlp_deid.replace.policy import PRESETS
from nlp_deid.service.app import create_app
from nlp_deid.service.engine import Choice, Engine, Stop
from nlp_deid.service.state import Limits

HELLO = "hello world, my name is Jane Doe. My number is: 034453334"
ZIP = {
    "name": "Zip code Recognizer",
    "supported_language": "en",
    "patterns": [{"name": "zip code (weak)", "regex": r"(\b\d{5}(?:\-\d{4})?\b)", "score": 0.01}],
    "context": ["zip", "code"],
    "supported_entity": "POSTCODE",
}


@pytest.fixture(scope="module")
def web() -> Iterator[TestClient]:
    with TestClient(create_app(Engine({"rules": load("rules")})), base_url="http://localhost") as made:
        yield made


def analyze(web: TestClient, text: str | list[str], **options: Any) -> Any:
    answer = web.post("/analyze", json={"text": text, "language": "en", **options})
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(results: list[dict[str, Any]], text: str) -> set[tuple[str, str]]:
    return {(r["entity_type"], text[r["start"] : r["end"]]) for r in results}


def test_the_minimal_request_of_the_documentation(web: TestClient) -> None:
    text = "John Smith drivers license is AC432223"
    results = analyze(web, text)
    assert results
    for result in results:
        assert set(result) == {"entity_type", "start", "end", "score", "analysis_explanation"}
        assert result["analysis_explanation"] is None
        assert 0 <= result["start"] < result["end"] <= len(text)
    assert ("MEDICAL_LICENSE", "AC432223") in found(results, text)


def test_the_enhanced_request_of_the_documentation(web: TestClient) -> None:
    text = "John Smith drivers license is AC432223 and the zip code is 12345"
    body = {
        "return_decision_process": False,
        "correlation_id": "123e4567-e89b-12d3-a456-426614174000",
        "score_threshold": 0.6,
        "entities": ["US_DRIVER_LICENSE", "ZIP"],
        "trace": False,
        "ad_hoc_recognizers": [{**ZIP, "supported_entity": "ZIP"}],
    }
    results = analyze(web, text, **body)
    assert found(results, text) == {("US_DRIVER_LICENSE", "AC432223")}  # 0.01 for a ZIP stays below 0.6
    assert all(result["score"] >= 0.6 for result in results)


def test_our_own_labels_may_be_asked_for(web: TestClient) -> None:
    text = "Lives at 14 Larkspur Lane, Springfield, IL 62701."
    assert ("ZIP", "62701") in found(analyze(web, text, entities=["ZIP"]), text)
    assert ("LOCATION", "62701") in found(analyze(web, text, entities=["LOCATION", "ZIP"]), text)


def test_ad_hoc_recognizers_gain_by_context(web: TestClient) -> None:
    text = "the zip code is 99999 but far away from any such word stands 88888"
    results = analyze(
        web, text, ad_hoc_recognizers=[ZIP], entities=["POSTCODE"], return_decision_process=True
    )
    scores = {text[r["start"] : r["end"]]: r["score"] for r in results}
    assert scores == {"99999": pytest.approx(0.4), "88888": pytest.approx(0.01)}
    explanation = results[0]["analysis_explanation"]
    assert explanation["recognizer"] == "Zip code Recognizer"
    assert explanation["score_context_improvement"] == pytest.approx(0.39)


def test_deny_and_allow_lists(web: TestClient) -> None:
    text = "Mr. Larkspur of ward Zinnia-3 and Zinnia-33"
    denied = {"name": "wards", "supported_entity": "WARD", "deny_list": ["Zinnia-3"]}
    assert ("WARD", "Zinnia-3") in found(analyze(web, text, ad_hoc_recognizers=[denied]), text)
    assert ("PERSON", "Larkspur") in found(analyze(web, text), text)
    for allow in ({"allow_list": ["Larkspur"]}, {"allow_list": ["lark.*"], "allow_list_match": "regex"}):
        assert ("PERSON", "Larkspur") not in found(analyze(web, text, **allow), text)


def test_a_list_of_texts_and_the_explanation(web: TestClient) -> None:
    one, two = analyze(web, ["Dr. Ada Quill", "none"], return_decision_process=True)
    assert two == []
    explanation = one[0]["analysis_explanation"]
    assert explanation["pattern_name"] == "context.title.doctor"
    assert explanation["textual_explanation"] == "label DOCTOR"


class Together(Detector):
    """Finds nothing; keeps the number of notes it gets at once, and fails where it is told to."""

    name = "together"

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def find(self, note: Note) -> list[Span]:
        [found] = self.find_all([note])
        return found

    def find_all(self, notes: Iterable[Note]) -> Iterator[list[Span]]:
        texts = [note.text for note in notes]
        self.numbers.append(len(texts))
        if "Zqcanary" in texts:
            raise ValueError("Zqcanary")
        return iter([[] for _ in texts])


class Calls(Detector):
    """Tells a signal to stop."""

    name = "calls"

    def __init__(self, stop: Stop) -> None:
        self.stop = stop

    def find(self, note: Note) -> list[Span]:
        self.stop.call()
        return []


def test_texts_go_to_detectors_together() -> None:
    together = Together()
    app = create_app(Engine({"small": Deid([together], PRESETS["tag"])}))
    with TestClient(app, base_url="http://localhost") as web:
        assert analyze(web, ["a", "b", "c"]) == [[], [], []]
        assert together.numbers == [3]
        assert analyze(web, []) == []
        answer = web.post("/analyze", json={"text": ["a", "Zqcanary"], "language": "en"})
        assert answer.status_code == 422
        assert answer.json()["error"] == "a text was not processed: together failed (ValueError)"


def test_a_failing_text_fails_alone() -> None:
    engine = Engine({"small": Deid([Together()], PRESETS["tag"])})
    one, two = engine.detect_apart([Note("a"), Note("Zqcanary")], Choice(), Stop())
    assert one == []
    assert isinstance(two, DeidError)


def test_no_detector_is_asked_once_it_is_time_to_stop() -> None:
    stop, later = Stop(), Together()
    engine = Engine({"small": Deid([Calls(stop), later], PRESETS["tag"])})
    found = [*engine.detect_apart([Note("a")] * 70, Choice(), stop)]
    assert [getattr(error, "stage", None) for error in found] == ["time limit"] * 70
    assert later.numbers == []


def test_the_time_limit_of_many_texts() -> None:
    app = create_app(Engine({"small": Deid([Together()], PRESETS["tag"])}), Limits(seconds=0.3))
    slow = {**ZIP, "patterns": [{"regex": "(x+x+)+y", "score": 1}]}
    body = {"text": ["x" * 4000] * 9, "language": "en", "ad_hoc_recognizers": [slow]}
    with TestClient(app, base_url="http://localhost") as web:
        assert web.post("/analyze", json=body).status_code == 504


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "xx"}, "supported: en"),
        ({"entities": ["PERSON", "Zqcanary"]}, r"entities[1] is no known type"),
        ({"ad_hoc_recognizers": [{**ZIP, "patterns": [{"regex": "(Zqcanary", "score": 1}]}]}, "no pattern"),
        ({"ad_hoc_recognizers": [{**ZIP, "patterns": [{"regex": "(x+x+)+y", "score": 1}]}]}, "more than 1 s"),
        ({"score_threshold": 7}, "less_than_equal"),
        ({"allow_list": ["("], "allow_list_match": "regex"}, "allow_list[0] is no pattern"),
    ],
)
def test_wrong_requests(web: TestClient, options: dict[str, Any], message: str) -> None:
    answer = web.post("/analyze", json={"text": "x" * 4000, "language": "en", **options})
    assert answer.status_code == 422
    assert message in answer.json()["error"]
    assert "Zqcanary" not in answer.text


def anonymize(web: TestClient, **body: Any) -> Any:
    answer = web.post("/anonymize", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


JANE = {"start": 24, "end": 32, "score": 0.8, "entity_type": "PERSON"}
NUMBER = {"start": 48, "end": 57, "score": 0.95, "entity_type": "PHONE_NUMBER"}


def test_replace_and_redact_of_the_documentation(web: TestClient) -> None:
    operators = {
        "PERSON": {"type": "redact"},
        "PHONE_NUMBER": {"type": "replace", "new_value": "ANONYMIZED"},
    }
    body = anonymize(web, text=HELLO, anonymizers=operators, analyzer_results=[JANE, NUMBER])
    assert body == {
        "text": "hello world, my name is . My number is: ANONYMIZED",
        "items": [
            {
                "operator": "replace",
                "entity_type": "PHONE_NUMBER",
                "start": 40,
                "end": 50,
                "text": "ANONYMIZED",
            },
            {"operator": "redact", "entity_type": "PERSON", "start": 24, "end": 24, "text": ""},
        ],
    }


def test_default_operators(web: TestClient) -> None:
    default = {"DEFAULT": {"type": "replace", "new_value": "ANONYMIZED"}}
    body = anonymize(web, text=HELLO[:33], anonymizers=default, analyzer_results=[JANE])
    assert body["text"] == "hello world, my name is ANONYMIZED."
    assert anonymize(web, text=HELLO, analyzer_results=[JANE])["text"].startswith(
        "hello world, my name is <PERSON>."
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"type": "mask", "masking_char": "*", "chars_to_mask": 4}, "**** Doe"),
        ({"type": "mask", "masking_char": "*", "chars_to_mask": 4, "from_end": True}, "Jane****"),
        ({"type": "mask", "masking_char": "*", "chars_to_mask": 99}, "********"),
        ({"type": "keep"}, "Jane Doe"),
        ({"type": "nlp_deid", "policy": "tag"}, "[PATIENT]"),
        ({"type": "nlp_deid", "policy": "mask"}, "**** ***"),
    ],
)
def test_operators(web: TestClient, settings: dict[str, Any], text: str) -> None:
    body = anonymize(web, text=HELLO, anonymizers={"PERSON": settings}, analyzer_results=[JANE])
    assert body["text"].startswith(f"hello world, my name is {text}. ")


def test_hashes(web: TestClient) -> None:
    def hashed(**settings: str) -> str:
        operators = {"PERSON": {"type": "hash", **settings}}
        return str(anonymize(web, text="Jane", anonymizers=operators, analyzer_results=[whole])["text"])

    whole = {"start": 0, "end": 4, "score": 1, "entity_type": "PERSON"}
    salt = "a salt of sixteen bytes"
    assert hashed() != hashed()
    assert hashed(salt=salt) == hashed(salt=salt, hash_type="sha256")
    assert len(hashed(hash_type="sha512")) == 128


def test_our_surrogates_agree_within_a_text(web: TestClient) -> None:
    text = "Ada Quill came. Quill left."
    results = [
        {"start": 0, "end": 9, "score": 1, "entity_type": "PERSON"},
        {"start": 16, "end": 21, "score": 1, "entity_type": "PERSON"},
    ]
    ours = {"DEFAULT": {"type": "nlp_deid", "policy": "surrogate"}}
    later, first = anonymize(web, text=text, anonymizers=ours, analyzer_results=results)["items"]
    assert first["text"].endswith(later["text"])
    assert "Quill" not in first["text"]


def test_overlaps_are_settled_and_covered(web: TestClient) -> None:
    def entity(start: int, end: int, kind: str) -> dict[str, Any]:
        return {"start": start, "end": end, "score": 0.5, "entity_type": kind}

    def text(*entities: dict[str, Any]) -> str:
        return str(anonymize(web, text="abcdefghij", analyzer_results=list(entities))["text"])

    assert text(entity(0, 4, "A"), entity(2, 6, "A")) == "<A>ghij"
    assert text(entity(0, 6, "A"), entity(2, 4, "B")) == "<A>ghij"
    assert text(entity(0, 4, "A"), entity(2, 6, "B")) == "<A><B>ghij"
    assert text(entity(2, 6, "B"), entity(2, 4, "A"), entity(8, 10, "A")) == "ab<B>gh<A>"


@pytest.mark.parametrize(
    "wrong",
    [
        {"analyzer_results": [{**JANE, "end": 99}]},
        {"analyzer_results": [{**JANE, "start": 32}]},
        {"analyzer_results": [{**JANE, "start": -1}]},
        {"anonymizers": {"PERSON": {"type": "encrypt", "key": "Zqcanary"}}},
        {"anonymizers": {"PERSON": {"type": "mask"}}},
        {"anonymizers": {"PERSON": {"type": "hash", "salt": "short"}}},
        {"anonymizers": {"PERSON": {"type": "replace", "new_value": 5}}},
        {"anonymizers": {"PERSON": {"type": "nlp_deid", "policy": "Zqcanary"}}},
        {"anonymizers": {"PERSON": {"type": ["Zqcanary"]}}},
        {"anonymizers": {"PERSON": {}}},
    ],
)
def test_wrong_anonymize_requests(web: TestClient, wrong: dict[str, Any]) -> None:
    answer = web.post("/anonymize", json={"text": HELLO, "analyzer_results": [JANE], **wrong})
    assert answer.status_code == 422
    assert "Zqcanary" not in answer.text


def test_lists(web: TestClient) -> None:
    assert "PERSON" in web.get("/supportedentities?language=en").json()
    assert "rules" in web.get("/recognizers").json()
    assert {"replace", "redact", "mask", "hash", "keep"} <= set(web.get("/anonymizers").json())
    assert "up" in web.get("/health").text


def test_the_same_answers_as_presidio(web: TestClient) -> None:
    """Its own anonymizer beside ours, where both offer an operator."""
    engine = pytest.importorskip("presidio_anonymizer").AnonymizerEngine()
    from presidio_anonymizer.entities import OperatorConfig, RecognizerResult

    text = "Jane Doe met Jo  Roe at 5 Elm St on 3/4/2019, call 218-555-0134."
    results = [(0, 4, "PERSON"), (5, 8, "PERSON"), (13, 20, "PERSON"), (24, 32, "LOCATION")]
    results += [(26, 32, "STREET"), (36, 44, "DATE_TIME"), (51, 63, "PHONE_NUMBER"), (55, 63, "ID")]
    operators: dict[str, dict[str, Any]] = {
        "PERSON": {"type": "replace", "new_value": "NAME"},
        "DATE_TIME": {"type": "redact"},
        "PHONE_NUMBER": {"type": "mask", "masking_char": "#", "chars_to_mask": 4, "from_end": True},
        "LOCATION": {"type": "keep"},
    }
    theirs = engine.anonymize(
        text,
        [RecognizerResult(kind, start, end, 0.8) for start, end, kind in results],
        {
            name: OperatorConfig(o["type"], {k: v for k, v in o.items() if k != "type"})
            for name, o in operators.items()
        },
    )
    entities = [{"start": s, "end": e, "score": 0.8, "entity_type": k} for s, e, k in results]
    ours = anonymize(web, text=text, analyzer_results=entities, anonymizers=operators)
    assert ours["text"] == theirs.text
    assert [(i["start"], i["end"], i["text"], i["operator"]) for i in ours["items"]] == [
        (i.start, i.end, i.text, i.operator) for i in theirs.items
    ]
