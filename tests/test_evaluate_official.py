"""The shared tasks' own measures, each documented quirk by hand.

The figures agree with the original scripts (i2b2: all 42 variants; MEDDOCAN: all three) on perturbed notes.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.note import Note, Span
from nlp_deid.official import RELAXED_END, OfficialScore, i2b2, join, meddocan
from nlp_deid.scoring import Pair, Score, make_pair

Places = Sequence[tuple[int, int, str]]
TEXT = "Dr. Jürgen Østby-Lie, ID 4471, Reno, --- 03/04/2071. Call 555-0142 x9."


def pair(gold: Places, found: Places | None, text: str = TEXT, note_id: str = "n") -> Pair:
    spans = None if found is None else [Span(*place) for place in found]
    return make_pair(Note(text, note_id, spans=[Span(*place) for place in gold]), spans)


def counts(scores: dict[str, OfficialScore], name: str) -> tuple[int, int, int]:
    micro = scores[name].micro
    return micro.tp, micro.fp, micro.fn


NAME, IDNUM, CITY = (4, 20, "DOCTOR"), (25, 29, "IDNUM"), (31, 35, "CITY")


def test_idnum_is_in_the_hipaa_subset_only_when_corrected() -> None:
    pairs = [pair([NAME, IDNUM, CITY], [NAME, IDNUM])]
    assert counts(i2b2(pairs), "hipaa strict") == (1, 0, 1)
    assert counts(i2b2(pairs, compat=True), "hipaa strict") == (0, 0, 1)
    assert counts(i2b2(pairs, compat=True), "strict") == (2, 0, 1)
    assert counts(i2b2(pairs, compat=True), "ID strict") == (1, 0, 0)
    assert counts(i2b2(pairs, compat=True), "ID hipaa strict") == (0, 0, 0)


def test_the_subset_is_taken_before_matching() -> None:
    pairs = [pair([(4, 20, "PATIENT")], [NAME])]  # DOCTOR is not in the subset: no false positive there
    scores = i2b2(pairs)
    assert counts(scores, "hipaa strict") == (0, 0, 1)
    assert counts(scores, "binary strict") == (1, 0, 0)
    assert counts(scores, "binary hipaa strict") == (0, 0, 1)


def test_non_ascii_letters_split_tokens() -> None:
    scores = i2b2([pair([NAME], [(4, 10, "DOCTOR")])])  # J rgen stby Lie against J rgen
    assert counts(scores, "token") == (2, 0, 2)
    assert counts(scores, "binary token") == (2, 0, 2)


def test_token_offsets_count_from_the_note() -> None:
    scores = i2b2([pair([(40, 50, "DATE")], [(43, 50, "DATE")])])
    assert counts(scores, "token") == (2, 0, 1)
    assert counts(scores, "strict") == (0, 1, 1)


def test_a_tag_without_letters_is_one_token_for_the_script() -> None:
    pairs = [pair([(37, 40, "OTHER")], [(37, 40, "OTHER")])]
    assert counts(i2b2(pairs), "token") == (0, 0, 0)
    assert counts(i2b2(pairs, compat=True), "token") == (1, 0, 0)


@pytest.mark.parametrize("compat", [False, True])
def test_duplicates_collapse_and_case_does_not_count(compat: bool) -> None:
    scores = i2b2([pair([CITY, CITY], [CITY, (31, 35, "city"), CITY])], compat)
    assert counts(scores, "strict") == (1, 0, 0)


@pytest.mark.parametrize("compat", [False, True])
@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ((31, 33, "CITY"), (1, 0, 0)),
        ((31, 37, "CITY"), (1, 0, 0)),
        ((31, 32, "CITY"), (0, 1, 1)),
        ((31, 38, "CITY"), (0, 1, 1)),
        ((30, 35, "CITY"), (0, 1, 1)),  # only the end is forgiven
        ((31, 35, "STATE"), (0, 1, 1)),
    ],
)
def test_relaxed_forgives_two_characters_at_the_end(
    compat: bool, found: tuple[int, int, str], expected: tuple[int, int, int]
) -> None:
    assert counts(i2b2([pair([CITY], [found])], compat), "relaxed") == expected


def test_near_tags_collapse_for_the_script_only() -> None:
    pairs = [pair([CITY], [(31, 34, "CITY"), (31, 36, "CITY")])]
    assert counts(i2b2(pairs), "relaxed") == (1, 1, 0)
    assert counts(i2b2(pairs, compat=True), "relaxed") == (1, 0, 0)


ENDS = st.lists(st.integers(1, 12), max_size=4, unique=True)


@given(ENDS, ENDS)
def test_relaxed_is_the_largest_matching(gold: list[int], found: list[int]) -> None:
    def largest(gold: list[int], found: list[int]) -> int:
        if not gold:
            return 0
        rest = [largest(gold[1:], found)]
        rest += [
            1 + largest(gold[1:], found[:n] + found[n + 1 :])
            for n, end in enumerate(found)
            if abs(end - gold[0]) <= RELAXED_END
        ]
        return max(rest)

    tp = largest(gold, found)
    pairs = [pair([(0, end, "CITY") for end in gold], [(0, end, "CITY") for end in found])]
    assert counts(i2b2(pairs), "relaxed") == (tp, len(found) - tp, len(gold) - tp)


def test_macro_counts_an_empty_document_as_zero() -> None:
    pairs = [
        pair([CITY], [CITY], note_id="a"),
        pair([], [], note_id="b"),
        pair([CITY, NAME], [CITY], note_id="c"),
    ]
    score = i2b2(pairs)["strict"]
    assert score.micro == Score(2, 0, 1)
    assert score.macro_precision == pytest.approx(2 / 3)
    assert score.macro_recall == pytest.approx((1 + 0 + 0.5) / 3)
    assert score.macro_precision_sd == pytest.approx((2 / 9) ** 0.5)  # population SD of 1, 0, 1
    p, r = 2 / 3, 0.5
    assert score.macro_f1 == pytest.approx(2 * p * r / (p + r))
    assert score.to_dict()["macro_f1"] == score.macro_f1


def test_an_unanswered_note_is_a_miss_unless_compat_skips_it() -> None:
    pairs = [pair([CITY], [CITY], note_id="a"), pair([NAME, CITY], None, note_id="b")]
    assert counts(i2b2(pairs), "strict") == (1, 0, 2)
    assert counts(i2b2(pairs, compat=True), "strict") == (1, 0, 0)
    assert meddocan(pairs).track1 == Score(1, 0, 2)
    assert meddocan(pairs, compat=True).track1 == Score(1, 0, 0)


def test_no_notes() -> None:
    assert i2b2([]) == {}
    assert meddocan([], sentences={}).leak == 0


def test_meddocan_tracks_and_leak() -> None:
    gold = [(0, 3, "PAIS"), (4, 7, "CALLE"), (8, 11, "FECHAS")]
    found = [(0, 3, "PAIS"), (4, 7, "PAIS")]
    score = meddocan([pair(gold, found, "abc def ghi", "a")], sentences={"a": 4})
    assert score.track1 == Score(1, 1, 2)
    assert score.track2_strict == Score(2, 0, 1)
    assert score.leak == 0.5
    assert meddocan([]).to_dict()["leak"] is None


def test_meddocan_merged_joins_over_anything_but_letters_and_digits() -> None:
    text = "Ana, Roe at 5 Elm St."
    parts = [(0, 3, "X"), (5, 8, "X")]
    whole = [(0, 8, "X")]
    # joined on one side, whole on the other: one hit, and the parts inside it are no errors
    assert meddocan([pair(parts, whole, text)]).track2_merged == Score(1, 0, 0)
    assert meddocan([pair(parts, whole, text)]).track2_strict == Score(0, 1, 2)
    # equal parts count, and so does their joint: three hits, as in the script
    assert meddocan([pair(parts, parts, text)]).track2_merged == Score(3, 0, 0)
    assert join([(0, 3), (5, 8), (12, 13)], text) == [(0, 8), (12, 13)]
    assert join([(0, 3), (5, 8)], "Ana é Roe") == [(0, 3), (5, 8)]
