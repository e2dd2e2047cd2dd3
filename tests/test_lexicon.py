"""Phrases, the lexicon, its proposals and the keep lists."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.detect.dictionary_files import DictionaryError, put_list
from nlp_deid.detect.lexicon import NAME_LISTS, KeepList, Lexicon, LexiconDetector
from nlp_deid.detect.phrases import PhraseTable, Words, fold, phrase_key
from nlp_deid.note import Note


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon.load()


@pytest.fixture(scope="module")
def detector() -> LexiconDetector:
    return LexiconDetector()


@pytest.fixture(scope="module")
def keep() -> KeepList:
    return KeepList()


def proposed(detector: LexiconDetector, text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.label) for span in detector.find(Note(text))]


def kept(keep: KeepList, text: str, word: str) -> bool:
    """Whether a keep stretch holds the whole of `word`."""
    start = text.index(word)
    return any(a <= start and start + len(word) <= b for a, b, _ in keep.find(Note(text)))


# --- phrases


@pytest.mark.parametrize(
    ("term", "key"),
    [
        ("parkinson's disease", "parkinson disease"),
        ("graves' disease", "graves disease"),
        ("guillain-barré", "guillain barre"),
        ("st. john's", "st john"),
        ("o'brien", "o brien"),
        ("łódź", "lodz"),
    ],
)
def test_phrase_key(term: str, key: str) -> None:
    assert phrase_key(term) == key


def test_fold_drops_marks() -> None:
    assert [fold(word) for word in ("o'brien", "mayagüez", "smith")] == ["obrien", "mayaguez", "smith"]


def test_words_know_their_places() -> None:
    words = Words("graves' eye, crohn's")
    assert words.words == ["graves", "eye", "crohn"]
    assert [(words.start(i), words.end(i), words.tail(i)) for i in range(3)] == [
        (0, 6, 7),
        (8, 11, 11),
        (13, 18, 20),
    ]


_LETTERS = st.sampled_from(["a", "b", "c", "ab"])
_PHRASE = st.lists(_LETTERS, min_size=1, max_size=4).map(" ".join)


@given(phrases=st.sets(_PHRASE, max_size=8), text=st.lists(_LETTERS, max_size=12))
def test_find_agrees_with_brute_force(phrases: set[str], text: list[str]) -> None:
    table: PhraseTable[str] = PhraseTable()
    table.add(phrases, "x")
    expected, end = [], -1
    for first in range(len(text)):
        lasts = [last for last in range(first, len(text)) if " ".join(text[first : last + 1]) in phrases]
        if lasts and lasts[-1] > end:
            end = lasts[-1]
            expected.append((first, end, "x"))
    assert list(table.find(Words(" ".join(text)))) == expected


def test_a_phrase_crosses_a_wrap_but_no_line_end_and_no_wide_gap() -> None:
    table: PhraseTable[int] = PhraseTable()
    table.add(["new york"], 1)
    hits = [bool(list(table.find(Words(f"new{gap}york")))) for gap in (" ", "\x0b", "-", "  ", "\n", "     ")]
    assert hits == [True, True, True, True, False, False]


# --- the lexicon


def test_classes_and_has(lexicon: Lexicon) -> None:
    assert {"surnames_common", "surnames_ambiguous", "common_words", "eponyms"} <= lexicon.classes("white")
    assert lexicon.classes("qqqxyz") == frozenset()
    assert lexicon.has("drugs", "metformin")
    assert not lexicon.has("common_words", "metoprolol")
    assert lexicon.classes("smith") is lexicon.classes("smith")


def test_an_unknown_list_is_named_with_the_known_ones(lexicon: Lexicon) -> None:
    with pytest.raises(DictionaryError, match="no list 'surname'; known: surnames_common"):
        lexicon.has("surname", "smith")


def test_rows_are_as_wide_as_their_columns(lexicon: Lexicon) -> None:
    assert all(len(row) == 2 for row in lexicon.rows("zip3_states"))
    assert dict(map(tuple, lexicon.rows("zip3_states")))["021"] == "massachusetts"  # type: ignore[arg-type]


# --- proposals


def test_places_are_proposed_with_their_labels(detector: LexiconDetector) -> None:
    text = "Born in Guatemala, moved from Albuquerque, New Mexico to Coahoma County."
    assert proposed(detector, text) == [
        ("Guatemala", "COUNTRY"),
        ("Albuquerque", "CITY"),
        ("New Mexico", "STATE"),
        ("Coahoma County", "LOCATION-OTHER"),
    ]


def test_a_name_broken_by_a_line_wrap_or_in_capitals_is_found(detector: LexiconDetector) -> None:
    assert proposed(detector, "seen at Massachusetts General\n   Hospital today") == [
        ("Massachusetts General\n   Hospital", "HOSPITAL")
    ]
    assert proposed(detector, "LIVES IN ALBUQUERQUE") == [("ALBUQUERQUE", "CITY")]
    assert proposed(detector, "born in Bogota, not in BOGOTÁ") == [("Bogota", "CITY"), ("BOGOTÁ", "CITY")]


@pytest.mark.parametrize(
    "text",
    [
        "may be reading, a nice mobile home",
        "May help; Reading glasses; NICE guidelines; MOBILE unit",
        "Jordan and Georgia and Chad and Virginia are here",
        "big bend, general hospital, long beach",
        "Guinea pig, Turkey sandwich",
    ],
)
def test_words_and_names_are_not_proposed_alone(detector: LexiconDetector, text: str) -> None:
    assert proposed(detector, text) == []


def test_every_proposal_is_sure_or_open_to_a_veto(detector: LexiconDetector, lexicon: Lexicon) -> None:
    scores = [entry.score for entry in lexicon.entries.values() if entry.score is not None]
    assert all(0.6 <= score <= 1 for score in scores)
    with pytest.raises(DictionaryError, match="has no score"):
        LexiconDetector(["surnames"])


# --- keep lists


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Foley catheter in place", "Foley"),
        ("placed a Foley", "Foley"),
        ("hx of Parkinson's disease", "Parkinson's"),
        ("Parkinson disease", "Parkinson"),
        ("Graves' ophthalmopathy", "Graves'"),
        ("GRAVES DISEASE", "GRAVES"),
        ("has Crohn's, well controlled", "Crohn's"),
        ("with Barrett's and reflux", "Barrett's"),
        ("s/p Whipple in 2014", "Whipple"),
        ("Babinski downgoing", "Babinski"),
        ("Kerley B lines", "Kerley"),
        ("ligament of Treitz", "Treitz"),
        ("tetralogy of Fallot", "Fallot"),
        ("pouch of Douglas", "Douglas"),
        ("Murphy neg", "Murphy"),
        ("Spurling - bilaterally", "Spurling"),
        ("Braden 17", "Braden"),
        ("Mason II radial head", "Mason"),
        ("Glasgow coma scale 15", "Glasgow"),
        ("Guillain-Barré syndrome", "Guillain-Barré"),
        ("Sjögren's?", "Sjögren's"),
        ("on Metoprolol and Lisinopril", "Metoprolol"),
        ("Parkinson's\n   disease", "Parkinson's\n   disease"),
    ],
)
def test_medicine_is_kept(keep: KeepList, text: str, word: str) -> None:
    assert kept(keep, text, word)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Parkinson is here with his wife", "Parkinson"),
        ("Foley was seen today", "Foley"),
        ("spoke to Graves about it", "Graves"),
        ("Graves' daughter called", "Graves"),
        ("White, Young and Rose came", "Young"),
        ("Long is a 40 year old", "Long"),
        ("Murphy called", "Murphy"),
        ("Bell lives in Boston", "Boston"),
        ("Wilson, Hunter J", "Hunter"),
        ("Foley\n\nCatheter care", "Foley"),
        ("No asthma. Foley lives alone", "Foley"),
    ],
)
def test_people_and_places_are_not_kept(keep: KeepList, text: str, word: str) -> None:
    assert not kept(keep, text, word)


def test_no_name_alone_is_kept_unless_it_is_an_eponym(keep: KeepList, lexicon: Lexicon) -> None:
    eponyms = {word for term in lexicon.words("eponyms") for word in phrase_key(term).split()}
    phrases = {f"{word}s" for word in eponyms} | eponyms | lexicon.words("medical_phrases")
    text = "\n\n".join(
        sorted(name for lists in NAME_LISTS for name in lexicon.words(lists) if name not in phrases)
    )
    assert [text[a:b] for a, b, _ in keep.find(Note(text))] == []


def test_only_keep_lists_keep() -> None:
    with pytest.raises(DictionaryError, match="not keep"):
        KeepList(["surnames"])


@given(st.text(alphabet=st.sampled_from("foley's disX\n\x0b-. é\u200b\u0301ﬁ3"), max_size=60))
def test_keep_and_proposals_lie_in_the_note(keep: KeepList, detector: LexiconDetector, text: str) -> None:
    note = Note(text)
    for start, end, _ in keep.find(note):
        assert 0 <= start < end <= len(text)
    for span in detector.find(note):
        assert span.end <= len(text)


# --- a site's own lists


def test_a_site_s_lists_win(tmp_path: Path) -> None:
    put_list(
        tmp_path, ["babinski", "quill memorial", "metformin"], "ours", kind="phi", label="HOSPITAL", score=0.7
    )
    put_list(tmp_path, ["guatemala", "rose"], "plain", kind="keep")
    detector, keep = LexiconDetector(extra=tmp_path), KeepList(extra=tmp_path)
    text = "Babinski at Quill Memorial on metformin; guatemala, Guatemala. Rose"
    assert [found for found, _ in proposed(detector, text)] == ["Babinski", "Quill Memorial", "metformin"]
    assert not kept(keep, text, "Babinski")
    assert not kept(keep, text, "metformin")
    assert kept(keep, text, "Guatemala")
    assert kept(keep, text, "Rose")
    assert proposed(LexiconDetector(["states"], extra=tmp_path), "Ohio, Babinski") == [
        ("Ohio", "STATE"),
        ("Babinski", "HOSPITAL"),
    ]


def test_exact_case_and_sorting_out_conflicts(tmp_path: Path) -> None:
    put_list(tmp_path, ["QMH", "McQuill"], "codes", kind="phi", label="HOSPITAL", case="exact")
    detector = LexiconDetector(["codes"], extra=tmp_path)
    assert proposed(detector, "QMH qmh Qmh McQuill MCQUILL") == [("QMH", "HOSPITAL"), ("McQuill", "HOSPITAL")]
    put_list(tmp_path / "two", ["zebulonia"], "mask", kind="phi", label="PATIENT")
    put_list(tmp_path / "two", ["zebulonia"], "plain", kind="keep")
    with pytest.raises(DictionaryError, match=r"mask\.txt: line 1: also kept") as error:
        LexiconDetector(extra=tmp_path / "two")
    assert "zebulonia" not in str(error.value)


def test_time_grows_linearly(keep: KeepList, detector: LexiconDetector) -> None:
    def seconds(text: str) -> float:
        note = Note(text)
        _ = note.view.lower
        start = time.process_time()
        keep.find(note)
        detector.find(note)
        return time.process_time() - start

    unit = "chronic acute left lower foley new san of the s/p no "
    small = min(seconds(unit * 400) for _ in range(3))
    assert seconds(unit * 4000) < 40 * small
