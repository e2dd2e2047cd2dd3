"""What is done with each field of HL7 v2, as tables (v2.5.1, chapters 2 to 8, with the later fields of PID, PV1 and OBX).

A segment without a table is dropped, Z segments among them, and so is a field that its table does not name.
Rules: keep (only short codes and numbers), date, text, code (CE, CWE), name LABEL (XPN), staff (XCN), address
(XAD), phone LABEL (XTN), id LABEL (CX, and plain numbers), place (PL), organisation (XON), key (EI, message and
order numbers: a pseudonym), value (OBX-5, by the type in OBX-2, and NTE-3), or a PHI label for a whole field.
"""

from __future__ import annotations

from collections.abc import Mapping


def _fields(text: str) -> Mapping[int, str]:
    """Numbers of fields to rules, from "3=id MEDICALRECORD; 7,33=date"."""
    found: dict[int, str] = {}
    for part in filter(None, map(str.strip, text.replace("\n", " ").split(";"))):
        numbers, _, rule = part.partition("=")
        found |= dict.fromkeys(map(int, numbers.split(",")), rule.strip())
    return found


SEGMENTS: Mapping[str, Mapping[int, str]] = {
    name: _fields(text)
    for name, text in {
        "MSH": "3,4,5,6=key; 7=date; 9,11,12,13,15,16,17,18,19,20=keep; 10=key",
        "EVN": "1,4=keep; 2,3,6=date; 5=staff; 7=key",
        "PID": """1=keep; 2,3,4=id MEDICALRECORD; 5,6,9=name PATIENT; 7=date; 8=keep; 10,15,16,17,22,26,27,28,39=code;
            11=address; 12=LOCATION-OTHER; 13,14,40=phone PHONE; 18=id ACCOUNT; 19=id SSN; 20=id LICENSE; 21=id MEDICALRECORD;
            23=LOCATION-OTHER; 24,25,30,31,32=keep; 29,33=date""",
        "PD1": "1,2,5,6,7,11,12=keep; 3=organisation; 4=staff; 9=name PATIENT; 13,17,18=date",
        "NK1": """1=keep; 2,26,30=name PATIENT; 3,7,14=code; 4,32=address; 5,6,31=phone PHONE; 8,9,16=date; 10=PROFESSION;
            12,33=id IDNUM; 13=organisation; 15=keep; 37=id SSN""",
        "PV1": """1,2,4,10,12,13,14,15,16,18,20,21,36,41=keep; 3,6,11,42,43=place; 5=id ACCOUNT; 7,8,9,17,52=staff;
            19,50=id ACCOUNT; 25,44,45=date; 37,39=place""",
        "PV2": """1=place; 2,4,20,40=code; 3,12=text; 7,10,11,22,24=keep; 8,9,14,17,26,28,29,33=date; 13=staff;
            23=organisation""",
        "MRG": "1,2,4=id MEDICALRECORD; 3,5,6=id ACCOUNT; 7=name PATIENT",
        "GT1": """1,9,10,13=keep; 2=id ACCOUNT; 3,4,16,21=name PATIENT; 5,17=address; 6,7,18=phone PHONE; 8=date;
            11=code; 12=id SSN; 14=date; 19=id IDNUM; 51,57=organisation; 29=PROFESSION""",
        "IN1": """1,15,17,22,31=keep; 2,35=code; 3=id IDNUM; 4,11=organisation; 5,19,44=address; 6,16=name PATIENT;
            7=phone PHONE; 8,36,49=id HEALTHPLAN; 9=ORGANIZATION; 10=id HEALTHPLAN; 12,13,24,29=date; 18=date; 43=keep""",
        "IN2": "1,61=id HEALTHPLAN; 2=id SSN; 3=staff; 6,8=id HEALTHPLAN; 7=name PATIENT; 22,52=name PATIENT; 63,64=phone PHONE",
        "ACC": "1=date; 2=code; 3=LOCATION-OTHER; 4,5,6=keep; 8,9=name PATIENT",
        "AL1": "1=keep; 2,3,4=code; 5=text; 6=date",
        "IAM": "1=keep; 2,3,4,6,7,9,17=code; 5,8,10=text; 11,13,20=date; 14=name PATIENT; 18=staff",
        "DG1": "1,2,6,15,17=keep; 3,7,8=code; 4=text; 5,19=date; 16=staff; 20=key",
        "DRG": "1=code; 2=date; 3,4,6=keep",
        "PR1": "1,2,6,7,9,10,14=keep; 3,13,15,16=code; 4=text; 5=date; 8,11,12=staff",
        "ORC": """1,5,6,16,25,29=keep; 2,3,4,8=key; 7,9,15,27=date; 10,11,12,19=staff; 13=place; 14,23=phone PHONE;
            17,18=code; 21=organisation; 22,24=address""",
        "OBR": """1,5,9,11,24,25,29,30=keep; 2,3=key; 4,12,15,31,44,45=code; 6,7,8,14,22,36=date; 10,16,28=staff; 13,39=text;
            17=phone PHONE; 18,19,20,21=id IDNUM; 27=date; 32,33,34,35=staff""",
        "OBX": """1,2,4,7,8,9,10,11=keep; 3,6,15,17=code; 5=value; 12,14,19=date; 13=text; 16,25=staff; 18=id DEVICE;
            23=organisation; 24=address""",
        "NTE": "1,2=keep; 3=value; 4=code",
        "SPM": "1,12=keep; 2,3=key; 4,5,6,7,8,9,10=code; 14=text; 17,18=date",
        "RXA": "1,2,6,15,20,21=keep; 3,4,16,22=date; 5,7,17,18,19=code; 9=text; 10=staff; 11=place",
        "RXE": "3,4,10,12,13=keep; 2,5,6,27=code; 7,21=text; 14=id LICENSE; 15=id ACCOUNT; 18=date",
        "RXO": "1,4,5=code; 2,3,11,13=keep; 6,7=text; 14=staff",
        "RXR": "1,2,3,4=code",
        "SCH": "1,2=key; 6,7,8=code; 9=keep; 12,16,20=staff; 13,17,21=phone PHONE; 14,18,22=address",
        "AIS": "1,2=keep; 3=code; 4=date; 7=keep",
        "AIP": "1,2=keep; 3=staff; 4,5=code; 6=date",
        "AIL": "1,2=keep; 3=place; 4,5=code; 6=date",
        "TXA": "1,2,3,17,18,19=keep; 4,6,7,8=date; 5,9,10,11,22=staff; 12,13,14,15,16=key",
        "ROL": "1,12=keep; 2=keep; 3,9,10=code; 4=staff; 5,6=date; 11=address",
        "MSA": "1=keep; 2=key; 3=text",
    }.items()
}

# OBX-2 to the rule of OBX-5.
VALUES: Mapping[str, str] = {
    **dict.fromkeys(("TX", "FT", "ST", ""), "text"),
    **dict.fromkeys(("CE", "CWE", "CNE", "CF", "IS", "ID"), "code"),
    **dict.fromkeys(("NM", "SN", "SI"), "number"),
    "TM": "time",
    **dict.fromkeys(("DT", "TS", "DTM", "DR"), "date"),
    "XPN": "name PATIENT",
    "PN": "name PATIENT",
    "XCN": "staff",
    "CN": "staff",
    "XAD": "address",
    "AD": "address",
    "XTN": "phone PHONE",
    "TN": "phone PHONE",
    "CX": "id IDNUM",
    "CK": "id IDNUM",
    "XON": "organisation",
    "EI": "key",
    "ED": "document",
}
# Coding systems (table 0396) whose codes are kept; other codes are free text.
SYSTEMS = frozenset([
    "LN", "SCT", "SNM", "SNM3", "I9", "I9C", "I9CDX", "I9CP", "I10", "I10C", "I10P", "ICD10AM", "ICD9",
    "ICD10", "RXNORM", "NDC", "C4", "CPTM", "CPT", "CVX", "MVX", "UCUM", "ISO+", "HPC", "LOINC", "ICDO",
    "CDCREC", "NUCC", "ATC", "UMLS", "RXN", "SNOMED",
])  # fmt: skip
# What is kept must look like a code or a small number, not like a date, a telephone number or an SSN.
KEPT = (
    r"(?!.*[0-9]{6})(?!.*[0-9]-[0-9]+-[0-9])(?!.*[0-9]/[0-9]+/[0-9])(?!.*[0-9]{3}\.[0-9]{3}\.[0-9]{4})"
    r"[A-Za-z0-9_.+\-/*<>=^&~]{0,30}|UNICODE UTF-8|8859/[0-9]{1,2}"
)
TIME = r"(?:[01][0-9]|2[0-3])(?:[0-5][0-9](?:[0-5][0-9](?:\.[0-9]{1,4})?)?)?(?:[+-][0-9]{4})?"


def _numbers(whole: str, places: int) -> str:
    """A measurement, a range or a ratio; components are joined with blanks."""
    decimal = rf"[+-]?(?:0|{whole})?(?:\.[0-9]{{0,{places}}})?"
    return rf"\s*[<>=]{{0,2}}\s*{decimal}(?:\s*[-+/:]\s*{decimal})?\s*"


NUMBER = _numbers("[1-9][0-9]{0,4}", 5)
MEASURED = _numbers("[1-9][0-9]{0,4}0{0,5}", 12)  # with a unit: 250000 /uL, 0.8333333 mg
