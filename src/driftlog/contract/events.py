"""Events as they are stored: Elastic Common Schema where it has a field, driftlog's own groups beside it.

These structs are the specification of the documents; `index_templates/` maps the same fields, and a test holds the
two equal. ``features``, ``prediction.probabilities``, ``prediction.attributions`` and ``labels`` are open objects.
Unknown top-level fields of an incoming event are kept in ``_source`` and are not indexed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

DATASET_PREDICTION: Final = "driftlog.prediction"
DATASET_FEEDBACK: Final = "driftlog.feedback"
DATASET_RESOURCE: Final = "driftlog.resource"

Task = Literal["binary", "multiclass", "regression"]
TASKS: Final = ("binary", "multiclass", "regression")
Scalar = float | int | str | bool | None

MAX_ID_BYTES: Final = 512
"""Elasticsearch's limit for a document id."""
MAX_KEYWORD_CHARS: Final = 1024
"""Longer keyword values are stored but not indexed (``ignore_above``)."""
MAX_QUARANTINE_RAW_BYTES: Final = 32_768
"""Raw text kept of a refused event; its full length is in ``quarantine.size_bytes``."""

QUARANTINE_REASONS: Final[dict[str, str]] = {
    "not_json": "the line is not JSON (NaN and Infinity literals included)",
    "not_an_object": "the line is JSON, but not an object",
    "too_large": "the event is larger than the intake accepts",
    "unknown_dataset": "neither event.dataset nor the fields say what this is",
    "missing_model": "model.name is missing",
    "illegal_model_name": "model.name is not a model name",
    "unknown_model": "no such model is registered",
    "missing_timestamp": "@timestamp is missing",
    "illegal_timestamp": "@timestamp is not a time",
    "too_old": "@timestamp is older than the largest accepted age",
    "in_the_future": "@timestamp lies more than five minutes in the future",
    "missing_prediction": "a prediction event without prediction, features or error",
    "missing_prediction_id": "feedback without feedback.prediction_id",
    "missing_feedback": "feedback without actual, rating or comment",
    "missing_resource": "a resource event without measurements",
    "illegal_field": "a field has a type that cannot be stored",
    "too_many_fields": "more features than an index accepts",
    "unknown_event_type": "a CloudEvent that is no inference request, response or feedback",
    "missing_request_id": "a CloudEvent without id",
    "illegal_payload": "a payload of which no prediction can be read",
    "missing_feature_names": "a payload without names of its columns, and none are configured",
    "no_request": "a response whose request did not come",
    "late_response": "a response after its request was taken for failed",
    "id_reused": "another event with other content has this event.id",
    "rejected": "Elasticsearch refused the document",
}
"""Reasons of quarantine, as stored in ``quarantine.reason``."""


class Group(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Base of the objects inside an event: fields that are None are left out."""


class EventGroup(Group):
    id: str | None = None
    dataset: str | None = None
    ingested: datetime | None = None
    duration: int | None = None
    """Nanoseconds the model took."""
    outcome: Literal["success", "failure"] | None = None
    hash: str | None = None
    """Hash of the content the sender meant; tells a re-send from an id used twice."""


class ServiceGroup(Group):
    name: str | None = None
    version: str | None = None
    environment: str | None = None


class HostGroup(Group):
    name: str | None = None


class TraceGroup(Group):
    id: str | None = None


class SubjectGroup(Group):
    id: str | None = None
    """Hashed before it leaves the process."""


class ErrorGroup(Group):
    type: str | None = None
    message: str | None = None
    stack_trace: str | None = None


class ModelGroup(Group):
    name: str | None = None
    version: str | None = None
    variant: str | None = None


class PredictionGroup(Group):
    task: Task | None = None
    label: str | None = None
    value: float | None = None
    score: float | None = None
    """Probability of the positive class (binary) or of the predicted class (multiclass)."""
    probabilities: dict[str, float | None] | None = None
    attributions: dict[str, float | None] | None = None


class FeedbackGroup(Group):
    prediction_id: str | None = None
    actual: str | None = None
    """The true label, as a string (classification)."""
    actual_value: float | None = None
    """The true value (regression)."""
    rating: float | None = None
    comment: str | None = None
    source: str | None = None
    """Who says so: ``survey`` (a form), ``label`` (labelling that was asked for), or a name of your own."""
    answers: dict[str, str] | None = None
    """Further answers of a survey, by name of the question."""


class ResourceGroup(Group):
    cpu_percent: float | None = None
    """Of one core: 200 means two cores are busy."""
    memory_bytes: int | None = None
    """Resident memory of the process."""
    host_cpu_percent: float | None = None
    host_memory_percent: float | None = None
    gpu_percent: float | None = None
    gpu_memory_bytes: int | None = None
    storage_used_bytes: int | None = None
    storage_used_percent: float | None = None
    threads: int | None = None
    open_files: int | None = None
    spool_events: int | None = None
    """Events of the process that wait for delivery."""
    spool_bytes: int | None = None
    """Disk used by its spool."""
    events_dropped: int | None = None
    """Events lost since the process started because the spool was full; alert on any."""


class DriftlogGroup(Group):
    nonfinite: list[str] | None = None
    """Dotted names of fields whose NaN or infinity became null."""
    shipper: str | None = None
    """Version of driftlog that wrote the event."""
    source: str | None = None
    """How it came: http, tcp, file, import."""


class ProcessGroup(Group):
    pid: int | None = None
    name: str | None = None


class _Event(msgspec.Struct, omit_defaults=True, kw_only=True):
    timestamp: datetime | None = msgspec.field(default=None, name="@timestamp")
    event: EventGroup = msgspec.field(default_factory=EventGroup)
    service: ServiceGroup | None = None
    host: HostGroup | None = None
    process: ProcessGroup | None = None
    trace: TraceGroup | None = None
    labels: dict[str, str] | None = None
    model: ModelGroup | None = None
    driftlog: DriftlogGroup | None = None


class PredictionEvent(_Event):
    """One call of a model; a failed call has ``event.outcome: failure`` and ``error``."""

    features: dict[str, Scalar] | None = None
    prediction: PredictionGroup | None = None
    subject: SubjectGroup | None = None
    error: ErrorGroup | None = None
    message: str | None = None


class FeedbackEvent(_Event):
    """Ground truth, a rating or a comment on one prediction; ``@timestamp`` is when it became known."""

    feedback: FeedbackGroup | None = None
    subject: SubjectGroup | None = None


class ResourceEvent(_Event):
    """One sample of a serving process and its host."""

    resource: ResourceGroup | None = None


class QuarantineGroup(Group):
    reason: str
    message: str = ""
    field: str | None = None
    raw: str | None = None
    size_bytes: int = 0
    source: str | None = None
    index: str | None = None
    """Where the event would have gone."""


class QuarantinedEvent(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A refused event; ``@timestamp`` is the time of arrival, because the event's own may be what is wrong."""

    timestamp: datetime = msgspec.field(name="@timestamp")
    event: EventGroup = msgspec.field(default_factory=EventGroup)
    model: ModelGroup | None = None
    quarantine: QuarantineGroup


class OutcomeGroup(Group):
    """A prediction joined with its truth; the error measures are per row, so that their sums are exact."""

    actual: str | None = None
    actual_value: float | None = None
    predicted: str | None = None
    predicted_value: float | None = None
    score: float | None = None
    correct: bool | None = None
    error: float | None = None
    """predicted - actual (regression)."""
    absolute_error: float | None = None
    squared_error: float | None = None
    """Of the value (regression) or of the score: the Brier contribution (binary)."""
    log_loss: float | None = None
    """Natural logarithm, score clipped to [1e-15, 1 - 1e-15]."""
    delay_s: float | None = None
    """From the prediction to its truth."""
    prediction_id: str | None = None
    relative_error: float | None = None
    """|error / actual|; absent where the actual value is zero."""
    probabilities: dict[str, float] | None = None
    """By class, of multiclass predictions; at most 50 classes."""
    segments: list[str] | None = None
    """Names of the segments the prediction is in, of the binning it was joined under."""
    source: str | None = None
    """``feedback.source`` of the truth."""


class OutcomeDocument(msgspec.Struct, omit_defaults=True, kw_only=True):
    """``@timestamp`` is the prediction's; ``event.ingested`` is when the outcome was joined."""

    timestamp: datetime = msgspec.field(name="@timestamp")
    event: EventGroup = msgspec.field(default_factory=EventGroup)
    service: ServiceGroup | None = None
    model: ModelGroup
    subject: SubjectGroup | None = None
    outcome: OutcomeGroup


class OpinionGroup(Group):
    """One thing that one source says about one prediction; what is said later takes its place."""

    prediction_id: str | None = None
    source: str | None = None
    """``feedback.source``; empty where the feedback names none."""
    aspect: Literal["rating", "choice", "label", "comment", "response"] | None = None
    """``response``: that somebody said anything at all, once a prediction whatever the source."""
    question: str | None = None
    """Name of a survey's question; empty for ``feedback.rating``, label and comment."""
    rating: float | None = None
    choice: str | None = None
    label: str | None = None
    value: float | None = None
    """The label of a regression."""


class OpinionDocument(msgspec.Struct, omit_defaults=True, kw_only=True):
    """``@timestamp`` is the prediction's; ``event.id`` the feedback's, ``event.ingested`` when they were joined."""

    timestamp: datetime = msgspec.field(name="@timestamp")
    event: EventGroup = msgspec.field(default_factory=EventGroup)
    service: ServiceGroup | None = None
    model: ModelGroup
    subject: SubjectGroup | None = None
    opinion: OpinionGroup
