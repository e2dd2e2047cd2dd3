"""Keys: where they come from, what is refused, that nothing shows them, that numbers are uniform."""

from __future__ import annotations

import base64
import os
import pickle
import random
import stat
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.replace.keys import KeyFault, RandomSource, Secret, Source, new_key, read_key, write_new_key

KEY = bytes.fromhex("8f1c0d5e7a3b42961122334455667788990aabbccddeeff0f1e2d3c4b5a69788")
OTHER = bytes.fromhex("0d5e7a3b4296a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829ff")


@pytest.mark.parametrize(
    "key",
    [
        b"",
        KEY[:31],
        b"\0" * 64,
        b"changeme" * 8,
        b"please ChangeMe: the quick brown fox jumps",
        bytes(range(32)),
        bytes(range(64, 0, -1)),
        KEY[:16] * 2,
        KEY[:20] * 3,
        KEY[:17] + KEY[:17],
        b"0123456789abcde" * 5,
    ],
)
def test_unfit_keys_are_refused(key: bytes) -> None:
    with pytest.raises(KeyFault):
        Secret(key)


def test_fresh_keys_are_fit_and_differ() -> None:
    keys = {new_key() for _ in range(200)}
    assert len(keys) == 200
    for key in keys:
        Secret(key)


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    secret = write_new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Secret(read_key(path)) == secret
    before = path.read_bytes()
    with pytest.raises(KeyFault, match="exists already"):
        write_new_key(path)
    assert path.read_bytes() == before


def test_a_new_key_file_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeyFault):
        write_new_key(tmp_path / "link")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644, 0o610])
def test_a_file_that_others_may_open_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    write_new_key(path)
    path.chmod(mode)
    with pytest.raises(KeyFault, match="other users"):
        read_key(path)
    assert len(read_key(path, allow_shared=True)) == 32


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        KEY.hex().encode(),
        KEY.hex().upper().encode() + b"\n",
        base64.b64encode(KEY),
        base64.urlsafe_b64encode(KEY),
    ],
)
def test_the_forms_of_a_key(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(text)
    path.chmod(0o600)
    assert read_key(path) == KEY
    reader, writer = os.pipe()
    os.write(writer, text)
    os.close(writer)
    assert read_key(descriptor=reader) == KEY
    os.close(reader)
    if text.isascii():
        assert read_key(environ={"NLP_DEID_KEY": text.decode()}) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "abc",
        "correct horse battery staple " * 3,
        "correcthorsebatterystaple" * 3,
        "ChangeMe" * 9,
        "é" * 9,
    ],
)
def test_texts_that_are_no_key(text: str) -> None:
    with pytest.raises(KeyFault, match="NLP_DEID_KEY"):
        read_key(environ={"NLP_DEID_KEY": text})


def test_no_key_and_two_keys() -> None:
    with pytest.raises(KeyFault, match="no key"):
        read_key(environ={})
    with pytest.raises(KeyFault, match="not from both"):
        read_key(Path("key"), descriptor=0)


def test_an_endless_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(os.urandom(9000))
    path.chmod(0o600)
    with pytest.raises(KeyFault, match="4096"):
        read_key(path)


def test_nothing_shows_a_key(tmp_path: Path) -> None:
    secret = Secret(KEY)
    shown = [repr(secret), str(secret), f"{secret}", repr(secret.derive("names")), repr([secret]), secret.id]
    for text in ("deadbeef" * 9, KEY[:20].hex(), "ab" * 40):
        with pytest.raises(KeyFault) as caught:
            read_key(environ={"NLP_DEID_KEY": text})
        shown.append(str(caught.value))
        assert text not in str(caught.value)
        assert caught.value.__cause__ is None
    for text in shown:
        assert KEY.hex()[:8] not in text
        assert base64.b64encode(KEY).decode()[:8] not in text
    assert not hasattr(secret, "__dict__")
    for source in (secret, RandomSource()):
        with pytest.raises(TypeError):
            pickle.dumps(source)


def test_the_id_names_the_key() -> None:
    assert Secret(KEY).id == Secret(KEY).id != Secret(OTHER).id
    assert len(Secret(KEY).id) == 16
    assert Secret(KEY) == Secret(KEY) != Secret(OTHER)
    assert Secret(KEY) != KEY


def test_old_and_new_key_cannot_be_joined_and_the_old_one_reproduces() -> None:
    values = [f"MRN {number}" for number in range(2000)]
    old = [Secret(KEY).derive("ids").number(10**8, value) for value in values]
    new = [Secret(OTHER).derive("ids").number(10**8, value) for value in values]
    assert old == [Secret(KEY).derive("ids").number(10**8, value) for value in values]
    assert sum(a == b for a, b in zip(old, new, strict=True)) == 0


def test_purposes_are_apart() -> None:
    secret = Secret(KEY)
    names, dates = secret.derive("names"), secret.derive("dates")
    same = sum(names.number(1000, str(at)) == dates.number(1000, str(at)) for at in range(5000))
    assert same < 25  # 5 by chance
    assert secret.derive("a").derive("b") != secret.derive("ab") != secret.derive("b").derive("a")


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_parts_are_joined_without_doubt(left: list[str], right: list[str]) -> None:
    secret = Secret(KEY)
    equal = secret.number(1 << 128, *left) == secret.number(1 << 128, *right)
    assert equal == (left == right)


def sources() -> list[Source]:
    return [Secret(KEY), RandomSource(), RandomSource(random.Random(7).randrange)]


@given(st.integers(1, 1 << 600), st.text(max_size=8))
def test_numbers_lie_in_range_and_come_back(below: int, part: str) -> None:
    for source in sources():
        number = source.number(below, part)
        assert 0 <= number < below
        assert number == source.number(below, part)


def test_numbers_are_uniform() -> None:
    for source in sources():
        counts = Counter(source.number(7, "dice", str(at)) for at in range(14_000))
        chi2 = sum((counts[face] - 2000) ** 2 / 2000 for face in range(7))
        assert chi2 < 32  # 6 degrees of freedom: less than 1 in 50,000 runs


@pytest.mark.parametrize("below", [0, -1])
def test_an_empty_range_is_an_error(below: int) -> None:
    for source in sources():
        with pytest.raises(ValueError, match="below 1"):
            source.number(below, "a")


def test_lone_surrogates_are_parts_too() -> None:
    assert 0 <= Secret(KEY).number(10, "\ud800") < 10


def test_a_random_source_remembers_for_a_run_only() -> None:
    one, two = RandomSource(), RandomSource()
    first = [one.derive("ids").number(10**9, str(at)) for at in range(50)]
    assert first == [one.derive("ids").number(10**9, str(at)) for at in range(50)]
    assert first != [one.derive("dates").number(10**9, str(at)) for at in range(50)]
    assert first != [two.derive("ids").number(10**9, str(at)) for at in range(50)]
    assert one.id == "random"
    assert repr(one) == "RandomSource()"
