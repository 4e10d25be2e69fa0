"""Estimated metrics of a classifier in one window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.measurement import MARK_UNCALIBRATED, Chunks, Measurement
from driftlog.contract.profile import PredictionProfile
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.estimation.binary import BinaryEstimator, window_counts
from driftlog.evaluate.estimation.fitted import FittedClassifier
from driftlog.evaluate.estimation.interval import chunks_of, interval_of, spread_of
from driftlog.evaluate.estimation.multiclass import multiclass_window
from driftlog.evaluate.estimation.ranking import expected_average_precision
from driftlog.evaluate.performance.metric import Compute, PerformanceMetric
from driftlog.evaluate.performance.registry import CLASS_METRICS, metrics_for
from driftlog.evaluate.performance.sums import SCORE, OutcomeSums

METHOD: Final = "CBPE; assumes no concept drift"
NOT_ESTIMATED: Final = frozenset({"brier", "log_loss", "expected_calibration_error"})
"""Losses of the score itself: counts over bins do not hold them, and calibration is what CBPE takes for granted."""
CLASS_FIELD: Final = "class:"
MOST_CLASSES: Final = 30
MOST_LABELS: Final = 5
"""Up to so many labels, the expected confusion matrix stands in the details of accuracy."""


@dataclass(frozen=True, slots=True)
class _Views:
    """The same window three times: expected, with half-samples of the reference, with labels drawn."""

    expected: OutcomeSums
    halves: OutcomeSums
    labelled: OutcomeSums

    def of_class(self, label: str) -> _Views:
        return _Views(self.expected.of_class(label), self.halves.of_class(label), self.labelled.of_class(label))


def classifier_estimates(
    fitted: FittedClassifier,
    current: PredictionProfile,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
) -> list[Measurement]:
    """Every metric of the task that can be estimated, beside the reference's realised value."""
    views, left_out = _views(fitted, current, binning, settings, context)
    n = round(float(views.expected.n))
    if n < settings.min_rows:
        note = f"fewer than {settings.min_rows} predictions with a score ({n}) to estimate it from"
        return [_empty(metric, settings, context, note) for metric in _metrics(settings)]
    measure = _Measure(fitted, settings, context, left_out)
    found = [measure.one(metric, views, fitted) for metric in _metrics(settings)]
    for label, part in _classes(views, settings):
        side = replace(
            fitted,
            realised=fitted.realised.of_class(label),
            chunks=fitted.chunks.of_class(label) if fitted.chunks is not None else None,
        )
        found += [
            measure.one(metric, part, side, f"{CLASS_FIELD}{label}")
            for metric in CLASS_METRICS
            if metric.name not in NOT_ESTIMATED and (metric.name != "roc_auc" or label in views.expected.class_labels)
        ]
    return found


def _metrics(settings: ModelSettings) -> list[PerformanceMetric]:
    return [metric for metric in metrics_for(settings) if metric.name not in NOT_ESTIMATED]


def _views(
    fitted: FittedClassifier,
    current: PredictionProfile,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
) -> tuple[_Views, float]:
    """The window as its estimator sees it, and the share of its rows that had to be left out."""
    estimator, seed = fitted.estimator, context.seed("estimation", "")
    if isinstance(estimator, BinaryEstimator):
        bins = binning.fields[SCORE]
        assert isinstance(bins, NumericBins)  # noqa: S101 - fitted only with them
        counts = window_counts(current, bins, settings.positive_label, settings.decision_threshold)
        missing = max(0.0, 1.0 - float(counts.sum()) / current.n) if current.n else 0.0
        return _Views(estimator.expected(counts), estimator.halves(counts), estimator.labelled(counts, seed)), missing
    template = estimator.template
    window = multiclass_window(current, binning, template.labels, template.class_labels, template)
    missing = max(0.0, 1.0 - float(window.by_label.sum()) / current.n) if current.n else 0.0
    return _Views(estimator.expected(window), estimator.halves(window), estimator.labelled(window, seed)), missing


def _classes(views: _Views, settings: ModelSettings) -> Iterator[tuple[str, _Views]]:
    """The most frequent classes of a multiclass window, each against the rest."""
    if settings.task != "multiclass":
        return
    rows = dict(zip(views.expected.labels, views.expected.confusion.sum(axis=-1).tolist(), strict=True))
    frequent = sorted(
        (label for label in rows if rows[label] >= settings.min_rows), key=lambda name: (-rows[name], name)
    )
    for label in frequent[:MOST_CLASSES]:
        yield label, views.of_class(label)


@dataclass(frozen=True, slots=True)
class _Measure:
    """What all metrics of one window have in common."""

    fitted: FittedClassifier
    settings: ModelSettings
    context: SeriesContext
    left_out: float

    def one(self, metric: PerformanceMetric, views: _Views, side: FittedClassifier, field: str = "") -> Measurement:
        """One metric; `side` holds the reference as the metric sees it (whole, or a class against the rest)."""
        compute = expected_average_precision if metric.name == "average_precision" else metric.compute
        with np.errstate(all="ignore"):
            value = float(compute(views.expected))
            if not math.isfinite(value):
                return _empty(metric, self.settings, self.context, f"undefined: {metric.undefined}", field)
            samples = self.fitted.estimator.samples
            spread = spread_of(
                value, compute(views.halves), compute(views.labelled), samples.scale, self.fitted.freedom
            )
        rows = float(views.expected.n)
        lower, upper = interval_of(value, spread, metric.bounds) if spread is not None else (None, None)
        before = side.realised_value(metric, field, rows)
        check = self.fitted.estimator.check
        details = {"calibration_tolerance": check.tolerance, "calibration_folds": float(check.folds)}
        details |= {"calibration_error": check.error} if math.isfinite(check.error) else {}
        details |= {"left_out_share": self.left_out} if self.left_out > 0 else {}
        if spread is not None:
            details |= {"bias": spread.bias, "sd_reference": spread.of_reference, "sd_labels": spread.of_labels}
        ends = {"reference_lower": before.interval.lower, "reference_upper": before.interval.upper}
        details |= {name: end for name, end in ends.items() if end is not None}
        if metric.name == "accuracy":
            details |= _cells(views.expected)
        units = f"{samples.days} days" if samples.clustered else "rows"
        return self.context.measurement(
            metric.name,
            "estimated_performance",
            value,
            field=field,
            lower=lower,
            upper=upper,
            reference_value=before.value,
            n_reference=int(float(metric.rows(side.realised.whole))),
            n_current=round(rows),
            chunks=_chunks(metric.scaled(views.expected, rows), side.chunks),
            method=f"{METHOD}; 95 % for the value all labels will show, from half-samples of the reference's {units}",
            unit=self.settings.business_unit if metric.money else metric.unit,
            details=details,
            marks=(MARK_UNCALIBRATED,) if check.failed else (),
            note="" if spread is not None else "no interval: undefined in too many half-samples of the reference",
        )


def _empty(
    metric: PerformanceMetric, settings: ModelSettings, context: SeriesContext, note: str, field: str = ""
) -> Measurement:
    unit = settings.business_unit if metric.money else metric.unit
    return context.measurement(
        metric.name, "estimated_performance", None, field=field, method=METHOD, unit=unit, note=note
    )


def unestimated(settings: ModelSettings, context: SeriesContext, note: str) -> list[Measurement]:
    """Every metric that would be estimated, without a value."""
    return [_empty(metric, settings, context, note) for metric in _metrics(settings)]


def _cells(sums: OutcomeSums) -> dict[str, float]:
    """The expected confusion matrix, ``expected:<actual>|<predicted>``, for few labels."""
    if len(sums.labels) > MOST_LABELS:
        return {}
    return {
        f"expected:{actual}|{predicted}": float(sums.confusion[i, j])
        for i, actual in enumerate(sums.labels)
        for j, predicted in enumerate(sums.labels)
    }


def _chunks(compute: Compute, chunks: OutcomeSums | None) -> Chunks | None:
    if chunks is None:
        return None
    with np.errstate(all="ignore"):
        values = compute(chunks)
    return chunks_of(values)
