"""Regression metrics from sums of errors (predicted - actual)."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def mae(sums: OutcomeSums) -> Floats:
    """Mean absolute error."""
    return ratio(sums.absolute_error, sums.valued)


def rmse(sums: OutcomeSums) -> Floats:
    """Root of the mean squared error."""
    result: Floats = np.sqrt(ratio(sums.squared_error, sums.valued))
    return result


def bias(sums: OutcomeSums) -> Floats:
    """Mean error; positive where the model predicts too much."""
    return ratio(sums.error, sums.valued)


def r2(sums: OutcomeSums) -> Floats:
    """``1 - sum (y - prediction)^2 / sum (y - mean)^2``; undefined where the actual values do not vary."""
    centred = sums.actual_squares - sums.valued * ratio(sums.actual_total, sums.valued) ** 2
    known = (sums.valued > 1) & (centred > 1e-12 * np.maximum(sums.actual_squares, 1e-300))
    safe = np.where(known, centred, 0.0)
    return 1 - ratio(sums.squared_error, safe)
