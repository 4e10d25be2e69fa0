"""Average precision from score histograms: its expectation, and how far the raw scores' can be from it.

Within a bin the order of rows is unknown. With A positives and B others in higher bins, p positives and q others in
this one, the k-th positive from the top has a precision of at least ``(A + k) / (A + k + B + q)`` (others first) and,
ties included, at most ``(A + p) / (A + p + B)``.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def average_precision(sums: OutcomeSums) -> Floats:
    """``sum_n (R_n - R_(n-1)) P_n`` over falling thresholds, expected over all orders of the rows within a bin.

    With m = p + q rows in a bin below N = A + B rows and r = (p - 1) / (m - 1), a bin adds
    ``p / (m P) * (r m + (A + 1 - r - r N) (digamma(N + m + 1) - digamma(N + 1)))``: rows without ties in random order.
    Bins of one repeated value are tied and add ``p / P * (A + p) / (N + m)``. Its floor is the share of positives.

    Source: Davis and Goadrich 2006 (interpolation between points of the precision-recall curve).
    """
    positive, negative = sums.score_positive, sums.score_negative
    above, others = _above(positive), _above(negative)
    size, higher = positive + negative, above + others
    tied = ratio(positive * (above + positive), higher + size)
    pace = np.divide(positive - 1, size - 1, out=np.zeros(size.shape), where=size > 1)
    steps = special.digamma(higher + size + 1) - special.digamma(higher + 1)
    ordered = ratio(positive * (pace * size + (above + 1 - pace - pace * higher) * steps), size)
    several = _several(sums) > 0
    added = np.where(positive > 0, np.where(several, ordered, tied), 0.0)
    return np.clip(ratio(added.sum(axis=-1), positive.sum(axis=-1)), 0.0, 1.0)


def tie_bound(sums: OutcomeSums) -> Floats:
    """Largest difference of `average_precision` to that of the raw scores."""
    positive, negative = sums.score_positive, sums.score_negative
    above, others = _above(positive), _above(negative)
    tied = ratio(positive * (above + positive), above + others + positive + negative)
    top = ratio(positive * (above + positive), above + others + positive)
    last = others + negative
    lost = last * (special.digamma(above + positive + last + 1) - special.digamma(above + last + 1))
    bottom = positive - lost
    several = _several(sums) > 0
    low = np.where(positive > 0, np.where(several, bottom, tied), 0.0).sum(axis=-1)
    high = np.where(positive > 0, np.where(several, top, tied), 0.0).sum(axis=-1)
    total, value = positive.sum(axis=-1), average_precision(sums)
    return np.maximum(np.maximum(ratio(high, total) - value, value - ratio(low, total)), 0.0)


def _above(counts: Floats) -> Floats:
    """Rows in higher bins."""
    above: Floats = np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1] - counts
    return above


def _several(sums: OutcomeSums) -> Floats:
    return sums.grid.several if sums.grid is not None else np.ones(sums.score_positive.shape[-1])
