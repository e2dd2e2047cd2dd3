"""Our engine inside Presidio's own analyzer and anonymizer."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

pytest.importorskip("presidio_analyzer")
pytest.importorskip("presidio_anonymizer")
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, RecognizerResult
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_anonymizer import AnonymizerEngine
from presidio_anonymizer.entities import InvalidParamError, OperatorConfig

from nlp_deid.deid import Deid, DeidError
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import PipelineError, load
from nlp_deid.presidio_adapter import NlpDeidOperator, NlpDeidRecognizer, operators_for
from nlp_deid.replace.keys import Secret, new_key, write_new_key
from nlp_deid.replace.policy import PRESETS, PolicyError

TEXT = "Dr. Ada Quill saw him on 3/4/2019 and 3/14/2019. Dr. Quill will ring 218-555-0134."


@pytest.fixture(scope="module")
def analyzer() -> AnalyzerEngine:
    nlp = NoOpNlpEngine([{"lang_code": "en", "model_name": ""}])
    nlp.load()
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.add_recognizer(NlpDeidRecognizer(deid=load("rules")))
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=["en"])


@pytest.fixture
def anonymizer() -> AnonymizerEngine:
    made = AnonymizerEngine()
    made.add_anonymizer(NlpDeidOperator)
    return made


def test_the_analyzer_finds_what_we_find(analyzer: AnalyzerEngine) -> None:
    results = analyzer.analyze(TEXT, "en", return_decision_process=True)
    ours = load("rules").detect(TEXT)
    assert sorted((r.start, r.end, r.score) for r in results) == [(s.start, s.end, s.score) for s in ours]
    assert {r.entity_type for r in results} == {"PERSON", "DATE_TIME", "PHONE_NUMBER"}
    first = min(results, key=lambda result: result.start)
    assert first.analysis_explanation.pattern_name == ours[0].source
    assert first.recognition_metadata["recognizer_name"] == "NlpDeidRecognizer"
    assert "PERSON" in analyzer.get_supported_entities("en")


def test_entities_and_thresholds_are_presidios(analyzer: AnalyzerEngine) -> None:
    assert {r.entity_type for r in analyzer.analyze(TEXT, "en", entities=["PERSON"])} == {"PERSON"}
    assert analyzer.analyze(TEXT, "en", score_threshold=1.0) == []


def test_own_labels() -> None:
    recognizer = NlpDeidRecognizer(deid=load("rules"), own_labels=True)
    assert {r.entity_type for r in recognizer.analyze(TEXT, [])} == {"DOCTOR", "DATE", "PHONE"}
    assert "ZIP" in recognizer.supported_entities


def test_three_lines(analyzer: AnalyzerEngine, anonymizer: AnonymizerEngine) -> None:
    results = analyzer.analyze(TEXT, "en")
    new = anonymizer.anonymize(TEXT, results, operators_for(TEXT, results, "surrogate"))
    assert {item.operator for item in new.items} == {"nlp_deid"}
    assert not any(value in new.text for value in ("Ada", "Quill", "3/4/2019", "3/14/2019", "555-0134"))
    phone, later, *_, first = (item.text for item in new.items)
    assert first.endswith(later)
    assert phone != later


def test_surrogates_are_those_of_the_pipeline(analyzer: AnalyzerEngine, anonymizer: AnonymizerEngine) -> None:
    key = Secret(new_key())
    results = analyzer.analyze(TEXT, "en")
    operators = operators_for(TEXT, results, "surrogate", patient="p", source=key)
    deid = load("rules", "surrogate", surrogates={"source": key})
    assert anonymizer.anonymize(TEXT, results, operators).text == deid(Note(TEXT, patient="p")).text


def test_results_of_other_recognizers(anonymizer: AnonymizerEngine) -> None:
    """Overlaps, parts that Presidio joins, and a type that we do not know."""
    text = "Jo Ann Zanzotta of SHIP-9 in Georgia"
    spans = [("PERSON", 0, 2), ("PERSON", 3, 15), ("PERSON", 7, 15), ("SHIP", 19, 25), ("LOCATION", 29, 36)]
    results = [RecognizerResult(kind, start, end, 0.4) for kind, start, end in spans]
    assert anonymizer.anonymize(text, results, operators_for(text, results, "tag")).text == (
        "[PATIENT] of [OTHER] in [LOCATION-OTHER]"
    )
    new = anonymizer.anonymize(text, results, operators_for(text, results, "surrogate")).text
    assert not re.search(r"\b(?:Jo|Ann|Zanzotta|SHIP-9|Georgia)\b", new)


def test_one_value_with_two_fates_is_not_kept() -> None:
    text = "Georgia Georgia"
    results = [
        RecognizerResult("LOCATION", 0, 7, 0.9, recognition_metadata={"nlp_deid_label": "CITY"}),
        RecognizerResult("LOCATION", 8, 15, 0.9, recognition_metadata={"nlp_deid_label": "STATE"}),
    ]
    for order in (results, results[::-1]):
        made = operators_for(text, order, "safe_harbor")["DEFAULT"].params["made"]
        assert made.value("Georgia", "LOCATION-OTHER") == "[CITY]"


def test_value_by_value(anonymizer: AnonymizerEngine, tmp_path: Path) -> None:
    results = [RecognizerResult("PERSON", 4, 13, 0.9), RecognizerResult("DATE_TIME", 25, 33, 0.9)]
    operators = {"DEFAULT": OperatorConfig("nlp_deid", {"policy": "safe_harbor"})}
    assert anonymizer.anonymize(TEXT, results, operators).text.startswith("Dr. [PATIENT] saw him on 2019 and")
    write_new_key(tmp_path / "key")
    settings = {"policy": "surrogate", "key_file": str(tmp_path / "key"), "patient": "p"}
    texts = {
        anonymizer.anonymize(TEXT, results, {"DEFAULT": OperatorConfig("nlp_deid", settings)}).text
        for _ in range(2)
    }
    assert len(texts) == 1
    assert "Quill saw" not in texts.pop()


@pytest.mark.parametrize("policy", [None, "no such", "surrogate", "consistent_tags"])
def test_settings_that_cannot_be_used(anonymizer: AnonymizerEngine, policy: str | None) -> None:
    settings = {} if policy is None else {"policy": policy}
    with pytest.raises(InvalidParamError, match=r"policy"):
        anonymizer.anonymize(
            TEXT, [RecognizerResult("PERSON", 4, 13, 0.9)], {"DEFAULT": OperatorConfig("nlp_deid", settings)}
        )


def test_faults() -> None:
    with pytest.raises(PipelineError):
        NlpDeidRecognizer("no such")
    with pytest.raises(PolicyError):
        operators_for(TEXT, [], "no such")
    with pytest.raises(ValueError, match="outside"):
        operators_for("short", [RecognizerResult("PERSON", 0, 50, 0.9)])


class Bad(Detector):
    """Fails."""

    name = "bad"

    def find(self, note: Note) -> list[Span]:
        raise ValueError(note.text)


def test_a_failure_stops_the_text_and_shows_none_of_it(caplog: pytest.LogCaptureFixture) -> None:
    recognizer = NlpDeidRecognizer(deid=Deid([Bad()], PRESETS["tag"]))
    with caplog.at_level(logging.DEBUG), pytest.raises(DeidError) as caught:
        recognizer.analyze("Zqcanary", [])
    assert "canary" not in f"{caught.value!r} {caplog.text}"


def test_nothing_shows_the_values(anonymizer: AnonymizerEngine, caplog: pytest.LogCaptureFixture) -> None:
    results = [RecognizerResult("PERSON", 4, 13, 0.9)]
    operators = operators_for(TEXT, results, "surrogate")
    assert "Quill" not in repr(operators)
    with caplog.at_level(logging.DEBUG):
        anonymizer.anonymize(TEXT, results, operators)
    assert "Quill" not in caplog.text
