"""One line of bytes -> one document for one index, or the reason why not. Pure: same bytes, same arrival, same result.

`normalise` is what Logstash's filters do with the same bytes; `tests/conformance/intake` says it case by case.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import msgspec

from driftlog.contract.errors import EventRefused, NameRefused
from driftlog.contract.events import (
    DATASET_FEEDBACK,
    DATASET_PREDICTION,
    DATASET_RESOURCE,
    MAX_ID_BYTES,
)
from driftlog.contract.names import check_feature_name, check_model_name
from driftlog.intake.arrival import Accepted, Arrival, Rules
from driftlog.intake.decode import decode_object
from driftlog.intake.fields import GROUPS, convert_group, flatten, refuse, to_keyword
from driftlog.intake.lift import lift
from driftlog.intake.splice import splice
from driftlog.intake.timestamps import format_timestamp, parse_timestamp

_KINDS: Final = {DATASET_PREDICTION: "predictions", DATASET_FEEDBACK: "feedback", DATASET_RESOURCE: "resources"}
_encode: Final = msgspec.json.Encoder().encode


def normalise(raw: bytes, arrival: Arrival, *, may_splice: bool = True) -> Accepted:
    """What is stored of the line `raw`.

    Parameters
    ----------
    raw
        One event without its newline.
    arrival
        When and how it came, and the rules.
    may_splice
        Whether the sender's own bytes may become the document when they are already as they should be.

    Raises
    ------
    EventRefused
        With a reason of `QUARANTINE_REASONS`; the caller writes the quarantine document.
    """
    if len(raw) > arrival.rules.max_event_bytes:
        raise too_large(len(raw), arrival.rules)
    if may_splice:
        accepted = splice(raw, arrival)
        if accepted is not None:
            return accepted
    return _normalise_object(decode_object(raw), raw, arrival)


def too_large(size_bytes: int, rules: Rules) -> EventRefused:
    return EventRefused(
        "too_large", f"the event has {size_bytes} bytes, more than max_event_bytes ({rules.max_event_bytes})"
    )


def _normalise_object(event: dict[str, Any], raw: bytes, arrival: Arrival) -> Accepted:
    lift(event)
    model = _check_model(event)
    _keep_actual_number(event)
    for group in GROUPS:
        if group in event:
            convert_group(group, event[group])
    _convert_labels(event)
    if "message" in event and not isinstance(event["message"], str):
        event["message"] = _encode(event["message"]).decode()
    meta = event.setdefault("event", {})
    dataset = meta["dataset"] = _dataset(event, meta)
    if dataset != DATASET_RESOURCE and not model:
        raise EventRefused("missing_model", "model.name is missing", field="model.name")
    timestamp = event["@timestamp"] = check_timestamp(event.get("@timestamp"), arrival)
    _CHECKS[dataset](event, arrival)
    event_id = meta["id"] = _event_id(meta, raw)
    meta["ingested"] = arrival.ingested
    event.setdefault("driftlog", {})["source"] = arrival.source
    kind = _KINDS[dataset]
    rules = arrival.rules
    index = rules.predictions_index(model, timestamp) if kind == "predictions" else rules.monthly_index(kind, timestamp)
    return Accepted(kind, model, index, event_id, meta.get("hash", ""), _encode(event), raw)


def _check_model(event: dict[str, Any]) -> str:
    model = event.get("model")
    name = model.get("name") if isinstance(model, dict) else None
    if name is None or name == "":
        if model is not None and not isinstance(model, dict):
            raise EventRefused(
                "missing_model",
                f"model.name is missing: model must be an object (got {model!r:.80})",
                field="model.name",
            )
        return ""
    try:
        return check_model_name(name)
    except NameRefused as error:
        raise EventRefused("illegal_model_name", error.message, field="model.name") from error


def _dataset(event: dict[str, Any], meta: dict[str, Any]) -> str:
    """The dataset that the event names, else the one its fields tell."""
    named = meta.get("dataset")
    if named:
        if named in _KINDS:
            return str(named)
        raise EventRefused(
            "unknown_dataset", f"event.dataset {named!r:.80} is not one of {', '.join(_KINDS)}", field="event.dataset"
        )
    if "feedback" in event:
        return DATASET_FEEDBACK
    if "features" in event or "prediction" in event or "error" in event:
        return DATASET_PREDICTION
    if "resource" in event:
        return DATASET_RESOURCE
    raise EventRefused(
        "unknown_dataset",
        "event.dataset is missing and there is none of features, prediction, error, feedback, resource",
        field="event.dataset",
    )


def check_timestamp(value: object, arrival: Arrival) -> str:
    """The time of an event in UTC with microseconds; refused where it is none, or not one that is accepted."""
    if value is None or value == "":
        raise EventRefused("missing_timestamp", "@timestamp is missing", field="@timestamp")
    when = parse_timestamp(value) if isinstance(value, str) else None
    if when is None:
        raise EventRefused(
            "illegal_timestamp", f"@timestamp is not an ISO 8601 time (got {value!r:.80})", field="@timestamp"
        )
    if when < arrival.oldest:
        raise EventRefused(
            "too_old", f"@timestamp {value} is older than max_age ({arrival.rules.max_age})", field="@timestamp"
        )
    if when > arrival.newest:
        raise EventRefused(
            "in_the_future",
            f"@timestamp {value} is more than max_ahead ({arrival.rules.max_ahead}) after {arrival.ingested}",
            field="@timestamp",
        )
    return format_timestamp(when)


def _event_id(meta: dict[str, Any], raw: bytes) -> str:
    """``event.id``, or the SHA-256 of the line in hexadecimal (Logstash: ``fingerprint { method => "SHA256" }``)."""
    event_id = meta.get("id")
    if not event_id:
        return hashlib.sha256(raw).hexdigest()
    if len(event_id.encode()) > MAX_ID_BYTES:
        raise refuse("event.id", event_id, f"is longer than {MAX_ID_BYTES} bytes")
    return str(event_id)


def _convert_labels(event: dict[str, Any]) -> None:
    if "labels" in event:
        flat = {key: _as_text(value) for key, value in flatten(event["labels"]).items() if value is not None}
        event["labels"] = flat


def _as_text(value: Any) -> str:
    return _encode(value).decode() if isinstance(value, list) else to_keyword(value, "labels")


def _check_prediction(event: dict[str, Any], arrival: Arrival) -> None:
    if "features" in event:
        event["features"] = _features(event["features"], arrival)
    if not event.get("features") and not event.get("prediction") and not event.get("error"):
        raise EventRefused("missing_prediction", "a prediction event without features, prediction or error")
    event["event"].setdefault("outcome", "failure" if event.get("error") else "success")


def _features(features: dict[str, Any], arrival: Arrival) -> dict[str, Any]:
    """Scalars as they are; objects as dotted names; a list as its JSON text.

    Elasticsearch counts that text as malformed in a numeric field, and as a category elsewhere.
    """
    flat = flatten(features)
    rules = arrival.rules
    if len(flat) > rules.max_features:
        raise EventRefused(
            "too_many_fields", f"{len(flat)} features, more than max_features ({rules.max_features})", field="features"
        )
    if not rules.knows_features(flat):
        for name in flat:
            try:
                rules.remember_feature(check_feature_name(name))
            except NameRefused as error:
                raise EventRefused("illegal_field", error.message, field="features") from error
    for name, value in flat.items():
        if isinstance(value, list):
            flat[name] = _encode(value).decode()
    return flat


def _check_feedback(event: dict[str, Any], _arrival: Arrival) -> None:
    feedback = event.get("feedback") or {}
    if not feedback.get("prediction_id"):
        raise EventRefused(
            "missing_prediction_id", "feedback without feedback.prediction_id", field="feedback.prediction_id"
        )
    if not any(feedback.get(field) is not None for field in ("actual", "actual_value", "rating", "comment")):
        raise EventRefused(
            "missing_feedback", "feedback without actual, actual_value, rating or comment", field="feedback"
        )


def _keep_actual_number(event: dict[str, Any]) -> None:
    """A number in ``feedback.actual`` is the true value of a regression as well as a label."""
    feedback = event.get("feedback")
    actual = feedback.get("actual") if isinstance(feedback, dict) else None
    if isinstance(actual, (int, float)) and not isinstance(actual, bool):
        event["feedback"].setdefault("actual_value", actual)


def _check_resource(event: dict[str, Any], _arrival: Arrival) -> None:
    if not event.get("resource"):
        raise EventRefused("missing_resource", "a resource event without measurements", field="resource")


_CHECKS: Final = {
    DATASET_PREDICTION: _check_prediction,
    DATASET_FEEDBACK: _check_feedback,
    DATASET_RESOURCE: _check_resource,
}
