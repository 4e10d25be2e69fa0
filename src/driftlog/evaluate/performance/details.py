"""Further numbers beside a metric, of sums without leading axes; those that are not finite are left out later."""

from __future__ import annotations

from driftlog.evaluate.performance import average_precision, calibration, classification, multiclass, regression, scores
from driftlog.evaluate.performance.sums import OutcomeSums


def of_auc(sums: OutcomeSums) -> dict[str, float]:
    """What binning can change."""
    return {"tie_bound": float(scores.tie_bound(sums))}


def of_macro_auc(sums: OutcomeSums) -> dict[str, float]:
    """What binning can change, and over how many classes the mean goes."""
    return {"tie_bound": float(multiclass.macro_tie_bound(sums)), "classes": float(len(sums.class_labels))}


def of_weighted_auc(sums: OutcomeSums) -> dict[str, float]:
    """What binning can change."""
    return {"tie_bound": float(multiclass.weighted_tie_bound(sums))}


def of_average_precision(sums: OutcomeSums) -> dict[str, float]:
    """What binning can change, and the share of positives: the floor of average precision."""
    share = classification.ratio(sums.score_positive.sum(axis=-1), scores.ranked(sums))
    return {"tie_bound": float(average_precision.tie_bound(sums)), "prevalence": float(share)}


def of_calibration(sums: OutcomeSums) -> dict[str, float]:
    """What binning can change, what chance gives, and the signed gap."""
    return {
        "bin_bound": float(calibration.bin_bound(sums)),
        "expected_by_chance": float(calibration.expected_by_chance(sums)),
        "calibration_gap": float(calibration.calibration_gap(sums)),
    }


def of_mape(sums: OutcomeSums) -> dict[str, float]:
    """How many outcomes it can use."""
    return {"usable_share": float(regression.usable_share(sums))}


def of_coverage(sums: OutcomeSums) -> dict[str, float]:
    """The quantile it should be, and by how much it is not."""
    if sums.quantile is None:
        return {}
    return {"nominal": sums.quantile, "difference": float(regression.quantile_coverage(sums)) - sums.quantile}
