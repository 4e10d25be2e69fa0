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
    Welch and Satterthwaite from days - 1 each. By chunks, where the window has a single usable day and the reference
    eight chunks of its length: ``t = d / (sd sqrt(1 + 1/k))`` with k - 1 degrees of freedom. Else no test: rows of one
    day are not independent, and a test that takes them so alarms nearly always.

    Source: Welch 1947; Cameron, Gelbach and Miller 2008 on few clusters.
    """
    if current.value is None or reference.value is None:
        return Difference(None)
    value = current.value - reference.value
    if current.variance is not None and reference.variance is not None:
        spread, freedom = welch(current.variance, current.days, reference.variance, reference.days)
        how = f"95 % clustered by day ({current.days} v {reference.days} days, Welch)"
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
