"""The dictionary folders: form, index, card, making a site's own lists."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import pytest
import yaml

from nlp_deid.detect.dictionary_files import (
    INDEX,
    KINDS,
    DictionaryError,
    add_list,
    check_folder,
    put_list,
    read_index,
    read_lines,
)
from nlp_deid.detect.umls import import_umls
from nlp_deid.resources import folder

SHIPPED = folder("dictionaries")
SECRET = "zebulonia"  # a made-up name that no message may show


def make(path: Path, text: bytes | str, **fields: object) -> Path:
    """A folder with one list, `site`."""
    data = text if isinstance(text, bytes) else text.encode()
    (path / "site.txt").write_bytes(data)
    entry = {"kind": "phi", "label": "PATIENT", "score": 0.95, "source": "s", "licence": "l", "date": "2026"}
    entry |= {"count": len(data.splitlines())} | fields
    (path / INDEX).write_text(yaml.safe_dump({"site": entry}))
    return path


def test_shipped_folder_is_sound() -> None:
    assert check_folder(SHIPPED) == []


def test_shipped_folder_is_small_and_every_list_says_where_it_is_from() -> None:
    entries = read_index(SHIPPED)
    assert sum(path.stat().st_size for path in SHIPPED.glob("*.txt")) < 12e6
    assert {entry.kind for entry in entries.values()} == set(KINDS)
    for entry in entries.values():
        assert entry.what, entry.name
        assert entry.source, entry.name
        assert entry.licence, entry.name
        assert entry.count, entry.name


def test_name_classes_are_disjoint_and_ambiguous_names_are_names() -> None:
    entries = read_index(SHIPPED)

    def words(*names: str) -> set[str]:
        return {line for name in names for line in read_lines(entries[name])}

    for kinds in (("surnames_common", "surnames", "surnames_rare"), ("firstnames_common", "firstnames")):
        assert len(words(*kinds)) == sum(entries[name].count for name in kinds)
    assert (
        {"white", "young", "rose"}
        <= words("surnames_ambiguous")
        < words("surnames_common", "surnames", "surnames_rare")
    )
    assert {"parkinson", "babinski", "hodgkin"}.isdisjoint(words("medical_words"))


def test_card_is_made_from_the_index() -> None:
    card = (SHIPPED / "README.md").read_text(encoding="utf-8")
    for entry in read_index(SHIPPED).values():
        (row,) = [line for line in card.splitlines() if line.startswith(f"| {entry.name} |")]
        assert f"| {entry.count:,} |" in row
        assert entry.licence in row


SOURCES = {
    "surnames_census2020.tsv": "ROE\t5000\nQUILLSBY\t150\nLI\t30000\nOX\t101\nWHITE\t9000\n",
    "surnames_census2010.tsv": "ROE\t6000\nABELSON\t1200\n",
    "firstnames_census2020.tsv": "JANE\t9000\nROSE\t800\nTAYLOR\t700\n",
    "firstnames_1990_female.tsv": "JANE\t1.5\nTAYLOR\t0.1\n",
    "firstnames_1990_male.tsv": "TAYLOR\t0.1\nJANE\t0.001\n",
    "scowl_words_60.txt": "white\nRoe\nisn't\nrose\nbend\nbig\n",
    "icd10cm_2026_terms.tsv": "A00\tImaginary fever (A00-A09)\nS01.1XXA\tImaginary cut, initial encounter\n"
    "W20.0\tStruck by Jane Roe\n",
    "mesh_disease_variants.txt": "fever, imaginary\nimaginary pox\njane roe\n",
    "disease_ontology_terms.txt": "obsolete imaginary ache\nQuillsby syndrome\n",
    "icd10pcs_index_terms.txt": "IMAGINOL(R) \n",
    "icd10pcs_root_operations.txt": "Imagination\n",
    "drugs_unii_official.txt": "IMAGINOL\nJANE ROE\nIMAGINE ROOT EXTRACT\n",
    "drugs_unii_brand.txt": "ROSE\nIMAGIX\n",
    "medical_abbreviations.tsv": "IMG\timaginary\n",
    "pubmed_words.txt": "imagenic\nroe\n",
    "us_cities_geonames500.tsv": "Big Bend\tWI\t1200\nQuillsby Falls\tWI\t900\nRoe\tAR\t600\n",
    "world_cities_pop15000.tsv": "Imagin\u00e1polis\tXX\t900000\n",
    "us_counties.tsv": "Quillsby County\tWI\t00000\n",
    "countries.tsv": "The Imaginary Isles\tXX\tImagin\u00e1polis\t1\nRose\tYY\tX\t1\n",
    "us_states.tsv": "Wisconsin\tWI\t55\tMadison\n",
    "us_hospitals_cms.tsv": "ST. QUILL HOSPITAL, INC\tROE\tAR\n",
    "occupations_faker.txt": "Officer, imaginary\nImaginer/dreamer\n",
    "street_suffixes.txt": "Alley\n",
}


@pytest.mark.skipif(not (SHIPPED / "build.py").exists(), reason="a checkout has build.py")
def test_build_remakes_the_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources, out = tmp_path / "sources", tmp_path / "out"
    sources.mkdir()
    for name, text in SOURCES.items():
        (sources / name).write_text(text, encoding="utf-8")
    shutil.copytree(SHIPPED, out)
    monkeypatch.setattr("sys.argv", ["build.py", "--sources", str(sources), "--out", str(out)])
    monkeypatch.syspath_prepend(str(SHIPPED))
    runpy.run_path(str(SHIPPED / "build.py"), run_name="__main__")
    made = {name: read_lines(entry) for name, entry in read_index(out).items()}
    assert sorted(made["surnames_common"]) == ["abelson", "li", "quillsby", "roe", "white"]
    assert made["surnames_ambiguous"] == ["white"]
    assert made["firstnames_female_common"] == ["jane", "taylor"]
    assert made["firstnames_male_common"] == ["taylor"]
    assert made["common_words"] == ["bend", "big", "rose", "white"]
    assert made["icd10cm"] == ["imaginary cut", "imaginary fever"]
    assert made["mesh"] == ["imaginary pox"]
    assert made["disease_ontology"] == ["quillsby syndrome"]
    assert made["drugs"] == ["imaginol"]
    assert "imagenic" in made["medical_words"]
    assert "quillsby" not in made["medical_words"]
    assert set(made["cities"]) - set(made["cities_ambiguous"]) == {
        "quillsby falls", "imaginapolis", "imagin\u00e1polis"
    }  # fmt: skip
    assert "rose" in made["countries_ambiguous"]
    assert made["hospitals"] == ["saint quill hospital", "st. quill hospital"]
    assert {"imaginary officer", "imaginer", "dreamer"} <= set(made["professions"])
    assert made["eponyms"] == read_lines(read_index(SHIPPED)["eponyms"])
    assert check_folder(out) == []


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        (f"abel\n{SECRET}\n{SECRET}\n", 3, "same term as line 2"),
        (f"abel\n\n{SECRET}\n", 2, "empty"),
        (f"abel\n{SECRET.title()}\n", 2, "upper case"),
        (f"abel\n {SECRET}\n", 2, "blank at an end"),
        (f"abel\n{SECRET}\r\n", 2, "blank at an end"),
        (f"abel\n{SECRET}\tx\n", 2, "fields"),
        (f"abel\n{SECRET}e\u0301\n", 2, "NFC"),
        (f"abel\n{SECRET}\u200b\n", 2, "invisible"),
        (b"abel\n" + SECRET.encode() + b"\xff\n", 2, "not UTF-8"),
    ],
)
def test_faults_are_named_by_file_and_line_without_the_term(
    tmp_path: Path, text: bytes | str, line: int, fault: str
) -> None:
    entry = read_index(make(tmp_path, text))["site"]
    with pytest.raises(DictionaryError) as error:
        read_lines(entry)
    assert f"site.txt: line {line}:" in str(error.value)
    assert fault in str(error.value)
    problems = "\n".join(check_folder(tmp_path))
    assert "site.txt" in problems
    assert SECRET not in (str(error.value) + problems).lower()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "phy"}, "allowed: phi, ambiguous, indicator, keep"),
        ({"label": "NAME"}, "known labels: PATIENT"),
        ({"case": "upper"}, "allowed: any, title, exact"),
        ({"score": 1.5}, r"number in \(0, 1\]"),
        ({"kind": "keep"}, "needs kind phi"),
        ({"colour": "red"}, "unknown key 'colour'"),
    ],
)
def test_index_errors_say_what_is_allowed(tmp_path: Path, fields: dict[str, object], message: str) -> None:
    with pytest.raises(DictionaryError, match=message):
        read_index(make(tmp_path, "abel\n", **fields))
    assert len(check_folder(tmp_path)) == 1


def test_index_must_be_there_and_be_a_mapping(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match="missing"):
        read_index(tmp_path)
    (tmp_path / INDEX).write_text("- a\n")
    with pytest.raises(DictionaryError, match="must map"):
        read_index(tmp_path)


def test_a_wrong_count_a_stray_file_and_a_missing_file_are_problems(tmp_path: Path) -> None:
    make(tmp_path, "abel\n", count=2)
    (tmp_path / "stray.txt").write_text("x\n")
    assert [p.split(": ", 1)[1] for p in check_folder(tmp_path)] == [
        f"no entry in {INDEX}",
        "1 lines, but index.yaml says count: 2",
    ]
    (tmp_path / "site.txt").unlink()
    assert any("missing" in problem for problem in check_folder(tmp_path))


def test_a_term_both_proposed_and_kept_is_a_problem_without_the_term(tmp_path: Path) -> None:
    put_list(tmp_path, ["abel", SECRET], "staff", kind="phi", label="DOCTOR")
    put_list(tmp_path, [SECRET], "words", kind="keep")
    (problem,) = check_folder(tmp_path)
    assert "staff.txt: line 2: also kept by words" in problem
    assert SECRET not in problem


def test_add_list_tidies_and_refuses_a_name_in_use(tmp_path: Path) -> None:
    terms = tmp_path / "terms.csv"
    terms.write_text("\ufeffJane Roe\n\njane roe\nE\u0301mile Roe\n", encoding="utf-8")
    site = tmp_path / "site"
    assert add_list(site, terms, "patients", kind="phi", label="PATIENT") == 2
    assert (site / "patients.txt").read_text(encoding="utf-8") == "jane roe\n\u00e9mile roe\n"
    assert read_index(site)["patients"].score == 0.95
    assert check_folder(site) == []
    with pytest.raises(DictionaryError, match="there already"):
        add_list(site, terms, "patients", kind="phi", label="PATIENT")
    with pytest.raises(DictionaryError, match="unknown kind"):
        add_list(site, terms, "more", kind="secret")
    with pytest.raises(DictionaryError, match="no list name"):
        add_list(site, terms, "../more", kind="keep")
    assert sorted(path.name for path in site.iterdir()) == [INDEX, "patients.txt"]


def _conso(cui: str, language: str, text: str, suppress: str = "N") -> str:
    fields = [
        cui,
        language,
        "P",
        "L1",
        "PF",
        "S1",
        "Y",
        "A1",
        "",
        "",
        "",
        "TST",
        "PT",
        "C1",
        text,
        "0",
        suppress,
        "",
    ]
    return "|".join(fields) + "|\n"


def test_import_umls_takes_types_and_languages(tmp_path: Path) -> None:
    conso = tmp_path / "MRCONSO.RRF"
    conso.write_text(
        _conso("C1", "ENG", "Imaginary  Fever")
        + _conso("C1", "SPA", "Fiebre imaginaria")
        + _conso("C1", "ENG", "Old imaginary fever", "O")
        + _conso("C1", "ENG", "x" * 81)
        + _conso("C2", "ENG", "Imaginary town"),
        encoding="utf-8",
    )
    (tmp_path / "MRSTY.RRF").write_text(
        "C1|T047|B2|Disease or Syndrome|AT1||\nC2|T083|A2|Geographic Area|AT2||\n"
    )
    for types in (["T047"], ["Disease or Syndrome"]):
        out = tmp_path / types[0][:4]
        assert import_umls(conso, types, ["ENG"], out) == 1
        assert (out / "umls.txt").read_text() == "imaginary fever\n"
        assert check_folder(out) == []
    assert import_umls(conso, [], ["ENG", "SPA"], tmp_path / "all") == 3
    with pytest.raises(DictionaryError, match="no name"):
        import_umls(conso, ["T999"], ["ENG"], tmp_path / "none")
    conso.write_text("C1|ENG|\n")
    with pytest.raises(DictionaryError, match="line 1"):
        import_umls(conso, [], ["ENG"], tmp_path / "bad")
