"""Bar charts as inline SVG: no scripts, nothing from elsewhere, readable by screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_ROW = 22  # pixels
_NAMES = 220
_BARS = 420
_VALUES = 110
_LETTERS = 30  # of a name; longer ones are cut, the whole stands in the title of the bar

STYLE = ".chart{max-width:100%;height:auto;font:13px system-ui,sans-serif}.chart text{fill:currentColor}.chart rect{fill:#4a7fb5}"


def bar_chart(title: str, rows: Sequence[tuple[str, float]], digits: int = 0) -> str:
    """A horizontal bar for each name and value; "" if there are none.

    Args:
        title: what the values are, with their unit; also what a screen reader says.
        rows: names and values, none negative, in the order to draw.
        digits: behind the decimal point.

    Raises:
        ValueError: a negative or infinite value.
    """
    if not rows:
        return ""
    values = [value for _, value in rows]
    if not all(0 <= value < float("inf") for value in values):
        raise ValueError(f"chart {title!r}: values must be numbers from 0 on")
    most = max(values) or 1
    width, height = _NAMES + _BARS + _VALUES, _ROW * len(rows)
    said = "; ".join(f"{name} {value:,.{digits}f}" for name, value in rows)
    lines = [_bar(number, name, value, most, digits) for number, (name, value) in enumerate(rows)]
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg class="chart" role="img" viewBox="0 0 {width} {height}" '
        f'width="{width}" aria-label="{escape(f"{title}: {said}")}">{"".join(lines)}</svg></figure>'
    )


def _bar(number: int, name: str, value: float, most: float, digits: int) -> str:
    top = number * _ROW
    length = value / most * _BARS
    short = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    middle = top + _ROW * 0.7
    return (
        f"<g><title>{escape(name)}</title>"
        f'<text x="{_NAMES - 8}" y="{middle:.1f}" text-anchor="end">{escape(short)}</text>'
        f'<rect x="{_NAMES}" y="{top + 3}" width="{length:.1f}" height="{_ROW - 6}" rx="2"/>'
        f'<text x="{_NAMES + length + 6:.1f}" y="{middle:.1f}">{value:,.{digits}f}</text></g>'
    )
