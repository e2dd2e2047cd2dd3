"""Tables for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from nlp_deid.evaluate import Interval, Report
from nlp_deid.labels import CATEGORIES
from nlp_deid.scoring import Score, Share

_CATEGORIES = frozenset(CATEGORIES.values())
_FILE_WIDTH = 160  # columns, where the output is no terminal


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows that share their keys; brackets in values stay as they are."""
    columns = list(rows[0]) if rows else []
    _print(title, columns, ([str(row[column]) for column in columns] for row in rows))


def report(scores: Report) -> None:
    """Print the figures of an evaluation, each under its measure's name."""
    named = {
        "span, strict, typed": scores.strict.micro,
        "span, strict, untyped": scores.strict_untyped.micro,
        "token, typed": scores.token.micro,
        "token, binary": scores.binary_token.micro,
    }
    title = f"{scores.notes} notes, {scores.notes_with_phi} with PHI, {scores.missing} unanswered"
    _print(title, ["measure", "precision", "recall", "F1"], ([name, *_score(s)] for name, s in named.items()))
    shares = {
        "redact (gold characters covered)": scores.redact,
        "redact-full (notes with no PHI token left)": scores.redact_full,
        "redact-full (notes that hold PHI)": scores.redact_full_phi,
    }
    rows = [[name, *_interval(interval)] for name, interval in shares.items()]
    rows.append(["over-scrubbing (other characters removed)", *_share(scores.over_scrubbing), ""])
    _print("leaks and over-scrubbing", ["measure", "share", "of", "95 % interval"], rows)
    labels = (
        [label, *_score(score), *_share(scores.binary_token.recall_by_label.get(label, Share()))]
        for label, score in sorted(scores.token.labels.items())
    )
    columns = ["label", "precision", "recall", "F1", "recall, any label", "tokens"]
    _print("token, typed, by label", columns, labels)
    official = [
        [name, *_score(score.micro)]
        for name, score in scores.i2b2.items()
        if name.split()[0] not in _CATEGORIES
    ]
    _print("i2b2 2014, official measures", ["measure", "precision", "recall", "F1"], official)


def _print(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    sheet = Table(title=title, title_justify="left")
    for column in columns:
        sheet.add_column(column, overflow="fold")
    for row in rows:
        sheet.add_row(*(escape(" ".join(cell.split())) for cell in row))
    Console(width=None if sys.stdout.isatty() else _FILE_WIDTH).print(sheet)


def _score(score: Score) -> list[str]:
    return [f"{score.precision:.4f}", f"{score.recall:.4f}", f"{score.f1:.4f}"]


def _share(share: Share) -> list[str]:
    return ["" if share.value is None else f"{share.value:.4f}", str(share.total)]


def _interval(interval: Interval) -> list[str]:
    if interval.low is None or interval.high is None:
        return [*_share(interval.share), ""]
    return [*_share(interval.share), f"{interval.low:.4f} to {interval.high:.4f}"]
