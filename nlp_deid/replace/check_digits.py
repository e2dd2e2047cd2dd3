"""Which official numbers a made-up one would pass for, by their check digits.

Surrogates are drawn until none (or, if asked, the scheme of the source) holds. Values are compact:
digits and lower-case letters only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def _sum(values: Sequence[int], weights: Sequence[int]) -> int:
    return sum(value * weight for value, weight in zip(values, weights, strict=False))


def _luhn(value: str) -> bool:
    """ISO/IEC 7812-1, Annex B."""
    total = sum(map(int, value[-1::-2])) + sum(sum(divmod(2 * int(d), 10)) for d in value[-2::-2])
    return total % 10 == 0


def _card(value: str) -> bool:
    return value.isdigit() and _luhn(value)


def _npi(value: str) -> bool:
    """US National Provider Identifier: Luhn with 80840 in front (CMS)."""
    return value.isdigit() and value[0] in "12" and _luhn("80840" + value)


def _nhs(value: str) -> bool:
    """NHS number and CHI number: modulus 11 (NHS Data Dictionary)."""
    digits = [int(char) for char in value] if value.isdigit() else []
    return bool(digits) and (11 - _sum(digits[:9], range(10, 1, -1)) % 11) % 11 == digits[9]


def _medicare_au(value: str) -> bool:
    """Australian Medicare card: weights 1 3 7 9, modulus 10."""
    digits = [int(char) for char in value] if value.isdigit() else []
    return bool(digits) and 2 <= digits[0] <= 6 and _sum(digits[:8], (1, 3, 7, 9) * 2) % 10 == digits[8]


def _dea(value: str) -> bool:
    """US DEA registration."""
    if not re.fullmatch(r"[a-z][a-z9][0-9]{7}", value):
        return False
    return _sum([int(char) for char in value[2:8]], (1, 2) * 3) % 10 == int(value[8])


_VIN = dict(zip("abcdefghjklmnprstuvwxyz", map(int, "12345678123457923456789"), strict=True))
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def _vin(value: str) -> bool:
    """North American vehicle number (49 CFR 565.15)."""
    values = [int(char) if char.isdigit() else _VIN.get(char, -1) for char in value]
    return min(values) >= 0 and "0123456789x"[_sum(values, _VIN_WEIGHTS) % 11] == value[8]


def _iban(value: str) -> bool:
    """ISO 13616."""
    if not re.fullmatch(r"[a-z]{2}[0-9]{2}[0-9a-z]+", value):
        return False
    return int("".join([str(int(char, 36)) for char in value[4:] + value[:4]])) % 97 == 1


_NHI_LETTERS = "0abcdefghjklmnpqrstuvwxyz"


def _nhi(value: str) -> bool:
    """New Zealand health number: AAANNNC modulus 11, AAANNAC modulus 23 (HISO 10046)."""
    if not re.fullmatch(r"[a-hj-np-z]{3}[0-9]{2}(?:[0-9]{2}|[a-hj-np-z]{2})", value):
        return False
    values = [int(char) if char.isdigit() else _NHI_LETTERS.index(char) for char in value]
    total = _sum(values, range(7, 1, -1))
    if value[6].isdigit():
        return total % 11 != 0 and (11 - total % 11) % 10 == values[6]
    return 23 - total % 23 == values[6]


_MBI = re.compile(r"[1-9][a-z][0-9a-z][0-9][a-z][0-9a-z][0-9][a-z]{2}[0-9]{2}")


def _mbi(value: str) -> bool:
    """Medicare Beneficiary Identifier (CMS): it has no check digit; its pattern is its only mark."""
    return bool(_MBI.fullmatch(value))


Scheme = Callable[[str], bool]
_BY_LENGTH: dict[int, tuple[Scheme, ...]] = {
    7: (_nhi,),
    9: (_dea,),
    10: (_npi, _nhs, _medicare_au),
    11: (_medicare_au, _mbi),
    17: (_card, _vin, _iban),
    **dict.fromkeys((15, 16, 18, 19), (_card, _iban)),
    **dict.fromkeys((13, 14), (_card,)),
    **dict.fromkeys(range(20, 35), (_iban,)),
}


def schemes(value: str) -> list[Scheme]:
    """The schemes whose check digit the compact value has."""
    return [holds for holds in _BY_LENGTH.get(len(value), ()) if holds(value)]
