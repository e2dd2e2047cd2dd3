"""Surrogate names: invariants of the draws, changing surrogates. All people are fictional."""

from __future__ import annotations

import hashlib
import math
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.replace import name_pools
from nlp_deid.replace.keys import Secret
from nlp_deid.replace.name_pools import fold, keep_lists
from nlp_deid.replace.name_shape import _JOINTS, _PARTICLES, _SUFFIXES, _TITLES
from nlp_deid.replace.names import STATES, Markov, NamesClosed, People
from nlp_deid.resources import folder

POOLS = name_pools.load()
KEY = Secret(hashlib.sha256(b"surrogate names").digest())
OTHER_KEY = Secret(hashlib.sha256(b"other surrogate names").digest())
PATIENT, DOCTOR = "PATIENT", "DOCTOR"
NAMES = sorted({*POOLS.draw["any common"], *POOLS.draw["last common"]})


def people(
    *texts: str, label: str = PATIENT, key: Secret = KEY, patient: str = "p1", **more: object
) -> People:
    made = People(key, patient, **more)  # type: ignore[arg-type]
    for text in texts:
        made.add(text, label)
    return made


def words(text: str | None) -> list[str]:
    assert text is not None
    return text.split()


def kept_terms() -> set[str]:
    terms: set[str] = set()
    for name in keep_lists(folder("dictionaries")):
        lines = (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        terms.update(line.split("\t")[0].lower() for line in lines)
    return terms


# --- draws

# Words that stay in a name are no names for this test.
_STAYING = _PARTICLES | _TITLES | _JOINTS | _SUFFIXES | POOLS.credentials
_part = st.one_of(st.sampled_from(NAMES), st.text("bcdfgklmnprstvzaeiou", min_size=4, max_size=9)).filter(
    lambda word: word not in _STAYING
)
_form = st.sampled_from(
    ["{0} {1}", "{1}, {0}", "{U1}, {U0}", "{1}", "{0}", "Mr. {1}", "{0} {2} {1}", "{i0}. {1}"]
)
_people = st.lists(
    st.tuples(_form, _part, _part, _part, st.sampled_from([PATIENT, DOCTOR])), min_size=1, max_size=12
)


def mentions(people: Iterable[tuple[str, str, str, str, str]]) -> list[tuple[str, str]]:
    return [
        (
            form.format(
                *(n := [a.title(), b.title(), c.title()]), U0=n[0].upper(), U1=n[1].upper(), i0=n[0][0]
            ),
            label,
        )
        for form, a, b, c, label in people
    ]


@settings(max_examples=150, deadline=None)
@given(_people, st.sets(st.sampled_from(NAMES), max_size=30), st.randoms(use_true_random=False))
def test_invariants(
    drawn: list[tuple[str, str, str, str, str]], taken: set[str], shuffle: random.Random
) -> None:
    known = mentions(drawn)
    scope = People(KEY, "p1", taken)
    for mention in known:
        scope.add(*mention)
    made = {mention: scope.surrogate(*mention) for mention in known}
    real = {fold(word.strip(".,")) for text, _ in known for word in text.split() if len(word.strip(".,")) > 1}
    for (text, _), out in made.items():
        assert out is not None
        new = {fold(word.strip(".,")) for word in out.split() if len(word.strip(".,")) > 1} - {"mr"}
        assert new.isdisjoint(real | taken), "a real name came out"
        assert out.casefold() != text.casefold()
        assert [char for char in out if not char.isalpha() and char != "'"] == [
            char for char in text if not char.isalpha()
        ]
    by_slot = Counter(scope._words.values())
    listed = {slot: word for slot, word in scope._words.items() if slot[0] != "nick"}
    assert len(set(listed.values())) == len(listed), "two names share a surrogate"
    assert by_slot.keys().isdisjoint(taken)

    shuffle.shuffle(known)
    again = People(KEY, "p1", sorted(taken))
    for mention in known:
        again.add(*mention)
    assert {mention: again.surrogate(*mention) for mention in known} == made, "order matters"


def test_a_hundred_thousand_draws_without_a_collision() -> None:
    chance = random.Random(7)
    kept = kept_terms()
    every = [*POOLS.draw["any rare"], *POOLS.draw["last rare"]]
    draws = 0
    for number in range(250):
        taken = set(chance.sample(every, 200))
        pairs = [(chance.choice(every), chance.choice(every)) for _ in range(205)]
        texts = [f"{first.title()} {last.title()}" for first, last in pairs]
        scope = people(*texts, patient=str(number), taken=taken)
        out = {text: scope.surrogate(text, PATIENT) for text in texts}
        assert None not in out.values()
        assert len(set(out.values())) == len(set(map(str.lower, texts)))
        given_out = scope.given_out
        draws += len(scope._words)
        assert given_out.isdisjoint(taken)
        assert given_out.isdisjoint(kept)
        assert given_out.isdisjoint(word for pair in pairs for word in pair)
    assert draws >= 100_000 * 0.98


def test_crowded_scopes_stay_one_to_one_and_use_the_next_pool() -> None:
    men = [name for name in POOLS.draw["male common"] if name not in POOLS.nicknames]
    texts = [f"{first.title()} Smith" for first in men]
    scope = people(*texts)
    out = [scope.surrogate(text, PATIENT) for text in texts]
    assert None not in out
    assert len(set(out)) == len(men)


def test_used_up_pools_give_no_surrogate() -> None:
    few = replace(POOLS, draw={kind: names[:49] for kind, names in POOLS.draw.items()})
    assert people("John Smith", pools=few).surrogate("John Smith", PATIENT) is None
    enough = replace(POOLS, draw={kind: names[:50] for kind, names in POOLS.draw.items()})
    all_taken = {name for names in enough.draw.values() for name in names}
    assert people("John Smith", pools=enough).surrogate("John Smith", PATIENT) is not None
    assert people("John Smith", pools=enough, taken=all_taken).surrogate("John Smith", PATIENT) is None


def test_whole_values_that_are_taken_do_not_come_out() -> None:
    made = str(people("John Smith").surrogate("John Smith", PATIENT))
    assert people("John Smith", taken=[made.upper()]).surrogate("John Smith", PATIENT) is None


def test_initials_agree_by_chance_only() -> None:
    pairs = [(word, "last") for word in POOLS.draw["last common"]] + [
        (word, "first") for word in POOLS.draw["female common"]
    ]
    same = expected = variance = 0.0
    for patient in range(3):
        for word, role in pairs:
            text = f"Mr. {word.title()}" if role == "last" else f"{word.title()} Smith"
            made = fold(words(people(text, patient=f"{patient}").surrogate(text, PATIENT))[role == "last"])
            pool = [name for name in POOLS.draw[POOLS.kinds(word, role)[0]] if name not in (word, "smith")]
            p = sum(name[0] == word[0] for name in pool) / len(pool)
            same += made[0] == word[0]
            expected += p
            variance += p * (1 - p)
    assert abs(same - expected) < 4 * math.sqrt(variance)


def test_unknown_initials_are_never_their_own_and_stay_apart() -> None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    scope = people(*(f"{letter}. Smith" for letter in letters))
    made = [str(scope.surrogate(f"{letter}. Smith", PATIENT))[0] for letter in letters]
    assert sorted(made) == list(letters)
    assert all(new != old for new, old in zip(made, letters, strict=True))


def test_initials_that_would_come_out_as_they_were_get_no_surrogate() -> None:
    for number in range(400):
        scope = people("John Smith", "J.", patient=str(number))
        first = words(scope.surrogate("John Smith", PATIENT))[0]
        assert scope.surrogate("J.", PATIENT) == (None if first[0] == "J" else f"{first[0]}.")


def test_keys_and_patients_are_unlinkable() -> None:
    texts = [f"Mr. {name.title()}" for name in POOLS.draw["last common"][:400]]

    def made(key: Secret, patient: str) -> list[str | None]:
        return [people(text, key=key, patient=patient).surrogate(text, PATIENT) for text in texts]

    ours = made(KEY, "p1")
    for other in (made(OTHER_KEY, "p1"), made(KEY, "p2")):
        assert sum(a == b for a, b in zip(ours, other, strict=True)) <= 5  # 0.3 expected
    assert made(KEY, "p1") == ours


def test_another_process_makes_the_same_and_loads_no_detector() -> None:
    code = (
        "import sys, hashlib\n"
        "from nlp_deid.replace.names import People\n"
        "from nlp_deid.replace.keys import Secret\n"
        "p = People(Secret(hashlib.sha256(b'surrogate names').digest()), 'p1')\n"
        "texts = ['John Smith', 'Johnny', 'Jack Smith', 'Ann B. Lee', 'LEE']\n"
        "[p.add(t, 'PATIENT') for t in texts]\n"
        "print([p.surrogate(t, 'PATIENT') for t in texts])\n"
        "print([m for m in sys.modules if m.startswith(('nlp_deid.detect.rules', 'nlp_deid.detect.lexicon', 'spacy', 'torch'))])\n"
    )
    outputs = set()
    for seed in ("0", "1", "17"):
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(run.stdout)
    texts = ["John Smith", "Johnny", "Jack Smith", "Ann B. Lee", "LEE"]
    scope = people(*texts)
    assert outputs == {f"{[scope.surrogate(text, PATIENT) for text in texts]}\n[]\n"}


def test_names_close_with_the_first_surrogate_and_strangers_get_none() -> None:
    scope = people("John Smith")
    assert scope.surrogate("Anne Quill", PATIENT) is None
    with pytest.raises(NamesClosed) as fault:
        scope.add("Anne Quill", PATIENT)
    assert "Quill" not in str(fault.value)
    chain = Markov(KEY, "p1")
    chain.add("John Smith", PATIENT)
    chain.surrogate("John Smith", PATIENT)
    with pytest.raises(NamesClosed):
        chain.add("Anne Quill", PATIENT)


# --- changing surrogates


def chain(change: float, texts: list[str], patient: str = "p1") -> list[str | None]:
    made = Markov(KEY, patient, change=change)
    for text in texts:
        made.add(text, PATIENT)
    return [made.surrogate(text, PATIENT) for text in texts]


def test_markov_stays_moves_or_does_both_with_its_probability() -> None:
    texts = ["John Smith"] * 1500
    assert len(set(chain(0.0, texts))) == 1
    always = chain(1.0, texts)
    assert all(a != b for a, b in pairwise(always))
    assert len(set(always)) == STATES
    for change in (0.2, 0.5):
        made = chain(change, texts)
        moved = sum(a != b for a, b in pairwise(made)) / (len(made) - 1)
        assert abs(moved - change) < 4 * math.sqrt(change * (1 - change) / (len(made) - 1))
    starts = {chain(0.0, ["John Smith"], str(number))[0] for number in range(50)}
    assert len(starts) > 40


def test_markov_moves_all_forms_of_a_person_together_and_shares_no_name() -> None:
    made = chain(0.0, ["John Smith", "SMITH, JOHN", "Mr. Smith"])
    first, last = words(made[0])
    assert made[1:] == [f"{last.upper()}, {first.upper()}", f"Mr. {last}"]
    mixed = chain(0.7, ["John Smith", "Mary Jones"] * 300)
    johns, marys = ({word for name in mixed[start::2] for word in words(name)} for start in (0, 1))
    assert len(johns) == len(marys) == 2 * STATES
    assert johns.isdisjoint(marys)


@pytest.mark.parametrize("name", ["Gus", "Bluey"])
def test_a_nickname_in_quotes_never_repeats_the_first_name(name: str) -> None:
    for number in range(60):
        text = f"Augustus ({name}) Fox"
        first, nick, _ = words(people(text, patient=str(number)).surrogate(text, PATIENT))
        assert nick.strip("()") != first


@pytest.mark.parametrize("change", [-0.1, 1.1, math.nan])
def test_markov_needs_a_probability(change: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        Markov(KEY, "p1", change=change)
