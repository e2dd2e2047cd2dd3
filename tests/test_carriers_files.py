"""Files, folders and commands of carriers: nothing lost, nothing half written, reasons without text."""

from __future__ import annotations

import csv
import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from carrier_samples import FOLDER, bundle, left, message, pipeline, strings
from typer.testing import CliRunner

from nlp_deid.carriers.fhir import scrub
from nlp_deid.carriers.files import CarrierFilesError, scrub_fhir, scrub_hl7
from nlp_deid.carriers.hl7v2 import scrub as scrub_message
from nlp_deid.carriers.omop_files import scrub_omop
from nlp_deid.cli_carriers import app

NOTES = """note_id,person_id,note_date,note_title,note_text,extra
1,77,2019-02-17,Letter,"Ms. Dellworth, MRN 00483921, ""better"".
Second line.",x
2,77,2019-02-18,=1+1,"-Dellworth",x
3,78,never,Letter,"Ann Dellworth",x
"""
PERSONS = "person_id,person_source_value,name\n77,00483921,Marguerite Dellworth\n"


def report(path: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["place"]: row["reason"] for row in rows}


@pytest.fixture
def bulk(tmp_path: Path) -> Path:
    """The sample as a bulk export: a file a resource type."""
    folder = tmp_path / "bulk"
    folder.mkdir()
    for entry in bundle()["entry"]:
        with (folder / f"{entry['resource']['resourceType']}.ndjson").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry["resource"]) + "\n")
    return folder


def resources(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_folder_of_fhir(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "ward").mkdir(parents=True)
    (source / "ward" / "one.json").write_bytes((FOLDER / "bundle.json").read_bytes())
    (source / "bad.json").write_text('{"resourceType": "Patient", "name": "Dellworth"}')
    (source / "broken.json").write_text("{Dellworth")
    (source / "scan.pdf").write_text("Dellworth")
    (source / ".hidden.json").write_text("{}")
    (source / "link.json").symlink_to(source / "ward" / "one.json")
    summary = scrub_fhir(pipeline(), source, out)
    assert (summary.written, len(summary.failures)) == (1, 4)
    assert summary.report == out / "quarantine.jsonl"
    assert report(summary.report) == {
        "bad.json": "invalid (Patient.name)",
        "broken.json": "json",
        "scan.pdf": "suffix",
        "link.json": "symlink",
    }
    assert sorted(path.name for path in out.rglob("*") if path.is_file()) == ["one.json", "quarantine.jsonl"]
    assert json.loads((out / "ward" / "one.json").read_text(encoding="utf-8")) == scrub(pipeline(), bundle())


def test_a_bulk_export_is_one_world(bulk: Path, tmp_path: Path) -> None:
    with (bulk / "Observation.ndjson").open("a") as file:
        file.write('{"Dellworth\n\n')
    out = tmp_path / "out"
    summary = scrub_fhir(pipeline(), bulk, out)
    assert (summary.written, [one.place for one in summary.failures]) == (15, ["Observation.ndjson:4"])
    every = [one for path in sorted(out.glob("*.ndjson")) for one in resources(path)]
    assert not left("\n".join(text for one in every for text in strings(one)))
    [person] = resources(out / "Patient.ndjson")
    [encounter] = resources(out / "Encounter.ndjson")
    whole = scrub(pipeline(), bundle())
    assert person["name"] == whole["entry"][0]["resource"]["name"]
    assert encounter["subject"]["reference"] == f"Patient/{person['id']}"
    assert encounter["period"] == next(
        one["resource"]["period"] for one in whole["entry"] if one["resource"]["resourceType"] == "Encounter"
    )


def test_a_patient_of_a_bulk_export_is_known_before_its_file_is_read(bulk: Path, tmp_path: Path) -> None:
    (bulk / "Patient.ndjson").rename(bulk / "Zz.ndjson")
    scrub_fhir(pipeline(), bulk, tmp_path / "out")
    [encounter] = resources(tmp_path / "out" / "Encounter.ndjson")
    [person] = resources(tmp_path / "out" / "Zz.ndjson")
    assert encounter["subject"]["display"] == f"{person['name'][0]['given'][0]} {person['name'][0]['family']}"


def test_single_resources_in_files_are_one_world(bulk: Path, tmp_path: Path) -> None:
    """A file a resource, and a Bundle that alone holds the patient: as the bulk export comes out."""
    single = tmp_path / "single"
    single.mkdir()
    wanted = {}
    scrub_fhir(pipeline(), bulk, tmp_path / "out")
    for file in bulk.glob("*.ndjson"):
        made = resources(tmp_path / "out" / file.name)
        for number, (one, expected) in enumerate(zip(resources(file), made, strict=True)):
            name = f"{file.stem}-{number}.json"
            if file.stem == "Patient":
                one = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one}]}
                name = "zz.json"
            else:
                wanted[name] = expected
            (single / name).write_text(json.dumps(one), encoding="utf-8")
    assert not scrub_fhir(pipeline(), single, tmp_path / "made").failures
    assert len(wanted) == 14
    for name, expected in wanted.items():
        assert json.loads((tmp_path / "made" / name).read_text(encoding="utf-8")) == expected, name


def test_names_and_files_that_cannot_be_used_keep_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    odd = os.fsdecode(b"M\xfcller.json")
    for name in ("CON.json", "a.json", "closed.json", "z.json", odd):
        (source / name).write_bytes((FOLDER / "bundle.json").read_bytes())
    (source / "hidden").mkdir()
    (source / "lines.ndjson").write_text('{"resourceType": "Basic"')
    read, opened, access = Path.read_bytes, Path.open, os.access

    def refuse(path: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", lambda p: refuse(p) if p.stem == "closed" else read(p))
    monkeypatch.setattr(
        Path, "open", lambda p, *a, **k: refuse(p) if p.name == "lines.ndjson" else opened(p, *a, **k)
    )
    monkeypatch.setattr(os, "access", lambda p, mode: Path(p).name != "hidden" and access(p, mode))
    summary = scrub_fhir(pipeline("tag"), source, out)
    monkeypatch.undo()
    assert report(out / "quarantine.jsonl") == {
        "CON.json": "name",
        odd: "name",
        "closed.json": "unreadable",
        "hidden": "unreadable",
        "lines.ndjson": "unreadable",
    }
    assert summary.written == 2
    assert sorted(path.name for path in out.iterdir()) == ["a.json", "quarantine.jsonl", "z.json"]


@pytest.mark.parametrize("work", [scrub_fhir, scrub_hl7, scrub_omop])
def test_an_output_that_cannot_be_written_stops_the_run(
    tmp_path: Path, work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    source.mkdir()
    (source / "a.json").write_bytes((FOLDER / "bundle.json").read_bytes())
    (source / "a.hl7").write_bytes(message().encode())
    (source / "a.csv").write_text(NOTES)

    def full(path: Path) -> Any:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("nlp_deid.carriers.files.whole", full)
    with pytest.raises(CarrierFilesError, match="cannot be written: No space left"):
        work(pipeline("tag"), source, tmp_path / "out")


def test_hl7_files(tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    broken = "MSH|^~\\&|A\rDellworth is no segment\r"
    (source / "day.hl7").write_bytes((message() + broken + message()).encode())
    (source / "latin.hl7").write_bytes("MSH|^~\\&|Müller\r".encode("latin-1"))
    (source / "none.hl7").write_bytes(b"\r\n")
    summary = scrub_hl7(pipeline(), source, out)
    assert summary.written == 2
    assert report(out / "quarantine.jsonl") == {
        "day.hl7:2": "segment (2)",
        "latin.hl7": "encoding",
        "none.hl7": "empty",
    }
    assert (out / "day.hl7").read_bytes().decode() == 2 * scrub_message(pipeline(), message())
    assert not (out / "latin.hl7").exists()


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_omop_files(tmp_path: Path, suffix: str) -> None:
    source, out, persons = tmp_path / f"note{suffix}", tmp_path / f"out{suffix}", tmp_path / "person.csv"
    rows = list(csv.reader(NOTES.splitlines(keepends=True)))
    with source.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t" if suffix == ".tsv" else ",").writerows(rows)
    persons.write_text(PERSONS)
    summary = scrub_omop(pipeline("tag"), source, out, persons=persons)
    assert (summary.written, summary.failures[0].reason) == (2, "note_date")
    assert summary.report == tmp_path / f"out{suffix}.quarantine.jsonl"
    with out.open(encoding="utf-8", newline="") as file:
        header, first, second = csv.reader(file, delimiter="\t" if suffix == ".tsv" else ",")
    assert header == rows[0][:-1]
    assert first[4] == 'Ms. [PATIENT], MRN [MEDICALRECORD], "better".\nSecond line.'
    assert second[3:] == ["'=1+1", "'-[PATIENT]"]  # no spreadsheet runs them
    assert first[1] == second[1] != "77"


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("a,b\n1,2\n", "columns"),
        (NOTES.replace('Second line."', "Second line."), "csv"),
        (b"note_text,person_id\n\xff\xfe,1\n", "csv"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, table: str | bytes, reason: str) -> None:
    source, out = tmp_path / "note.csv", tmp_path / "out.csv"
    source.write_bytes(table if isinstance(table, bytes) else table.encode())
    assert [one.reason for one in scrub_omop(pipeline(), source, out).failures] == [reason]
    assert not out.exists()


def test_outputs_that_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    with pytest.raises(CarrierFilesError, match="no file"):
        scrub_fhir(pipeline(), source, tmp_path / "out")
    (source / "a.json").write_text("{}")
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("")
    for out in (source, source / "out", tmp_path, full, source / "a.json"):
        with pytest.raises(CarrierFilesError):
            scrub_fhir(pipeline(), source, out)
    with pytest.raises(CarrierFilesError, match="no such"):
        scrub_fhir(pipeline(), tmp_path / "nowhere", tmp_path / "out")
    with pytest.raises(CarrierFilesError):
        scrub_fhir(pipeline(), source / "a.json", tmp_path / "no" / "such.json")


def test_overwriting_takes_away_what_now_fails(tmp_path: Path) -> None:
    source, out = tmp_path / "a.hl7", tmp_path / "b.hl7"
    source.write_bytes(message().encode())
    assert not scrub_hl7(pipeline(), source, out).failures
    source.write_text("Dellworth")
    with pytest.raises(CarrierFilesError, match="already"):
        scrub_hl7(pipeline(), source, out)
    assert scrub_hl7(pipeline(), source, out, overwrite=True).failures
    assert not out.exists()
    source.write_bytes(message().encode())
    scrub_hl7(pipeline(), source, out, overwrite=True)
    assert not (tmp_path / "b.hl7.quarantine.jsonl").exists()


def test_commands(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o600)
    (tmp_path / "note.csv").write_text(NOTES)
    (tmp_path / "person.csv").write_text(PERSONS)
    common = ["--pipeline", "rules", "--policy", "surrogate", "--key-file", str(key)]
    run = CliRunner()

    def call(*words: str | Path) -> Any:
        return run.invoke(app, [str(word) for word in words])

    done = call("fhir", FOLDER / "bundle.json", tmp_path / "b.json", *common)
    assert (done.exit_code, "1 documents read, 1 written, 0 quarantined" in done.stderr) == (0, True)
    assert call("hl7", FOLDER / "oru.hl7", tmp_path / "o.hl7", *common).exit_code == 0
    assert (tmp_path / "o.hl7").read_text().startswith("MSH|^~\\&|")
    done = call(
        "omop", tmp_path / "note.csv", tmp_path / "n.csv", "--person", tmp_path / "person.csv", *common
    )
    assert done.exit_code == 1
    assert "n.csv.quarantine.jsonl" in done.stderr
    assert "Dellworth" not in done.output
    for words in (
        ["fhir", FOLDER / "bundle.json", tmp_path / "b.json", *common],
        ["hl7", tmp_path / "nothing", tmp_path / "x"],
        ["hl7", FOLDER / "oru.hl7", tmp_path / "x", "--policy", "nonsense"],
        ["hl7", FOLDER / "oru.hl7", tmp_path / "x", "--pipeline", "nonsense"],
        ["hl7", FOLDER / "oru.hl7", tmp_path / "x", "--key-file", tmp_path / "nokey"],
    ):
        assert call(*words).exit_code == 2
