"""Classification metrics from the confusion matrix; undefined where a denominator is 0.

Every function takes `OutcomeSums` with any leading axes and returns an array of those axes, NaN where undefined. NaN
never leaves this room: the window turns it into value None with a note.
"""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Division that is NaN, silently, where the denominator is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    result: Floats = np.divide(numerator, denominator, out=np.full(shape, np.nan), where=denominator > 0)
    return result


def labelled(sums: OutcomeSums) -> Floats:
    """Outcomes with an actual and a predicted label."""
    whole: Floats = sums.confusion.sum(axis=(-2, -1))
    return whole


def cells(sums: OutcomeSums) -> tuple[Floats, Floats, Floats, Floats]:
    """True positives, false positives, false negatives, true negatives."""
    whole = labelled(sums)
    if sums.positive is None:
        zero = np.zeros_like(whole)
        return zero, zero, zero, whole
    i = sums.positive
    hits = sums.confusion[..., i, i]
    predicted = sums.confusion[..., :, i].sum(axis=-1)
    actual = sums.confusion[..., i, :].sum(axis=-1)
    return hits, predicted - hits, actual - hits, whole - predicted - actual + hits


def correct(sums: OutcomeSums) -> Floats:
    """Outcomes predicted right."""
    hits: Floats = np.trace(sums.confusion, axis1=-2, axis2=-1)
    return hits


def accuracy(sums: OutcomeSums) -> Floats:
    """Correct predictions / all."""
    return ratio(correct(sums), labelled(sums))


def precision(sums: OutcomeSums) -> Floats:
    """TP / (TP + FP)."""
    hits, false_alarms, _, _ = cells(sums)
    return ratio(hits, hits + false_alarms)


def recall(sums: OutcomeSums) -> Floats:
    """TP / (TP + FN)."""
    hits, _, misses, _ = cells(sums)
    return ratio(hits, hits + misses)


def specificity(sums: OutcomeSums) -> Floats:
    """TN / (TN + FP)."""
    _, false_alarms, _, rejected = cells(sums)
    return ratio(rejected, rejected + false_alarms)


def f1(sums: OutcomeSums) -> Floats:
    """2 TP / (2 TP + FP + FN)."""
    hits, false_alarms, misses, _ = cells(sums)
    return ratio(2 * hits, 2 * hits + false_alarms + misses)


def balanced_accuracy(sums: OutcomeSums) -> Floats:
    """Mean recall over the labels that actually occurred."""
    actual = sums.confusion.sum(axis=-1)
    hits = np.diagonal(sums.confusion, axis1=-2, axis2=-1)
    recalls = np.divide(hits, actual, out=np.zeros(actual.shape), where=actual > 0)
    return ratio(recalls.sum(axis=-1), (actual > 0).sum(axis=-1).astype(np.float64))
