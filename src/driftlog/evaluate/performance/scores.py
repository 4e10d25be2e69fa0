"""Metrics of the score: ROC AUC from histograms, Brier score and log loss from sums."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def ranked(sums: OutcomeSums) -> Floats:
    """Outcomes in the score histograms."""
    rows: Floats = sums.score_positive.sum(axis=-1) + sums.score_negative.sum(axis=-1)
    return rows


def auc(positive: Floats, negative: Floats) -> Floats:
    """``sum_i pos_i (neg_below_i + neg_i / 2) / (P N)`` of histograms of shape (..., bins)."""
    below = np.cumsum(negative, axis=-1) - negative
    won = (positive * (below + negative / 2)).sum(axis=-1)
    return ratio(won, positive.sum(axis=-1) * negative.sum(axis=-1))


def auc_tie_bound(positive: Floats, negative: Floats, several: Floats) -> Floats:
    """``sum_i pos_i neg_i / (2 P N)`` over the bins that hold several values: the most that binning can change."""
    tied = (positive * negative * several).sum(axis=-1) / 2
    return ratio(tied, positive.sum(axis=-1) * negative.sum(axis=-1))


def roc_auc(sums: OutcomeSums) -> Floats:
    """Share of (positive, negative) pairs in which the positive has the higher score; pairs in one bin count half.

    Source: Hanley and McNeil 1982.
    """
    return auc(sums.score_positive, sums.score_negative)


def tie_bound(sums: OutcomeSums) -> Floats:
    """Largest difference of `roc_auc` to the AUC of the raw scores."""
    several = sums.grid.several if sums.grid is not None else np.ones(sums.score_positive.shape[-1])
    return auc_tie_bound(sums.score_positive, sums.score_negative, several)


def brier(sums: OutcomeSums) -> Floats:
    """Mean squared difference of probability and truth; several classes: ``sum_k (p_k - y_k)^2``, at most 2."""
    return ratio(sums.brier, sums.scored)


def log_loss(sums: OutcomeSums) -> Floats:
    """Mean negative log-likelihood, natural logarithm, scores clipped to [1e-15, 1 - 1e-15]."""
    return ratio(sums.log_loss, sums.scored)
