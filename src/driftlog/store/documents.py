"""Contract values as documents and back: measurements, alerts, run records.

Kibana reads these documents, so model, version, variant and environment stand where events have them
(``model.*``, ``service.environment``); everything else keeps the name it has in the contract. Numbers that are not
finite become null or are left out: they would refuse the document.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from driftlog.contract.alert import ACTIVE, Alert
from driftlog.contract.events import MAX_ID_BYTES
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.records import RunRecord
from driftlog.store.values import Document

_ALERT_GROUP: Final = (
    "key",
    "episode",
    "status",
    "severity",
    "title",
    "message",
    "opened",
    "updated",
    "resolved",
    "resolution",
    "windows",
    "assignee",
    "acknowledged",
    "acknowledged_by",
    "snoozed_until",
    "muted_by",
    "silenced_by",
    "escalations",
    "escalated",
    "resolved_by",
    "cause",
    "lesson",
    "false_alarm",
    "settled",
    "objectives",
    "runbook",
    "suggested",
)


def document_id(text: str) -> str:
    """`text` as a document id: itself, or its digest where it is too long.

    >>> document_id("churn|production"), len(document_id("x" * 600))
    ('churn|production', 32)
    """
    raw = text.encode()
    return text if len(raw) <= MAX_ID_BYTES else hashlib.blake2b(raw, digest_size=16).hexdigest()


def measurement_document(measurement: Measurement, *, term: int) -> Document:
    """A measurement as a document of ``<prefix>-results.*``.

    ``{"@timestamp": end of the window, "window": {start, end}, "model": {name, version, variant}, "service":
    {environment}, "series": key, "reference": {id, value}, "metric", "field", "value", ..., "severity": 0|1|2|3}``
    """
    rest = finite_measurement(measurement)
    window = rest.pop("window")
    document = _series(rest) | {
        "@timestamp": window["end"],
        "window": window,
        "series": measurement.series,
        "reference": {
            "id": rest.pop("reference_id", ""),
            "value": rest.pop("reference_value", None),
        },
        "severity": SEVERITY[measurement.verdict],
        "term": term,
    }
    always = {
        "field": measurement.field,
        "segment": measurement.segment,
        "verdict": measurement.verdict,
        "revision": measurement.revision,
        "n_reference": measurement.n_reference,
        "n_current": measurement.n_current,
    }
    return document | rest | always


def measurement_of(document: Mapping[str, Any]) -> Measurement:
    """The measurement in a document made by `measurement_document`."""
    fields = _without_series(document)
    reference = fields.pop("reference", {})
    for derived in ("@timestamp", "series", "severity", "term"):
        fields.pop(derived, None)
    fields["reference_id"] = reference.get("id", "")
    fields["reference_value"] = reference.get("value")
    return msgspec.convert(fields, Measurement)


def alert_document(alert: Alert, *, term: int) -> Document:
    """An alert as a document of ``<prefix>-alerts``; `evidence` and `latest` are whole measurements, kept unindexed.

    ``{"@timestamp": updated, "alert": {id, handle, key, episode, status, active, severity, title, assignee, muted,
    silenced, snoozed, last: {number, kind, at, by}, ...}, "model", "service", "metric", "field", "value": the newest,
    "members": [...], "evidence": {...}, "latest": {...}, "history": [...], "deliveries": [...]}``

    What a rule would filter on stands flat below ``alert`` and is there in every document; `history`, `deliveries` and
    the measurements are kept unindexed.
    """
    rest: Document = _finite(msgspec.to_builtins(alert))
    group = {name: rest.pop(name) for name in _ALERT_GROUP if name in rest}
    document: Document = {
        **_series(rest),
        "@timestamp": group["updated"],
        "alert": _flat(alert) | group,
        "evidence": finite_measurement(alert.evidence),
        "latest": finite_measurement(alert.latest),
        "value": _finite(alert.latest.value),
        "verdict": alert.latest.verdict,
        "term": term,
    }
    rest.pop("evidence")
    rest.pop("latest")
    return document | rest | {"field": alert.field, "segment": alert.segment}


def _flat(alert: Alert) -> Document:
    """What rules and watches filter on."""
    last = alert.history[-1] if alert.history else None
    return {
        "id": alert.id,
        "handle": alert.handle,
        "active": alert.status in ACTIVE,
        "windows": alert.windows,
        "assignee": alert.assignee,
        "snoozed": alert.snoozed_until is not None,
        "muted": bool(alert.muted_by),
        "silenced": bool(alert.silenced_by),
        "escalations": alert.escalations,
        "objectives": list(alert.objectives),
        "runbook": alert.runbook,
        "last": {"number": last.number, "kind": last.kind, "at": last.at, "by": last.by} if last else {},
    }


_FLAT: Final = ("id", "handle", "active", "snoozed", "muted", "silenced", "last")
"""Of `_flat`, what follows from the rest."""


def alert_of(document: Mapping[str, Any]) -> Alert:
    """The alert in a document made by `alert_document`."""
    fields = _without_series(document)
    fields |= fields.pop("alert")
    for derived in ("@timestamp", "value", "verdict", "term", *_FLAT):
        fields.pop(derived, None)
    return msgspec.convert(fields, Alert)


def run_document(record: RunRecord) -> Document:
    """A run record as a document of ``<prefix>-runs.*``; ``@timestamp`` is when it started."""
    rest: Document = _finite(msgspec.to_builtins(record))
    rest["durations_ms"] = {name: ms for name, ms in rest.get("durations_ms", {}).items() if ms is not None}
    return {
        "@timestamp": rest["started"],
        "model": {"name": rest.pop("model")},
        "service": {"environment": rest.pop("environment", "")},
        "duration_s": (record.finished - record.started).total_seconds(),
        **rest,
    }


def run_of(document: Mapping[str, Any]) -> RunRecord:
    """The run record in a document made by `run_document`."""
    fields = dict(document)
    fields["model"] = document["model"]["name"]
    fields["environment"] = document["service"]["environment"]
    for derived in ("@timestamp", "duration_s", "service"):
        fields.pop(derived, None)
    return msgspec.convert(fields, RunRecord)


def finite_measurement(measurement: Measurement) -> Document:
    """A measurement as parsed JSON without NaN and infinity: null, or left out where null would not be read back."""
    fields: Document = _finite(msgspec.to_builtins(measurement))
    if "details" in fields:
        fields["details"] = {name: value for name, value in fields["details"].items() if value is not None}
    if fields.get("chunks") and None in fields["chunks"].values():
        fields["chunks"] = None
    return fields


def finite_of(value: msgspec.Struct) -> Document:
    """A value of the contract as parsed JSON, numbers that are not finite as null."""
    fields: Document = _finite(msgspec.to_builtins(value))
    return fields


def _series(fields: dict[str, Any]) -> Document:
    """Move the fields that say what a document is about into ECS groups."""
    return {
        "model": {
            "name": fields.pop("model"),
            "version": fields.pop("version", "*"),
            "variant": fields.pop("variant", "*"),
        },
        "service": {"environment": fields.pop("environment")},
    }


def _without_series(document: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(document)
    model = fields.pop("model")
    environment = fields.pop("service")["environment"]
    return fields | {
        "model": model["name"],
        "version": model["version"],
        "variant": model["variant"],
        "environment": environment,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return value
