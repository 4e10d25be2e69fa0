"""All performance metrics, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from driftlog.contract.events import Task
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.performance import (
    agreement,
    average_precision,
    averages,
    business,
    calibration,
    classification,
    details,
    multiclass,
    regression,
    scores,
    variances,
)
from driftlog.evaluate.performance.intervals import Interval, normal
from driftlog.evaluate.performance.metric import (
    ANY,
    POSITIVE,
    SHARE,
    Compute,
    PerformanceMetric,
    auc_interval,
    by_variance,
    f1_interval,
    of_confusion,
    proportion,
)
from driftlog.evaluate.performance.sums import Floats, OutcomeSums

CORRELATION: Final = (-1.0, 1.0)
TWICE: Final = (0.0, 2.0)
"""Brier scores of several classes reach 2."""


def _actual(sums: OutcomeSums) -> Floats:
    hits, _, misses, _ = classification.cells(sums)
    return hits + misses


def _predicted(sums: OutcomeSums) -> Floats:
    hits, false_alarms, _, _ = classification.cells(sums)
    return hits + false_alarms


def _either(sums: OutcomeSums) -> Floats:
    hits, false_alarms, misses, _ = classification.cells(sums)
    return hits + false_alarms + misses


def _hits(sums: OutcomeSums) -> Floats:
    return classification.cells(sums)[0]


def _rejected(sums: OutcomeSums) -> tuple[Floats, Floats]:
    _, false_alarms, _, rejected = classification.cells(sums)
    return rejected, rejected + false_alarms


def _positives(sums: OutcomeSums) -> Floats:
    positives: Floats = sums.score_positive.sum(axis=-1)
    return positives


def _scored(sums: OutcomeSums) -> Floats:
    return sums.scored


def _relative(sums: OutcomeSums) -> Floats:
    return sums.relative


def _value_interval(sums: OutcomeSums, confidence: float) -> Interval | None:
    """The interval of the value per 1,000, times the rows."""
    thousands = float(classification.labelled(sums)) / 1000
    variance = business.per_1000_variance(sums) * thousands**2
    return normal(float(business.business_value(sums)), variance, ANY, confidence, "normal")


_CLASSES: Final[tuple[Task, ...]] = ("binary", "multiclass")
_BINARY: Final[tuple[Task, ...]] = ("binary",)
_MULTI: Final[tuple[Task, ...]] = ("multiclass",)
_REGRESSION: Final[tuple[Task, ...]] = ("regression",)
_NO_LABELS: Final = "no outcome has an actual and a predicted label"
_NO_POSITIVE: Final = "no outcome is positive"
_NO_PREDICTED: Final = "no prediction is positive"
_NO_NEGATIVE: Final = "no outcome is negative"
_NEITHER: Final = "neither outcome nor prediction is positive"
_ONE_LABEL: Final = "outcomes or predictions are all of one label"
_ONE_CLASS: Final = "outcomes with a score are all positive or all negative"
_NO_CLASSES: Final = "no class has a probability, with outcomes of it and of others"
_NO_SCORE: Final = "no outcome has a score"
_NO_PROBABILITY: Final = "no outcome has a score, or scores are no probabilities"
_NO_VALUE: Final = "no outcome has a value"


def _averaged(name: str, compute: Compute) -> PerformanceMetric:
    rows, independent = classification.labelled, of_confusion(compute)
    return PerformanceMetric(name, _MULTI, compute, SHARE, _NO_LABELS, rows, "below", independent)


_METRICS: Final = (
    PerformanceMetric(
        "accuracy",
        _CLASSES,
        classification.accuracy,
        SHARE,
        _NO_LABELS,
        classification.labelled,
        "below",
        proportion(lambda sums: (classification.correct(sums), classification.labelled(sums))),
    ),
    PerformanceMetric(
        "balanced_accuracy",
        _CLASSES,
        classification.balanced_accuracy,
        SHARE,
        _NO_LABELS,
        classification.labelled,
        "below",
        of_confusion(classification.balanced_accuracy),
    ),
    PerformanceMetric(
        "precision",
        _BINARY,
        classification.precision,
        SHARE,
        _NO_PREDICTED,
        classification.labelled,
        "below",
        proportion(lambda sums: (_hits(sums), _predicted(sums))),
        per_class=True,
        support=_predicted,
    ),
    PerformanceMetric(
        "recall",
        _BINARY,
        classification.recall,
        SHARE,
        _NO_POSITIVE,
        classification.labelled,
        "below",
        proportion(lambda sums: (_hits(sums), _actual(sums))),
        per_class=True,
        support=_actual,
    ),
    PerformanceMetric(
        "specificity",
        _BINARY,
        classification.specificity,
        SHARE,
        _NO_NEGATIVE,
        classification.labelled,
        "below",
        proportion(_rejected),
    ),
    PerformanceMetric(
        "f1",
        _BINARY,
        classification.f1,
        SHARE,
        _NEITHER,
        classification.labelled,
        "below",
        f1_interval,
        per_class=True,
        support=_either,
    ),
    _averaged("precision_macro", averages.precision_macro),
    _averaged("precision_weighted", averages.precision_weighted),
    _averaged("recall_macro", averages.recall_macro),
    _averaged("recall_weighted", averages.recall_weighted),
    _averaged("f1_macro", averages.f1_macro),
    _averaged("f1_weighted", averages.f1_weighted),
    PerformanceMetric(
        "mcc",
        _CLASSES,
        agreement.matthews_correlation,
        CORRELATION,
        _ONE_LABEL,
        classification.labelled,
        "below",
        of_confusion(agreement.matthews_correlation, CORRELATION),
    ),
    PerformanceMetric(
        "cohens_kappa",
        _CLASSES,
        agreement.cohens_kappa,
        CORRELATION,
        "outcomes and predictions are all of one label",
        classification.labelled,
        "below",
        of_confusion(agreement.cohens_kappa, CORRELATION),
    ),
    PerformanceMetric(
        "roc_auc",
        _BINARY,
        scores.roc_auc,
        SHARE,
        _ONE_CLASS,
        scores.ranked,
        "below",
        auc_interval,
        details.of_auc,
        per_class=True,
        support=_positives,
    ),
    PerformanceMetric(
        "roc_auc_macro",
        _MULTI,
        multiclass.roc_auc_macro,
        SHARE,
        _NO_CLASSES,
        multiclass.class_rows,
        "below",
        details=details.of_macro_auc,
    ),
    PerformanceMetric(
        "roc_auc_weighted",
        _MULTI,
        multiclass.roc_auc_weighted,
        SHARE,
        _NO_CLASSES,
        multiclass.class_rows,
        "below",
        details=details.of_weighted_auc,
    ),
    PerformanceMetric(
        "average_precision",
        _BINARY,
        average_precision.average_precision,
        SHARE,
        "no outcome with a score is positive",
        scores.ranked,
        "below",
        by_variance(
            average_precision.average_precision,
            variances.ranking_variance(average_precision.average_precision),
            SHARE,
            "jackknife over rows",
        ),
        details.of_average_precision,
    ),
    PerformanceMetric(
        "brier",
        _CLASSES,
        scores.brier,
        TWICE,
        _NO_SCORE,
        _scored,
        "above",
        by_variance(scores.brier, variances.squared_loss_variance, TWICE),
    ),
    PerformanceMetric(
        "log_loss",
        _CLASSES,
        scores.log_loss,
        POSITIVE,
        _NO_SCORE,
        _scored,
        "above",
        by_variance(scores.log_loss, variances.log_loss_variance, POSITIVE),
        unit="nats",
    ),
    PerformanceMetric(
        "expected_calibration_error",
        _CLASSES,
        calibration.expected_calibration_error,
        SHARE,
        _NO_PROBABILITY,
        scores.ranked,
        "above",
        by_variance(calibration.expected_calibration_error, calibration.error_variance, SHARE),
        details.of_calibration,
    ),
    PerformanceMetric(
        "business_value",
        _CLASSES,
        business.business_value,
        ANY,
        _NO_LABELS,
        classification.labelled,
        "below",
        _value_interval,
        extensive=True,
        needs="business_value",
        money=True,
    ),
    PerformanceMetric(
        "business_value_per_1000",
        _CLASSES,
        business.business_value_per_1000,
        ANY,
        _NO_LABELS,
        classification.labelled,
        "below",
        by_variance(business.business_value_per_1000, business.per_1000_variance, ANY),
        needs="business_value",
        money=True,
    ),
    PerformanceMetric(
        "mae",
        _REGRESSION,
        regression.mae,
        POSITIVE,
        _NO_VALUE,
        regression.valued,
        "above",
        by_variance(regression.mae, regression.mae_variance, POSITIVE),
    ),
    PerformanceMetric("rmse", _REGRESSION, regression.rmse, POSITIVE, _NO_VALUE, regression.valued, "above"),
    PerformanceMetric(
        "bias",
        _REGRESSION,
        regression.bias,
        ANY,
        _NO_VALUE,
        regression.valued,
        "",
        by_variance(regression.bias, regression.bias_variance, ANY),
    ),
    PerformanceMetric(
        "mape",
        _REGRESSION,
        regression.mape,
        POSITIVE,
        "every actual value is 0",
        _relative,
        "above",
        details=details.of_mape,
    ),
    PerformanceMetric(
        "r2",
        _REGRESSION,
        regression.r2,
        (ANY[0], 1.0),
        "the actual values do not vary",
        regression.valued,
        "below",
    ),
    PerformanceMetric(
        "quantile_coverage",
        _REGRESSION,
        regression.quantile_coverage,
        SHARE,
        _NO_VALUE,
        regression.valued,
        "",
        proportion(lambda sums: (sums.covered, sums.valued)),
        details.of_coverage,
        needs="quantile",
    ),
    PerformanceMetric(
        "pinball_loss",
        _REGRESSION,
        regression.pinball_loss,
        POSITIVE,
        _NO_VALUE,
        regression.valued,
        "above",
        needs="quantile",
    ),
)
PERFORMANCE_METRICS: Final[Mapping[str, PerformanceMetric]] = {metric.name: metric for metric in _METRICS}
CLASS_METRICS: Final = tuple(metric for metric in _METRICS if metric.per_class)
"""Measured for each class of a multiclass model too, with field ``class:<label>``."""


def metrics_of(task: Task) -> list[PerformanceMetric]:
    """The metrics of one kind of model."""
    return [metric for metric in _METRICS if task in metric.tasks]


def metrics_for(settings: ModelSettings) -> list[PerformanceMetric]:
    """The metrics of a model: of its task, and those that need a setting where it is there."""
    held = {"": True, "quantile": settings.quantile is not None, "business_value": bool(settings.business_value)}
    return [metric for metric in metrics_of(settings.task) if held[metric.needs]]
