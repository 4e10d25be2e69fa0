"""Regression metrics from sums of errors (predicted - actual)."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def valued(sums: OutcomeSums) -> Floats:
    """Outcomes with an actual and a predicted value."""
    return sums.valued


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


def mape(sums: OutcomeSums) -> Floats:
    """Mean of ``|error / actual|`` over the outcomes whose actual value is not 0; 1 is 100 %.

    Actual values near 0 dominate it, and it favours models that predict too little.
    """
    return ratio(sums.relative_error, sums.relative)


def usable_share(sums: OutcomeSums) -> Floats:
    """Share of outcomes that `mape` can use."""
    return ratio(sums.relative, sums.valued)


def r2(sums: OutcomeSums) -> Floats:
    """``1 - sum (y - prediction)^2 / sum (y - mean)^2``; undefined where the actual values do not vary."""
    centred = sums.actual_squares - sums.valued * ratio(sums.actual_total, sums.valued) ** 2
    known = (sums.valued > 1) & (centred > 1e-12 * np.maximum(sums.actual_squares, 1e-300))
    safe = np.where(known, centred, 0.0)
    return 1 - ratio(sums.squared_error, safe)


def quantile_coverage(sums: OutcomeSums) -> Floats:
    """Share of outcomes at or below the predicted value: for a model of the q-quantile it should be q."""
    return ratio(sums.covered, sums.valued)


def pinball_loss(sums: OutcomeSums) -> Floats:
    """Mean of ``q (y - p)`` where y > p and ``(1 - q) (p - y)`` elsewhere: what a model of the q-quantile minimises.

    It equals ``|e| / 2 + (1/2 - q) e`` with e = p - y, so it follows from the sums. Source: Koenker and Bassett 1978.
    """
    q = np.nan if sums.quantile is None else sums.quantile
    return ratio(sums.absolute_error / 2 + (0.5 - q) * sums.error, sums.valued)


def mae_variance(sums: OutcomeSums) -> float:
    """Variance of `mae` for independent rows: ``(E e^2 - (E |e|)^2) / n``."""
    return _variance(sums, float(sums.absolute_error))


def bias_variance(sums: OutcomeSums) -> float:
    """Variance of `bias` for independent rows: ``(E e^2 - (E e)^2) / n``."""
    return _variance(sums, float(sums.error))


def _variance(sums: OutcomeSums, total: float) -> float:
    n = float(sums.valued)
    mean, square = total / n, float(sums.squared_error) / n
    spread = square - mean * mean
    return spread / n if spread > 1e-12 * square else 0.0
