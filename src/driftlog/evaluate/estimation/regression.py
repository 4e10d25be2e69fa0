"""DLE, direct loss estimation: MAE and RMSE of a window without truths, from a model of the losses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import MARK_UNCALIBRATED, Measurement
from driftlog.contract.profile import Reference, RowSample, total
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.estimation.fitted import EstimationCache
from driftlog.evaluate.estimation.interval import Spread, chunks_of, interval_of
from driftlog.evaluate.estimation.row_model import LossModel, fit_losses
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.intervals import estimate
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS
from driftlog.evaluate.performance.sums import ByDay, OutcomeSums, sums_of
from driftlog.evaluate.randomness import seed_of

METHOD: Final = "DLE; assumes no concept drift; the sign of errors, and so bias and R2, cannot be estimated"
METRICS: Final = ("mae", "rmse")


@dataclass(frozen=True, slots=True)
class LossEstimate:
    """One estimated loss with what it owes to chance."""

    value: float
    spread: Spread

    @property
    def interval(self) -> tuple[float, float]:
        """95 % for the value that all truths will show."""
        return interval_of(self.value, self.spread, (0.0, math.inf))


def estimate_losses(model: LossModel, rows: RowSample, n: int) -> dict[str, LossEstimate]:
    """Estimated MAE and RMSE of a window of `n` predictions of which `rows` are a random sample.

    ``MAE = mean m1(x)``, ``RMSE = sqrt(mean m2(x))`` with m1, m2 the models of |error| and its square. The variance has
    three parts: of the models (half-samples of the reference's rows), of the sampled rows (``var m / rows (1 - rows /
    n)``), and of the losses about their expectation (``mean (m2 - m1^2) / n``; for the square the reference's residual
    variance, scaled by the squared ratio of mean losses).

    Source: direct loss estimation as in NannyML's documentation; half-samples as in `HalfSamples`.
    """
    losses, halves = model.predict(rows.columns)
    count = losses.shape[1]
    mean = np.maximum(losses.mean(axis=1), 0.0)
    sampled = losses.var(axis=1, ddof=1) / count * max(0.0, 1.0 - count / max(n, count))
    growth = (mean[1] / model.observed[1]) ** 2 if model.observed[1] > 0 else 1.0
    own = (max(float((losses[1] - losses[0] ** 2).mean()), 0.0), model.residual[1] * growth)
    found = {}
    for at, name in enumerate(METRICS):
        spread = Spread(
            bias=float(halves[:, at].mean() - losses[at].mean()),
            of_reference=float(halves[:, at].std(ddof=1)),
            of_labels=math.sqrt(own[at] / n + float(sampled[at])),
            freedom=len(halves) - 1.0,
        )
        found[name] = LossEstimate(float(mean[at]), spread)
    return found | {"rmse": _root(found["rmse"])}


def _root(square: LossEstimate) -> LossEstimate:
    """Square root, by the delta method."""
    value = math.sqrt(square.value)
    slope = 0.5 / value if value > 0 else 0.0
    spread = square.spread
    return LossEstimate(
        value,
        Spread(spread.bias * slope, spread.of_reference * slope, spread.of_labels * slope, spread.freedom),
    )


def regression_estimates(
    reference: Reference,
    rows: RowSample | None,
    n: int,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    cache: EstimationCache,
) -> list[Measurement]:
    """Estimated MAE and RMSE; nothing for segments, whose rows are not sampled apart."""
    if context.segment:
        return []
    model: LossModel | str = "the reference has no sampled rows"
    if reference.rows is not None:
        key = ("losses", reference.id)
        model = cache.get(key) or fit_losses(reference.rows, seed_of(reference.id, "losses"))
        cache.put(key, model)
    sampled = rows.rows if rows is not None else 0
    if isinstance(model, LossModel) and sampled < settings.min_rows:
        model = f"fewer than {settings.min_rows} sampled rows ({sampled}) of the window"
    if isinstance(model, str) or rows is None:
        note = str(model)
        return [context.measurement(name, "estimated_performance", None, method=METHOD, note=note) for name in METRICS]
    found = estimate_losses(model, rows, n)
    days = by_day(reference.outcomes, settings.timezone)
    sums = ByDay.of(sums_of(days, binning, settings, ()))
    chunks = [whole for chunk in reference.chunks if (whole := total(chunk.outcomes)) and whole.n >= settings.min_rows]
    held = sums_of(chunks, binning, settings, ()) if chunks else None
    return [_measurement(name, found[name], model, sums, held, rows, context) for name in METRICS]


def _measurement(
    name: str,
    found: LossEstimate,
    model: LossModel,
    reference: ByDay,
    chunks: OutcomeSums | None,
    rows: RowSample,
    context: SeriesContext,
) -> Measurement:
    metric = PERFORMANCE_METRICS[name]
    before = estimate(metric, reference)
    lower, upper = found.interval
    details = {
        "bias": found.spread.bias,
        "sd_reference": found.spread.of_reference,
        "sd_labels": found.spread.of_labels,
        "calibration_error": model.calibration_error,
        "explained_share": model.explained,
        "population": float(rows.n),
    }
    ends = {"reference_lower": before.interval.lower, "reference_upper": before.interval.upper}
    return context.measurement(
        name,
        "estimated_performance",
        found.value,
        lower=lower,
        upper=upper,
        reference_value=before.value,
        n_reference=model.rows,
        n_current=rows.rows,
        chunks=chunks_of(metric.compute(chunks)) if chunks is not None else None,
        method=f"{METHOD}; 95 % for the value all truths will show, from half-samples of the reference's rows",
        unit=metric.unit,
        details=details | {name: end for name, end in ends.items() if end is not None},
        marks=(MARK_UNCALIBRATED,) if model.uncalibrated else (),
    )
