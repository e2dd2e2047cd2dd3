"""Bar charts: bars in proportion, all names escaped, values for those who cannot see them."""

from __future__ import annotations

import re

import pytest
from defusedxml.ElementTree import fromstring

from nlp_deid.charts import bar_chart


def test_bars_are_in_proportion_and_values_are_said() -> None:
    chart = bar_chart("Spans", [("DATE", 200), ("CITY", 50), ("NONE", 0)])
    widths = [float(width) for width in re.findall(r'<rect [^>]*width="([\d.]+)"', chart)]
    assert widths[0] == 4 * widths[1] > widths[2] == 0
    svg = fromstring(chart).find("svg")
    assert svg.get("aria-label") == "Spans: DATE 200; CITY 50; NONE 0"


def test_names_are_escaped_and_long_ones_cut() -> None:
    name = '<script>"&' + "x" * 50
    root = fromstring(bar_chart('<"t">', [(name, 1.25)], digits=1))
    assert root.find("figcaption").text == '<"t">'
    assert root.find("svg/g/title").text == name
    assert len(root.find("svg/g/text").text) == 30
    assert root.findall("svg/g/text")[1].text == "1.2"


def test_nothing_is_no_chart_and_bad_values_are_refused() -> None:
    assert bar_chart("Spans", []) == ""
    for value in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="from 0 on"):
            bar_chart("Spans", [("DATE", value)])


def test_zeros_only_give_empty_bars() -> None:
    assert 'width="0.0"' in bar_chart("Spans", [("DATE", 0)])
