"""Precision, recall and F1 averaged over labels.

Macro: the plain mean over the labels that occurred, actual or predicted. Weighted: the mean by number of actual
outcomes. A label without hits counts as 0, also where its precision or recall has no denominator.
"""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def precision_macro(sums: OutcomeSums) -> Floats:
    """Mean over labels of hits / predicted."""
    return _macro(sums, _share(_hits(sums), _predicted(sums)))


def recall_macro(sums: OutcomeSums) -> Floats:
    """Mean over labels of hits / actual; unlike `balanced_accuracy` labels that were only predicted count, as 0."""
    return _macro(sums, _share(_hits(sums), _actual(sums)))


def f1_macro(sums: OutcomeSums) -> Floats:
    """Mean over labels of 2 hits / (actual + predicted)."""
    return _macro(sums, _share(2 * _hits(sums), _actual(sums) + _predicted(sums)))


def precision_weighted(sums: OutcomeSums) -> Floats:
    """Mean by actual outcomes of hits / predicted."""
    return _weighted(sums, _share(_hits(sums), _predicted(sums)))


def recall_weighted(sums: OutcomeSums) -> Floats:
    """Mean by actual outcomes of hits / actual; the same number as accuracy."""
    return _weighted(sums, _share(_hits(sums), _actual(sums)))


def f1_weighted(sums: OutcomeSums) -> Floats:
    """Mean by actual outcomes of 2 hits / (actual + predicted)."""
    return _weighted(sums, _share(2 * _hits(sums), _actual(sums) + _predicted(sums)))


def _hits(sums: OutcomeSums) -> Floats:
    hits: Floats = np.diagonal(sums.confusion, axis1=-2, axis2=-1)
    return hits


def _actual(sums: OutcomeSums) -> Floats:
    actual: Floats = sums.confusion.sum(axis=-1)
    return actual


def _predicted(sums: OutcomeSums) -> Floats:
    predicted: Floats = sums.confusion.sum(axis=-2)
    return predicted


def _share(numerator: Floats, denominator: Floats) -> Floats:
    result: Floats = np.divide(numerator, denominator, out=np.zeros(numerator.shape), where=denominator > 0)
    return result


def _macro(sums: OutcomeSums, of_label: Floats) -> Floats:
    seen = (_actual(sums) + _predicted(sums) > 0).sum(axis=-1).astype(np.float64)
    return ratio(of_label.sum(axis=-1), seen)


def _weighted(sums: OutcomeSums, of_label: Floats) -> Floats:
    actual = _actual(sums)
    return ratio((of_label * actual).sum(axis=-1), actual.sum(axis=-1))
