"""Surrogates of numbers and addresses: shape kept, nothing real, nothing given back."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.detect.checks import dea, iban, itin, luhn, medicare_au, nhi, nhs, npi, ssn, vin
from nlp_deid.replace.ids import IdSurrogates
from nlp_deid.replace.keys import RandomSource, Secret, Source
from nlp_deid.replace.mapfile import Pair
from nlp_deid.replace.professions import ProfessionSurrogates
from nlp_deid.replace.scope import compact

KEY = Secret(bytes.fromhex("8f1c0d5e7a3b42961122334455667788990aabbccddeeff0f1e2d3c4b5a69788"))
OTHER = Secret(bytes.fromhex("0d5e7a3b4296a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f6071829ff"))
VALIDATORS = (luhn, npi, dea, vin, nhs, nhi, medicare_au, iban)
NUMBERS = ("MEDICALRECORD", "HEALTHPLAN", "ACCOUNT", "LICENSE", "VEHICLE", "DEVICE", "BIOID", "IDNUM", "SSN")


def maker(source: Source = KEY, patient: str = "p1", **options: object) -> IdSurrogates:
    return IdSurrogates(source, patient, **options)  # type: ignore[arg-type]


def made(label: str, text: str, **options: object) -> str:
    value = maker(**options).make(label, text)  # type: ignore[arg-type]
    assert value is not None
    return value


def shape(text: str) -> str:
    return re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub("[0-9]", "0", text)))


# At least four letters or digits, in groups that spell no word.
IDS = st.from_regex(r"[A-HJ-NPR-Z]{0,2}[0-9]{2,6}([-/. \n][0-9]{2,6}[A-HJ-NPR-Z]?){1,2}", fullmatch=True)


@given(st.sampled_from(NUMBERS), IDS, st.text(max_size=5))
def test_numbers_keep_their_shape_and_nothing_else(label: str, text: str, patient: str) -> None:
    for source in (KEY, RandomSource()):
        new = made(label, text, source=source, patient=patient)
        assert shape(new) == shape(text)
        assert compact(new) != compact(text)
        digits = [(a, b) for a, b in zip(text, new, strict=True) if a.isdigit()]
        if not re.match(r"\d{9}", compact(text)):  # these get the area of no Social Security number
            assert 2 * sum(a != b for a, b in digits) >= len(digits)


@given(IDS)
def test_one_key_gives_one_surrogate_another_key_another(text: str) -> None:
    assert made("IDNUM", text) == made("IDNUM", text)
    seen = {made("IDNUM", text * 3, source=source, patient=who) for source in (KEY, OTHER) for who in "ab"}
    assert len(seen) == 4


@given(IDS)
def test_layout_does_not_matter(text: str) -> None:
    one = maker()
    first = one.make("IDNUM", text)
    plain = one.make("IDNUM", compact(text).upper())
    assert first
    assert plain
    assert compact(first) == compact(plain)
    assert one.make("IDNUM", text) == first


@given(st.sets(st.integers(0, 999), min_size=2, max_size=60))
def test_two_values_get_two_surrogates(numbers: set[int]) -> None:
    one = maker()
    new = [one.make("IDNUM", f"A{number:03}") for number in sorted(numbers)]
    assert None not in new
    assert len(set(new)) == len(numbers)


def test_values_that_are_taken_never_come_out() -> None:
    taken = {f"{number:02}" for number in range(100)} - {"17", "58"}
    for number in range(100):
        assert IdSurrogates(KEY, str(number), taken).make("IDNUM", "44") in ("17", "58", None)
    full = IdSurrogates(KEY, "p", [f"{number:02}" for number in range(100)])
    assert full.make("IDNUM", "44") is None
    late = maker()
    first = late.make("IDNUM", "4471")
    late.take([first or ""])
    again = maker()
    again.take([first or ""])
    assert again.make("IDNUM", "4471") not in (None, first)


@pytest.mark.parametrize("text", ["", "-", " \n", "#"])
def test_nothing_to_replace(text: str) -> None:
    for label in ("MEDICALRECORD", "PHONE", "EMAIL", "URL", "IPADDR"):
        assert maker().make(label, text) is None


# ---- nothing valid


SAMPLES = ["1234567893", "943 476 5919", "AB1234563", "1HGCM82633A004352", "4111 1111 1111 1111", "ZAC5361",
           "GB82 WEST 1234 5698 7654 32", "2428 77813 2", "1EG4-TE5-MK73"]  # fmt: skip


@pytest.mark.parametrize("text", SAMPLES)
def test_check_digits_are_broken(text: str) -> None:
    assert text.startswith("1EG4") or any(check(text) for check in VALIDATORS)
    for patient in range(300):
        new = made("IDNUM", text, patient=str(patient))
        assert not any(check(new) for check in VALIDATORS)
        assert not re.fullmatch(r"[1-9][A-Z][A-Z0-9]\d-[A-Z][A-Z0-9]\d-[A-Z]{2}\d\d", new)


@pytest.mark.parametrize("text", SAMPLES[:8])
def test_check_digits_are_made_again(text: str) -> None:
    holds = [check for check in VALIDATORS if check(text)]
    for patient in range(20):
        new = made("IDNUM", text, patient=str(patient), checks="valid")
        assert any(check(new) for check in holds)
        assert shape(new) == shape(text)


def test_unknown_checks() -> None:
    with pytest.raises(ValueError, match="break, valid"):
        IdSurrogates(KEY, "p", checks="keep")


@pytest.mark.parametrize(
    "text", ["123-45-6789", "123 45 6789", "123456789", "123-45-\n6789", "l23-45-67B9"[:8] + "789"]
)
def test_social_security_numbers_were_never_issued(text: str) -> None:
    for patient in range(500):
        new = made("SSN", text, patient=str(patient))
        assert not ssn(new)
        assert not itin(new)
        assert not ssn(made("MEDICALRECORD", text.replace("l", "1"), patient=str(patient)))
        assert new[0] == "9"
        assert re.sub("[0-9]", "0", new) == re.sub("[0-9l]", "0", text)


def test_parts_of_a_social_security_number() -> None:
    assert re.fullmatch(r"xxx-xx-\d{4}", made("SSN", "xxx-xx-6789"))
    assert re.fullmatch(r"9\d\d-\d\d-\d{4}[A-Z]", made("HEALTHPLAN", "123-45-6789A"))


PHONES = {
    "617-732-1234": r"[2-9]\d\d-555-01\d\d",
    "(617)732-1234": r"\([2-9]\d\d\)555-01\d\d",
    "+1 617.732.1234 ext. 55": r"\+1 [2-9]\d\d\.555\.01\d\d ext\. \d\d",
    "1 800 732 1234": r"1 [2-9]\d\d 555 01\d\d",
    "617732\n1234 x9": r"[2-9]\d\d555\n01\d\d x\d",
    "732-1234": r"555-01\d\d",
    "6l7-732-O123": r"[2-9]\d\d-555-01\d\d",
    "1-800-FLOWERS": r"1-[2-9]\d\d-55501\d\d",
    "020 7123 4567": r"0(?:1\d1 496 0|11\d 496 0|1632 960|20 7946 0|29 2018 0|28 9649 6|191 498 0)\d\d\d",
    "07911 123456": r"07700 900\d\d\d",
    "+44 (0)7911 123456": r"\+44 \(0\)7700 900\d\d\d",
    "0412 345 678": r"0491 57\d \d\d\d",
    "(02) 9876 5432": r"\(0[2378]\) (5550|7010) \d{4}",
    "+61 2 9876 5432": r"\+61 [2378] (5550|7010) \d{4}",
    "+33 1 23 45 67 89": r"\+33 0 \d\d \d\d \d\d \d\d",
    "9876 5432": r"(5550|7010) \d{4}",
    "617-732-1234/732-1235": r"[2-9]\d\d-555-01\d\d/555-01\d\d",
}


@pytest.mark.parametrize(("text", "form"), PHONES.items())
def test_telephones_ring_nowhere(text: str, form: str) -> None:
    for patient in range(100):
        new = made("PHONE", text, patient=str(patient))
        squeezed = re.sub(r"[ ]", "", new)
        assert re.fullmatch(form, new) or re.fullmatch(form.replace(" ", ""), squeezed)
        assert compact(new) != compact(text)


def test_telephones_change_their_area_and_keep_one_core() -> None:
    for patient in range(300):
        assert made("PHONE", "617-732-1234", patient=str(patient))[:3] not in ("617", "800", "911")
    one = maker()
    cores = {re.sub(r"\D", "", one.make("PHONE", text) or "")[-10:]
             for text in ("617-732-1234", "(617) 732 1234", "+1 617.732.1234", "6177321234")}  # fmt: skip
    assert len(cores) == 1
    many = [one.make("PHONE", f"732-{number:04}") for number in range(90)]
    assert len(set(many)) == 90


def test_dictated_digits_stay_dictated() -> None:
    new = made("PHONE", "Six one seven, seven three two, one two three oh")
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    digits = "".join(str(words.index(word)) for word in re.findall(r"\w+", new.lower()))
    assert digits[3:8] == "55501"
    assert new[0].isupper()
    spoken = made("MEDICALRECORD", "seven seven one dash zero")
    digit = "|".join(words)
    assert re.fullmatch(rf"(?:(?:{digit}) ){{3}}dash (?:{digit})", spoken)
    assert re.fullmatch(rf"\w+ty-(?:{digit}) \d\d", made("IDNUM", "twenty-three 45"))


def test_misread_digits_are_digits() -> None:
    one = maker()
    assert one.make("MEDICALRECORD", "1O23l45") == one.make("MEDICALRECORD", "1023145")


# ---- addresses


@pytest.mark.parametrize(
    ("label", "text", "form"),
    [
        ("EMAIL", "john.smith@partners.org", r"[a-z]{4}\.[a-z]{5}@example\.(org|com|net)"),
        ("EMAIL", "JSMITH2@MGH.EDU", r"[A-Z]{6}\d@EXAMPLE\.(ORG|COM|NET)"),
        ("EMAIL", "jsmith at gmail dot com", r"[a-z]{6} at example dot (org|com|net)"),
        ("EMAIL", "<mailto>", r"<\w+>"),
        ("URL", "https://www.massgeneral.org/doctors/jane-doe.html",
         r"https://www\.example\.(org|com|net)/[a-z]{7}/[a-z]{4}-[a-z]{3}\.html"),
        ("URL", "portal.partners.org?id=77", r"[a-z]{6}\.example\.(org|com|net)\?[a-z]{2}=\d\d"),
        ("URL", "http://10.1.2.3:8080/x", r"http://(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+:8080/[a-z]"),
        ("URL", "@janedoe", r"@[a-z]{7}"),
        ("IPADDR", "10.0.4.12/24", r"(192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}/24"),
        ("IPADDR", "fe80::1ff:fe23:4567:890a", r"2001:db8::[0-9a-f:]+"),
        ("DEVICE", "00:1B:44:11:3A:B7", r"[0-9A-F][26AE](:[0-9A-F]{2}){5}"),
    ],
)  # fmt: skip
def test_addresses_lead_nowhere(label: str, text: str, form: str) -> None:
    for patient in range(60):
        assert re.fullmatch(form, made(label, text, patient=str(patient)))


def test_the_login_of_a_surrogate_person_is_used() -> None:
    assert re.fullmatch(
        r"mkeller@example\.(org|com|net)", maker().make("EMAIL", "jroe@x.org", login="mkeller") or ""
    )
    one = maker()
    pair = {one.make("EMAIL", f"jroe@{host}.org", login="mkeller") for host in ("a", "b", "c")}
    assert len(pair) == 3


def test_ages_are_capped() -> None:
    assert [maker().make("AGE", age) for age in ("89", "92", "in her 90s", "sixty", "???")] == [
        "89", "90+", "90+", "sixty", None]  # fmt: skip


# ---- nothing given back


def test_digits_of_the_surrogate_do_not_tell_those_of_the_source() -> None:
    """Chi-square over source digit and surrogate digit of the same place: 81 degrees of freedom."""
    chance = random.Random(3)
    counts: Counter[tuple[str, str]] = Counter()
    total = 20_000
    for at in range(total):
        text = f"{chance.randrange(10**8):08}"
        new = made("MEDICALRECORD", text, patient=str(at))
        counts[text[0], new[0]] += 1
    expected = total / 100
    chi2 = sum((counts[f"{a}", f"{b}"] - expected) ** 2 / expected for a in range(10) for b in range(10))
    assert chi2 < 150  # less than 1 in 100,000 runs


def test_a_list_of_all_numbers_does_not_help_without_the_key() -> None:
    """The attacker knows every candidate and the method, guesses keys: matches are those of chance."""
    size = 100_000
    truth = made("MEDICALRECORD", "73114")
    guesses = [Secret(random.Random(at).randbytes(32)) for at in range(5)]
    for guess in guesses:
        hits = sum(
            IdSurrogates(guess, "p1").make("MEDICALRECORD", f"{number:05}") == truth
            for number in range(0, size, 5)
        )
        assert hits <= 4  # 0.2 expected of 20,000
    assert made("MEDICALRECORD", "73114") == truth


def test_lengths_may_vary() -> None:
    lengths = Counter(len(made("ACCOUNT", "12-3456", patient=str(at), vary_length=True)) for at in range(300))
    assert set(lengths) == {6, 7, 8}
    assert min(lengths.values()) > 60


@given(
    st.sampled_from((*NUMBERS, "PHONE", "FAX", "EMAIL", "URL", "IPADDR", "USERNAME")), st.text(max_size=40)
)
def test_hostile_texts(label: str, text: str) -> None:
    new = maker().make(label, text)
    assert new is None or compact(new) != compact(text)


# ---- professions


@pytest.mark.parametrize(
    "text", ["nurse", "Retired Teacher", "plumbers", "LAWYER", "software engineer", "xylophonist"]
)
def test_professions_change_and_keep_their_form(text: str) -> None:
    for patient in range(50):
        new = ProfessionSurrogates(KEY, str(patient), ["cook"]).make(text)
        assert new
        assert not set(new.lower().split()) & {*text.lower().split(), "cook"} - {"retired"}
        assert new.isupper() == text.isupper()
        assert new.istitle() == text.istitle()
        assert new.endswith(("s", "men")) or not text.endswith("s")
    assert ProfessionSurrogates(KEY, "p").make("retired") is None


def test_pairs_show_no_value() -> None:
    assert "Roe" not in repr(Pair("n1", "p1", "PATIENT", "Roe", "Poe"))
