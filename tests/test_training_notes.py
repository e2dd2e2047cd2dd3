"""training/make_notes.py and slots: fresh identifiers in the old form, exact spans, the same bytes for a seed."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from datetime import date
from difflib import SequenceMatcher
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[1]
TRAINING = ROOT / "training"
CORPUS = TRAINING / "corpora" / "english"
MARKED = (
    "{{HOSPITAL|St. Brendan's Hospital}}  MRN {{MEDICALRECORD|TF-08812}}\n"
    "{{PATIENT|WINBORNE, RUFUS T}}, {{AGE|67}}, a {{PROFESSION|welder}} from {{CITY|Golden}}, {{STATE|CO}} {{ZIP|80401}}.\n"
    "Seen {{DATE|2019-03-04}} by Dr. {{DOCTOR|Ada Mulcahy}}; {{PATIENT|Rufus}} back on {{DATE|2019-03-18}}.\n"
    "Mr. {{PATIENT|Winborne}}: {{PHONE|(413) 555-0182}}, {{EMAIL|rufus.winborne@mail.example}}, {{SSN|517-60-3344}}.\n"
    "\n   Plan, told to him and his wife at length: rest, fluids, elevation of the leg, and a second look at the wound "
    "before the weekend if it is not dry by then.\n\n"
    "{{DOCTOR|A. Mulcahy}}/{{DOCTOR|am}} {{STREET|12 Mill Rd}} {{URL|www.brendan.example/p/88}} {{IPADDR|10.2.3.4}}\n"
)


class Modules:
    """The scripts under test."""

    def __init__(self) -> None:
        for name in ("markup", "make_notes", "check_notes"):
            setattr(self, name, import_module(name))
        for name in ("names", "noise", "notes", "people", "real", "segments", "placelists"):
            setattr(self, name, import_module(f"slots.{name}"))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.fixture(scope="module")
def training() -> Iterator[Modules]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAINING))
        before = set(sys.modules)
        yield Modules()
        for name in set(sys.modules) - before:
            if name.split(".")[0] in ("markup", "make_notes", "check_notes", "slots"):
                del sys.modules[name]


def made(training: Modules, seed: int, marked: str = MARKED) -> list[Any]:
    pieces = training.segments.segments_of(training.markup.parse(marked))
    result: list[Any] = training.notes.resample(pieces, random.Random(f"test {seed}"), training.names.load())
    return result


def values(pieces: list[Any], *labels: str) -> list[str]:
    return [piece.text for piece in pieces if piece.label in labels]


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_every_value_is_new_in_the_old_form_and_the_text_between_stays(training: Modules, seed: int) -> None:
    old = training.segments.segments_of(training.markup.parse(MARKED))
    new = made(training, seed)
    assert [piece.label for piece in new] == [piece.label for piece in old]
    for before, after in zip(old, new, strict=True):
        if not before.label:
            assert re.sub(r" an? $", " a ", after.text) == re.sub(r" an? $", " a ", before.text)
    for label in ("PATIENT", "MEDICALRECORD", "SSN", "PHONE", "EMAIL", "CITY", "HOSPITAL", "STREET", "URL"):
        assert values(new, label) != values(old, label)
    assert re.fullmatch(r"[A-Z]{2}-\d{5}", values(new, "MEDICALRECORD")[0])
    assert re.fullmatch(r"\d{3}-\d{2}-\d{4}", values(new, "SSN")[0])
    assert re.fullmatch(r"\d+(\.\d+){3}", values(new, "IPADDR")[0])
    assert values(new, "PATIENT")[0].isupper()
    assert ", " in values(new, "PATIENT")[0]
    assert values(new, "AGE")[0].isdigit()


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=30)
def test_one_person_stays_one_person_and_intervals_stay(training: Modules, seed: int) -> None:
    new = made(training, seed)
    full, first, last = values(new, "PATIENT")
    assert full.split(", ")[0] == last.upper()
    assert full.split(", ")[1].rsplit(" ", 1)[0] == first.upper()
    doctor, short, signature = values(new, "DOCTOR")
    assert doctor.endswith(short.split(". ", 1)[1])
    fold = training.people.fold
    assert fold(doctor)[:1] == fold(short)[:1] == signature[0] or not doctor[0].isascii()
    first_day, second_day = map(date.fromisoformat, values(new, "DATE"))
    assert (second_day - first_day).days == 14


@pytest.mark.parametrize("seed", range(3))
def test_spans_of_authored_notes_stay_exact_under_noise(training: Modules, seed: int) -> None:
    notes = list(training.markup.read_folder(CORPUS))
    for note in random.Random(seed).sample(notes, 25):
        rng = random.Random(f"{seed} {note.id}")
        pieces = training.notes.resample(training.segments.segments_of(note), rng, training.names.load())
        assert [p.label for p in pieces if p.label] == [s.label for s in sorted(note.spans)]
        training.noise.add(pieces, rng, 0.4)
        result = training.segments.assembled(pieces, note.id)
        marked = [piece for piece in pieces if piece.label]
        assert len(result.spans) == len(marked)
        end = 0
        for span, piece in zip(result.spans, marked, strict=True):
            assert span.start >= end
            assert result.text[span.start : span.end] == piece.text.strip()
            assert span.label == piece.label
            end = span.end


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _letters(text: str) -> str:
    return re.sub(r"[\s,.;:]", "", text)


def _unaccented(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return re.sub("['’`]", "'", plain)


# What each kind of noise may not change.
KEPT = {
    "case": str.casefold,
    "wraps": lambda text: text.replace("\n", " "),
    "blanks": _squeezed,
    "tabs": _squeezed,
    "lost_lines": _squeezed,
    "punctuation": _letters,
    "plain": _unaccented,
}


@pytest.mark.parametrize("kind", [*KEPT, "typos", "scan"])
def test_noise_changes_what_it_says_and_nothing_else(training: Modules, kind: str) -> None:
    changed = 0
    for seed in range(40):
        clean, noisy = made(training, seed), made(training, seed)
        getattr(training.noise, kind)(noisy, random.Random(seed))
        assert [piece.label for piece in noisy] == [piece.label for piece in clean]
        for before, after in zip(clean, noisy, strict=True):
            changed += before.text != after.text
            if kind in KEPT:
                assert KEPT[kind](after.text) == KEPT[kind](before.text)
            elif len(before.text) > 8:
                assert SequenceMatcher(None, before.text, after.text).ratio() > 0.6
    assert changed > 3


def test_all_kinds_of_noise_are_tested(training: Modules) -> None:
    assert {kind.__name__ for kind in training.noise.KINDS} == {*KEPT, "typos", "scan"}


def test_origins_words_and_eponyms_are_all_drawn(training: Modules) -> None:
    names = training.names.load()
    assert len(names.origins) >= 20
    for origin in names.origins.values():
        assert len(set(origin.firsts)) >= 60
        assert len(set(origin.lasts)) >= 60
    rng = random.Random(1)
    drawn = [names.last(rng, names.origin(rng)) for _ in range(4000)]
    assert sum(name in names.words.lasts for name in drawn) / 4000 > 0.08
    eponyms = {name.casefold() for name in names.eponyms}
    assert sum(name.casefold() in eponyms for name in drawn) / 4000 > 0.025
    assert sum(not name.isascii() for name in drawn) > 100
    assert sum(" " in name for name in drawn) > 50


def corpus_of(training: Modules, folder: Path, count: int = 30) -> Path:
    for number in range(count):
        path = folder / "t1" / f"t1-{number:03d}_letter.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(MARKED, encoding="utf-8")
    return folder


def test_same_seed_gives_the_same_bytes_under_any_hash_seed(training: Modules, tmp_path: Path) -> None:
    corpus = corpus_of(training, tmp_path / "corpus", 3)
    outs = []
    for hash_seed in ("1", "77"):
        out = tmp_path / f"{hash_seed}.jsonl"
        command = [sys.executable, str(TRAINING / "make_notes.py"), str(out), "--corpus", str(corpus)]
        subprocess.run(
            [*command, "--copies", "3", "--seed", "5", "--noise", "0.5", "--queries", "40"],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            timeout=120,
        )
        outs.append(out.read_bytes())
    assert outs[0] == outs[1]
    rows = [json.loads(line) for line in outs[0].splitlines()]
    assert len(rows) == 3 * 4 + 40
    assert sorted(rows[0]) == ["id", "source", "spans", "text"]
    assert rows[0]["text"] == training.markup.parse(MARKED).text
    assert len({row["id"] for row in rows}) == len(rows)
    assert len({row["text"] for row in rows if row["source"].startswith("t1")}) == 3 * 3 + 1


def test_the_split_is_by_source(training: Modules, tmp_path: Path) -> None:
    corpus = corpus_of(training, tmp_path / "corpus", 60)
    sources = {}
    for part in training.make_notes.PARTS:
        out = tmp_path / f"{part}.jsonl"
        options = ["--corpus", str(corpus), "--copies", "1", "--part", part, "--queries", "200"]
        training.make_notes.main([str(out), *options])
        sources[part] = {json.loads(line)["source"] for line in out.read_text("utf-8").splitlines()}
    assert sources["train"] | sources["held"] == sources["all"]
    assert not sources["train"] & sources["held"]
    assert 2 <= len(sources["held"]) <= len(sources["all"]) // 4
    held = tmp_path / "held.txt"
    held.write_text("t1-007\nt1-011\n", encoding="utf-8")
    out = tmp_path / "some.jsonl"
    training.make_notes.main([str(out), "--corpus", str(corpus), "--part", "held", "--held-out", str(held)])
    assert {json.loads(line)["source"] for line in out.read_text("utf-8").splitlines()} == {
        "t1-007",
        "t1-011",
    }


def test_placeholders_are_filled_or_the_note_is_left_out(training: Modules, tmp_path: Path) -> None:
    def row(id: str, text: str, ignored: str) -> dict[str, Any]:
        start = text.index(ignored)
        span = {"start": text.index("2015"), "end": text.index("2015") + 4, "label": "DATE_YEAR"}
        return {
            "id": id,
            "text": text,
            "spans": [span],
            "ignore": [{"start": start, "end": start + len(ignored)}],
        }

    rows = [
        row("a", "She saw Dr. X's nurse in 2015.", "Dr. X's"),
        row("b", "Admitted to ABCD General Hospital in 2015.", "ABCD General Hospital"),
        row("c", "In 2015 a ____ stent was used.", "____"),
        row("d", "In 2015 the quick brown fox came.", "quick brown"),
    ]
    path = tmp_path / "real.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    notes = {note.id: note for note in training.real.read_real(path)}
    assert sorted(notes) == ["a", "b", "c"]
    found = {id: [(note.text[s.start : s.end], s.label) for s in note.spans] for id, note in notes.items()}
    assert found["a"][1] == ("2015", "DATE")
    assert found["a"][0][1] == "DOCTOR"
    assert notes["a"].text.startswith(f"She saw Dr. {found['a'][0][0]}'s nurse")
    assert found["b"] == [("Brookhaven General Hospital", "HOSPITAL"), ("2015", "DATE")]
    assert found["c"] == [("2015", "DATE")]


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_templates_are_put_between_lines_and_sentences(training: Modules, seed: int) -> None:
    text = "HISTORY\nShe feels well today. No fever was seen. Lungs clear.\n\nPLAN\nRest and fluids.\n" * 3
    old = training.segments.segments_of(training.markup.parse(text + "Age {{AGE|50}}."))
    new = training.real.inject(old, random.Random(seed))
    note = training.segments.assembled(new, "x")
    for sentence in ("No fever was seen.", "Rest and fluids."):
        assert note.text.count(sentence) == 3
    assert ("50", "AGE") in [(note.text[s.start : s.end], s.label) for s in note.spans]
    assert sum(len(piece.text) for piece in new) == len(note.text)


def test_there_are_templates_enough_and_all_can_be_read(training: Modules) -> None:
    stock = training.real.templates()
    kinds = (stock.top, stock.bottom, stock.lines, stock.sentences)
    assert sum(map(len, kinds)) >= 120
    assert len(stock.queries) >= 80
    every = [template for kind in (*kinds, stock.queries) for template in kind]
    assert len(set(every)) == len(every)
    for template in every:
        assert training.real.pieces(template)
    assert sum(not any(p.label for p in training.real.pieces(q)) for q in stock.queries) >= 20


def test_the_checker_names_faults_and_passes_a_clean_note(training: Modules) -> None:
    def kinds(marked: str) -> set[str]:
        found = training.check_notes.faults(training.markup.parse(marked), {"the"}, {"disease"})
        return {kind for _, _, kind in found}

    assert kinds(MARKED) == set()
    assert kinds("{{DOCTOR|Dr. Mulcahy}}") == {"DOCTOR with a title"}
    assert kinds("{{DOCTOR|Ada Mulcahy, MD}}") == {"DOCTOR with a credential"}
    assert kinds("{{PATIENT|Rufus's}} leg") == {"PATIENT with a possessive"}
    assert kinds("on {{DATE|3/4 }}") == {"DATE with a blank at its edge"}
    assert kinds("{{PATIENT|Graves}} disease") == {"eponym marked"}
    assert kinds("{{PATIENT|Winborne}} left; Winborne came") == {"unmarked again"}
    assert kinds("since 3/4/2019") == {"unmarked date"}
    assert kinds("call 413-555-0182") == {"unmarked phone"}
    assert kinds("write a@b.example") == {"unmarked email"}
    assert kinds("517-60-3344") == {"unmarked ssn"}
    assert kinds("a 67-year-old") == {"unmarked age"}
    assert kinds("{{AGE|67-year-old}}") == {"AGE with more than the age"}


def test_the_corpus_has_no_faults_of_borders(training: Modules) -> None:
    count = 0
    for note in training.markup.read_folder(CORPUS):
        count += 1
        for start, _, kind in training.check_notes.faults(note, set(), set()):
            assert "unmarked" in kind, f"{note.id} at {start}: {kind}"
    assert count >= 266
