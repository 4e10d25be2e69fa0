"""What is judged when the settings name no threshold for a measurement.

The numbers are chosen to stay quiet on healthy models and to let real damage through. The first line whose patterns
match wins; settings come before all of them, and ``kind: none`` there switches a line off.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from driftlog.contract.measurement import Purpose
from driftlog.contract.settings import ModelSettings, ThresholdSettings

CERTAIN: Final = (1, 2)
"""Opened by the first breach, since it is certain; resolved after two good windows, so that it does not flap."""


class CautiousThreshold(ThresholdSettings, frozen=True, kw_only=True):
    """A threshold that allows for uncertainty: the 95 % interval has to lie beyond the limit, not the value alone.

    Thresholds of the settings compare the value itself: what somebody wrote down is what is judged.
    """


WORTH_MISSING: Final = 10
"""Events that every one of the last weeks had in the stretch of time in which now there is none."""

DEFAULT_DRIFT: Final = ThresholdSettings(metric="*", kind="default_drift", floor=0.05, of_windows=(2, 3))
"""The judged drift measure of every field: STATISTICS "Default rule"; see `driftlog.decide.default_drift`."""
DEFAULT_TARGET_SHIFT: Final = ThresholdSettings(
    metric="mean_shift_sd", kind="default_drift", floor=0.1, of_windows=(2, 3)
)
"""The same rule on the mean of a regression's target, in standard deviations."""


def _worse(
    metric: str,
    direction: str,
    warning: float,
    critical: float,
    *,
    share: bool = False,
    field: str = "*",
) -> ThresholdSettings:
    """Worse than the reference by more than that, both 95 % intervals and its own chunks taken into account."""
    return CautiousThreshold(
        metric=metric,
        field=field,
        kind="relative",
        direction="below" if direction == "below" else "above",
        warning=warning,
        critical=critical,
        share=share,
        of_windows=CERTAIN,
    )


_PERFORMANCE: Final[tuple[ThresholdSettings, ...]] = tuple(
    # Of all classes together: thirty classes would raise thirty alarms. Metrics of a threshold that move with the base
    # rate (precision, recall) are stored and not judged.
    _worse(metric, direction, warning, critical, share=share, field="")
    for metric, direction, warning, critical, share in (
        ("roc_auc", "below", 0.02, 0.05, False),
        ("roc_auc_macro", "below", 0.02, 0.05, False),
        ("accuracy", "below", 0.02, 0.05, False),
        ("f1", "below", 0.05, 0.15, False),
        ("f1_macro", "below", 0.03, 0.10, False),
        ("brier", "above", 0.10, 0.25, True),
        ("log_loss", "above", 0.10, 0.25, True),
        ("mae", "above", 0.10, 0.25, True),
        ("rmse", "above", 0.10, 0.25, True),
        ("pinball_loss", "above", 0.10, 0.25, True),
    )
)
_QUALITY: Final[tuple[ThresholdSettings, ...]] = (
    # One value in twenty gone is worth a look, one in five breaks most models.
    _worse("missing_share", "above", 0.05, 0.20),
    _worse("unseen_share", "above", 0.05, 0.20),
    # Healthy pipelines send no malformed values at all.
    _worse("malformed_share", "above", 0.01, 0.05),
    _worse("nonfinite_share", "above", 0.01, 0.05),
    # Nearly all values in one bin that held less than half (a fifth) of the reference: a stuck sensor, a lost join.
    _worse("dominant_share", "above", 0.50, 0.80),
)
_INTEGRITY: Final[tuple[ThresholdSettings, ...]] = (
    # Nothing should be lost: one event in a thousand says that a spool is full or a process was killed.
    CautiousThreshold(metric="shipping_loss_share", warning=0.001, critical=0.05, of_windows=CERTAIN),
    # From 5 % on (critical) what drifts may be the fault's own doing: such windows are not judged for drift.
    CautiousThreshold(metric="quarantine_rate", warning=0.01, critical=0.05, of_windows=CERTAIN),
    CautiousThreshold(metric="duplicate_share", warning=0.01, critical=0.05, of_windows=CERTAIN),
    # Truth and ratings that find no prediction: ids that do not agree, or predictions that were lost.
    CautiousThreshold(metric="unmatched_feedback", warning=0.05, critical=0.50, of_windows=CERTAIN),
    # Windows are cut by the senders' clocks; the intake refuses events from more than five minutes ahead.
    CautiousThreshold(metric="clock_skew_share", warning=0.05, critical=0.50, of_windows=CERTAIN),
    # A quarter of an hour (an hour) until 95 % of the events are there: results are late.
    ThresholdSettings(metric="ingest_lag_p95_s", warning=900, critical=3600, of_windows=(2, 3)),
    # Hours without events that the last four weeks always had.
    ThresholdSettings(metric="silent_hours", warning=0.5, critical=5.5, of_windows=CERTAIN),
    # Three windows that could not be judged, one after the other: nobody is watching this model.
    ThresholdSettings(metric="rows_lacking_share", info=0.0, of_windows=(3, 3)),
    # About the installation (`driftlog.worker.watchdog`): in cycles, in lease times, in events.
    ThresholdSettings(metric="cycles_missed", warning=3, critical=12),
    ThresholdSettings(metric="unheld_leases", warning=2, critical=20),
    ThresholdSettings(metric="worker_silent_leases", warning=1),
    ThresholdSettings(metric="events_missed", warning=WORTH_MISSING, critical=10 * WORTH_MISSING),
)
_OPERATIONAL: Final[tuple[ThresholdSettings, ...]] = (
    CautiousThreshold(metric="error_rate", warning=0.01, critical=0.05, of_windows=CERTAIN),
    ThresholdSettings(metric="predictions", direction="below", warning=1),
    # Twice (five times) the reference's; not judged where the reference has no latency.
    ThresholdSettings(
        metric="latency_p99_ms", kind="relative", share=True, warning=1.0, critical=4.0, of_windows=(2, 3)
    ),
)
_RESOURCE: Final[tuple[ThresholdSettings, ...]] = (
    ThresholdSettings(metric="storage_used_percent_max", warning=85, critical=95),
    ThresholdSettings(metric="host_memory_percent_max", warning=90, critical=97),
    # Of means over a window: peaks are what a machine is for. A busy GPU is a well-used one, until nothing is left.
    ThresholdSettings(metric="host_cpu_percent_mean", warning=90, critical=98, of_windows=(2, 3)),
    ThresholdSettings(metric="gpu_percent_mean", info=95, of_windows=(2, 3)),
)
DEFAULTS: Final[Mapping[Purpose, tuple[ThresholdSettings, ...]]] = {
    "performance": _PERFORMANCE,
    # Estimates assume that the concept has not changed; only the truth makes an alert critical.
    "estimated_performance": tuple(msgspec.structs.replace(one, critical=None) for one in _PERFORMANCE),
    "quality": _QUALITY,
    "integrity": _INTEGRITY,
    "operational": _OPERATIONAL,
    "resource": _RESOURCE,
}
"""Thresholds by purpose; drift purposes are judged by `DEFAULT_DRIFT`.

Reported and not judged unless the settings say so: ``concept_drift`` (detectors fire on real streams without change),
``estimation_error``, ``fairness`` (which difference is too large is for people to say), ``cost``, ``feedback`` and
``custom``.
"""

_SHARE: Final = (0.0, 1.0)
_POSITIVE: Final = (0.0, math.inf)
RANGES: Final[dict[str, tuple[float, float]]] = {
    **dict.fromkeys(("kolmogorov_smirnov", "total_variation", "jensen_shannon", "hellinger"), _SHARE),
    **dict.fromkeys(("accuracy", "balanced_accuracy", "precision", "recall", "specificity"), _SHARE),
    **dict.fromkeys(("f1", "f1_macro", "roc_auc", "roc_auc_macro", "error_rate"), _SHARE),
    **dict.fromkeys(("error_rate_by_type", "availability", "type_change", "out_of_range_share"), _SHARE),
    "brier": (0.0, 2.0),
    **dict.fromkeys(("mcc", "cohens_kappa"), (-1.0, 1.0)),
    **dict.fromkeys(("mean_shift_sd", "cardinality_ratio", "pinball_loss", "mape"), _POSITIVE),
    **dict.fromkeys(("missing_share", "unseen_share", "malformed_share", "nonfinite_share", "dominant_share"), _SHARE),
    **dict.fromkeys(("cramers_v", "average_precision", "expected_calibration_error", "quantile_coverage"), _SHARE),
    **dict.fromkeys(("two_proportions", "domain_classifier_auc"), _SHARE),
    "cramer_von_mises": (0.0, 1 / math.sqrt(3)),
    "pca_reconstruction": _POSITIVE,
    **dict.fromkeys(("population_stability_index", "wasserstein", "chi_square", "log_loss", "mae", "rmse"), _POSITIVE),
    **dict.fromkeys(("predictions", "throughput_per_s"), _POSITIVE),
    **dict.fromkeys(("shipping_loss_share", "duplicate_share", "quarantine_rate", "clock_skew_share"), _SHARE),
    **dict.fromkeys(("satisfied_share", "complaint_rate", "response_rate", "label_disagreement"), _SHARE),
    "unmatched_feedback": _SHARE,
    **dict.fromkeys(("ingest_lag_p95_s", "silent_hours", "no_data_s"), _POSITIVE),
    **dict.fromkeys(("rows_lacking_share", "label_late_share"), _SHARE),
    **dict.fromkeys(("cycles_missed", "unheld_leases", "worker_silent_leases", "events_missed"), _POSITIVE),
}
"""Smallest and largest possible values: a limit outside can never be crossed (``cannot_alarm``)."""


def range_of(metric: str) -> tuple[float, float]:
    """Possible values of a metric; unbounded where nothing is known."""
    return RANGES.get(metric, (-math.inf, math.inf))


NO_DATA_CRITICAL: Final = 4
HALF: Final = 0.5
OF_SETTINGS: Final = {
    "no_data_s": "no_data_after",
    "label_late_share": "label_delay_above",
    "predictions": "no_data_after",
}
"""Metric -> the setting of ``alerts`` that judges it."""


def of_settings(metric: str, settings: ModelSettings) -> ThresholdSettings | None:
    """What the settings of alerts ask for: silence, late truth; None where they say nothing of this metric.

    ``no_data_after`` takes the place of the default that warns of every empty window; it is critical at four times.
    """
    if metric not in OF_SETTINGS:
        return None
    silent, late = settings.alerts.no_data_after, settings.alerts.label_delay_above
    if metric == "predictions" and silent is not None:
        return ThresholdSettings(metric="predictions", kind="none")
    if metric == "no_data_s" and silent is not None:
        seconds = silent.total_seconds()
        return ThresholdSettings(metric="no_data_s", warning=seconds, critical=NO_DATA_CRITICAL * seconds)
    if metric == "label_late_share" and late is not None:
        return ThresholdSettings(metric="label_late_share", warning=HALF)
    return None
