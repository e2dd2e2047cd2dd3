"""Start points of models: word lists as a gazetteer, and a published encoder cut to size."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import regex
import torch
import yaml
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, normalizers

from nlp_deid.resources import folder
from nlp_deid.taggers.gazetteer import Gazetteer
from nlp_deid.taggers.model import Design, Model

LISTS = Path(__file__).parent / "configs" / "lists.yaml"
_SPECIAL = ("[PAD]", "[UNK]", "[SEP]")
_LATIN = regex.compile(r"[\p{Latin}\p{Nd}\p{P}\p{S}\p{M}]+")


def gazetteer(lists: Path = LISTS) -> Gazetteer:
    """The gazetteer of the flags in a file, {flag: [dictionary, ...]}."""
    flags: dict[str, list[str]] = yaml.safe_load(lists.read_text(encoding="utf-8"))
    return Gazetteer.build({flag: _terms(names) for flag, names in flags.items()})


def _terms(names: Sequence[str]) -> Iterator[str]:
    for name in names:
        lines = (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        yield from (line.split("\t")[0] for line in lines if line and not line.startswith("#"))


def transformer(start: Path, design: Design, lists: Gazetteer, layers: int) -> Model:
    """A model whose encoder is the first layers of a BERT, with the Latin part of its vocabulary.

    Args:
        start: a folder in the manner of transformers: config.json, vocab.txt, model.safetensors.
        design: of the model; its options are completed from the folder.
        lists: the gazetteer.
        layers: how many layers are kept.
    """
    pieces = (start / "vocab.txt").read_text(encoding="utf-8").splitlines()
    kept = [at for at, piece in enumerate(pieces) if piece in _SPECIAL or _plain(piece)]
    vocabulary = {pieces[at]: new for new, at in enumerate(kept)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    source = json.loads((start / "config.json").read_text(encoding="utf-8"))
    names = (
        "hidden_size", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps",
        "max_position_embeddings",
    )  # fmt: skip
    config: dict[str, Any] = {name: source[name] for name in names}
    config |= {
        "vocab_size": len(kept),
        "num_hidden_layers": layers,
        "type_vocab_size": source["type_vocab_size"],
    }
    options = {**design.options, "config": config}
    model = Model(Design(**{**design.plain(), "labels": design.labels, "options": options}), lists, tokenizer)
    weights = {
        name.removeprefix("bert."): value for name, value in load_file(start / "model.safetensors").items()
    }
    word = "embeddings.word_embeddings.weight"
    weights[word] = weights[word][torch.tensor(kept)]
    bert: Any = model.encoder.bert
    own = bert.state_dict()
    missing = [name for name in own if name not in weights and not name.endswith("position_ids")]
    if missing:
        raise ValueError(f"{start}: lacks {len(missing)} weights of a BERT, such as {missing[0]}")
    bert.load_state_dict({name: weights[name] for name in own if name in weights}, strict=False)
    return model


def _plain(piece: str) -> bool:
    return not piece.startswith("[unused") and _LATIN.fullmatch(piece.removeprefix("##")) is not None
