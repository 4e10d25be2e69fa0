"""What a performance metric is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from driftlog.contract.events import Task
from driftlog.evaluate.performance import classification, scores
from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.intervals import Interval, normal, wilson
from driftlog.evaluate.performance.sums import Floats, OutcomeSums
from driftlog.evaluate.performance.variances import confusion_variance, delong_variance

SHARE: Final = (0.0, 1.0)
POSITIVE: Final = (0.0, math.inf)
ANY: Final = (-math.inf, math.inf)

Compute = Callable[[OutcomeSums], Floats]
Independent = Callable[[OutcomeSums, float], Interval | None]


@dataclass(frozen=True, slots=True)
class PerformanceMetric:
    """One entry of the registry.

    Attributes
    ----------
    compute
        Of sums with any leading axes; NaN where undefined.
    bounds
        Smallest and largest possible value.
    undefined
        Why it can be undefined, for people.
    rows
        Number of outcomes behind it, of sums with any leading axes.
    worse
        The side on which a model is worse; empty where neither is.
    independent
        Interval that takes rows as independent, of sums without leading axes and a confidence; None where the sums do
        not hold one.
    details
        Further numbers, of sums without leading axes: bounds from binning, what is expected by chance.
    extensive
        The metric is a total over rows: its interval is that of the mean per row, times the rows.
    per_class
        Measured for each class of several as well, the class against the rest.
    support
        For a class: the outcomes that tell something about it.
    needs
        The setting of the model without which it is not reported.
    money
        Its unit is `ModelSettings.business_unit`.
    """

    name: str
    tasks: tuple[Task, ...]
    compute: Compute
    bounds: tuple[float, float]
    undefined: str
    rows: Compute
    worse: Literal["above", "below", ""] = ""
    independent: Independent | None = None
    details: Callable[[OutcomeSums], dict[str, float]] | None = None
    unit: str = ""
    extensive: bool = False
    per_class: bool = False
    support: Compute | None = None
    needs: Literal["", "quantile", "business_value"] = ""
    money: bool = False

    def scaled(self, whole: OutcomeSums, rows: float | None = None) -> Compute:
        """`compute`, for totals per row and times `rows` (None: the rows of `whole`)."""
        if not self.extensive:
            return self.compute
        times = float(self.rows(whole)) if rows is None else rows
        return lambda sums: ratio(self.compute(sums), self.rows(sums)) * times


def proportion(parts: Callable[[OutcomeSums], tuple[Floats, Floats]]) -> Independent:
    """Wilson's interval of (successes, rows)."""

    def interval(sums: OutcomeSums, confidence: float) -> Interval | None:
        successes, n = parts(sums)
        return wilson(float(successes), float(n), confidence)

    return interval


def by_variance(
    compute: Compute, variance: Callable[[OutcomeSums], float], bounds: tuple[float, float], name: str = "normal"
) -> Independent:
    """Normal interval."""

    def interval(sums: OutcomeSums, confidence: float) -> Interval | None:
        return normal(float(compute(sums)), variance(sums), bounds, confidence, name)

    return interval


def of_confusion(compute: Compute, bounds: tuple[float, float] = SHARE) -> Independent:
    """Normal interval with the delete-one-row jackknife over the cells of the confusion matrix."""
    return by_variance(compute, confusion_variance(compute), bounds, "jackknife over rows")


def f1_interval(sums: OutcomeSums, confidence: float) -> Interval | None:
    """F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), a proportion."""
    hits, false_alarms, misses, _ = classification.cells(sums)
    j = wilson(float(hits), float(hits + false_alarms + misses), confidence)
    if j is None or j.lower is None or j.upper is None:
        return None
    share = float(ratio(hits, hits + false_alarms + misses))
    slope = 2 / (1 + share) ** 2
    return Interval(2 * j.lower / (1 + j.lower), 2 * j.upper / (1 + j.upper), j.method, slope**2 * (j.variance or 0.0))


def auc_interval(sums: OutcomeSums, confidence: float) -> Interval | None:
    """DeLong's interval; where no pair is out of order, Wilson's of as many rows as the rarer side has.

    With one row on a side DeLong's variance does not exist, and there is no interval.
    """
    value = float(scores.roc_auc(sums))
    found = normal(value, delong_variance(sums), SHARE, confidence, "DeLong")
    if found is not None or value not in (0.0, 1.0):
        return found
    rarer = min(float(sums.score_positive.sum()), float(sums.score_negative.sum()))
    return wilson(value * rarer, rarer, confidence)
