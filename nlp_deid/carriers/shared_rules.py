"""Tables that more than one carrier goes by."""

from __future__ import annotations

# Codes of identifier types: HL7 v2 table 0203, for CX-5 and for Identifier.type of FHIR.
IDENTIFIER_TYPES = {
    label_code: label
    for label, codes in {
        "MEDICALRECORD": "MR MRT PI PT PE U RRI",
        "SSN": "SS SSN",
        "LICENSE": "DL MD LN NPI DEA PRN RN DN LI MCD UPIN TAX DDS PA NP",
        "HEALTHPLAN": "MB MA MC SN HC NH NI NII PN WC",
        "ACCOUNT": "AN VN AM BA BRN FI PNT",
        "IDNUM": "PPN BR EI EN FILL PLAC ACSN SB BC CZ",
    }.items()
    for label_code in codes.split()
}

# What may stand before and behind a name; anything else there is dropped.
TITLES = frozenset([
    "mr", "mrs", "ms", "miss", "mx", "dr", "doctor", "prof", "professor", "rev", "sr", "jr", "ii",
    "iii", "iv", "md", "do", "phd", "rn", "np", "pa", "pharmd", "dds", "dmd", "mph", "mba", "bsn", "msn",
])  # fmt: skip

# Units of an age and how many of them are 90 years.
NINETY_YEARS = {
    **dict.fromkeys(("a", "y", "yr", "yrs", "year", "years"), 90.0),
    **dict.fromkeys(("mo", "month", "months"), 1080.0),
    **dict.fromkeys(("wk", "week", "weeks"), 4696.0),
    **dict.fromkeys(("d", "day", "days"), 32872.0),
}
