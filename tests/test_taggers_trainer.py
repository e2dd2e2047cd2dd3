"""The trainer: it learns, stops early, keeps the best, goes on after a stop, and refuses bad input."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tagging import LABELS, model, note, notes

from nlp_deid.note import Note, Span
from nlp_deid.taggers.bio import TagError
from nlp_deid.taggers.model import Model, ModelError
from nlp_deid.taggers.tagger import Tagger
from nlp_deid.taggers.trainer import SCHEDULES, Trainer, Training, examples

_QUICK = Training(epochs=4, batch=300, rate=0.01, head_rate=0.01, average=0.5)


def _f1(gold: Sequence[Note], found: Sequence[Sequence[Span]]) -> dict[str, float]:
    """Strict, by offsets and label."""
    truth = {(n.id, s.start, s.end, s.label) for n in gold for s in n.spans}
    said = {(n.id, s.start, s.end, s.label) for n, spans in zip(gold, found, strict=True) for s in spans}
    return {"strict_f1": 2 * len(truth & said) / max(1, len(truth) + len(said))}


def _same(learned: Sequence[Note]) -> Callable[[int], Sequence[Note]]:
    return lambda epoch: learned


def _fit(
    made: Model, training: Training, learned: Sequence[Note], folder: Path | None = None, stop: int = 99
) -> Trainer:
    trainer = Trainer(made, training, _f1, folder)
    for epoch in trainer.fit(_same(learned), learned):
        if epoch.number == stop:
            break
    return trainer


def test_twenty_notes_are_learned_by_heart() -> None:
    learned = notes(20)
    training = Training(epochs=40, batch=150, rate=0.02, head_rate=0.02, patience=40, warmup=0.05)
    trainer = Trainer(model("char_word"), training, _f1)
    for epoch in trainer.fit(_same(learned), learned):
        if epoch.score["strict_f1"] == 1.0:
            break
    assert _f1(learned, list(Tagger(trainer.model).find_all(learned))) == {"strict_f1": 1.0}
    assert trainer.history[-1].loss < trainer.history[0].loss / 4


@pytest.mark.parametrize("encoder", ["char_word", "transformer"])
def test_a_training_taken_up_again_ends_as_if_it_had_not_stopped(encoder: str, tmp_path: Path) -> None:
    learned = notes(6)
    whole = _fit(model(encoder), _QUICK, learned)
    _fit(model(encoder), _QUICK, learned, tmp_path, stop=2)
    rest = _fit(model(encoder, seed=7), _QUICK, learned, tmp_path)
    assert rest.history == whole.history
    assert [epoch.number for epoch in whole.history] == [1, 2, 3, 4]
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, rest.model.state_dict()[name]), name


def test_a_training_that_had_ended_gives_its_best_again(tmp_path: Path) -> None:
    learned = notes(4)
    ended = _fit(model(), _QUICK, learned, tmp_path)
    again = Trainer(model(seed=3), _QUICK, _f1, tmp_path)
    assert list(again.fit(_same([]), learned)) == []
    for name, value in ended.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name])


def _resume(made: Model, folder: Path) -> str:
    with pytest.raises(ModelError) as error:
        _fit(made, _QUICK, notes(2), folder)
    assert str(folder) in str(error.value)
    return str(error.value)


def test_the_checkpoint_of_another_model_or_training(tmp_path: Path) -> None:
    _fit(model(), _QUICK, notes(2), tmp_path, stop=1)
    assert "another design" in _resume(model(labels=LABELS[:2]), tmp_path)
    assert "another design" in _resume(model("transformer"), tmp_path)
    with pytest.raises(ModelError, match="another training"):
        _fit(model(), replace(_QUICK, rate=0.02), notes(2), tmp_path)


@pytest.mark.parametrize("keep_record", [True, False])
def test_a_checkpoint_without_all_its_parts(keep_record: bool, tmp_path: Path) -> None:
    _fit(model(), _QUICK, notes(2), tmp_path, stop=1)
    file = tmp_path / "state.safetensors"
    with safe_open(file, "pt") as opened:
        record = opened.metadata()
    state = {name: value for name, value in load_file(file).items() if "lstm" not in name}
    save_file(state, file, record if keep_record else None)
    assert "state.safetensors" in _resume(model(), tmp_path)


def test_a_checkpoint_cut_short(tmp_path: Path) -> None:
    _fit(model(), _QUICK, notes(2), tmp_path, stop=1)
    assert [path.name for path in tmp_path.iterdir()] == ["state.safetensors"]
    file = tmp_path / "state.safetensors"
    file.write_bytes(file.read_bytes()[:-9])
    assert "state.safetensors" in _resume(model(), tmp_path)


def test_no_notes() -> None:
    for learned in ([], [Note("", "a"), Note(" \t ", "b")]):
        with pytest.raises(ModelError, match="no training notes"):
            list(Trainer(model(), _QUICK, _f1).fit(_same(learned), notes(1)))
    with pytest.raises(ModelError, match="no dev notes"):
        list(Trainer(model(), _QUICK, _f1).fit(_same(notes(1)), []))


def test_notes_without_spans_and_labels_never_seen() -> None:
    plain = [Note("Nothing to be found here.", "plain"), *notes(3, labels=("DATE",))]
    trainer = _fit(model(labels=(*LABELS, "CITY")), replace(_QUICK, epochs=12, average=0.0), plain)
    found = [span for spans in Tagger(trainer.model).find_all(plain) for span in spans]
    assert "CITY" not in {span.label for span in found}


_BAD: Mapping[str, Sequence[Span]] = {
    "overlap": [Span(0, 8, "PATIENT"), Span(4, 12, "DATE")],
    "nested": [Span(0, 12, "PATIENT"), Span(4, 8, "PATIENT")],
    "twice": [Span(0, 8, "PATIENT"), Span(0, 8, "PATIENT")],
    "unknown": [Span(0, 8, "ALIEN")],
    "behind": [Span(5, 400, "DATE")],
}


@pytest.mark.parametrize("kind", _BAD)
def test_spans_that_cannot_be_learned_name_the_note_and_not_its_text(kind: str) -> None:
    bad = Note("Tilda Quill-Adair", f"note-{kind}", spans=_BAD[kind])
    with pytest.raises(TagError) as error:
        list(Trainer(model(), _QUICK, _f1).fit(_same([*notes(2), bad]), notes(1)))
    message = str(error.value)
    assert f"note-{kind}" in message
    assert not any(word in message for word in ("Tilda", "Quill", "Adair"))
    assert error.value.__cause__ is None


def test_it_stops_when_nothing_gets_better_and_keeps_the_best() -> None:
    values = iter([0.1, 0.4, 0.3, 0.4, 0.2, 0.9])
    kept: list[dict[str, torch.Tensor]] = []
    trainer = Trainer(
        model(), replace(_QUICK, epochs=9, patience=3, average=0.0), lambda *_: {"strict_f1": next(values)}
    )
    for _ in trainer.fit(_same(notes(2)), notes(1)):
        kept.append({name: value.clone() for name, value in trainer.model.state_dict().items()})
    assert [epoch.score["strict_f1"] for epoch in trainer.history] == [0.1, 0.4, 0.3, 0.4, 0.2]
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(value, kept[3][name])  # of equal ones the last


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_rates_rise_and_fall(schedule: str) -> None:
    training = Training(rate=0.5, head_rate=0.25, warmup=0.2, schedule=schedule)
    trainer = Trainer(model(), training, _f1)

    def rates(progress: float) -> list[float]:
        trainer._set_rate(progress)
        return [group["lr"] for group in trainer._optimizer.param_groups]

    assert rates(0.1) == pytest.approx([0.25, 0.125])
    assert rates(0.2) == pytest.approx([0.5, 0.25])
    assert rates(0.6) == pytest.approx([0.5, 0.25] if schedule == "constant" else [0.25, 0.125])
    assert rates(1.0) == pytest.approx([0.5, 0.25] if schedule == "constant" else [0.0, 0.0])


def test_an_unknown_schedule() -> None:
    with pytest.raises(ModelError, match="cosine"):
        Training(schedule="other")


def test_bfloat16_trains() -> None:
    trainer = _fit(model("transformer"), replace(_QUICK, epochs=2, bfloat16=True), notes(3))
    assert all(torch.isfinite(value).all() for value in trainer.model.state_dict().values())
    assert next(trainer.model.parameters()).dtype == torch.float32


def test_examples_are_windows_of_units() -> None:
    made = model()
    long = note(*(("Ida", "PATIENT"), " saw ") * 60)
    found = examples([long], made.tags, made.encoder.features(), replace(made.design, size=40, context=5))
    assert {len(rows) == len(tags) <= 40 for rows, tags in found} == {True}
    assert len(found) == 4
    assert all((tags[i] > 0) != (tags[i + 1] > 0) for _, tags in found for i in range(len(tags) - 1))
