"""Named checks that a rule may ask of the text it found: check digits, calendars, number plans.

Each takes the found text (of the view, with whatever separators it holds) and says whether it may
be what the rule takes it for. None raises for any text. Where a check could err, it lets pass:
a missed identifier costs more than a masked number.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date

from nlp_deid.hipaa import zip3_populations

_SEPARATORS = re.compile(r"[\s./()_-]+")
_NO_DIGIT = re.compile(r"[^0-9]+")


def _compact(text: str) -> str:
    """The text in upper case without separators."""
    return _SEPARATORS.sub("", text).upper()


def _number(text: str, *lengths: int) -> str:
    """The digits if nothing but digits and separators is there, in one of the lengths; else ""."""
    plain = _SEPARATORS.sub("", text)
    return plain if plain.isascii() and plain.isdigit() and len(plain) in lengths else ""


def _weighted(values: Iterable[int], weights: Sequence[int]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=False))


# ---- cards, licences, vehicles, accounts


def _luhn_sum(digits: str) -> int:
    """Sum of ISO/IEC 7812-1, Annex B: every second digit from the right doubled."""
    return sum(sum(divmod(int(d) * (1 + at % 2), 10)) for at, d in enumerate(reversed(digits)))


def luhn(text: str) -> bool:
    """A payment card: 13 to 19 digits, Luhn."""
    digits = _number(text, *range(13, 20))
    return bool(digits.strip("0")) and _luhn_sum(digits) % 10 == 0


def npi(text: str) -> bool:
    """US National Provider Identifier: Luhn over 80840 and the number (CMS)."""
    digits = _number(text, 10)
    return digits[:1] in ("1", "2") and _luhn_sum("80840" + digits) % 10 == 0


def dea(text: str) -> bool:
    """US DEA registration: letter, letter or 9, six digits and their check digit."""
    plain = _compact(text)
    if not re.fullmatch(r"[A-Z][A-Z9][0-9]{7}", plain):
        return False
    return _weighted(map(int, plain[2:8]), (1, 2, 1, 2, 1, 2)) % 10 == int(plain[8])


_VIN_VALUES = dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ0123456789", map(int, "12345678123457923456789" + "0123456789"), strict=True)
)
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def vin(text: str) -> bool:
    """Vehicle identification number of North America: 17 characters, check digit (49 CFR 565.15)."""
    plain = _compact(text)
    if len(plain) != 17 or not all(char in _VIN_VALUES for char in plain):
        return False
    return "0123456789X"[_weighted((_VIN_VALUES[char] for char in plain), _VIN_WEIGHTS) % 11] == plain[8]


def iban(text: str) -> bool:
    """International bank account number: ISO 13616, remainder 1 by 97."""
    plain = _compact(text)
    if not re.fullmatch(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}", plain):
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


# ---- national numbers of persons and patients


def ssn(text: str) -> bool:
    """US Social Security number: area not 000, 666 or 9xx, group not 00, serial not 0000."""
    digits = _number(text, 9)
    return bool(re.fullmatch(r"(?!000|666|9)[0-9]{3}(?!00)[0-9]{2}(?!0000)[0-9]{4}", digits))


def itin(text: str) -> bool:
    """US Individual Taxpayer Identification Number: 9xx, group 50-65, 70-88, 90-92 or 94-99 (IRS)."""
    return bool(re.fullmatch(r"9[0-9]{2}(?:5[0-9]|6[0-5]|7[0-9]|8[0-8]|9[0-24-9])[0-9]{4}", _number(text, 9)))


def nhs(text: str) -> bool:
    """NHS number of England and Wales: ten digits, modulus 11 (NHS Data Dictionary)."""
    digits = _number(text, 10)
    if not digits.strip("0"):
        return False
    return (11 - _weighted(map(int, digits[:9]), range(10, 1, -1)) % 11) % 11 == int(digits[9])


def chi(text: str) -> bool:
    """Community Health Index number of Scotland: birth date DDMMYY first, modulus 11 like the NHS number."""
    digits = _number(text, 10)
    return bool(digits) and _is_day_month(digits[:2], digits[2:4]) and nhs(digits)


_NHI_LETTERS = " ABCDEFGHJKLMNPQRSTUVWXYZ"


def nhi(text: str) -> bool:
    """New Zealand NHI number, AAANNNC (modulus 11) or AAANNAC (modulus 23); HISO 10046."""
    plain = _compact(text)
    if not re.fullmatch(r"[A-HJ-NP-Z]{3}[0-9]{2}(?:[0-9]{2}|[A-HJ-NP-Z]{2})", plain):
        return False
    values = [int(char) if char.isdigit() else _NHI_LETTERS.index(char) for char in plain]
    total = _weighted(values, range(7, 1, -1))
    if plain[6].isdigit():
        return total % 11 != 0 and (11 - total % 11) % 10 == values[6]
    return 23 - total % 23 == values[6]


def medicare_au(text: str) -> bool:
    """Australian Medicare card: ten digits, or eleven with the person's line; first 2-6, modulus 10."""
    digits = _number(text, 10, 11)
    return digits[:1] in tuple("23456") and _weighted(map(int, digits[:8]), (1, 3, 7, 9) * 2) % 10 == int(
        digits[8]
    )


# ---- telephones, addresses of networks and of homes

_EXTENSION = re.compile(
    r"(?:x|ext|extn|extension|opt|option|poste|#)[\s.:#]{0,4}[0-9]{1,7}\s{0,4}\Z", re.IGNORECASE
)


def nanp(text: str) -> bool:
    """A US or Canadian number: [1] [area] exchange line; area and exchange begin with 2-9.

    An extension may follow. 555-01xx passes: fictional notes use it.
    """
    digits = _NO_DIGIT.sub("", _EXTENSION.sub("", text))
    return bool(re.fullmatch(r"(?:1?[2-9][0-9]{2})?[2-9][0-9]{6}", digits))


def phone_intl(text: str) -> bool:
    """A number with +country code (or 00) of a possible length, or one of 9 to 12 digits with a leading 0.

    The national form is judged by its length only: fictional numbers lie outside the plans in use.
    """
    import phonenumbers  # its tables take time to load

    plain = text[:60].strip(" (\t\v\n")
    plain = "+" + plain[2:] if plain.startswith("00") else plain
    if not plain.startswith("+"):
        return plain.startswith("0") and 9 <= len(_NO_DIGIT.sub("", plain)) <= 12
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(plain))
    except phonenumbers.NumberParseException:
        return False


def ipv4(text: str) -> bool:
    """A dotted IPv4 address, with or without a prefix length."""
    return _is_ip(text, ipaddress.IPv4Interface)


def ipv6(text: str) -> bool:
    """An IPv6 address, with or without brackets, zone or prefix length."""
    return _is_ip(text.strip().strip("[]"), ipaddress.IPv6Interface)


def _is_ip(text: str, kind: Callable[[str], object]) -> bool:
    try:
        kind(text.strip())
    except ValueError:
        return False
    return True


# In use, but without residents in the census table: the forces abroad, post office boxes, single firms.
_ZIP3_WITHOUT_RESIDENTS = (
    "005 008 055 090 091 092 093 094 095 096 097 098 099 192 311 332 340 375 399 459 509 555 569 649 733 842 "
    "876 885 888 889 901 938 942 962 963 964 965 966 969"
)


def us_zip(text: str) -> bool:
    """A US ZIP or ZIP+4 whose first three digits are in use."""
    digits = _number(text, 5, 9)
    prefix = digits[:3]
    return digits[:5].strip("0") != "" and (
        prefix in zip3_populations(2020) or prefix in _ZIP3_WITHOUT_RESIDENTS
    )


def canada_postcode(text: str) -> bool:
    """A Canadian postal code (Canada Post: no D, F, I, O, Q, U; not W or Z in front)."""
    return bool(re.fullmatch(r"[ABCEGHJ-NPRSTVXY](?:[0-9][ABCEGHJ-NPRSTV-Z]){2}[0-9]", _compact(text)))


_UK_OUTWARD = r"[A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9]{1,2}|[0-9][A-HJKPSTUW]|[A-HK-Y][0-9][ABEHMNPRVWXY])"


def uk_postcode(text: str) -> bool:
    """A British postcode (BS 7666), with or without its blank."""
    return bool(re.fullmatch(rf"(?:{_UK_OUTWARD}|GIR)[0-9][ABD-HJLNP-UW-Z]{{2}}", _compact(text)))


def age_range(text: str) -> bool:
    """Every number in digits is an age a person can have, 0 to 125; words alone pass."""
    numbers = re.findall(r"[0-9]+", text)
    return bool(text.strip()) and all(len(number) <= 3 and int(number) <= 125 for number in numbers)


# ---- dates and times

_MONTHS = "january february march april may june july august september october november december"
_MONTH_WORDS = {name[:length] for name in _MONTHS.split() for length in range(3, len(name) + 1)}
_TIME = re.compile(
    r"(?:(?<=[0-9])T|\b)[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|\+[0-9:]+)?", re.IGNORECASE
)
_RANGE = re.compile(r"-|&|\b(?:to|through|thru|and)\b", re.IGNORECASE)
_NUMERAL = re.compile(r"[0-9]+")


def _is_day(number: str) -> bool:
    return len(number) <= 2 and 1 <= int(number) <= 31


def _is_day_month(day: str, month: str) -> bool:
    return _is_day(day) and _is_day(month) and int(month) <= 12


def _is_month_day(first: str, second: str) -> bool:
    """In either order: notes of one hospital mix them."""
    return _is_day_month(first, second) or _is_day_month(second, first)


def _is_full_year(number: str) -> bool:
    return len(number) == 4 and 1800 <= int(number) <= 2199


def _is_year(number: str) -> bool:
    return len(number) == 2 or _is_full_year(number)


def calendar(text: str) -> bool:
    """A numeric or named date, or a range of them, in at least one of the orders mdy, dmy and ymd.

    Months are 1-12 and days 1-31: a slip such as 2/30 is still a date to hide. A year has two
    digits or lies from 1800 to 2199. Two bare numbers are month and day, or month and full year.
    """
    text = _TIME.sub(" ", text)
    numbers = _NUMERAL.findall(text)
    if any(word.lower() in _MONTH_WORDS for word in re.findall("[A-Za-z]+", text)):
        years = [number for number in numbers if _is_full_year(number)]
        return all(
            number in years or _is_day(number) or (_is_year(number) and not years) for number in numbers
        )
    first, *others = (_NUMERAL.findall(part) for part in _RANGE.split(text))
    # "3/4-7": the second day stands alone.
    is_range = "/" in text and _is_numeric_date(first) and all(map(_ends_range, others))
    return is_range or _is_numeric_date(numbers)


def _ends_range(numbers: list[str]) -> bool:
    return _is_numeric_date(numbers) or (len(numbers) == 1 and _is_day(numbers[0]))


def _is_numeric_date(numbers: list[str]) -> bool:
    match numbers:
        case [compact] if len(compact) == 8:
            orders = ([compact[:4], compact[4:6], compact[6:]], [compact[:2], compact[2:4], compact[4:]])
            return any(_is_numeric_date(order) for order in orders)
        case [first, second]:
            if _is_full_year(first) or _is_full_year(second):
                return any(len(number) <= 2 and 1 <= int(number) <= 12 for number in numbers)
            return _is_month_day(first, second)
        case [first, second, third]:
            year_last = _is_year(third) and _is_month_day(first, second)
            return year_last or (_is_year(first) and _is_day_month(third, second))
    return False


_ISO = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})(?:[T ][0-9]{2}:?[0-9]{2}.{0,16})?")


def iso_date(text: str) -> bool:
    """YYYY-MM-DD or YYYYMMDD, a day that exists, 1800 to 2199; a time may follow."""
    found = _ISO.fullmatch(text.strip())
    if not found or not _is_full_year(found[1]):
        return False
    try:
        date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return False
    return True


def month_day(text: str) -> bool:
    """Two numbers that are a month and a day, in either order: 3/4 and 25/12, never 98/60."""
    numbers = _NUMERAL.findall(text)
    return len(numbers) == 2 and _is_month_day(numbers[0], numbers[1])


_SCORE_TOPS = frozenset((2, 3, 4, 5, 6, 10, 15))


def not_score(text: str) -> bool:
    """False for what reads as a score, grade, fraction or pressure: 7/10, 2/6, 1/2, 98/60.

    Anything but two numbers passes.
    """
    numbers = [int(number[:9]) for number in _NUMERAL.findall(text)]
    if len(numbers) != 2:
        return True
    low, top = numbers
    return min(low, top) <= 12 and max(low, top) <= 31 and not (low <= top and top in _SCORE_TOPS)


_CLOCK = re.compile(
    r"(?:[01]?[0-9]|2[0-4])[:.h]?[0-5][0-9](?:[:.][0-5][0-9])?\s*(?:[ap]\.?m?\.?|h|hrs?|hours?)?"
    r"|(?:1[0-2]|0?[1-9])\s*[ap]\.?m\.?",
    re.IGNORECASE,
)


def time_like(text: str) -> bool:
    """A time of day: 08:15, 8:15 pm, 0815h, 8am."""
    return bool(_CLOCK.fullmatch(text.strip()))


# fmt: off
CHECKS: dict[str, Callable[[str], bool]] = {
    check.__name__: check
    for check in (
        luhn, nanp, phone_intl, npi, dea, vin, ssn, itin, nhs, chi, nhi, medicare_au, iban, ipv4, ipv6,
        calendar, iso_date, month_day, us_zip, time_like, not_score, canada_postcode, uk_postcode, age_range,
    )
}
# fmt: on
