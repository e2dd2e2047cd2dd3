"""replace/policy.py and replace/replacer.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span
from nlp_deid.replace.policy import PRESETS, Policy, PolicyError, load_policy
from nlp_deid.replace.replacer import Replacer

TEXT = "Ann Lee, 93, seen 3/4/2019; Ann  Lee left."
SPANS = (
    Span(0, 7, "PATIENT", 1.0, "x"),
    Span(9, 11, "AGE", 1.0, "x"),
    Span(18, 26, "DATE", 1.0, "x"),
    Span(28, 36, "PATIENT", 1.0, "x"),
)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("tag", "[PATIENT], [AGE], seen [DATE]; [PATIENT] left."),
        ("consistent_tags", "[PATIENT-1], [AGE-1], seen [DATE-1]; [PATIENT-1] left."),
        ("mask", "*** ***, **, seen ********; ***  *** left."),
        ("safe_harbor", "[PATIENT], 90+, seen 2019; [PATIENT] left."),
        ("limited_data_set", "[PATIENT], 93, seen 3/4/2019; [PATIENT] left."),
    ],
)
def test_presets(policy, expected):
    text, _ = Replacer(load_policy(policy)).replace(Note(TEXT), SPANS)
    assert text == expected


@st.composite
def texts_with_spans(draw):
    text = draw(st.text(min_size=1, max_size=40))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
    label = st.sampled_from(list(LABELS))
    return text, [Span(start, end, draw(label), 1.0, "x") for start, end in pairs]


@given(texts_with_spans(), st.sampled_from(list(PRESETS)))
def test_kept_text_and_changes_rebuild_both_sides(case, policy):
    text, spans = case
    out, changes = Replacer(PRESETS[policy]).replace(Note(text), spans)
    at_in = at_out = 0
    for change in changes:
        assert text[at_in : change.start] == out[at_out : change.out_start]
        at_in, at_out = change.end, change.out_end
    assert text[at_in:] == out[at_out:]
    assert [(c.start, c.end, c.label) for c in changes] == [(s.start, s.end, s.label) for s in spans]


@given(texts_with_spans())
def test_tagged_output_is_made_of_kept_text_and_tags_only(case):
    text, spans = case
    out, changes = Replacer(PRESETS["tag"]).replace(Note(text), spans)
    assert [out[c.out_start : c.out_end] for c in changes] == [f"[{s.label}]" for s in spans]


def test_overlap_and_spans_beyond_the_text_are_refused():
    replacer = Replacer(PRESETS["tag"])
    with pytest.raises(ValueError, match="overlaps"):
        replacer.replace(Note("abcdef"), [Span(0, 3, "DATE"), Span(2, 4, "DATE")])
    with pytest.raises(ValueError, match="outside"):
        replacer.replace(Note("abc"), [Span(0, 9, "DATE")])


def test_unknown_label_is_tagged_not_kept():
    out, _ = Replacer(PRESETS["limited_data_set"]).replace(Note("abc"), [Span(0, 3, "SECRET")])
    assert out == "[SECRET]"


def test_a_value_that_cannot_be_generalized_becomes_a_tag():
    out, _ = Replacer(PRESETS["safe_harbor"]).replace(Note("on Tuesday"), [Span(3, 10, "DATE")])
    assert out == "on [DATE]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"NICKNAME": "tag"}, "unknown label NICKNAME"),
        ({"DATE": "hide"}, "unknown action 'hide' for DATE"),
        ({"PATIENT": "generalize"}, "PATIENT cannot be generalized"),
        ({"DATE": None}, "no action for DATE"),
    ],
)
def test_policy_errors_name_label_and_what_is_allowed(change, message):
    actions = {**dict.fromkeys(LABELS, "tag"), **change}
    actions = {label: action for label, action in actions.items() if action}
    with pytest.raises(PolicyError, match=message):
        Policy("own", actions)


def test_policy_file(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("\n".join(f"{label}: mask" for label in LABELS), encoding="utf-8")
    assert load_policy(path).actions["DATE"] == "mask"
    path.write_text("- tag", encoding="utf-8")
    with pytest.raises(PolicyError, match="mapping"):
        load_policy(path)
    with pytest.raises(PolicyError, match="neither a file nor one of tag"):
        load_policy("nowhere")


@pytest.mark.parametrize(
    ("text", "dates", "wanted"),
    [
        ("Born 4/5/1926, seen 3/4/2019", ["4/5/1926", "3/4/2019"], "Born [DATE], seen 2019"),
        ("Born 4/5/1930, seen 3/4/2019", ["4/5/1930", "3/4/2019"], "Born 1930, seen 2019"),
        ("Born 4/5/1929 and in 1929", ["4/5/1929", "1929"], "Born [DATE] and in [DATE]"),
        ("Hurt 1926-1930, seen 2019", ["1926-1930", "2019"], "Hurt [DATE], seen 2019"),
    ],
)
def test_years_that_tell_an_age_over_89_are_not_kept(text: str, dates: list[str], wanted: str) -> None:
    spans = [Span(text.index(value), text.index(value) + len(value), "DATE") for value in dates]
    if wanted.startswith("Born [DATE] and"):  # the second is the year by itself
        spans[1] = Span(len(text) - 4, len(text), "DATE")
    assert Replacer(PRESETS["safe_harbor"]).replace(Note(text), spans)[0] == wanted


def test_ages_count_to_the_latest_year_of_all_notes_of_a_patient() -> None:
    born, seen = Note("Born 1926", "a", "p"), Note("Seen 2018", "b", "p")
    made = Replacer(PRESETS["safe_harbor"]).replace_all(
        [(born, [Span(5, 9, "DATE")]), (seen, [Span(5, 9, "DATE")])]
    )
    assert [text for text, _ in made] == ["Born [DATE]", "Seen 2018"]
