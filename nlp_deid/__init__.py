"""nlp-deid: finds and removes identifiers in clinical notes, offline.

>>> import nlp_deid
>>> deid = nlp_deid.load(policy="tag")
>>> deid("Seen by Dr. Ada Park on 3/4/2019.").text
'Seen by Dr. [DOCTOR] on [DATE].'
"""

from nlp_deid.deid import Deid, Deidentified, DeidError
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import PipelineError, load, pipelines
from nlp_deid.replace.policy import Policy, PolicyError

__all__ = [
    "Deid",
    "DeidError",
    "Deidentified",
    "Detector",
    "Note",
    "PipelineError",
    "Policy",
    "PolicyError",
    "Span",
    "load",
    "pipelines",
]
