"""The words of a batch's input: an entry that is read on its own, its columns, its errors.

The readers of corpus/ stop at the first broken note, which is right for a corpus. A hospital's
folder is never whole, so here every note is an `Entry` that is able to fail alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nlp_deid.note import Note

PATIENT_FIELD = "patient"
# Keys of a row that hold values or positions of the source; they never go out.
DROPPED = ("spans", "known", "ignore")
OTHERS = ("keep", "drop", "refuse")


class SourceError(ValueError):
    """A source that cannot be read at all, or a note of it that cannot; holds no text.

    `reason` is a word for reports: "symlink", "encoding", "format" ...
    """

    def __init__(self, message: str, reason: str = "source") -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[SourceError], tuple[str, str]]:
        return type(self), (str(self), self.reason)


@dataclass(frozen=True, slots=True)
class Entry:
    """One note of a source, not read yet.

    Attributes:
        id: the note's id: the file's path in its folder without the suffix, or the row's id.
        place: where it stands, for reports: the file's path in its folder, or "row 12". The texts of one
            row follow each other and share their place.
        suffix: of its own file; ".txt" for rows.
        read: reads it; raises CorpusError, SourceError or OSError.
    """

    id: str
    place: str
    suffix: str
    read: Callable[[], Note]


@dataclass(frozen=True)
class Columns:
    """Which columns (keys) of a row are what.

    Args:
        texts: the columns that hold a note each.
        id: of the row's id; a row without it is called "row-N".
        patient: of the patient's id.
        other: what becomes of every other column: "keep" lets it out as it is, "drop" leaves it out,
            "refuse" stops at it by name. None is "keep" for JSON Lines and "refuse" for tables.

    Raises:
        SourceError: no text column, one named twice, or an unknown choice.
    """

    texts: tuple[str, ...] = ("text",)
    id: str = "id"
    patient: str = PATIENT_FIELD
    other: str | None = None

    def __post_init__(self) -> None:
        if not self.texts or not all(self.texts):
            raise SourceError("at least one column must hold the text, and no name may be empty")
        if len({*self.texts, self.id, self.patient}) != len(self.texts) + 2:
            raise SourceError("the columns of texts, id and patient must differ from each other")
        if self.other not in (None, *OTHERS):
            raise SourceError(
                f"unknown choice {self.other!r} for other columns; allowed: {', '.join(OTHERS)}"
            )

    @property
    def own(self) -> tuple[str, ...]:
        """The columns with a meaning."""
        return (self.id, self.patient, *self.texts)

    def kept(self, names: list[str], where: str) -> list[str]:
        """The columns of a table that go out, in their order.

        Raises:
            SourceError: a text column is missing, a column that was asked for is, one is there twice, or
                there are others and they are refused.
        """
        plain = Columns()
        wanted = [
            *self.texts,
            *(n for n, usual in ((self.id, plain.id), (self.patient, plain.patient)) if n != usual),
        ]
        for name in wanted:
            if names.count(name) != 1:
                problem = "is there twice" if name in names else "is not there"
                raise SourceError(f"{where}: column {name!r} {problem}; the table has {len(names)} columns")
        if len(set(names)) != len(names):
            raise SourceError(f"{where}: two columns have the same name")
        others = [name for name in names if name not in self.own and name not in DROPPED]
        if others and self.other in (None, "refuse"):
            listed = ", ".join(map(repr, others))
            raise SourceError(f"{where}: other columns {listed}: say --other keep or --other drop")
        return [name for name in names if name in self.own or (self.other == "keep" and name in others)]
