"""One HTML page about a synthetic table: scores, and pictures of what it keeps."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nlp_deid.synth import fidelity
from nlp_deid.synth.columns import numbers_of
from nlp_deid.synth.frames import SynthError, to_pandas
from nlp_deid.synth.kinds import FEW, date_unit
from nlp_deid.synth.neighbours import Space
from nlp_deid.synth.scores import Scores

MOST_PICTURES = 30
REAL, MADE = "#4477aa", "#ee6677"
_STYLE = (
    "body{font:15px/1.45 sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;border-bottom:1px solid #ddd;"
    "text-align:left}td+td{text-align:right}img{max-width:100%}"
)
_MEANING = {
    "train": "adversarial accuracy, training rows; .5 if they cannot be told apart",
    "test": "the same, test rows",
    "privacy_loss": "test less train; above 0 the training rows are nearer",
    "full": "the same as train, of as many training rows as full_rows",
    "full_rows": "all training rows, unless the synthetic table is shorter",
    "dcr_share": "synthetic rows nearer to a training than to a test row; .5 is fair",
    "membership_auc": "an attacker tells training rows from others; .5 is a guess",
    "cosine": "angle between the mean rows",
    "row_cosine": "angle to the nearest real row",
}


def write_report(path: Path, scores: Scores, train: Any, synthetic: Any) -> None:
    """Write the page; it holds counts, shares and pictures of whole columns.

    The picture of principal components shows every fifth of 5,000 rows at most, without a scale.

    Raises:
        SynthError: it cannot be written.
    """
    known, made = to_pandas(train), to_pandas(synthetic)
    made = made[known.columns]
    parts = [
        _table("Privacy", scores.accuracy | scores.distance | {"exact copies": scores.copies}),
        _utility(scores),
        _table("Likeness", scores.similarity),
        _table("Columns: 1 is the same law", scores.marginals),
        _table("Rows that break a rule", scores.broken) if scores.broken else "",
        "<h2>Columns</h2>" + _image(_marginals(known, made), "real and synthetic columns"),
        "<h2>Correlations: real, synthetic, difference</h2>"
        + _image(_correlations(known, made), "correlations"),
        "<h2>Principal components</h2>" + _image(_components(known, made), "principal components"),
    ]
    page = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Synthetic table</title><style>{_STYLE}</style>"
        f"<h1>Synthetic table</h1><p>{scores.rows['train']} training, {scores.rows['test']} test and "
        f"{scores.rows['synthetic']} synthetic rows.</p>{''.join(parts)}</html>\n"
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SynthError(f"{path}: cannot be written ({error.strerror})") from None


def _table(title: str, values: dict[str, Any]) -> str:
    rows = []
    for name, value in values.items():
        text = f"{value:.4f}" if isinstance(value, float) else str(value)
        rows.append(
            f"<tr><td>{html.escape(name)}</td><td>{text}</td><td>{html.escape(_MEANING.get(name, ''))}</td></tr>"
        )
    return f"<h2>{html.escape(title)}</h2><table>{''.join(rows)}</table>"


def _utility(scores: Scores) -> str:
    if not scores.utility:
        return ""
    real, made = scores.utility["real"] or {}, scores.utility["synthetic"] or {}
    rows = "".join(
        f"<tr><td>{name}</td><td>{value:.4f}</td>"
        f"<td>{f'{made[name]:.4f}' if made else 'one target value only'}</td></tr>"
        for name, value in real.items()
    )
    return (
        f"<h2>Usefulness</h2><p>{scores.measure} on test rows of models trained on</p>"
        f"<table><tr><th></th><th>real rows</th><th>synthetic rows</th></tr>{rows}</table>"
    )


def _figure(*args: Any, **options: Any) -> Any:
    """A figure that no window system is asked for."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(*args, layout="constrained", **options)
    FigureCanvasAgg(figure)
    return figure


def _image(figure: Any, words: str) -> str:
    target = io.BytesIO()
    figure.savefig(target, format="png", dpi=80)
    return f'<img alt="{words}" src="data:image/png;base64,{base64.b64encode(target.getvalue()).decode()}">'


def _marginals(known: pd.DataFrame, made: pd.DataFrame) -> Any:
    names = list(known.columns)[:MOST_PICTURES]
    deep = -(-len(names) // 3)
    figure = _figure(figsize=(12, 2.6 * deep))
    for at, name in enumerate(names, 1):
        axes = figure.add_subplot(deep, 3, at)
        unit = date_unit(known[name])
        if (unit or pd.api.types.is_numeric_dtype(known[name].dtype)) and known[name].nunique() > FEW:
            both = [x[~np.isnan(x)] for x in (numbers_of(known[name], unit), numbers_of(made[name], unit))]
            edges = np.quantile(np.concatenate(both), [0.005, 0.995])
            for numbers, colour in zip(both, (REAL, MADE), strict=True):
                axes.hist(numbers, bins=30, range=tuple(edges), density=True, histtype="step", color=colour)
        else:
            shares = [x.map(str).value_counts(normalize=True) for x in (known[name], made[name])]
            values = list(shares[0].index[:15])
            for shift, share, colour in zip((-0.2, 0.2), shares, (REAL, MADE), strict=True):
                axes.bar(
                    np.arange(len(values)) + shift, [share.get(v, 0.0) for v in values], 0.4, color=colour
                )
            labels = [value[:10] for value in values]
            axes.set_xticks(np.arange(len(values)), labels, fontsize=7, parse_math=False)
        axes.set_title(name, fontsize=9, parse_math=False)
    return figure


def _correlations(known: pd.DataFrame, made: pd.DataFrame) -> Any:
    space = Space.of(known)
    real, other = fidelity.correlations(known, space), fidelity.correlations(made, space)
    figure = _figure(figsize=(12, 4))
    for at, (matrix, title) in enumerate(
        ((real, "real"), (other, "synthetic"), (other - real, "difference")), 1
    ):
        axes = figure.add_subplot(1, 3, at)
        picture = axes.imshow(matrix, vmin=-1, vmax=1, cmap="RdBu")
        axes.set_title(title)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(picture, ax=figure.axes, shrink=0.7)
    return figure


def _components(known: pd.DataFrame, made: pd.DataFrame) -> Any:
    space = Space.of(known)
    real, other = space.place(known)[:5000:5], space.place(made)[:5000:5]
    middle = real.mean(axis=0)
    axes_of = np.linalg.svd(real - middle, full_matrices=False)[2][:2]
    figure = _figure(figsize=(6, 5))
    axes = figure.add_subplot()
    for points, colour, label in ((real, REAL, "real"), (other, MADE, "synthetic")):
        flat = (points - middle) @ axes_of.T
        axes.scatter(flat[:, 0], flat[:, -1], s=5, alpha=0.4, color=colour, label=label)
    axes.legend()
    axes.set_xticks([])
    axes.set_yticks([])
    return figure
