"""Linear CRFs: CRFsuite's own answers are those of the model that its weights become."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from types import TracebackType

import pytest
import torch
from tagging import LABELS, gazetteer, note, notes

from nlp_deid.note import Note
from nlp_deid.taggers import linear
from nlp_deid.taggers.batches import pad
from nlp_deid.taggers.bio import Tags
from nlp_deid.taggers.model import ModelError
from nlp_deid.taggers.tagger import Tagger
from nlp_deid.taggers.trainer import examples
from nlp_deid.taggers.units import split

pycrfsuite = pytest.importorskip("pycrfsuite")


class _Kept:
    """A temporary folder that stays."""

    path: Path

    def __enter__(self) -> str:
        return str(self.path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        pass


def test_the_same_tags_as_crfsuite_on_notes_it_has_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _Kept.path = tmp_path
    monkeypatch.setattr(linear.tempfile, "TemporaryDirectory", _Kept)
    monkeypatch.setattr(linear, "FAINT", 0.0)  # all weights, as CRFsuite has them
    learned, fresh = notes(20), notes(60)[20:]
    model = linear.fit_linear(learned, LABELS, gazetteer(), iterations=20, size=64)
    own = pycrfsuite.Tagger()
    own.open(str(tmp_path / "model"))
    tags = Tags(LABELS)
    compared = spoken = 0
    for rows, _ in examples(fresh, tags, model.encoder.features(), model.design):
        wanted = list(map(int, own.tag([list(map(str, row)) for row in rows.tolist()])))
        if all(tags.follows[a, b] for a, b in pairwise(wanted)):  # CRFsuite knows no grammar
            found = model.best(*pad([rows]))[0].tolist()
            assert found == wanted
            compared += 1
            spoken += sum(map(bool, wanted))
    assert compared >= 35
    assert spoken > 200


def test_it_learns_what_it_is_shown() -> None:
    learned = notes(20)
    tagger = Tagger(linear.fit_linear(learned, LABELS, gazetteer(), iterations=40))
    for one, found in zip(learned, tagger.find_all(learned), strict=True):
        assert [(s.start, s.end, s.label) for s in found] == [(s.start, s.end, s.label) for s in one.spans]


def test_labels_never_seen_in_training_are_never_found() -> None:
    labels = (*LABELS, "CITY")
    tagger = Tagger(linear.fit_linear(notes(8), labels, gazetteer(), iterations=10))
    units = [split(text) for text in ("Qx!! 99-zz ~~ 12", "Ida Falk\n")]
    for chances in tagger.probabilities(units):
        assert chances[:, -4:].max() == 0
        assert torch.allclose(torch.from_numpy(chances).sum(1), torch.ones(len(chances)), atol=1e-5)


def test_notes_without_a_span_give_a_model_that_finds_nothing() -> None:
    plain = [Note("No names here at all.", "a"), Note("Cough.\nBetter.", "b")]
    tagger = Tagger(linear.fit_linear(plain, LABELS, gazetteer(), iterations=5))
    assert tagger.find(Note("Ida Falk was seen on 03/04/2012")) == []


def test_no_notes() -> None:
    with pytest.raises(ModelError, match="no training notes"):
        linear.fit_linear([], LABELS, gazetteer())
    with pytest.raises(ModelError, match="no training notes"):
        linear.fit_linear([Note(" \t")], LABELS, gazetteer())


def test_without_crfsuite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pycrfsuite", None)
    with pytest.raises(ModelError, match=r"nlp-deid\[train\]"):
        linear.fit_linear([note("a ", ("Ida", "PATIENT"))], LABELS, gazetteer())


def test_characters_make_a_tagger_of_their_own() -> None:
    learned = notes(20)
    made = linear.fit_linear(
        learned, LABELS, gazetteer(), iterations=40, size=400, context=40, unit="character"
    )
    assert made.design.unit == "character"
    tagger = Tagger(made)
    for gold in learned[:5]:
        found = {(span.start, span.end, span.label) for span in tagger.find(Note(gold.text, gold.id))}
        assert found == {(span.start, span.end, span.label) for span in gold.spans}
    with pytest.raises(ModelError, match="one unit"):
        Tagger([made, linear.fit_linear(learned, LABELS, gazetteer(), iterations=5)])
