"""Documents of an hour in which much goes wrong, written as the product writes them, and taken away again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from driftlog.contract.alert import Alert
from driftlog.contract.events import (
    ErrorGroup,
    EventGroup,
    ModelGroup,
    PredictionEvent,
    QuarantinedEvent,
    QuarantineGroup,
)
from driftlog.contract.measurement import Measurement, Purpose, Verdict
from driftlog.contract.names import INSTALLATION
from driftlog.contract.window import Window
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store
from driftlog.store.results import write_measurements

MODEL = "watched-by-rules"
ENVIRONMENT = "production"
NOW = datetime(2025, 6, 3, 12, tzinfo=UTC)
"""Long before anything else that is seeded, and after the demo's flights."""
_WINDOW = Window(NOW - timedelta(days=1), NOW - timedelta(hours=1))


@contextmanager
def seeded(store: Store) -> Iterator[None]:
    """The documents are there and searchable inside the block."""
    try:
        for n in range(3):
            _failed_prediction(store, n)
            _refused(store, n)
        term = time.time_ns() // 1000  # a document that was deleted a moment ago refuses an older one
        write_measurements(store, [*_measurements()], term=term)
        write_alerts(store, [*_alerts()], term=term)
        store.refresh(store.names.everything)
        yield
    finally:
        _take_away(store)


def _take_away(store: Store) -> None:
    names = store.names
    ours = {"term": {"model.name": MODEL}}
    patterns = (names.all_predictions(MODEL), names.every("quarantine"), names.every("results"), names.alerts)
    found = [hit for pattern in patterns for hit in store.scan(pattern, ours, source=False)]
    for hit in found:
        store.delete(hit["_index"], hit["_id"])
    store.delete(names.alerts, _silent().id)
    store.refresh(names.everything)


def _failed_prediction(store: Store, n: int) -> None:
    at = NOW - timedelta(minutes=n)
    event = PredictionEvent(
        timestamp=at,
        event=EventGroup(id=f"failed-{n}", dataset="driftlog.prediction", ingested=at, outcome="failure"),
        model=ModelGroup(name=MODEL, version="1"),
        error=ErrorGroup(type="ValueError", message="no such column"),
    )
    store.create(store.names.predictions(MODEL, at), f"failed-{n}", event)


def _refused(store: Store, n: int) -> None:
    at = NOW - timedelta(minutes=10 * n)
    event = QuarantinedEvent(
        timestamp=at,
        event=EventGroup(id=f"refused-{n}", ingested=at),
        model=ModelGroup(name=MODEL),
        quarantine=QuarantineGroup(reason="bad_field", message="no", field="x", raw="{}", size_bytes=2, source="http"),
    )
    store.create(store.names.monthly("quarantine", at), f"rules-refused-{n}", event)


def _measured(metric: str, purpose: Purpose, value: float, verdict: Verdict = "ok", **more: Any) -> Measurement:
    return Measurement(
        model=MODEL,
        environment=ENVIRONMENT,
        metric=metric,
        purpose=purpose,
        window=_WINDOW,
        value=value,
        verdict=verdict,
        computed=NOW,
        **more,
    )


def _measurements() -> Iterator[Measurement]:
    """Of the whole model an error rate, a performance and two drifted features; segments and variants do not count."""
    yield _measured("error_rate", "operational", 0.25)
    yield _measured("error_rate", "operational", 0.99, segment="origin=EWR")
    yield _measured("roc_auc", "performance", 0.55)
    yield _measured("roc_auc", "performance", 0.05, variant="b")
    yield _measured("roc_auc", "estimated_performance", 0.9)
    for field in ("features.a", "features.b"):
        yield _measured("kolmogorov_smirnov", "data_drift", 0.4, "warning", field=field)
    yield _measured("kolmogorov_smirnov", "data_drift", 0.01, "ok", field="features.c")
    yield _measured("kolmogorov_smirnov", "data_drift", 0.4, "critical", field="features.a", segment="origin=EWR")


def _alert(cause: str, **more: Any) -> Alert:
    evidence = _measured("rmse", "performance", 4.2, "critical")
    fields: dict[str, Any] = {
        "model": MODEL,
        "environment": ENVIRONMENT,
        "severity": "critical",
        "status": "open",
        **more,
    }
    return Alert(
        key=f"{fields['model']}|{fields['environment']}||{cause}",
        episode=1,
        purpose="performance",
        metric=cause,
        title=f"{fields['model']}: {cause}",
        message="rmse 4.2",
        opened=NOW - timedelta(hours=1),
        updated=NOW - timedelta(hours=1),
        evidence=evidence,
        latest=evidence,
        first_window=_WINDOW,
        last_window=_WINDOW,
        **fields,
    )


def _silent() -> Alert:
    return _alert("no_data", model=INSTALLATION, environment="", severity="warning")


def _alerts() -> Iterator[Alert]:
    yield _alert("performance")
    yield _alert("latency", severity="warning", status="acknowledged")
    yield _alert("data_drift", severity="info")
    yield _alert("muted", muted_by="x")
    yield _alert("silenced", silenced_by="x")
    yield _alert("snoozed", snoozed_until=NOW + timedelta(days=1))
    yield _alert("over", status="resolved", resolved=NOW)
    yield _silent()
