"""The named checks: known answers, exhaustive oracles, and no exception for any text."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.detect import checks
from nlp_deid.detect.checks import CHECKS

PASS = {
    "luhn": ["4111 1111 1111 1111", "3782-822463-10005", "30569309025904", "4111\x0b1111 1111 1111"],
    "nanp": [
        "(617) 555-0123", "+1 416-555-0199 x12", "1.617.555.0123 ext. 4",
        "1.866.555.0158 opt 2", "617/555-0123#77", "555-0123",
        "617\x0b555-0199",
    ],
    "phone_intl": [
        "+44 20 7946 0958", "0044 20 7946 0958", "(+44) 20 7946 0958", "020 7946 0958", "01484 555 0166",
        "+1 617 555 0123",
    ],
    "npi": ["1234567893", "123-456-7893"],
    "dea": ["AB1234563", "F91234563", "ab 1234563"],
    "vin": ["1M8GDM9AXKP042788", "11111111111111111", "1m8 gdm9a xk p042788"],
    "ssn": ["123-45-6789", "123456789", "123 45 6789", "772-11-0001", "899-99-9999"],
    "itin": ["900-70-0000", "999-88-9999", "912-50-1234", "912 94 1234"],
    "nhs": ["943 476 5919", "4010232137"],
    "chi": ["010190 0007", "0101900007"],
    "nhi": ["ZAC5361", "ZZZ0016", "JBX3656", "ZBN77VL", "ZZZ00AC", "ZYZ89XY", "zvb97xq"],
    "medicare_au": ["2123 45670 1", "21234567012"],
    "iban": ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NO93 8601 1117 947"],
    "ipv4": ["192.0.2.1", "10.0.0.0/8", " 255.255.255.255 "],
    "ipv6": ["2001:db8::1", "::1", "[2001:DB8::1]", "fe80::1%eth0", "::ffff:192.0.2.1"],
    "calendar": [
        "3/4", "25/12", "03-04-19", "2019-03-04", "2019-03-04T08:15", "2019-03-04 08:15:22.5Z",
        "31.12.1999", "99/12/31",
        "20190304", "03042019", "3/2019", "2019/3", "4 Mar", "Mar '19", "March 4th, 2019", "Sept 3",
        "Monday 3 March",
        "3/4-3/7", "3/4-7", "12/30/2019 - 1/2/2020", "10/12 & 10/15", "3/4 to 3/7", "March 4-7, 2019",
        "2/30", "3\x0b/4/2019",
        "03-04/19",
    ],
    "iso_date": ["2019-03-04", "20190304", "2020-02-29", "2019-03-04T08:15:00Z", "2019-03-04 08:15"],
    "month_day": ["3/4", "12-31", "25/12", "2.28", "5/5", "2/30"],
    "us_zip": ["02139", "02139-4307", "021394307", "00601", "09012", "73301"],
    "time_like": ["8:15 pm", "08:15", "0815h", "0815", "8am", "12 p.m.", "23:59:59", "14h30", "8:15a"],
    "not_score": ["3/14", "12/25", "25/12", "3/4/2019", "11/30", "5", "no number", "10/11"],
    "canada_postcode": ["K1A 0B1", "v6b1a1", "M5V-3L9", "K1A\x0b0B1"],
    "uk_postcode": ["SW1A 1AA", "M1 1AE", "EC1A1BB", "GIR 0AA", "W1A 0AX", "b33 8th", "DN55 1PT", "CR2 6XH"],
    "age_range": ["0", "92", "125", "18 months", "85-94", "fifty-two"],
}  # fmt: skip

FAIL = {
    "luhn": ["4111 1111 1111 1112", "0000000000000000", "411111111111", "4111 1111 1111 1111 a", "4" * 20],
    "nanp": [
        "(117) 555-0123", "617-155-0123", "617-055-0123", "2 617 555 0123", "617-555-012", "16175550",
        "",
    ],
    "phone_intl": ["+1 2", "98/60", "+", "12 34", "+999 123456789", "0"],
    "npi": ["1234567894", "3234567893", "123456789", "0000000000"],
    "dea": ["AB1234564", "A11234563", "AB123456", "1B1234563"],
    "vin": ["1M8GDM9AYKP042788", "1M8GDM9AXKPO42788", "1M8GDM9AXKP04278"],
    "ssn": [
        "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123-45-678",
        "12a-45-6789",
    ],
    "itin": ["900-49-0000", "900-66-0000", "900-69-0000", "900-89-1234", "900-93-1234", "800-70-0000"],
    "nhs": ["943 476 5918", "0000000000", "943476591"],
    "chi": ["943 476 5919", "010190 0006", "320190 0001"],
    "nhi": ["ZZZ0017", "ZZZ0044", "ZZZ0040", "ZZZ00AX", "ZZZ00AA", "ZHW58CZ", "ZIO0016", "ZZ0016"],
    "medicare_au": ["2123 45671 1", "1123 45670 1", "7123456701", "2123"],
    "iban": ["GB82 WEST 1234 5698 7654 33", "GB82", "8289370400440532013000"],
    "ipv4": ["256.0.0.1", "1.2.3", "1.2.3.4.5", "192.0.2.01", ""],
    "ipv6": ["2001:db8", "12:30", "1.2.3.4", ":::", "[]"],
    "calendar": [
        "98/60", "13/13", "0/5", "32/1", "3/4/1700", "1/2/3/4", "32 Mar 2019", "3-x", "20191301", "7",
        "",
    ],
    "iso_date": ["2019-02-29", "2019-13-01", "1700-01-01", "2019-0304", "2019-03-04x", "03-04-2019"],
    "month_day": ["98/60", "13/13", "0/5", "3/32", "3/4/19", "5"],
    "us_zip": ["00000", "00000-1234", "00012", "2139", "0213", "02139-43", "99999x"],
    "time_like": ["25:00", "8:60", "815 mg", "13pm", "98/60", "0"],
    "not_score": [
        "7/10", "15/15", "2/6", "5/5", "1/2", "3/4", "98/60", "120/80", "2+/4", "14/20", "0/10",
        "9" * 5000 + "/2",
    ],
    "canada_postcode": ["D1A 0B1", "K1A 0O1", "K1A 0B", "W1A 0B1", "L4-5"],
    "uk_postcode": ["ABC 123", "QW1A 1AA", "SW1A 1AC", "M1"],
    "age_range": ["126", "0126 0999", " ", "", "9" * 5000],
}  # fmt: skip


def test_every_check_has_answers_of_both_kinds() -> None:
    assert set(PASS) == set(FAIL) == set(CHECKS)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in PASS.items() for text in texts])
def test_passes(name: str, text: str) -> None:
    assert CHECKS[name](text) is True


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FAIL.items() for text in texts])
def test_fails(name: str, text: str) -> None:
    assert CHECKS[name](text) is False


TRICKY = st.text(alphabet="0123456789 -/.:+xXTZ()[]%#,'\x0b\n²٣፩Marchto&ABZ\ud800\x00", max_size=40)


@given(st.text() | TRICKY)
def test_no_text_raises(text: str) -> None:
    for check in CHECKS.values():
        assert check(text) in (True, False)


@pytest.mark.parametrize(
    "char", ["1", " ", "-", "/", "#", "x", "A", ":", "+", "(", "0", "1/", "1-", "x1", "12:34"]
)
def test_long_texts_neither_raise_nor_take_long(char: str) -> None:
    for check in CHECKS.values():
        check(char * 20_000)


@pytest.mark.parametrize(
    ("name", "text", "at"),
    [
        ("luhn", "4111111111111111", 15),
        ("npi", "1234567893", 9),
        ("dea", "AB1234563", 8),
        ("nhs", "9434765919", 9),
        ("nhi", "ZAC5361", 6),
        ("medicare_au", "2123456701", 8),
    ],
)
def test_one_check_digit_of_ten_is_right(name: str, text: str, at: int) -> None:
    variants = [text[:at] + digit + text[at + 1 :] for digit in "0123456789"]
    assert [variant for variant in variants if CHECKS[name](variant)] == [text]


@given(st.integers(0, 10**15 - 1), st.integers(0, 15), st.integers(1, 9))
def test_luhn_sees_every_single_wrong_digit(payload: int, at: int, by: int) -> None:
    body = f"{payload:015d}"
    cards = [body + digit for digit in "0123456789" if checks.luhn(body + digit)]
    if payload:
        (card,) = cards
        assert not checks.luhn(card[:at] + str((int(card[at]) + by) % 10) + card[at + 1 :])


@given(st.dates(date(1800, 1, 1), date(2199, 12, 31)))
def test_every_written_date_is_on_the_calendar(day: date) -> None:
    for form in (
        "%m/%d/%Y",
        "%d/%m/%Y",
        "%Y-%m-%d",
        "%d.%m.%y",
        "%m-%d-%y",
        "%d %b %Y",
        "%B %d, %Y",
        "%m/%d",
        "%b %d",
        "%Y%m%d",
    ):
        assert checks.calendar(day.strftime(form)), form
    assert checks.iso_date(day.isoformat())
    assert checks.month_day(f"{day.month}/{day.day}")


@pytest.mark.parametrize("name", ["month_day", "calendar"])
def test_two_numbers_against_an_oracle(name: str) -> None:
    for first in range(100):
        for second in range(100):
            expected = (1 <= first <= 12 and 1 <= second <= 31) or (1 <= second <= 12 and 1 <= first <= 31)
            assert CHECKS[name](f"{first}/{second}") == expected


def test_social_security_and_taxpayer_numbers_share_none() -> None:
    for area in range(1000):
        for group in range(100):
            number = f"{area:03d}-{group:02d}-1234"
            assert not (checks.ssn(number) and checks.itin(number))
