"""CloudEvents over HTTP, as Seldon Core and KServe log payloads: one request -> the halves in it.

Three forms. Binary: the attributes are headers (``ce-type``, ``ce-id``...), the body is the payload itself; this is
what both platforms send. Structured: ``application/cloudevents+json``, an object with the attributes and ``data``.
Batch: ``application/cloudevents-batch+json``, an array of these.

`read_half` is what Logstash's filter ``cloud_events.rb`` does with the same request; ``tests/conformance/intake`` says
it case by case.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from driftlog.contract.errors import EventRefused, NameRefused
from driftlog.contract.events import DriftlogGroup, EventGroup, ModelGroup
from driftlog.contract.names import check_model_name
from driftlog.contract.payloads import (
    EVENT_TYPES,
    MAX_DEPTH,
    MAX_REQUEST_ID_BYTES,
    PayloadDocument,
    PayloadGroup,
    half_id,
)
from driftlog.intake.arrival import Accepted, Arrival
from driftlog.intake.decode import decode_object, too_deep
from driftlog.intake.framing import Line, elements
from driftlog.intake.normalise import check_timestamp, too_large

PATH: Final = re.compile(r"/cloudevents(?:/([^/]*))?/?\Z")
"""``/cloudevents``, or ``/cloudevents/MODEL`` where the name of the deployment is not the model's."""
STRUCTURED: Final = "application/cloudevents"
BATCH: Final = "application/cloudevents-batch"
_BODY_KEYS: Final = ("data", "data_base64")


class CloudEvent(Line, frozen=True, gc=False):
    """One event of a request: `raw` is its payload."""

    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    model_of_path: str = ""


def is_cloud_event(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a request holds CloudEvents: by its path, its content type, or the header ``ce-type``.

    >>> is_cloud_event("/", {"ce-type": "x"}), is_cloud_event("/cloudevents/churn", {}), is_cloud_event("/", {})
    (True, True, False)
    """
    kind = headers.get("content-type", "")
    return "ce-type" in headers or PATH.match(path) is not None or kind.startswith(STRUCTURED)


def split_events(path: str, headers: Mapping[str, str], body: bytes) -> Iterator[CloudEvent]:
    """The events of a request; names of `headers` are in lower case."""
    match = PATH.match(path)
    model = match[1] if match is not None and match[1] else ""
    kind = headers.get("content-type", "")
    if not kind.startswith(STRUCTURED):
        named = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
        if named or body:
            yield CloudEvent(body, 1, 0, attributes=named, model_of_path=model)
        return
    values = elements(body) if kind.startswith(BATCH) else [body]
    for number, raw in enumerate(values, 1):
        named, payload = _structured(raw)
        yield CloudEvent(payload, number, 0, attributes=named, model_of_path=model)


def read_half(line: Line, arrival: Arrival) -> Accepted:
    """What is stored of one event.

    Raises
    ------
    EventRefused
        With a reason of `QUARANTINE_REASONS`.
    """
    if not isinstance(line, CloudEvent):
        raise TypeError("a line of a CloudEvents request is wanted")
    rules, named = arrival.rules, line.attributes
    if len(line.raw) > rules.max_event_bytes:
        raise too_large(len(line.raw), rules)
    if too_deep(line.raw, MAX_DEPTH):
        raise EventRefused(
            "illegal_payload", f"the payload is nested deeper than {MAX_DEPTH} levels", field="payload.body"
        )
    kind = EVENT_TYPES.get(named.get("type", ""))
    if kind is None:
        raise EventRefused(
            "unknown_event_type", f"ce-type {named.get('type', '')!r:.80} is not one of {', '.join(EVENT_TYPES)}",
            field="type",
        )  # fmt: skip
    request_id = request_id_of(named)
    model = _model(line)
    given = named.get("time", "")
    timestamp = check_timestamp(given, arrival) if given else arrival.ingested
    body = decode_object(line.raw)
    document = PayloadDocument(
        timestamp=datetime.fromisoformat(timestamp),
        event=EventGroup(id=request_id, ingested=arrival.now),
        model=ModelGroup(name=model),
        driftlog=DriftlogGroup(source=arrival.source),
        payload=PayloadGroup(
            kind=kind,
            state="waiting",
            request_id=request_id,
            time=datetime.fromisoformat(timestamp) if given else None,
            type=named["type"],
            source=named.get("source") or None,
            service=named.get("inferenceservicename") or None,
            namespace=named.get("namespace") or None,
            endpoint=named.get("endpoint") or None,
            node=named.get("modelid") or None,
            size_bytes=len(line.raw),
            body=body,
        ),
    )
    id = half_id(model, named.get("id") or request_id if kind == "feedback" else request_id, kind)
    index = rules.monthly_index("payloads", timestamp)
    return Accepted("payloads", model, index, id, "", msgspec.json.encode(document), line.raw)


def identity(line: Line) -> tuple[str, str] | None:
    """Request id and legal model name of an event, for its quarantine document; None where the line is none."""
    if not isinstance(line, CloudEvent):
        return None
    try:
        request_id = request_id_of(line.attributes)
    except EventRefused:
        request_id = ""
    try:
        return request_id, _model(line)
    except EventRefused:
        return request_id, ""


def request_id_of(named: Mapping[str, str]) -> str:
    """What request and response have in common: ``ce-requestid`` (Seldon, where ``ce-id`` is new each time), else
    ``ce-id`` (KServe)."""
    request_id = named.get("requestid") or named.get("id") or ""
    if not request_id:
        raise EventRefused("missing_request_id", "the CloudEvent has neither ce-requestid nor ce-id", field="id")
    if len(request_id.encode()) > MAX_REQUEST_ID_BYTES:
        raise EventRefused(
            "illegal_field", f"the request id is longer than {MAX_REQUEST_ID_BYTES} bytes", field="payload.request_id"
        )
    return request_id


def _model(line: CloudEvent) -> str:
    name = line.model_of_path or line.attributes.get("inferenceservicename", "")
    if not name:
        raise EventRefused(
            "missing_model",
            "the CloudEvent has no ce-inferenceservicename; name the model in the logger's URL: /cloudevents/MODEL",
            field="model.name",
        )
    try:
        return check_model_name(name)
    except NameRefused as error:
        raise EventRefused("illegal_model_name", error.message, field="model.name") from error


def _structured(raw: bytes) -> tuple[dict[str, str], bytes]:
    """Attributes and payload of an object; no attributes, and the bytes themselves, where it is none."""
    if too_deep(raw, MAX_DEPTH + 1):
        return {}, raw
    try:
        found: dict[str, Any] = decode_object(raw)
    except EventRefused:
        return {}, raw
    named = {
        name.lower(): value if isinstance(value, str) else msgspec.json.encode(value).decode()
        for name, value in found.items()
        if name not in _BODY_KEYS and isinstance(value, str | int | float)
    }
    if "data_base64" in found:
        try:
            return named, base64.b64decode(str(found["data_base64"]), validate=True)
        except (binascii.Error, ValueError):
            return named, str(found["data_base64"]).encode()
    data = found.get("data")
    return named, data.encode() if isinstance(data, str) else msgspec.json.encode(data)
