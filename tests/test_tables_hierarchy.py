"""tables/hierarchy.py and builders.py: levels, nesting, losses, and clear errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.tables.builders import Automatic, Dates, Intervals, Ordered, Prefixes, Taxonomy
from nlp_deid.tables.hierarchy import MISSING, Hierarchy, HierarchyError

EDUCATION = [
    ["bachelor", "college", "higher", "*"],
    ["master", "college", "higher", "*"],
    ["doctorate", "doctorate", "higher", "*"],
    ["school", "school", "basic", "*"],
]


def test_levels_losses_and_leaves():
    hierarchy = Hierarchy(EDUCATION, "education")
    assert (hierarchy.levels, hierarchy.numeric) == (4, False)
    assert hierarchy.losses()[:, 0].tolist() == [0, 0.5, 0.75, 1]
    assert hierarchy.losses()[:, 2].tolist() == [0, 0, 0.75, 1]
    assert hierarchy.leaves("higher") == ["bachelor", "master", "doctorate"]
    assert hierarchy.leaves("unknown") == []
    assert hierarchy.rows() == EDUCATION


def test_numbers_lose_width_inside_the_range_of_the_table():
    ages = Hierarchy([[str(a), f"{a // 10 * 10}-{a // 10 * 10 + 9}", "*"] for a in range(100)], "age")
    assert ages.numeric
    losses = ages.losses(15, 95)
    assert losses[1, 20] == pytest.approx(9 / 80)
    assert losses[1, 15] == pytest.approx(4 / 80)
    assert losses[2].tolist() == [1] * 100


def test_codes_are_no_numbers():
    assert not Hierarchy([["02139", "021**", "*"], ["02140", "021**", "*"]], "zip").numeric
    assert not Hierarchy([["12139", "121**", "*"], ["12140", "121**", "*"]], "zip").numeric


def test_file_with_other_delimiter(tmp_path):
    path = tmp_path / "sex.csv"
    path.write_text("f,*\nm,*\n", encoding="utf-8")
    assert Hierarchy.from_csv(path, delimiter=",").values == ["f", "m"]


def test_a_missing_top_is_added():
    assert Hierarchy([["a", "x"], ["b", "y"]], "c").labels[-1] == ["*"]


def test_missing_values_are_a_category_until_the_top():
    hierarchy = Hierarchy(EDUCATION, "education").with_missing()
    assert hierarchy.rows()[-1] == [MISSING, MISSING, MISSING, "*"]
    assert hierarchy.with_missing() is hierarchy


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "column 'c': it has no values"),
        ([["a", "x", "*"], ["b", "*"]], "value 'b' has 2 levels"),
        ([["a", "*"], ["a", "*"]], "value 'a' stands twice"),
        ([["a", "x", "p", "*"], ["b", "x", "q", "*"]], "label 'x' of level 1 lies under 'p' and 'q'.*'b'"),
    ],
)
def test_wrong_hierarchies_name_column_and_value(rows, message):
    with pytest.raises(HierarchyError, match=message):
        Hierarchy(rows, "c")


def test_a_value_that_is_missing_in_it_is_named():
    with pytest.raises(HierarchyError, match="column 'education': value 'none' of the table"):
        Hierarchy(EDUCATION, "education").index(["school", "none"])


def test_intervals():
    assert Intervals(5, 10)(["37", "42", "44"], "age").rows() == [
        ["37", "35-39", "30-39", "*"],
        ["42", "40-44", "40-49", "*"],
        ["44", "40-44", "40-49", "*"],
    ]
    assert Intervals(0.5, 1)(["1.7"], "x").rows() == [["1.7", "[1.5, 2)", "[1, 2)", "*"]]
    assert Intervals(10, origin=5)(["7", "15"], "x").rows()[0][1] == "5-14"
    with pytest.raises(HierarchyError, match="multiple"):
        Intervals(5, 12)
    with pytest.raises(HierarchyError, match="'x' is no number"):
        Intervals(5)(["x"], "age")


def test_prefixes_dates_order_and_taxonomy():
    assert Prefixes()(["021", "022"], "zip").rows()[0] == ["021", "02*", "0**", "*"]
    assert Prefixes((3,))(["02139"], "zip").rows()[0] == ["02139", "021**", "*"]
    assert Dates()(["2020-02-29"], "d").rows() == [["2020-02-29", "2020-02", "2020", "2020s", "*"]]
    assert Dates()(["2020-02-29T10:00"], "d").rows()[0][1] == "2020-02-29"
    assert Ordered(("low", "mid", "high"))([], "o").rows() == [
        ["low", "low..mid", "*"],
        ["mid", "low..mid", "*"],
        ["high", "high", "*"],
    ]
    tree = Taxonomy({"care": {"ward": ["nurse", "midwife"]}, "none": ["retired"]})
    assert tree([], "job").rows() == [
        ["nurse", "ward", "care", "*"],
        ["midwife", "ward", "care", "*"],
        ["retired", "retired", "none", "*"],
    ]
    for builder, values in (
        (Dates(), ["1.2.2020"]),
        (Ordered(fanout=1), ["a"]),
        (Prefixes((2, 3)), ["abcd"]),
    ):
        with pytest.raises(HierarchyError, match="column 'c'"):
            builder(values, "c")


def test_automatic_goes_by_the_looks():
    def levels(*values):
        return Automatic()(list(values), "c").rows()[0]

    assert levels("2020-02-29", "2021-01-01")[2] == "2020"
    assert levels("02139", "10001")[1] == "0213*"
    assert levels("17", "90")[1] == "15-19"
    assert levels("f", "m") == ["f", "*"]
    assert levels(*(f"word{i}" for i in range(40)))[1] == "wor***"
    assert levels() == ["", "*"]


@given(st.lists(st.integers(-200, 200).map(str), min_size=1, max_size=30, unique=True))
def test_built_hierarchies_lose_more_at_every_level(values):
    for builder in (Intervals(5, 10, 20), Ordered(fanout=3), Automatic()):
        losses = builder(values, "c").losses()
        assert (losses[1:] >= losses[:-1] - 1e-12).all()
        assert losses.min() >= 0
        assert losses.max() <= 1
