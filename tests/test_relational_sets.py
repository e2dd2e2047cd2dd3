"""Demographics and items of one table: each part holds, and both together where that is asked."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.tables.baskets import BasketError, Baskets
from nlp_deid.tables.diversity import KAnonymity
from nlp_deid.tables.hierarchy import Hierarchy
from nlp_deid.tables.item_hierarchy import ItemHierarchy
from nlp_deid.tables.local import LocalRecoding
from nlp_deid.tables.relational_sets import anonymize_joint
from nlp_deid.tables.setvalued import KMAnonymity

SEX = Hierarchy([["F", "*"], ["M", "*"]], "sex")
TOWN = Hierarchy([["n1", "north", "*"], ["n2", "north", "*"], ["s1", "south", "*"]], "town")
TREE = ItemHierarchy.from_paths([("a1", "A"), ("a2", "A"), ("b1", "B"), ("b2", "B")])
ROWS = st.lists(
    st.tuples(
        st.sampled_from("FM"),
        st.sampled_from(["n1", "n2", "s1"]),
        st.sets(st.sampled_from(["a1", "a2", "b1", "b2"])).map(sorted),
    ),
    min_size=4,
    max_size=16,
)
COMMON = ("F", "n1", ["a1", "b1"])


def table(rows):
    schema = {"sex": pl.String, "town": pl.String, "codes": pl.List(pl.String)}
    return pl.DataFrame([*rows, COMMON, COMMON], schema, orient="row")


def recoding(**options):
    return LocalRecoding(KAnonymity(2), {"sex": SEX, "town": TOWN}, **options)


@pytest.mark.parametrize("hierarchy", [None, TREE])
@settings(deadline=None)
@given(rows=ROWS)
def test_both_parts_hold_alone_and_together(hierarchy, rows):
    frame = table(rows)
    model = KMAnonymity(2, 2)
    released = anonymize_joint(frame, "codes", recoding(), model, hierarchy, within_classes=True)
    result = released.frame
    assert KAnonymity(2).check(result, quasi=["sex", "town"])
    assert model.check(Baskets.of(result["codes"].to_list()))
    for _, part in result.group_by("sex", "town"):
        assert model.check(Baskets.of(part["codes"].to_list()))
    apart = anonymize_joint(frame, "codes", recoding(), model, hierarchy)
    assert model.check(Baskets.of(apart.frame["codes"].to_list()))
    lost = apart.frame["codes"].list.len().sum() - result["codes"].list.len().sum()
    assert lost == released.suppressed_in_classes
    assert apart.suppressed_in_classes == 0


def test_rows_stay_in_place_and_the_kind_of_frame_too():
    frame = table([("M", "s1", ["a2"])] * 2).to_pandas()
    frame["codes"] = [list(codes) for codes in frame["codes"]]
    released = anonymize_joint(frame, "codes", recoding(), KMAnonymity(2, 2)).frame
    assert list(released["sex"]) == ["M", "M", "F", "F"]
    assert [list(codes) for codes in released["codes"]] == [["a2"], ["a2"], ["a1", "b1"], ["a1", "b1"]]


def test_wrong_calls_are_refused():
    frame = table([])
    with pytest.raises(BasketError, match="in place"):
        anonymize_joint(frame, "codes", recoding(shuffle=True), KMAnonymity(2, 2))
    with pytest.raises(BasketError, match="lists of text"):
        anonymize_joint(frame, "sex", recoding(), KMAnonymity(2, 2))
