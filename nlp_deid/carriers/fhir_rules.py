"""What is done with each element of FHIR, as tables. What no table names goes by its type (`TYPES`)."""

from __future__ import annotations

import re

# Rules: a PHI label (the whole value is one), or
#   keep    left as it is         drop   taken out          text   free text
#   date    moved or made coarser by the policy             id     remapped, as references to it are
#   uri     kept if it is public, else remapped             div    narrative, its text nodes as free text
#   code    kept if it is one of the codes of the element, else free text that must stay a code
TYPES = {
    **dict.fromkeys(("boolean", "integer", "decimal", "unsignedInt", "positiveInt", "time"), "keep"),
    **dict.fromkeys(("date", "dateTime", "instant"), "date"),
    **dict.fromkeys(("string", "markdown"), "text"),
    **dict.fromkeys(("uri", "url", "canonical", "oid", "uuid"), "uri"),
    "code": "code",
    "id": "id",
    "base64Binary": "drop",
    "xhtml": "div",
}

# "Type.element", or "*.element" for every type that has no rule of its own.
RULES = {
    "Meta.versionId": "drop",
    "Meta.source": "drop",
    "Bundle.link": "drop",
    "Bundle.signature": "drop",
    "BundleEntry.link": "drop",
    "BundleEntryRequest.ifNoneExist": "drop",
    "BundleEntryRequest.ifMatch": "drop",
    "BundleEntryRequest.ifNoneMatch": "drop",
    "BundleEntryResponse.etag": "drop",
    "BundleEntry.fullUrl": "link",
    "BundleEntryRequest.url": "link",
    "BundleEntryResponse.location": "link",
    "Signature.data": "drop",
    "Patient.photo": "drop",
    "Person.photo": "drop",
    "Practitioner.photo": "drop",
    "RelatedPerson.photo": "drop",
    "Location.position": "drop",
    "Organization.name": "HOSPITAL",
    "Organization.alias": "HOSPITAL",
    "Location.name": "LOCATION-OTHER",
    "Location.alias": "LOCATION-OTHER",
    "HealthcareService.name": "DEPARTMENT",
    "ContactDetail.name": "DOCTOR",
    "Contributor.name": "DOCTOR",
    "Annotation.authorString": "DOCTOR",
    "FamilyMemberHistory.name": "PATIENT",
    "FamilyMemberHistory.ageString": "AGE",
    "Coverage.subscriberId": "HEALTHPLAN",
    "Coverage.dependent": "IDNUM",
    "CoverageClass.value": "HEALTHPLAN",
    "Device.serialNumber": "DEVICE",
    "Device.lotNumber": "DEVICE",
    "Device.distinctIdentifier": "DEVICE",
    "DeviceUdiCarrier.deviceIdentifier": "DEVICE",
    "DeviceUdiCarrier.carrierHRF": "DEVICE",
    "AuditEventAgent.altId": "USERNAME",
    "AuditEventAgent.name": "DOCTOR",
    "AuditEventAgentNetwork.address": "IPADDR",
    "Extension.url": "keep",  # extensions with a URL that is not public are dropped whole
    "Extension.valueBase64Binary": "drop",
    "Coding.version": "drop",  # kept for public systems
}

# Labels of the value of extensions, by the end of their URL; "drop" takes the extension out.
EXTENSIONS = {
    "geolocation": "drop",
    "patient-mothersMaidenName": "PATIENT",
    "iso21090-ADXP-streetName": "STREET",
    "iso21090-ADXP-houseNumber": "STREET",
    "iso21090-ADXP-additionalLocator": "STREET",
    "iso21090-ADXP-streetNameBase": "STREET",
    "iso21090-ADXP-postBox": "STREET",
    "humanname-own-name": "PATIENT",
    "humanname-partner-name": "PATIENT",
    "humanname-own-prefix": "drop",
    "humanname-partner-prefix": "drop",
    "rendered-value": "drop",
    "identifier-validDate": "drop",
}

ADDRESS = {
    "line": "STREET",
    "city": "CITY",
    "district": "LOCATION-OTHER",
    "state": "STATE",
    "postalCode": "ZIP",
    "country": "COUNTRY",
}
TELECOM = {"phone": "PHONE", "sms": "PHONE", "pager": "PHONE", "fax": "FAX", "email": "EMAIL", "url": "URL"}
IDENTIFIER_SYSTEMS = {
    "http://hl7.org/fhir/sid/us-ssn": "SSN",
    "urn:oid:2.16.840.1.113883.4.1": "SSN",
    "http://hl7.org/fhir/sid/us-npi": "LICENSE",
    "urn:oid:2.16.840.1.113883.4.6": "LICENSE",
    "http://hl7.org/fhir/sid/us-mbi": "HEALTHPLAN",
    "http://hl7.org/fhir/sid/us-medicare": "HEALTHPLAN",
}
# The label of an identifier that says no type itself, and of a reference's display, by resource type.
IDENTIFIERS_OF = {
    "Patient": "MEDICALRECORD",
    "Practitioner": "LICENSE",
    "PractitionerRole": "LICENSE",
    "Coverage": "HEALTHPLAN",
    "Account": "ACCOUNT",
    "Encounter": "ACCOUNT",
    "Claim": "ACCOUNT",
    "Device": "DEVICE",
}
DISPLAYS_OF = {
    "Patient": "PATIENT",
    "RelatedPerson": "PATIENT",
    "Person": "PATIENT",
    "Practitioner": "DOCTOR",
    "PractitionerRole": "DOCTOR",
    "Organization": "HOSPITAL",
    "Location": "LOCATION-OTHER",
}
STAFF = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService"})
# Elements that refer to the patient a resource is about, the first that is there.
SUBJECTS = ("subject", "patient", "beneficiary", "for", "individual", "subscriber", "payee")
# Those of them that refer to a patient if they do not say to what.
PATIENTS = frozenset({"subject", "patient", "beneficiary"})
PUBLIC = re.compile(
    r"(?:https?://(?:hl7\.org/fhir|terminology\.hl7\.org|loinc\.org|snomed\.info|unitsofmeasure\.org"
    r"|www\.nlm\.nih\.gov/research/umls|www\.ama-assn\.org/go/cpt|dicom\.nema\.org|fdasis\.nlm\.nih\.gov|www\.whocc\.no/atc"
    r"|nucc\.org/provider-taxonomy|www\.usps\.com|cts\.nlm\.nih\.gov/fhir|www\.w3\.org)"
    r"|urn:(?:iso:std:iso|ietf:bcp|ietf:rfc)|urn:oid:2\.16\.840\.1\.113883\.(?:[56]|12|4\.642|4\.1|4\.6))"
    r"(?:[/:.|#][\w./:|#-]*)?"
)
# Codes that are kept though the models list none: languages, media types, units, table keys.
CODES = {
    "*.language": re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}"),
    "*.contentType": re.compile(r"[a-z]+/[A-Za-z0-9.+-]+(?:;[ ]?charset=[A-Za-z0-9-]+)?"),
    "Quantity.code": re.compile(r"[A-Za-z%{}\[\]'*/.0-9^-]{1,20}"),
    "Bundle.type": re.compile(r"[a-z-]+"),
}
PUBLIC_CODE = re.compile(r"[A-Za-z0-9%\[{][\w.:^*/+%\[\]{}'()-]{0,60}")
PUBLIC_VERSION = re.compile(r"[0-9][0-9.-]{0,12}|https?://snomed\.info/sct/[0-9]{6,18}(?:/version/[0-9]{8})?")
SAMPLES = re.compile(r"[0-9EUL.\s-]+")
PSEUDONYMISED = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "PSEUDED"}
ABSENT = {
    "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}
    ]
}
