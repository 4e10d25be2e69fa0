"""All performance metrics, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from driftlog.contract.events import Task
from driftlog.evaluate.performance import classification, regression, scores
from driftlog.evaluate.performance.intervals import Interval, hanley_mcneil, wilson
from driftlog.evaluate.performance.sums import Floats, OutcomeSums

SHARE = (0.0, 1.0)
POSITIVE = (0.0, math.inf)
ANY = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class PerformanceMetric:
    """One entry of the registry.

    Attributes
    ----------
    compute
        Of sums with any leading axes; NaN where undefined.
    undefined
        Why it can be undefined, for people.
    rows
        Number of outcomes behind it, of sums without leading axes.
    independent
        Interval that takes rows as independent, for windows of one day; None where the sums do not hold one.
    """

    name: str
    tasks: tuple[Task, ...]
    compute: Callable[[OutcomeSums], Floats]
    bounds: tuple[float, float]
    undefined: str
    rows: Callable[[OutcomeSums], float]
    independent: Callable[[OutcomeSums], Interval] | None = None
    unit: str = ""


def _labelled(sums: OutcomeSums) -> float:
    return float(sums.confusion.sum())


def _scored(sums: OutcomeSums) -> float:
    return float(sums.scored)


def _valued(sums: OutcomeSums) -> float:
    return float(sums.valued)


def _ranked(sums: OutcomeSums) -> float:
    return float(sums.score_positive.sum() + sums.score_negative.sum())


def _wilson_accuracy(sums: OutcomeSums) -> Interval:
    return wilson(float(np.trace(sums.confusion)), float(sums.confusion.sum()))


def _wilson_precision(sums: OutcomeSums) -> Interval:
    hits, false_alarms, _, _ = classification.cells(sums)
    return wilson(float(hits), float(hits + false_alarms))


def _wilson_recall(sums: OutcomeSums) -> Interval:
    hits, _, misses, _ = classification.cells(sums)
    return wilson(float(hits), float(hits + misses))


def _wilson_specificity(sums: OutcomeSums) -> Interval:
    _, false_alarms, _, rejected = classification.cells(sums)
    return wilson(float(rejected), float(rejected + false_alarms))


def _wilson_f1(sums: OutcomeSums) -> Interval:
    """F1 = 2 J / (1 + J) with J = TP / (TP + FP + FN), a proportion."""
    hits, false_alarms, misses, _ = classification.cells(sums)
    j = wilson(float(hits), float(hits + false_alarms + misses))
    low, high = j.lower or 0.0, 1.0 if j.upper is None else j.upper
    return Interval(2 * low / (1 + low), 2 * high / (1 + high), j.method)


def _independent_auc(sums: OutcomeSums) -> Interval:
    auc = float(scores.roc_auc(sums))
    return hanley_mcneil(auc, float(sums.score_positive.sum()), float(sums.score_negative.sum()))


_CLASSES: Final[tuple[Task, ...]] = ("binary", "multiclass")
_BINARY: Final[tuple[Task, ...]] = ("binary",)
_MULTI: Final[tuple[Task, ...]] = ("multiclass",)
_REGRESSION: Final[tuple[Task, ...]] = ("regression",)
_NO_LABELS = "no outcome has an actual and a predicted label"
_NO_POSITIVE = "no outcome is positive"
_ONE_CLASS = "outcomes with a score are all positive or all negative"
_NO_SCORE = "no outcome has a score"
_NO_VALUE = "no outcome has a value"

_METRICS: Final = (
    PerformanceMetric("accuracy", _CLASSES, classification.accuracy, SHARE, _NO_LABELS, _labelled, _wilson_accuracy),
    PerformanceMetric("balanced_accuracy", _CLASSES, classification.balanced_accuracy, SHARE, _NO_LABELS, _labelled),
    PerformanceMetric(
        "precision",
        _BINARY,
        classification.precision,
        SHARE,
        "no prediction is positive",
        _labelled,
        _wilson_precision,
    ),
    PerformanceMetric("recall", _BINARY, classification.recall, SHARE, _NO_POSITIVE, _labelled, _wilson_recall),
    PerformanceMetric(
        "specificity",
        _BINARY,
        classification.specificity,
        SHARE,
        "no outcome is negative",
        _labelled,
        _wilson_specificity,
    ),
    PerformanceMetric(
        "f1", _BINARY, classification.f1, SHARE, "neither outcome nor prediction is positive", _labelled, _wilson_f1
    ),
    PerformanceMetric("f1_macro", _MULTI, classification.f1_macro, SHARE, _NO_LABELS, _labelled),
    PerformanceMetric("roc_auc", _BINARY, scores.roc_auc, SHARE, _ONE_CLASS, _ranked, _independent_auc),
    PerformanceMetric("brier", _BINARY, scores.brier, SHARE, _NO_SCORE, _scored),
    PerformanceMetric("log_loss", _BINARY, scores.log_loss, POSITIVE, _NO_SCORE, _scored, unit="nats"),
    PerformanceMetric("mae", _REGRESSION, regression.mae, POSITIVE, _NO_VALUE, _valued),
    PerformanceMetric("rmse", _REGRESSION, regression.rmse, POSITIVE, _NO_VALUE, _valued),
    PerformanceMetric("bias", _REGRESSION, regression.bias, ANY, _NO_VALUE, _valued),
    PerformanceMetric("r2", _REGRESSION, regression.r2, (-math.inf, 1.0), "the actual values do not vary", _valued),
)
PERFORMANCE_METRICS: Final[Mapping[str, PerformanceMetric]] = {metric.name: metric for metric in _METRICS}


def metrics_of(task: Task) -> list[PerformanceMetric]:
    """The metrics of one kind of model."""
    return [metric for metric in _METRICS if task in metric.tasks]
