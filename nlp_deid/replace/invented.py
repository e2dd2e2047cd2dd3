"""Invented proper names that sound like places: Aylcombe, Keldhurst. None is a hospital, a word or a term."""

from __future__ import annotations

import re
from functools import cache

from nlp_deid.resources import folder

_STEMS = (
    "Ald Ash Ayl Bram Brack Brix Cald Cor Crad Cress Dar Den Dun Eld Elm Fal Fen Fern Gar Glen Grin Hal Harl Hax "
    "Hazel Hol Horn Keld Kes Kil Lang Lark Lin Lyn Mar Mel Mor Nether Nor Oak Ors Pen Quar Rad Raven Ros Row Rush "
    "Sed Sel Stan Swan Tar Thorn Tor Ul Wal War Wen Whit Wil Wix Yar Yel"
)
_ENDINGS = (
    "beck bourne bury combe croft dale fell field ford garth gate grove ham holme holt hurst leigh mere mond mont "
    "more pool ridge shaw stead stoke stone thorpe vale view well wick wold worth"
)
_SAINTS = (
    "Aldric Alkelda Botolph Budoc Cadoc Cedd Cleer Cuby Decuman Diuma Eanswith Edburga Egwin Elwyn Endellion Erkenwald "
    "Felim Frideswide Gwinear Hybald Illtud Indract Kenelm Keyne Levan Mabyn Mawes Melor Milburga Neot Osyth Pandita "
    "Pega Petroc Rumwold Samthann Senara Sidwell Teilo Tewdric Tudwal Werburgh Winwaloe Wulfram Wystan Zeno"
)
# Lists whose words an invented name must not be.
_REAL = (
    "hospitals hospitals_ambiguous hospital_systems common_words medical_words drugs drugs_brand drugs_more eponyms "
    "surnames_common"
)
_WORD = re.compile(r"\w+")


@cache
def names() -> tuple[str, ...]:
    """Some two thousand invented names, capitalised."""
    real = _real_words()
    made = (stem + ending for stem in _STEMS.split() for ending in _ENDINGS.split())
    return tuple(name for name in made if name.casefold() not in real)


@cache
def saints() -> tuple[str, ...]:
    """Saints after whom no listed hospital is called."""
    real = _real_words()
    return tuple(name for name in _SAINTS.split() if name.casefold() not in real)


@cache
def _real_words() -> frozenset[str]:
    words: set[str] = set()
    for name in _REAL.split():
        text = (folder("dictionaries") / f"{name}.txt").read_text(encoding="utf-8")
        words.update(_WORD.findall(text.casefold()))
    return frozenset(words)
