"""The review without the web: evidence, saving, agreement, adjudication, exports."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from review_samples import NOTES, SMILE, Finds, desk_of, do, finish, key_of, opened, write_notes

from nlp_deid.corpus import formats
from nlp_deid.corpus.checks import CorpusError
from nlp_deid.demographics import Demographics, Joined
from nlp_deid.note import Note, Span
from nlp_deid.review import agreement
from nlp_deid.review.desk import GOLD, Act, Desk
from nlp_deid.review.evidence import Claim, doubt, from_reviewers
from nlp_deid.review.exports import EXPORTS, export
from nlp_deid.review.folder import EditedError, NoteFolder
from nlp_deid.review.marks import ACCEPTED, DOUBTED, PROPOSED, REJECTED, ActError, Mark
from nlp_deid.review.store import ConflictError, Store, StoreError, check_name
from nlp_deid.sources import SourceError, open_source


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_notes(tmp_path / "notes")


@pytest.fixture
def desk(folder: Path) -> Desk:
    return desk_of(folder)


# Evidence and order


def test_what_the_merge_decided_is_proposed_and_what_it_dropped_is_doubted(desk: Desk) -> None:
    found = opened(desk, "ann", "a")
    text = found.page.note.text
    assert [(text[m.start : m.end], m.label, m.state) for m in found.review.marks] == [
        ("Zqada", "PATIENT", PROPOSED),
        ("3/4/2019", "DATE", PROPOSED),
        ("Zqbo", "PATIENT", PROPOSED),
        ("later", "DATE", DOUBTED),
    ]
    assert [(s.start, s.end, s.label) for s in found.review.spans] == [
        (s.start, s.end, s.label) for s in desk.deid.detect(found.page.note)
    ]
    assert {claim.outcome for claim in found.evidence.claims} == {"won", "merged", "weak"}
    assert [round(doubt, 2) for doubt in found.evidence.doubts] == [0.05, 0.1, 0.5, 0.7]


def test_doubt_is_what_claims_lack_of_agreement_and_certainty() -> None:
    mark = Mark(0, 4, "PATIENT", PROPOSED, "PATIENT")
    sure = Claim(Span(0, 4, "PATIENT", 1.0, "one"), "won")
    other = Claim(Span(0, 2, "DATE", 1.0, "two"), "merged")
    assert doubt(mark, [sure]) == 0
    assert doubt(mark, [sure, other]) == 0.5
    assert doubt(mark, [other]) == 1
    assert doubt(Mark(0, 4, "PATIENT", DOUBTED, "PATIENT"), [sure]) == 0.5


def test_the_most_doubtful_note_comes_first_and_done_notes_last(desk: Desk) -> None:
    assert [row.page.note.id for row in desk.rows("ann")] == ["a", "b", "c"]
    finish(desk, "ann", "a")
    assert [(row.page.note.id, row.status) for row in desk.rows("ann")] == [
        ("b", "new"),
        ("c", "new"),
        ("a", "done"),
    ]
    assert [row.page.note.id for row in desk.rows("ben")] == ["a", "b", "c"]
    assert [row.page.note.id for row in desk.rows("ann", "folder")] == ["a", "b", "c"]


def test_a_note_that_stops_the_detectors_is_shown_without_a_word_of_it(folder: Path) -> None:
    class Fails(Finds):
        def find(self, note: Note) -> list[Span]:
            raise RuntimeError(note.text)

    found = opened(desk_of(folder, [Fails("x", "DATE", 1, "bad part")]), "ann", "a")
    assert found.evidence.failed == "bad part failed (RuntimeError)"
    assert found.review.marks == ()


# Saving


def test_every_act_is_saved_without_text_and_survives_a_new_start(desk: Desk, folder: Path) -> None:
    do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    do(desk, "ann", "a", "reject", 17, 25)
    saved = [path.read_text() for path in (folder / ".nlp-deid-review").rglob("*.json")]
    assert len(saved) == 1
    assert not any(word in saved[0] for word in ("Seen", "Zqada", "2019"))
    again = opened(desk_of(folder), "ann", "a").review
    assert again.version == 2
    assert [(m.start, m.end, m.state) for m in again.marks][:3] == [
        (0, 4, ACCEPTED),
        (8, 13, PROPOSED),
        (17, 25, REJECTED),
    ]
    assert do(desk, "ann", "a", "undo").review.marks[2].state == PROPOSED


def test_an_act_on_an_old_version_changes_nothing(desk: Desk) -> None:
    key = key_of(desk, "a")
    do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    with pytest.raises(ConflictError) as caught:
        desk.act("ann", key, "mine", Act("reject", 0, 8, 13))
    assert caught.value.current.version == 1
    assert opened(desk, "ann", "a").review.version == 1
    assert opened(desk, "ben", "a").review.version == 0, "another reviewer has a review of their own"


def test_of_many_at_once_with_one_version_one_wins(desk: Desk) -> None:
    key, outcomes = key_of(desk, "a"), Counter[str]()

    def act(at: int) -> None:
        try:
            desk.act("ann", key, "mine", Act("put", 0, at, at + 1, "DATE"))
            outcomes["saved"] += 1
        except ConflictError:
            outcomes["conflict"] += 1

    threads = [threading.Thread(target=act, args=(at,)) for at in range(8, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"saved": 1, "conflict": 4}


def test_two_programs_do_not_write_at_once(desk: Desk, folder: Path) -> None:
    claim = folder / ".nlp-deid-review" / "reviewer-ann" / f"{key_of(desk, 'a')}.claim"
    claim.parent.mkdir(parents=True)
    claim.touch()
    with pytest.raises(StoreError, match="another program"):
        do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    claim.unlink()
    assert do(desk, "ann", "a", "put", 0, 4, "DOCTOR").review.version == 1


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b'{"format": 2}', b"\xff", b"[" * 100_000])
def test_a_damaged_file_is_an_error_and_is_left_alone(desk: Desk, folder: Path, damage: bytes) -> None:
    do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    [saved] = (folder / ".nlp-deid-review").rglob("*.json")
    saved.write_bytes(damage)
    with pytest.raises(StoreError, match="damaged"):
        do(desk, "ann", "a", "put", 0, 4, "DATE")
    assert saved.read_bytes() == damage


@pytest.mark.parametrize("name", ["", "..", "a/b", "adjudicated", "x" * 41, "a b"])
def test_names_that_cannot_be_kept_are_refused(name: str) -> None:
    with pytest.raises(StoreError):
        check_name(name)


def test_names_are_kept_without_case() -> None:
    assert check_name(" Ann-2 ") == "ann-2"


# The folder


@pytest.mark.parametrize("change", ["edit", "remove"])
def test_a_note_edited_under_the_page_is_refused_until_it_is_put_back(
    desk: Desk, folder: Path, change: str
) -> None:
    file = folder / "a.txt"
    data = file.read_bytes()
    file.unlink() if change == "remove" else file.write_bytes(data + b"more")
    with pytest.raises(EditedError, match=r"'a'.*nothing was saved") as caught:
        do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    assert "Zqada" not in str(caught.value)
    assert opened(desk, "ann", "b"), "the others go on"
    file.write_bytes(data)
    assert do(desk, "ann", "a", "put", 0, 4, "DOCTOR").review.version == 1


def test_a_review_of_a_former_text_is_kept_but_not_shown(desk: Desk, folder: Path) -> None:
    do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    text = (folder / "a.txt").read_bytes()
    (folder / "a.txt").write_bytes(b"New. " + text)
    later = desk_of(folder)
    assert opened(later, "ann", "a").review.version == 0
    assert later.store.strangers(set(later.folder.pages)) == 1
    (folder / "a.txt").write_bytes(text)
    assert opened(desk_of(folder), "ann", "a").review.version == 1


def test_rows_of_one_file_are_checked_row_by_row(tmp_path: Path) -> None:
    rows = tmp_path / "notes.jsonl"
    lines = [json.dumps({"id": name, "text": text}) for name, text in NOTES.items()]
    rows.write_text("\n".join(lines))
    notes = NoteFolder(rows)
    a, b, _ = notes.pages.values()
    rows.write_text("\n".join([lines[0].replace("later", "soon"), *lines[1:]]))
    notes.check(b)
    with pytest.raises(EditedError):
        notes.check(a)


def test_a_source_may_know_more_of_the_notes_than_their_files(folder: Path) -> None:
    source = Joined.of(open_source(folder), Demographics({"a": {"PATIENT": ["Zqada"]}}))
    notes = NoteFolder(source)
    first, *others = notes.pages.values()
    assert (notes.path, first.note.id, first.note.known) == (folder, "a", {"PATIENT": ["Zqada"]})
    assert not any(page.note.known for page in others)
    (folder / "a.txt").touch()
    notes.check(first)
    assert (source.demographics.notes, source.demographics.unmatched) == (3, 2), "each note counts once"


def test_entries_that_cannot_be_read_are_told_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "bad.txt").write_bytes(b"caf\xe9")
    notes = NoteFolder(folder)
    assert len(notes.pages) == len(NOTES)
    assert "byte 3" in notes.unreadable["bad.txt"]
    for name in NOTES:
        (folder / f"{name}.txt").unlink()
    with pytest.raises(SourceError, match="no note that can be read"):
        NoteFolder(folder)


# Agreement


def test_kappa_is_that_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    draw = random.Random(5)
    for _ in range(20):
        pairs = [(draw.choice("abc"), draw.choice("abc")) for _ in range(draw.randint(5, 60))]
        want = sklearn.cohen_kappa_score(*zip(*pairs, strict=True))
        assert agreement.cohen_kappa(Counter(pairs)) == pytest.approx(want)


def test_kappa_of_nothing_and_of_one_answer_only_is_unknown() -> None:
    assert agreement.cohen_kappa(Counter()) is None
    assert agreement.cohen_kappa(Counter({("", ""): 9})) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab")), min_size=1))
def test_kappa_does_not_depend_on_who_is_first(pairs: list[tuple[str, str]]) -> None:
    turned = Counter((other, one) for one, other in pairs)
    assert agreement.cohen_kappa(Counter(pairs)) == agreement.cohen_kappa(turned)


def test_agreement_by_hand() -> None:
    text = "Ada Quill saw Bea"  # four tokens
    mine = [Span(0, 9, "PATIENT"), Span(14, 17, "DOCTOR")]
    theirs = [Span(0, 9, "PATIENT"), Span(14, 17, "PATIENT")]
    found = agreement.compare([(text, mine, theirs)])
    # Observed 3/4; by chance (2*3 + 1*1 + 1*0) / 16.
    assert found.kappa == pytest.approx((3 / 4 - 7 / 16) / (1 - 7 / 16))
    assert found.kappa_phi == 1
    assert (found.spans.f1, found.places.f1, found.tokens) == (0.5, 1.0, 4)


# Adjudication


def test_two_reviewers_and_an_adjudication(desk: Desk, folder: Path) -> None:
    finish(desk, "ann", "a")
    with pytest.raises(ActError, match="two reviewers"):
        desk.open("ann", key_of(desk, "a"), GOLD)
    do(desk, "ben", "a", "put", 8, 16, "DOCTOR")
    do(desk, "ben", "a", "put", 38, 43, "DATE")
    finish(desk, "ben", "a")
    [(row, shared, different)] = desk.disagreements()
    assert (row.page.note.id, row.gold, shared, different) == ("a", "ready", 2, 3)
    [found] = desk.agreements().values()
    assert found.notes == 1
    assert found.spans.tp == 2

    with pytest.raises(ActError, match="not begun"):
        do(desk, "cy", "a", "accept_rest", book=GOLD)
    begun = do(desk, "cy", "a", "begin", book=GOLD)
    states = {(m.start, m.end, m.label): m.state for m in begun.review.marks}
    assert states == {
        (8, 16, "DOCTOR"): PROPOSED,
        (17, 25, "DATE"): ACCEPTED,
        (27, 31, "PATIENT"): ACCEPTED,
        (38, 43, "DATE"): PROPOSED,
    }
    assert {claim.span.source for claim in begun.evidence.claims} == {"ann", "ben"}
    with pytest.raises(ActError, match="can no longer be changed"):
        do(desk, "ann", "a", "reopen")
    do(desk, "cy", "a", "put", 8, 13, "PATIENT", book=GOLD)
    do(desk, "cy", "a", "reject", 38, 43, book=GOLD)
    finish(desk, "cy", "a", book=GOLD)
    path, count = desk.export("cy", GOLD, "jsonl")
    [note] = formats.read(path)
    assert count == 1
    assert [(s.start, s.end, s.label) for s in note.spans] == [
        (8, 13, "PATIENT"),
        (17, 25, "DATE"),
        (27, 31, "PATIENT"),
    ]
    assert desk_of(folder).rows("ann", "folder")[0].gold == "done"


@given(
    st.dictionaries(
        st.sampled_from(("ann", "ben", "cy")),
        st.lists(
            st.tuples(st.integers(0, 8), st.integers(1, 4), st.sampled_from(("DATE", "CITY"))), max_size=4
        ),
        min_size=2,
    )
)
def test_an_adjudication_starts_without_overlaps_and_loses_no_claim(
    sides: dict[str, list[tuple[int, int, str]]],
) -> None:
    spans = {}
    for name, drawn in sides.items():
        kept: list[Span] = []
        for start, length, label in drawn:
            span = Span(start, start + length, label)
            if not any(span.overlaps(other) for other in kept):
                kept.append(span)
        spans[name] = sorted(kept)
    found = from_reviewers(spans)
    assert len(found.claims) == sum(map(len, spans.values()))
    for left in found.marks:
        assert not any(left is not m and left.overlaps(m.start, m.end) for m in found.marks)
    shared = set.intersection(*({(s.start, s.end, s.label) for s in side} for side in spans.values()))
    assert {(m.start, m.end, m.label) for m in found.marks if m.state == ACCEPTED} == shared
    # Every claim is a mark or overlaps one: nobody's span is forgotten.
    assert all(any(m.overlaps(c.span.start, c.span.end) for m in found.marks) for c in found.claims)


# Exports


@pytest.mark.parametrize("format", EXPORTS)
def test_exports_are_read_back_as_they_were(desk: Desk, format: str) -> None:
    for name in NOTES:
        finish(desk, "ann", name)
    path, count = desk.export("ann", "mine", format)
    assert count == len(NOTES)
    read = {note.id: note for note in formats.read(path, strict=True)}
    assert {name: note.text for name, note in read.items()} == NOTES
    for name, note in read.items():
        want = [(s.start, s.end, s.label) for s in opened(desk, "ann", name).review.spans]
        assert [(s.start, s.end, s.label) for s in note.spans] == want
    again, _ = desk.export("ann", "mine", format)
    assert again != path, "nothing is overwritten"


def test_exports_for_other_tools(desk: Desk) -> None:
    finish(desk, "ann", "b")
    text = NOTES["b"]
    at = text.index("Zqada")
    studio = json.loads(desk.export("ann", "mine", "label-studio")[0].read_text())
    [task] = studio
    first = task["annotations"][0]["result"][0]
    assert task["data"] == {"id": "b", "text": text}
    assert first["value"] == {"start": at, "end": at + 5, "text": "Zqada", "labels": ["PATIENT"]}
    row = json.loads(desk.export("ann", "mine", "doccano")[0].read_text())
    assert [at, at + 5, "PATIENT"] in row["label"]
    assert text[at - 2] == SMILE


def test_only_notes_that_are_done_are_exported(desk: Desk) -> None:
    with pytest.raises(ActError, match="no note is done"):
        desk.export("ann", "mine", "jsonl")


def test_an_export_that_fails_leaves_nothing(tmp_path: Path) -> None:
    notes = [Note("plain", "good"), Note("\x01", "bad")]
    with pytest.raises(CorpusError, match="U\\+0001"):
        export(tmp_path, "ann", "i2b2", notes)
    assert list(tmp_path.iterdir()) == []
    assert set(EXPORTS) == {"jsonl", "i2b2", "brat", "label-studio", "doccano"}


@pytest.mark.parametrize(
    ("name", "place"),
    [("put", (0, 0, "DATE")), ("put", (5, 999, "DATE")), ("put", (4, 5, "DATE")), ("put", (0, 4, "NOPE"))],
)
def test_marks_that_cannot_be_are_refused(desk: Desk, name: str, place: tuple[object, ...]) -> None:
    with pytest.raises(ActError):
        do(desk, "ann", "a", name, *place)
    assert opened(desk, "ann", "a").review.version == 0


def test_after_is_what_the_policy_makes_of_the_marks(desk: Desk) -> None:
    do(desk, "ann", "a", "reject", 8, 13)
    text, changes = desk.after(do(desk, "ann", "a", "put", 0, 4, "DOCTOR"))
    assert text == "[DOCTOR] by Zqada on [DATE].\n[PATIENT] came later.\n"
    assert [text[change.out_start : change.out_end] for change in changes] == [
        "[DOCTOR]",
        "[DATE]",
        "[PATIENT]",
    ]


def test_a_store_shows_what_another_program_saved(desk: Desk, folder: Path) -> None:
    other = Store(folder / ".nlp-deid-review")
    page = opened(desk, "ann", "a").page
    assert other.load("ann", page) is None
    do(desk, "ann", "a", "put", 0, 4, "DOCTOR")
    saved = other.load("ann", page)
    assert saved is not None
    assert saved.version == 1
    do(desk, "ann", "a", "undo")
    saved = other.load("ann", page)
    assert saved is not None
    assert saved.version == 2
    assert other.reviewers() == ["ann"]
