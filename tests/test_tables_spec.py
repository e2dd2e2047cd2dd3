"""tables/spec.py: every setting of SPEC.yaml, and what is refused."""

import re

import pytest

pytest.importorskip("polars")

from nlp_deid.tables.builders import Intervals
from nlp_deid.tables.models import AlphaK, KAnonymity
from nlp_deid.tables.spec import SpecError, read_spec

BAD_SPECS = {
    "a: [": "no YAML",
    "[]": "must be a mapping",
    "colums: {}": "unknown key 'colums'",
    "columns: {age: {rol: quasi}}": "unknown key 'rol'",
    "columns: {age: {role: qi}}": "role must be one of identifier, quasi, sensitive, keep",
    "columns: {age: {hierarchy: {interval: 5, date: 1}}}": "one of file, interval",
    "columns: {age: {hierarchy: nowhere.csv}}": "nowhere.csv",
    "columns: {age: {hierarchy: {interval: five}}}": "must be a number",
    "columns: {age: {hierarchy: {interval: [5, 7]}}}": "multiple",
    "columns: {age: {kind: agee}}": "unknown kind 'agee'",
    "models: [{k_anonimity: {k: 2}}]": "unknown model 'k_anonimity'",
    "models: [{k_anonymity: {k: 0}}]": "k must be a whole number",
    "models: [{k_anonymity: {}}]": "needs 'k'",
    "models: {k_anonymity: 5}": "must be a list",
    "method: best": "local, global, mondrian",
    "suppression_limit: 5": "from 0 to 1",
    "delimiter: ab": "one character",
    "treatment: {suppressed: no one}": "exempt",
    "census: new": "whole number",
    "columns: {ill: {role: quasi}}\nmodels: [{distinct_l_diversity: {l: 2, sensitive: ill}}]": "reads it as sensitive",
}


@pytest.mark.parametrize(("text", "message"), BAD_SPECS.items())
def test_bad_specs(tmp_path, text, message):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(ValueError, match=re.escape(message)):
        read_spec(tmp_path / "s.yaml")


def test_all_settings_are_read(tmp_path):
    (tmp_path / "s.yaml").write_text(
        "delimiter: ';'\n"
        "columns:\n"
        "  a: {role: quasi, hierarchy: {interval: [5, 10], origin: 1}}\n"
        "  b: {role: quasi, hierarchy: {ordered: [low, mid, high], fanout: 2}}\n"
        "  c: {role: quasi, hierarchy: {taxonomy: {x: [p, q], y: [r]}}}\n"
        "  d: {role: quasi, hierarchy: {prefix: [3, 1]}}\n"
        "  e: {role: quasi, hierarchy: {date: true}}\n"
        "  f: {kind: age, unit: months}\n"
        "models: [{k_anonymity: {k: 3}}, {alpha_k: {alpha: 0.1, k: 2, sensitive: g}}]\n"
        "method: global\nsuppression_limit: 0.05\nsuppressed_rows: drop\nleftovers: suppress\nshuffle: 7\n"
        "treatment: {suppressed: class, missing_sensitive: ignored, distribution: kept}\n"
        "thresholds: [0.1]\npopulation_size: 50\nreference_year: 2020\ncensus: 2010\n"
    )
    spec = read_spec(tmp_path / "s.yaml")
    assert spec.named("quasi") == list("abcde")
    assert spec.hierarchies["a"] == Intervals(5, 10, origin=1)
    assert spec.hierarchies["b"](["low"], "b").labels[1] == ["low..mid", "high"]
    assert spec.hierarchies["c"]([], "c").labels[1] == ["x", "y"]
    assert spec.hierarchies["d"](["12345"], "d").rows() == [["12345", "123**", "1****", "*"]]
    assert spec.hierarchies["e"](["2020-03-04"], "e").rows()[0][1] == "2020-03"
    assert spec.kinds["f"].unit == "months"
    assert spec.models == (KAnonymity(3), AlphaK(0.1, 2, "g"))
    assert (spec.smallest, spec.thresholds, spec.census, spec.shuffle) == (3, (0.1,), 2010, 7)
    anonymizer = spec.anonymizer()
    assert (anonymizer.suppressed_rows, anonymizer.leftovers, anonymizer.suppression_limit) == (
        "drop", "suppress", 0.05,
    )  # fmt: skip
    (tmp_path / "s.yaml").write_text("method: local\n")
    with pytest.raises(SpecError, match="name at least one"):
        read_spec(tmp_path / "s.yaml").anonymizer()
