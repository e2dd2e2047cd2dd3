"""nlp-deid: finds and removes identifiers in clinical notes, offline."""
