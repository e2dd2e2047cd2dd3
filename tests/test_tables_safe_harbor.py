"""tables/safe_harbor.py and kinds.py: the 18 identifiers by column, and the edge cases of the rule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pl = pytest.importorskip("polars")

from nlp_deid.tables.frames import TableError  # noqa: E402
from nlp_deid.tables.kinds import KINDS, kind_of_header, kind_of_values  # noqa: E402
from nlp_deid.tables.safe_harbor import ColumnRule, LimitedDataSet, SafeHarbor  # noqa: E402

PATIENTS = pl.DataFrame(
    {
        "PatientName": ["Ann Mills", "Bo Ray", "Cy Dunn", None],
        "MRN": ["100", "200", "300", "400"],
        "dob": ["1934-05-06", "1980-01-02", "3/4/45", "2001-12-31"],
        "admission_date": ["2024-01-02", "2023-05-06", "2023-07-08", None],
        "zip": ["02139", "03601", "2139", "00501-0001"],
        "age": ["90", "44", "ninety-two", "unknown"],
        "phone": ["617-555-0101", "", "617-555-0103", "x"],
        "city": ["Boston", "Acworth", "Cambridge", "Holtsville"],
        "state": ["MA", "NH", "MA", "NY"],
        "notes": ["Seen by Dr. Hale.", "Well.", None, "Call 617-555-0104."],
        "diagnosis": ["flu", "flu", "gout", "gout"],
    }
)


def rule(**settings):
    return SafeHarbor(reference_year=2024, **settings)


def only(kind, values, **settings):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    return rule(columns={"x": kind}, **settings).fit_transform(frame)["x"].to_list()


def test_a_table_of_patients():
    safe = rule(scrub=lambda text: text.replace("Hale", "[NAME]").replace("617-555-0104", "[PHONE]"))
    out = safe.fit_transform(PATIENTS)
    assert out.to_dict(as_series=False) == {
        "dob": ["90+", "1980", None, "2001"],
        "admission_date": ["2024", "2023", "2023", None],
        "zip": ["021", "000", "021", "000"],
        "age": ["90+", "44", "90+", None],
        "state": ["MA", "NH", "MA", "NY"],
        "notes": ["Seen by Dr. [NAME].", "Well.", None, "Call [PHONE]."],
        "diagnosis": ["flu", "flu", "gout", "gout"],
    }
    by_column = {result.column: result for result in safe.results}
    assert {c for c, result in by_column.items() if result.action == "drop"} == {
        "PatientName",
        "MRN",
        "phone",
        "city",
    }
    assert by_column["dob"].unread == by_column["age"].unread == 1
    assert safe.check(out) == []


def test_the_check_counts_rows_and_shows_no_value():
    violations = rule().check(PATIENTS)
    assert {(v.column, v.letter, v.rows) for v in violations} == {
        ("PatientName", "A", 3),
        ("MRN", "H", 4),
        ("dob", "C", 4),
        ("admission_date", "C", 3),
        ("zip", "B", 4),
        ("age", "C", 3),
        ("phone", "D", 3),
        ("city", "B", 4),
        ("notes", "A-R", 3),
    }
    shown = " ".join(map(str, violations))
    assert not any(
        value in shown for name in PATIENTS.columns[:4] for value in PATIENTS[name].drop_nulls().to_list()
    )


def test_limited_data_set_keeps_towns_zips_dates_ages_and_codes():
    table = PATIENTS.with_columns(study_id=pl.Series(["a", "b", "c", "d"]))
    limited = LimitedDataSet(scrub=lambda text: "x")
    out = limited.fit_transform(table)
    kept = ["dob", "admission_date", "zip", "age", "city", "state", "notes", "diagnosis", "study_id"]
    assert out.columns == kept
    same = [name for name in kept if name != "notes"]
    assert out.select(same).equals(table.select(same))
    assert limited.check(out) == []
    assert {v.letter for v in limited.check(table)} == {"A", "H", "D", "A-R"}


@pytest.mark.parametrize(
    ("kind", "value", "safe"),
    [
        ("age", "89", "89"), ("age", "90", "90+"), ("age", "85-94", "90+"), ("age", "90+", "90+"),
        ("age", "18 months", "18 months"), ("age", "old man", None), ("age", "95.0", "90+"),
        ("zip", "2139", "021"), ("zip", "03601", "000"), ("zip", "02139-4307", "021"), ("zip", "000", "000"),
        ("zip", "abc", None), ("date", "1934", "90+"), ("date", "1935", "1935"), ("date", "5/6/2019", "2019"),
        ("date", "May 6", None), ("date", "1930-1936", "90+"), ("date", "20190506", None),
        ("text", "anything", None),
    ],
)  # fmt: skip
def test_edge_values(kind, value, safe):
    assert only(kind, [value]) == [safe]


def test_three_digits_are_an_area_only_where_all_have_three():
    assert only("zip", ["021", "036", "601"]) == ["021", "000", "601"]
    assert only("zip", ["02139", "601"]) == ["021", None]
    assert only("zip", ["06300"], census=2000) == ["000"]


def test_ages_in_other_units():
    assert only(ColumnRule("age", "months"), ["18", "1100"]) == ["18", "90+"]
    assert only(ColumnRule("age", "days"), ["400", "33000"]) == ["400", "90+"]


def test_a_text_engine_that_fails_lets_nothing_through():
    def scrub(text):
        raise RuntimeError(text)

    assert only("text", ["Ann Mills was here"], scrub=scrub) == [None]


@given(
    st.lists(st.one_of(st.none(), st.text(max_size=12)), min_size=1, max_size=6), st.sampled_from(list(KINDS))
)
@settings(deadline=None, max_examples=150)
def test_what_it_makes_passes_its_own_check_and_stays(values, kind):
    frame = pl.DataFrame({"x": pl.Series(values, dtype=pl.String)})
    for settled in (rule, LimitedDataSet):
        safe = settled(columns={"x": kind}, scrub=lambda text: "[]")
        out = safe.fit_transform(frame)
        if "x" in out.columns and safe.action(kind) != "keep":
            assert safe.check(out) == []
            assert safe.fit_transform(out).equals(out)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LastName", "name"), ("drug_name", None), ("patient_id", "mrn"), ("SSN", "ssn"), ("home phone", "phone"),
        ("language", None), ("age_at_visit", "age"), ("ZIP_Code", "zip"), ("date of birth", "date"),
        ("birth_weight", None), ("discharge_disposition", None), ("DischargeDate", "date"), ("county", "geography"),
        ("lat", "geography"), ("email_address", "email"), ("IP", "ip"), ("license_plate", "license"),
        ("native-country", "state"),
        ("patient", "name"), ("BIRTHPLACE", "geography"), ("BIRTHDATE", "date"), ("update", None),
        ("lname", "name"), ("first_visit", None), ("DateTime", "date"),
        ("stage", None), ("clinical_notes", "text"),
    ],
)  # fmt: skip
def test_names_of_columns(name, kind):
    assert kind_of_header(name) == kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a@b.org", "c.d@e.com"], "email"), (["078-05-1120"], "ssn"), (["10.0.0.1", "192.168.1.9"], "ip"),
        (["(617) 555-0101"], "phone"), (["617-555-0101", "n/a", "617-555-0103"], "phone"),
        (["2019-03-04"], "date"), (["3/4/2019"], "date"), (["Mar 4, 2019"], "date"), (["02139-4307"], "zip"),
        (["https://a.example/x"], "url"), (["Mary Stone", "John", "Robert Ash", "Linda", "James Oak"], "name"),
        (["the patient came in today with a bad cough"], "text"), ([f"A{i}" for i in range(30)], "code"),
        ([f"{i}.5" for i in range(30)], None), (["Male", "Female"], None), (["1.2.3"], None),
        (["3b8fd693-cf67-4e4d-6504-67847850d7bd"], "code"), ([], None),
    ],
)  # fmt: skip
def test_values_of_columns(values, kind):
    assert kind_of_values(values, len(values)) == kind


def test_flags_named_like_dates_stay():
    frame = pl.DataFrame({"death": [0, 1, 1], "age_group": ["old", "young", "old"]})
    assert rule().fit_transform(frame).equals(frame)


def test_identifiers_in_a_kept_column_are_seen():
    frame = pl.DataFrame({"remark_code": ["ok", "see a@b.org", "617-555-0101"]})
    assert {(v.letter, v.rows) for v in rule(columns={"remark_code": "keep"}).check(frame)} == {
        ("F", 1),
        ("D", 1),
    }


def test_a_pandas_frame_comes_back_as_one():
    pandas = pytest.importorskip("pandas")
    out = rule().fit_transform(pandas.DataFrame({"name": ["A B", "C D"], "age": [91, 5]}))
    assert isinstance(out, pandas.DataFrame)
    assert out["age"].tolist() == ["90+", "5"]


def test_wrong_calls():
    with pytest.raises(TableError, match="unknown kind 'nmae'"):
        rule(columns={"x": "nmae"})
    with pytest.raises(TableError, match="census"):
        rule(census=1990)
    with pytest.raises(TableError, match="'weight' is not in the table"):
        rule(columns={"weight": "keep"}).check(PATIENTS)
    with pytest.raises(TableError, match="unit"):
        ColumnRule("age", "decades")
