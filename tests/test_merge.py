"""merge.py: union cover, one label a span, keep lists only veto the unsure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.labels import LABELS
from nlp_deid.merge import Blackboard, Keep, Merge
from nlp_deid.note import Span

SPANS = st.builds(
    lambda start, length, label, score, source: Span(start, start + length, label, score, source),
    st.integers(0, 40),
    st.integers(1, 15),
    st.sampled_from(["PATIENT", "DOCTOR", "DATE", "STREET", "CITY", "PHONE"]),
    st.sampled_from([0.3, 0.5, 0.6, 0.89, 0.9, 0.95, 1.0]),
    st.sampled_from(["a", "b"]),
)
KEEPS = st.builds(
    lambda start, length: Keep(start, start + length, "keep"), st.integers(0, 40), st.integers(1, 15)
)


def covered(spans):
    return {i for span in spans for i in range(span.start, span.end)}


@given(st.lists(SPANS, max_size=12))
def test_every_surviving_character_stays_covered_and_no_other(proposals):
    final = Merge().spans(proposals)
    assert covered(final) == covered(span for span in proposals if span.score >= 0.5)


@given(st.lists(SPANS, max_size=12), st.lists(KEEPS, max_size=4))
def test_result_is_sorted_disjoint_and_independent_of_order(proposals, keeps):
    final = Merge().spans(proposals, keeps)
    assert all(first.end <= second.start for first, second in pairwise(final))
    assert Merge().spans(reversed(proposals), reversed(keeps)) == final


@given(st.lists(SPANS, max_size=12), st.lists(KEEPS, max_size=4))
def test_keep_lists_never_uncover_a_sure_proposal(proposals, keeps):
    sure = covered(span for span in proposals if span.score >= 0.9)
    assert sure <= covered(Merge().spans(proposals, keeps))


@given(st.lists(SPANS, max_size=8), st.lists(KEEPS, max_size=4))
def test_veto_against_brute_force(proposals, keeps):
    def vetoed(span):
        return span.score < 0.9 and any(k.start <= span.start and span.end <= k.end for k in keeps)

    survivors = [span for span in proposals if span.score >= 0.5 and not vetoed(span)]
    assert covered(Merge().spans(proposals, keeps)) == covered(survivors)


@given(st.lists(SPANS, max_size=12), st.lists(KEEPS, max_size=4))
def test_every_proposal_has_one_verdict(proposals, keeps):
    verdicts = Merge().verdicts(proposals, keeps)
    assert sorted(verdict.span for verdict in verdicts) == sorted(set(proposals))
    assert {verdict.outcome for verdict in verdicts} <= {"won", "merged", "vetoed", "weak"}


def test_sure_beats_longer_unsure():
    street, name = Span(0, 20, "PATIENT", 0.7, "names"), Span(5, 15, "STREET", 0.95, "rule")
    assert [(s.start, s.end, s.label) for s in Merge().spans([street, name])] == [
        (0, 5, "PATIENT"),
        (5, 15, "STREET"),
        (15, 20, "PATIENT"),
    ]


def test_parts_of_one_name_become_one_span():
    whole, part = Span(0, 10, "PATIENT", 0.7, "names"), Span(5, 10, "DOCTOR", 0.95, "title")
    assert Merge().spans([whole, part]) == [Span(0, 10, "DOCTOR", 0.95, "title")]


def test_neighbours_that_only_touch_stay_apart():
    first, second = Span(0, 3, "DATE", 0.9, "a"), Span(3, 6, "DATE", 0.9, "a")
    assert Merge().spans([first, second]) == [first, second]


def test_verdict_names_winner_and_keep_list():
    verdicts = Merge().verdicts(
        [
            Span(0, 5, "PATIENT", 0.7, "names"),
            Span(10, 15, "CITY", 0.7, "lexicon"),
            Span(10, 15, "PATIENT", 0.95, "title"),
        ],
        [Keep(0, 13, "eponyms")],
    )
    assert [(v.span.source, v.outcome, v.by) for v in verdicts] == [
        ("names", "vetoed", "eponyms"),
        ("lexicon", "merged", "title"),
        ("title", "won", ""),
    ]


def test_threshold_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match="threshold"):
        Merge(threshold=1.5)


def test_all_labels_rank():
    proposals = [Span(i, i + 2, label, 0.9, "x") for i, label in enumerate(LABELS)]
    assert covered(Merge().spans(proposals)) == set(range(len(LABELS) + 1))


@given(st.lists(SPANS, max_size=12))
def test_blackboard_covers_what_union_covers(proposals):
    board = Blackboard(precedence=("DATE", "STREET"))
    assert covered(board.spans(proposals, text="x" * 60)) == covered(Merge().spans(proposals))


def test_blackboard_goes_by_precedence_and_by_prior_occurrence():
    text = "Virginia and Virginia; Virginia"
    proposals = [
        Span(0, 8, "PATIENT", 0.95, "title"),
        Span(13, 21, "PATIENT", 0.7, "names"),
        Span(13, 21, "STATE", 0.95, "place"),
        Span(23, 31, "STATE", 0.95, "place"),
    ]
    board = Blackboard(precedence=("STATE", "PATIENT"))
    assert [s.label for s in board.spans(proposals[1:], text=text)] == ["STATE", "STATE"]
    assert [s.label for s in board.spans(proposals, text=text)] == ["PATIENT", "PATIENT", "STATE"]


def test_blackboard_refuses_an_unknown_label():
    with pytest.raises(ValueError, match="unknown label"):
        Blackboard(precedence=("NICKNAME",))
