"""Performance of a window against the reference's: a difference with an interval and a p-value clustered by day."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scipy import special

from driftlog.contract.measurement import Chunks
from driftlog.evaluate.performance.intervals import Estimate

DIFFERENCES: Final = ("accuracy", "roc_auc", "roc_auc_macro", "mae", "rmse")
"""Metrics with a measurement of their difference, ``<metric>_difference``."""
FEWEST_CHUNKS: Final = 8
FEWEST_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Difference:
    """Current - reference, with a 95 % interval and a two-sided p-value where they can be had."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    p_value: float | None = None
    method: str = ""


def difference(current: Estimate, reference: Estimate, chunks: Chunks | None = None) -> Difference:
    """The difference of two estimates of one metric.

    By days: ``t = d / sqrt(v + w)``, v and w the clustered variances of both sides, with the degrees of freedom of
    Welch and Satterthwaite from days - 1 each. With fewer than seven days on a side both are taken to vary alike from
    day to day (Student's pooled test): measured on data of two to four days against 28, Welch's alarms in 6 to 13 %
    of unchanged windows. By chunks, where the window has a single usable day and the reference
    eight chunks of its length: ``t = d / (sd sqrt(1 + 1/k))`` with k - 1 degrees of freedom. Else no test: rows of one
    day are not independent, and a test that takes them so alarms nearly always.

    Source: Welch 1947; Cameron, Gelbach and Miller 2008 on few clusters.
    """
    if current.value is None or reference.value is None:
        return Difference(None)
    value = current.value - reference.value
    if current.variance is not None and reference.variance is not None and current.variance + reference.variance > 0:
        few = min(current.days, reference.days) < FEWEST_DAYS
        test = pooled if few else welch
        spread, freedom = test(current.variance, current.days, reference.variance, reference.days)
        name = "Student" if few else "Welch"
        how = f"95 % clustered by day ({current.days} v {reference.days} days, {name})"
    elif chunks is not None and chunks.k >= FEWEST_CHUNKS and chunks.sd > 0:
        spread, freedom = chunks.sd * math.sqrt(1 + 1 / chunks.k), chunks.k - 1.0
        how = f"95 % from the reference's chunks ({chunks.k})"
    else:
        return Difference(value, method="no interval: fewer than 2 usable days, and fewer than 8 chunks")
    half = float(special.stdtrit(freedom, 0.975)) * spread
    p_value = 2 * float(special.stdtr(freedom, -abs(value) / spread))
    return Difference(value, value - half, value + half, p_value, how)


def welch(variance_a: float, days_a: int, variance_b: float, days_b: int) -> tuple[float, float]:
    """Standard error of a difference of two means and its degrees of freedom.

    >>> welch(1.0, 11, 1.0, 11)
    (1.4142135623730951, 20.0)
    """
    whole = variance_a + variance_b
    a, b = variance_a / whole, variance_b / whole
    return math.sqrt(whole), 1 / (a * a / (days_a - 1) + b * b / (days_b - 1))


def pooled(variance_a: float, days_a: int, variance_b: float, days_b: int) -> tuple[float, float]:
    """As `welch`, the variance from day to day being the same on both sides: ``s^2 (1/a + 1/b)``, a + b - 2 degrees.

    >>> pooled(1.0, 11, 1.0, 11)
    (1.4142135623730951, 20)
    """
    freedom = days_a + days_b - 2
    daily = ((days_a - 1) * days_a * variance_a + (days_b - 1) * days_b * variance_b) / freedom
    return math.sqrt(daily * (1 / days_a + 1 / days_b)), freedom
