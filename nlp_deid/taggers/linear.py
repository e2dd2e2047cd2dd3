"""Linear CRFs are trained by CRFsuite and then run as any other tagger.

CRFsuite (Okazaki 2007, by python-crfsuite) fits them by OWL-QN to the optimum of a convex loss with an
L1 term, which leaves a few per cent of the weights; stochastic training in torch needs a dense table
of buckets times tags and many passes for less. Its model file would hold the feature strings, which are
hashes here, and is read back into a `templates` model at once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nlp_deid.note import Note
from nlp_deid.taggers.bio import Tags
from nlp_deid.taggers.crf import NEVER
from nlp_deid.taggers.gazetteer import Gazetteer
from nlp_deid.taggers.model import Design, Model, ModelError
from nlp_deid.taggers.templates import CharacterFeatures, TemplateFeatures
from nlp_deid.taggers.trainer import examples

BUCKETS = 1 << 20
FAINT = 0.02  # a bucket without a weight this large is dropped: it says nothing and only takes space


def fit_linear(
    notes: Iterable[Note],
    labels: tuple[str, ...],
    gazetteer: Gazetteer,
    scheme: str = "i2b2_2014",
    c1: float = 0.05,
    c2: float = 0.01,
    iterations: int = 120,
    size: int = 256,
    context: int = 8,
    unit: str = "word",
) -> Model:
    """A linear CRF over hashed templates, fitted to gold notes.

    Args:
        notes: gold.
        labels: what to tag.
        gazetteer: lists of words.
        scheme: label scheme of `labels`.
        c1: weight of the L1 term.
        c2: weight of the L2 term.
        iterations: of OWL-QN, at most.
        size: units of a window.
        context: units of context on either side.
        unit: "word", or "character" as in the character-level CRF of Liu et al. 2015.

    Raises:
        ModelError: python-crfsuite is not installed, or there are no notes.
    """
    try:
        import pycrfsuite
    except ImportError:
        raise ModelError("training a linear CRF needs python-crfsuite: pip install nlp-deid[train]") from None
    tags = Tags(labels)
    design = Design(labels, "templates", {}, "crf", scheme, size, context, unit)
    features = CharacterFeatures if unit == "character" else TemplateFeatures
    trainer = pycrfsuite.Trainer(verbose=False)
    count = 0
    for rows, gold in examples(notes, tags, features(gazetteer, BUCKETS), design):
        trainer.append([list(map(str, row)) for row in rows.tolist()], list(map(str, gold.tolist())))
        count += 1
    if not count:
        raise ModelError("no training notes, or none with text")
    trainer.select("lbfgs")
    trainer.set_params(
        {"c1": c1, "c2": c2, "max_iterations": iterations, "feature.possible_transitions": True}
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model"
        trainer.train(str(file))
        tagger = pycrfsuite.Tagger()
        tagger.open(str(file))
        info = tagger.info()
        weights, moves, seen = dict(info.state_features), dict(info.transitions), set(map(int, info.labels))
        tagger.close()
    return _model(weights, moves, seen, tags, gazetteer, design)


def _model(
    weights: Mapping[tuple[str, str], float],
    moves: Mapping[tuple[str, str], float],
    seen: Set[int],
    tags: Tags,
    gazetteer: Gazetteer,
    design: Design,
) -> Model:
    """The fitted weights as a `templates` model, which never gives a tag that training did not meet."""
    telling = {int(bucket) for (bucket, _), weight in weights.items() if abs(weight) >= FAINT}
    buckets = np.array(sorted(telling or {0}), dtype=np.int32)
    options: dict[str, Any] = {"buckets": BUCKETS, "used": len(buckets)}
    model = Model(Design(**{**design.plain(), "labels": design.labels, "options": options}), gazetteer)
    table = np.zeros((len(buckets), len(tags)), dtype=np.float32)
    places = {int(bucket): at for at, bucket in enumerate(buckets)}
    for (bucket, tag), weight in weights.items():
        if int(bucket) in telling:
            table[places[int(bucket)], int(tag)] = weight
    steps = torch.zeros(len(tags), len(tags))
    for (one, other), weight in moves.items():
        steps[int(one), int(other)] = weight
    first = torch.zeros(len(tags))
    for unmet in set(range(len(tags))) - seen:
        first[unmet] = steps[unmet] = steps[:, unmet] = NEVER
    model.load_state_dict(
        {
            "encoder.bucket": torch.from_numpy(buckets),
            "encoder.weights": torch.from_numpy(table),
            "head.transitions": steps,
            "head.start_transitions": first,
            "head.end_transitions": torch.zeros(len(tags)),
        }
    )
    return model
