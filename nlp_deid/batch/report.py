"""The report of a run: figures as JSON, and as a page that stands alone. Neither holds text, ids or places."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nlp_deid.batch.outcome import Summary
from nlp_deid.batch.recipe import Recipe
from nlp_deid.charts import STYLE, bar_chart
from nlp_deid.outputs import OutputError, write_whole
from nlp_deid.sources import STDIN, Source

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}table{border-collapse:collapse;width:100%}"
    "th,td{text-align:left;padding:.25rem .75rem .25rem 0;border-bottom:1px solid #ddd;vertical-align:top}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){body{background:#161616;color:#e6e6e6}th,td{border-color:#444}}"
)


_SOURCES = 25  # as many as a chart shows


def check_report(report: Path | None, out: str) -> None:
    """Refuse a report that could not be written in the end.

    Raises:
        OutputError: it does not end in .json, has no folder, or is the output itself.
    """
    if report is None:
        return
    if report.suffix.lower() != ".json":
        raise OutputError(f"{report}: a report must end in .json")
    if not report.parent.is_dir():
        raise OutputError(f"{report}: no such folder {report.parent}")
    if out != STDIN and report.resolve().is_relative_to(Path(out).resolve()):
        raise OutputError(f"{report}: lies in the output; name a file beside it")


def figures(summary: Summary, recipe: Recipe, policy: str, source: Source) -> dict[str, Any]:
    """All that a report says."""
    seconds = {part: round(spent, 3) for part, spent in summary.seconds.items()}
    at_work = summary.seconds.get("scrub", 0.0)
    fresh = max(0, summary.read - summary.resumed)
    labels: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    for (label, name), spans in summary.spans.items():
        labels[label] += spans
        sources[name] += spans
    return {
        "nlp_deid": version("nlp-deid"),
        "pipeline": Path(recipe.pipeline).name,
        "pipeline_hash": recipe.fingerprint(),
        "policy": policy,
        "key": recipe.key_id,
        "input": {"kind": source.kind, "format": source.format or "by suffix"},
        "notes": {
            "read": summary.read,
            "written": summary.written,
            "quarantined": len(summary.failures),
            "done_by_a_former_run": summary.resumed,
            "patients": summary.groups - summary.alone,
            "without_patient": summary.alone,
            "characters": summary.characters,
        },
        "quarantined": _sorted(Counter(f"{failed.stage}: {failed.reason}" for failed in summary.failures)),
        "spans_by_label": _sorted(labels),
        "spans_by_source": _sorted(sources),
        "seconds": seconds,
        "notes_per_second": round(fresh / at_work, 1) if at_work else None,
        "workers": summary.workers,
        "workers_that_died": summary.deaths,
        "peak_megabytes": {
            "this_process": _peak("RUSAGE_SELF"),
            "largest_worker": _peak("RUSAGE_CHILDREN"),
        },
    }


def write_report(path: Path, summary: Summary, recipe: Recipe, policy: str, source: Source) -> None:
    """The figures in `path` (.json), and as a page of the same name (.html).

    Raises:
        OutputError: the disk refuses.
    """
    found = figures(summary, recipe, policy, source)
    write_whole(path, json.dumps(found, indent=2).encode() + b"\n")
    write_whole(path.with_suffix(".html"), page(found).encode())


def page(found: Mapping[str, Any]) -> str:
    """The figures as an HTML page without scripts and without anything from elsewhere."""
    notes = found["notes"]
    facts = [
        (name.replace("_", " "), found[name])
        for name in (
            "nlp_deid",
            "pipeline",
            "policy",
            "key",
            "workers",
            "workers_that_died",
            "notes_per_second",
        )
    ]
    facts += [(f"seconds: {part}", spent) for part, spent in found["seconds"].items()]
    facts += [(f"peak MB: {who.replace('_', ' ')}", size) for who, size in found["peak_megabytes"].items()]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>De-identification report</title><style>{_STYLE}{STYLE}</style>",
        f"<h1>{notes['read']:,} notes read, {notes['written']:,} written, {notes['quarantined']:,} quarantined</h1>",
        _table("The run", facts),
        _table("Notes", ((name.replace("_", " "), number) for name, number in notes.items())),
        _table("Why notes were quarantined", found["quarantined"].items()),
        _table("Spans by label", found["spans_by_label"].items()),
        bar_chart("Spans of each label in 1,000 characters", _rates(found), digits=3),
        _table("Spans by source", found["spans_by_source"].items()),
        bar_chart("Spans of each source", list(found["spans_by_source"].items())[:_SOURCES]),
        bar_chart("Seconds of each part", list(found["seconds"].items()), digits=1),
        f"<p>Hash of code, rules, dictionaries, weights, policy and options: {escape(found['pipeline_hash'])}</p>",
        "<p>This page holds counts only: no text, no ids, no file names.</p></html>",
    ]
    return "\n".join(filter(None, parts))


def _rates(found: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Spans in 1,000 characters of the notes read, by label."""
    characters = found["notes"]["characters"]
    if not characters:
        return []
    return [(label, 1000 * count / characters) for label, count in found["spans_by_label"].items()]


def _table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    lines = [
        f"<tr><td>{escape(str(name))}</td><td class=n>{escape(_shown(value))}</td></tr>"
        for name, value in rows
    ]
    return f"<h2>{escape(title)}</h2><table>{''.join(lines)}</table>" if lines else ""


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _peak(who: str) -> int | None:
    """Megabytes, where the system tells."""
    if sys.platform == "win32":
        return None
    import resource

    return resource.getrusage(getattr(resource, who)).ru_maxrss // (
        1 << 20 if sys.platform == "darwin" else 1 << 10
    )
