"""Numbers and addresses in the form of those they replace: telephones, identifiers, e-mail, URL, IP."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

from nlp_deid.replace.name_pools import fold
from nlp_deid.replace.shapes import shape_of
from slots.names import Names
from slots.wordlists import words

KEEP_LETTERS = 0.5  # of identifiers: the prefix of letters stays ("BSN-77145")
OTHER_LENGTH = 0.3  # of plain numbers: a digit more or less
RESTYLE = 0.4  # of notes: telephones in another layout
_TEN = re.compile(r"(?P<one>\+?1[-. ]?)?\(?[0-9]{3}\)?[-. /]*[0-9]{3}[-. ]?[0-9]{4}")
_LAYOUTS = (
    "({a}) {b}-{c}", "({a}){b}-{c}", "{a}-{b}-{c}", "{a}.{b}.{c}", "{a} {b} {c}", "{a}{b}{c}", "{a}/{b}-{c}",
    "1-{a}-{b}-{c}", "+1 {a} {b} {c}", "+1-{a}-{b}-{c}", "{a} {b}-{c}", "+1 ({a}) {b}-{c}", "1 {a} {b} {c}",
    "{a}-{b}{c}",
)  # fmt: skip
_RUN = re.compile(r"[0-9]+")
_ALPHA = re.compile(r"[A-Za-z]+")
_DOMAINS = (
    "gmail.com", "gmail.com", "yahoo.com", "outlook.com", "hotmail.com", "aol.com", "icloud.com", "comcast.net",
    "msn.com", "live.com", "att.net", "verizon.net", "sbcglobal.net", "protonmail.com", "me.com", "ymail.com",
    "cox.net", "earthlink.net", "hotmail.co.uk", "btinternet.com", "yahoo.co.uk", "nhs.net", "bigpond.com",
    "xtra.co.nz", "rogers.com", "sympatico.ca", "shaw.ca", "rediffmail.com", "gmx.de", "example.com", "mail.ru",
    "bellsouth.net", "eircom.net", "optusnet.com.au", "qq.com",
)  # fmt: skip
_STEMS = words("""
north, south, east, west, lake, river, cedar, oak, valley, summit, harbor, bay, hill, grand, prime,
city, metro, united, first, care, health, med, clinic, heart, family, kids, wellness, vital, bright,
clear, true, blue, green, star, sun, peak, stone, bridge, point, cross, union, liberty, pioneer,
heritage, coastal, prairie, mesa, canyon, delta, gulf, pacific, atlantic
""")
_ENDS = words("""
health, med, clinic, care, hosp, hospital, medical, group, partners, net, online, systems, labs,
imaging, ortho, peds, mail, works
""")
_TLDS = (
    "org",
    "com",
    "org",
    "com",
    "net",
    "edu",
    "gov",
    "nhs.uk",
    "co.uk",
    "ca",
    "com.au",
    "org.nz",
    "ie",
    "co.za",
    "in",
    "io",
)
_LOGINS = (
    "{i}{l}",
    "{f}{g}{l}",
    "{f}{g}{j}",
    "{l}{g}{i}",
    "{i}{g}{l}",
    "{l}{i}",
    "{f}{g}{c}",
    "{i}{c}",
    "{f}",
    "{c}{i}",
)
_OFFICES = frozenset(
    words("""
admin, privacy, info, office, desk, front, frontdesk, billing, claims, records, medrec, hr, intake,
clinic, opd, help, support, portal, scheduling, referrals, refill, pharmacy, nurse, nurses, team,
ethics, oncall, transplant, coord, lab, results, contact, reception, secretary, appointments, enquiries,
care, recalls, rooms, risk, riskmgmt, assist, remote, tx
""")
)
_SPOKEN = frozenset(
    ["at", "dot", "underscore", "dash", "hyphen", "com", "org", "net", "edu", "the", "letter", "www", "slash"]
)
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def brand(rng: random.Random) -> str:
    """A made-up word as firms call themselves."""
    size = rng.randint(2, 3)
    return "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(size)) + rng.choice(
        ("", "n", "x", "r", "s")
    )


class Ids:
    """New numbers and addresses of one note; equal values of a label become equal values.

    Args:
        rng: where the draws come from.
        names: for user names that are built from no name of the note.
        login: gives the new user name for one built from a name of the note, else None.
    """

    def __init__(self, rng: random.Random, names: Names, login: Callable[[str], str | None]) -> None:
        self._rng, self._names, self._login = rng, names, login
        self._done: dict[tuple[str, str], str] = {}
        self._layout = rng.choice(_LAYOUTS) if rng.random() < RESTYLE else ""
        self._hosts: dict[str, str] = {}

    def rewrite(self, text: str, label: str) -> str:
        """The new value in the old form."""
        make = {
            "PHONE": self._phone, "FAX": self._phone, "EMAIL": self._email, "URL": self._url,
            "IPADDR": self._ip, "USERNAME": self._username, "SSN": self._ssn,
        }.get(label, self._number)  # fmt: skip
        if make is self._phone:
            label = "PHONE"
        if make not in (self._phone, self._number, self._ssn):
            key = (label, text.casefold())
            if key not in self._done:
                self._done[key] = make(text, label)
            return self._done[key]
        return make(text, label)

    # ---- numbers

    def _values(self, label: str, old: str, make: Callable[[], str]) -> str:
        """The new value of an old one, drawn once a note."""
        if (label, old) not in self._done:
            self._done[label, old] = make()
        return self._done[label, old]

    def _fresh(self, kinds: str, old: str, keep_letters: bool) -> str:
        """Values of the same character classes; a leading zero stays one."""
        out = []
        for at, (kind, value) in enumerate(zip(kinds, old, strict=True)):
            if kind in "Aa":
                out.append(value if keep_letters else self._rng.choice(string.ascii_lowercase))
            elif at == 0 and kind == "0":
                out.append("0" if value == "0" else self._rng.choice(string.digits[1:]))
            else:
                out.append(self._rng.choice(string.digits))
        return "".join(out)

    def _number(self, text: str, label: str) -> str:
        if label == "VEHICLE" and text.istitle() and not _RUN.search(text):
            return self._values(label, text, self._ship)
        shape = shape_of(text)
        if not shape.slots:
            return text
        old = shape.values
        keep = bool(_RUN.search(text)) and self._rng.random() < KEEP_LETTERS and len(old) < 15
        new = self._values(label, old, lambda: self._fresh(shape.kinds, old, keep))
        made = shape.fill(new) if len(new) == len(old) else text
        plain = text.isdigit() and len(text) > 5
        if plain and self._rng.random() < OTHER_LENGTH and (label, made) not in self._done:
            longer = self._rng.random() < 0.5
            made = self._values(
                label,
                "longer " + text,
                lambda: made + self._rng.choice(string.digits) if longer else made[:-1],
            )
        return made

    def _ship(self) -> str:
        """The name of a boat."""
        name = self._names.first(self._rng, self._names.origin(self._rng))
        return f"{self._rng.choice(('Lady', 'Miss', 'Spirit of', 'Queen', 'Sea', 'Saint'))} {name}"

    def _ssn(self, text: str, label: str) -> str:
        shape = shape_of(text, numeric=True)
        new = self._values(label, shape.values, lambda: self._fresh(shape.kinds, shape.values, False))
        return shape.fill(new)

    # ---- telephones

    def _phone(self, text: str, label: str) -> str:
        found = _TEN.match(text)
        if found and text[: found.end()].count("\n") == 0:
            digits = re.sub(r"\D", "", found[0])[-10:]
            new = self._values(label, digits, self._american)
            if self._layout and digits[0] not in "01":
                main = self._layout.format(a=new[:3], b=new[3:6], c=new[6:])
            else:
                main = self._fill(found[0], re.sub(r"\D", "", found[0])[:-10] + new)
            return main + _RUN.sub(lambda m: self._digits(len(m[0])), text[found.end() :])
        shape = shape_of(text, numeric=True)
        if not shape.slots:
            return text
        lead = self._lead(text, shape.values)
        new = self._values(
            label, shape.values, lambda: lead + self._fresh(shape.kinds, shape.values, False)[len(lead) :]
        )
        return shape.fill(new)

    def _lead(self, text: str, digits: str) -> str:
        """The digits that stay: a country code, the trunk 0 with the kind of number behind it."""
        if text.lstrip("( ").startswith("+"):
            code = _RUN.search(text)
            return (code[0] if code and len(code[0]) < 4 else digits[:2]) + ("0" if "(0)" in text else "")
        if digits.startswith("0"):
            return digits[:2]
        return digits[: self._rng.randint(0, 1)] if len(digits) > 6 else ""

    def _american(self) -> str:
        if self._rng.random() < 0.12:
            area = self._rng.choice(("800", "888", "877", "866", "855", "844"))
        else:
            area = (
                self._rng.choice("23456789") + self._rng.choice("012345678") + self._rng.choice(string.digits)
            )
        exchange = "555" if self._rng.random() < 0.2 else self._rng.choice("23456789") + self._digits(2)
        return area + exchange + self._digits(4)

    def _digits(self, size: int) -> str:
        return "".join(self._rng.choice(string.digits) for _ in range(size))

    def _fill(self, text: str, digits: str) -> str:
        found = iter(digits)
        return re.sub(r"[0-9]", lambda _: next(found), text)

    # ---- addresses

    def _host(self, old: str) -> str:
        """A domain of a firm or clinic; one a note for each old one."""
        key = old.casefold()
        if key not in self._hosts:
            stem = self._rng.choice(_STEMS) if self._rng.random() < 0.7 else brand(self._rng)
            gap = self._rng.choice(("", "", "-"))
            self._hosts[key] = f"{stem}{gap}{self._rng.choice(_ENDS)}.{self._rng.choice(_TLDS)}"
        return self._hosts[key]

    def _email(self, text: str, label: str) -> str:
        local, at, domain = text.partition("@")
        if not at:
            return _ALPHA.sub(self._spoken, _RUN.sub(lambda m: self._digits(len(m[0])), text))
        local = self._login(local) or self._local(local)
        personal = re.search(r"mail|inbox|post|net\b|fast|zoom|correo", domain)
        return f"{local}@{self._rng.choice(_DOMAINS) if personal or self._rng.random() < 0.3 else self._host(domain)}"

    def _local(self, local: str) -> str:
        """Another local part: an office stays one, a person becomes another."""
        if local[-1:].isdigit() and (made := self._login(local.rstrip(string.digits))):
            return made + self._digits(2)
        if set(re.split(r"[^a-z]+", local.lower())) & _OFFICES:
            return _RUN.sub(lambda m: self._digits(len(m[0])), local)
        return self._invented(local)

    def _invented(self, like: str) -> str:
        """A user name of somebody who is not in the note, in the case and with the digits of another."""
        origin = self._names.origin(self._rng)
        first, last = (
            re.sub(r"[^a-z]", "", fold(draw(self._rng, origin)))
            for draw in (self._names.first, self._names.last)
        )
        first, last = first or "kim", last or "lee"
        gap = next((char for char in like if char in "._-"), "")
        made = self._rng.choice(_LOGINS).format(f=first, l=last, i=first[0], j=last[0], g=gap, c=last[:5])
        digits = "".join(char for char in like if char.isdigit())
        made += self._digits(len(digits))
        return made.upper() if like.isupper() else made

    def _spoken(self, found: re.Match[str]) -> str:
        word = found[0]
        if word.lower() in _SPOKEN or len(word) < 2:
            return word
        return self._values(
            "spoken", word.lower(), lambda: self._login(word.lower()) or self._rng.choice(_STEMS)
        )

    def _url(self, text: str, label: str) -> str:
        scheme, sep, rest = text.rpartition("://")
        host, slash, path = rest.partition("/")
        lead = re.match(r"(?:www|portal|mychart|my|pay|remote|pacs)\.", host, re.IGNORECASE)
        tail = _RUN.sub(lambda m: self._digits(len(m[0])), path)
        tail = re.sub(r"[^\W\d]{4,}", lambda m: self._login(m[0]) or m[0], tail)
        return f"{scheme}{sep}{lead[0] if lead else ''}{self._host(host)}{slash}{tail}"

    def _ip(self, text: str, label: str) -> str:
        if ":" in text:
            return re.sub(r"[0-9a-fA-F]", lambda m: self._rng.choice("0123456789abcdef"), text)
        first = self._rng.choice(("10", "172", "192", "198", "203", str(self._rng.randint(11, 223))))
        parts = [first if not at else str(self._rng.randint(0, 254)) for at in range(4)]
        return re.sub(r"[0-9]+(?:\.[0-9]+){3}", ".".join(parts), text)

    def _username(self, text: str, label: str) -> str:
        made = self._login(text)
        if made is not None:
            return made
        if sum(map(str.isalpha, text)) > 4 and " " not in text:
            return self._invented(text)
        shape = shape_of(text)
        return shape.fill(self._fresh(shape.kinds, shape.values, False)) if shape.slots else text
