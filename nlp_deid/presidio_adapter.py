"""Our engine in Presidio: a recognizer for its analyzer and an operator for its anonymizer.

analyzer.registry.add_recognizer(NlpDeidRecognizer())
anonymizer.add_anonymizer(NlpDeidOperator)
anonymizer.anonymize(text, results, operators_for(text, results, "surrogate"))
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from presidio_analyzer import AnalysisExplanation, LocalRecognizer, RecognizerResult
from presidio_anonymizer.entities import InvalidParamError, OperatorConfig
from presidio_anonymizer.operators import Operator, OperatorType

from nlp_deid.deid import Deid
from nlp_deid.labels import LABELS, from_scheme, to_scheme
from nlp_deid.merge import Merge
from nlp_deid.note import Note, Span
from nlp_deid.pipeline import DEFAULT_PIPELINE, load
from nlp_deid.replace.keys import Secret, Source, read_key
from nlp_deid.replace.policy import Policy, PolicyError, load_policy
from nlp_deid.replace.replacer import Replacer
from nlp_deid.replace.surrogates import Options

NAME = "nlp_deid"
_LABEL = "nlp_deid_label"
_MADE = "made"
_MADE_UP = frozenset({"surrogate", "shift"})


class Result(Protocol):
    """A find of Presidio's analyzer, or what its anonymizer takes for one."""

    entity_type: str
    start: int
    end: int
    score: float


class NlpDeidRecognizer(LocalRecognizer):
    """Finds what a pipeline finds, under Presidio's entity types.

    Args:
        pipeline: an installed pipeline's name or a config's path.
        deid: a pipeline that is loaded already, instead.
        own_labels: give out our labels (DOCTOR, ZIP) and not Presidio's types (PERSON, LOCATION).
        supported_language: of the analyzer that it is added to.

    Raises:
        PipelineError: no such pipeline.
    """

    name: str

    def __init__(
        self,
        pipeline: str | Path = DEFAULT_PIPELINE,
        *,
        deid: Deid | None = None,
        own_labels: bool = False,
        supported_language: str = "en",
        name: str = "NlpDeidRecognizer",
    ) -> None:
        self.deid = deid or load(pipeline)
        self._types = {own: own if own_labels else label.presidio for own, label in LABELS.items()}
        super().__init__(
            supported_entities=sorted(set(self._types.values())),
            name=name,
            supported_language=supported_language,
        )

    def load(self) -> None:
        """Nothing: the pipeline is loaded when the recognizer is made, so that a fault shows at once."""

    def analyze(
        self, text: str, entities: Sequence[str], nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """The finds in a text, those of the types that are asked for.

        Raises:
            DeidError: a part failed; the text must not be passed on as searched.
        """
        return [
            self._result(span)
            for span in self.deid.detect(Note(text))
            if not entities or self._types[span.label] in entities
        ]

    def _result(self, span: Span) -> RecognizerResult:
        why = AnalysisExplanation(
            recognizer=self.name,
            original_score=span.score,
            pattern_name=span.source,
            textual_explanation=f"label {span.label}",
        )
        about = {
            RecognizerResult.RECOGNIZER_NAME_KEY: self.name,
            RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
            _LABEL: span.label,
        }
        return RecognizerResult(self._types[span.label], span.start, span.end, span.score, why, about)


def operators_for(
    text: str,
    results: Iterable[Result],
    policy: str | Policy = "surrogate",
    *,
    patient: str | None = None,
    source: Source | None = None,
) -> dict[str, OperatorConfig]:
    """Operators that replace the finds of one text by a policy, each seen with all the others of the text.

    So "Ada Quill" and "Quill" become one person, and dates keep their distances.

    Args:
        text, results: what `AnonymizerEngine.anonymize` is given too.
        policy: a preset's name, a policy file or a Policy.
        patient: ties texts that share surrogates and one date shift.
        source: a `Secret` for surrogates that another call repeats; by default random ones.

    Raises:
        PolicyError: no such policy.
        ValueError: a result outside the text.
    """
    chosen = policy if isinstance(policy, Policy) else load_policy(policy)
    replacer = Replacer(chosen, Options() if source is None else Options(source=source))
    patient = patient or secrets.token_hex(16)
    results = list(results)
    spans = Merge(threshold=0.0).spans([_span(result) for result in results])
    new, changes = replacer.replace(Note(text, patient=patient), spans)
    made: dict[tuple[str, str], str] = {}
    for change in changes:
        old, value = text[change.start : change.end], new[change.out_start : change.out_end]
        key = (to_scheme("presidio", change.label), old)
        if value != old or key not in made:  # of two fates of one value, to be kept is never the one
            made[key] = value
    return {"DEFAULT": OperatorConfig(NAME, {_MADE: _Made(replacer, patient, made)})}


class NlpDeidOperator(Operator):
    """Replaces one value at a time, as Presidio asks for them: `OperatorConfig("nlp_deid", {"policy": "tag"})`.

    Settings: `policy`, a preset's name or a policy file. A policy that makes surrogates, or numbers, needs
    to know what else is in the text: give the operators of `operators_for`, or at least `key_file` and
    `patient`, by which equal values stay equal.
    """

    def operate(self, text: str = "", params: Mapping[str, Any] | None = None) -> str:
        """The new value."""
        settings = dict(params or {})
        made = settings.get(_MADE) or _from_settings(settings)
        return made.value(text, _label(str(settings.get("entity_type"))))

    def validate(self, params: Mapping[str, Any] | None = None) -> None:
        """Refuse settings that cannot be used.

        Raises:
            InvalidParamError: no or an unknown policy, or one that needs more than one value.
        """
        settings = dict(params or {})
        if isinstance(settings.get(_MADE), _Made):
            return
        try:
            policy = load_policy(settings.get("policy", ""))
        except PolicyError as error:
            raise InvalidParamError(str(error)) from None
        if "number" in policy.actions.values() or (
            not _MADE_UP.isdisjoint(policy.actions.values())
            and not (settings.get("key_file") and settings.get("patient"))
        ):
            raise InvalidParamError(
                f"policy {policy.name} needs all values of a text: use operators_for; or, for surrogates,"
                " key_file and patient"
            )

    def operator_name(self) -> str:
        """The name of a config."""
        return NAME

    def operator_type(self) -> OperatorType:
        """It anonymizes."""
        return OperatorType.Anonymize


class _Made:
    """New values of a text, and a replacer for a value that Presidio joined out of several."""

    def __init__(self, replacer: Replacer, patient: str, made: Mapping[tuple[str, str], str]) -> None:
        self._replacer, self._patient, self._made = replacer, patient, made

    def __repr__(self) -> str:
        return f"_Made({len(self._made)} values)"

    def value(self, text: str, label: str) -> str:
        """The new value for an old one."""
        known = self._made.get((to_scheme("presidio", label), text))
        if known is not None:
            return known
        if not text:
            return ""
        new, _ = self._replacer.replace(Note(text, patient=self._patient), [Span(0, len(text), label)])
        return new


def _from_settings(settings: Mapping[str, Any]) -> _Made:
    options = Options()
    if settings.get("key_file"):
        options = Options(source=Secret(read_key(Path(settings["key_file"]))))
    patient = str(settings.get("patient") or secrets.token_hex(16))
    return _Made(Replacer(load_policy(settings["policy"]), options), patient, {})


def _span(result: Result) -> Span:
    about = getattr(result, "recognition_metadata", None) or {}
    label = about.get(_LABEL) or _label(result.entity_type)
    return Span(result.start, result.end, label, min(max(result.score, 0.0), 1.0), "presidio")


def _label(entity: str) -> str:
    """Our label for a type; OTHER, which no preset keeps, for one that we do not know."""
    try:
        return from_scheme("presidio", entity)
    except ValueError:
        return "OTHER"
