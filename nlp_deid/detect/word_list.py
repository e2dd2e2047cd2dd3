"""Lists of words that rules name: words without weight in a name, words no find begins with."""

from __future__ import annotations

import regex

from nlp_deid.layout import WRAP

# A word with a capital, but no initial ("A. Roe"), and no two capitals behind a comma or bar or before
# a post code: those are a state ("Salem, OR 97301").
_CAPITAL = regex.compile(
    r"(?<![\w'.-])(?!\p{Lu}\.|(?<=[,|][ ]?)\p{Lu}{2}\b|\p{Lu}{2}[ ,]{1,2}(?:\d{5}|[A-Z]\d[A-Z])\b)"
    r"\p{Lu}[A-Za-z]*+(?![\w'])"
)
_FIRST = regex.compile(rf"(\p{{L}}[\p{{L}}'-]*+|[&-])[ {WRAP}]*+")
_LAST = regex.compile(rf"(?r)(?:[ {WRAP}]*+)(?P<word>[\p{{L}}\d'-]+)")


_SHOUT = regex.compile(r"(?<![\p{L}'.-])\p{Lu}{4,}(?![\p{L}-]|\.\w)")
_AROUND = 24  # characters on either side that show whether a text is in capitals


def _calmed(shout: regex.Match[str]) -> str:
    text, start, end = shout.string, shout.start(), shout.end()
    around = text[max(0, start - _AROUND) : start] + text[end : end + _AROUND]
    return shout[0].title() if any(map(str.islower, around)) else shout[0]


class WordList:
    """Words in any case; a star stands for any letters at the end or at the beginning of a word.

    Args:
        words: the words, parted by blanks: "the dictat* *ology".
    """

    def __init__(self, words: str) -> None:
        items = words.lower().split()
        self._words = frozenset(word for word in items if "*" not in word)
        self._stems = tuple(word[:-1] for word in items if word.endswith("*"))
        self._ends = tuple(word[1:] for word in items if word.startswith("*"))
        self._known: dict[str, str] = {}
        self._forms: dict[str, str] = {}

    def __contains__(self, word: str) -> bool:
        word = word.lower()
        return word in self._words or word.startswith(self._stems) or word.endswith(self._ends)

    def in_small(self, text: str) -> str:
        """The text, of the same length, with the words of the list in small letters.

        Words in capitals within a text that is not are written as names are, "MERCY" as "Mercy".
        """
        small = self._known.get(text)
        if small is None:
            if len(self._known) > 1:  # a note's text with its wraps and without
                self._known.clear()
            small = _CAPITAL.sub(self._form, _SHOUT.sub(_calmed, text))
            self._known[text] = small
        return small

    def _form(self, found: regex.Match[str]) -> str:
        """A word of a text, in small letters if it is in the list."""
        word = found[0]
        form = self._forms.get(word)
        if form is None:
            if len(self._forms) > 50_000:
                self._forms.clear()
            form = self._forms[word] = word.lower() if word in self else word
        return form

    def skip(self, text: str, start: int, end: int) -> int:
        """Where text[start:end] goes on behind the words of the list that it begins with."""
        while start < end and (word := _FIRST.match(text, start, end)) and word[1] in self:
            start = word.end()
        return start

    def back(self, text: str, start: int, end: int) -> int:
        """Where text[start:end] ends with a word of the list, or its plural; its start if none is there."""
        while word := _LAST.match(text, start, end):
            if word["word"] in self or word["word"].removesuffix("s") in self:
                return end
            end = word.start()
        return start
