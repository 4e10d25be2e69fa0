"""Numbers, times and names as people read them; names from outside are cleaned and shortened."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

from driftlog.contract.measurement import Measurement
from driftlog.contract.window import Window

METRIC_TITLES: Final[dict[str, str]] = {
    "roc_auc": "ROC AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "specificity": "Specificity",
    "f1": "F1",
    "f1_macro": "F1 (macro)",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "mae": "Mean absolute error",
    "rmse": "Root mean squared error",
    "bias": "Bias",
    "r2": "R²",
    "mape": "Mean absolute percentage error",
    "mcc": "Matthews correlation",
    "cohens_kappa": "Cohen's kappa",
    "average_precision": "Average precision",
    "expected_calibration_error": "Calibration error",
    "quantile_coverage": "Quantile coverage",
    "pinball_loss": "Pinball loss",
    "business_value": "Business value",
    "business_value_per_1000": "Business value per 1,000",
    "mean_shift_sd": "Shift of the mean",
    "adwin": "ADWIN",
    "ddm": "DDM",
    "eddm": "EDDM",
    "hddm_a": "HDDM-A",
    "hddm_w": "HDDM-W",
    "kswin": "KSWIN",
    "page_hinkley": "Page-Hinkley",
    "cost_per_1000": "Cost per 1,000 predictions",
    "cpu_s_per_1000": "CPU seconds per 1,000",
    "gpu_s_per_1000": "GPU seconds per 1,000",
    "memory_gb_s_per_1000": "Memory per 1,000",
    "capacity_per_s": "Capacity",
    "headroom_share": "Headroom",
    "idle_s": "Idle",
    "ingest_lag_p95_s": "Ingest lag p95",
    "shipping_loss_share": "Lost in shipping",
    "duplicate_share": "Duplicates",
    "quarantine_rate": "Quarantined",
    "clock_skew_share": "Clocks ahead",
    "silent_hours": "Silent hours",
    "range_excess_sd": "Beyond the range",
    "out_of_range_share": "Out of range",
    "cardinality_ratio": "Distinct values",
    "type_change": "Changed type",
    "row_count_ratio": "Number of rows",
    "kolmogorov_smirnov": "Kolmogorov-Smirnov",
    "total_variation": "Total variation",
    "jensen_shannon": "Jensen-Shannon",
    "wasserstein": "Wasserstein",
    "chi_square": "Chi-square",
    "cramer_von_mises": "Cramér-von Mises",
    "cramers_v": "Cramér's V",
    "two_proportions": "Two proportions",
    "hellinger": "Hellinger",
    "population_stability_index": "PSI",
    "domain_classifier_auc": "Domain classifier AUC",
    "pca_reconstruction": "PCA reconstruction error",
    "psi": "PSI",
    "error_rate": "Error rate",
    "error_rate_by_type": "Error rate by type",
    "throughput_per_s": "Throughput",
    "availability": "Availability",
    "predictions": "Predictions",
    "missing_share": "Missing values",
    "unseen_share": "Unseen values",
    "dominant_share": "Stuck value",
    "latency_mean_ms": "Latency mean",
    "latency_p50_ms": "Latency p50",
    "latency_p95_ms": "Latency p95",
    "latency_p99_ms": "Latency p99",
}

VERDICT_TITLES: Final[dict[str, str]] = {
    "ok": "ok",
    "info": "worth knowing",
    "warning": "warning",
    "critical": "critical",
    "insufficient_data": "not enough data",
    "cannot_alarm": "cannot alarm",
    "not_judged": "not judged",
}

MARK_TITLES: Final[dict[str, str]] = {
    "reference_too_short": "The reference has fewer than eight windows: judged by a simpler rule, a warning at most.",
    "season_unseen": "The reference is shorter than a year: a season may look like drift.",
    "no_reference": "There is nothing to compare with.",
    "immature": "Too few true outcomes have arrived: not judged yet.",
    "uncalibrated": "The estimate's calibration failed its check on the reference.",
    "integrity": "The pipeline was at fault in this window: drift and performance are not judged.",
    "less_mature": "Fewer truths have arrived than in the reference: early truths are not typical.",
    "approximate": "Read from counted bins: about right, not exact.",
}


def clean(text: object, limit: int = 60) -> str:
    """`text` on one line, without control characters, at most `limit` characters long.

    >>> clean("a\\x1b[31mb\\nc"), clean("x" * 100, 10)
    ('a�[31mb c', 'xxxxxxxxx…')
    """
    raw = str(text)[: limit * 4]
    line = "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in raw)
    return line if len(line) <= limit else line[: limit - 1] + "…"


_ENDINGS: Final = {"_difference": " difference", "_macro": " (macro)", "_weighted": " (weighted)"}


def title_of(metric: str) -> str:
    """Metric's name for people.

    >>> title_of("roc_auc"), title_of("cpu_percent_max"), title_of("roc_auc_difference")
    ('ROC AUC', 'Cpu percent max', 'ROC AUC difference')
    """
    if metric in METRIC_TITLES:
        return METRIC_TITLES[metric]
    for ending, words in _ENDINGS.items():
        if metric.removesuffix(ending) in METRIC_TITLES and metric.endswith(ending):
            return METRIC_TITLES[metric.removesuffix(ending)] + words
    return clean(metric.replace("_", " ").capitalize())


def titled(m: Measurement) -> str:
    """Name of what was measured, told apart from what was estimated."""
    ending = {"estimated_performance": ", estimated", "estimation_error": ", estimated less realised"}
    return title_of(m.metric) + ending.get(m.purpose, "")


def field_name(field: str, limit: int = 40) -> str:
    """Field without its group: ``features.distance`` is ``distance``; ``prediction.score`` stays."""
    return clean(field.removeprefix("features."), limit)


def number(value: float | None, unit: str = "") -> str:
    """Three or four significant digits, with the unit.

    >>> number(0.70312), number(1234567.0), number(12.3456, "ms"), number(None), number(0.0123, "share")
    ('0.703', '1,234,567', '12.3 ms', '–', '1.2 %')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if unit == "share":
        return share(value)
    if unit == "percent":
        return f"{value:.1f} %".replace(".0 %", " %")
    if unit == "bytes":
        return size(value)
    text = f"{value:,.0f}" if value == round(value) and abs(value) >= 1 else _significant(value)
    return f"{text} {unit}" if unit and unit not in ("events",) else text


def value_text(m: Measurement, value: float | None) -> str:
    """A value of the measurement's kind: scores of performance as 0.703, other shares as percent."""
    return number(value, "" if m.purpose == "performance" and m.unit == "share" else m.unit)


def _significant(value: float) -> str:
    magnitude = abs(value)
    if magnitude == 0:
        return "0"
    if magnitude >= 1000:
        return f"{value:,.0f}"
    if magnitude >= 100:
        return f"{value:.0f}"
    if magnitude >= 10:
        return f"{value:.1f}"
    if magnitude >= 1:
        return f"{value:.2f}"
    return f"{value:.3f}" if magnitude >= 0.001 else f"{value:.2g}"


def share(value: float | None) -> str:
    """A share as percent.

    >>> share(0.5), share(0.00042), share(1.0)
    ('50 %', '0.042 %', '100 %')
    """
    if value is None or not math.isfinite(value):
        return "–"
    percent = value * 100
    if percent in (0, 100) or abs(percent) >= 99.95:
        return f"{percent:.0f} %"
    if abs(percent) >= 10:
        return f"{percent:.1f} %".replace(".0 %", " %")
    return f"{percent:.1f} %".replace(".0 %", " %") if abs(percent) >= 1 else f"{percent:.2g} %"


def size(value: float) -> str:
    """Bytes with a binary unit.

    >>> size(1536.0)
    '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def day(when: datetime) -> str:
    """Date, with the time of day where it is not midnight UTC."""
    when = when.astimezone(UTC)
    midnight = (when.hour, when.minute, when.second) == (0, 0, 0)
    return when.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M")


def period(window: Window) -> str:
    """A window for people: its first and last day, or day and hours.

    >>> period(Window(datetime(2013, 4, 1, tzinfo=UTC), datetime(2013, 4, 8, tzinfo=UTC)))
    '2013-04-01 – 04-07'
    """
    start, end = window.start.astimezone(UTC), window.end.astimezone(UTC)
    if window.length < timedelta(days=1):
        return f"{start:%Y-%m-%d %H:%M} – {end:%H:%M}"
    last = end - timedelta(microseconds=1)
    if start.date() == last.date():
        return f"{start:%Y-%m-%d}"
    return f"{start:%Y-%m-%d} – {last:%m-%d}" if start.year == last.year else f"{start:%Y-%m-%d} – {last:%Y-%m-%d}"


def plural(count: int, noun: str) -> str:
    """``1 alert``, ``3 alerts``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
