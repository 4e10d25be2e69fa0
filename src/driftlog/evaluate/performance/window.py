"""Performance of one window from its outcomes, day by day."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.measurement import (
    MARK_IMMATURE,
    MARK_NO_REFERENCE,
    Chunks,
    Measurement,
)
from driftlog.contract.profile import OutcomeProfile, Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.performance.intervals import Interval, clustered_interval
from driftlog.evaluate.performance.registry import PerformanceMetric, metrics_of
from driftlog.evaluate.performance.scores import tie_bound
from driftlog.evaluate.performance.sums import SCORE, OutcomeSums, labels_of, outcome_sums
from driftlog.evaluate.performance.target import target_measurements


@dataclass(frozen=True, slots=True)
class _Baseline:
    """The reference's outcomes, as the window's are seen."""

    days: OutcomeSums
    whole: OutcomeSums
    chunks: OutcomeSums | None


def performance_measurements(
    reference: Reference | None,
    outcomes: Sequence[OutcomeProfile],
    n_predictions: int,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
) -> list[Measurement]:
    """The metrics of the model's task, each beside the reference's value, and the drift of the target.

    Parameters
    ----------
    reference
        Its outcomes give `reference_value`; its chunks' outcomes give `Measurement.chunks` (k, mean and sd of the
        metric over them), the natural spread of a window. None, or one without outcomes: mark ``no_reference``.
    outcomes
        Profiles of buckets, any number of them a day.
    n_predictions
        Predictions of the window; ``maturity = outcomes / n_predictions``.

    Intervals are 95 %, clustered by day (`clustered_interval`); where the window has fewer than two days, those of
    independent rows where there is one, and `method` says so. ``details`` hold the ends of the reference's interval
    and, for ROC AUC, ``tie_bound``. A window less mature than `min_maturity` is marked ``immature``. A metric that is
    undefined, and every metric below `min_rows` outcomes, has value None and a note.
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
    baseline, current = _sums(reference, outcomes, binning, settings)
    if baseline is None:
        marks = (*marks, MARK_NO_REFERENCE)
    return [
        *(
            _measure(metric, current, baseline, settings, context, maturity=maturity, marks=marks)
            for metric in metrics_of(settings.task)
        ),
        *target_measurements(reference, whole, settings, context, maturity=maturity, immature=immature),
    ]


def by_day(outcomes: Sequence[OutcomeProfile], timezone: str) -> list[OutcomeProfile]:
    """Profiles added up by the local day their bucket starts on, in order of time."""
    zone = ZoneInfo(timezone)
    days: dict[object, list[OutcomeProfile]] = {}
    for profile in outcomes:
        days.setdefault(profile.key.bucket.start.astimezone(zone).date(), []).append(profile)
    sums = (total(profiles) for _, profiles in sorted(days.items(), key=lambda item: str(item[0])))
    return [profile for profile in sums if profile is not None and profile.n > 0]


def _sums(
    reference: Reference | None, outcomes: Sequence[OutcomeProfile], binning: Binning, settings: ModelSettings
) -> tuple[_Baseline | None, OutcomeSums | None]:
    bins = binning.fields.get(SCORE)
    score_bins = bins if isinstance(bins, NumericBins) else None
    now = by_day(outcomes, settings.timezone)
    before = by_day(reference.outcomes, settings.timezone) if reference is not None else []
    chunks = [
        whole for chunk in (reference.chunks if reference is not None else ()) if (whole := total(chunk.outcomes))
    ]
    labels = sorted({*labels_of(now), *labels_of(before), *labels_of(chunks)})

    def sums(profiles: list[OutcomeProfile]) -> OutcomeSums | None:
        if not profiles:
            return None
        return outcome_sums(profiles, positive_label=settings.positive_label, labels=labels, score_bins=score_bins)

    days = sums(before)
    usable = [chunk for chunk in chunks if chunk.n >= settings.min_rows]
    return None if days is None else _Baseline(days, days.total(), sums(usable)), sums(now)


def _measure(
    metric: PerformanceMetric,
    current: OutcomeSums | None,
    baseline: _Baseline | None,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    maturity: float | None,
    marks: tuple[str, ...],
) -> Measurement:
    rows = int(metric.rows(current.total())) if current is not None else 0
    value, interval, note = None, Interval(None, None, ""), ""
    details: dict[str, float] = {}
    if current is None or rows < settings.min_rows:
        note = f"fewer than {settings.min_rows} outcomes ({rows}) to compute it from"
    else:
        value, interval = _value_and_interval(metric, current)
        if value is None:
            note = f"undefined: {metric.undefined}"
        elif metric.name == "roc_auc":
            details["tie_bound"] = float(tie_bound(current.total()))
    reference_value, n_reference = None, 0
    if baseline is not None:
        reference_value, before = _value_and_interval(metric, baseline.days)
        n_reference = int(metric.rows(baseline.whole))
        if before.lower is not None and before.upper is not None:
            details |= {"reference_lower": before.lower, "reference_upper": before.upper}
    return context.measurement(
        metric.name,
        "performance",
        value,
        lower=interval.lower,
        upper=interval.upper,
        reference_value=reference_value,
        n_reference=n_reference,
        n_current=rows,
        maturity=maturity,
        chunks=_chunks(metric, baseline),
        method=interval.method,
        unit=metric.unit,
        details=details,
        marks=marks,
        note=note,
    )


def _value_and_interval(metric: PerformanceMetric, days: OutcomeSums) -> tuple[float | None, Interval]:
    whole = days.total()
    value = float(metric.compute(whole))
    if not math.isfinite(value):
        return None, Interval(None, None, "")
    interval = clustered_interval(days, metric.compute, value, metric.bounds)
    if interval is None:
        interval = metric.independent(whole) if metric.independent is not None else None
    return value, interval or Interval(None, None, "no interval: fewer than 2 usable days")


def _chunks(metric: PerformanceMetric, baseline: _Baseline | None) -> Chunks | None:
    if baseline is None or baseline.chunks is None:
        return None
    values = metric.compute(baseline.chunks)
    values = values[np.isfinite(values)]
    if values.size < 2:
        return None
    return Chunks(k=int(values.size), mean=float(values.mean()), sd=float(values.std(ddof=1)))
