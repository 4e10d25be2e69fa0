"""Performance of one window from its outcomes, day by day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_IMMATURE, MARK_NO_REFERENCE, Chunks, Measurement
from driftlog.contract.profile import OutcomeProfile, Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
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


@dataclass(frozen=True, slots=True)
class _Sides:
    """The window's outcomes and the reference's, seen alike."""

    current: ByDay | None
    reference: ByDay | None
    chunks: OutcomeSums | None

    def of_class(self, label: str) -> _Sides:
        current, reference, chunks = self.current, self.reference, self.chunks
        return _Sides(
            current.of_class(label) if current is not None else None,
            reference.of_class(label) if reference is not None else None,
            chunks.of_class(label) if chunks is not None else None,
        )


def performance_measurements(
    reference: Reference | None,
    outcomes: Sequence[OutcomeProfile],
    n_predictions: int,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
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

    Intervals are 95 %, see `driftlog.evaluate.performance.intervals.estimate`; ``details`` hold the measured
    ``design_effect``, the ends of the reference's interval, and what a metric adds (``tie_bound``, ``bin_bound``, ...).
    Multiclass: precision, recall, F1 and ROC AUC of at most 30 classes too, with field ``class:<label>``, for classes
    with `min_rows` outcomes in the window or the reference. A window less mature than `min_maturity` is marked
    ``immature``. A metric that is undefined, and every metric below `min_rows` outcomes, has value None and a note.
    Totals (`business_value`) are compared with what the reference would make of as many outcomes.
    """
    if reference is not None and not context.reference_id:
        context = replace(context, reference_id=reference.id)
    whole = total(outcomes)
    n = whole.n if whole is not None else 0
    maturity = min(1.0, n / n_predictions) if n_predictions > 0 else None
    immature = maturity is not None and maturity < settings.min_maturity
    marks = (MARK_IMMATURE,) if immature else ()
    if n_predictions <= 0 and n == 0:
        return []
    sides = _sides(reference, outcomes, binning, settings)
    own_marks = marks if sides.reference is not None else (*marks, MARK_NO_REFERENCE)
    measure = _Measure(settings, context, maturity, own_marks)
    held = {metric.name: measure.both(metric, sides) for metric in metrics_for(settings)}
    return [
        *(found.measurement for found in held.values()),
        *(measure.both(metric, part, field).measurement for metric, part, field in _classes(sides, settings)),
        *difference_measurements(
            {name: (found.current, found.reference) for name, found in held.items()},
            {name: found.measurement for name, found in held.items()},
            _reference_maturity(reference),
            settings,
            context,
        ),
        *target_measurements(reference, whole, settings, context, maturity=maturity, immature=immature),
        *value_target_measurements(reference, outcomes, settings, context, maturity=maturity, immature=immature),
    ]


def _sides(
    reference: Reference | None, outcomes: Sequence[OutcomeProfile], binning: Binning, settings: ModelSettings
) -> _Sides:
    now = by_day(outcomes, settings.timezone)
    before = by_day(reference.outcomes, settings.timezone) if reference is not None else []
    chunks = [
        whole for chunk in (reference.chunks if reference is not None else ()) if (whole := total(chunk.outcomes))
    ]
    labels = sorted({*labels_of(now), *labels_of(before), *labels_of(chunks)})
    usable = [chunk for chunk in chunks if chunk.n >= settings.min_rows]
    return _Sides(
        ByDay.of(sums_of(now, binning, settings, labels)) if now else None,
        ByDay.of(sums_of(before, binning, settings, labels)) if before else None,
        sums_of(usable, binning, settings, labels) if before and usable else None,
    )


def _reference_maturity(reference: Reference | None) -> float | None:
    if reference is None or reference.predictions.n <= 0:
        return None
    return min(1.0, sum(profile.n for profile in reference.outcomes) / reference.predictions.n)


def _classes(sides: _Sides, settings: ModelSettings) -> list[tuple[PerformanceMetric, _Sides, str]]:
    """What is measured class by class: metric, the class against the rest, field."""
    held = [side.whole for side in (sides.reference, sides.current) if side is not None]
    if settings.task != "multiclass" or not held:
        return []
    rows = [dict(zip(sums.labels, sums.confusion.sum(axis=-1).tolist(), strict=True)) for sums in held]
    frequent = [label for label in held[0].labels if max(of[label] for of in rows) >= settings.min_rows]
    frequent.sort(key=lambda label: (-rows[0][label], label))
    parts = {label: sides.of_class(label) for label in frequent[:MOST_CLASSES]}
    return [
        (metric, part, f"{CLASS_FIELD}{label}")
        for label, part in parts.items()
        for metric in CLASS_METRICS
        if metric.name != "roc_auc" or label in held[0].class_labels
    ]


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

    def both(self, metric: PerformanceMetric, sides: _Sides, field: str = "") -> _Found:
        """The metric of the window beside that of the reference."""
        rows_of = metric.support if field and metric.support is not None else metric.rows
        current = sides.current
        rows = float(rows_of(current.whole)) if current is not None else 0.0
        now, before, note, n_reference = _NOTHING, _NOTHING, "", 0
        details: dict[str, float] = {}
        if current is None or rows < self.settings.min_rows:
            note = f"fewer than {self.settings.min_rows} outcomes ({rows:.0f}) to compute it from"
        else:
            now = estimate(metric, current)
            note = "" if now.value is not None else f"undefined: {_why(metric, current.whole)}"
            details = _details(metric, current.whole, now)
        if sides.reference is not None:
            n_reference = int(rows_of(sides.reference.whole))
            before = estimate(metric, sides.reference, rows=rows or None)
            details |= _named("reference_", before)
        measurement = self.context.measurement(
            metric.name,
            "performance",
            now.value,
            field=field,
            lower=now.interval.lower,
            upper=now.interval.upper,
            reference_value=before.value,
            n_reference=n_reference,
            n_current=int(rows),
            maturity=self.maturity,
            chunks=_chunks(metric, sides.chunks, rows),
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


def _chunks(metric: PerformanceMetric, chunks: OutcomeSums | None, rows: float) -> Chunks | None:
    if chunks is None:
        return None
    with np.errstate(all="ignore"):
        values = metric.scaled(chunks, rows or 1.0)(chunks)
        values = values[np.isfinite(values)]
        if values.size < 2:
            return None
        mean, sd = float(values.mean()), float(values.std(ddof=1))
    return Chunks(k=int(values.size), mean=mean, sd=sd) if math.isfinite(mean) and math.isfinite(sd) else None
