"""Surrogates end to end: batches by patient, the command line's keys and maps, bad input. Nobody in it exists."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nlp_deid import batch, cli
from nlp_deid.deid import Deid
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import load
from nlp_deid.replace import name_pools
from nlp_deid.replace.keys import KEY_VARIABLE, RandomSource, Secret, new_key, write_new_key
from nlp_deid.replace.names import People
from nlp_deid.replace.policy import PRESETS
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import Options, SurrogateFault
from nlp_deid.sources import SourceError, open_source, patient_of

RULES = ("--pipeline", "rules")
FIRST = "Patient: Odile Vantongeren\nMRN: 00481-7729\nSeen by Dr. Kwabena Ostrowski on 3/4/2019."
SECOND = "VANTONGEREN, ODILE came back on March 14, 2019. Dr. Ostrowski agrees. Call 218-555-0134."
THIRD = "Patient: Odile Vantongeren, seen on 2019-05-04."
REAL = re.compile(r"vantongeren|odile|ostrowski|kwabena|7729|0134|2019-05-04|March 14, 2019", re.IGNORECASE)


class Marked(Detector):
    """Finds what stands between [[LABEL| and ]], which stays around it."""

    name = "marked"

    def find(self, note: Note) -> list[Span]:
        found = re.finditer(r"\[\[([A-Z]+)\|(.*?)\]\]", note.text, re.DOTALL)
        return [Span(*m.span(2), m[1], 1.0, "marked") for m in found if m[2]]


def made(*texts: str, patient: str | None = "p", **options: Any) -> list[str]:
    """Marked texts of one patient with surrogates, without the marks."""
    options.setdefault("source", Secret(new_key()))
    deid = Deid([Marked()], Replacer(PRESETS["surrogate"], Options(**options)))
    notes = [Note(text, f"n{number}", patient) for number, text in enumerate(texts)]
    return [re.sub(r"\[\[[A-Z]+\||\]\]", "", result.text) for result in deid.pipe(notes)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    rows = [
        {"id": "a", "patient": "7", "text": FIRST},
        {"id": "b", "patient": "7", "text": SECOND},
        {"id": "c", "patient": "", "text": THIRD},
    ]
    return write_rows(tmp_path / "in.jsonl", rows)


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    path = tmp_path / "project.key"
    write_new_key(path)
    return path


def run(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error of the command line, as `main` shows it."""
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    error = result.exception
    if isinstance(error, cli._EXPECTED):
        return cli.WRONG_CALL, str(error)
    assert error is None or isinstance(error, SystemExit), repr(error)
    return result.exit_code, result.stderr


# ---- notes of one patient go together


def test_consecutive_notes_of_a_patient_share_surrogates_and_shift(notes: Path, tmp_path: Path) -> None:
    deid = load("rules", "surrogate", surrogates={"source": Secret(new_key())})
    summary = batch.scrub(deid, open_source(notes), tmp_path / "out.jsonl")
    assert (summary.written, summary.groups, summary.alone) == (3, 2, 1)
    one, two, three = (row["text"] for row in read_rows(tmp_path / "out.jsonl"))
    first, last = re.findall(r"Patient: (\S+) (\S+)", one)[0]
    assert two.startswith(f"{last}, {first} came".upper().replace("CAME", "came"))
    assert f"{first} {last}" not in three
    came = datetime.strptime(re.search(r"on (\w+ \d+, \d+)\.", two)[1], "%B %d, %Y")  # type: ignore[index]
    seen = re.search(r"on (\d+)/(\d+)/(\d+)\.", one)
    assert seen is not None
    assert (came.date() - date(int(seen[3]), int(seen[1]), int(seen[2]))).days == 10
    assert not REAL.search(one + two + three)


def test_order_and_quarantine_stay_a_notes_own(tmp_path: Path) -> None:
    """A broken row, a duplicate and a failing note inside a patient's notes part nothing."""
    source = tmp_path / "in.jsonl"
    lines = [
        json.dumps({"id": "a", "patient": "7", "text": FIRST}),
        "no row",
        json.dumps({"id": "x", "patient": ["7"], "text": FIRST}),
        json.dumps({"id": "a", "patient": "7", "text": FIRST}),
        json.dumps({"id": "h", "patient": "7", "text": f"{FIRST} \ud800"}),
        json.dumps({"id": "b", "patient": "7", "text": SECOND}),
        json.dumps({"id": "c", "patient": "8", "text": SECOND}),
    ]
    source.write_text("\n".join(lines))
    deid = load("rules", "surrogate")
    summary = batch.scrub(deid, open_source(source), tmp_path / "out.jsonl")
    rows = read_rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in rows] == ["a", "b", "c"]
    assert summary.read == summary.written + len(summary.failures) == 7
    places = [(failure.place, failure.reason) for failure in summary.failures]
    assert places == [
        ("row 2", "format"),
        ("row 3", "format"),
        ("row 4", "duplicate_id"),
        ("row 5", "encoding"),
    ]
    assert summary.groups == 2
    name = re.findall(r"Patient: (\S+) (\S+)", rows[0]["text"])[0]
    assert rows[1]["text"].startswith(f"{name[1]}, {name[0]} ".upper())
    assert not REAL.search((tmp_path / "out.jsonl").read_text())


def test_a_patient_whose_surrogates_fail_is_quarantined_whole(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deid = load("rules", "surrogate")
    real = deid.replacer.replace_all

    def broken(group: Any) -> Any:
        if group[0][0].patient == "7":
            raise RuntimeError(group[0][0].text)
        return real(group)

    monkeypatch.setattr(deid.replacer, "replace_all", broken)
    summary = batch.scrub(deid, open_source(notes), tmp_path / "out.jsonl")
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == ["c"]
    assert [(f.id, f.stage, f.reason) for f in summary.failures] == [
        ("a", "replace", "RuntimeError"),
        ("b", "replace", "RuntimeError"),
    ]


@pytest.mark.parametrize(
    ("note_id", "patient"),
    [("220/a", "220"), ("220/x/b", "220"), ("220-01", "220"), ("note-1", None), ("a", None), ("12", None)],
)
def test_the_patient_of_a_file(note_id: str, patient: str | None) -> None:
    assert patient_of(note_id) == patient


def test_folders_tie_notes_by_top_folder_or_number(tmp_path: Path) -> None:
    for place in ("in/220/a.txt", "in/220/b.txt", "in/c.txt", "in/311-01.txt", "in/311-02.txt"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(FIRST)
    deid = load("rules", "surrogate")
    summary = batch.scrub(deid, open_source(tmp_path / "in"), tmp_path / "out")
    assert (summary.read, summary.groups, summary.alone) == (5, 3, 1)
    text = {path.name: path.read_text() for path in (tmp_path / "out").rglob("*.txt")}
    assert text["a.txt"] == text["b.txt"] != text["c.txt"]
    assert text["311-01.txt"] == text["311-02.txt"] != text["a.txt"]


def test_detect_finds_what_scrub_replaces(notes: Path, tmp_path: Path) -> None:
    """A name that is sure in one note is found in the patient's other notes by both."""
    deid = load("rules")
    batch.detect(deid, open_source(notes), tmp_path / "found.jsonl")
    read = [note.read() for note in open_source(notes).entries()]
    together = [result.spans for result in deid.pipe(read)]
    spans = [[(s["start"], s["end"]) for s in row["spans"]] for row in read_rows(tmp_path / "found.jsonl")]
    assert spans == [[(s.start, s.end) for s in found] for found in together]


# ---- the command line


def test_the_same_key_makes_the_same_notes(notes: Path, key: Path, tmp_path: Path) -> None:
    outs = []
    for number in range(2):
        code, said = run(
            "scrub", notes, tmp_path / f"{number}.jsonl", *RULES, "--policy", "surrogate", "--key-file", key
        )
        outs.append((tmp_path / f"{number}.jsonl").read_bytes())
        assert code == 0
        assert re.search(r"key [0-9a-f]{16}\n", said)
        assert bytes.fromhex(key.read_text()).hex() not in said
    assert outs[0] == outs[1]
    code, said = run("scrub", notes, tmp_path / "r.jsonl", *RULES, "--policy", "surrogate")
    assert "no key: a random one was used; the surrogates of another run will not match" in said
    assert (tmp_path / "r.jsonl").read_bytes() != outs[0]


def test_a_key_from_the_environment_or_a_descriptor(
    notes: Path, key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("scrub", notes, tmp_path / "file.jsonl", *RULES, "--policy", "surrogate", "--key-file", key)
    with key.open("rb") as file:
        run("scrub", notes, tmp_path / "fd.jsonl", *RULES, "--policy", "surrogate", "--key-fd", file.fileno())
    monkeypatch.setenv(KEY_VARIABLE, key.read_text().strip())
    run("scrub", notes, tmp_path / "env.jsonl", *RULES, "--policy", "surrogate")
    texts = {(tmp_path / f"{name}.jsonl").read_bytes() for name in ("file", "fd", "env")}
    assert len(texts) == 1


def test_key_new(tmp_path: Path) -> None:
    code, said = run("key", "new", tmp_path / "k")
    assert code == 0
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    assert (tmp_path / "k").read_text().strip() not in said
    assert "never overwritten" in run("key", "new", tmp_path / "k")[1]


def test_no_option_takes_a_key(notes: Path, key: Path, tmp_path: Path) -> None:
    """Neither is there one, nor does the option for its file repeat a key that is given there."""
    secret = key.read_text().strip()
    assert run("scrub", notes, tmp_path / "o.jsonl", *RULES, "--key", secret)[0] == 2
    code, said = run("scrub", notes, tmp_path / "o.jsonl", *RULES, "--key-file", secret)
    assert code == 2
    assert "never the key itself" in said
    assert secret not in said
    assert not (tmp_path / "o.jsonl").exists()


@pytest.mark.parametrize(
    "text",
    ["changeme" * 8, "00" * 32, "0123456789abcdef" * 4, "deadbeef" * 8, "ab12", "", "correct horse battery"],
)
def test_unfit_keys_stop_the_run(
    text: str, notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, text)
    code, said = run("scrub", notes, tmp_path / "o.jsonl", *RULES, "--policy", "surrogate")
    assert code == 2
    assert said.startswith(f"{KEY_VARIABLE}: ")
    assert not text or text not in said
    assert not (tmp_path / "o.jsonl").exists()


def test_there_and_back_with_a_map(notes: Path, tmp_path: Path) -> None:
    out, back, map_file = tmp_path / "out.jsonl", tmp_path / "back.jsonl", tmp_path / "map.jsonl"
    assert run("scrub", notes, out, *RULES, "--policy", "surrogate", "--map-file", map_file)[0] == 0
    assert stat.S_IMODE(map_file.stat().st_mode) == 0o600
    code, said = run("reidentify", out, back, "--map-file", map_file)
    assert code == 0
    assert "0 left as ambiguous; 0 notes are not in the map" in said
    assert read_rows(back) == read_rows(notes)


def test_a_single_note_comes_back_under_another_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(FIRST)
    map_file = tmp_path / "map.jsonl"
    run(
        "scrub",
        tmp_path / "a.txt",
        tmp_path / "b.txt",
        *RULES,
        "--policy",
        "surrogate",
        "--map-file",
        map_file,
    )
    run("reidentify", tmp_path / "b.txt", tmp_path / "c.txt", "--map-file", map_file)
    assert (tmp_path / "c.txt").read_text() == FIRST


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--map-file", "{tmp}/m.jsonl"), "makes no surrogates"),
        (("--policy", "surrogate", "--map-file", "{tmp}/in.jsonl"), "never overwritten"),
        (("--policy", "surrogate", "--map-file", "{tmp}/no/m.jsonl"), "no such folder"),
        (("--policy", "surrogate", "--map-file", "{tmp}/out/m.jsonl"), "lies in the output"),
        (("--policy", "surrogate", "--consistency", "sometimes"), "patient, document, markov, none"),
        (("--policy", "surrogate", "--date-order", "ymd"), "mdy, dmy"),
        (("--policy", "surrogate", "--date-shift-range", "20"), "offsets are left"),
        (
            ("--policy", "surrogate", "--date-shift-range", "300", "--keep-weekday", "--keep-season"),
            "offsets",
        ),
    ],
)
def test_wrong_calls_write_nothing(
    arguments: tuple[str, ...], message: str, notes: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    filled = [argument.replace("{tmp}", str(tmp_path)) for argument in arguments]
    code, said = run("scrub", notes, tmp_path / "out", *RULES, *filled)
    assert code == 2
    assert message in said
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (
            ["Seen on 25/12/2019 and 04/05/2019."],
            "dmy (guessed): 0 dates only month first, 1 only day first, 1 ",
        ),
        (["Seen on 12/25/2019."], "mdy (guessed): 1 dates only month first, 0 only day first, 0 "),
        (["Seen on 04/05/2019."], "mdy (nothing decides): 0 dates only month first, 0 only day first, 1 "),
    ],
)
def test_a_guess_of_the_date_order_is_told(texts: list[str], said: str, tmp_path: Path) -> None:
    rows = [{"id": str(number), "text": text} for number, text in enumerate(texts)]
    source = write_rows(tmp_path / "in.jsonl", rows)
    code, told = run(
        "scrub", source, tmp_path / "o.jsonl", *RULES, "--policy", "surrogate", "--date-order", "auto"
    )
    assert code == 0
    assert f"date order {said}" in told


def test_standard_input_cannot_be_read_twice() -> None:
    code, said = run("scrub", "-", "-", *RULES, "--date-order", "auto")
    assert code == 2
    assert "twice" in said


def test_another_field_may_hold_the_patient(tmp_path: Path) -> None:
    rows = [{"id": str(n), "mrn": 12, "text": f"Patient: Odile Vantongeren. {n}"} for n in range(2)]
    source = open_source(write_rows(tmp_path / "in.jsonl", rows), patient_field="mrn")
    assert [entry.read().patient for entry in source.entries()] == ["12", "12"]
    rows[0]["mrn"] = True
    source = open_source(write_rows(tmp_path / "in.jsonl", rows), patient_field="mrn")
    with pytest.raises(SourceError, match="row 1: the patient's id"):
        next(source.entries()).read()


# ---- bad input: an error or a tag, never the original


@pytest.mark.parametrize(
    "text",
    ["2/30/2019", "February 30, 2019", "31/31/2019", "00/00/0000", "3/4/1799", "July 4, 1776", "13/13/19"],
)
def test_impossible_and_ancient_dates_become_tags(text: str) -> None:
    assert made(f"on [[DATE|{text}]].") == ["on [DATE]."]


def test_a_misread_date_moves_or_becomes_a_tag() -> None:
    [text] = made("on [[DATE|l2/O5/2O19]] and [[DATE|12/05/2019]].")
    assert "l2/O5/2O19" not in text
    [text] = made("on [[DATE|l2/OS/2O19]].")
    assert text == "on [DATE]."


@pytest.mark.parametrize("age", ["90", "97", "150", "1500", "ninety-three", "102-year-old"])
def test_ages_over_89_are_never_shown(age: str) -> None:
    [text] = made(f"aged [[AGE|{age}]].")
    assert "90+" in text or "[AGE]" in text
    assert not re.search(r"\d|ninety", text.replace("90+", ""))


def test_a_birth_date_that_tells_an_age_over_89_becomes_a_tag() -> None:
    for birth in ("3/4/1925", "1925", "March 4, 1925"):
        assert made(f"born [[DATE|{birth}]], seen [[DATE|3/4/2019]]")[0].startswith("born [DATE], seen ")


def test_two_patients_with_one_name_get_two_surrogates() -> None:
    key = Secret(new_key())
    texts = {made("[[PATIENT|Odile Vantongeren]]", patient=patient, source=key)[0] for patient in "abcdef"}
    assert len(texts) >= 5  # chance meetings of two draws are rare
    assert "Odile Vantongeren" not in texts


def test_one_patient_id_with_two_names_gives_two_people() -> None:
    one, two = made("[[PATIENT|Odile Vantongeren]]", "[[PATIENT|Bram Hollis]]")
    assert set(one.split()).isdisjoint(two.split())


def test_a_list_that_is_too_small_gives_nothing() -> None:
    pools = name_pools.load()
    small = type(pools)(**{**vars(pools), "draw": {kind: names[:20] for kind, names in pools.draw.items()}})
    people = People(RandomSource(), "p", pools=small)
    people.add("Odile Vantongeren", "PATIENT")
    assert people.surrogate("Odile Vantongeren", "PATIENT") is None


def test_an_unknown_choice_names_what_is_allowed() -> None:
    for options in ({"consistency": "x"}, {"date_order": "x"}, {"group_dates": "x"}):
        with pytest.raises(SurrogateFault, match="allowed"):
            Options(**options)  # type: ignore[arg-type]


# ---- pipelines


def test_scrub_writes_made_up_values_and_groups_dates() -> None:
    deid = load("scrub")
    assert deid.policy.name == "surrogate"
    text = deid("Patient: Odile Vantongeren seen 3/4/2019, again 3/19/2019 and 5/2/2019.").text
    one, two, three = re.findall(r"\d+/\d+/\d{4}", text)
    assert one == two != three
    assert not REAL.search(text)
    assert "[" not in text


def test_de_id_writes_tokens_that_keep_intervals() -> None:
    text = load("de_id")("Admitted 3/4/2019, discharged March 16, 2019, seen 4/1/2019.").text
    assert text == "Admitted [DATE-1], discharged [DATE-1+12d], seen [DATE-1+28d]."


def test_nothing_is_made_where_the_policy_makes_nothing(notes: Path, tmp_path: Path) -> None:
    code, said = run("scrub", notes, tmp_path / "o.jsonl", *RULES, "--policy", "safe_harbor")
    assert code == 0
    assert "key" not in said


def test_a_random_run_derives_nothing_from_the_values() -> None:
    """Safe Harbor: two runs without a key share no surrogate but by chance."""
    text = " ".join(f"[[PHONE|218-555-{number:04d}]]" for number in range(30))
    one, two = (made(text, source=RandomSource())[0].split() for _ in range(2))
    assert sum(a == b for a, b in zip(one, two, strict=True)) <= 2


def test_no_file_is_left_by_a_map_that_fails(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", fail)
    result = CliRunner().invoke(
        cli.app,
        [
            "scrub",
            str(notes),
            str(tmp_path / "o.jsonl"),
            *RULES,
            "--policy",
            "surrogate",
            "--map-file",
            str(tmp_path / "m"),
        ],
    )
    assert isinstance(result.exception, OSError)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "o.jsonl"]


def test_a_long_run_of_notes_that_nothing_ties_remembers_none_of_them() -> None:
    source = RandomSource()
    replacer = Replacer(PRESETS["surrogate"], Options(source=source))
    text = "Ida Falk on 3/4/2019"
    spans = [Span(0, 8, "PATIENT"), Span(12, 20, "DATE")]
    for note in (Note(text), Note(text, "one"), Note(text)):
        replacer.replace(note, spans)
    remembered = len(source._drawn)
    assert remembered
    replacer.replace(Note(text), spans)
    assert len(source._drawn) == remembered
