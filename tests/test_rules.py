"""detect/rules.py and detect/rulecheck.py: the engine, and the shipped rules' own examples."""

import pytest

from nlp_deid.detect.rulecheck import check_rules, hostile, unmark
from nlp_deid.detect.rules import RuleError, Rules, expand, read_rules
from nlp_deid.note import Note
from nlp_deid.pipeline import load
from nlp_deid.resources import folder

SHIPPED = read_rules(folder("rules"))
MEMBER = """
define: {digits: '\\d{6}'}
rules:
- id: site.member
  why: our member numbers
  label: HEALTHPLAN
  score: 0.95
  need: [member]
  pattern: '[Mm]ember (?P<phi>{digits})(?!\\d)'
  match: ['member [[123456]]', 'Member [[HEALTHPLAN=654321]] x']
  no_match: ['remember 12345', 'member 1234567']
"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "site.yaml").write_text(MEMBER, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.id)
def test_shipped_rule_passes_its_examples_and_hostile_text(rule):
    assert [str(problem) for problem in check_rules([rule])] == []


@pytest.fixture(scope="module")
def deid():
    return load("rules")


@pytest.mark.parametrize("rule", SHIPPED, ids=lambda rule: rule.id)
def test_examples_stay_covered_through_the_pipeline(rule, deid):
    for example in rule.match:
        text, marks = unmark(example)
        spans = deid.detect(text)
        covered = {i for span in spans for i in range(span.start, span.end)}
        for start, end, _ in marks:
            missed = [i - start for i in range(start, end) if i not in covered and text[i].isalnum()]
            assert rule.score < 0.9 or not missed


def test_blank_is_a_gap_and_bracketed_blank_is_not():
    assert expand(r"a b[ ]c\ d ?e f+", {}) == "a[ \x0b]{1,2}b[ ]c\\ d[ \x0b]{0,2}e[ \x0b]{1,2}f+"


def test_fragments_are_put_in_and_loops_refused():
    assert expand("{x}{2,3}", {"x": "a|{y}", "y": "b"}) == "(?:a|(?:b)){2,3}"
    with pytest.raises(RuleError, match="nest"):
        expand("{x}", {"x": "{x}"})
    with pytest.raises(RuleError, match="unknown fragment"):
        expand("{z}", {"x": "a"})


def test_a_sites_own_rules_join_the_shipped_ones(site):
    spans = Rules(folders=[site]).find(Note("member 123456"))
    assert ("site.member", 7, 13) in {(s.source, s.start, s.end) for s in spans}
    only = Rules(folders=[site], shipped=False)
    assert [rule.id for rule in only.rules] == ["site.member"]


def test_rule_finds_across_wrap_and_in_full_width(site):
    only = Rules(folders=[site], shipped=False)
    text = "x member\n   １２３４５６ y"
    assert [(s.start, s.end) for s in only.find(Note(text))] == [(12, 18)]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("label: HEALTHPLAN", "label: PLAN", "unknown label"),
        ("score: 0.95", "score: 2", "score"),
        ("score: 0.95", "scores: 2", "unknown field scores"),
        ("need: [member]", "need: member", "list of texts"),
        ("need: [member]", "check: nothing", "unknown check"),
        ("(?!\\d)'", "('", "bad pattern"),
        ("- id: site.member\n  why: our", "- why: our", "missing field id"),
    ],
)
def test_a_broken_rule_is_refused_by_name(site, old, new, message):
    path = site / "site.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(RuleError, match=message):
        Rules(folders=[site])


def test_not_yaml_and_empty_folder_are_refused(tmp_path):
    with pytest.raises(RuleError, match="no rules"):
        read_rules(tmp_path)
    (tmp_path / "a.yaml").write_text("rules: [", encoding="utf-8")
    with pytest.raises(RuleError, match=r"a\.yaml: not YAML"):
        read_rules(tmp_path)


def test_only_takes_kinds_of_rules():
    assert {rule.id.partition(".")[0] for rule in Rules(only=["date", "age"]).rules} == {"date", "age"}
    with pytest.raises(RuleError, match="only names unknown kinds: dates; known: age"):
        Rules(only=["dates"])


def test_unknown_skip_is_refused():
    with pytest.raises(RuleError, match="skip names unknown"):
        Rules(skip=["no.such.rule"])


def test_checker_sees_failing_examples_and_slow_patterns(site):
    path = site / "site.yaml"
    broken = (
        path.read_text("utf-8")
        .replace("'member 1234567'", "'member 123456'")
        .replace("'member [[123456]]'", "'member [[12345]]'")
    )
    path.write_text(broken, encoding="utf-8")
    problems = {problem.text.split(":")[0] for problem in check_rules(read_rules(site))}
    assert problems == {"match 1", "no_match 2"}
    slow = (
        path.read_text("utf-8")
        .replace("[Mm]ember (?P<phi>{digits})(?!\\d)", "(?:a|aa)+[!]")
        .replace("need: [member]", "")
    )
    path.write_text(slow, encoding="utf-8")
    assert any("hostile" in problem.text for problem in check_rules(read_rules(site)))


def test_hostile_texts_are_long():
    assert all(len(text) >= 9_000 for text in hostile(SHIPPED[0]))


def test_unmark():
    assert unmark("on [[3/4]] to [[CITY=Salem]].") == ("on 3/4 to Salem.", [(3, 6, ""), (10, 15, "CITY")])


@pytest.mark.parametrize("lead", [0, 3, 30, 300])
@pytest.mark.parametrize("tail", [0, 3, 300])
def test_a_window_finds_what_the_whole_text_holds(site, lead, tail):
    path = site / "site.yaml"
    path.write_text(
        path.read_text("utf-8").replace("  need: [member]", "  need: [ember]\n  window: 8"), encoding="utf-8"
    )
    only = Rules(folders=[site], shipped=False)
    text = "." * lead + "member 123456" + "." * tail + " member 654321"
    assert [span.start for span in only.find(Note(text))] == [lead + 7, lead + 13 + tail + 8]


def test_starts_are_tried_where_a_word_begins_and_nowhere_else(site):
    path = site / "site.yaml"
    path.write_text(
        path.read_text("utf-8").replace("  need: [member]", "  starts: [member]"), encoding="utf-8"
    )
    only = Rules(folders=[site], shipped=False)
    text = "Member 111111, nonmember 222222, 3member 333333 member  444444"
    assert [span.start for span in only.find(Note(text))] == [7, 41, 56]
    assert [start for start, _, _ in only.rules[0].find(Note(text).view)] == [7, 41, 56]
