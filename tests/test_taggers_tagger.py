"""The tagger: the same spans for any batch, long and empty notes, thresholds, native labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tagging import LABELS, model, notes

from nlp_deid.note import Note, Span
from nlp_deid.taggers import reader
from nlp_deid.taggers import tagger as module
from nlp_deid.taggers.artefact import save
from nlp_deid.taggers.model import ENCODERS, Model, ModelError
from nlp_deid.taggers.tagger import Denial, Tagger, read
from nlp_deid.taggers.units import split

_Plain = list[tuple[int, int, str, str, float]]


def _plain(spans: Sequence[Span]) -> _Plain:
    return [(s.start, s.end, s.label, s.source, round(s.score, 3)) for s in spans]


def _eager(encoder: str = "char_word", **changes: object) -> Model:
    """A model with random weights that finds something in most notes."""
    made = model(encoder, **changes)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(2.0)
        if made.head is not None and encoder != "templates":
            made.dense.bias[0] -= 0.3  # type: ignore[index, operator]
    return made


def _texts() -> list[Note]:
    blank = [Note("", "empty"), Note(" \n\t\u200b \n", "blank"), Note("\ud800", "half")]
    return [*notes(6), *blank, Note("Ida Falk 555-1000 " * 40, "long"), Note("ﬁ½\u00adx Mo\nss", "odd")]


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_batches_and_order_change_nothing(encoder: str, head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tagger = Tagger(_eager(encoder, head=head), precision="float32")
    texts = _texts()
    alone = {note.id: _plain(tagger.find(note)) for note in texts}
    assert sum(map(len, alone.values())) > 20
    assert alone["empty"] == alone["blank"] == []
    orders = (texts, texts[::-1], [*texts[5:], *texts[:5]])
    for (together, batch), order in zip(((64, 4096), (3, 100), (5, 700)), orders, strict=True):
        monkeypatch.setattr(module, "_TOGETHER", together)
        monkeypatch.setattr(reader, "_BATCH", batch)
        found = list(tagger.find_all(iter(order)))
        assert {note.id: _plain(spans) for note, spans in zip(order, found, strict=True)} == alone


@pytest.mark.parametrize("encoder", ENCODERS)
def test_spans_are_sound(encoder: str) -> None:
    tagger = Tagger(_eager(encoder), precision="float32")
    for note in _texts():
        spans = tagger.find(note)
        assert spans == sorted(spans)
        assert all(one.end <= other.start for one, other in pairwise(spans))
        for span in spans:
            assert span.end <= len(note.text)
            assert span.label in LABELS
            assert span.source == "tagger"
            assert note.text[span.start : span.end].strip("\n ") != ""


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_notes_beside_it_change_no_digit_of_a_note(precision: str) -> None:
    tagger = Tagger(_eager("transformer"), precision=precision)
    units = [split("Ida saw 12 men " * count) for count in (1, 2, 3, 5, 9, 17, 4, 11, 40)]
    together = tagger.probabilities(units)
    for own, found in zip(units, together, strict=True):
        assert np.abs(tagger.probabilities([own])[0] - found).max() < 1e-6


def test_find_all_reads_notes_as_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER", 4)
    taken = []

    def endless() -> object:
        while True:
            taken.append(1)
            yield Note("Ida")

    found = Tagger(model()).find_all(endless())  # type: ignore[arg-type]
    for _ in range(5):
        next(found)
    assert len(taken) == 8


def test_a_sentence_of_a_hundred_thousand_words() -> None:
    small = replace(
        model().design, size=250, context=10, options={"rows": 100, "char": 2, "word": 2, "hidden": 2}
    )
    tagger = Tagger(Model(small, model().gazetteer), thresholds=0.01)
    note = Note("Ida saw 12 men " * 25_000)
    spans = tagger.find(note)
    assert spans
    assert spans[-1].end > len(note.text) - 100


def test_words_of_many_pieces_do_not_outgrow_a_transformer() -> None:
    # 48 units of 6 pieces are 288, the model has 128 positions.
    tagger = Tagger(_eager("transformer"), thresholds=0.01, precision="float32")
    crowded, short = Note("1234567 " * 100, "a"), Note("Seen by Ida Moss", "b")
    assert len(tagger.probabilities([split(crowded.text)])[0]) == 100
    both = list(tagger.find_all([crowded, short]))
    assert [_plain(spans) for spans in both] == [_plain(tagger.find(crowded)), _plain(tagger.find(short))]


def test_a_window_with_room_is_read_whole() -> None:
    encoder = model("transformer").encoder
    real = torch.ones(2, 20, 6, dtype=torch.bool)
    real[1, 15:] = False
    assert encoder._shortened(real.clone())[1].equal(real[1])  # type: ignore[operator]
    assert encoder._shortened(torch.ones(1, 48, 6, dtype=torch.bool)).sum().item() == 96  # type: ignore[operator]


def _characters(spans: Sequence[Span]) -> set[int]:
    return {at for span in spans for at in range(span.start, span.end)}


def test_lower_thresholds_find_all_that_higher_ones_do() -> None:
    made = _eager()
    texts = _texts()
    by_limit = [list(Tagger(made, limit).find_all(texts)) for limit in (0.9, 0.5, 0.05)]
    for high, middle, low in zip(*by_limit, strict=True):
        assert _characters(high) <= _characters(middle) <= _characters(low)
    assert sum(len(_characters(spans)) for spans in by_limit[0]) < sum(
        len(_characters(spans)) for spans in by_limit[2]
    )
    for label in LABELS:
        some, more = (list(Tagger(made, {label: limit}).find_all(texts)) for limit in (0.8, 0.2))
        assert all(_characters(a) <= _characters(b) for a, b in zip(some, more, strict=True))


_ROWS = st.lists(st.lists(st.floats(0.001, 1), min_size=9, max_size=9), max_size=12)


@settings(deadline=None, max_examples=60)
@given(_ROWS, st.floats(0.01, 1), st.floats(0.01, 1), st.data())
def test_read_takes_what_reaches_the_threshold(
    rows: list[list[float]], one: float, other: float, data: st.DataObject
) -> None:
    chances = np.array(rows, dtype=np.float32).reshape(-1, 9)
    chances /= chances.sum(1, keepdims=True)
    texts = [data.draw(st.sampled_from(["a", "\n"])) for _ in rows]

    def taken(low: float) -> set[int]:
        spans = read(chances, np.array([low, one], dtype=np.float32), texts)
        assert all(texts[first] != "\n" != texts[last - 1] for first, last, _ in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
        return {at for first, last, _ in spans for at in range(first, last) if texts[at] != "\n"}

    best = chances[:, 1:].reshape(-1, 2, 4).sum(2).argmax(1) if rows else []
    reach = np.array([other, one], dtype=np.float32)
    wanted = {at for at in range(len(rows)) if 1 - chances[at, 0] >= reach[best[at]] and texts[at] != "\n"}
    assert taken(other) == wanted
    assert taken(min(one, other)) >= taken(max(one, other))


def test_thresholds_of_the_file_and_of_the_call(tmp_path: Path) -> None:
    save(model(), tmp_path, {"DATE": 0.25})
    assert Tagger(tmp_path)._thresholds.tolist() == [0.5, 0.25, 0.5]
    assert Tagger(str(tmp_path), {"PHONE": 0.75})._thresholds.tolist() == [0.5, 0.25, 0.75]
    assert Tagger(tmp_path, 0.125)._thresholds.tolist() == [0.125] * 3


@pytest.mark.parametrize("thresholds", [{"ALIEN": 0.5}, {"DATE": 0.0}, 1.5, {"DATE": float("nan")}])
def test_thresholds_that_cannot_be(thresholds: dict[str, float] | float) -> None:
    with pytest.raises(ModelError, match="thresholds"):
        Tagger(model(), thresholds)


def test_an_unknown_precision() -> None:
    with pytest.raises(ModelError, match="bfloat16"):
        Tagger(model(), precision="int4")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="missing"):
        Tagger(tmp_path)


def test_native_labels_stand_in_the_source() -> None:
    native = ("NOMBRE_SUJETO_ASISTENCIA", "TERRITORIO", "HOSPITAL")
    tagger = Tagger(_eager(labels=native, scheme="meddocan"), thresholds=0.05, name="es")
    assert tagger.scheme == "meddocan"
    seen = {(span.label, span.source) for note in _texts() for span in tagger.find(note)}
    ours = {"PATIENT": "es:NOMBRE_SUJETO_ASISTENCIA", "CITY": "es:TERRITORIO", "HOSPITAL": "es"}
    assert seen
    assert seen <= set(ours.items())


def test_a_label_that_the_scheme_lacks() -> None:
    with pytest.raises(ValueError, match="TERRITORIO"):
        Tagger(model(labels=("TERRITORIO",)))


def test_bfloat16_is_near_to_float32() -> None:
    units = [split(note.view.text) for note in notes(4)]
    exact = Tagger(_eager("transformer"), precision="float32").probabilities(units)
    near = Tagger(_eager("transformer"), precision="bfloat16").probabilities(units)
    for one, other in zip(exact, near, strict=True):
        assert abs(one - other).max() < 0.1
        assert np.allclose(other.sum(1), 1, atol=1e-4)


def test_several_models_are_averaged() -> None:
    one, other = _eager(), _eager(seed=5)
    units = [split(note.view.text) for note in notes(3)]
    both = Tagger([one, other]).probabilities(units)
    for mean, a, b in zip(
        both, Tagger(one).probabilities(units), Tagger(other).probabilities(units), strict=True
    ):
        assert np.allclose(mean, (a + b) / 2, atol=1e-6)
    for models in ([], [one, _eager(labels=LABELS[:2])]):
        with pytest.raises(ModelError, match="same labels"):
            Tagger(models)


def test_a_denial_covers_what_is_surely_no_phi_and_nothing_that_is_found() -> None:
    made = _eager()
    for note in _texts():
        units = split(note.view.text)
        (chances,) = Tagger(made).probabilities([units])
        denied = {at for start, end, _ in Denial(made, 0.4).find(note) for at in range(start, end)}
        low = [at for at, chance in enumerate(1 - chances[:, 0]) if chance < 0.4]
        assert {note.view.span(int(units.starts[at]), int(units.ends[at]))[0] for at in low} <= denied
        high = [at for at, chance in enumerate(1 - chances[:, 0]) if chance > 0.41]
        assert not {note.view.span(int(units.starts[at]), int(units.ends[at]))[0] for at in high} & denied
    with pytest.raises(ModelError, match="below"):
        Denial(made, below=0.0)
