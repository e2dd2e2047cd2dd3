"""Surrogate names: people, shapes, user names, invariants. All people are fictional."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.replace import name_pools
from nlp_deid.replace.keys import Secret
from nlp_deid.replace.name_case import in_shape
from nlp_deid.replace.name_pools import Pools, fold, keep_lists
from nlp_deid.replace.name_shape import Kind, Role, parse
from nlp_deid.replace.names import People
from nlp_deid.resources import folder

POOLS = name_pools.load()
KEY = Secret(hashlib.sha256(b"surrogate names").digest())
PATIENT, DOCTOR = "PATIENT", "DOCTOR"


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
        ("VAN SMITH, JOHN", "VAN {LL}, {FF}"),
        ("Van der Smith", "Van der {L}"),
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
        ("SMITJ", "{U}{I}"),
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
