"""Performance of one window from its outcomes, day by day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_IMMATURE, MARK_NO_REFERENCE, Measurement
from driftlog.contract.profile import OutcomeProfile, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.performance.baseline import NO_BASELINE, ReferenceCache, ReferencePerformance
from driftlog.evaluate.performance.changes import difference_measurements
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.intervals import Estimate, Interval, estimate
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.registry import CLASS_METRICS, metrics_for
from driftlog.evaluate.performance.sums import ByDay, OutcomeSums, labels_of, sums_of
from driftlog.evaluate.performance.target import target_measurements
from driftlog.evaluate.performance.target_values import value_target_measurements

MOST_CLASSES = 30
"""Classes measured one by one, the most frequent first."""
CLASS_FIELD = "class:"
_NOTHING = Estimate(None, Interval(None, None, ""))


def performance_measurements(
    reference: Reference | None,
    outcomes: Sequence[OutcomeProfile],
    n_predictions: int,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    cache: ReferenceCache | None = None,
) -> list[Measurement]:
    """The metrics of the model's task, each beside the reference's value; their differences; the drift of the target.

    Parameters
    ----------
    reference
        Its outcomes give `reference_value`; its chunks' outcomes give `Measurement.chunks` (k, mean and sd of the
        metric over them), the natural spread of a window. None, or one without outcomes: mark ``no_reference``.
    outcomes
        Profiles of buckets, any number of them a day.
    n_predictions
        Predictions of the window; ``maturity = outcomes / n_predictions``.
    cache
        Keeps what was computed of the reference for the next window.

    Intervals are 95 %, see `driftlog.evaluate.performance.intervals.estimate`; ``details`` hold the measured
    ``design_effect``, the ends of the reference's interval, and what a metric adds (``tie_bound``, ``bin_bound``, ...).
    Multiclass: precision, recall, F1 and ROC AUC of at most 30 classes too, with field ``class:<label>``, for classes
    with `min_rows` outcomes in the window or the reference. A window less mature than `min_maturity` is marked
    ``immature``. A metric that is undefined, and every metric below `min_rows` outcomes, has value None and a note.
    Totals (`business_value`) are compared with what the reference would make of as many outcomes.
    """
    if reference is not None and not context.reference_id:
        context = replace(context, reference_id=reference.id)
    n = sum(profile.n for profile in outcomes)
    maturity = min(1.0, n / n_predictions) if n_predictions > 0 else None
    immature = maturity is not None and maturity < settings.min_maturity
    marks = (MARK_IMMATURE,) if immature else ()
    if n_predictions <= 0 and n == 0:
        return []
    before = None
    if reference is not None:
        before = (cache or ReferenceCache()).performance_of(reference, context.segment, binning, settings)
    known = before is not None and before.known
    measure = _Measure(settings, context, maturity, marks if known else (*marks, MARK_NO_REFERENCE), before)
    current = _current(outcomes, binning, settings)
    held = {metric.name: measure.both(metric, current) for metric in metrics_for(settings)}
    of_classes = _of_classes(measure, current)
    if before is not None:
        before.release()
    return [
        *(found.measurement for found in held.values()),
        *of_classes,
        *difference_measurements(
            {name: (found.current, found.reference) for name, found in held.items()},
            {name: found.measurement for name, found in held.items()},
            before.maturity if before is not None else None,
            settings,
            context,
        ),
        *target_measurements(reference, outcomes, settings, context, maturity=maturity, immature=immature),
        *value_target_measurements(reference, outcomes, settings, context, maturity=maturity, immature=immature),
    ]


def _current(outcomes: Sequence[OutcomeProfile], binning: Binning, settings: ModelSettings) -> ByDay | None:
    days = by_day(outcomes, settings.timezone)
    return ByDay.of(sums_of(days, binning, settings, labels_of(days))) if days else None


def _of_classes(measure: _Measure, current: ByDay | None) -> list[Measurement]:
    """What is measured class by class."""
    settings, before = measure.settings, measure.before
    if settings.task != "multiclass":
        return []
    of_reference = before.actual if before is not None and before.known else {}
    whole = current.whole if current is not None else None
    of_current = dict(zip(whole.labels, whole.confusion.sum(axis=-1).tolist(), strict=True)) if whole else {}
    rows = {
        label: max(of_reference.get(label, 0.0), of_current.get(label, 0.0)) for label in {*of_reference, *of_current}
    }
    order = of_reference or of_current
    frequent = [label for label, most in rows.items() if most >= settings.min_rows]
    frequent.sort(key=lambda label: (-order.get(label, 0.0), label))
    scored = set(whole.class_labels) if whole is not None else set()
    found = []
    for label in frequent[:MOST_CLASSES]:
        part = current.of_class(label) if current is not None else None
        chosen = [metric for metric in CLASS_METRICS if metric.name != "roc_auc" or label in scored]
        found += [measure.both(metric, part, label).measurement for metric in chosen]
    return found


@dataclass(frozen=True, slots=True)
class _Found:
    measurement: Measurement
    current: Estimate
    reference: Estimate


@dataclass(frozen=True, slots=True)
class _Measure:
    """What all metrics of one window have in common."""

    settings: ModelSettings
    context: SeriesContext
    maturity: float | None
    marks: tuple[str, ...]
    before: ReferencePerformance | None

    def both(self, metric: PerformanceMetric, current: ByDay | None, label: str | None = None) -> _Found:
        """The metric of the window (of one class against the rest) beside that of the reference."""
        rows_of = metric.support if label is not None and metric.support is not None else metric.rows
        rows = float(rows_of(current.whole)) if current is not None else 0.0
        now, note = _NOTHING, ""
        details: dict[str, float] = {}
        if current is None or rows < self.settings.min_rows:
            note = f"fewer than {self.settings.min_rows} outcomes ({rows:.0f}) to compute it from"
        else:
            now = estimate(metric, current)
            note = "" if now.value is not None else f"undefined: {_why(metric, current.whole)}"
            details = _details(metric, current.whole, now)
        base = self.before.baseline(metric, rows or 1.0, label) if self.before is not None else NO_BASELINE
        before = base.estimate
        details |= _named("reference_", before)
        measurement = self.context.measurement(
            metric.name,
            "performance",
            now.value,
            field="" if label is None else f"{CLASS_FIELD}{label}",
            lower=now.interval.lower,
            upper=now.interval.upper,
            reference_value=before.value,
            n_reference=base.rows,
            n_current=int(rows),
            maturity=self.maturity,
            chunks=base.chunks,
            method=now.interval.method,
            unit=self.settings.business_unit if metric.money else metric.unit,
            details=details,
            marks=self.marks,
            note=note,
        )
        return _Found(measurement, now, before)


def _why(metric: PerformanceMetric, whole: OutcomeSums) -> str:
    with np.errstate(all="ignore"):
        value = float(metric.compute(whole))
    return "the numbers are too large" if math.isinf(value) else metric.undefined


def _details(metric: PerformanceMetric, whole: OutcomeSums, now: Estimate) -> dict[str, float]:
    if now.value is None:
        return {}
    found: dict[str, float] = {}
    if metric.details is not None:
        with np.errstate(all="ignore"):
            found = {name: value for name, value in metric.details(whole).items() if math.isfinite(value)}
    if now.design_effect is not None:
        found["design_effect"] = now.design_effect
    return found


def _named(prefix: str, before: Estimate) -> dict[str, float]:
    ends = {"lower": before.interval.lower, "upper": before.interval.upper, "design_effect": before.design_effect}
    return {f"{prefix}{name}": value for name, value in ends.items() if value is not None}
