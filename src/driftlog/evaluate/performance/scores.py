"""Metrics of the score: ROC AUC from histograms, Brier score and log loss from sums."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def roc_auc(sums: OutcomeSums) -> Floats:
    """Share of (positive, negative) pairs in which the positive has the higher score; pairs in one bin count half.

    ``AUC = sum_i pos_i (neg_below_i + neg_i / 2) / (P N)``. Source: Hanley and McNeil 1982.
    """
    positive, negative = sums.score_positive, sums.score_negative
    below = np.cumsum(negative, axis=-1) - negative
    won = (positive * (below + negative / 2)).sum(axis=-1)
    return ratio(won, positive.sum(axis=-1) * negative.sum(axis=-1))


def tie_bound(sums: OutcomeSums) -> Floats:
    """Largest difference of `roc_auc` to the AUC of the raw scores.

    ``sum_i pos_i neg_i / (2 P N)`` over the bins that hold several values.
    """
    positive, negative = sums.score_positive, sums.score_negative
    several = np.ones(positive.shape[-1])
    several[list(sums.single)] = 0.0
    tied = (positive * negative * several).sum(axis=-1) / 2
    return ratio(tied, positive.sum(axis=-1) * negative.sum(axis=-1))


def brier(sums: OutcomeSums) -> Floats:
    """Mean squared difference of score and truth (1 or 0)."""
    return ratio(sums.brier, sums.scored)


def log_loss(sums: OutcomeSums) -> Floats:
    """Mean negative log-likelihood, natural logarithm, scores clipped to [1e-15, 1 - 1e-15]."""
    return ratio(sums.log_loss, sums.scored)
