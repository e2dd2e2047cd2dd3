"""A made-up cohort with known spans: patients, their people, visits and dates, in notes from templates.

Every span is known, so that detection plays no part in what is measured. Nobody in it exists: names are drawn
from the shipped lists with a seeded generator.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nlp_deid.note import Note, Span
from nlp_deid.replace import name_pools

FIRST_VISIT = date(2012, 1, 1)
_NAMES = frozenset({"PATIENT", "DOCTOR"})

# Forms of full dates: (how Python reads it, how it is written).
_FULL: Mapping[str, tuple[str, Callable[[date], str]]] = {
    "3/4/2019": ("%m/%d/%Y", lambda day: f"{day.month}/{day.day}/{day.year}"),
    "03/04/2019": ("%m/%d/%Y", lambda day: f"{day:%m/%d/%Y}"),
    "03-04-19": ("%m-%d-%y", lambda day: f"{day:%m-%d-%y}"),
    "2019-03-04": ("%Y-%m-%d", lambda day: f"{day:%Y-%m-%d}"),
    "March 4, 2019": ("%B %d, %Y", lambda day: f"{day:%B} {day.day}, {day.year}"),
    "Mar 04 2019": ("%b %d %Y", lambda day: f"{day:%b %d %Y}"),
    "4 Mar 2019": ("%d %b %Y", lambda day: f"{day.day} {day:%b %Y}"),
    "04-MAR-2019": ("%d-%b-%Y", lambda day: f"{day:%d-%b-%Y}".upper()),
    "Monday, March 4, 2019": ("%A, %B %d, %Y", lambda day: f"{day:%A, %B} {day.day}, {day.year}"),
    "2019-03-04T08:15": ("%Y-%m-%dT08:15", lambda day: f"{day:%Y-%m-%d}T08:15"),
}
# Forms that a date of those may have too: 11/12/2019 does not tell whether figures are padded, nor May
# whether months are cut.
_READABLE = {
    **_FULL,
    "3-4-19": ("%m-%d-%y", lambda day: f"{day.month}-{day.day}-{day:%y}"),
    "Mar 4 2019": ("%b %d %Y", lambda day: f"{day:%b} {day.day} {day.year}"),
    "March 4 2019": ("%B %d %Y", lambda day: f"{day:%B} {day.day} {day.year}"),
    "March 04 2019": ("%B %d %Y", lambda day: f"{day:%B %d %Y}"),
    "4 March 2019": ("%d %B %Y", lambda day: f"{day.day} {day:%B %Y}"),
    "04-MARCH-2019": ("%d-%B-%Y", lambda day: f"{day:%d-%B-%Y}".upper()),
}
_PARTIAL: Mapping[str, Callable[[date], str]] = {
    "03/04": lambda day: f"{day:%m/%d}",
    "4 Mar": lambda day: f"{day.day} {day:%b}",
    "Mar '19": lambda day: f"{day:%b '%y}",
    "March 2019": lambda day: f"{day:%B %Y}",
    "the 4th": lambda day: f"the {day.day}{_ending(day.day)}",
    "March": lambda day: f"{day:%B}",
    "2019": lambda day: f"{day.year}",
}
_TEMPLATES = (
    "Patient: {patient.full}\nMRN: {mrn}  DOB: {birth}\nDate: {date.full}\n{patient.title} is a {age}-year-old {job} from"
    " {city}, {state} {zip}. Seen with {mother.full}, the mother. Last stay {date.full}.\nSigned: Dr. {doctor.full}",
    "{date.full}\n{patient.reversed} was admitted to {hospital} on {date.full}; drain out on {date.partial}. Plan with"
    " Dr. {doctor.last}.\n{patient.title} agrees. cc: {other.full}, MD",
    "Telephone call {date.full}. {mother.full} rang from {phone} about {patient.full}. Fever since {date.partial}."
    " Advice given, follow-up {date.full} with Dr. {doctor.last}. Mail: {email}.",
    "DISCHARGE SUMMARY\n{patient.upper}, {mrn}\nAdmitted {date.full}, discharged {date.full}.\nAttending: {doctor.full}."
    " {patient.title} goes home to {street}, {city}, {state} {zip}. Labs of {date.partial} pending.",
    "Nursing note {date.full}: {patient.last} slept well. {patient.initials} signed the consent on {date.full}."
    " Dr. {other.last} was told; {doctor.full} reviewed.",
)
_FIELD = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_FORMS = {
    "full": "{0} {1}",
    "reversed": "{1}, {0}",
    "title": "{2} {1}",
    "last": "{1}",
    "upper": "{0} {1}",
    "initials": "{0[0]}.{1[0]}.",
}
_READ = {
    "full": re.compile(r"(?P<first>\S+) (?P<last>\S+)"),
    "reversed": re.compile(r"(?P<last>\S+), (?P<first>\S+)"),
    "title": re.compile(r"\S+ (?P<last>\S+)"),
    "last": re.compile(r"(?P<last>\S+)"),
    "upper": re.compile(r"(?P<first>[^a-z\s]+) (?P<last>[^a-z\s]+)"),
    "initials": re.compile(r"[A-Z]\.[A-Z]\."),
}


def _ending(day: int) -> str:
    return "th" if 10 <= day % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


@dataclass(frozen=True)
class Mark:
    """What a span of the cohort is about.

    Attributes:
        person: key of the person it names, else "".
        form: how it is written: a key of the forms of names or dates, else "".
        day: the day of a date.
    """

    person: str = ""
    form: str = ""
    day: date | None = None

    @property
    def is_full(self) -> bool:
        """A date with year, month and day."""
        return self.form in _FULL


@dataclass(frozen=True)
class Person:
    """A made-up person."""

    first: str
    last: str
    title: str

    def written(self, form: str) -> str:
        text = _FORMS[form].format(self.first, self.last, self.title)
        return text.upper() if form == "upper" else text


@dataclass(frozen=True)
class Case:
    """A patient: the notes with their gold spans, and a mark for every span."""

    patient: str
    notes: tuple[Note, ...]
    marks: tuple[tuple[Mark, ...], ...]

    def gold(self) -> list[tuple[Note, Sequence[Span]]]:
        """What `Replacer.replace_all` takes."""
        return [(note, note.spans) for note in self.notes]


def read_name(text: str, form: str) -> dict[str, str] | None:
    """First name and surname of a name in a form, in lower case; None if it has another form."""
    found = _READ[form].fullmatch(text)
    return {role: word.lower() for role, word in found.groupdict().items()} if found else None


def read_alike(new: str, old: str) -> date | None:
    """The day of a full date, read by Python and not by us, in a form that `old` may have; else None."""
    for form in _READABLE:
        if _read(old, form) is not None and (day := _read(new, form)) is not None:
            return day
    return None


def _read(text: str, form: str) -> date | None:
    pattern, write = _READABLE[form]
    try:
        day = datetime.strptime(text, pattern).date()
    except ValueError:
        return None
    return day if write(day) == text else None


def same_shape(text: str, other: str) -> bool:
    """Whether two partial dates have one shape: figures, month names, endings of ordinals."""
    return _shape(text) == _shape(other)


def _shape(text: str) -> str:
    plain = re.sub(r"(?<=\d)(?:st|nd|rd|th)", "E", text)
    long = re.sub(r"[A-Z][a-z]{3,}", "M", re.sub(r"\bMay\b", "M", plain))
    return re.sub(r"\d+", "9", re.sub(r"\b[A-Z][a-z]{2}\b", "M", long))


def cohort(patients: int, notes: int, seed: int = 1) -> list[Case]:
    """So many patients with so many notes in all, the same for the same seed."""
    draw = random.Random(seed)
    doctors = [_person(draw, "Dr.") for _ in range(max(2, patients // 8))]
    counts = [notes // patients + (number < notes % patients) for number in range(patients)]
    return [_case(draw, f"P{number:05d}", count, doctors) for number, count in enumerate(counts)]


def _person(draw: random.Random, title: str = "", last: str = "") -> Person:
    pools = name_pools.load().draw
    sex = "female" if title == "Mrs." else draw.choice(("female", "male"))
    kind = "common" if draw.random() < 0.7 else "rare"
    last = last or draw.choice(pools[f"last {kind}"]).title()
    if not title:
        title = "Mr." if sex == "male" else draw.choice(("Mrs.", "Ms."))
    return Person(draw.choice(pools[f"{sex} common"]).title(), last, title)


def _case(draw: random.Random, patient: str, count: int, doctors: Sequence[Person]) -> Case:
    own = _person(draw)
    mother = _person(draw, "Mrs.", own.last if draw.random() < 0.5 else "")
    doctor, other = draw.sample(doctors, 2)
    people = {"patient": own, "mother": mother, "doctor": doctor, "other": other}
    born = date(1930, 1, 1) + timedelta(draw.randrange(365 * 70))
    fixed = _fixed(draw, born, own)
    visit = FIRST_VISIT + timedelta(draw.randrange(3000))
    notes, marks = [], []
    for number in range(count):
        visit += timedelta(draw.randrange(1, 60))
        template = _TEMPLATES[number % len(_TEMPLATES)]
        note, mine = _note(draw, f"{patient}-{number:02d}", patient, template, (people, fixed, visit, born))
        notes.append(note)
        marks.append(mine)
    return Case(patient, tuple(notes), tuple(marks))


def _fixed(draw: random.Random, born: date, own: Person) -> dict[str, tuple[str, str]]:
    """Label and text of what stays the same for a patient."""
    city, state, area = draw.choice(
        (("Boston", "MA", "021"), ("Fresno", "CA", "937"), ("Toledo", "OH", "436"), ("Tulsa", "OK", "741"))
    )
    road = draw.choice(("Quarry", "Linden", "Orchard", "Mill"))
    return {
        "mrn": ("MEDICALRECORD", f"{draw.randrange(10**7):07d}"),
        "phone": (
            "PHONE",
            f"{draw.randrange(201, 989)}-{draw.randrange(211, 989)}-{draw.randrange(10**4):04d}",
        ),
        "email": ("EMAIL", f"{own.first[0]}{own.last}{draw.randrange(10, 99)}@clinic.test".lower()),
        "job": ("PROFESSION", draw.choice(("teacher", "carpenter", "nurse", "farmer"))),
        "hospital": ("HOSPITAL", f"{draw.choice(('Quarrymoor', 'Eastbrook', 'Larkhill'))} General Hospital"),
        "street": ("STREET", f"{draw.randrange(100, 9999)} {road} Street"),
        "city": ("CITY", city),
        "state": ("STATE", state),
        "zip": ("ZIP", f"{area}{draw.randrange(100):02d}"),
        "birth": ("DATE", _FULL["03/04/2019"][1](born)),
    }


_World = tuple[Mapping[str, Person], Mapping[str, tuple[str, str]], date, date]


def _note(
    draw: random.Random, note_id: str, patient: str, template: str, world: _World
) -> tuple[Note, tuple[Mark, ...]]:
    text, at = "", 0
    spans: list[Span] = []
    marks: list[Mark] = []
    for field in _FIELD.finditer(template):
        text += template[at : field.start()]
        at = field.end()
        label, value, mark = _value(draw, field[1], field[2], world)
        spans.append(Span(len(text), len(text) + len(value), label, 1.0, "gold"))
        marks.append(mark)
        text += value
    return Note(text + template[at:], note_id, patient, spans=tuple(spans)), tuple(marks)


def _value(draw: random.Random, name: str, form: str | None, world: _World) -> tuple[str, str, Mark]:
    people, fixed, visit, born = world
    if name in people:
        label = "DOCTOR" if name in ("doctor", "other") else "PATIENT"
        return label, people[name].written(form or "full"), Mark(name, form or "full")
    if name == "age":
        return "AGE", str((visit - born).days // 365), Mark()
    if name == "date":
        day = visit + timedelta(draw.randrange(-40, 40))
        kinds = list(_FULL if form == "full" else _PARTIAL)
        chosen = draw.choice(kinds)
        return "DATE", (_FULL[chosen][1] if form == "full" else _PARTIAL[chosen])(day), Mark("", chosen, day)
    label, value = fixed[name]
    return label, value, Mark("", "03/04/2019", born) if name == "birth" else Mark()


def is_name(span: Span) -> bool:
    """Whether a span names a person."""
    return span.label in _NAMES
