"""Surrogates of places: in kind, agreeing with one another, never a real hospital; and the map back."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.replace import us_places
from nlp_deid.replace.invented import names, saints
from nlp_deid.replace.keys import RandomSource, Secret, Source
from nlp_deid.replace.mapfile import MapFault, Pair, put_back, read_map, write_map
from nlp_deid.replace.places import PlaceSurrogates
from nlp_deid.replace.scope import compact
from nlp_deid.resources import folder

KEY = Secret(bytes.fromhex("8f1c0d5e7a3b42961122334455667788990aabbccddeeff0f1e2d3c4b5a69788"))
OTHER = Secret(bytes.fromhex("0d5e7a3b4296a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829ff"))
LABELS = (
    "HOSPITAL",
    "ORGANIZATION",
    "STREET",
    "CITY",
    "STATE",
    "ZIP",
    "COUNTRY",
    "LOCATION-OTHER",
    "ROOM",
    "DEPARTMENT",
)
NAME = r"[A-Z][a-z]+"


def made(label: str, text: str, patient: str = "p1", source: Source = KEY, near: str = "") -> str:
    value = PlaceSurrogates(source, patient).make(label, text, near)
    assert value is not None
    return value


def lines(name: str) -> list[str]:
    return (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("label", "text", "form"),
    [
        ("HOSPITAL", "Fernwood Medical Center", rf"{NAME} Medical Center"),
        ("HOSPITAL", "Upper Fernwood General", rf"Upper {NAME} General"),
        ("HOSPITAL", "St. Mary's", rf"St\. {NAME}'s"),
        ("HOSPITAL", "ST. MARY'S HOSPITAL", r"ST\. [A-Z]+'S HOSPITAL"),
        ("HOSPITAL", "fernwood hospital", r"[a-z]+ hospital"),
        ("HOSPITAL", "Memorial Hospital", rf"{NAME} Hospital"),
        ("HOSPITAL", "FWGH", r"[A-Z]{3}H"),
        ("ORGANIZATION", "Lincoln Elementary School", rf"{NAME} Elementary School"),
        ("ORGANIZATION", "Roe Pharmacy, Inc.", rf"{NAME} Pharmacy, Inc\."),
        ("ORGANIZATION", "First Baptist Church", rf"{NAME} Baptist Church"),
        ("STREET", "123 Main St", rf"[1-9]\d\d {NAME} St"),
        ("STREET", "45 Park Street, Apt 4B", rf"[1-9]\d {NAME} Street, Apt \d[A-Z]"),
        ("STREET", "W 42nd St", r"W \d\d(st|nd|rd|th) St"),
        ("STREET", "P.O. Box 1234", r"P\.O\. Box \d{4}"),
        ("STREET", "12 Elm\nAve", rf"[1-9]\d {NAME}\nAve"),
        ("LOCATION-OTHER", "Hwy 67", r"Hwy \d\d"),
        ("LOCATION-OTHER", "Lake Roe", rf"Lake {NAME}"),
        ("ROOM", "Room 412B", r"Room [1-9]\d\d[A-Z]"),
        ("STATE", "MA", r"[A-Z]{2}"),
        ("STATE", "M.A.", r"[A-Z]\.[A-Z]\."),
        ("STATE", "massachusetts", r"[a-z ]+"),
        ("CITY", "BOSTON", r"[A-Z ]{4,}"),
        ("CITY", "Boston, MA", r"[A-Z][A-Za-z ]+, [A-Z]{2}"),
        ("ZIP", "02114-1234", r"\d{5}-\d{4}"),
        ("ZIP", "021", r"\d{3}"),
        ("ZIP", "K1A 0B1", r"[A-Z]\d[A-Z] \d[A-Z]\d"),
        ("COUNTRY", "MEXICO", r"[A-Z]+"),
    ],
)
def test_kind_and_case_are_kept(label: str, text: str, form: str) -> None:
    for patient in range(40):
        for source in (KEY, RandomSource()):
            new = made(label, text, str(patient), source)
            assert re.fullmatch(form, new)
            assert compact(new) != compact(text)


def test_city_state_and_zip_agree() -> None:
    for patient in range(200):
        one = PlaceSurrogates(KEY, str(patient), ["Boston", "MA", "02114"])
        city, state, code = (
            one.make("CITY", "Boston", "MA"),
            one.make("STATE", "MA"),
            one.make("ZIP", "02114"),
        )
        assert city
        assert state
        assert code
        assert state != "MA"
        assert state in us_places.cities()[city]
        assert us_places.zip3_states()[code[:3]] == state
        assert one.make("STATE", "Massachusetts") == us_places.state_names()[state]
        assert one.make("CITY", "BOSTON") == city.upper()
        assert (one.make("ZIP", "02114-1234") or "")[:5] == code
        assert (one.make("ZIP", "02115") or "")[:3] == code[:3]
        assert one.make("CITY", "Worcester", "01602") in us_places.cities_of(state)


def test_one_place_one_surrogate_two_places_two() -> None:
    one = PlaceSurrogates(KEY, "p1")
    assert one.make("HOSPITAL", "St. Mary's Hospital") == one.make("HOSPITAL", "St. Mary's Hospital")
    short, long = one.make("HOSPITAL", "Saint Mary's"), one.make("HOSPITAL", "St. Mary's Hosp")
    assert short
    assert long
    assert short.split()[1] == long.split()[1]
    towns = [f"{name} Hospital" for name in lines("surnames_common")[:300]]
    assert len({one.make("HOSPITAL", town) for town in towns}) == 300
    codes = sorted(us_places.state_names())[:20]
    assert len({one.make("STATE", code) for code in codes}) == 20


@pytest.mark.parametrize("label", LABELS)
def test_keys_and_patients_are_apart(label: str) -> None:
    texts = {"ZIP": "02114", "STATE": "Ohio", "ROOM": "Room 41287", "DEPARTMENT": "Roe Ward 7"}
    text = texts.get(label, "Fernwood Roe")
    seen = {made(label, text, str(at), source) for at in range(30) for source in (KEY, OTHER)}
    assert len(seen) > 15
    assert made(label, text) == made(label, text)


def test_no_real_hospital_comes_out() -> None:
    real = {
        compact(name)
        for name in [*lines("hospitals"), *lines("hospitals_ambiguous"), *lines("hospital_systems")]
    }
    one = PlaceSurrogates(KEY, "p1")
    for name in lines("hospitals")[::3]:
        new = one.make("HOSPITAL", name)
        assert new is not None
        assert compact(new) not in real


def test_invented_names_are_no_words_and_no_terms() -> None:
    known: set[str] = set()
    for name in (
        "hospitals",
        "drugs",
        "drugs_brand",
        "eponyms",
        "medical_words",
        "common_words",
        "anatomy",
        "shorthand",
    ):
        for line in lines(name):
            known.update(line.casefold().split())
    made_up = {name.casefold() for name in (*names(), *saints())}
    assert len(names()) > 1500
    assert len(saints()) > 25
    assert not made_up & known


def test_the_shipped_cities_and_states_are_listed() -> None:
    listed = set(lines("cities")) | set(lines("cities_ambiguous"))
    assert {city.casefold() for city in us_places.cities()} <= listed
    for state in us_places.states():
        assert len(us_places.cities_of(state)) >= 12
        assert us_places.zip3s_of(state)
        assert us_places.state_names()[state].casefold() in {*lines("states"), *lines("states_ambiguous")}


def test_taken_words_never_come_out() -> None:
    taken = [name for name in names() if not name.startswith("Ald")]
    for patient in range(30):
        new = PlaceSurrogates(KEY, str(patient), taken).make("HOSPITAL", "Fernwood Hospital")
        assert new is None or new.startswith("Ald")
    states = [name for code, name in us_places.state_names().items() if code != "OH"]
    assert PlaceSurrogates(KEY, "p", states).make("STATE", "MA") in ("OH", None)
    cities = [city for city in us_places.cities() if city != "Salem"]
    assert PlaceSurrogates(KEY, "p", cities).make("CITY", "Boston") in ("Salem", None)


@pytest.mark.parametrize("text", ["", " ", "--", "Cardiology"])
def test_where_nothing_can_be_made(text: str) -> None:
    assert PlaceSurrogates(KEY, "p").make("DEPARTMENT", text) is None
    assert PlaceSurrogates(KEY, "p").make("PATIENT", "Roe") is None


@given(st.sampled_from(LABELS), st.text(max_size=40))
def test_hostile_texts(label: str, text: str) -> None:
    new = PlaceSurrogates(KEY, "p").make(label, text)
    assert new is None or compact(new) != compact(text)


# ---- the map back

PAIRS = [
    Pair("n1", "p1", "CITY", "Boston", "Salem"),
    Pair("n1", "p1", "IDNUM", "12-34", "98-76"),
    Pair("n1", "p1", "CITY", "Paris", "Milford"),
    Pair("n1", "p1", "CITY", "Rome", "Milford"),
]


def test_a_map_comes_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "map.jsonl"
    assert write_map(path, [*PAIRS, *PAIRS]) == len(PAIRS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_map(path) == PAIRS
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.jsonl"]
    with pytest.raises(MapFault, match="never overwritten"):
        write_map(path, PAIRS[:1])
    assert read_map(path) == PAIRS
    assert [entry.name for entry in tmp_path.iterdir()] == ["map.jsonl"]


def test_a_map_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def failing() -> object:
        yield PAIRS[0]
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        write_map(tmp_path / "map.jsonl", failing())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_map_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MapFault):
        write_map(tmp_path / "link", PAIRS)
    assert not (tmp_path / "elsewhere").exists()


def test_maps_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "map.jsonl"
    write_map(path, PAIRS)
    path.chmod(0o640)
    with pytest.raises(MapFault, match="other users"):
        read_map(path)
    path.chmod(0o600)
    path.write_text('{"patient": "p1"}\n')
    with pytest.raises(MapFault, match="line 1"):
        read_map(path)
    path.write_text("Jane Roe\n")
    with pytest.raises(MapFault) as caught:
        read_map(path)
    assert "Roe" not in str(caught.value)


def test_originals_are_put_back_where_that_is_sure() -> None:
    text = "From Salem to Salemville and Milford, no. 98-76."
    back = put_back(text, PAIRS)
    assert back.text == "From Boston to Salemville and Milford, no. 12-34."
    assert (back.restored, back.ambiguous) == (2, 1)
    assert "Boston" not in repr(back)
    one = put_back(text, PAIRS, [(5, 10, "CITY")])
    assert one.text == "From Boston to Salemville and Milford, no. 98-76."
    assert put_back(text, []).text == text
    with pytest.raises(ValueError, match="overlaps"):
        put_back(text, PAIRS, [(5, 10, "CITY"), (7, 12, "CITY")])


@given(
    st.lists(
        st.tuples(st.sampled_from(("Boston", "Rome 7", "a.b", "Ωx")), st.sampled_from("xy z")), max_size=5
    )
)
def test_round_trip(parts: list[tuple[str, str]]) -> None:
    makers = {"Boston": "Salem", "Rome 7": "Troy 3", "a.b": "c|d", "Ωx": "Ψy"}
    pairs = [Pair("n", "p", "CITY", original, surrogate) for original, surrogate in makers.items()]
    original = new = ""
    spans = []
    for value, between in parts:
        spans.append((len(new), len(new) + len(makers[value]), "CITY"))
        original += value + f" {between} "
        new += makers[value] + f" {between} "
    assert put_back(new, pairs, spans).text == original
    assert put_back(new, pairs).text == original
