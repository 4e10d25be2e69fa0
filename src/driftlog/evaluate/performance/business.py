"""Business value: each outcome is worth what its cell of the confusion matrix is worth."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import labelled, ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def business_value(sums: OutcomeSums) -> Floats:
    """``sum over cells of count * value``; cells that no line of the settings names are worth 0."""
    if sums.worth is None:
        return np.full(sums.confusion.shape[:-2], np.nan)
    value: Floats = (sums.confusion * sums.worth).sum(axis=(-2, -1))
    return value


def business_value_per_1000(sums: OutcomeSums) -> Floats:
    """`business_value` for each 1,000 predictions whose truth has arrived."""
    return ratio(1000 * business_value(sums), labelled(sums))


def per_1000_variance(sums: OutcomeSums) -> float:
    """Variance of `business_value_per_1000` for independent rows: ``1000^2 (E v^2 - (E v)^2) / n``."""
    if sums.worth is None:
        return float("nan")
    n = float(labelled(sums))
    mean = float((sums.confusion * sums.worth).sum()) / n
    return 1e6 * float((sums.confusion * (sums.worth - mean) ** 2).sum()) / n / n
