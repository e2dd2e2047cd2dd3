"""A utility and risk report of a release: as JSON, or as one HTML page with pictures inside it.

The page asks for nothing from a network and shows no record: only class sizes and how often labels
occur, and of the original table no value that fewer than `rare` records have.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from nlp_deid.tables.base import Check
from nlp_deid.tables.frames import TableError
from nlp_deid.tables.hierarchy import MISSING
from nlp_deid.tables.loss import Loss
from nlp_deid.tables.risk import Risk
from nlp_deid.tables.table import Table

_BARS = 15  # labels of a column that get a bar of their own
_SIZES = (1, 2, 3, 5, 10, 20, 50, 100, 1000)  # class sizes at which a bar begins


@dataclass(frozen=True)
class Report:
    """What a release is like beside its original.

    Attributes:
        checks: what the models say of the release.
        loss: None if there is no original.
        before, after: the risk of both tables.
        merged: records that were left over and went into the nearest class.
        levels: of a full-domain recoding the level of each quasi-identifier.
        distributions: for each column (label, records) before and after, most frequent first.
    """

    checks: tuple[Check, ...]
    loss: Loss | None
    before: Risk
    after: Risk
    distributions: dict[str, tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]]
    merged: int = 0
    levels: Mapping[str, int] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain values; infinite ones and those that are no number as None."""
        plain: dict[str, Any] = jsonable(self)
        return plain

    def write(self, path: str | Path) -> None:
        """Write an .html page or a .json file.

        Raises:
            TableError: another ending.
        """
        path = Path(path)
        if path.suffix == ".html":
            path.write_text(self.html(), encoding="utf-8")
        elif path.suffix == ".json":
            path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        else:
            raise TableError(f"{path.name}: a report ends in .html or .json")

    def html(self) -> str:
        """One page that stands alone."""
        checks = [
            (c.model, "holds" if c.holds else "does not hold", _figure(c.worst), c.classes, c.failing_records)
            for c in self.checks
        ]
        parts = [
            _section("Models", _table(("model", "", "worst figure", "classes", "failing records"), checks)),
            _section("Loss", self._loss()),
            _section("Risk of re-identification", self._risk()),
            _section("Class sizes", _pair(_size_bars(self.before), _size_bars(self.after), "records")),
            *(
                _section(f"Column {name}", _pair(list(before), list(after), "records"))
                for name, (before, after) in self.distributions.items()
            ),
        ]
        return _PAGE.format(style=_STYLE, body="\n".join(parts))

    def _loss(self) -> str:
        if self.loss is None:
            return "<p>There is no original to compare with.</p>"
        loss = self.loss
        whole = [
            ("GCP (mean penalty of a cell)", _figure(loss.gcp)),
            ("C_DM (discernibility)", _figure(loss.c_dm)),
            ("C_AVG (class size over k)", _figure(loss.c_avg)),
            ("suppressed records", f"{loss.suppressed:.2%}"),
            ("records merged into the nearest class", _figure(self.merged)),
            *((f"level of {name}", str(level)) for name, level in (self.levels or {}).items()),
        ]
        columns = [
            (name, _figure(ncp), _figure(loss.entropy[name]) if name in loss.entropy else "")
            for name, ncp in loss.ncp.items()
        ]
        return _table(("", ""), whole) + _table(("column", "NCP", "entropy lost"), columns)

    def _risk(self) -> str:
        rows: list[tuple[str, ...]] = []
        pair = (self.before, self.after)
        rows.append(("records", *(_figure(r.records) for r in pair)))
        rows.append(("classes", *(_figure(r.classes) for r in pair)))
        rows.append(("suppressed", *(_figure(r.suppressed) for r in pair)))
        rows.append(("highest prosecutor risk", *(_figure(r.prosecutor.highest) for r in pair)))
        rows.append(("mean prosecutor risk", *(_figure(r.prosecutor.mean) for r in pair)))
        for threshold in self.before.prosecutor.above:
            shares = (f"{r.prosecutor.above[threshold]:.2%}" for r in pair)
            rows.append((f"records with a risk above {threshold:g}", *shares))
        if self.before.journalist and self.after.journalist:
            rows.append(
                ("highest journalist risk", *(_figure(r.journalist.highest) for r in pair if r.journalist))
            )
        rows.append(("marketer: records named rightly", *(f"{r.marketer:.2%}" for r in pair)))
        rows.append(("sample uniques", *(f"{r.sample_uniques:.2%}" for r in pair)))
        unique = [f"{r.population.share:.2%} ({r.population.chosen})" if r.population else "" for r in pair]
        if any(unique):
            rows.append(("population uniques, estimated", *unique))
        return _table(("", "before", "after"), rows)


def report(
    original: Table,
    released: Table,
    checks: Iterable[Check],
    before: Risk,
    after: Risk,
    loss: Loss | None = None,
    rare: int = 5,
    merged: int = 0,
    levels: Mapping[str, int] | None = None,
) -> Report:
    """Collect what a report shows.

    Args:
        original, released: with the same quasi-identifiers.
        checks, loss, merged, levels: of the release; before, after: the risk of both.
        rare: labels of fewer records are shown together, not by name.
    """
    distributions = {
        name: (_distribution(original, name, rare), _distribution(released, name, rare))
        for name in original.quasi
    }
    return Report(tuple(checks), loss, before, after, distributions, merged, levels)


def jsonable(value: Any) -> Any:
    """Dataclasses, mappings and sequences as plain ones; an infinite figure or NaN as None."""
    if is_dataclass(value) and not isinstance(value, type):
        return jsonable(asdict(value))
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(item) for item in value]
    if isinstance(value, np.generic):
        return jsonable(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _distribution(table: Table, name: str, rare: int) -> tuple[tuple[str, int], ...]:
    """The most frequent labels; the others and the rare ones together."""
    column = table.column(name)
    counts = np.bincount(column.codes, minlength=len(column.values))
    order = np.argsort(-counts, kind="stable")
    shown = [i for i in order[:_BARS] if counts[i] >= rare]
    result = [
        (column.values[i] if column.values[i] != MISSING else "(missing)", int(counts[i])) for i in shown
    ]
    others = len(column.values) - len(shown)
    if others:
        result.append((f"others ({others})", int(counts.sum() - counts[shown].sum())))
    return tuple(result)


def _size_bars(risk: Risk) -> list[tuple[str, int]]:
    """Records by the size of their class."""
    result = []
    for low, following in zip(_SIZES, (*_SIZES[1:], None), strict=True):
        inside = sum(s * n for s, n in risk.class_sizes if s >= low and (following is None or s < following))
        label = (
            f"{low} or more"
            if following is None
            else str(low)
            if following == low + 1
            else f"{low}-{following - 1}"
        )
        result.append((label, inside))
    return result


def _pair(before: Sequence[tuple[str, int]], after: Sequence[tuple[str, int]], unit: str) -> str:
    return (
        f'<div class="pair"><figure>{_bars(before)}<figcaption>before ({unit})</figcaption></figure>'
        f"<figure>{_bars(after)}<figcaption>after ({unit})</figcaption></figure></div>"
    )


def _bars(bars: Sequence[tuple[str, int]]) -> str:
    """A bar a label, as SVG."""
    most = max((count for _, count in bars), default=0) or 1
    lines = []
    for i, (label, count) in enumerate(bars):
        y, width = 20 * i, 220 * count / most
        short = label if len(label) <= 26 else label[:25] + "…"
        lines.append(
            f'<text x="175" y="{y + 14}" class="label">{escape(short)}<title>{escape(label)}</title></text>'
            f'<rect x="180" y="{y + 3}" width="{width:.1f}" height="14"/>'
            f'<text x="{185 + width:.1f}" y="{y + 14}">{count:,}</text>'
        )
    return f'<svg viewBox="0 0 480 {20 * max(len(bars), 1)}" role="img">{"".join(lines)}</svg>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(f'<td>{escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _figure(value: float) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if math.isfinite(value) else "none"


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:68rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse;margin:.5rem 0}td,th{border-bottom:1px solid #ddd;padding:.2rem .8rem;"
    "text-align:left}.pair{display:flex;gap:1rem;flex-wrap:wrap}figure{flex:1 1 24rem;margin:0}"
    "figcaption{color:#666}svg text{font-size:12px}svg .label{text-anchor:end}rect{fill:#4878a8}"
)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Report of a release</title>'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<style>{style}</style></head><body><h1>Report of a release</h1>\n{body}\n</body></html>\n"
)
