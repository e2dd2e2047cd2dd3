"""nlp-deid in a blank spaCy pipeline; nothing is trained. Run: python examples/spacy/plain.py"""

from __future__ import annotations

import spacy

nlp = spacy.blank("en")
nlp.add_pipe("nlp_deid", config={"pipeline": "rules", "policy": "tag"})

with nlp.memory_zone():  # spaCy forgets the words of the notes afterwards
    for doc in nlp.pipe(["Seen by Dr. Ada Quill on 3/4/2019.", "BP 98/60, wound clean."]):
        print(doc._.deidentified.text)  # noqa: T201
        for span in doc.spans["phi"]:
            print("   ", span.label_, span._.phi_score, span._.phi_source)  # noqa: T201
