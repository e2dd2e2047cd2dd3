"""Surrogate names: people, shapes, user names, invariants. All people are fictional."""

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
from nlp_deid.replace.name_case import in_shape
from nlp_deid.replace.name_pools import Pools, fold, keep_lists
from nlp_deid.replace.name_shape import Kind, Role, parse
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


# --- shapes


@pytest.mark.parametrize(
    ("mention", "shape"),
    [
        ("John Smith", "{F} {L}"),
        ("john smith", "{f} {l}"),
        ("JOHN SMITH", "{FF} {LL}"),
        ("Smith, John", "{L}, {F}"),
        ("SMITH,JOHN", "{LL},{FF}"),
        ("Smith,\n   John", "{L},\n   {F}"),
        ("John  Smith", "{F}  {L}"),
        ("Mr. Smith", "Mr. {L}"),
        ("Dr John Smith", "Dr {F} {L}"),
        ("John Smith, M.D., PhD", "{F} {L}, M.D., PhD"),
        ("John Smith RN", "{F} {L} RN"),
        ("John Smith Jr.", "{F} {L} Jr."),
        ("Smith's", "{L}'s"),
        ("Smith", "{L}"),
        ("smith", "{l}"),
        ("John", "{F}"),
        ("J. Smith", "{I}. {L}"),
        ("J Smith", "{I} {L}"),
        ("Smith, J.", "{L}, {I}."),
        ("Smith J", "{L} {I}"),
        ("John S.", "{F} {S}."),
        ("J.S.", "{I}.{S}."),
        ("JS", "{I}{S}"),
        ("js", "{i}{s}"),
        ("J. S.", "{I}. {S}."),
        ("J.", "{I}."),
        ("SMITH^JOHN", "{LL}^{FF}"),
        ("SMITH^JOHN^^^DR", "{LL}^{FF}^^^DR"),
        ("S-M-I-T-H", "{L-}"),
        ("s m i t h", "{l_}"),
        ("Smith, S-M-I-T-H", "{L}, {L-}"),
        ("John and Mary Smith", "{F} and {M} {L}"),
        ("van Smith", "van {L}"),
        ("John de la Smith", "{F} de la {L}"),
    ],
)
def test_every_form_of_one_person_follows_the_surrogate_in_its_shape(mention: str, shape: str) -> None:
    scope = people(*["John Smith"] * 9, "Mary Smith", mention)
    first, last = words(scope.surrogate("John Smith", PATIENT))
    mary = words(scope.surrogate("Mary Smith", PATIENT))[0]
    expected = shape.format_map(
        {
            "F": first,
            "L": last,
            "f": first.lower(),
            "l": last.lower(),
            "FF": first.upper(),
            "LL": last.upper(),
        }
        | {"I": first[0], "S": last[0], "i": first[0].lower(), "s": last[0].lower(), "M": mary}
        | {"L-": "-".join(fold(last).upper()), "l_": " ".join(fold(last))}
    )
    assert scope.surrogate(mention, PATIENT) == expected


def test_hyphened_names_keep_two_parts_and_share_them_with_single_ones() -> None:
    scope = people("Soon-Yi Park", "Ann Smith-Jones", "Smith -\nJones", "JONES", "Ann Smith")
    given_name, last = words(scope.surrogate("Soon-Yi Park", PATIENT))
    assert given_name.count("-") == 1
    assert "-" not in last
    double = words(scope.surrogate("Ann Smith-Jones", PATIENT))[1]
    smith, jones = double.split("-")
    assert scope.surrogate("Smith -\nJones", PATIENT) == f"{smith} -\n{jones}"
    assert scope.surrogate("JONES", PATIENT) == jones.upper()
    assert words(scope.surrogate("Ann Smith", PATIENT))[1] == smith


def test_accents_apostrophes_and_camel_case_are_the_same_name() -> None:
    scope = people("José O’Brien", "OBRIEN, JOSE", "Jose O'Brien", "Sam McDonald", "MCDONALD", "McDONALD")
    first, last = words(scope.surrogate("José O’Brien", PATIENT))
    assert scope.surrogate("OBRIEN, JOSE", PATIENT) == f"{last.upper()}, {first.upper()}"
    assert scope.surrogate("Jose O'Brien", PATIENT) == f"{first} {last}"
    assert scope.surrogate("MCDONALD", PATIENT) == scope.surrogate("McDONALD", PATIENT)


@pytest.mark.parametrize(
    ("word", "like", "made"),
    [
        ("mcdowell", "Smith", "McDowell"),
        ("oconnor", "smith", "o'connor"),
        ("oconnor", "SMITH", "O'CONNOR"),
        ("ortiz", "McDonald", "Ortiz"),
        ("ortiz", "McDONALD", "ORTIZ"),
        ("mack", "Smith", "Mack"),
        ("ortiz", "王小明", "Ortiz"),
    ],
)
def test_case(word: str, like: str, made: str) -> None:
    assert in_shape(word, like) == made


@given(st.text(st.sampled_from("abJSmith .,'\"-^\n()/&éß王0Dr"), max_size=30))
def test_pieces_join_to_the_mention_and_only_harmless_text_stays(text: str) -> None:
    pieces = parse(text, POOLS)
    if pieces is None:
        return
    assert "".join(piece.text for piece in pieces) == text
    assert all((piece.kind is Kind.STAY) == (piece.role is Role.NONE) for piece in pieces)
    assert not any(char.isdigit() for piece in pieces if piece.kind is Kind.STAY for char in piece.text)


@pytest.mark.parametrize(
    "text", ["Smith 12", "4East Smith", "Mc\u200bX", "Mr.", "MR", "...", "", "Smith <b>", "@smith"]
)
def test_what_is_more_or_less_than_a_name_gets_no_surrogate(text: str) -> None:
    assert people(text, "Ann Smith").surrogate(text, PATIENT) is None


def test_credentials_that_are_also_names_are_replaced_when_in_doubt() -> None:
    scope = people("Yo Ma", "LEE, DO", "Ann Lee, DO")
    assert "Ma" not in words(scope.surrogate("Yo Ma", PATIENT))
    assert not str(scope.surrogate("LEE, DO", PATIENT)).endswith("DO")
    assert str(scope.surrogate("Ann Lee, DO", PATIENT)).endswith(", DO")


# --- people


def test_a_family_shares_its_surname_and_nothing_else() -> None:
    scope = people("John Smith", "Mary Smith", "Ann Jones")
    (john, smith), (mary, smith2), (ann, jones) = (
        words(scope.surrogate(text, PATIENT)) for text in ("John Smith", "Mary Smith", "Ann Jones")
    )
    assert smith == smith2
    assert len({john, mary, ann, smith, jones}) == 5


def test_nicknames_are_the_person_of_the_same_surname() -> None:
    scope = people("John Smith", "Johnny Smith", "Johnny Baker", "Johnny", "Jack Smith", "Bill Smith")
    key = scope.person("John Smith", PATIENT)
    assert scope.person("Johnny Smith", PATIENT) == key
    assert scope.person("Jack Smith", PATIENT) == key
    assert scope.person("Johnny Baker", PATIENT) != key
    assert scope.person("Bill Smith", PATIENT) != key
    john = fold(words(scope.surrogate("John Smith", PATIENT))[0])
    short = fold(words(scope.surrogate("Johnny Smith", PATIENT))[0])
    assert short == john or john in POOLS.nicknames[short]


def test_a_quoted_nickname_is_learned() -> None:
    scope = people('Robert "Bluey" Ernest', "Bluey", "Robert (Bob) Ernest")
    quoted = str(scope.surrogate('Robert "Bluey" Ernest', PATIENT))
    first, nick, last = quoted.split()
    assert nick[0] == nick[-1] == '"'
    assert scope.surrogate("Bluey", PATIENT) == nick.strip('"')
    assert nick.strip('"') not in (first, last)
    assert words(scope.surrogate("Robert (Bob) Ernest", PATIENT))[1][:1] == "("


def test_father_and_son_differ_by_their_initial() -> None:
    scope = people("John A Smith", "John B Smith", "John Allan Jones", "John A. Jones")
    a, b = (scope.surrogate(text, PATIENT) for text in ("John A Smith", "John B Smith"))
    assert a != b
    allan = words(scope.surrogate("John Allan Jones", PATIENT))[1]
    assert words(scope.surrogate("John A. Jones", PATIENT))[1] == f"{allan[0]}."


def test_initials_go_to_the_best_match_label_first_then_count() -> None:
    scope = People(KEY, "p1")
    for text, label in [
        ("Jane Sykes", DOCTOR),
        ("Joan Stein", PATIENT),
        ("Joan Stein", PATIENT),
        ("JS", PATIENT),
    ]:
        scope.add(text, label)

    def initials(text: str, label: str) -> str:
        return "".join(word[0] for word in words(scope.surrogate(text, label)))

    assert scope.person("JS", PATIENT) == scope.person("Joan Stein", PATIENT)
    assert scope.person("JS", DOCTOR) == scope.person("Jane Sykes", DOCTOR)
    assert scope.surrogate("JS", PATIENT) == initials("Joan Stein", PATIENT)


def test_a_bare_surname_of_two_people_goes_to_the_label_then_the_most_frequent() -> None:
    scope = People(KEY, "p1")
    for text, label in [("Ann Lee", PATIENT), ("Ann Lee", PATIENT), ("Bo Lee", PATIENT), ("Cy Lee", DOCTOR)]:
        scope.add(text, label)
    assert scope.person("Mr. Lee", PATIENT) == scope.person("Ann Lee", PATIENT)
    assert scope.person("Dr. Lee", DOCTOR) == scope.person("Cy Lee", DOCTOR)


def test_a_bare_word_is_what_the_full_names_say() -> None:
    scope = people("Thomas Quill", "Quill Thomas", "Quill Thomas", "Thomas")
    assert scope.surrogate("Thomas", PATIENT) == words(scope.surrogate("Quill Thomas", PATIENT))[1]


def test_gender_and_frequency_are_kept() -> None:
    draw = POOLS.draw
    for number, (text, kinds) in enumerate(
        [
            ("Susan Garcia", ("female common", "last common")),
            ("Joseph Nguyen", ("male common", "last common")),
            ("Albertina Zwicker", ("female rare", "last rare")),
            ("Cornelius Quackenbush", ("male rare", "last rare")),
            ("Qwertin Zwicker", ("any rare", "last rare")),
        ]
        * 25
    ):
        made = words(people(text, patient=str(number)).surrogate(text, PATIENT))
        for word, kind in zip(made, kinds, strict=True):
            assert fold(word) in draw[kind]


# --- invariants

_part = st.one_of(st.sampled_from(NAMES), st.text("bcdfgklmnprstvzaeiou", min_size=4, max_size=9))
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
        "print([m for m in sys.modules if m.startswith(('nlp_deid.detect', 'spacy', 'torch'))])\n"
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


# --- user names


@pytest.mark.parametrize(
    ("local", "shape"),
    [
        ("jsmith", "{i}{l}"),
        ("JSmith", "{I}{L}"),
        ("JSMITH", "{I}{U}"),
        ("john.smith", "{f}.{l}"),
        ("john.smith@hospital.test", "{f}.{l}"),
        ("smith_john", "{l}_{f}"),
        ("smithj", "{l}{i}"),
        ("j-smith", "{i}-{l}"),
        ("johns", "{f}{s}"),
        ("john", "{f}"),
        ("smith", "{l}"),
        ("jsmi", "{i}{l}"),
        ("jasmith", "{i}{m}{l}"),
        ("jas", "{i}{m}{s}"),
        ("john.allan.smith", "{f}.{a}.{l}"),
    ],
)
def test_user_names_follow(local: str, shape: str) -> None:
    scope = people("John Allan Smith")
    first, middle, last = (fold(word) for word in words(scope.surrogate("John Allan Smith", PATIENT)))
    assert scope.login(local) == shape.format_map(
        {
            "f": first,
            "l": last,
            "L": last.capitalize(),
            "U": last.upper(),
            "I": first[0].upper(),
            "i": first[0],
        }
        | {"s": last[0], "m": middle[0], "a": middle}
    )


@given(st.integers(0, 10**6).map(str))
@settings(deadline=None, max_examples=40)
def test_digits_of_user_names_are_others_of_the_same_length(digits: str) -> None:
    scope = people("John Smith")
    plain = str(scope.login("jsmith"))
    made = str(scope.login(f"jsmith{digits}"))
    assert made.startswith(plain)
    assert len(made) == len(plain) + len(digits)
    assert made.removeprefix(plain) != digits


@pytest.mark.parametrize("local", ["kbauer", "nursing.station", "", "12", "x@y", "jsmith!", "jsmith\u0661"])
def test_user_names_of_nobody_known_are_left_to_others(local: str) -> None:
    assert people("John Smith").login(local) is None


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


@pytest.mark.parametrize("change", [-0.1, 1.1, math.nan])
def test_markov_needs_a_probability(change: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        Markov(KEY, "p1", change=change)


# --- lists


def test_every_keep_list_of_the_index_is_kept_out_of_the_pools() -> None:
    assert {"drugs", "drugs_brand", "eponyms", "common_words", "medical_words"} <= set(
        keep_lists(folder("dictionaries"))
    )
    kept = kept_terms()
    for kind, names in POOLS.draw.items():
        assert kept.isdisjoint(names), kind
        assert len(set(names)) == len(names) >= 200
        assert all(name == fold(name) and name.isalpha() for name in names)


def test_nicknames_stand_for_listed_names() -> None:
    assert len(POOLS.nicknames) >= 300
    assert "john" in POOLS.nicknames["johnny"]
    formal = {name for names in POOLS.nicknames.values() for name in names}
    assert len(formal - POOLS.firsts) <= 0.02 * len(formal)
    assert all(nickname not in names for nickname, names in POOLS.nicknames.items())


def test_a_missing_list_is_an_error(tmp_path: object) -> None:
    with pytest.raises(FileNotFoundError):
        name_pools.load(tmp_path)  # type: ignore[arg-type]


def test_pools_are_read_once() -> None:
    assert name_pools.load() is POOLS
    assert isinstance(POOLS, Pools)
