"""Taggers on disk: what was saved comes back, what is damaged is refused, no training word is kept."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tagging import LABELS, gazetteer, model, note, tokenizer

from nlp_deid.note import Note
from nlp_deid.taggers.artefact import load, save
from nlp_deid.taggers.linear import fit_linear
from nlp_deid.taggers.model import ENCODERS, Design, Model, ModelError
from nlp_deid.taggers.tagger import Tagger
from nlp_deid.taggers.trainer import Trainer, Training
from nlp_deid.taggers.units import split

_TEXT = "Patient: Ida Falk\nSeen on 03/04/2012, call 555-1037.\n"
_FILES = ("tagger.json", "weights.safetensors", "tokenizer.json")


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("small", [True, False])
def test_what_was_saved_comes_back(encoder: str, small: bool, tmp_path: Path) -> None:
    first = model(encoder).eval()
    save(first, tmp_path / "new" / "folder", {"DATE": 0.25}, small)
    second, thresholds = load(tmp_path / "new" / "folder")
    assert thresholds == {"DATE": 0.25}
    assert second.design == first.design
    assert not second.training
    units = split(_TEXT)
    (one,), (other,) = (Tagger(m, precision="float32").probabilities([units]) for m in (first, second))
    assert abs(one - other).max() < (0.1 if small else 1e-6)
    for name, value in first.state_dict().items():
        back = second.state_dict()[name]
        assert back.dtype == value.dtype
        # 8-bit rows are off by half a step of 1/127 of their largest value, bfloat16 by 1/256.
        assert (back - value).abs().max() <= (value.abs().max() / 250 if small else 0)


def test_small_is_small(tmp_path: Path) -> None:
    for small in (True, False):
        save(model(), tmp_path / str(small), small=small)
    sizes = [(tmp_path / name / "weights.safetensors").stat().st_size for name in ("True", "False")]
    assert sizes[0] < 0.55 * sizes[1]


def test_what_was_saved_twice_is_the_same(tmp_path: Path) -> None:
    save(model(), tmp_path / "a")
    save(load(tmp_path / "a")[0], tmp_path / "b", small=False)
    save(load(tmp_path / "b")[0], tmp_path / "c", small=False)
    assert (tmp_path / "b" / "tagger.json").read_bytes() == (tmp_path / "c" / "tagger.json").read_bytes()


def _refused(folder: Path, names: str) -> str:
    with pytest.raises(ModelError) as error:
        load(folder)
    assert names in str(error.value)
    assert str(folder) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("file", _FILES)
def test_a_missing_file(file: str, tmp_path: Path) -> None:
    save(model("transformer"), tmp_path)
    (tmp_path / file).unlink()
    _refused(tmp_path, file)


@pytest.mark.parametrize("file", _FILES[1:])
def test_a_changed_byte(file: str, tmp_path: Path) -> None:
    save(model("transformer"), tmp_path)
    data = bytearray((tmp_path / file).read_bytes())
    data[-2] ^= 1
    (tmp_path / file).write_bytes(data)
    assert "sha256" in _refused(tmp_path, file)


def _describe(folder: Path, **changes: Any) -> None:
    """Change `tagger.json`, its digests made right again."""
    file = folder / "tagger.json"
    description = json.loads(file.read_text())
    for name in description["sha256"]:
        description["sha256"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    file.write_text(json.dumps({**description, **changes}))


@pytest.mark.parametrize("length", [0, 7, 300, -1])
def test_a_file_cut_short_whose_digest_is_right(length: int, tmp_path: Path) -> None:
    save(model(), tmp_path)
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    _describe(tmp_path)
    _refused(tmp_path, "weights.safetensors")


def _design(**changes: Any) -> dict[str, Any]:
    return {"design": {**model().design.plain(), **changes}}


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"format": None},
        {"sha256": []},
        {"sha256": {}},
        {"sha256": {"../weights.safetensors": "0"}},
        {"design": "char_word"},
        {"design": {}},
        {"lists": [str(at) for at in range(40)]},
        {"lists": None},
        {"thresholds": 3},
        _design(labels=["PATIENT"]),
        _design(labels=["PATIENT", "PATIENT", "DATE"]),
        _design(labels=None),
        _design(encoder="transformer"),
        _design(encoder="templates"),
        _design(encoder="other"),
        _design(head="softmax"),
        _design(options={"rows": 2000, "unknown": 1}),
        _design(options={"rows": -1}),
        _design(unknown=1),
    ],
    ids=str,
)
def test_a_description_that_does_not_fit(changes: dict[str, Any], tmp_path: Path) -> None:
    save(model(), tmp_path)
    _describe(tmp_path, **changes)
    _refused(tmp_path, "tagger.json" if "sha256" not in changes else str(tmp_path))


@pytest.mark.parametrize("data", [b"", b"[1]", b"{", b"\xff\xfe", b"null"])
def test_a_description_that_is_none(data: bytes, tmp_path: Path) -> None:
    save(model(), tmp_path)
    (tmp_path / "tagger.json").write_bytes(data)
    _refused(tmp_path, "tagger.json")


def test_the_weights_of_another_model(tmp_path: Path) -> None:
    save(model(), tmp_path)
    save(model(labels=LABELS[:2]), tmp_path / "other")
    (tmp_path / "other" / "weights.safetensors").replace(tmp_path / "weights.safetensors")
    _describe(tmp_path)
    assert "another design" in _refused(tmp_path, "weights")


_CANARIES = ("Zyxquorth", "Vlemmingsby", "QJXKZPH", "90817263541")


def _canary_notes() -> list[Note]:
    a, b, c, d = _CANARIES
    return [
        note(f"Patient: {a} ", (b, "PATIENT"), f"\n{c} on ", (d, "DATE"), f" for {b}.\n", id=f"c{at}")
        for at in range(4)
    ]


def _fitted(encoder: str, folder: Path) -> Model:
    notes = _canary_notes()
    if encoder == "templates":
        return fit_linear(notes, LABELS, gazetteer(), iterations=5)
    trainer = Trainer(
        model(encoder), Training(epochs=2, metric="none"), lambda *_: {"none": 0.0}, folder / "state"
    )
    assert len(list(trainer.fit(lambda _: notes, notes))) == 2
    return trainer.model


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("small", [True, False])
def test_no_word_of_the_training_notes_is_in_any_file(encoder: str, small: bool, tmp_path: Path) -> None:
    if encoder == "templates":
        pytest.importorskip("pycrfsuite")
    save(_fitted(encoder, tmp_path), tmp_path / "tagger", small=small)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(files) >= 2
    for file in files:
        data = file.read_bytes().lower()
        for word in _CANARIES:
            for size in (len(word), 6):  # as a whole, and any six characters of it in a row
                for at in range(len(word) - size + 1):
                    piece = word[at : at + size].lower()
                    for code in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
                        assert piece.encode(code) not in data, f"{file.name} holds {code} of a training word"


def test_the_search_for_canaries_would_find_one(tmp_path: Path) -> None:
    made = model(labels=("ZYXQUORTH",), scheme="i2b2_2014")
    save(made, tmp_path)
    assert b"zyxquorth" in (tmp_path / "tagger.json").read_bytes().lower()


def test_a_design_names_what_is_known() -> None:
    with pytest.raises(ModelError, match="char_word"):
        Design(LABELS, "lstm")
    with pytest.raises(ModelError, match="tokenizer"):
        Model(Design(LABELS, "transformer"), gazetteer())
    with pytest.raises(ModelError, match="unknown"):
        Model(Design(LABELS, "char_word", {"unknown": 1}), gazetteer())
    assert Model(model("transformer").design, gazetteer(), tokenizer()).head is not None
    assert torch.is_tensor(model(head="softmax").dense.weight)
