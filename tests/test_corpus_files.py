"""Output stays inside its folder, one file a note, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlp_deid.corpus.checks import CorpusError
from nlp_deid.corpus.files import Folder, whole


@pytest.mark.parametrize(
    "note_id",
    [
        "",
        "..",
        "../x",
        "/etc/x",
        "a//b",
        "a/./b",
        "a\\b",
        "C:x",
        "a\x00b",
        "a\nb",
        "CON",
        "lpt1.x",
        "x.",
        "x ",
        ".x",
        "x" * 300,
        "\u202ex",
        "x/" + "é" * 200,
    ],
)
def test_ids_that_name_no_file_here(tmp_path: Path, note_id: str) -> None:
    with pytest.raises(CorpusError):
        Folder(tmp_path / "out").path(note_id, ".txt")
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


def test_ids_that_some_system_takes_for_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.path("Strasse/é", ".txt")
    for twin in ("strasse/é", "STRASSE/e\u0301", "straße/É"):
        with pytest.raises(CorpusError, match="overwrite"):
            folder.path(twin, ".txt")


def test_symbolic_links_do_not_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "n.txt").write_text("keep")
    root = tmp_path / "root"
    root.mkdir()
    (root / "door").symlink_to(outside)
    (root / "n.txt").symlink_to(outside / "n.txt")
    folder = Folder(root)
    with pytest.raises(CorpusError, match="symbolic link"):
        folder.path("door/x", ".txt")
    with whole(folder.path("n", ".txt")) as stream:
        stream.write(b"new")
    assert (outside / "n.txt").read_text() == "keep"
    assert not (root / "n.txt").is_symlink()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "n.txt"
    target.write_text("old")
    with pytest.raises(TypeError), whole(target) as stream:
        stream.writelines([b"half", None])  # type: ignore[list-item]
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
