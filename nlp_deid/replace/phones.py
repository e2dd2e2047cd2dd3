"""Telephone numbers that ring nowhere: ranges that the regulators set apart for fiction.

North America 555-0100 to 0199 (NANPA); United Kingdom, Ofcom's numbers for drama; Australia, ACMA's
numbers for creative works. Elsewhere the area begins with 0, which no plan dials.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

_EXTENSION = re.compile(
    r"(?:x|ext|extn|extension|opt|option|poste|#)[\s.:#]*((?:[0-9][\s-]?)+)\W*\Z", re.IGNORECASE
)
# Codes without places behind them (free calls, premium and personal numbers): there 555-01xx is not set apart.
_NO_PLACE = (
    "500 521 522 523 524 525 526 527 528 529 533 544 566 577 588 600 622 700 800 822 833 844 "
    "855 866 877 880 881 882 883 884 885 886 887 888 889 900"
)
_UK_LAND = (
    "1134960 1144960 1154960 1164960 1174960 1184960 1214960 1314960 1414960 1514960 1614960 1914980 2079460 "
    "2896496 2920180 1632960"
)
_UK_OTHER = {"7": "7700900", "3": "3069990", "8": "8081570", "9": "9098790"}
_AU_MOBILE = (
    "570006 570110 570156 570157 570158 570159 570313 570737 571266 571491 571804 572549 572665 572983 573087 "
    "573770 574118 574632 575254 575789 576398 576801 577426 577644 578148 578888 578957 579212 579455 579760"
)
_CODES_OF_TWO = (
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 "
    "63 64 65 66 81 82 84 86 90 91 92 93 94 95 98"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How the digits of one number are replaced: `lead` stays, then made digits, then a free tail.

    `core` is what tells two numbers apart; `make` turns a number below `size` into as many digits.
    """

    lead: str
    core: str
    tail: int
    size: int
    make: Callable[[int], str]


@cache
def _areas() -> tuple[str, ...]:
    """Area codes of the North American form, less those without a place and those kept for the plan's growth."""
    codes = (f"{code}" for code in range(200, 1000))
    return tuple(
        code
        for code in codes
        if code[1] != "9"
        and code[1:] != "11"
        and code[:2] not in ("37", "96")
        and code not in _NO_PLACE.split()
    )


def plan_of(text: str, digits: str) -> Plan:
    """The plan of a number.

    Args:
        text: the number as written; tells a leading + and an extension.
        digits: its digits, letters of a keypad among them.
    """
    extension = _EXTENSION.search(text)
    tail = len(re.sub(r"\D", "", extension[1])) if extension else 0
    if tail >= len(digits):
        tail = 0
    main = digits[: len(digits) - tail]
    if text.lstrip(" (").startswith("+"):
        return _international("", main, tail)
    if main.startswith("00") and len(main) > 9:
        return _international("00", main[2:], tail)
    if main.startswith("011") and len(main) > 11:
        return _international("011", main[3:], tail)
    if main.startswith("0"):
        return _trunk("0", main[1:], tail)
    if len(main) == 12 and main[:2] == "44":
        return _british("44", main[2:], tail)
    if len(main) > 11 and main[0] in "23456789" and len(main) <= 16:
        return _american("", main[:10], tail + len(main) - 10)
    return _american("1" if len(main) == 11 and main[0] == "1" else "", main, tail)


def _international(lead: str, digits: str, tail: int) -> Plan:
    if digits.startswith("1") and len(digits) == 11:
        return _american(lead + "1", digits, tail)
    size = 1 if digits[:1] in ("1", "7") else 2 if digits[:2] in _CODES_OF_TWO.split() else 3
    code, rest = digits[:size], digits[size:]
    trunk = "0" if rest.startswith("0") else ""
    lead, rest = lead + code + trunk, rest[len(trunk) :]
    if code == "44" and len(rest) in (9, 10):
        return _british(lead, rest, tail)
    if code == "61" and len(rest) == 9 and rest[0] in "23478":
        return _australian(lead, rest, tail)
    return _unassigned(lead, rest, tail)


def _trunk(lead: str, rest: str, tail: int) -> Plan:
    """A national number behind its 0: ten digits more are British, nine Australian."""
    if len(rest) == 10:
        return _british(lead, rest, tail)
    if len(rest) == 9 and rest[0] in "23478":
        return _australian(lead, rest, tail)
    return _unassigned(lead, rest, tail)


def _american(lead: str, digits: str, tail: int) -> Plan:
    core = digits[1:] if lead.endswith("1") else digits
    if len(core) == 7:
        return Plan(lead, core, tail, 100, lambda n: f"55501{n:02}")
    if len(core) == 10:
        areas = _areas()
        return Plan(lead, core, tail, 100 * len(areas), lambda n: f"{areas[n // 100]}55501{n % 100:02}")
    if len(core) == 8:
        return Plan(lead, core, tail, 20_000, lambda n: f"{('5550', '7010')[n // 10_000]}{n % 10_000:04}")
    if len(core) < 7:
        # A pager or an extension: no plan rules them, any digits may do.
        return Plan(lead, core, tail, 10 ** len(core), lambda n: f"{n:0{len(core)}}" if core else "")
    return _unassigned(lead, core, tail)


def _british(lead: str, rest: str, tail: int) -> Plan:
    ranges = _UK_LAND.split() if rest[0] in "12" else [_UK_OTHER.get(rest[0], "1632960")]
    free = len(rest) - 7
    return Plan(
        lead, rest, tail, len(ranges) * 10**free, lambda n: f"{ranges[n // 10**free]}{n % 10**free:0{free}}"
    )


def _australian(lead: str, rest: str, tail: int) -> Plan:
    if rest[0] == "4":
        return Plan(lead, rest, tail, len(_AU_MOBILE.split()), lambda n: "491" + _AU_MOBILE.split()[n])
    return Plan(
        lead,
        rest,
        tail,
        80_000,
        lambda n: f"{'2378'[n // 20_000]}{('5550', '7010')[n // 10_000 % 2]}{n % 10_000:04}",
    )


def _unassigned(lead: str, rest: str, tail: int) -> Plan:
    free = max(len(rest) - 1, 0)
    return Plan(
        lead, rest, tail, 10**free, lambda n: f"0{n:0{free}}"[: len(rest)] if free else "0"[: len(rest)]
    )
