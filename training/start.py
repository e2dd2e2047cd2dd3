"""Start points of models: word lists as a gazetteer, and a published encoder cut to size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import regex
import torch
import yaml
from tokenizers import Tokenizer, models, normalizers
from torch import Tensor
from transformers import BertModel

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
    published = BertModel.from_pretrained(start, add_pooling_layer=False)
    config = published.config
    options = {
        **design.options,
        "vocabulary": len(kept),
        "size": config.hidden_size,
        "heads": config.num_attention_heads,
        "inner": config.intermediate_size,
        "layers": layers,
        "positions": config.max_position_embeddings,
    }
    model = Model(Design(**{**design.plain(), "labels": design.labels, "options": options}), lists, tokenizer)
    state = published.state_dict()
    state["embeddings.word_embeddings.weight"] = state["embeddings.word_embeddings.weight"][kept]
    own = {name: value for name, value in from_bert(state).items() if name in model.encoder.state_dict()}
    model.encoder.load_state_dict(own, strict=False)
    return model


def from_bert(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a BERT by the names that encoders.Transformer gives them."""
    kind = state["embeddings.token_type_embeddings.weight"][0]  # all text is of the first kind
    found = {
        "words.weight": state["embeddings.word_embeddings.weight"],
        "places.weight": state["embeddings.position_embeddings.weight"] + kind,
        "norm.weight": state["embeddings.LayerNorm.weight"],
        "norm.bias": state["embeddings.LayerNorm.bias"],
    }
    names = {
        "attention.output.dense": "self_attn.out_proj",
        "attention.output.LayerNorm": "norm1",
        "intermediate.dense": "linear1",
        "output.dense": "linear2",
        "output.LayerNorm": "norm2",
    }
    for at in range(sum(name.endswith("intermediate.dense.bias") for name in state)):
        old, new = f"encoder.layer.{at}", f"layers.{at}"
        for part in ("weight", "bias"):
            query, key, value = (
                state[f"{old}.attention.self.{one}.{part}"] for one in ("query", "key", "value")
            )
            found[f"{new}.self_attn.in_proj_{part}"] = torch.cat([query, key, value])
            for theirs, ours in names.items():
                found[f"{new}.{ours}.{part}"] = state[f"{old}.{theirs}.{part}"]
    return found


def _plain(piece: str) -> bool:
    return not piece.startswith("[unused") and _LATIN.fullmatch(piece.removeprefix("##")) is not None
