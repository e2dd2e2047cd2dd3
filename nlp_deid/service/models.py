"""What the service takes and gives, as JSON. Errors never show what was sent."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt

from nlp_deid.deid import Deidentified
from nlp_deid.labels import LABELS
from nlp_deid.note import Note, Span

EXAMPLE = "Seen by Dr. Ada Quill on 3/4/2019, phone 218-555-0134."


def _whole(text: str) -> str:
    """The text, if all its characters can be sent back."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half a surrogate pair, which UTF-8 cannot carry") from None
    return text


def _labels(known: dict[str, list[str]]) -> dict[str, list[str]]:
    if not known.keys() <= LABELS.keys():
        raise ValueError(f"a key is no label; labels: {', '.join(LABELS)}")
    return known


Text = Annotated[str, AfterValidator(_whole)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_whole)]
Values = Annotated[list[Annotated[Text, Field(max_length=500)]], Field(max_length=200)]
Known = Annotated[dict[str, Values], AfterValidator(_labels)]


class NoteIn(BaseModel):
    """One note."""

    model_config = ConfigDict(extra="forbid")

    text: Text = Field(examples=[EXAMPLE])
    id: Name = Field("", description="Comes back as it is; must not identify anyone.")
    patient: Name | None = Field(None, description="Ties notes that share surrogates and one date shift.")
    known: Known = Field({}, description="Known values of the patient: label to values.")

    def note(self) -> Note:
        """In our words."""
        return Note(self.text, self.id, self.patient, self.known)


class DetectRequest(NoteIn):
    """One note to search."""

    pipeline: Name | None = Field(None, description="One that the service has loaded; see /ready.")


class ScrubRequest(DetectRequest):
    """One note to rewrite."""

    policy: Name | None = Field(None, description="A policy's name; see /ready.")
    key: Name | None = Field(None, description="The name of a key of the service; see /ready.")


class SpanOut(BaseModel):
    """Characters [start, end) of the text that was sent."""

    start: int
    end: int
    label: str
    score: float
    source: str

    @classmethod
    def of(cls, span: Span) -> SpanOut:
        """From our own."""
        return cls(start=span.start, end=span.end, label=span.label, score=span.score, source=span.source)


class ChangeOut(BaseModel):
    """Characters [start, end) that became [out_start, out_end) of the new text."""

    start: int
    end: int
    out_start: int
    out_end: int
    label: str
    action: str


class DetectResponse(BaseModel):
    """What was found."""

    id: str
    spans: list[SpanOut]

    @classmethod
    def of(cls, id: str, spans: list[Span]) -> DetectResponse:
        """From our own."""
        return cls(id=id, spans=[SpanOut.of(span) for span in spans])


class ScrubResponse(BaseModel):
    """The rewritten note, what was found and what was done. It never holds a word that was removed."""

    id: str
    text: str
    spans: list[SpanOut]
    changes: list[ChangeOut]

    @classmethod
    def of(cls, id: str, result: Deidentified) -> ScrubResponse:
        """From our own."""
        changes = [
            ChangeOut(
                start=c.start,
                end=c.end,
                out_start=c.out_start,
                out_end=c.out_end,
                label=c.label,
                action=c.action,
            )
            for c in result.changes
        ]
        return cls(id=id, text=result.text, spans=[SpanOut.of(s) for s in result.spans], changes=changes)


class ErrorOut(BaseModel):
    """Why a request or a note was refused; `where` names fields, never values."""

    error: str
    where: list[str] = []


class Ready(BaseModel):
    """What a request may choose."""

    ready: bool
    pipelines: list[str]
    policies: list[str]
    keys: list[str]


class Pattern(BaseModel):
    """A pattern of an ad-hoc recognizer."""

    name: Name = ""
    regex: Annotated[Text, Field(min_length=1, max_length=1000)]
    score: float = Field(ge=0, le=1)


class AdHoc(BaseModel):
    """A recognizer of this request only."""

    name: Name = "ad hoc"
    supported_language: Name = "en"
    supported_entity: Name = Field(min_length=1)
    patterns: list[Pattern] = Field([], max_length=20)
    deny_list: list[Annotated[Text, Field(min_length=1, max_length=200)]] = Field([], max_length=1000)
    context: list[Annotated[Text, Field(min_length=1, max_length=200)]] = Field([], max_length=100)


class AnalyzeRequest(BaseModel):
    """Presidio's request; fields that it does not know are passed over, as Presidio does."""

    text: Text | list[Text] = Field(examples=["John Smith drivers license is AC432223"])
    language: Name = Field("en", description="Only the language of the loaded pipeline: en.")
    entities: list[Name] | None = Field(None, max_length=200)
    correlation_id: Name | None = None
    score_threshold: float | None = Field(None, ge=0, le=1)
    return_decision_process: bool | None = False
    ad_hoc_recognizers: list[AdHoc] | None = Field(None, max_length=20)
    context: list[Name] | None = Field(None, max_length=100)
    allow_list: list[Annotated[Text, Field(max_length=500)]] | None = Field(None, max_length=1000)
    allow_list_match: str | None = Field("exact", pattern="^(exact|regex)$")


class Explanation(BaseModel):
    """Presidio's account of a result; `pattern_name` is the rule, list or tagger that found it."""

    recognizer: str
    pattern_name: str | None = None
    pattern: str | None = None
    original_score: float
    score: float
    textual_explanation: str | None = None
    score_context_improvement: float = 0
    supportive_context_word: str = ""
    validation_result: float | None = None


class AnalyzeResult(BaseModel):
    """Presidio's result."""

    entity_type: str
    start: int
    end: int
    score: float
    analysis_explanation: Explanation | None = None


class Entity(BaseModel):
    """Characters [start, end) of the text that was sent, and their type."""

    start: StrictInt = Field(ge=0)
    end: StrictInt = Field(ge=0)
    entity_type: Name


class Found(Entity):
    """A result as /anonymize takes it."""

    score: float = Field(1.0, ge=0, le=1)


class Encrypted(Entity):
    """An item of /anonymize's answer as /deanonymize takes it: only its place and type are looked at."""

    operator: Name | None = None
    text: Text | None = None


class AnonymizeRequest(BaseModel):
    """Presidio's request. `anonymizers` maps an entity type, or DEFAULT, to an operator and its settings."""

    text: Text = Field(examples=["hello world, my name is Jane Doe. My number is: 034453334"])
    analyzer_results: list[Found] = Field(max_length=100_000)
    anonymizers: dict[str, dict[str, Any]] | None = Field(None, max_length=200)


class DeanonymizeRequest(BaseModel):
    """Presidio's request. `deanonymizers` maps an entity type, or DEFAULT, to `decrypt` and its key."""

    text: Text = Field(examples=["My name is S184CMt9Drj7QaKQ21JTrpYzghnboTF9pn/neN8JME0="])
    anonymizer_results: list[Encrypted] = Field(max_length=100_000)
    deanonymizers: dict[str, dict[str, Any]] = Field(max_length=200)


class Item(BaseModel):
    """A replaced entity; offsets into the new text."""

    operator: str
    entity_type: str
    start: int
    end: int
    text: str


class AnonymizeResponse(BaseModel):
    """Presidio's response to both, entities from the last to the first."""

    text: str
    items: list[Item]


FIELDS = frozenset(
    name
    for model in (
        *(ScrubRequest, AnalyzeRequest, AdHoc, Pattern),
        *(AnonymizeRequest, Found, DeanonymizeRequest, Encrypted),
    )
    for name in model.model_fields
) | {"body", "query", "path", "language"}
