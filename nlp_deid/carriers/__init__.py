"""Notes inside other things: FHIR R4, HL7 v2 and OMOP NOTE, rewritten whole by element rules and the pipeline."""
