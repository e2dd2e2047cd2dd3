"""Month and day without a year ("4/2", "12-28"): dates if they lie near a date the note gives in full.

A bare "4/2" may be a grade, a dose or a strength. Notes tell of a few weeks, so a month and day
close to a sure date of the same note is a date unless the words around it say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import regex

from nlp_deid.note import Detector, Note, Span

_YEAR = 2000  # a leap year, so that 2/29 is a day
_FULL = regex.compile(
    r"(?<![\d/.-])(?:(?P<a>\d{1,2})(?P<s>[/.-])(?P<b>\d{1,2})(?P=s)(?:\d{4}|\d{2})|\d{4}-(?P<m>\d{2})-(?P<d>\d{2}))(?!\d)"
)
_CUED = regex.compile(
    r"(?<!\w)(?i:on|since|until|til|till|thru|through|dated?|adm(?:itted|it)?|seen|d/?c|dob|due|appt|f/u|from|by|POD#?\d+)[: ]{1,3}"
    r"(?P<a>\d{1,2})/(?P<b>\d{1,2})(?![\d/%])"
)
_BARE = regex.compile(r"(?<![\w/.:+-])(?P<a>\d{1,2})(?P<s>[/-])(?P<b>\d{1,2})(?![\w/%.-]*\d|[/-]|\w)")
_GRADE = regex.compile(
    r"(?i)(?:(?<!\w)(?:strength|power|motor|pulses?|murmur|reflex(?:es)?|dtrs?|apgars?|pain|score[ds]?|gcs|mmse|moca|phq|"
    r"gleason|bp|va|grade|stage|level|ratio|fev1?|vision|acuity|rom|grip|quads?|biceps|triceps|deltoids?|delt|hip|knee|"
    r"ankle|ehl|ta|tabs?|dose|mallampati|braden|rass|nihss|asia|ue|le|rue|lue|rle|lle|str|sens|x|q)|#|~|<|>|=|\+)"
    r"[ :=]{0,3}(?:of[ ])?$"
)
_UNIT = regex.compile(
    r"(?i)[ ]?(?:sem|sm|hsm|dm|systolic|diastolic|murmur|strength|tabs?|tablets?|caps?|mg|mcg|ml|cc|g|l|kg|cm|mm|in|out of|"
    r"throughout|bilat|b/l|nodes?|lns?|cores?|positive|pos|neg|criteria|hrs?|hours?|h|wks?|weeks?|days?|mos?|months?|yrs?|"
    r"per|pulses|reflexes|correct|items|bottles|minutes?|min|visits?)(?!\w)"
)
_NEAR, _CLOSE = 45, 10  # days
_GUESS = 0.6
_GRADES, _FRACTION = 12, 5  # highest usual denominators of a grade and of a fraction


class MonthDay(Detector):
    """Proposes month/day near a sure date of the note; surer where it can be no grade out of 4, 5, 6 or 10.

    Args:
        bold: propose, unsurely, every month and day that no word beside it makes a grade, dose or count.
    """

    name = "month_day"

    def __init__(self, bold: bool = False) -> None:
        self._least = _GUESS if bold else 0.0

    def find(self, note: Note) -> list[Span]:
        """Dates without a year, offsets into the note's text."""
        view = note.view
        anchors = sorted({day for match in _FULL.finditer(view.text) for day in _days(match)})
        anchors += sorted({day for match in _CUED.finditer(view.text) for day in _days(match)})
        if not anchors and not self._least:
            return []
        return [
            Span(*view.span(*match.span()), "DATE", score, "month_day")
            for match in _BARE.finditer(view.text)
            if next(_days(match), None) is not None and not _is_measure(match, view.text)
            if (score := max(_score(match, anchors), self._least))
        ]


def _days(match: regex.Match[str]) -> Iterator[int]:
    """Days of the year that a numeric date may mean, month first or day first."""
    groups = match.groupdict()
    if groups.get("m"):
        pairs = [(int(match["m"]), int(match["d"]))]
    else:
        pairs = [(int(match["a"]), int(match["b"])), (int(match["b"]), int(match["a"]))]
    for month, day in pairs:
        try:
            yield date(_YEAR, month, day).toordinal() - date(_YEAR, 1, 1).toordinal()
        except ValueError:
            continue


def _is_measure(match: regex.Match[str], text: str) -> bool:
    """Whether a word beside a pair of numbers makes it a grade, a dose or a count."""
    before = text[max(0, match.start() - 16) : match.start()]
    return bool(_GRADE.search(before) or _UNIT.match(text, match.end()))


def _score(match: regex.Match[str], anchors: list[int]) -> float:
    """How sure a bare pair of numbers is a date, 0 if it is not one."""
    first, second = int(match["a"]), int(match["b"])
    apart = min(
        (min((day - other) % 366, (other - day) % 366) for day in _days(match) for other in anchors),
        default=366,
    )
    if apart > _NEAR or (match["s"] == "-" and max(first, second) <= 12):
        return 0.0
    if first > second or second > _GRADES:
        return 0.85
    return _GUESS if apart <= _CLOSE and second > _FRACTION else 0.0
