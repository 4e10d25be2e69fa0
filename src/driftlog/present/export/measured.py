"""Measurements as readings: names and labels by purpose."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from driftlog.contract.measurement import SEVERITY
from driftlog.present.export.counts import labels_of
from driftlog.present.export.labels import OTHER, clean
from driftlog.present.export.reading import Labels, Reading
from driftlog.store.values import Document

DRIFT: Final = frozenset({"data_drift", "prediction_drift", "target_drift", "attribution_drift"})
BY_FEATURE: Final = frozenset({"data_drift", "attribution_drift", "quality"})
"""Purposes with a measurement for every feature: the worst ones are shown."""
_STATISTICS: Final = {
    "latency_mean_ms": "mean",
    "latency_p50_ms": "p50",
    "latency_p95_ms": "p95",
    "latency_p99_ms": "p99",
}
_OPERATIONAL: Final = {
    "predictions": ("driftlog_window_predictions", "Predictions of the newest window."),
    "throughput_per_s": ("driftlog_throughput_per_second", "Predictions a second in the newest window."),
    "error_rate": ("driftlog_error_ratio", "Share of the newest window's predictions that failed."),
    "availability": ("driftlog_availability_ratio", "Share of the newest window's predictions that did not fail."),
}


def measured_readings(groups: Iterable[Sequence[Document]], *, max_features: int, max_errors: int) -> list[Reading]:
    """Readings of the newest measurements; those the whole model depends on before those of single features."""
    found: list[tuple[int, Reading]] = []
    by_model: dict[tuple[str, str], list[Document]] = defaultdict(list)
    for group in groups:
        for source in group:
            by_model[source["model"]["name"], source["service"]["environment"]].append(source)
    for documents in by_model.values():
        shown = _shown_fields(documents, max_features)
        kept = [one for one in documents if one["purpose"] not in BY_FEATURE or one.get("field", "") in shown]
        found += [(0, reading) for reading in _of_model(documents)]
        for source in kept:
            make = _MAKERS.get(source["purpose"], _any)
            place = 2 if source["purpose"] in BY_FEATURE else 1
            found += [(place, reading) for reading in make(source)]
        found += [(1, reading) for reading in _error_types(documents, max_errors)]
    return [reading for _, reading in sorted(found, key=lambda item: item[0])]


def _shown_fields(documents: Sequence[Document], most: int) -> set[str]:
    """The fields that are worst off: by severity, then by the value's share of its limit, then by name."""
    rank: dict[str, tuple[int, float]] = {}
    for source in documents:
        name = source.get("field", "")
        if source["purpose"] in BY_FEATURE and name:
            rank[name] = max(rank.get(name, (0, 0.0)), (int(source.get("severity", 0)), _of_limit(source)))
    worst = sorted(rank, key=lambda name: (-rank[name][0], -rank[name][1], name))
    return {"", *worst[:most]}


def _of_limit(source: Document) -> float:
    value, limit = number(source.get("value")), number((source.get("limit") or {}).get("warning"))
    return value / limit if value is not None and limit is not None and limit > 0 else 0.0


def number(value: object) -> float | None:
    """A finite number, or None: what is not known gets no sample."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _of_model(documents: Sequence[Document]) -> Iterator[Reading]:
    first = documents[0]
    labels = {"model": clean(first["model"]["name"]), "environment": clean(first["service"]["environment"])}
    for name, path, help_ in (
        ("driftlog_window_end_timestamp_seconds", ("window", "end"), "End of the newest window with results."),
        ("driftlog_computed_timestamp_seconds", ("computed",), "When the newest results were computed."),
    ):
        times = [moment for source in documents if (moment := _time(source, path)) is not None]
        if times:
            yield Reading(name, "gauge", max(times), labels, help_, "seconds")
    verdicts: Counter[tuple[str, str]] = Counter()
    for source in documents:
        if source["model"].get("version", "*") == "*" and source["model"].get("variant", "*") == "*":
            verdicts[source["purpose"], source.get("verdict", "not_judged")] += 1
    for (purpose, verdict), count in sorted(verdicts.items()):
        help_ = "Measurements of the newest window by verdict."
        more = {"purpose": purpose, "verdict": verdict}
        yield Reading("driftlog_verdicts", "gauge", float(count), labels | more, help_)
    yield from _drifted(documents, labels)
    yield from _maturity(documents)


def _time(source: Document, path: Sequence[str]) -> float | None:
    value: object = source
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else None


def _drifted(documents: Sequence[Document], labels: dict[str, str]) -> Iterator[Reading]:
    """How many of the judged features drifted, of all of them and not only of those that are shown."""
    judged = [
        source
        for source in documents
        if source["purpose"] == "data_drift"
        and source["model"].get("version", "*") == "*"
        and source["model"].get("variant", "*") == "*"
        and source.get("verdict", "not_judged") != "not_judged"
    ]
    fields = {source["field"] for source in judged}
    drifted = {source["field"] for source in judged if SEVERITY.get(source["verdict"], 0) > 0}
    if fields:
        yield Reading("driftlog_features_judged", "gauge", float(len(fields)), labels, "Features judged for drift.")
        yield Reading("driftlog_features_drifted", "gauge", float(len(drifted)), labels, "Of them, beyond a limit.")
        share = len(drifted) / len(fields)
        help_ = "Share of judged features that drifted."
        yield Reading("driftlog_features_drifted_ratio", "gauge", share, labels, help_, "ratio")


def _maturity(documents: Sequence[Document]) -> Iterator[Reading]:
    """By version and variant: share and number of predictions whose truth has arrived."""
    best: dict[Labels, tuple[float, int]] = {}
    for source in documents:
        maturity = number(source.get("maturity"))
        if source["purpose"] == "performance" and maturity is not None:
            labels = labels_of(source)
            best[labels] = max(best.get(labels, (0.0, 0)), (maturity, int(source.get("n_current", 0))))
    for labels, (maturity, n) in sorted(best.items()):
        help_ = "Share of the window's predictions whose truth has arrived."
        yield Reading("driftlog_label_maturity_ratio", "gauge", maturity, dict(labels), help_, "ratio")
        help_ = "Predictions of the window whose truth has arrived."
        yield Reading("driftlog_labelled_predictions", "gauge", float(n), dict(labels), help_)


def _operational(source: Document) -> Iterator[Reading]:
    value = number(source.get("value"))
    metric, labels = source["metric"], dict(labels_of(source))
    if value is None or metric == "error_rate_by_type":
        return
    if metric in _STATISTICS:
        more = {"statistic": _STATISTICS[metric]}
        help_ = "Latency of the newest window: mean and percentiles."
        yield Reading("driftlog_window_latency_seconds", "gauge", value / 1000, labels | more, help_, "seconds")
    elif metric in _OPERATIONAL:
        name, help_ = _OPERATIONAL[metric]
        yield Reading(name, "gauge", value, labels, help_)
    else:
        yield from _any(source)


def _performance(source: Document) -> Iterator[Reading]:
    value = number(source.get("value"))
    if value is None:
        return
    basis = "realised" if source["purpose"] == "performance" else "estimated"
    labels = dict(labels_of(source)) | {"metric": clean(source["metric"]), "basis": basis}
    help_ = "Performance in the newest window, with known truths (realised) or without (estimated)."
    yield Reading("driftlog_performance", "gauge", value, labels, help_)
    for suffix, known, text in (
        ("lower", source.get("lower"), "Lower end of the performance's 95 % interval."),
        ("upper", source.get("upper"), "Upper end of the performance's 95 % interval."),
        ("reference", (source.get("reference") or {}).get("value"), "Performance in the reference."),
    ):
        bound = number(known)
        if bound is not None:
            yield Reading(f"driftlog_performance_{suffix}", "gauge", bound, labels, text)
    yield from _judged("driftlog_performance", source, labels, "performance")


def _estimation_error(source: Document) -> Iterator[Reading]:
    value = number(source.get("value"))
    if value is not None:
        labels = dict(labels_of(source)) | {"metric": clean(source["metric"])}
        yield Reading("driftlog_estimation_error", "gauge", value, labels, "Estimated minus realised performance.")


def _drift(source: Document) -> Iterator[Reading]:
    value = number(source.get("value"))
    if value is None:
        return
    labels = dict(labels_of(source)) | {
        "purpose": source["purpose"],
        "feature": clean(source.get("field")),
        "metric": clean(source["metric"]),
    }
    yield Reading("driftlog_drift", "gauge", value, labels, "Distance of the newest window from the reference.")
    yield from _judged("driftlog_drift", source, labels, "drift")


def _quality(source: Document) -> Iterator[Reading]:
    value = number(source.get("value"))
    if value is None:
        return
    labels = dict(labels_of(source)) | {"feature": clean(source.get("field")), "metric": clean(source["metric"])}
    yield Reading("driftlog_quality", "gauge", value, labels, "Data quality in the newest window.")
    yield from _judged("driftlog_quality", source, labels, "quality")


def _any(source: Document) -> Iterator[Reading]:
    value = number(source.get("value"))
    if value is None:
        return
    labels = dict(labels_of(source)) | {
        "purpose": source["purpose"],
        "metric": clean(source["metric"]),
        "field": clean(source.get("field")),
    }
    yield Reading("driftlog_measurement", "gauge", value, labels, "Every other measurement of the newest window.")
    yield from _judged("driftlog_measurement", source, labels, "measurement")


def _judged(name: str, source: Document, labels: dict[str, str], about: str) -> Iterator[Reading]:
    """Limits and severity, where the measurement was judged."""
    if source.get("verdict", "not_judged") == "not_judged":
        return
    help_ = f"Verdict on {about}: 0 within limits, 1 info, 2 warning, 3 critical."
    yield Reading(f"{name}_severity", "gauge", float(SEVERITY.get(source["verdict"], 0)), labels, help_)
    for severity in ("warning", "critical"):
        limit = number((source.get("limit") or {}).get(severity))
        if limit is not None:
            text = f"Limit of {about}; beyond it the verdict has that severity."
            yield Reading(f"{name}_limit", "gauge", limit, labels | {"severity": severity}, text)


def _error_types(documents: Sequence[Document], most: int) -> Iterator[Reading]:
    """Share of each type of error; the most frequent ones, the rest together."""
    by_labels: dict[Labels, list[tuple[float, str]]] = defaultdict(list)
    for source in documents:
        value = number(source.get("value"))
        if source["metric"] == "error_rate_by_type" and value is not None:
            by_labels[labels_of(source)].append((value, clean(source.get("field"))))
    for labels, rates in sorted(by_labels.items()):
        shown: dict[str, float] = {}
        for place, (value, kind) in enumerate(sorted(rates, key=lambda rate: (-rate[0], rate[1]))):
            name = kind if place < most else OTHER
            shown[name] = shown.get(name, 0.0) + value
        help_ = "Share of the newest window's predictions that failed with this type of error."
        for kind, value in shown.items():
            more = {"error_type": kind}
            yield Reading("driftlog_error_type_ratio", "gauge", value, dict(labels) | more, help_)


_MAKERS: Final[dict[str, Callable[[Document], Iterator[Reading]]]] = {
    "operational": _operational,
    "performance": _performance,
    "estimated_performance": _performance,
    "estimation_error": _estimation_error,
    "quality": _quality,
    **dict.fromkeys(DRIFT, _drift),
}
