"""The Spanish pipeline and its rules, on an invented note."""

import pytest

from nlp_deid.detect.rulecheck import check_rules
from nlp_deid.detect.rules import RuleError, Rules, read_rules
from nlp_deid.labels import native
from nlp_deid.note import Note
from nlp_deid.pipeline import load
from nlp_deid.resources import folder
from nlp_deid.taggers.artefact import load as load_tagger

SPANISH = read_rules(folder("rules") / "es")
NOTE = """Datos del paciente.
Nombre: Leocadia.
Apellidos: Arrizabalaga Montcada.
NHC: 9081726.
NASS: 28 11223344 55.
Domicilio: Calle de los Almendros 14, 3 B.
Localidad/ Provincia: Getafe, Madrid.
CP: 28905.
Datos asistenciales.
Fecha de nacimiento: 04/11/1961.
País: España.
Edad: 55 años Sexo: M.
Fecha de Ingreso: 22/02/2017.
Médico: Hilario Peñafiel Otxoa NºCol: 28 28 99887.
Informe clínico del paciente: Mujer de 55 años que acude en marzo de 2017 con su madre por dolor abdominal.
Entre 2009 y 2012 fue tratada con prednisona 30 mg/24 h.
Remitido por: Dr. Hilario Peñafiel Otxoa. E-mail: hpenafiel@correo.example.es
"""
WANTED = [
    ("Leocadia", "NOMBRE_SUJETO_ASISTENCIA"),
    ("Arrizabalaga Montcada", "NOMBRE_SUJETO_ASISTENCIA"),
    ("9081726", "ID_SUJETO_ASISTENCIA"),
    ("28 11223344 55", "ID_ASEGURAMIENTO"),
    ("Calle de los Almendros 14, 3 B", "CALLE"),
    ("Getafe", "TERRITORIO"),
    ("Madrid", "TERRITORIO"),
    ("28905", "TERRITORIO"),
    ("04/11/1961", "FECHAS"),
    ("España", "PAIS"),
    ("55 años", "EDAD_SUJETO_ASISTENCIA"),
    ("M", "SEXO_SUJETO_ASISTENCIA"),
    ("22/02/2017", "FECHAS"),
    ("Hilario Peñafiel Otxoa", "NOMBRE_PERSONAL_SANITARIO"),
    ("28 28 99887", "ID_TITULACION_PERSONAL_SANITARIO"),
    ("Mujer", "SEXO_SUJETO_ASISTENCIA"),
    ("55 años", "EDAD_SUJETO_ASISTENCIA"),
    ("marzo de 2017", "FECHAS"),
    ("madre", "FAMILIARES_SUJETO_ASISTENCIA"),
    ("2009", "FECHAS"),
    ("2012", "FECHAS"),
    ("Hilario Peñafiel Otxoa", "NOMBRE_PERSONAL_SANITARIO"),
    ("hpenafiel@correo.example.es", "CORREO_ELECTRONICO"),
]


@pytest.fixture(scope="module")
def deid():
    return load("meddocan")


def test_every_span_of_an_invented_note_is_found_with_the_corpus_own_type(deid):
    found = [
        (NOTE[span.start : span.end], native("meddocan", span.label, span.source))
        for span in deid.detect(Note(NOTE, "invented"))
    ]
    assert found == WANTED


def test_the_default_policy_writes_tags_and_leaves_medicine(deid):
    text = deid(NOTE).text
    assert not any(value in text for value, _ in WANTED if len(value) > 5)
    assert "prednisona 30 mg/24 h" in text
    assert "por dolor abdominal" in text


@pytest.mark.parametrize("rule", SPANISH, ids=lambda rule: rule.id)
def test_spanish_rule_passes_its_examples_and_hostile_text(rule):
    assert [str(problem) for problem in check_rules([rule])] == []


def test_rules_of_a_language_are_loaded_by_its_name_only():
    spanish = {rule.id for rule in SPANISH}
    assert {rule.id for rule in Rules(language="es").rules} == spanish
    assert not spanish & {rule.id for rule in Rules().rules}
    with pytest.raises(RuleError, match="unknown language 'xx'; known: en, es"):
        Rules(language="xx")


def test_native_takes_the_finer_type_that_a_source_names():
    assert native("meddocan", "OTHER", "tagger:SEXO_SUJETO_ASISTENCIA") == "SEXO_SUJETO_ASISTENCIA"
    assert native("meddocan", "DATE", "es_date.year") == "FECHAS"
    assert native("meddocan", "DATE", "tagger:SEXO_SUJETO_ASISTENCIA") == "FECHAS"
    assert native("meddocan", "DATE", "known:nothing of the scheme") == "FECHAS"
    assert native("i2b2_2014", "DATE", "known:DATE") == "DATE"


@pytest.mark.parametrize("name", ["crf", "bilstm_crf"])
def test_shipped_taggers_are_whole_and_small(name):
    path = folder("models") / "meddocan" / name
    model, _ = load_tagger(path)
    assert model.design.scheme == "meddocan"
    assert (path / "weights.safetensors").stat().st_size <= 10_000_000
