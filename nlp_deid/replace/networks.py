"""Addresses of networks that lead nowhere: names and numbers set apart for documentation.

example.com, .net and .org (RFC 2606); 192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24 (RFC 5737);
2001:db8::/32 (RFC 3849); hardware addresses of local administration (IEEE 802).
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Uniform in [0, n) for one more part of the key: what the makers below draw from.
Draw = Callable[[int, str], int]

_HOSTS = ("example.org", "example.com", "example.net")
_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")
_AT = re.compile(r"@|[(\[{]\s*at\s*[)\]}]|\s+at\s+", re.IGNORECASE)
_DOT = re.compile(r"\s+dot\s+|[(\[{]\s*dot\s*[)\]}]|\.", re.IGNORECASE)
_EMAIL_LAYOUT = re.compile(r"(\s*(?:mailto:\s*|<)?\s*)(.*?)(\s*>?\s*)", re.DOTALL | re.IGNORECASE)
_URL = re.compile(
    r"(\s*(?:[a-z][a-z0-9+.-]*://)?)(?:[^\s/@]*@)?([^\s/:?#]+)((?::[0-9]+)?)(.*)", re.DOTALL | re.IGNORECASE
)
_SUFFIX = re.compile(
    r"(.*?)(\.(?:html?|php|aspx?|jsp|pdf|docx?|jpe?g|png|gif|txt|xml|json|cgi))?(\s*)", re.DOTALL
)
_IPV4 = re.compile(r"[0-9]{1,3}(?:\s*\.\s*[0-9]{1,3}){3}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4})")
_CONSONANTS, _VOWELS = "bcdfghjklmnprstvwz", "aeiou"


def word_like(text: str, draw: Draw) -> str:
    """Letters and digits drawn anew, letters so that they can be read aloud; all else stays."""
    seed = draw(1 << 5 * sum(map(str.isalnum, text)) + 64, "word")
    parts: list[str] = []
    letters = 0
    for char in text:
        if char.isnumeric():
            pool = "0123456789"
        elif char.isalpha():
            pool = _VOWELS if letters % 2 else _CONSONANTS
            letters += 1
        else:
            parts.append(char)
            letters = 0
            continue
        seed, at = divmod(seed, len(pool))
        parts.append(pool[at].upper() if char.isupper() else pool[at])
    return "".join(parts)


def email(text: str, draw: Draw, login: str | None = None) -> str:
    """An address at example.org, .com or .net; `login` is the part before the @, else it is made up."""
    found = _EMAIL_LAYOUT.fullmatch(text)
    before, address, after = found.groups() if found else ("", text, "")
    at = _AT.search(address)
    local = address[: at.start()] if at else address
    made = login if login is not None else word_like(local, draw)
    host = _HOSTS[draw(len(_HOSTS), "host")]
    if at:
        domain = address[at.end() :]
        dot = _DOT.search(domain)
        host = host.replace(".", dot[0] if dot else ".")
        if domain.isupper():
            host = host.upper()
        blank = domain[: len(domain) - len(domain.lstrip())]
        return f"{before}{made}{at[0]}{blank}{host}{after}"
    return f"{before}{made}{after}"


def url(text: str, draw: Draw) -> str:
    """The address on a host below example.org, .com or .net, with another path of the same shape."""
    found = _URL.fullmatch(text)
    if not found or not ("." in found[2] or found[1].strip()):
        return word_like(text, draw)  # a handle or a bare name
    scheme, host, port, path = found.groups()
    if _IPV4.fullmatch(host):
        made = ip_address(host, draw)
    else:
        labels = host.split(".")
        kept = labels[:1] if labels[0].lower() == "www" else []
        inner = labels[len(kept) : -2] if len(labels) - len(kept) > 2 else []
        made = ".".join(
            [*kept, *(word_like(label, draw) for label in inner), _HOSTS[draw(len(_HOSTS), "host")]]
        )
        made = made.upper() if host.isupper() else made
    ending = _SUFFIX.fullmatch(path)
    body, suffix, blank = ending.groups() if ending else (path, "", "")
    return f"{scheme}{made}{port}{word_like(body, draw)}{suffix or ''}{blank}"


def ip_address(text: str, draw: Draw) -> str:
    """An address of the ranges for documentation, IPv4 or IPv6; a prefix length stays."""
    if found := _IPV4.search(text):
        number = draw(3 * 254, "v4")
        return f"{text[: found.start()]}{_NETWORKS[number % 3]}{number // 3 + 1}{text[found.end() :]}"
    if found := _MAC.search(text):
        return f"{text[: found.start()]}{_hardware(found[0], draw)}{text[found.end() :]}"
    found = re.search(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+", text)
    if not found:
        return word_like(text, draw)
    groups = 6 if found[0].count(":") == 7 else 1 + draw(3, "groups")
    number = draw(1 << 16 * groups, "v6")
    parts = [f"{number >> 16 * at & 0xFFFF:x}" for at in range(groups)]
    made = "2001:db8:" + ("" if groups == 6 else ":") + ":".join(parts)
    made = made.upper() if found[0].isupper() else made
    return f"{text[: found.start()]}{made}{text[found.end() :]}"


def is_hardware_address(text: str) -> bool:
    """True for six pairs of hex digits with : or - between them."""
    return bool(_MAC.fullmatch(text.strip()))


def hardware_address(text: str, draw: Draw) -> str:
    """A hardware address of local administration, which no maker burns in."""
    return _MAC.sub(lambda found: _hardware(found[0], draw), text)


def _hardware(text: str, draw: Draw) -> str:
    number = draw(1 << 46, "mac")
    first = (number & 0x3F) << 2 | 2
    octets = [first, *(number >> 6 + 8 * at & 0xFF for at in range(5))]
    made = text[2].join(f"{octet:02x}" for octet in octets)
    return made.upper() if text.upper() == text else made
