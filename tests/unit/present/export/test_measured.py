"""Stored measurements as readings."""

from __future__ import annotations

from typing import Any

import pytest

from driftlog.present.export.measured import measured_readings
from driftlog.present.export.reading import Reading


def source(purpose: str, metric: str, value: float | None, **more: Any) -> dict[str, Any]:
    """A result document."""
    return {
        "model": {"name": "churn", "version": "*", "variant": "*"},
        "service": {"environment": "production"},
        "purpose": purpose,
        "metric": metric,
        "field": "",
        "value": value,
        "window": {"start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z"},
        "computed": "2026-03-02T00:05:00Z",
        "verdict": "not_judged",
        "severity": 0,
    } | more


def read(*sources: dict[str, Any], max_features: int = 20, max_errors: int = 10) -> list[Reading]:
    return measured_readings([sources], max_features=max_features, max_errors=max_errors)


def named(readings: list[Reading], name: str) -> list[Reading]:
    return [one for one in readings if one.name == name]


def test_what_is_not_known_has_no_sample() -> None:
    """Never 0 in its place: not for a missing value, a bound, a limit or not a number."""
    found = read(source("performance", "roc_auc", None), source("performance", "f1", float("nan")))
    assert not [one for one in found if one.name.startswith("driftlog_performance")]


def test_performance_comes_with_interval_reference_and_verdict() -> None:
    """Realised and estimated apart."""
    judged = source(
        "performance", "roc_auc", 0.8, lower=0.7, upper=0.9, reference={"value": 0.85}, verdict="warning",
        limit={"warning": 0.81}, severity=2,
    )  # fmt: skip
    found = read(judged, source("estimated_performance", "roc_auc", 0.78))
    values = {(one.name, one.labels.get("basis"), one.labels.get("severity")): one.value for one in found}
    assert values["driftlog_performance", "realised", None] == 0.8
    assert values["driftlog_performance", "estimated", None] == 0.78
    assert values["driftlog_performance_lower", "realised", None] == 0.7
    assert values["driftlog_performance_upper", "realised", None] == 0.9
    assert values["driftlog_performance_reference", "realised", None] == 0.85
    assert values["driftlog_performance_severity", "realised", None] == 2
    assert values["driftlog_performance_limit", "realised", "warning"] == 0.81


def drift(feature: str, value: float, verdict: str = "ok") -> dict[str, Any]:
    severity = {"ok": 0, "warning": 2, "critical": 3}[verdict]
    return source("data_drift", "kolmogorov_smirnov", value, field=feature, verdict=verdict, severity=severity,
                  limit={"warning": 0.1})  # fmt: skip


def test_only_the_worst_features_are_shown_and_all_are_counted() -> None:
    """By severity, then by the value's share of its limit."""
    features = [drift("a", 0.01), drift("b", 0.3, "critical"), drift("c", 0.09), drift("d", 0.2, "warning")]
    found = read(*features, max_features=3)
    assert {one.labels["feature"] for one in named(found, "driftlog_drift")} == {"b", "c", "d"}
    assert named(found, "driftlog_features_drifted_ratio")[0].value == 0.5
    assert named(found, "driftlog_features_judged")[0].value == 4


def test_features_beyond_the_limit_have_no_quality_either() -> None:
    """One list of features for everything that is told of them."""
    quality = [source("quality", "missing_share", 0.1, field=name) for name in ("a", "b")]
    found = read(drift("b", 0.3, "critical"), *quality, max_features=1)
    assert [one.labels["feature"] for one in named(found, "driftlog_quality")] == ["b"]


def test_rare_types_of_error_are_told_together() -> None:
    """The sum over types stays what it is."""
    rates = [source("operational", "error_rate_by_type", n / 100, field=f"Error{n}") for n in range(1, 6)]
    found = named(read(*rates, max_errors=2), "driftlog_error_type_ratio")
    shown = {one.labels["error_type"]: one.value for one in found}
    assert shown == pytest.approx({"Error5": 0.05, "Error4": 0.04, "other": 0.06})


def test_latency_is_told_in_seconds() -> None:
    """Base units, as Prometheus has them."""
    found = read(source("operational", "latency_p99_ms", 250.0))
    assert [(one.value, one.labels["statistic"]) for one in named(found, "driftlog_window_latency_seconds")] == [
        (0.25, "p99")
    ]


def test_any_other_purpose_has_a_name_too() -> None:
    """Integrity, cost, fairness, feedback, metrics of one's own."""
    found = named(read(source("integrity", "clock_skew_share", 0.02)), "driftlog_measurement")
    assert [(one.labels["purpose"], one.labels["metric"], one.value) for one in found] == [
        ("integrity", "clock_skew_share", 0.02)
    ]


def test_label_maturity_and_truths_of_the_window() -> None:
    """Share and number of predictions whose truth has arrived."""
    found = read(source("performance", "roc_auc", 0.8, maturity=0.9, n_current=90))
    assert named(found, "driftlog_label_maturity_ratio")[0].value == 0.9
    assert named(found, "driftlog_labelled_predictions")[0].value == 90
