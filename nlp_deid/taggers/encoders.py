"""Encoders: rows of features in, a vector for every unit out.

Each is a torch module built from plain numbers, so that a model's file can name them, and each has
`features(...)`, which makes the rows it reads. Batches are [B, T, F] rows and a [B, T] mask with the
real units first in each row; the result is [B, T, H].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nlp_deid.taggers.features import SHAPES, Features, PieceFeatures, WordFeatures
from nlp_deid.taggers.gazetteer import Gazetteer
from nlp_deid.taggers.templates import CharacterFeatures, TemplateFeatures

_STEP = 32  # lengths of rows in a transformer are multiples of it


def _bits(flags: Tensor, count: int) -> Tensor:
    """[..., count] the lowest bits of whole numbers as 0 and 1."""
    return ((flags[..., None] >> torch.arange(count)) & 1).float()


class Encoder(nn.Module, ABC):
    """What every encoder has.

    Attributes:
        size: H, the length of a unit's vector.
    """

    size: int

    @abstractmethod
    def features(self) -> Features:
        """What makes the rows that this encoder reads."""

    def to_bfloat16(self) -> None:
        """Compute in bfloat16 from now on, where that pays; not every encoder gains."""


class Templates(Encoder):
    """Hashed template features of a linear model: the sum of the rows of a sparse table.

    Args:
        gazetteer: lists of words.
        tags: K, the tags; a unit's vector is its scores.
        buckets: size of the hash space.
        used: buckets with weights.
        unit: "word" or "character".
    """

    def __init__(self, gazetteer: Gazetteer, tags: int, buckets: int, used: int, unit: str = "word") -> None:
        super().__init__()
        self.size, self._gazetteer, self._buckets, self._unit = tags, gazetteer, buckets, unit
        self.register_buffer("bucket", torch.zeros(used, dtype=torch.int32))
        self.weights = nn.Parameter(torch.zeros(used, tags))

    def features(self) -> Features:
        kind = CharacterFeatures if self._unit == "character" else TemplateFeatures
        return kind(self._gazetteer, self._buckets)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        table = cast(Tensor, self.bucket)
        place = torch.searchsorted(table, rows.contiguous()).clamp_max(len(table) - 1)
        known = (table[place] == rows).to(self.weights.dtype)
        flat = place.flatten(0, 1)
        summed = nn.functional.embedding_bag(
            flat, self.weights, mode="sum", per_sample_weights=known.flatten(0, 1)
        )
        return summed.view(*rows.shape[:2], -1)


class CharWord(Encoder):
    """Characters and words by bidirectional LSTMs (Dernoncourt et al. 2017, J Am Med Inform Assoc 24:596).

    Instead of a table of known words, a word is the sum of hashed parts, and lists are read too.

    Args:
        gazetteer: lists of words.
        rows: rows of the hashed table.
        characters: characters read of a word.
        char: size of a character, and of the character LSTM in either direction.
        word: size of a word.
        hidden: size of the word LSTM in either direction.
        layers: of the word LSTM.
        dropout: on what the word LSTM reads and gives.
        blind: share of the words whose form is hidden in training, so that unknown ones are met.
    """

    def __init__(
        self,
        gazetteer: Gazetteer,
        rows: int = 20_000,
        characters: int = 16,
        char: int = 25,
        word: int = 100,
        hidden: int = 100,
        layers: int = 1,
        dropout: float = 0.5,
        blind: float = 0.15,
    ) -> None:
        super().__init__()
        self._options = (rows, characters)
        self._gazetteer, self._blind = gazetteer, blind
        self.forms = nn.Embedding(rows, word)
        self.shapes = nn.Embedding(SHAPES, 25)
        self.lists = nn.Linear(len(gazetteer.names) + 1, 25)
        self.chars = nn.Embedding(WordFeatures.ALPHABET + 1, char, padding_idx=0)
        self.char_lstm = nn.LSTM(char, char, batch_first=True, bidirectional=True)
        read = word + 50 + 2 * char
        self.drop = nn.Dropout(dropout)
        self.lstm = nn.LSTM(
            read, hidden, layers, batch_first=True, bidirectional=True, dropout=dropout if layers > 1 else 0.0
        )
        self.dense = nn.Linear(2 * hidden, hidden)
        self.size = hidden
        nn.init.normal_(self.forms.weight, std=0.1)

    def features(self) -> Features:
        return WordFeatures(self._gazetteer, *self._options)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        lengths = mask.sum(1)
        flat = rows[mask]
        parts = self.forms(flat[:, 1:5])
        if self.training:  # affixes stay, so that a hidden word is like an unknown one
            hidden = torch.rand(len(flat), 1, 1) < self._blind
            keep = torch.ones(1, 4, 1)
            keep[:, :2] = 0
            parts = parts * torch.where(hidden, keep, torch.ones_like(keep))
        lists = torch.cat([flat[:, 6:7].float(), _bits(flat[:, 7], len(self._gazetteer.names))], 1)
        read = [parts.sum(1), self.shapes(flat[:, 5]), torch.tanh(self.lists(lists)), self._spelling(flat)]
        words = self.drop(torch.cat(read, 1))
        padded = words.new_zeros(*rows.shape[:2], words.shape[1])
        padded[mask] = words
        packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=rows.shape[1])
        return torch.tanh(self.dense(self.drop(out)))

    def _spelling(self, flat: Tensor) -> Tensor:
        """[n, 2 char] a vector of each unit's characters; every type of unit is read once."""
        types, inverse = np.unique(flat[:, 0].numpy(), return_inverse=True)
        first = np.zeros(len(types), dtype=np.int64)
        first[inverse[::-1]] = np.arange(len(inverse))[::-1]
        codes = flat[torch.from_numpy(first)][:, WordFeatures.FIXED :]
        lengths = (codes > 0).sum(1).clamp_min(1)
        packed = pack_padded_sequence(self.chars(codes), lengths, batch_first=True, enforce_sorted=False)
        _, (state, _) = self.char_lstm(packed)
        return torch.cat([state[0], state[1]], 1)[torch.from_numpy(inverse)]


class _Layer(nn.TransformerEncoderLayer):
    """Torch's layer with its attention called straight.

    nn.MultiheadAttention in bfloat16 with padding takes three times as long on a processor.
    """

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        """[B, T, H]; `mask` is [B, 1, 1, T], true where there is something to see."""
        attention = self.self_attn
        joint = nn.functional.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        rows, length, _ = x.shape
        parts = joint.view(rows, length, 3, attention.num_heads, attention.head_dim)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        rate = attention.dropout if self.training else 0.0
        seen = nn.functional.scaled_dot_product_attention(query, key, value, mask, rate)
        x = self.norm1(x + self.dropout1(attention.out_proj(seen.transpose(1, 2).flatten(2))))
        out: Tensor = self.norm2(x + self._ff_block(x))
        return out


class Transformer(Encoder):
    """A transformer over word pieces that also sees case, layout and lists (BERT: Devlin et al. 2019).

    A unit's vector is that of its first piece. An uncased vocabulary loses capitals, so the shape of the
    unit is added to each of its pieces, as are the lists that hold it.

    Args:
        gazetteer: lists of words.
        tokenizer: of the vocabulary.
        vocabulary: pieces of the vocabulary.
        size, heads, inner, layers: of the transformer: width, attention heads, width inside a layer.
        positions: pieces of the longest window.
        pieces: pieces read of a unit.
        dropout: within the transformer, and on its result.
    """

    def __init__(
        self,
        gazetteer: Gazetteer,
        tokenizer: Tokenizer,
        vocabulary: int,
        size: int = 384,
        heads: int = 12,
        inner: int = 1536,
        layers: int = 6,
        positions: int = 512,
        pieces: int = 6,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self._gazetteer, self._tokenizer, self._pieces = gazetteer, tokenizer, pieces
        self.size, self._precision = size, torch.float32
        self.words = nn.Embedding(vocabulary, size)
        self.places = nn.Embedding(positions, size)
        self.norm = nn.LayerNorm(size, eps=1e-12)
        self.layers = nn.ModuleList(
            _Layer(size, heads, inner, dropout, activation="gelu", layer_norm_eps=1e-12, batch_first=True)
            for _ in range(layers)
        )
        self.shapes = nn.Embedding(2 * SHAPES, size)
        self.lists = nn.Linear(len(gazetteer.names), size, bias=False)
        self.drop = nn.Dropout(dropout)
        nn.init.zeros_(self.shapes.weight)
        nn.init.zeros_(self.lists.weight)

    def features(self) -> Features:
        return PieceFeatures(self._tokenizer, self._gazetteer, self._pieces)

    def to_bfloat16(self) -> None:
        self._precision = torch.bfloat16
        self.layers.to(torch.bfloat16)

    def forward(self, rows: Tensor, mask: Tensor) -> Tensor:
        pieces = rows[..., PieceFeatures.FIXED :]
        real = self._shortened((pieces >= 0) & mask[:, :, None])
        counts = real.sum(2)
        lengths = counts.sum(1)
        row, unit, _ = real.nonzero(as_tuple=True)
        offset = lengths.cumsum(0) - lengths
        place = torch.arange(len(row)) - offset[row]
        extra = self.shapes(rows[..., 0] + SHAPES * rows[..., 1]) + self.lists(
            _bits(rows[..., 2], len(self._gazetteer.names))
        )
        shape = (len(rows), int(lengths.max()))
        embedded = self.words.weight.new_zeros(*shape, self.size)
        embedded[row, place] = self.words(pieces[real]) + self.places(place) + extra[row, unit]
        seen = torch.zeros(shape, dtype=torch.bool)
        seen[row, place] = True
        out = self._read(self.drop(self.norm(embedded)), seen, lengths)
        first = (counts.cumsum(1) - counts).clamp_max(shape[1] - 1)  # of each unit its first piece
        found: Tensor = self.drop(out.gather(1, first[:, :, None].expand(-1, -1, self.size)))
        return found

    def _read(self, embedded: Tensor, seen: Tensor, lengths: Tensor) -> Tensor:
        """[B, T, H] through the layers.

        Rows go with those of their own padded length, because attention sums in another order at another:
        what a note gives must not depend on the notes beside it.
        """
        parts, places = [], []
        padded = (lengths + _STEP - 1) // _STEP * _STEP
        for length in sorted(set(padded.tolist())):
            at = (padded == length).nonzero()[:, 0]
            beyond = max(0, length - embedded.shape[1])
            part = nn.functional.pad(embedded[at, :length], (0, 0, 0, beyond))
            mask = nn.functional.pad(seen[at, :length], (0, beyond))[:, None, None, :]
            for layer in self.layers:
                part = layer(part.to(self._precision), mask)
            parts.append(nn.functional.pad(part.float(), (0, 0, 0, embedded.shape[1] - length)))
            places.append(at)
        return torch.cat(parts)[torch.cat(places).argsort()]

    def _shortened(self, real: Tensor) -> Tensor:
        """[B, T, P] which pieces are read: fewer of each unit where a row has more than the model has positions."""
        for kept in range(self._pieces - 1, 0, -1):
            long = real.sum((1, 2)) > self.places.num_embeddings
            if not long.any():
                break
            real[long, :, kept:] = False
        return real
