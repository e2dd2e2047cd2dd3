"""tables/table.py, classes.py, frames.py, loss.py: coding, collapsing, files, and loss of a release."""

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlp_deid.tables.builders import Automatic, Intervals
from nlp_deid.tables.frames import TableError, read, to_polars, write
from nlp_deid.tables.hierarchy import Hierarchy
from nlp_deid.tables.lattice import GlobalRecoding
from nlp_deid.tables.local import LocalRecoding
from nlp_deid.tables.loss import compare
from nlp_deid.tables.models import KAnonymity
from nlp_deid.tables.mondrian import Mondrian
from nlp_deid.tables.table import Table, encode

ROWS = st.lists(
    st.tuples(st.sampled_from(["a", "b", None]), st.integers(0, 3), st.sampled_from(["x", "y", None])),
    min_size=1,
)


def test_values_are_in_order_of_numbers_or_of_text():
    assert encode(pl.Series("n", ["10", "9", None, "9"])).values == ["9", "10", ""]
    assert encode(pl.Series("n", [1.0, 2.0, float("nan")])).values == ["1", "2", ""]
    assert encode(pl.Series("t", ["b", "a", ""])).values == ["a", "b", ""]
    assert encode(pl.Series("b", [True, False])).values == ["false", "true"]
    with pytest.raises(TableError, match="'l': lists"):
        encode(pl.Series("l", [[1], [2]]))


@given(ROWS)
@settings(deadline=None)
def test_collapsing_counts_every_row_once(rows):
    frame = pl.DataFrame(rows, schema={"p": pl.String, "q": pl.Int64, "s": pl.String}, orient="row")
    table = Table(frame, ["p", "q"], ["s"])
    data = table.collapse(["s"])
    columns = [table.column(name) for name in ("p", "q", "s")]
    back = [
        tuple(columns[j].values[code] or None for j, code in enumerate(data.tuples[at]))
        for at in data.row_tuple
    ]
    assert back == [(p, str(q)) for p, q, _ in rows]
    assert sorted(data.counts) == sorted(back.count(t) for t in set(back))
    cells = {
        (tuple(data.tuples[t]), int(codes[0])): int(count)
        for t, codes, count in zip(data.cell_tuple, data.cell_codes, data.cell_counts, strict=True)
    }
    keys = [(tuple(data.tuples[at]), int(columns[2].codes[i])) for i, at in enumerate(data.row_tuple)]
    assert cells == {key: keys.count(key) for key in keys}


def test_a_missing_quasi_identifier_is_not_dropped_from_its_class():
    frame = pd.DataFrame({"q": ["a", "a", None], "s": ["x", "y", "z"]})
    assert KAnonymity(1).check(frame, ["q"]).worst == 1


def test_files_round_trip(tmp_path):
    frame = pl.DataFrame({"a": ["1", None], "b": ["x;y", "z"]})
    for name, delimiter in (("t.csv", ";"), ("t.tsv", "\t"), ("t.parquet", ",")):
        write(frame, tmp_path / name, delimiter)
        assert read(tmp_path / name, delimiter).equals(frame)


def test_wrong_files_and_frames(tmp_path):
    (tmp_path / "twice.csv").write_text("a,b,a\n1,2,3\n", encoding="utf-8")
    with pytest.raises(TableError, match="duplicate column names: 'a'"):
        read(tmp_path / "twice.csv")
    with pytest.raises(TableError, match="duplicate column names"):
        to_polars(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    (tmp_path / "ragged.csv").write_text("a,b\n1,2,3\n", encoding="utf-8")
    with pytest.raises(TableError, match="not readable as csv") as caught:
        read(tmp_path / "ragged.csv")
    assert "3" not in str(caught.value)
    with pytest.raises(TableError, match="ending"):
        read(tmp_path / "t.xlsx")
    with pytest.raises(TableError, match="ending"):
        write(pl.DataFrame({"a": [1]}), tmp_path / "t.xlsx")
    with pytest.raises(TableError, match="not list"):
        to_polars([1])


def test_roles():
    frame = pl.DataFrame({"a": [1], "b": [2]})
    with pytest.raises(TableError, match="'c' \\(quasi\\) is not in the table; it has 'a', 'b'"):
        Table(frame, ["c"])
    with pytest.raises(TableError, match="'a' is both quasi and sensitive"):
        Table(frame, ["a"], ["a"])
    assert repr(Table(frame, ["a"])) == "Table(1 rows, quasi ['a'], sensitive [])"


SEX = Hierarchy([["f", "*"], ["m", "*"]], "sex")
AGES = Hierarchy([[str(a), f"{a // 10 * 10}-{a // 10 * 10 + 9}", "*"] for a in range(20, 60)], "age")
BEFORE = pl.DataFrame({"age": ["20", "25", "40", "59"], "sex": ["f", "m", "f", "f"]})


def test_loss_by_hand():
    after = pl.DataFrame({"age": ["20-29", "20-29", "40", "*"], "sex": ["*", "*", "f", "*"]})
    loss = compare(BEFORE, after, ["age", "sex"], {"age": AGES, "sex": SEX}, k=1)
    assert loss.ncp == pytest.approx({"age": (9 / 39 * 2 + 0 + 1) / 4, "sex": (1 + 1 + 0 + 1) / 4})
    assert loss.gcp == pytest.approx(sum(loss.ncp.values()) / 2)
    assert loss.c_dm == 2**2 + 1 + 4
    assert loss.c_avg == pytest.approx(3 / 2)
    assert loss.suppressed == 0.25
    # Of two bits each the two of 20-29 lose one, the suppressed record two.
    assert loss.entropy["age"] == pytest.approx((1 + 1 + 0 + 2) / 8)


def test_loss_of_intervals_and_sets_and_of_dropped_rows():
    after = pl.DataFrame({"age": ["[20..25]", "[20..25]", "40"], "sex": ["{f|m}", "{f|m}", "f"]})
    loss = compare(BEFORE, after, ["age", "sex"], {"age": AGES})
    assert loss.ncp == pytest.approx({"age": (5 / 39 * 2 + 1) / 4, "sex": (1 + 1 + 1) / 4})
    assert loss.entropy == {}


def test_a_label_of_another_table_is_refused_without_naming_it():
    with pytest.raises(TableError, match="column 'sex': a released label") as caught:
        compare(BEFORE, BEFORE.with_columns(sex=pl.lit("secret")), ["age", "sex"], {"age": AGES})
    assert "secret" not in str(caught.value)
    with pytest.raises(TableError, match="at most the rows"):
        compare(BEFORE.head(2), BEFORE, ["age"], {"age": AGES})


@pytest.mark.parametrize("method", [LocalRecoding, GlobalRecoding, Mondrian])
def test_loss_read_from_the_labels_is_the_loss_reported(method):
    frame = pl.DataFrame({"age": [str(20 + i * 7 % 40) for i in range(200)], "sex": ["f", "m"] * 100})
    frame = frame.with_columns(zip=pl.Series([f"0{i * 13 % 97:02}" for i in range(200)]))
    frame = frame.with_columns(pl.when(pl.int_range(200) % 50 > 0).then(pl.col("age")).alias("age"))
    made = {"age": Intervals(5, 10, 20), "zip": Automatic(), "sex": Automatic()}
    anonymizer = method(KAnonymity(7), made, suppression_limit=0.2)
    out = anonymizer.fit_transform(frame)
    hierarchies = {name: made[name](sorted(set(frame[name].drop_nulls())), name) for name in made}
    loss = compare(frame, out, list(made), hierarchies, 7)
    assert loss.ncp == pytest.approx(anonymizer.release.loss.ncp)
    assert (loss.c_dm, loss.c_avg) == (anonymizer.release.loss.c_dm, anonymizer.release.loss.c_avg)
    assert all(0 <= share <= 1 for share in loss.entropy.values())


def test_a_quoted_header_may_hold_the_delimiter(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('"age, years","age, months"\n3,36\n', encoding="utf-8")
    assert read(path).columns == ["age, years", "age, months"]
