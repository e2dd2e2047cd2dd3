"""Presidio's /analyze by our detectors: its entity types, thresholds, allow lists and ad-hoc recognizers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import regex

from nlp_deid.labels import LABELS, from_scheme, to_scheme
from nlp_deid.note import Span
from nlp_deid.service.models import AdHoc, AnalyzeRequest, AnalyzeResult, Explanation

LANGUAGE = "en"
RECOGNIZER = "nlp_deid"
# As in Presidio's LemmaContextAwareEnhancer: words looked at before a find, gain, and least score with context.
_WORDS_BEFORE = 5
_GAIN = 0.35
_LEAST = 0.4
_FLAGS = regex.DOTALL | regex.MULTILINE | regex.IGNORECASE
_WORD = regex.compile(r"\w+")
_SECONDS = 1.0
_MOST = 50_000  # finds of one ad-hoc recognizer


class RequestError(ValueError):
    """A request that cannot be carried out; names fields and places in lists, never values."""


def supported() -> list[str]:
    """Every entity type that our labels are given out as."""
    return sorted({label.presidio for label in LABELS.values()})


class Naming:
    """From our labels to the entity types that a request asks for.

    Args:
        entities: Presidio's types, its narrower ones (US_DRIVER_LICENSE), our labels, or types of the
            request's own recognizers; None or nothing asks for all.
        others: types of the request's own recognizers.

    Raises:
        RequestError: a type that nothing here finds.
    """

    def __init__(self, entities: Sequence[str] | None, others: Iterable[str]) -> None:
        own = set(others)
        self._all = not entities
        self._wanted = set(entities or ())
        self._names: dict[str, str] = {}
        for place, entity in enumerate(entities or ()):
            labels = [name for name, label in LABELS.items() if label.presidio == entity]
            if not labels:
                try:
                    labels = [from_scheme("presidio", entity)]
                except ValueError:
                    if entity not in own:
                        known = ", ".join(supported())
                        raise RequestError(f"entities[{place}] is no known type; known: {known}") from None
            for label in labels:
                self._names.setdefault(label, entity)

    def of(self, label: str) -> str | None:
        """The type of one of our labels; None if it is not asked for."""
        return to_scheme("presidio", label) if self._all else self._names.get(label)

    def asked(self, entity: str) -> bool:
        """Whether a type of the request's own is asked for."""
        return self._all or entity in self._wanted


def check(request: AnalyzeRequest) -> Naming:
    """What can be said of a request before its text is read.

    Raises:
        RequestError: another language, or an unknown type.
    """
    own = request.ad_hoc_recognizers or []
    if any(language != LANGUAGE for language in (request.language, *(r.supported_language for r in own))):
        raise RequestError(f"the language is not supported; supported: {LANGUAGE}")
    return Naming(request.entities, (recognizer.supported_entity for recognizer in own))


def results(text: str, spans: Sequence[Span], request: AnalyzeRequest, naming: Naming) -> list[AnalyzeResult]:
    """The results for one text, by position.

    Raises:
        RequestError: a pattern that cannot be read, takes too long, or finds too much.
    """
    found = [*_ours(spans, naming)]
    for place, recognizer in enumerate(request.ad_hoc_recognizers or ()):
        if naming.asked(recognizer.supported_entity):
            found += _ad_hoc(text, recognizer, f"ad_hoc_recognizers[{place}]", request.context or [])
    least = request.score_threshold or 0.0
    best: dict[tuple[str, int, int], AnalyzeResult] = {}
    for result in sorted(found, key=lambda result: result.score):
        if result.score >= least:
            best[result.entity_type, result.start, result.end] = result
    allowed = _allow(request)
    kept = [result for result in best.values() if not allowed(text[result.start : result.end])]
    if not request.return_decision_process:
        kept = [result.model_copy(update={"analysis_explanation": None}) for result in kept]
    return sorted(kept, key=lambda result: (result.start, result.end, result.entity_type))


def _ours(spans: Iterable[Span], naming: Naming) -> Iterator[AnalyzeResult]:
    for span in spans:
        entity = naming.of(span.label)
        if entity is not None:
            why = f"label {span.label}"
            yield _result(entity, span.start, span.end, span.score, span.score, RECOGNIZER, span.source, why)


def _result(
    entity: str, start: int, end: int, first: float, score: float, by: str, pattern: str, why: str
) -> AnalyzeResult:
    explanation = Explanation(
        recognizer=by,
        pattern_name=pattern,
        original_score=first,
        score=score,
        score_context_improvement=score - first,
        textual_explanation=why,
    )
    return AnalyzeResult(
        entity_type=entity, start=start, end=end, score=score, analysis_explanation=explanation
    )


def _ad_hoc(text: str, recognizer: AdHoc, where: str, context: Sequence[str]) -> list[AnalyzeResult]:
    """What one recognizer of the request finds."""
    words = {word.casefold() for word in (*recognizer.context, *context)}
    patterns = [
        (p.name, _compiled(p.regex, f"{where}.patterns[{n}]"), p.score)
        for n, p in enumerate(recognizer.patterns)
    ]
    if recognizer.deny_list:
        terms = "|".join(map(regex.escape, sorted(recognizer.deny_list, key=len, reverse=True)))
        patterns.append(("deny_list", regex.compile(rf"(?<!\w)(?:{terms})(?!\w)", _FLAGS), 1.0))
    found = []
    for name, pattern, score in patterns:
        for start, end in _places(pattern, text, where):
            better = max(score + _GAIN, _LEAST) if words and _near(text, start, words) else score
            found.append(
                _result(
                    recognizer.supported_entity,
                    start,
                    end,
                    score,
                    min(better, 1.0),
                    recognizer.name,
                    name,
                    "",
                )
            )
    return found


def _compiled(pattern: str, where: str) -> regex.Pattern[str]:
    try:
        return regex.compile(pattern, _FLAGS)
    except (regex.error, OverflowError, RecursionError, ValueError):
        raise RequestError(f"{where} is no pattern that can be read") from None


def _places(pattern: regex.Pattern[str], text: str, where: str) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    try:
        for match in pattern.finditer(text, timeout=_SECONDS):
            if match.end() > match.start():
                found.append(match.span())
            if len(found) > _MOST:
                raise RequestError(f"{where} finds more than {_MOST} places")
    except TimeoutError:
        raise RequestError(f"{where} takes more than {_SECONDS:g} s") from None
    return found


def _near(text: str, start: int, words: set[str]) -> bool:
    """Whether one of the words stands shortly before a place."""
    before = _WORD.findall(text[max(0, start - 200) : start])
    return not words.isdisjoint(word.casefold() for word in before[-_WORDS_BEFORE:])


def _allow(request: AnalyzeRequest) -> Callable[[str], bool]:
    """Whether the request's allow list lets a value pass."""
    terms = request.allow_list or []
    if request.allow_list_match != "regex":
        exact = frozenset(terms)
        return exact.__contains__
    patterns = [_compiled(term, f"allow_list[{n}]") for n, term in enumerate(terms) if term]

    def matches(value: str) -> bool:
        try:
            return any(pattern.search(value, timeout=_SECONDS) for pattern in patterns)
        except TimeoutError:
            raise RequestError(f"allow_list takes more than {_SECONDS:g} s") from None

    return matches
