"""Halves -> events, as the intake would have got them: the same normalising, the same quarantine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

import msgspec

from driftlog.contract.errors import EventRefused
from driftlog.contract.events import DATASET_FEEDBACK, DATASET_PREDICTION
from driftlog.contract.payloads import NO_RESPONSE, PayloadDocument, prediction_id
from driftlog.contract.settings import ModelSettings
from driftlog.intake.arrival import Accepted, Arrival
from driftlog.intake.normalise import normalise
from driftlog.intake.quarantine import quarantine
from driftlog.intake.timestamps import format_timestamp
from driftlog.worker.pairing_requests import instances_of
from driftlog.worker.pairing_responses import Answers, answers_of, label_text
from driftlog.worker.pairing_tensors import check_instances, refuse

SOURCE: Final = "payloads"
"""``driftlog.source`` of what was made of payloads."""
DEFAULT: Final = "default"
"""The endpoint of a deployment with one predictor: no variant."""
MAX_EVENTS_BYTES: Final = 64_000_000
"""Of the events of one request, which are held in memory at once: a long text of a payload is in each of them."""


class HalfRefused(EventRefused):
    """Of a pair, the half that cannot be read."""

    def __init__(self, error: EventRefused, half: PayloadDocument) -> None:
        super().__init__(error.reason, error.message, field=error.field)
        self.half = half


def paired(
    request: PayloadDocument, response: PayloadDocument, model: ModelSettings, arrival: Arrival
) -> list[Accepted]:
    """The predictions of a request and its response, one an instance.

    Raises
    ------
    HalfRefused
        Nothing can be read of one of them; see `instances_of` and `answers_of`.
    """
    try:
        features = instances_of(_body(request), model.payloads)
    except EventRefused as error:
        raise HalfRefused(error, request) from error
    try:
        answers = answers_of(_body(response), model)
        if not answers.error_type and len(answers.predictions) != len(features):
            raise refuse(f"{len(features)} instances were asked for and {len(answers.predictions)} answered", "")
    except EventRefused as error:
        raise HalfRefused(error, response) from error
    try:
        return _accepted(_events(request, features, answers, model, _duration_ns(request, response)), arrival)
    except EventRefused as error:
        raise HalfRefused(error, request) from error


def unanswered(request: PayloadDocument, model: ModelSettings, arrival: Arrival) -> list[Accepted]:
    """The failed predictions of a request without response.

    Raises
    ------
    EventRefused
        Nothing can be read of it.
    """
    features = instances_of(_body(request), model.payloads)
    wait_s = model.payloads.pair_timeout.total_seconds()
    answers = Answers(error_type=NO_RESPONSE, error_message=f"no response was logged within {wait_s:g} s")
    return _accepted(_events(request, features, answers, model, None), arrival)


def feedback(half: PayloadDocument, model: ModelSettings, arrival: Arrival) -> list[Accepted]:
    """Seldon's feedback: ``truth`` of each instance, ``reward`` as a rating.

    The prediction is the one whose ``puid`` the feedback carries in ``response.meta`` or ``request.meta``, else that
    of the feedback's own request id.
    """
    body = _body(half)
    request_id = _puid(body, "response") or _puid(body, "request") or half.payload.request_id or ""
    truths = _truths(body.get("truth"), model.payloads.max_instances)
    n = max(len(truths), 1)
    digest = _digest(body)
    events = []
    for at in range(n):
        said: dict[str, Any] = {"prediction_id": prediction_id(request_id, at, n), "source": "seldon"}
        if truths:
            said["actual"] = truths[at] if model.task == "regression" else label_text(truths[at])
        if body.get("reward") is not None:
            said["rating"] = body["reward"]
        event = _common(half, model, DATASET_FEEDBACK, f"{half.payload.request_id}-feedback-{at}-{digest}")
        events.append(event | {"feedback": said})
    return _accepted(events, arrival)


def refused(half: PayloadDocument, error: EventRefused, arrival: Arrival) -> Accepted:
    """The quarantine document of a half."""
    raw = msgspec.json.encode(_body(half))
    names = half.payload.request_id or "", half.model.name or ""
    return quarantine(error, raw, arrival, position=half.payload.kind or "", index="", names=names)


def _accepted(events: Iterable[dict[str, Any]], arrival: Arrival) -> list[Accepted]:
    found, size_bytes = [], 0
    for event in events:
        accepted = normalise(msgspec.json.encode(event), arrival, may_splice=False)
        size_bytes += len(accepted.document)
        if size_bytes > MAX_EVENTS_BYTES:
            raise refuse(f"the events of this payload take more than {MAX_EVENTS_BYTES // 1_000_000} MB", "")
        found.append(accepted)
    return found


def _events(
    request: PayloadDocument,
    features: list[dict[str, Any]],
    answers: Answers,
    model: ModelSettings,
    duration: int | None,
) -> Iterable[dict[str, Any]]:
    n = len(features)
    for at, each in enumerate(features):
        event = _common(request, model, DATASET_PREDICTION, prediction_id(request.payload.request_id or "", at, n))
        if answers.version:
            event["model"]["version"] = answers.version
        if duration is not None:
            event["event"]["duration"] = duration
        event["features"] = each
        if answers.error_type:
            event["error"] = {"type": answers.error_type, "message": answers.error_message}
            event["event"]["outcome"] = "failure"
        else:
            event["prediction"] = {"task": model.task, **answers.predictions[at]}
        yield event


def _common(half: PayloadDocument, model: ModelSettings, dataset: str, id: str) -> dict[str, Any]:
    payload = half.payload
    named: dict[str, Any] = {"name": model.name}
    if payload.endpoint and payload.endpoint != DEFAULT:
        named["variant"] = payload.endpoint
    labels = {"namespace": payload.namespace, "node": payload.node}
    return {
        "@timestamp": format_timestamp(half.timestamp),
        "event": {"id": id, "dataset": dataset},
        "service": {"name": payload.service or model.service or model.name, "environment": model.environment},
        "model": named,
        "labels": {name: value for name, value in labels.items() if value},
    }


def _duration_ns(request: PayloadDocument, response: PayloadDocument) -> int | None:
    """From request to response; None where either has no time of its own, or the clocks went backwards."""
    began, ended = request.payload.time, response.payload.time
    if began is None or ended is None or ended < began:
        return None
    return _microseconds(ended, began) * 1000


def _microseconds(later: datetime, earlier: datetime) -> int:
    elapsed = later - earlier
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds


def _body(half: PayloadDocument) -> dict[str, Any]:
    return half.payload.body or {}


def _puid(body: dict[str, Any], part: str) -> str:
    message = body.get(part)
    meta = message.get("meta") if isinstance(message, dict) else None
    return str(meta.get("puid") or "") if isinstance(meta, dict) else ""


def _truths(truth: Any, limit: int) -> list[Any]:
    """One true value an instance."""
    if not isinstance(truth, dict):
        return []
    data = truth.get("data")
    rows = data.get("ndarray") if isinstance(data, dict) else None
    if rows is None and isinstance(data, dict) and isinstance(data.get("tensor"), dict):
        rows = data["tensor"].get("values")
    if rows is None:
        rows = [truth[name] for name in ("strData", "jsonData") if name in truth]
    if not isinstance(rows, list):
        raise refuse("the truth is no list", "truth")
    check_instances(len(rows), limit, "truth")
    found = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in rows]
    if any(isinstance(each, list | dict) or each is None for each in found):
        raise refuse("a truth is no single value", "truth")
    return found


def _digest(body: dict[str, Any]) -> str:
    return hashlib.blake2b(msgspec.json.encode(body, order="sorted"), digest_size=6).hexdigest()
