"""Rows {"text", "spans"} as a .spacy file whose gold stands in doc.spans["phi"]: python convert.py IN.jsonl OUT.spacy"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import spacy
from spacy.tokens import DocBin, SpanGroup


def main(source: Path, target: Path) -> None:
    """Write one Doc a row; a span is widened to its tokens."""
    nlp, docs = spacy.blank("en"), DocBin()
    for line in source.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        doc = nlp(row["text"])
        spans = [
            doc.char_span(s["start"], s["end"], label=s["label"], alignment_mode="expand")
            for s in row["spans"]
        ]
        doc.spans["phi"] = SpanGroup(doc, name="phi", spans=[span for span in spans if span is not None])
        docs.add(doc)
    docs.to_disk(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
