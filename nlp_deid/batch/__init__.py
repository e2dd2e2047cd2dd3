"""Many notes: read, de-identify, write whole files, set aside what fails.

Fail closed: a note goes out only if every step of it went well. Every other note is *quarantined*:
nothing of it is written, and the report names it, with a reason and no text. Every note read is
either written or quarantined.
"""

from nlp_deid.batch.api import Settings, detect, reidentify, scrub
from nlp_deid.batch.outcome import Failure, Summary, Watch
from nlp_deid.batch.pool import Here, Pool, PoolError, Processes
from nlp_deid.batch.recipe import Recipe
from nlp_deid.batch.worker import Limits

__all__ = [
    "Failure",
    "Here",
    "Limits",
    "Pool",
    "PoolError",
    "Processes",
    "Recipe",
    "Settings",
    "Summary",
    "Watch",
    "detect",
    "reidentify",
    "scrub",
]
