"""pipeline.py: loading, failing closed, explaining."""

import math
import pickle

import pytest

from nlp_deid.deid import Deid, DeidError
from nlp_deid.merge import Keep
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import PipelineError, load, pipelines, points
from nlp_deid.replace.policy import PRESETS


class Fixed(Detector):
    name = "fixed"

    def __init__(self, answer):
        self.answer = answer

    def find(self, note):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class FixedKeep:
    def __init__(self, answer):
        self.answer = answer

    def find(self, note):
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


TEXT = "Zyxwv Quartermain was here"
FAULTS = [
    ValueError(TEXT),
    TimeoutError(TEXT),
    RecursionError(TEXT),
    MemoryError(TEXT),
    None,
    "spans",
    [None],
    [(0, 4, "DATE")],
    [Span(0, 400, "DATE")],
    [Span(0, 4, "SECRET")],
    math.nan,
]


def deid(answer, keep=()):
    return Deid([Fixed([]), Fixed(answer)], PRESETS["tag"], keep=keep, name="test")


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
@pytest.mark.parametrize("call", ["__call__", "detect", "explain"])
def test_a_failing_detector_fails_the_note_without_its_text(fault, call):
    with pytest.raises(DeidError) as caught:
        getattr(deid(fault), call)(Note(TEXT, id="n1"))
    error = caught.value
    assert "n1" in str(error)
    assert "fixed" in str(error)
    assert "Quartermain" not in f"{error!r} {error} {error.args}"
    assert error.__cause__ is error.__context__ is None
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("fault", [ValueError(TEXT), [(0, 0, 0, 0, 0)], None], ids=repr)
def test_a_failing_keep_list_fails_the_note(fault):
    with pytest.raises(DeidError, match="keep lists"):
        deid([], keep=[FixedKeep(fault)])(Note(TEXT, id="n1"))


def test_keep_list_vetoes_the_unsure_only():
    keep = [FixedKeep([(0, 5, "list")])]
    assert deid([Span(0, 5, "PATIENT", 0.6, "x")], keep)(TEXT).text == TEXT
    assert deid([Span(0, 5, "PATIENT", 0.95, "x")], keep)(TEXT).text == "[PATIENT] Quartermain was here"


def test_explain_gives_source_outcome_and_action():
    explained = deid([Span(0, 5, "PATIENT", 0.6, "x")], [FixedKeep([(0, 5, "list")])]).explain(TEXT)
    assert [(e.verdict.span.source, e.verdict.outcome, e.verdict.by, e.action) for e in explained] == [
        ("x", "vetoed", "list", "tag")
    ]
    assert Keep(0, 5, "list").source == explained[0].verdict.by


def test_results_show_no_text_in_their_repr():
    result = deid([Span(0, 5, "PATIENT", 1.0, "x")])(TEXT)
    assert "Quartermain" not in repr(result)
    assert "Quartermain" not in repr(Note(TEXT))


def test_pipe_keeps_order():
    texts = ["a", "", "c"]
    assert [result.text for result in deid([]).pipe(texts)] == texts


def test_shipped_pipelines_load_and_empty_notes_pass():
    assert "rules" in pipelines()
    for name in pipelines():
        for text in ("", " \n", "\x00", "\ud800"):
            assert load(name)(text).text == text


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("detectors: []", "no detectors"),
        ("detectors: [nothing]", "unknown part 'nothing'; known: rules"),
        ("detectors: [rules]\nmodel: x", "unknown key model"),
        ("detectors: [rules]\nmerge: {threshold: 3}", "threshold"),
        ("detectors: [rules]\nmerge: {best: 3}", "best"),
        ("detectors: [{use: rules, size: 3}]", "size"),
        ("detectors: [{use: rules, folders: [/nowhere]}]", "no rules"),
        ("[", "not a YAML"),
        ("- rules", "must be a mapping"),
    ],
)
def test_a_broken_config_is_refused(tmp_path, config, message):
    (tmp_path / "config.yaml").write_text(config, encoding="utf-8")
    with pytest.raises(PipelineError, match=message):
        load(tmp_path)


def test_an_unknown_pipeline_lists_the_installed_ones():
    with pytest.raises(PipelineError, match="rules"):
        load("nowhere")


def test_a_sure_name_is_found_again_in_all_notes_of_the_patient():
    deid = load("rules")
    first = Note("Patient: Kowalczyk, Bronislawa\nSeen by Dr. Whitefeather.", "1", "p")
    second = Note("kowalczyk slept well; Kowalczik's wife called. x", "2", "p")
    other = Note("kowalczyk slept well; x", "3", "q")
    texts = [result.text for result in deid.pipe([first, second, other])]
    assert "kowal" not in texts[1].lower()
    assert texts[2] == other.text


@pytest.mark.parametrize("fault", [ValueError(TEXT), None, [Span(0, 400, "DATE")]], ids=repr)
def test_a_failing_echo_fails_the_note(fault):
    class FixedEcho(FixedKeep):
        def seeds(self, note, spans):
            return None

        def find(self, note, seeds):
            return super().find(note)

    with pytest.raises(DeidError, match="echo failed"):
        Deid([Fixed([])], PRESETS["tag"], echo=FixedEcho(fault))(Note(TEXT, id="n1"))


POINTED = """
about: A pipeline with two operating points.
detectors: [month_day]
keep: [keep_list]
merge: {threshold: 0.6}
points:
  thorough:
    detectors: [{use: rules}, month_day]
    keep: []
    merge: {threshold: 0.2}
"""


def test_operating_points_change_parts_and_merge(tmp_path):
    (tmp_path / "config.yaml").write_text(POINTED, encoding="utf-8")
    plain, thorough = load(tmp_path), load(f"{tmp_path}:thorough")
    assert (len(plain.detectors), len(plain.keep), plain.merge.threshold) == (1, 1, 0.6)
    assert (len(thorough.detectors), len(thorough.keep), thorough.merge.threshold) == (2, 0, 0.2)
    assert load(f"{tmp_path}:balanced").merge == plain.merge
    assert points(tmp_path) == ["balanced", "thorough"]
    with pytest.raises(PipelineError, match="balanced, thorough"):
        load(f"{tmp_path}:hasty")
    with pytest.raises(PipelineError, match="neither a path nor"):
        load("nowhere:thorough")


def test_an_operating_point_sets_options_of_a_part_by_name(tmp_path):
    text = "about: x\ndetectors: [rules, month_day]\npoints: {thorough: {month_day: {colour: red}}}\n"
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    load(tmp_path)
    with pytest.raises(PipelineError, match="part month_day"):
        load(f"{tmp_path}:thorough")
