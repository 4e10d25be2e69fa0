"""All fairness metrics: what is measured of each group, and what is compared between groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from driftlog.contract.events import Task
from driftlog.evaluate.performance import calibration, classification, regression, scores
from driftlog.evaluate.performance.metric import ANY, POSITIVE, SHARE, PerformanceMetric, by_variance, proportion
from driftlog.evaluate.performance.sums import Floats, OutcomeSums

GAP: Final = (-1.0, 1.0)
_BINARY: Final[tuple[Task, ...]] = ("binary",)
_LABELS: Final[tuple[Task, ...]] = ("binary", "multiclass")
_VALUES: Final[tuple[Task, ...]] = ("regression",)


def _actual(sums: OutcomeSums) -> Floats:
    hits, _, misses, _ = classification.cells(sums)
    return hits + misses


def _others(sums: OutcomeSums) -> Floats:
    _, false_alarms, _, rejected = classification.cells(sums)
    return false_alarms + rejected


def _selected(sums: OutcomeSums) -> Floats:
    hits, false_alarms, _, _ = classification.cells(sums)
    return hits + false_alarms


def _hits(sums: OutcomeSums) -> Floats:
    return classification.cells(sums)[0]


def _false_alarms(sums: OutcomeSums) -> Floats:
    return classification.cells(sums)[1]


def _wrong(sums: OutcomeSums) -> Floats:
    return classification.labelled(sums) - classification.correct(sums)


def selection_rate(sums: OutcomeSums) -> Floats:
    """Predicted positive / all."""
    return classification.ratio(_selected(sums), classification.labelled(sums))


def false_positive_rate(sums: OutcomeSums) -> Floats:
    """FP / (FP + TN)."""
    return classification.ratio(_false_alarms(sums), _others(sums))


def misclassification_rate(sums: OutcomeSums) -> Floats:
    """Wrong predictions / all."""
    return classification.ratio(_wrong(sums), classification.labelled(sums))


def _of_gap(sums: OutcomeSums) -> dict[str, float]:
    error = float(calibration.expected_calibration_error(sums))
    chance, bound = float(calibration.expected_by_chance(sums)), float(calibration.bin_bound(sums))
    return {"expected_calibration_error": error, "expected_by_chance": chance, "bin_bound": bound}


SELECTION_RATE: Final = PerformanceMetric(
    "selection_rate",
    _LABELS,
    selection_rate,
    SHARE,
    "nothing was predicted",
    classification.labelled,
    independent=proportion(lambda sums: (_selected(sums), classification.labelled(sums))),
)
_RATES: Final = (
    SELECTION_RATE,
    PerformanceMetric(
        "true_positive_rate",
        _LABELS,
        classification.recall,
        SHARE,
        "no outcome is positive",
        _actual,
        independent=proportion(lambda sums: (_hits(sums), _actual(sums))),
    ),
    PerformanceMetric(
        "false_positive_rate",
        _LABELS,
        false_positive_rate,
        SHARE,
        "no outcome is negative",
        _others,
        independent=proportion(lambda sums: (_false_alarms(sums), _others(sums))),
    ),
    PerformanceMetric(
        "positive_predictive_value",
        _LABELS,
        classification.precision,
        SHARE,
        "no prediction is positive",
        _selected,
        independent=proportion(lambda sums: (_hits(sums), _selected(sums))),
    ),
    PerformanceMetric(
        "calibration_gap",
        _BINARY,
        calibration.calibration_gap,
        GAP,
        "no outcome has a score, or scores are no probabilities",
        scores.ranked,
        independent=by_variance(calibration.calibration_gap, calibration.gap_variance, GAP),
        details=_of_gap,
    ),
    PerformanceMetric(
        "misclassification_rate",
        _LABELS,
        misclassification_rate,
        SHARE,
        "no outcome has an actual and a predicted label",
        classification.labelled,
        independent=proportion(lambda sums: (_wrong(sums), classification.labelled(sums))),
    ),
    PerformanceMetric(
        "mean_error",
        _VALUES,
        regression.bias,
        ANY,
        "no outcome has a value",
        regression.valued,
        independent=by_variance(regression.bias, regression.bias_variance, ANY),
    ),
    PerformanceMetric(
        "mean_absolute_error",
        _VALUES,
        regression.mae,
        POSITIVE,
        "no outcome has a value",
        regression.valued,
        independent=by_variance(regression.mae, regression.mae_variance, POSITIVE),
    ),
)
GROUP_RATES: Final[Mapping[str, PerformanceMetric]] = {metric.name: metric for metric in _RATES}
"""Measured of each group, with the group as segment."""
OF_POSITIVE: Final = ("selection_rate", "true_positive_rate", "false_positive_rate", "positive_predictive_value")
"""Rates that need a positive label; several classes have them where `positive_label` is one of theirs."""


@dataclass(frozen=True, slots=True)
class Between:
    """One comparison between groups.

    Attributes
    ----------
    rates
        Names in `GROUP_RATES`; with several the largest of their differences counts.
    kind
        difference: largest - smallest. ratio: smallest / largest.
    """

    name: str
    rates: tuple[str, ...]
    source: str
    kind: Literal["difference", "ratio"] = "difference"


BETWEEN_GROUPS: Final = (
    Between("demographic_parity_difference", ("selection_rate",), "Calders and Verwer 2010"),
    Between("demographic_parity_ratio", ("selection_rate",), "Feldman et al. 2015, the four-fifths rule", "ratio"),
    Between("equal_opportunity_difference", ("true_positive_rate",), "Hardt, Price and Srebro 2016"),
    Between("equalised_odds_difference", ("true_positive_rate", "false_positive_rate"), "Hardt, Price and Srebro 2016"),
    Between("predictive_parity_difference", ("positive_predictive_value",), "Chouldechova 2017"),
    Between("calibration_difference", ("calibration_gap",), "Kleinberg, Mullainathan and Raghavan 2017"),
    Between("misclassification_difference", ("misclassification_rate",), "Berk et al. 2021"),
    Between("mean_error_difference", ("mean_error",), "Agarwal, Dudik and Wu 2019"),
    Between("absolute_error_difference", ("mean_absolute_error",), "Agarwal, Dudik and Wu 2019"),
)
"""Compared between the groups of a protected field."""
