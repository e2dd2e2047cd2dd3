"""Plain text: one note a .txt file, alone or in a folder of folders."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from pathlib import Path

from nlp_deid.corpus.checks import CorpusError, Labels, encode, unique
from nlp_deid.corpus.files import Folder, find, whole
from nlp_deid.note import Note

# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes, where: str) -> str:
    """The text of a file: UTF-8, or what its byte order mark says; the mark is dropped.

    Line ends and NUL stay as they are. `where` names the place in messages.

    Raises:
        CorpusError: bytes that the encoding does not allow (named by offset), or text in UTF-16
            without its mark, which would read as letters with NUL between them.
    """
    mark, encoding = next(((m, name) for m, name in _MARKS if data.startswith(m)), (b"", "utf-8"))
    if not mark and len(data) >= 16 and data.count(0) > 0.4 * len(data):
        raise CorpusError(f"{where}: looks like UTF-16 without a byte order mark; convert it to UTF-8")
    try:
        return data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:  # it holds the bytes: neither chained nor shown
        position = error.start + len(mark)
    raise CorpusError(f"{where}: not valid {encoding.upper()} at byte {position}")


def to_bytes(text: str, where: str) -> bytes:
    """UTF-8 bytes that `decode` turns into `text` again.

    Raises:
        CorpusError: the text holds half of a surrogate pair.
    """
    data = encode(text, where)
    # A leading U+FEFF would be taken for a mark and dropped: put a mark before it.
    return codecs.BOM_UTF8 + data if data.startswith(codecs.BOM_UTF8) else data


def read(path: str | Path, labels: Labels | None = None, strict: bool = False) -> Iterator[Note]:
    """Notes of a .txt file or of a folder, in order of their path, without spans.

    Args:
        path: a file (any suffix), or a folder searched with its subfolders.
        labels: not used; every reader takes it.
        strict: not used.

    Raises:
        CorpusError: no file, or one that is not text.
    """
    notes = (
        Note(decode(file.read_bytes(), str(file)), note_id) for note_id, file in find(Path(path), ".txt")
    )
    return unique(notes, str(path))


def write(path: str | Path, notes: Iterable[Note]) -> None:
    """Write each note's text to `path`/`id`.txt as UTF-8, line ends unchanged. Spans are not written.

    Raises:
        CorpusError: an id that cannot be a file name, or a text that UTF-8 cannot carry.
    """
    folder = Folder(Path(path))
    for note in notes:
        data = to_bytes(note.text, f"note {note.id!r}")
        with whole(folder.path(note.id, ".txt")) as stream:
            stream.write(data)
