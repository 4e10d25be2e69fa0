"""95 % intervals of performance: clustered by day where there are two days, else from the counts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from driftlog.evaluate.performance.sums import Floats, OutcomeSums
from driftlog.evaluate.proportions import wilson_interval

_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Interval:
    """Two-sided 95 % interval and how it was found."""

    lower: float | None
    upper: float | None
    method: str


def clustered_interval(
    days: OutcomeSums, metric: Callable[[OutcomeSums], Floats], value: float, bounds: tuple[float, float]
) -> Interval | None:
    """Delete-one-day jackknife with Student's t, days - 1 degrees of freedom; None where it cannot be had.

    ``var = (D - 1) / D sum_i (theta_(i) - mean)^2`` with theta_(i) the metric without day i. Predictions of one day
    share weather, traffic and faults, so the day is what is independent; for a ratio of sums this is the linearised
    cluster variance to first order, and it serves AUC and F1 alike.

    Source: Wolter, "Introduction to Variance Estimation", 2007, chapter 4.
    """
    count = int(np.count_nonzero(days.n))
    if count < 2:
        return None
    left_out = metric(days.without_each())[days.n > 0]
    if not np.isfinite(left_out).all():
        return None
    deviation = math.sqrt(float(((left_out - left_out.mean()) ** 2).sum()) * (count - 1) / count)
    half = float(special.stdtrit(count - 1, 0.975)) * deviation
    if half == 0.0:
        return None
    low, high = bounds
    return Interval(max(low, value - half), min(high, value + half), f"95 % clustered by day ({count} days, jackknife)")


def wilson(successes: float, n: float) -> Interval:
    """Wilson's interval of a proportion: rows taken as independent."""
    low, high = wilson_interval(successes, n)
    return Interval(low, high, "95 % Wilson, rows taken as independent (fewer than 2 usable days)")


def hanley_mcneil(auc: float, positives: float, negatives: float) -> Interval:
    """Normal interval of an AUC with the variance of Hanley and McNeil (1982): rows taken as independent."""
    q1, q2 = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    variance = (auc * (1 - auc) + (positives - 1) * (q1 - auc * auc) + (negatives - 1) * (q2 - auc * auc)) / (
        positives * negatives
    )
    half = _Z * math.sqrt(max(variance, 0.0))
    how = "95 % Hanley-McNeil, rows taken as independent (fewer than 2 usable days)"
    return Interval(max(0.0, auc - half), min(1.0, auc + half), how)
