"""One table of PHI labels: category, HIPAA letter, names in other schemes.

Labels are the TYPE values of the 2014 i2b2/UTHealth corpus (Stubbs & Uzuner 2015, J Biomed
Inform 58:S20). HIPAA letters are those of 45 CFR 164.514(b)(2)(i); labels that only other
rules of the corpus protect (PROFESSION, STATE, COUNTRY) carry no letter.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """One kind of PHI.

    Args:
        name: i2b2 2014 TYPE.
        category: i2b2 2014 element (NAME, LOCATION ...).
        hipaa: letter (A)-(R) of the Safe Harbor list, "" if none.
        i2b2_hipaa: counted in the corpus's own HIPAA subset.
        limited: may stay in a Limited Data Set (45 CFR 164.514(e)(2)).
        i2b2_2006: TYPE in the 2006 corpus.
        meddocan: type in MEDDOCAN 2019.
        presidio: entity type in Presidio.
    """

    name: str
    category: str
    hipaa: str
    i2b2_hipaa: bool
    limited: bool
    i2b2_2006: str
    meddocan: str
    presidio: str


# fmt: off
_ROWS = (
    # name             category      hipaa  i2b2H  LDS    2006        MEDDOCAN                              Presidio
    ("PATIENT",        "NAME",       "A",   True,  False, "PATIENT",  "NOMBRE_SUJETO_ASISTENCIA",           "PERSON"),
    ("DOCTOR",         "NAME",       "A",   False, False, "DOCTOR",   "NOMBRE_PERSONAL_SANITARIO",          "PERSON"),
    ("USERNAME",       "NAME",       "R",   False, False, "ID",       "ID_EMPLEO_PERSONAL_SANITARIO",       "USERNAME"),
    ("PROFESSION",     "PROFESSION", "",    False, False, "",         "PROFESION",                          "PROFESSION"),
    ("ROOM",           "LOCATION",   "B",   False, False, "HOSPITAL", "OTROS_SUJETO_ASISTENCIA",            "LOCATION"),
    ("DEPARTMENT",     "LOCATION",   "B",   False, False, "HOSPITAL", "INSTITUCION",                        "ORGANIZATION"),
    ("HOSPITAL",       "LOCATION",   "B",   False, False, "HOSPITAL", "HOSPITAL",                           "ORGANIZATION"),
    ("ORGANIZATION",   "LOCATION",   "A",   True,  False, "HOSPITAL", "INSTITUCION",                        "ORGANIZATION"),
    ("STREET",         "LOCATION",   "B",   True,  False, "LOCATION", "CALLE",                              "LOCATION"),
    ("CITY",           "LOCATION",   "B",   True,  True,  "LOCATION", "TERRITORIO",                         "LOCATION"),
    ("STATE",          "LOCATION",   "",    False, True,  "LOCATION", "TERRITORIO",                         "LOCATION"),
    ("COUNTRY",        "LOCATION",   "",    False, True,  "LOCATION", "PAIS",                               "LOCATION"),
    ("ZIP",            "LOCATION",   "B",   True,  True,  "LOCATION", "TERRITORIO",                         "LOCATION"),
    ("LOCATION-OTHER", "LOCATION",   "B",   False, False, "LOCATION", "TERRITORIO",                         "LOCATION"),
    ("AGE",            "AGE",        "C",   True,  True,  "AGE",      "EDAD_SUJETO_ASISTENCIA",             "AGE"),
    ("DATE",           "DATE",       "C",   True,  True,  "DATE",     "FECHAS",                             "DATE_TIME"),
    ("PHONE",          "CONTACT",    "D",   True,  False, "PHONE",    "NUMERO_TELEFONO",                    "PHONE_NUMBER"),
    ("FAX",            "CONTACT",    "E",   True,  False, "PHONE",    "NUMERO_FAX",                         "PHONE_NUMBER"),
    ("EMAIL",          "CONTACT",    "F",   True,  False, "ID",       "CORREO_ELECTRONICO",                 "EMAIL_ADDRESS"),
    ("URL",            "CONTACT",    "N",   False, False, "ID",       "URL_WEB",                            "URL"),
    ("IPADDR",         "CONTACT",    "O",   False, False, "ID",       "DIREC_PROT_INTERNET",                "IP_ADDRESS"),
    ("SSN",            "ID",         "G",   True,  False, "ID",       "ID_SUJETO_ASISTENCIA",               "US_SSN"),
    ("MEDICALRECORD",  "ID",         "H",   True,  False, "ID",       "ID_SUJETO_ASISTENCIA",               "MEDICAL_RECORD"),
    ("HEALTHPLAN",     "ID",         "I",   True,  False, "ID",       "ID_ASEGURAMIENTO",                   "HEALTH_PLAN"),
    ("ACCOUNT",        "ID",         "J",   True,  False, "ID",       "ID_CONTACTO_ASISTENCIAL",            "ACCOUNT"),
    ("LICENSE",        "ID",         "K",   True,  False, "ID",       "ID_TITULACION_PERSONAL_SANITARIO",   "MEDICAL_LICENSE"),
    ("VEHICLE",        "ID",         "L",   True,  False, "ID",       "IDENTIF_VEHICULOS_NRSERIE_PLACAS",   "VEHICLE"),
    ("DEVICE",         "ID",         "M",   True,  False, "ID",       "IDENTIF_DISPOSITIVOS_NRSERIE",       "DEVICE"),
    ("BIOID",          "ID",         "P",   True,  False, "ID",       "IDENTF_BIOMETRICOS",                 "BIOMETRIC"),
    ("IDNUM",          "ID",         "R",   True,  False, "ID",       "OTRO_NUMERO_IDENTIF",                "ID"),
    ("OTHER",          "OTHER",      "R",   False, False, "",         "OTROS_SUJETO_ASISTENCIA",            "OTHER"),
)
# fmt: on

LABELS: dict[str, Label] = {row[0]: Label(*row) for row in _ROWS}
CATEGORIES: dict[str, str] = {label.name: label.category for label in LABELS.values()}

_FOREIGN: dict[str, dict[str, str]] = {
    "i2b2_2006": {"HOSPITAL": "HOSPITAL", "ID": "IDNUM", "LOCATION": "LOCATION-OTHER"},
    "physionet": {
        "HCPName": "DOCTOR",
        "PTName": "PATIENT",
        "PTNameInitial": "PATIENT",
        "RelativeProxyName": "PATIENT",
        "Location": "LOCATION-OTHER",
        "Date": "DATE",
        "DateYear": "DATE",
        "Phone": "PHONE",
        "Age": "AGE",
        "Other": "OTHER",
    },
    "meddocan": {
        "TERRITORIO": "CITY",
        "INSTITUCION": "ORGANIZATION",
        "CENTRO_SALUD": "HOSPITAL",
        "ID_SUJETO_ASISTENCIA": "MEDICALRECORD",
        "NUMERO_BENEF_PLAN_SALUD": "HEALTHPLAN",
        "SEXO_SUJETO_ASISTENCIA": "OTHER",
        "FAMILIARES_SUJETO_ASISTENCIA": "OTHER",
        "OTROS_SUJETO_ASISTENCIA": "OTHER",
    },
    "presidio": {
        "PERSON": "PATIENT",
        "LOCATION": "LOCATION-OTHER",
        "NRP": "OTHER",
        "ORGANIZATION": "ORGANIZATION",
        "DATE_TIME": "DATE",
        "PHONE_NUMBER": "PHONE",
        "US_DRIVER_LICENSE": "LICENSE",
        "US_PASSPORT": "IDNUM",
        "US_ITIN": "SSN",
        "US_BANK_NUMBER": "ACCOUNT",
        "CREDIT_CARD": "ACCOUNT",
        "IBAN_CODE": "ACCOUNT",
        "CRYPTO": "ACCOUNT",
        "UK_NHS": "MEDICALRECORD",
        "OTHER": "OTHER",
    },
}
SCHEMES = ("i2b2_2014", *_FOREIGN)


def check_label(name: str) -> str:
    """`name` itself if it is a label, else a ValueError that lists the labels."""
    if name not in LABELS:
        raise ValueError(f"unknown label {name!r}; known labels: {', '.join(LABELS)}")
    return name


def from_scheme(scheme: str, name: str) -> str:
    """Our label for a type of another scheme (`SCHEMES`); labels of ours pass.

    Raises:
        ValueError: an unknown scheme, or a name that the scheme does not have.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"unknown label scheme {scheme!r}; known: {', '.join(SCHEMES)}")
    explicit = _FOREIGN.get(scheme, {})
    if name in explicit:
        return explicit[name]
    if scheme in ("i2b2_2006", "meddocan", "presidio"):
        for label in LABELS.values():
            if getattr(label, scheme) == name:
                return label.name
    try:
        return check_label(name)
    except ValueError:
        raise ValueError(f"{name!r} is not a type of the {scheme} scheme") from None


def to_scheme(scheme: str, name: str) -> str:
    """The other scheme's type for one of our labels; "" where it has none."""
    label = LABELS[check_label(name)]
    if scheme == "i2b2_2014":
        return label.name
    if scheme == "physionet":
        return {"NAME": "PTName", "DATE": "Date", "AGE": "Age", "LOCATION": "Location"}.get(
            label.category, "Phone" if label.name in ("PHONE", "FAX") else "Other"
        )
    if scheme not in SCHEMES:
        raise ValueError(f"unknown label scheme {scheme!r}; known: {', '.join(SCHEMES)}")
    return str(getattr(label, scheme))


def native(scheme: str, label: str, source: str = "") -> str:
    """The other scheme's own type of a span, which may be finer than our label.

    Taggers trained on a scheme and rules written for one name its type behind a colon of their source.

    Args:
        scheme: one of `SCHEMES`.
        label: of the span.
        source: of the span.
    """
    named = source.partition(":")[2]
    try:
        return named if named and from_scheme(scheme, named) == label else to_scheme(scheme, label)
    except ValueError:
        return to_scheme(scheme, label)
