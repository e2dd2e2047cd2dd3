"""Rows of features: widths, values that are the same on every machine, lists."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tagging import gazetteer, tokenizer
from tokenizers import Tokenizer, models

from nlp_deid.taggers.features import (
    SHAPES,
    Features,
    PieceFeatures,
    WordFeatures,
    shape,
)
from nlp_deid.taggers.gazetteer import MOST_LISTS, Gazetteer, hash32, plain
from nlp_deid.taggers.templates import CharacterFeatures, TemplateFeatures
from nlp_deid.taggers.units import split, split_characters

_KINDS: dict[str, Callable[[], Features]] = {
    "word": lambda: WordFeatures(gazetteer(), 1000, 4),
    "piece": lambda: PieceFeatures(tokenizer(), gazetteer(), 3),
    "template": lambda: TemplateFeatures(gazetteer(), 1 << 20),
}


def test_hashes_do_not_change() -> None:
    # Weights of shipped models are found by these numbers.
    assert hash32("Falk") == 998124962
    assert hash32("falk", 3) == 585733768
    assert hash32("é") == 3259254165
    assert hash32("\ud800", 1) == 1277133526


def test_rows_do_not_change() -> None:
    assert _KINDS["word"]()(split("Ida-12")).tolist() == [
        [-474872359, 324, 90, 999, 468, 10, 0, 1, 74, 101, 98, 0],
        [151492011, 529, 581, 156, 633, 15, 1, 0, 46, 0, 0, 0],
        [1871871335, 283, 399, 56, 758, 2, 1, 0, 50, 51, 0, 0],
    ]
    assert _KINDS["piece"]()(split("Ida-12\n")).tolist() == [
        [10, 0, 1, 11, 42, 39],
        [15, 1, 0, 80, -1, -1],
        [2, 1, 0, 30, 67, -1],
        [0, 1, 0, 2, -1, -1],
    ]
    rows = _KINDS["template"]()(split("Name: Ida\n12"))
    assert rows[:, 0].tolist() == [365146, 541325, 495525, 1015326, 639015]


def test_rows_do_not_depend_on_the_hash_of_this_python() -> None:
    code = (
        "from nlp_deid.taggers.templates import TemplateFeatures as T, Gazetteer as G;"
        "from nlp_deid.taggers.units import split;"
        "print(T(G.build({'one': {'ida', 'saw'}})) (split('Ida saw Mr. Moss')).tolist())"
    )
    seeds = [os.environ | {"PYTHONHASHSEED": seed} for seed in "12"]
    one, other = (
        subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True).stdout
        for env in seeds
    )
    assert one == other != b""


@pytest.mark.parametrize("kind", _KINDS)
@settings(deadline=None, max_examples=50)
@given(text=st.text(max_size=40))
def test_a_row_for_every_unit(kind: str, text: str) -> None:
    features = _KINDS[kind]()
    units = split(text)
    rows = features(units)
    assert rows.shape == (len(units), features(split("one word")).shape[1])
    assert rows.dtype == np.int32
    if kind == "template":
        assert ((rows >= 0) & (rows < 1 << 20)).all()


@pytest.mark.parametrize("kind", ["word", "piece"])
@settings(deadline=None, max_examples=50)
@given(texts=st.lists(st.text(max_size=12), max_size=6))
def test_what_was_kept_gives_the_same_rows(kind: str, texts: list[str]) -> None:
    used = _KINDS[kind]()
    for text in texts:
        assert used(split(text)).tolist() == _KINDS[kind]()(split(text)).tolist()


def test_templates_see_neighbours_and_the_key_of_the_line() -> None:
    features = TemplateFeatures(gazetteer())

    def last(text: str) -> set[int]:
        return set(features(split(text))[-1].tolist())

    plain_row = last("seen by Moss")
    assert plain_row != last("seen at Moss")
    assert last("Name: a b Moss") - last("Ward: a b Moss")
    assert last("b c seen by Moss") >= last("a b c seen by Moss") & last("b c seen by Moss")


def test_a_word_in_the_middle_of_a_long_one_is_cut_out() -> None:
    features = WordFeatures(gazetteer(), 1000, 4)
    codes = features(split("abcdefgh"))[0, WordFeatures.FIXED :]
    assert codes.tolist() == [1 + ord(char) for char in "abgh"]
    assert features(split("日"))[0, WordFeatures.FIXED] == WordFeatures.ALPHABET - 1


def test_half_a_surrogate_pair_is_read_as_an_unknown_sign() -> None:
    features = PieceFeatures(tokenizer(), gazetteer(), 3)
    units = split("ida \ud800 moss")
    assert features(units)[1, PieceFeatures.FIXED] == tokenizer().token_to_id("[UNK]")
    assert features(split("moss"))[0].tolist() == features(units)[2].tolist()


def test_a_vocabulary_without_special_pieces() -> None:
    bare = Tokenizer(models.WordPiece(vocab={"a": 0}, unk_token="a"))
    with pytest.raises(ValueError, match=r"lacks \[SEP\]"):
        PieceFeatures(bare, gazetteer())


def test_buckets_are_a_power_of_two() -> None:
    with pytest.raises(ValueError, match="power of two"):
        TemplateFeatures(gazetteer(), 1000)


def test_shapes_differ() -> None:
    units = ["\n", "1", "12", "123", "1234", "12345", "123456", "a", "A", "ab", "Ab", "AB", "aB", ".", ":"]
    units += ["-", "/", "?"]
    assert sorted(map(shape, units)) == list(range(SHAPES))


def test_a_gazetteer_says_which_lists_hold_a_word() -> None:
    lists = Gazetteer.build({"one": ["Ana María", "de la Fe"], "two": ["maria", "JO"]})
    assert lists.names == ("one", "two")
    assert [lists(word) for word in ("ANA", "María", "maria", "de", "jo", "Fe", "Anna")] == [
        1,
        3,
        3,
        0,
        0,
        0,
        0,
    ]
    assert (np.diff(lists.hashes.astype(np.int64)) > 0).all()
    assert Gazetteer.build({})("word") == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(min_size=1, max_size=8), max_size=20), st.text(max_size=8))
def test_a_gazetteer_is_a_set_of_words(words: list[str], other: str) -> None:
    lists = Gazetteer.build({"one": words})
    inside = {part for word in words for part in plain(word).split() if len(part) > 2}
    assert bool(lists(other)) == (plain(other) in inside)


def test_a_gazetteer_refuses_tables_that_do_not_fit() -> None:
    good = np.array([1, 2], dtype=np.uint32)
    with pytest.raises(ValueError, match="lists"):
        Gazetteer(tuple(map(str, range(MOST_LISTS + 1))), good, good)
    for hashes in (good[:1], good[::-1], good[[0, 0]]):
        with pytest.raises(ValueError, match="rising order"):
            Gazetteer(("a",), hashes, good)


def test_characters_know_their_word() -> None:
    units = split_characters("Ida Moss 3/4")
    assert "".join(units.texts) == "IdaMoss3/4"
    assert [units.words.texts[at] for at in units.of_word[:4]] == ["Ida", "Ida", "Ida", "Moss"]
    assert (units.ends - units.starts == 1).all()
    features = CharacterFeatures(gazetteer())
    rows = features(units)
    assert rows.shape == (10, features._columns)
    assert (rows >= 0).all()
    assert (rows < features.buckets).all()
    assert (rows[0] != rows[3]).any()
    assert features(split_characters("")).shape == (0, features._columns)
    with pytest.raises(TypeError, match="characters"):
        features(split("Ida"))
