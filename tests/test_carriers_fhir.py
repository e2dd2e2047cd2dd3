"""FHIR: what comes out is valid, holds no identifier, keeps its references, and fails closed."""

from __future__ import annotations

import base64
import json
import logging
import random
from copy import deepcopy
from datetime import date
from typing import Any

import pytest
from carrier_samples import (
    ALSO_KEPT_IN_LIMITED,
    OTHER_KEY,
    bundle,
    left,
    pipeline,
    resource,
    strings,
)
from fhir.resources.R4B import get_fhir_model_class

from nlp_deid.carriers.fhir import parse_json, scrub, scrub_json
from nlp_deid.carriers.fhir_directory import Directory
from nlp_deid.carriers.fhir_rules import ABSENT, PSEUDONYMISED, RULES
from nlp_deid.carriers.fhir_types import elements, is_resource
from nlp_deid.carriers.sheet import CarrierError
from nlp_deid.deid import Deid
from nlp_deid.note import Detector, Note, Span

POLICIES = ("surrogate", "safe_harbor", "tag", "consistent_tags", "mask", "limited_data_set")
JSON = dict[str, Any]


@pytest.fixture(scope="module")
def scrubbed() -> JSON:
    return scrub(pipeline(), bundle())


def text_of(attachment: JSON) -> str:
    return base64.b64decode(attachment["data"]).decode()


def attached(text: str | bytes, kind: str = "text/plain") -> JSON:
    raw = text.encode() if isinstance(text, str) else text
    return {
        "resourceType": "DocumentReference",
        "id": "d",
        "status": "current",
        "subject": {"reference": "Patient/p"},
        "content": [{"attachment": {"contentType": kind, "data": base64.b64encode(raw).decode()}}],
    }


def patient(**more: Any) -> JSON:
    return {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "Quillfeather", "given": ["Zephyrine"]}],
        **more,
    }


def collection(*resources: JSON) -> JSON:
    entry = [
        {"fullUrl": f"https://a.example/{one['resourceType']}/{one['id']}", "resource": one}
        for one in resources
    ]
    return {"resourceType": "Bundle", "type": "collection", "entry": entry}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["rules", "scrub"])
def test_valid_and_without_identifiers(policy: str, name: str) -> None:
    made = scrub(pipeline(policy, name), bundle())
    get_fhir_model_class("Bundle").model_validate(made)
    kept = ALSO_KEPT_IN_LIMITED if policy == "limited_data_set" else set()
    assert not left("\n".join(strings(made)), kept)


def test_the_input_holds_every_identifier_of_fhir() -> None:
    """The test above would pass on a sample that never held them."""
    found = left("\n".join(strings(bundle())))
    assert {"Dellworth", "Prescott", "Vossberg", "00483921", "XQH830294471", "SBMC", "vip-note"} <= set(found)


def test_references_stay_intact(scrubbed: JSON) -> None:
    def targets(document: JSON) -> list[tuple[str, str | None]]:
        """Owner's type and the type that each reference leads to."""
        urls = {entry["fullUrl"]: entry["resource"] for entry in document["entry"]}
        local = {f"{one['resourceType']}/{one['id']}": one for one in urls.values()}
        found: list[tuple[str, str | None]] = []

        def visit(value: Any, owner: JSON) -> None:
            if isinstance(value, dict):
                for key in ("reference", "url"):
                    target = value.get(key)
                    if not isinstance(target, str) or target.startswith("http://hl7"):
                        continue
                    inside = {f"#{one['id']}": one for one in owner.get("contained", [])}
                    hit = urls.get(target) or local.get(target) or inside.get(target)
                    found.append((owner["resourceType"], hit["resourceType"] if hit else None))
                for one in value.values():
                    visit(one, owner)
            elif isinstance(value, list):
                for one in value:
                    visit(one, owner)

        for one in urls.values():
            visit(one, one)
        return [pair for pair in found if pair[1] is not None]

    before, after = targets(bundle()), targets(scrubbed)
    assert before == after
    assert len(after) >= 20
    assert not {e["fullUrl"] for e in bundle()["entry"]} & {e["fullUrl"] for e in scrubbed["entry"]}


def test_elements_and_notes_share_surrogates_and_shift(scrubbed: JSON) -> None:
    name = resource(scrubbed, "Patient")["name"][0]
    note = text_of(resource(scrubbed, "DocumentReference")["content"][0]["attachment"])
    assert f"Patient: {name['given'][0]} {name['given'][1]} {name['family']}" in note
    assert name["text"] == f"Mrs. {name['given'][0]} {name['given'][1]} {name['family']}"
    doctor = resource(scrubbed, "Practitioner")["name"][0]
    assert f"Attending: {doctor['given'][0]} {doctor['family']}, MD" in note
    assert resource(scrubbed, "Patient")["identifier"][0]["value"] in note
    assert resource(scrubbed, "Encounter")["participant"][0]["individual"]["display"] == (
        f"{doctor['family']}, {doctor['given'][0]}"
    )
    start = date.fromisoformat(resource(scrubbed, "Encounter")["period"]["start"][:10])
    born = date.fromisoformat(resource(scrubbed, "Patient")["birthDate"])
    shift = start - date(2019, 2, 11)
    assert shift.days != 0
    assert born == date(1958, 3, 4) + shift
    assert f"DOB: {born:%m/%d/%Y}" in note
    assert f"Admitted: {start:%m/%d/%Y}" in note
    assert resource(scrubbed, "Observation")["effectiveDateTime"] == str(date(2019, 2, 12) + shift)


def test_same_key_same_bytes_other_key_other_values() -> None:
    document = json.dumps(bundle())
    assert scrub_json(pipeline(), document) == scrub_json(pipeline(), document)
    other = scrub(pipeline(key=OTHER_KEY), bundle())
    mine = scrub(pipeline(), bundle())
    assert other["entry"][0]["fullUrl"] != mine["entry"][0]["fullUrl"]
    assert resource(other, "Patient")["name"] != resource(mine, "Patient")["name"]


def test_a_second_pass_gives_a_valid_document_again(scrubbed: JSON) -> None:
    again = scrub(pipeline(), scrubbed)
    assert [e["resource"]["resourceType"] for e in again["entry"]] == [
        e["resource"]["resourceType"] for e in scrubbed["entry"]
    ]
    assert all(e["resource"]["meta"]["security"] == [PSEUDONYMISED] for e in again["entry"])


def test_the_given_document_is_left_alone() -> None:
    document = bundle()
    scrub(pipeline(), document)
    assert document == bundle()


def test_clinical_content_stays(scrubbed: JSON) -> None:
    glucose = resource(scrubbed, "Observation")
    assert glucose["valueQuantity"] == resource(bundle(), "Observation")["valueQuantity"]
    assert glucose["code"]["coding"][0] == resource(bundle(), "Observation")["code"]["coding"][0]
    assert resource(scrubbed, "Condition")["code"]["text"] == "Parkinson's disease"
    assert (
        resource(scrubbed, "MedicationRequest")["medicationCodeableConcept"]
        == (resource(bundle(), "MedicationRequest")["medicationCodeableConcept"])
    )
    assert resource(scrubbed, "Observation", 2)["status"] == "cancelled"


def test_what_is_no_text_is_taken_out_and_marked(scrubbed: JSON) -> None:
    content = [one["attachment"] for one in resource(scrubbed, "DocumentReference")["content"]]
    pdf, linked, binary = content[2], content[3], content[4]
    assert "data" not in pdf
    assert pdf["_data"] == ABSENT
    assert "url" not in linked
    assert linked["_url"] == ABSENT
    assert binary["url"] == f"Binary/{resource(scrubbed, 'Binary')['id']}"
    assert "photo" not in resource(scrubbed, "Patient")
    assert "position" not in resource(scrubbed, "Location")
    plain = content[0]
    assert plain["size"] == len(base64.b64decode(plain["data"]))


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"\xff\xfe\x00 not UTF-8", "text/plain"),
        (b"{\\rtf1 Zephyrine}", "text/rtf"),
        (b"<ClinicalDocument>Zephyrine</ClinicalDocument>", "application/xml"),
        (b"text", "text/plain; charset=nonsense"),
        (b"text", ""),
    ],
)
def test_attachments_that_cannot_be_read(raw: bytes, kind: str) -> None:
    document = attached(raw, kind)
    if not kind:
        del document["content"][0]["attachment"]["contentType"]
    made = scrub(pipeline(), document)["content"][0]["attachment"]
    assert "data" not in made
    assert made["_data"] == ABSENT


def test_character_sets_of_attachments() -> None:
    made = scrub(
        pipeline("tag"),
        collection(
            patient(name=[{"text": "Renée Müller"}]),
            attached("Renée Müller ist wohlauf".encode("latin-1"), "text/plain; charset=iso-8859-1"),
        ),
    )
    attachment = resource(made, "DocumentReference")["content"][0]["attachment"]
    assert attachment["contentType"] == "text/plain; charset=utf-8"
    assert text_of(attachment) == "[PATIENT] ist wohlauf"


@pytest.mark.parametrize("policy", ["surrogate", "safe_harbor"])
def test_births_that_tell_an_age_over_89_are_hidden(policy: str) -> None:
    year = date.today().year
    old = scrub(pipeline(policy), patient(birthDate=f"{year - 95}-05-06"))
    assert "birthDate" not in old
    assert old["_birthDate"] == ABSENT
    young = scrub(pipeline(policy), patient(birthDate=f"{year - 60}-05-06"))
    assert young["birthDate"][:3] in (str(year - 60)[:3], str(year - 65)[:3], str(year - 55)[:3])
    assert len(young["birthDate"]) == (4 if policy == "safe_harbor" else 10)


def test_texts_do_not_tell_the_year_that_the_birth_date_hides() -> None:
    born, seen = date.today().year - 95, date.today().year - 3
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">DOB: 04/05/{born}. Seen 3/4/{seen}.</div>'
    made = scrub(
        pipeline("safe_harbor"),
        collection(
            patient(birthDate=f"{born}-04-05", text={"status": "generated", "div": div}),
            observed({"reference": "Patient/p"}, f"{born}-04-05"),
            attached(f"DOB: {born}. Date of birth: {born}-04-05. Seen 3/4/{seen}."),
        ),
    )
    texts = [*strings(made), text_of(resource(made, "DocumentReference")["content"][0]["attachment"])]
    assert str(born) not in "\n".join(texts)
    assert f"Seen {seen}." in resource(made, "Patient")["text"]["div"]
    assert f"Seen {seen}." in texts[-1]


def test_years_only_under_safe_harbor() -> None:
    made = scrub(pipeline("safe_harbor"), bundle())
    period = resource(made, "Encounter")["period"]
    assert period == {"start": "2019", "end": "2019"}
    observation = resource(made, "Observation")
    assert "issued" not in observation  # an instant cannot be a year
    assert observation["_issued"] == ABSENT


def test_ages_over_89() -> None:
    assert resource(scrub(pipeline(), bundle()), "Observation", 1)["valueQuantity"]["comparator"] == ">="
    kept = scrub(pipeline("limited_data_set"), bundle())
    assert resource(kept, "Observation", 1)["valueQuantity"]["value"] == 93


def test_unknown_elements_and_extensions_are_dropped() -> None:
    made = scrub(
        pipeline(),
        patient(
            nickname="Zeph Quillfeather",
            extension=[{"url": "https://hospital.example/x", "valueString": "Quillfeather"}],
            _birthDate={"extension": [{"url": "https://hospital.example/y", "valueString": "Quillfeather"}]},
        ),
    )
    assert set(made) == {"resourceType", "id", "name", "meta"}


def test_a_modifier_extension_that_is_not_known_stops_the_document() -> None:
    with pytest.raises(CarrierError, match="modifierExtension"):
        scrub(
            pipeline(),
            patient(modifierExtension=[{"url": "https://hospital.example/not", "valueBoolean": True}]),
        )


def test_narrative_is_read_across_its_tags() -> None:
    div = (
        '<div xmlns="http://www.w3.org/1999/xhtml"><p id="Quillfeather" onclick="x">Seen: <b>Zephyrine</b> <i>Quill'
        "</i>feather"
        '&nbsp;&amp; &lt;kin&gt;<img src="q.png" alt="Quillfeather"/> today<!-- Quillfeather --></p>'
        "<script>Quillfeather</script></div>"
    )
    made = scrub(pipeline("tag"), patient(text={"status": "generated", "div": div}))
    assert made["text"]["div"].startswith(
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>Seen: <b>[PATIENT]</b>'
    )
    assert "&amp; &lt;kin&gt; today" in made["text"]["div"]
    assert "feather" not in made["text"]["div"].casefold()


BAD_DIVS = (
    "<div>unclosed",
    "no markup",
    "<p xmlns='http://www.w3.org/1999/xhtml'>no div</p>",
    "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><div>&e;</div>",
    "<!DOCTYPE d [<!ENTITY a 'x'><!ENTITY b '&a;&a;'>]><div>&b;</div>",
)


@pytest.mark.parametrize("div", BAD_DIVS)
def test_bad_narratives_stop_the_document(div: str) -> None:
    with pytest.raises(CarrierError, match="narrative"):
        scrub(pipeline(), patient(text={"status": "generated", "div": div}))


BAD_DOCUMENTS: list[Any] = [
    {},
    {"resourceType": "Quillfeather"},
    {"resourceType": "HumanName", "family": "Quillfeather"},
    patient(name="Quillfeather"),
    patient(name=["Quillfeather"]),
    patient(name=[{"family": {"x": "Quillfeather"}}]),
    patient(birthDate="Quillfeather"),
    patient(birthDate=19580304),
    patient(active="Quillfeather"),
    patient(gender={"a": "Quillfeather"}),
    patient(link=[{"other": {"reference": ["Quillfeather"]}, "type": "seealso"}]),
    patient(contained=[{"resourceType": "Nope", "x": "Quillfeather"}]),
    {"resourceType": "Observation", "id": "o", "valueString": "Quillfeather"},  # no status, no code
    {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": "Quillfeather"}]},
    {"resourceType": "Bundle", "type": "collection", "entry": "Quillfeather"},
]


@pytest.mark.parametrize("document", BAD_DOCUMENTS, ids=range(len(BAD_DOCUMENTS)))
def test_malformed_resources_stop_and_tell_no_text(document: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(CarrierError) as caught:
        scrub(pipeline(), document)
    assert "uillfeather" not in f"{caught.value!r}{caught.value}{caught.value.__context__!r}{caplog.text}"


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"a":', "nul", '{"a": NaN}', '{"id": "1", "id": "2"}', b"\xff\xfe{", '{"a":' + "[" * 99_999],
    ids=range(8),
)
def test_what_is_no_json(text: str | bytes) -> None:
    with pytest.raises(CarrierError, match="json"):
        parse_json(text)


class _Failing(Detector):
    name = "failing"

    def find(self, note: Note) -> list[Span]:
        raise RuntimeError(note.text)


def test_a_failing_part_stops_the_document() -> None:
    deid = pipeline()
    broken = Deid([*deid.detectors, _Failing()], deid.replacer, deid.merge, deid.keep, deid.echo)
    with pytest.raises(CarrierError) as caught:
        scrub(broken, bundle())
    assert caught.value.reason == "failing:RuntimeError"
    assert "Dellworth" not in repr(caught.value.__context__)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for key, one in value.items() for leaf in _leaves(one, (*path, key))]
    if isinstance(value, list):
        return [leaf for key, one in enumerate(value) for leaf in _leaves(one, (*path, key))]
    return [path] if isinstance(value, str) else []


def test_a_name_put_into_any_string_comes_out_nowhere() -> None:
    """Every string of a dense document in turn is the patient's name: it is rewritten, dropped or refused."""
    sample = bundle()
    wanted = ("Patient", "Encounter", "Observation", "DocumentReference", "Coverage")
    small = {**sample, "entry": [e for e in sample["entry"] if e["resource"]["resourceType"] in wanted]}
    del small["entry"][4:6]
    small["entry"][0]["resource"]["name"].append({"family": "Quillfeather", "given": ["Zephyrine"]})
    refused, leaves = 0, _leaves(small)
    for *path, last in leaves:
        document = deepcopy(small)
        place: Any = document
        for step in path:
            place = place[step]
        place[last] = "Zephyrine Quillfeather"
        try:
            made = scrub(pipeline(), document)
        except CarrierError:
            refused += 1
            continue
        assert "quillfeather" not in "\n".join(strings(made)).casefold(), (*path, last)
    assert len(leaves) > 150
    assert refused < len(leaves) / 3


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for key, one in inside for place in _places(one, (*path, key))]


def test_junk_anywhere_gives_a_valid_document_or_a_carrier_error() -> None:
    """Wrong JSON under a random key of a random place, 300 times: no other error, no text in it."""
    draw = random.Random(7)
    sample = resource(bundle(), "Patient")
    places = _places(sample)
    for _ in range(300):
        document = deepcopy(sample)
        *path, last = draw.choice(places)
        place: Any = document
        for step in path:
            place = place[step]
        place[last] = draw.choice(
            [None, 5, -1.5, True, "Dellworth", "", [], {}, [[]], [{}], {"a": 1}, ["Dellworth"], [None]]
        )
        for work in (scrub, lambda deid, one: Directory().add(deid, [one])):
            try:
                work(pipeline(), document)
            except CarrierError as error:
                assert "Dellworth" not in str(error)  # noqa: PT017


def test_two_patients_have_shifts_of_their_own() -> None:
    def one(number: str) -> list[JSON]:
        return [
            patient() | {"id": number},
            {
                "resourceType": "Observation",
                "id": f"o{number}",
                "status": "final",
                "code": {"text": "Weight"},
                "subject": {"reference": f"Patient/{number}"},
                "effectiveDateTime": "2019-05-05",
                "valueString": "Told Dr. Halvard Ekström of it.",
            },
        ]

    doctor = {"resourceType": "Practitioner", "id": "h", "name": [{"text": "Halvard Ekström"}]}
    made = scrub(pipeline(), collection(*one("1"), *one("2"), doctor))
    first, second = resource(made, "Observation"), resource(made, "Observation", 1)
    assert first["effectiveDateTime"] != second["effectiveDateTime"]
    assert resource(made, "Patient")["name"] != resource(made, "Patient", 1)["name"]
    assert "Ekström" not in "\n".join(strings(made))


def test_a_directory_tells_of_patients_in_other_files() -> None:
    mrn = {"system": "https://h.example/mrn", "value": "00771234"}
    person = patient(identifier=[mrn])
    note = attached("Talked to Zephyrine; quillfeather is well. MRN 00771234")
    note["content"].append({"attachment": {"contentType": "text/plain", "url": "Binary/b"}})
    binary = {
        "resourceType": "Binary",
        "id": "b",
        "contentType": "text/plain",
        "data": base64.b64encode(b"zephyrine quillfeather").decode(),
    }
    directory = Directory(system="https://h.example/mrn")
    directory.add(pipeline(), [person, note])
    assert directory.patient(binary) == directory.patient(note) == "00771234"
    made = {one["id"]: scrub(pipeline(), one, directory=directory) for one in (person, note, binary)}
    name = made["p"]["name"][0]
    assert text_of(made["d"]["content"][0]["attachment"]) == (
        f"Talked to {name['given'][0]}; {name['family'].lower()} is well. MRN {made['p']['identifier'][0]['value']}"
    )
    assert text_of(made["b"]) == f"{name['given'][0]} {name['family']}".lower()
    assert made["d"]["subject"]["reference"] == f"Patient/{made['p']['id']}"
    assert made["d"]["content"][1]["attachment"]["url"] == f"Binary/{made['b']['id']}"


MRN = {"system": "https://h.example/mrn", "value": "00771234"}
REFERENCES: list[JSON] = [
    {"reference": "Patient/p"},
    {"reference": "https://a.example/Patient/p/_history/3"},
    {"identifier": MRN},
    {"identifier": MRN, "type": "Patient"},
    {"reference": "Patient?identifier=https://h.example/mrn|00771234"},
    {
        "reference": "https://a.example/Patient?active=true&identifier=https%3A%2F%2Fh.example%2Fmrn%7C00771234"
    },
    {"reference": "Patient?identifier=00771234"},
]


def observed(subject: JSON, text: str = "Told Quillfeather.") -> JSON:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "code": {"text": "Weight"},
        "subject": deepcopy(subject),
        "effectiveDateTime": "2019-05-05",
        "valueString": text,
    }


@pytest.mark.parametrize("reference", REFERENCES, ids=range(len(REFERENCES)))
@pytest.mark.parametrize("system", ["", MRN["system"]])
def test_whatever_refers_to_the_patient_is_the_patients(reference: JSON, system: str) -> None:
    directory = Directory(system)
    directory.add(pipeline(), [patient(identifier=[MRN])])
    person = scrub(pipeline(), patient(identifier=[MRN]), directory=directory)
    for made in (
        scrub(pipeline(), observed(reference), directory=directory),
        resource(
            scrub(
                pipeline(),
                collection(patient(identifier=[MRN]), patient(name=[]) | {"id": "q"}, observed(reference)),
                directory=Directory(system),
            ),
            "Observation",
        ),
    ):
        key = "00771234" if system else "p"
        expected = scrub(pipeline(), observed({"reference": "#"}), patient=key)
        assert made["valueString"] == f"Told {person['name'][0]['family']}."
        assert made["effectiveDateTime"] == expected["effectiveDateTime"] != "2019-05-05"
        if "identifier" in reference:
            assert made["subject"]["identifier"]["value"] == person["identifier"][0]["value"]
        assert "00771234" not in "\n".join(strings(made))


def test_the_identifier_of_an_unknown_patient_is_the_patients_id() -> None:
    note = observed({"identifier": MRN}, "MRN 00771234")
    tagged = scrub(pipeline("tag"), note)
    assert tagged["subject"]["identifier"]["value"] == tagged["valueString"][4:] == "[MEDICALRECORD]"
    same = scrub(pipeline(), observed({"reference": "Patient/00771234"}))
    assert scrub(pipeline(), note)["effectiveDateTime"] == same["effectiveDateTime"]
    with_id = observed({"reference": "Patient/p", "identifier": MRN})
    by_system = scrub(pipeline(), with_id, directory=Directory(MRN["system"]))
    assert by_system["effectiveDateTime"] == same["effectiveDateTime"]
    device = scrub(pipeline("tag"), observed({"identifier": MRN, "type": "Device"}))
    assert device["subject"]["identifier"]["value"] == "[DEVICE]"
    assert device["subject"]["type"] == "Device"
    doctor = observed({"reference": "Patient/p"}) | {"performer": [{"identifier": MRN}]}
    assert scrub(pipeline("tag"), doctor)["performer"][0]["identifier"]["value"] == "[IDNUM]"


def test_names_of_resource_types_stay() -> None:
    document = {**collection(patient(), observed({"reference": "Patient/p", "type": "Patient"}))}
    document["type"] = "transaction"
    urls = ["Patient", "Patient?identifier=https://h.example/mrn|00771234"]
    for entry, url in zip(document["entry"], urls, strict=True):
        entry["request"] = {"method": "PUT", "url": url}
    made = scrub(pipeline(), document)
    assert resource(made, "Observation")["subject"]["type"] == "Patient"
    assert made["entry"][0]["request"]["url"] == "Patient"
    assert made["entry"][1]["request"]["url"].startswith("urn:uuid:")
    odd = scrub(pipeline(), observed({"reference": "Patient/p", "type": "Quillfeather"}))
    assert odd["subject"]["type"].startswith("urn:uuid:")


def test_rules_name_elements_that_exist() -> None:
    for rule in RULES:
        kind, _, element = rule.partition(".")
        assert element in elements(kind), rule
    assert is_resource("Patient")
    assert not is_resource("HumanName")
    assert not is_resource("Nope")
