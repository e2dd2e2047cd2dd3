"""A site's own tagger and detector beside ours. Run: python examples/spacy/site_tagger.py

The tagger stands before nlp_deid and writes doc.ents; here it is an entity_ruler, a trained `ner` does the
same. `take_ents` says which of its labels are identifiers; ours decides among all proposals.
"""

from __future__ import annotations

import site_parts  # noqa: F401  registers the detector
import spacy

nlp = spacy.blank("en")
ruler = nlp.add_pipe("entity_ruler")
ruler.add_patterns([{"label": "WARD", "pattern": "Larkspur"}])
nlp.add_pipe(
    "nlp_deid",
    config={
        "pipeline": "rules",
        "policy": "tag",
        "take_ents": {"WARD": "DEPARTMENT"},
        "ents_score": 0.95,
        "detectors": {"@misc": "my_site.study_numbers.v1"},
    },
)
print(nlp("STUDY-QX101, moved to Larkspur, seen by Dr. Ada Quill.")._.deidentified.text)  # noqa: T201
