"""Documents of kinds that a short demo does not have, written as the product writes them.

A GPU, an experiment, a regression, opinions, quarantine, lost events, failed calls, decisions about versions, alerts
that people handled: each panel of Kibana's dashboards that shows them gets something to show, under a model of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from driftlog.audit.chain import Chain
from driftlog.contract.alert import Alert, AlertMember
from driftlog.contract.audit import AuditEntry
from driftlog.contract.events import (
    ErrorGroup,
    EventGroup,
    FeedbackEvent,
    FeedbackGroup,
    HostGroup,
    ModelGroup,
    OpinionDocument,
    OpinionGroup,
    OutcomeDocument,
    OutcomeGroup,
    PredictionEvent,
    PredictionGroup,
    QuarantinedEvent,
    QuarantineGroup,
    ResourceEvent,
    ResourceGroup,
    ServiceGroup,
)
from driftlog.contract.maintenance import Decision
from driftlog.contract.measurement import Limit, Measurement, Purpose, Verdict
from driftlog.contract.records import RunRecord
from driftlog.contract.window import Window
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store
from driftlog.store.decisions import create_decision
from driftlog.store.results import write_measurements
from driftlog.store.runs import write_run

MODEL = "seeded"
ENVIRONMENT = "production"
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
BY_ID = "seeded-0"
"""Id of a prediction that is there."""
_SERVICE = ServiceGroup(name="seeded-app", version="1.0", environment=ENVIRONMENT)
_WINDOW = Window(NOW - timedelta(days=7), NOW)


def seed(store: Store) -> None:
    """Write everything, and make it searchable."""
    for n in range(12):
        _prediction(store, n, "a" if n % 2 else "b")
    _predictions_of_other_tasks(store)
    _quarantine(store)
    for n in range(3):
        _resources(store, n)
    write_measurements(store, [*_measurements()], term=1)
    write_alerts(store, [*_alerts()], term=1)
    for n, status in enumerate(("ok", "failed", "skipped")):
        _run(store, n, status)  # type: ignore[arg-type]
    Chain(store).record_many(
        [
            AuditEntry(action="settings.changed", object="driftlog.yml", actor="ada", model=MODEL, summary="interval"),
            AuditEntry(action="reference.set", object="r1", actor="ada", model=MODEL, environment=ENVIRONMENT),
        ]
    )
    _decisions(store)
    store.refresh(store.names.everything)


def _model(variant: str = "") -> ModelGroup:
    return ModelGroup(name=MODEL, version="v2" if variant == "b" else "v1", variant=variant or None)


def _event(id: str, dataset: str | None = None, **more: Any) -> EventGroup:
    return EventGroup(id=id, dataset=dataset, ingested=NOW, **more)


def _put(store: Store, index: str, id: str, document: msgspec.Struct) -> None:
    store.create(index, id, document)


def _prediction(store: Store, n: int, variant: str) -> None:
    """A prediction, its outcome, feedback with a rating and a comment, and the opinions made of it."""
    id, at, failed = f"{MODEL}-{n}", NOW - timedelta(minutes=10 * n), n == 5
    names = store.names
    event = PredictionEvent(
        timestamp=at,
        event=_event(id, "driftlog.prediction", outcome="failure" if failed else "success", duration=4_000_000 + n),
        service=_SERVICE,
        host=HostGroup(name="node-1"),
        model=_model(variant),
        features={"amount": 10.0 * n},
        prediction=None if failed else PredictionGroup(task="binary", label="yes", score=0.45 + 0.01 * n),
        error=ErrorGroup(type="ValueError", message="no such column") if failed else None,
    )
    _put(store, names.predictions(MODEL, at), id, event)
    if failed:
        return
    right = n % 3 > 0
    outcome = OutcomeGroup(
        actual="yes" if right else "no",
        predicted="yes",
        score=0.5,
        correct=right,
        absolute_error=0.5,
        squared_error=0.25,
        log_loss=0.7,
        delay_s=3600.0,
        prediction_id=id,
    )
    joined = OutcomeDocument(timestamp=at, event=_event(id), service=_SERVICE, model=_model(variant), outcome=outcome)
    _put(store, names.monthly("outcomes", at), f"{MODEL}:{id}", joined)
    said = FeedbackGroup(prediction_id=id, actual="yes", rating=4.0, comment="quick and right", source="survey")
    feedback = FeedbackEvent(
        timestamp=at,
        event=_event(f"f-{id}", "driftlog.feedback"),
        service=_SERVICE,
        model=_model(variant),
        feedback=said,
    )
    _put(store, names.monthly("feedback", at), f"f-{id}", feedback)
    for aspect in ("response", "rating", "comment"):
        opinion = OpinionGroup(
            prediction_id=id, source="survey", aspect=aspect, question="", rating=4.0 if aspect == "rating" else None
        )
        document = OpinionDocument(
            timestamp=at, event=_event(f"f-{id}"), service=_SERVICE, model=_model(variant), opinion=opinion
        )
        _put(store, names.monthly("opinions", at), f"{id}-{aspect}", document)


def _predictions_of_other_tasks(store: Store) -> None:
    groups = {
        "regression": PredictionGroup(task="regression", value=41.5),
        "multiclass": PredictionGroup(task="multiclass", label="red", score=0.4),
    }
    for task, group in groups.items():
        event = PredictionEvent(
            timestamp=NOW,
            event=_event(f"{MODEL}-{task}", "driftlog.prediction", outcome="success", duration=1_000_000),
            service=_SERVICE,
            model=_model(),
            prediction=group,
        )
        _put(store, store.names.predictions(MODEL, NOW), f"{MODEL}-{task}", event)


def _quarantine(store: Store) -> None:
    for n, reason in enumerate(("unknown_model", "too_old")):
        refused = QuarantineGroup(
            reason=reason, message="refused", field="model.name", raw="{}", size_bytes=2, source="http"
        )
        event = QuarantinedEvent(timestamp=NOW, event=_event(f"q-{n}"), model=_model(), quarantine=refused)
        _put(store, store.names.monthly("quarantine", NOW), f"{MODEL}-q-{n}", event)


def _resources(store: Store, n: int) -> None:
    at = NOW + timedelta(minutes=n)
    used = ResourceGroup(
        cpu_percent=80.0,
        memory_bytes=300_000_000 + n,
        host_cpu_percent=70.0,
        host_memory_percent=50.0,
        gpu_percent=95.0,
        gpu_memory_bytes=4_000_000_000,
        storage_used_bytes=9_000_000_000,
        storage_used_percent=40.0,
        threads=8,
        open_files=20,
        spool_events=n,
        spool_bytes=1000 * n,
        events_dropped=n,
    )
    event = ResourceEvent(
        timestamp=at,
        event=_event(f"r-{n}", "driftlog.resource"),
        service=_SERVICE,
        host=HostGroup(name="node-1"),
        resource=used,
    )
    _put(store, store.names.monthly("resources", at), f"{MODEL}-r-{n}", event)


def _measured(metric: str, purpose: Purpose, value: float, *, verdict: Verdict = "ok", **more: Any) -> Measurement:
    limit = Limit(kind="constant", direction="above", warning=value * 2 + 0.1, critical=value * 3 + 0.2)
    fields: dict[str, Any] = {"n_current": 100, "limit": limit, "reference_value": value / 2, **more}
    return Measurement(
        model=MODEL,
        environment=ENVIRONMENT,
        metric=metric,
        purpose=purpose,
        window=_WINDOW,
        value=value,
        verdict=verdict,
        computed=NOW,
        **fields,
    )


def _measurements() -> Iterator[Measurement]:
    yield _measured("rmse", "performance", 4.2, maturity=0.9, verdict="critical")
    for metric in ("roc_auc", "accuracy", "log_loss"):
        yield _measured(metric, "performance", 0.7, maturity=0.9)
        yield _measured(metric, "estimated_performance", 0.71, lower=0.6, upper=0.8)
        yield _measured(metric, "estimation_error", 0.01, limit=None)
    yield _measured("adwin", "concept_drift", 1.0, unit="drift points", limit=None)
    for purpose in ("data_drift", "prediction_drift", "target_drift"):
        field = "features.amount" if purpose == "data_drift" else ""
        yield _measured("total_variation", purpose, 0.3, field=field, p_adjusted=0.01, verdict="warning")
    for metric in ("missing_share", "out_of_range_share", "unseen_share"):
        yield _measured(metric, "quality", 0.1, field="features.amount", unit="share")
    for metric in ("error_rate", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms"):
        yield _measured(metric, "operational", 0.05)
    for metric in ("cpu_percent_mean", "gpu_percent_mean", "storage_used_percent_max", "host_memory_percent_max"):
        yield _measured(metric, "resource", 60.0, unit="percent", limit=None)
    for metric in ("memory_bytes_mean", "memory_bytes_max"):
        yield _measured(metric, "resource", 3e8, unit="bytes", limit=None)
    for metric in ("shipping_loss_share", "quarantine_rate", "duplicate_share"):
        yield _measured(metric, "integrity", 0.02, unit="share")
    yield _measured("ingest_lag_p95_s", "integrity", 12.0, unit="s")
    yield _measured("silent_hours", "integrity", 1.0, unit="h")


def _alerts() -> Iterator[Alert]:
    evidence = _measured("rmse", "performance", 4.2, verdict="critical")
    fields: dict[str, Any] = {
        "model": MODEL,
        "environment": ENVIRONMENT,
        "metric": "performance",
        "message": "rmse 4.2",
        "opened": NOW,
        "updated": NOW,
        "evidence": evidence,
        "latest": evidence,
        "first_window": _WINDOW,
        "last_window": _WINDOW,
        "members": (AlertMember(metric="rmse", field="features.amount", value=4.2, limit=2.0, severity="critical"),),
    }
    states: list[tuple[Literal["info", "warning", "critical"], dict[str, Any]]] = [
        ("critical", {"status": "open"}),
        ("warning", {"status": "acknowledged", "assignee": "ada", "silenced_by": "s-1", "escalations": 1}),
        ("info", {"status": "resolved", "resolved": NOW, "cause": "a release", "false_alarm": True}),
    ]
    for episode, (severity, state) in enumerate(states, 1):
        yield Alert(
            key=f"{MODEL}|{ENVIRONMENT}||performance",
            episode=episode,
            purpose="performance",
            severity=severity,
            title=f"{MODEL}: performance is worse than the reference",
            **fields,
            **state,
        )


def _run(store: Store, n: int, status: Literal["ok", "failed", "skipped"]) -> None:
    record = RunRecord(
        id=f"{MODEL}-{n}",
        worker="worker-1",
        model=MODEL,
        environment=ENVIRONMENT,
        started=NOW,
        finished=NOW + timedelta(seconds=3),
        as_of=NOW,
        status=status,
        error="Elasticsearch is away" if status == "failed" else "",
        buckets=3,
        outcomes=2,
        measurements=40,
        event_to_result_s=5.0,
    )
    write_run(store, record)


def _decisions(store: Store) -> None:
    for number, outcome in enumerate(("waiting_for_approval", "promote"), 1):
        decision = Decision(
            id=f"{MODEL}|{ENVIRONMENT}|{number}",
            model=MODEL,
            environment=ENVIRONMENT,
            at=NOW,
            outcome=outcome,  # type: ignore[arg-type]
            reason="better on the same rows",
            version="v2",
            number=number,
            approval="promote",
        )
        create_decision(store, decision, term=1)
