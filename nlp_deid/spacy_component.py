"""The pipeline as a spaCy component: `nlp.add_pipe("nlp_deid")` fills `doc.spans["phi"]`.

spaCy finds the factory and the scorer through entry points, so that importing nlp_deid never imports
spaCy; this module does. A Doc's text cannot change: the rewritten note is `doc._.deidentified`.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from spacy import util
from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.tokens import Span as DocSpan
from spacy.training import Example

from nlp_deid.deid import Deid, Deidentified, DeidError
from nlp_deid.labels import LABELS, check_label
from nlp_deid.note import Detector, Note, Span
from nlp_deid.pipeline import DEFAULT_PIPELINE, load
from nlp_deid.replace.keys import KEY_VARIABLE, Secret, read_key
from nlp_deid.spacy_marks import DATA, KEY, apart, extend, score_phi

_STATE = "nlp_deid.json"
ErrorHandler = Callable[[str, Any, list[Doc], Exception], Any]

extend()


class DeidComponent:
    """Marks identifiers in Docs and keeps the rewritten note beside them.

    A Doc is a note of its own unless `doc._.deid_patient` ties it to others; `doc._.deid_known` holds
    known values, label to values, and `doc._.deid_id` a name for messages.

    Args:
        deid: the pipeline that finds them.
        name: of the component.
        spans_key: the group of `doc.spans` that is filled.
        set_ents: also write the finds to `doc.ents`, where they win over entities they touch.
        rewrite: also make `doc._.deidentified`; without it only spans are found.
        take_ents: labels of entities in `doc.ents`, set by components before this one, to our labels;
            such entities are proposals like those of any detector.
        ents_score: the score of these proposals.
        scorer: of `nlp.evaluate`.
        recipe: arguments of `create_nlp_deid`, by which another process makes the component again.

    Raises:
        ValueError: `take_ents` names a label that is none of ours.
    """

    def __init__(
        self,
        deid: Deid,
        name: str = "nlp_deid",
        *,
        spans_key: str = KEY,
        set_ents: bool = False,
        rewrite: bool = True,
        take_ents: Mapping[str, str] | None = None,
        ents_score: float = 0.85,
        scorer: Callable[..., dict[str, Any]] | None = None,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        self.taken = {theirs: check_label(ours) for theirs, ours in (take_ents or {}).items()}
        self.deid = _with(deid, [_Taken()]) if self.taken else deid
        self.name, self.spans_key, self.set_ents, self.rewrite = name, spans_key, set_ents, rewrite
        self.ents_score, self.scorer, self._recipe = ents_score, scorer, recipe
        self._handle: ErrorHandler = util.raise_error

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label a span may have."""
        return tuple(LABELS)

    def __call__(self, doc: Doc) -> Doc:
        """Fill the group, a span a find, widened to whole tokens; set `doc._.deidentified`.

        The group's `attrs["found"]` holds the exact finds in the same order: start, end (characters),
        label, score, source.

        Raises:
            DeidError: a part failed; the Doc must not be passed on as searched.
        """
        [[result]] = self._results([[self._note(doc)]])
        if isinstance(result, DeidError):
            raise result
        return self._marked(doc, result)

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Like calling the component on every Doc, in order; Docs of one patient that follow each other go together.

        A Doc that fails goes to the error handler, by default a `DeidError`, and is never passed on.
        `batch_size` is spaCy's and not used: detectors get as many Docs at once as in `Deid.patients`.
        """
        waiting: deque[list[Doc]] = deque()

        def patients() -> Iterator[list[Note]]:
            for _, group in groupby(enumerate(stream), _same_patient):
                waiting.append([doc for _, doc in group])
                yield [self._note(doc) for doc in waiting[-1]]

        for results in self._results(patients()):
            for doc, result in zip(waiting.popleft(), results, strict=True):
                if isinstance(result, DeidError):
                    self._handle(self.name, self, [doc], result)
                else:
                    yield self._marked(doc, result)

    def _results(
        self, patients: Iterable[Sequence[Note]]
    ) -> Iterator[Sequence[Deidentified | list[Span] | DeidError]]:
        """What the pipeline makes of the notes of one patient after another."""
        if self.rewrite:
            yield from self.deid.patients(patients)
        else:
            yield from self.deid.detect_patients(patients)

    def _note(self, doc: Doc) -> Note:
        """The note of a Doc, which loses the marks of a former run."""
        doc.spans.pop(self.spans_key, None)
        doc.user_data.pop(DATA, None)
        spans = [
            Span(ent.start_char, ent.end_char, self.taken[ent.label_], self.ents_score, f"spacy:{ent.label_}")
            for ent in doc.ents
            if ent.label_ in self.taken
        ]
        return Note(doc.text, doc._.deid_id, doc._.deid_patient, doc._.deid_known or {}, spans)

    def _marked(self, doc: Doc, result: Deidentified | list[Span]) -> Doc:
        found = result if isinstance(result, list) else result.spans
        exact = [
            {"start": s.start, "end": s.end, "label": s.label, "score": s.score, "source": s.source}
            for s in found
        ]
        spans = [_widened(doc, span) for span in found]
        doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, spans=spans, attrs={"found": exact})
        if self.set_ents:
            doc.ents = apart([*spans, *doc.ents])
        if isinstance(result, Deidentified):
            changes = [[c.start, c.end, c.out_start, c.out_end, c.label, c.action] for c in result.changes]
            doc.user_data[DATA] = {"text": result.text, "found": exact, "changes": changes}
        return doc

    def score(self, examples: Iterable[Example], **kwargs: Any) -> dict[str, Any]:
        """The figures of `score_phi` by the configured scorer; nothing without one."""
        return {} if self.scorer is None else self.scorer(examples, spans_key=self.spans_key, **kwargs)

    def set_error_handler(self, error_handler: ErrorHandler) -> None:
        """What is called for a Doc that fails in `pipe`: spaCy's `nlp.set_error_handler`."""
        self._handle = error_handler

    def get_error_handler(self) -> ErrorHandler:
        """The handler in force."""
        return self._handle

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What the component was, to be checked when it is loaded. Its parts are those of the installation."""
        return json.dumps(self._state()).encode()

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> DeidComponent:
        """Check that this component does what the saved one did.

        Raises:
            ValueError: pipeline or policy differ. Another version of nlp-deid only warns.
        """
        return self._checked(json.loads(data))

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """As `to_bytes`, in a folder."""
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _STATE).write_bytes(self.to_bytes())

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> DeidComponent:
        """As `from_bytes`, from a folder.

        Raises:
            OSError: the file is missing.
        """
        return self.from_bytes((Path(path) / _STATE).read_bytes())

    def _state(self) -> dict[str, Any]:
        policy = self.deid.policy
        return {
            "version": version("nlp-deid"),
            "pipeline": self.deid.name,
            "policy": policy.name,
            "actions": dict(policy.actions),
        }

    def _checked(self, saved: Mapping[str, Any]) -> DeidComponent:
        mine = self._state()
        if other := [key for key in ("pipeline", "policy", "actions") if saved.get(key) != mine[key]]:
            raise ValueError(
                f"component {self.name!r}: {' and '.join(other)} of pipeline {mine['pipeline']!r}, policy"
                f" {mine['policy']!r} differ from what was saved; give the same files as when it was saved"
            )
        if saved.get("version") != mine["version"]:
            warnings.warn(
                f"component {self.name!r} was saved by nlp-deid {saved.get('version')}, this is"
                f" {mine['version']}: it may find other things",
                stacklevel=2,
            )
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        if self._recipe is None:
            return super().__reduce__()
        return _remade, (self.name, dict(self._recipe))


class _Taken(Detector):
    """Proposes the entities of the Doc that its note carries."""

    name = "take_ents"

    def find(self, note: Note) -> list[Span]:
        return list(note.spans)


def _with(deid: Deid, detectors: Sequence[Detector]) -> Deid:
    """The pipeline with more detectors."""
    more = copy(deid)
    more.detectors = [*deid.detectors, *detectors]
    return more


def _widened(doc: Doc, span: Span) -> DocSpan:
    """The whole tokens that a find touches."""
    made = doc.char_span(span.start, span.end, label=span.label, alignment_mode="expand")
    if made is None:
        raise ValueError(f"no tokens at [{span.start}, {span.end})")
    return made


def _same_patient(numbered: tuple[int, Doc]) -> tuple[str, int]:
    """A key that consecutive Docs of one patient share, and Docs without a patient do not."""
    number, doc = numbered
    patient = doc._.deid_patient
    return ("", number) if patient is None else (patient, -1)


def make_phi_scorer() -> Callable[..., dict[str, Any]]:
    """The scorer by its name in a config."""
    return score_phi


util.registry.scorers.register("nlp_deid.phi_scorer.v1", func=make_phi_scorer)


@Language.factory(
    "nlp_deid",
    assigns=["doc.spans", "doc._.deidentified"],
    default_config={
        "pipeline": DEFAULT_PIPELINE,
        "policy": None,
        "dictionaries": None,
        "surrogates": {},
        "key_file": None,
        "detectors": None,
        "spans_key": KEY,
        "set_ents": False,
        "rewrite": True,
        "take_ents": {},
        "ents_score": 0.85,
        "scorer": {"@scorers": "nlp_deid.phi_scorer.v1"},
    },
    default_score_weights={"phi_f": 0.5, "phi_p": 0.0, "phi_r": 0.0, "phi_redact": 0.5, "phi_per_type": None},
)
def create_nlp_deid(
    nlp: Language,
    name: str,
    pipeline: str = DEFAULT_PIPELINE,
    policy: str | None = None,
    dictionaries: str | None = None,
    surrogates: dict[str, Any] | None = None,
    key_file: str | None = None,
    detectors: Any = None,
    spans_key: str = KEY,
    set_ents: bool = False,
    rewrite: bool = True,
    take_ents: dict[str, str] | None = None,
    ents_score: float = 0.85,
    scorer: Callable[..., dict[str, Any]] | None = None,
) -> DeidComponent:
    """The factory.

    Args:
        nlp: the spaCy pipeline.
        name: of the component in it.
        pipeline, policy, dictionaries, surrogates: as for `nlp_deid.load`.
        key_file: the key of the surrogates; else NLP_DEID_KEY, else random ones of this process.
        detectors: a list of `Detector` to add, in a config `{"@misc": "a.registered.function"}`.
        spans_key, set_ents, rewrite, take_ents, ents_score, scorer: as for `DeidComponent`.

    Raises:
        PipelineError, PolicyError, DictionaryError, KeyFault, SurrogateFault: a name, file or option
            that cannot be used.
        TypeError: `detectors` is no list of detectors.
    """
    for label in LABELS:  # not first in a memory zone, which would forget them
        nlp.vocab.strings.add(label)
    recipe = {key: value for key, value in locals().items() if key not in ("nlp", "name", "label")}
    return _remade(name, recipe)


def _remade(name: str, recipe: dict[str, Any]) -> DeidComponent:
    """The component of a recipe."""
    options = dict(recipe)
    deid = load(
        options.pop("pipeline"),
        options.pop("policy"),
        options.pop("dictionaries"),
        {**(options.pop("surrogates") or {}), **_source(options.pop("key_file"))},
    )
    more = options.pop("detectors")
    if more is not None:
        if not isinstance(more, list) or not all(isinstance(detector, Detector) for detector in more):
            raise TypeError("detectors must be a list of nlp_deid.note.Detector")
        deid = _with(deid, more)
    return DeidComponent(deid, name, recipe=recipe, **options)


def _source(key_file: str | None) -> dict[str, Secret]:
    """The key that was given, as an option of surrogates; none if there is none."""
    if key_file is None and KEY_VARIABLE not in os.environ:
        return {}
    return {"source": Secret(read_key(None if key_file is None else Path(key_file)))}
