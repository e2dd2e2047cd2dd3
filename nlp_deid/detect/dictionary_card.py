"""The data card of a dictionary folder, made out of its index."""

from __future__ import annotations

from pathlib import Path

from nlp_deid.detect.dictionary_files import Entry, read_index

_KINDS = {
    "phi": "may identify; proposed alone only where a score is given",
    "ambiguous": "also ordinary words; used only with other evidence",
    "indicator": "words beside which identifiers stand",
    "keep": "medicine and plain language; unsure proposals inside are vetoed",
}
_HEAD = "| list | what | label | score | terms | source | licence | date |\n|---|---|---|---|---|---|---|---|"


def write_card(folder: Path, about: str = "") -> None:
    """Write README.md into the folder: `about`, then one row a list, by kind. No term is shown."""
    entries = list(read_index(folder).values())
    parts = [f"# Dictionaries\n\n{about}".rstrip() + "\n"]
    for kind, meaning in _KINDS.items():
        rows = [_row(entry) for entry in entries if entry.kind == kind]
        if rows:
            parts.append("\n".join([f"## {kind}: {meaning}\n", _HEAD, *rows]) + "\n")
    terms = sum(entry.count for entry in entries)
    size = sum(entry.path.stat().st_size for entry in entries) / 1e6
    parts.append(f"{len(entries)} lists, {terms:,} terms, {size:.1f} MB.\n")
    (folder / "README.md").write_text("\n".join(parts), encoding="utf-8")


def _row(entry: Entry) -> str:
    score = "" if entry.score is None else f"{entry.score:g}"
    cells = (entry.name, entry.what, entry.label, score, f"{entry.count:,}")
    return f"| {' | '.join((*cells, entry.source, entry.licence, entry.date))} |"
