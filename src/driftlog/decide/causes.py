"""Which measurements have one cause, and so make one alert."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

from driftlog.contract.measurement import Measurement

CAUSES: Final[tuple[tuple[str, str, str], ...]] = (
    ("data_drift", "*", "data_drift"),
    ("prediction_drift", "*", "prediction_drift"),
    ("target_drift", "*", "target_drift"),
    ("attribution_drift", "*", "attribution_drift"),
    ("performance", "*", "performance"),
    ("estimated_performance", "*", "estimated_performance"),
    ("integrity", "no_data_s", "no_data"),
    ("integrity", "events_missed", "no_data"),
    ("integrity", "rows_lacking_share", "too_little_data"),
    ("integrity", "label_late_share", "label_delay"),
    ("integrity", "cycles_missed", "unwatched"),
    ("integrity", "unheld_leases", "unwatched"),
    ("integrity", "worker_silent_leases", "worker_silent"),
    ("integrity", "*", "integrity"),
    ("operational", "latency_*", "latency"),
    ("operational", "error_rate*", "errors"),
    ("operational", "availability", "errors"),
    ("operational", "predictions", "traffic"),
    ("operational", "throughput_per_s", "traffic"),
)
"""(purpose, metric pattern, cause). Others are causes by themselves, all fields of a metric together: values that go
missing from six features at once are one broken source."""


def cause_of(measurement: Measurement) -> str:
    """Name of the cause a measurement belongs to."""
    for purpose, pattern, cause in CAUSES:
        if measurement.purpose == purpose and fnmatchcase(measurement.metric, pattern):
            return cause
    return measurement.metric


def scope_of(measurement: Measurement) -> str:
    """Whose measurement it is: model, environment, and version, variant and segment where they are not all of them."""
    version = f"@{measurement.version}" if measurement.version != "*" else ""
    variant = f"/{measurement.variant}" if measurement.variant != "*" else ""
    return f"{measurement.model}|{measurement.environment}|{measurement.segment}{version}{variant}"


def alert_key(measurement: Measurement) -> str:
    """Key of the alert of a measurement's cause: scope, purpose (where it is not the cause's name) and cause.

    >>> from datetime import UTC, datetime
    >>> from driftlog.contract.window import Window
    >>> day = Window(datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC))
    >>> alert_key(Measurement(model="m", environment="e", metric="rmse", purpose="performance", window=day, value=1.0))
    'm|e||performance'
    """
    cause = cause_of(measurement)
    parts = (cause,) if cause == measurement.purpose else (measurement.purpose, cause)
    return "|".join((scope_of(measurement), *parts))
