"""What the spaCy component leaves in a Doc: custom attributes, and the figures of `nlp.evaluate` over the marks."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from spacy.scorer import Scorer
from spacy.tokens import Doc
from spacy.tokens import Span as DocSpan
from spacy.training import Example

from nlp_deid.deid import Deidentified
from nlp_deid.note import Span
from nlp_deid.replace.replacer import Change

KEY = "phi"
DATA = "nlp_deid"  # in doc.user_data: plain values, since Docs travel between processes
_ENDS = itemgetter("end")


def apart(spans: Iterable[DocSpan]) -> list[DocSpan]:
    """The spans without those that touch an earlier one."""
    taken: set[int] = set()
    chosen = []
    for span in spans:
        tokens = range(span.start, span.end)
        if taken.isdisjoint(tokens):
            taken.update(tokens)
            chosen.append(span)
    return chosen


def _deidentified(doc: Doc) -> Deidentified | None:
    """The rewritten note; None for a Doc that no component rewrote."""
    data = doc.user_data.get(DATA)
    if data is None:
        return None
    changes = tuple(Change(*change) for change in data["changes"])
    return Deidentified(data["text"], tuple(Span(**found) for found in data["found"]), changes)


def _phi(span: DocSpan) -> Span | None:
    """The exact find that a marked span stands for; None for any other span."""
    for group in span.doc.spans.values():
        found = group.attrs.get("found", [])
        for place in range(bisect_right(found, span.start_char, key=_ENDS), len(found)):
            if found[place]["start"] >= span.end_char:
                break
            if found[place]["label"] == span.label_:
                return Span(**found[place])
    return None


def _score(span: DocSpan) -> float | None:
    found = _phi(span)
    return None if found is None else found.score


def _source(span: DocSpan) -> str | None:
    found = _phi(span)
    return None if found is None else found.source


def extend() -> None:
    """The custom attributes, once a process."""
    for name, default in (("deid_id", ""), ("deid_patient", None), ("deid_known", None)):
        Doc.set_extension(name, default=default, force=True)
    Doc.set_extension("deidentified", getter=_deidentified, force=True)
    for name, getter in (("phi", _phi), ("phi_score", _score), ("phi_source", _source)):
        DocSpan.set_extension(name, getter=getter, force=True)


def score_phi(examples: Iterable[Example], *, spans_key: str = KEY, **_: Any) -> dict[str, Any]:
    """The figures of `nlp.evaluate` against gold spans in `reference.spans[spans_key]`.

    `KEY_p`, `KEY_r`, `KEY_f` and `KEY_per_type` count spans of the same tokens and label, as spaCy does;
    `KEY_redact` is the share of gold characters that are covered, whatever the label.
    """
    examples = list(examples)
    attr = f"spans_{spans_key}"
    scores = Scorer.score_spans(
        examples,
        attr,
        getter=lambda doc, _: doc.spans.get(spans_key, ()),
        has_annotation=lambda doc: spans_key in doc.spans,
        allow_overlap=True,
    )
    renamed = {name.replace(attr, spans_key, 1): value for name, value in scores.items()}
    total = left = 0
    for example in examples:
        gold = _characters(example.reference, spans_key)
        total += len(gold)
        left += len(gold - _characters(example.predicted, spans_key))
    return {**renamed, f"{spans_key}_redact": (total - left) / total if total else None}


def _characters(doc: Doc, spans_key: str) -> set[int]:
    """The places in the text that a group covers."""
    return {place for span in doc.spans.get(spans_key, ()) for place in range(span.start_char, span.end_char)}
