"""Drift of the target of a regression: the mean of the actual values against that of the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from driftlog.contract.measurement import MARK_IMMATURE, MARK_REFERENCE_TOO_SHORT, Chunks, Measurement
from driftlog.contract.profile import OutcomeProfile, Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import FEWEST_CHUNKS, THINNINGS, grid_size
from driftlog.evaluate.drift.window import season_marks
from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.difference import Difference, difference
from driftlog.evaluate.performance.intervals import Estimate, estimate
from driftlog.evaluate.performance.metric import ANY, PerformanceMetric
from driftlog.evaluate.performance.regression import valued
from driftlog.evaluate.performance.sums import ByDay, Floats, OutcomeSums, outcome_sums
from driftlog.evaluate.randomness import seed_of

FIELD = "outcome.actual_value"
METRIC = "mean_shift_sd"


def mean_actual(sums: OutcomeSums) -> Floats:
    """Mean of the actual values, less the shift their sums are kept with."""
    return ratio(sums.actual_total, sums.valued)


MEAN = PerformanceMetric("mean_actual", ("regression",), mean_actual, ANY, "no outcome has a value", valued)


def value_target_measurements(
    reference: Reference | None,
    outcomes: Sequence[OutcomeProfile],
    settings: ModelSettings,
    context: SeriesContext,
    *,
    maturity: float | None,
    immature: bool,
) -> list[Measurement]:
    """``mean_shift_sd = |mean - reference mean| / reference sd`` of the actual values; none without a reference's.

    Outcome profiles hold moments of the actual values, so a change of shape at the same mean shows in
    ``details["sd_ratio"]`` alone. ``details["shift"]`` is the signed shift in sd. Interval and p-value are clustered by
    day (`difference`); the chunks' statistics are those of each chunk against the rest, with the noise of a window of
    this size added, so that the default drift rule can judge it. Source: Cohen 1988 (standardised difference).

    Parameters
    ----------
    outcomes
        Profiles of buckets, any number of them a day.
    """
    if settings.task != "regression":
        return []
    before = _side(reference.outcomes if reference is not None else (), settings.timezone)
    scale = _deviation(before.whole) if before is not None else None
    if reference is None or before is None or scale is None:
        return []
    now = _side(outcomes, settings.timezone)
    n_current = int(now.whole.valued) if now is not None else 0
    n_reference = int(before.whole.valued)
    enough = min(n_reference, n_current) >= settings.min_rows
    found, details = Difference(None), {}
    if enough and now is not None:
        apart = outcomes[0].actual_shift - reference.outcomes[0].actual_shift
        found = _standardised(difference(_moved(estimate(MEAN, now), apart), estimate(MEAN, before)), scale)
        deviation = _deviation(now.whole)
        details = _details(found) | ({"sd_ratio": deviation / scale} if deviation is not None else {})
    chunks = _chunks(reference, before.whole, scale, n_current, settings.min_rows)
    marks = season_marks(reference)
    if chunks is None or chunks.k < FEWEST_CHUNKS:
        marks = (MARK_REFERENCE_TOO_SHORT, *marks)
    lower, upper = _ends_of_size(found)
    return [
        context.measurement(
            METRIC,
            "target_drift",
            abs(found.value) if found.value is not None else None,
            field=FIELD,
            lower=lower,
            upper=upper,
            p_value=found.p_value,
            p_adjusted=found.p_value,
            n_reference=n_reference,
            n_current=n_current,
            maturity=maturity,
            method=f"standardised mean difference; {found.method}" if found.method else "",
            unit="sd",
            chunks=chunks,
            details=details,
            marks=(MARK_IMMATURE, *marks) if immature else marks,
            note="" if enough else f"fewer than {settings.min_rows} outcomes with a value",
        )
    ]


def _side(outcomes: Sequence[OutcomeProfile], timezone: str) -> ByDay | None:
    used = by_day([profile for profile in outcomes if profile.valued > 0], timezone)
    if not used:
        return None
    return ByDay.of(outcome_sums(used, positive_label="", labels=(), score_bins=None, task="regression"))


def _deviation(whole: OutcomeSums) -> float | None:
    """Standard deviation of the actual values; None where they do not vary or are too large."""
    n = float(whole.valued)
    with np.errstate(all="ignore"):
        square, mean = float(whole.actual_squares) / n, float(whole.actual_total) / n
    spread = square - mean * mean if math.isfinite(square) and abs(mean) < 1e150 else math.nan
    return math.sqrt(spread) if math.isfinite(spread) and spread > 1e-12 * square else None


def _moved(found: Estimate, by: float) -> Estimate:
    if found.value is None or by == 0.0:
        return found
    return Estimate(found.value + by, found.interval, found.variance, found.days)


def _standardised(found: Difference, scale: float) -> Difference:
    value, lower, upper = (None if end is None else end / scale for end in (found.value, found.lower, found.upper))
    return Difference(value, lower, upper, found.p_value, found.method)


def _details(found: Difference) -> dict[str, float]:
    named = {"shift": found.value, "shift_lower": found.lower, "shift_upper": found.upper}
    return {name: value for name, value in named.items() if value is not None}


def _ends_of_size(found: Difference) -> tuple[float | None, float | None]:
    """Interval of the size of a shift from the interval of the shift."""
    if found.lower is None or found.upper is None:
        return None, None
    ends = abs(found.lower), abs(found.upper)
    return (0.0 if found.lower <= 0 <= found.upper else min(ends)), max(ends)


def _chunks(reference: Reference, whole: OutcomeSums, scale: float, n_current: int, fewest_rows: int) -> Chunks | None:
    """Sizes of the shifts of the reference's chunks, as noisy as those of a window of `n_current` rows."""
    held = [chunk for chunk in (total(chunk.outcomes) for chunk in reference.chunks) if chunk is not None]
    n, sum_of_all, size = float(whole.valued), float(whole.actual_total), grid_size(n_current)
    usable = [chunk for chunk in held if max(1, fewest_rows) <= chunk.valued < n]
    if len(usable) < 2 or size < 1:
        return None
    rows = np.array([chunk.valued for chunk in usable], dtype=np.float64)
    sums = np.array([chunk.actual_total for chunk in usable])
    with np.errstate(all="ignore"):
        shifts = (sums / rows - (sum_of_all - sums) / (n - rows)) / scale
    if not np.isfinite(shifts).all():
        return None
    noise = np.sqrt(np.maximum(1 / size - 1 / rows, 0.0))
    generator = np.random.default_rng(seed_of(reference.id, FIELD, METRIC, size))
    effects = np.abs(shifts[:, None] + noise[:, None] * generator.standard_normal((rows.size, THINNINGS)))
    between = effects.mean(axis=1).var(ddof=1)
    within = effects.var(axis=1, ddof=1).mean() * (1 - 1 / THINNINGS)
    return Chunks(k=int(rows.size), mean=float(effects.mean()), sd=float(np.sqrt(between + within)))
