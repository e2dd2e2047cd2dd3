"""What an anonymization of set-valued records did, as JSON or one HTML page.

The report is for whoever releases the data: it names suppressed items, so it is not for publication.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from html import escape
from typing import Any

from nlp_deid.tables.setvalued import SetCheck
from nlp_deid.tables.transactions import Published

_STYLE = (
    "body{font:15px sans-serif;max-width:60em;margin:2em auto;padding:0 1em}table{border-collapse:collapse}"
    "td,th{padding:.2em .8em;border-bottom:1px solid #ccc;text-align:left}td.n{text-align:right}"
    ".bar{display:inline-block;height:.7em;background:#47a}.gone{background:#c66}"
)


def check_record(check: SetCheck) -> dict[str, Any]:
    """A check as plain values."""
    return {
        **asdict(check),
        "items": list(check.items),
        "share": None if check.share is None else float(check.share),
    }


def as_json(result: Published) -> str:
    """The report as JSON."""
    changed = {item: label for item, label in result.mapping.items() if label not in (None, item)}
    content = {
        "records": len(result.records),
        "duplicates": result.duplicates,
        "checks": [check_record(check) for check in result.checks],
        "loss": asdict(result.loss),
        "recoded": changed,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def as_html(result: Published) -> str:
    """The report as one page without scripts or links."""
    loss = result.loss
    figures = [
        ("Records", len(result.records)),
        ("Records emptied", loss.emptied),
        ("Duplicate items of a record, counted once", result.duplicates),
        ("Normalised certainty penalty", f"{loss.ncp:.4f}"),
        ("Occurrences suppressed", f"{loss.suppressed} of {loss.occurrences}"),
        ("Items suppressed", f"{len(loss.suppressed_items)} of {len(result.mapping)}"),
        ("Items published as an ancestor", loss.generalised_items),
        ("Frequent sets kept", f"{loss.itemsets_kept} of {loss.itemsets}"),
        ("Sure rules kept", f"{loss.rules_kept} of {loss.rules}"),
    ]
    checks = [
        (c.model, "holds" if c.holds else "does not hold", check_words(c), c.note) for c in result.checks
    ]
    changed = [(item, label) for item, label in result.mapping.items() if label not in (None, item)]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Set-valued release</title>",
        f"<style>{_STYLE}</style><h1>Set-valued release</h1>",
        "<p>This page names items that were taken out of the release: do not publish it with the data.</p>",
        _table(("What", "Figure"), figures),
        "<h2>Models</h2>" + _table(("Model", "Result", "Worst", "Note"), checks),
        f"<h2>Labels and their records</h2>{_bars(result)}",
        "<h2>Recoded items</h2>" + _table(("Item", "Published as"), changed) if changed else "",
        "</html>\n",
    ]
    return "".join(parts)


def check_words(check: SetCheck) -> str:
    """The witness in words."""
    if check.support is None:
        return "no set to look at"
    words = f"{{{', '.join(check.items)}}} in {check.support} records"
    if check.target and check.share is not None:
        words += f", {float(check.share):.3f} of them with {check.target}"
    return words


def _bars(result: Published) -> str:
    counts: dict[str, int] = {}
    for record in result.records:
        for label in record:
            counts[label] = counts.get(label, 0) + 1
    rows = [(label, count, "") for label, count in counts.items()]
    rows += [(item, count, " gone") for item, count in result.loss.suppressed_items.items()]
    most = max((count for _, count, _ in rows), default=1)
    lines = "".join(
        f"<tr><td>{escape(label)}<td class=n>{count}"
        f'<td><span class="bar{gone}" style="width:{20 * count / most:.2f}em"></span>'
        for label, count, gone in sorted(rows, key=lambda row: (-row[1], row[0]))
    )
    return f"<p>Red: suppressed.</p><table><tr><th>Label<th>Records<th>{lines}</table>"


def _table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{escape(name)}" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}" for cell in row) for row in rows)
    return f"<table><tr>{head}{body}</table>"
