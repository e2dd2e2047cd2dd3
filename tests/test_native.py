"""Native labels: what `detect --labels native` writes, and MEDDOCAN scored with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nlp_deid import batch
from nlp_deid.cli import app, main
from nlp_deid.corpus import formats
from nlp_deid.deid import Deid
from nlp_deid.native import relabel
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import PipelineError
from nlp_deid.replace.policy import load_policy
from nlp_deid.sources import open_source

_TEXT = "Ana Ruiz, Lima. 03/04/1946."
_GOLD = [Span(0, 8, "NOMBRE_SUJETO_ASISTENCIA"), Span(10, 14, "TERRITORIO"), Span(16, 26, "FECHAS")]


class _Fixed(Detector):
    """Says the same of every note."""

    def __init__(self, name: str, *spans: Span) -> None:
        self.name, self._spans = name, list(spans)

    def find(self, note: Note) -> list[Span]:
        return self._spans


class _Tagger(_Fixed):
    def __init__(self, scheme: str, *spans: Span, name: str = "tagger") -> None:
        super().__init__(name, *spans)
        self.scheme = scheme


def _deid(*detectors: Detector) -> Deid:
    return Deid(detectors, load_policy("tag"), name="made")


_TAGGER = _Tagger("meddocan", Span(10, 14, "CITY", source="tagger:TERRITORIO"))
_RULES = _Fixed("rules", Span(16, 26, "DATE", source="rules:date"), Span(0, 8, "PATIENT", source="names"))


def _native(span: Span, *detectors: Detector) -> str:
    return relabel(_deid(*detectors), "native")(span).label


def test_a_tagger_says_its_own_type_and_others_get_that_of_the_scheme() -> None:
    for label, source, native in (
        ("CITY", "tagger:TERRITORIO", "TERRITORIO"),
        ("OTHER", "tagger:FAMILIARES_SUJETO_ASISTENCIA", "FAMILIARES_SUJETO_ASISTENCIA"),
        ("HOSPITAL", "tagger", "HOSPITAL"),
        ("DATE", "rules:date", "FECHAS"),
        ("PATIENT", "echo", "NOMBRE_SUJETO_ASISTENCIA"),
        ("COUNTRY", "", "PAIS"),
    ):
        span = Span(3, 5, label, 0.75, source)
        found = relabel(_deid(_TAGGER, _RULES), "native")(span)
        assert found == Span(3, 5, native, 0.75, source)


def test_a_label_that_the_scheme_has_no_type_for_stays() -> None:
    assert _native(Span(0, 1, "PROFESSION", source="rules:job"), _Tagger("i2b2_2006")) == "PROFESSION"
    assert _native(Span(0, 1, "ZIP", source="rules:zip"), _Tagger("i2b2_2006")) == "LOCATION"


def test_ours_stay_as_they_are() -> None:
    span = Span(10, 14, "CITY", source="tagger:TERRITORIO")
    assert relabel(_deid(_TAGGER), "ours")(span) == relabel(_deid(_RULES), "ours")(span) == span


@pytest.mark.parametrize(
    ("detectors", "labels", "problem"),
    [
        ([_RULES], "native", "no learned tagger"),
        ([_TAGGER, _Tagger("i2b2_2014", name="other")], "native", "i2b2_2014, meddocan"),
        ([_TAGGER], "spanish", "allowed: ours, native"),
    ],
)
def test_what_cannot_be(detectors: list[Detector], labels: str, problem: str) -> None:
    with pytest.raises(PipelineError, match=problem):
        relabel(_deid(*detectors), labels)


def test_rows_of_detect(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text(_TEXT)
    deid = _deid(_TAGGER, _RULES)
    for labels, wanted in (
        ("native", ["NOMBRE_SUJETO_ASISTENCIA", "TERRITORIO", "FECHAS"]),
        ("ours", ["PATIENT", "CITY", "DATE"]),
    ):
        out = tmp_path / f"{labels}.jsonl"
        batch.detect(deid, open_source(str(tmp_path / "n.txt")), out, relabel=relabel(deid, labels))
        assert [span["label"] for span in json.loads(out.read_text())["spans"]] == wanted


def _call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["nlp-deid", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_native_labels_of_a_pipeline_without_a_tagger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "n.txt").write_text(_TEXT)
    arguments = ["detect", str(tmp_path / "n.txt"), str(tmp_path / "o.jsonl"), "--pipeline", "neamatullah"]
    assert _call(monkeypatch, *arguments, "--labels", "native") == 2
    assert "neamatullah: native labels need taggers" in capsys.readouterr().err
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize("format", ["i2b2", "brat"])
def test_meddocan_is_scored_with_its_own_types(format: str, tmp_path: Path) -> None:
    formats.write(tmp_path / "gold", [Note(_TEXT, "s1", spans=_GOLD)], format)
    spans = [
        {"start": 0, "end": 3, "label": "NOMBRE_SUJETO_ASISTENCIA"},  # cut in two: right only when merged
        {"start": 4, "end": 8, "label": "NOMBRE_SUJETO_ASISTENCIA"},
        {"start": 10, "end": 14, "label": "PAIS"},  # right place, wrong type
        {"start": 16, "end": 26, "label": "FECHAS"},
    ]
    (tmp_path / "found.jsonl").write_text(json.dumps({"id": "s1", "spans": spans}) + "\n")
    done = CliRunner().invoke(
        app, ["evaluate", str(tmp_path / "gold"), str(tmp_path / "found.jsonl"), "--json"]
    )
    assert done.exit_code == 0
    scores = json.loads(done.stdout)["meddocan"]
    counts = {name: [scores[name][key] for key in ("tp", "fp", "fn")] for name in scores if name != "leak"}
    assert counts == {"track1": [1, 3, 2], "track2_strict": [2, 2, 1], "track2_merged": [3, 0, 0]}
