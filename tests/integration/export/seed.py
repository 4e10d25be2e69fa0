"""Documents as the worker leaves them, written by its own writers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from driftlog.contract.alert import Alert
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.profile import LATENCY_EDGES_NS, PredictionProfile, ProfileKey
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY, Window
from driftlog.profile.binning import bare_binning
from driftlog.profile.codec import pack_predictions
from driftlog.profile.documents import PREDICTIONS, profile_document, profile_id
from driftlog.store.alerts import write_alerts
from driftlog.store.client import Store
from driftlog.store.models import register
from driftlog.store.results import write_measurements
from driftlog.store.runs import write_run
from driftlog.store.values import BulkAction

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
TODAY = Window(NOW.replace(hour=0), NOW.replace(hour=0) + DAY)
WINDOW = Window(TODAY.start - DAY, TODAY.start)
ENVIRONMENT = "production"


def latency(milliseconds: float, n: int) -> np.ndarray:
    """Counts over the latency bins, all in one bin."""
    counts = np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64)
    counts[int(np.searchsorted(LATENCY_EDGES_NS, milliseconds * 1e6, side="right"))] = n
    return counts


def write_day(
    store: Store,
    model: str,
    n: int,
    *,
    failures: int = 0,
    version: str = "1",
    day: Window = TODAY,
    milliseconds: float = 20.0,
    errors: dict[str, int] | None = None,
    binning: str | None = None,
) -> None:
    """The profile of a day, as the worker's last cycle left it; a second one replaces it."""
    bins = bare_binning(ModelSettings(name=model))
    key = ProfileKey(model, ENVIRONMENT, version, "", "", binning or bins.id, day)
    profile = PredictionProfile(
        key,
        n=n,
        fields={},
        latency=latency(milliseconds, n),
        latency_total_ns=n * milliseconds * 1e6,
        failures=failures,
        errors=errors if errors is not None else ({"ValueError": failures} if failures else {}),
        hours=1,
    )
    packed = pack_predictions(profile, bins)
    document = profile_document(PREDICTIONS, key, packed, n=n, failures=failures, term=1)
    index = store.names.monthly("profiles", day.start)
    assert not store.bulk([BulkAction("index", index, profile_id(PREDICTIONS, key), document, 1)]).failures
    store.refresh(index)


def measurement(model: str, metric: str, purpose: str, value: float | None, **more: object) -> Measurement:
    base = {"model": model, "environment": ENVIRONMENT, "metric": metric, "purpose": purpose, "window": WINDOW}
    return msgspec.convert(base | {"value": value, "n_current": 100, "computed": NOW} | more, Measurement)


def write_results(store: Store, model: str) -> list[Measurement]:
    found = results(model)
    write_measurements(store, found, term=1)
    return found


def results(model: str, *, auc: float = 0.81, drifted: int = 1) -> list[Measurement]:
    """A judged window: performance, estimate, four features, quality, operation, integrity."""
    limit = Limit("relative", "below", warning=0.82, critical=0.7)
    found = [
        measurement(model, "roc_auc", "performance", auc, lower=auc - 0.02, upper=auc + 0.02, reference_value=0.85,
                    maturity=0.95, limit=limit, verdict="warning" if auc < 0.82 else "ok"),
        measurement(model, "roc_auc", "estimated_performance", 0.83, limit=limit, verdict="ok"),
        measurement(model, "predictions", "operational", 100.0, verdict="ok"),
        measurement(model, "throughput_per_s", "operational", 0.5),
        measurement(model, "error_rate", "operational", 0.02, verdict="ok"),
        measurement(model, "latency_p95_ms", "operational", 30.0),
        measurement(model, "latency_p99_ms", "operational", 40.0),
        measurement(model, "roc_auc", "estimation_error", 0.02),
        measurement(model, "kolmogorov_smirnov", "prediction_drift", 0.03, field="prediction.score", verdict="ok"),
        measurement(model, "error_rate_by_type", "operational", 0.02, field="ValueError"),
        measurement(model, "clock_skew_share", "integrity", 0.0, verdict="ok"),
    ]  # fmt: skip
    for number, feature in enumerate(("age", "plan", "region", "Größe")):
        verdict = "critical" if number < drifted else "ok"
        found.append(
            measurement(model, "kolmogorov_smirnov", "data_drift", 0.4 if verdict == "critical" else 0.02,
                        field=f"features.{feature}", verdict=verdict,
                        limit=Limit("default_drift", "above", warning=0.1, critical=0.2))
        )  # fmt: skip
        found.append(measurement(model, "missing_share", "quality", 0.01, field=f"features.{feature}", verdict="ok"))
    return found


def write_alert(store: Store, model: str, evidence: Measurement, *, severity: str = "warning") -> None:
    alert = {
        "key": f"{model}|{ENVIRONMENT}||performance",
        "episode": 1,
        "model": model,
        "environment": ENVIRONMENT,
        "purpose": "performance",
        "metric": "roc_auc",
        "status": "open",
        "severity": severity,
        "title": f"{model}: performance",
        "message": "worse than the reference",
        "opened": NOW,
        "updated": NOW,
        "evidence": evidence,
        "latest": evidence,
        "first_window": WINDOW,
        "last_window": WINDOW,
    }
    write_alerts(store, [msgspec.convert(alert, Alert)], term=1)


def write_cycle(store: Store, model: str, *, finished: datetime, status: str = "ok") -> None:
    run = RunRecord(
        id=f"{model}-{finished:%H%M%S}", worker="w1", model=model, environment=ENVIRONMENT,
        started=finished - timedelta(seconds=2), finished=finished, as_of=finished, status=status, buckets=3,
        event_to_result_s=4.5,
    )  # fmt: skip
    write_run(store, run)
    store.refresh(store.names.every("runs"))


def write_quarantined(store: Store, n: int, *, reason: str = "unknown_model", first: int = 0) -> None:
    index = store.names.monthly("quarantine", NOW)
    documents = [
        BulkAction("index", index, f"q{first + number}", {"@timestamp": NOW, "quarantine": {"reason": reason}}, 1)
        for number in range(n)
    ]
    assert not store.bulk(documents).failures
    store.refresh(index)


def seed(store: Store, *models: str) -> None:
    """Registered models, each with a day of predictions, a judged window, an alert and a cycle."""
    for model in models:
        register(store, ModelRecord(name=model, task="binary", owner="team", registered=NOW))
        write_day(store, model, 1000, failures=10, day=WINDOW)
        write_day(store, model, 100, failures=2)
        found = write_results(store, model)
        write_alert(store, model, found[0])
        write_cycle(store, model, finished=NOW)
