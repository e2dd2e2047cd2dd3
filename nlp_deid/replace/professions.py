"""Another profession of the same rough kind: a nurse for a therapist, a welder for a plumber."""

from __future__ import annotations

import re
from functools import cache, partial

from nlp_deid.replace.scope import Scope, compact
from nlp_deid.resources import folder

# Rough kinds, by words that a profession holds; the first that fits counts.
_KINDS = {
    "health": "nurse doctor physician therapist medical dental dentist paramedic pharmacist surgeon midwife health "
    "optician optometrist physiotherapist psychologist chiropractor phlebotomist caregiver aide",
    "teaching": "teacher professor lecturer tutor principal school university librarian academic education instructor",
    "law and safety": "lawyer attorney judge police officer sheriff firefighter solicitor barrister soldier army navy "
    "marine guard security detective",
    "office": "accountant clerk manager secretary banker broker auditor administrator assistant executive analyst "
    "consultant buyer receptionist planner insurance sales officer director agent",
    "technology": "engineer programmer developer scientist software computer researcher chemist physicist technician "
    "technologist biologist architect surveyor geologist",
    "arts": "actor actress artist musician designer writer editor journalist photographer dancer singer painter producer",
    "trades": "welder plumber electrician carpenter mechanic builder mason roofer machinist fitter installer worker laborer "
    "operator driver driller miner painter farmer rancher fisher gardener cleaner custodian janitor trucker",
    "service": "cook chef waiter waitress bartender barber hairdresser cashier server housekeeper baker butcher host steward",
}
# Names of nobody's job: they say who someone was, and stay.
_KEPT = re.compile(
    r"(?:(?:a|an|the|retired|former|ex|part[- ]time|full[- ]time|self[- ]employed)\b[\s-]*)+", re.IGNORECASE
)


class ProfessionSurrogates(Scope):
    """Surrogates of the professions of one patient; see Scope for the arguments."""

    def make(self, text: str) -> str | None:
        """Another profession, with the case and number of the source; None if nothing but "retired" is there."""
        kept = _KEPT.match(text)
        start = kept.end() if kept else 0
        job = text[start:].strip()
        if not compact(job):
            return None
        plain = _singular(" ".join(job.split()).casefold())
        key = ("PROFESSION", plain)
        made = self.settle(key, partial(self._other, key, _pools()[_kind(plain)]))
        if made is None:
            return None
        if plain != " ".join(job.split()).casefold():
            made = _plural(made)
        made = made.upper() if job.isupper() else made.title() if job.istitle() else made
        made = made[:1].upper() + made[1:] if job[:1].isupper() else made
        return text[:start] + made

    def _other(self, key: tuple[str, ...], pool: tuple[str, ...], attempt: str) -> str | None:
        made = pool[self.draw(key, attempt, len(pool))]
        return (
            None if set(made.split()) & set(key[1].split()) or any(map(self.is_taken, made.split())) else made
        )


def _kind(job: str) -> str:
    words = set(re.findall(r"\w+", job))
    return next((kind for kind, holds in _KINDS.items() if words & set(holds.split())), "")


@cache
def _pools() -> dict[str, tuple[str, ...]]:
    """Kind to its professions; those of no kind under ""."""
    text = (folder("dictionaries") / "professions.txt").read_text(encoding="utf-8")
    pools: dict[str, list[str]] = {kind: [] for kind in (*_KINDS, "")}
    for job in text.splitlines():
        if re.fullmatch(r"[a-z]+(?: [a-z]+)?", job) and re.search(
            r"(?:er|or|ist|ant|ian|ent|ess|man|yer|nurse|clerk|cook|chef)\Z", job
        ):
            pools[_kind(job)].append(job)
    return {kind: tuple(jobs) for kind, jobs in pools.items()}


def _singular(job: str) -> str:
    if job.endswith(("sses", "ches")):
        return job[:-2]
    return job[:-1] if job.endswith("s") and not job.endswith(("ss", "us", "is")) else job


def _plural(job: str) -> str:
    if job.endswith("man"):
        return job[:-2] + "en"
    return job + ("es" if job.endswith(("ss", "ch", "sh")) else "s")
