"""ROC AUC of several classes, each against the rest, from the histograms of the classes' probabilities."""

from __future__ import annotations

import numpy as np

from driftlog.evaluate.performance.classification import ratio
from driftlog.evaluate.performance.scores import auc, auc_tie_bound
from driftlog.evaluate.performance.sums import Floats, OutcomeSums


def roc_auc_macro(sums: OutcomeSums) -> Floats:
    """Plain mean of the one-versus-rest AUC over the classes that occurred (and are not all there is).

    Source: Fawcett 2006; Hand and Till 2001 discuss the alternatives.
    """
    return _mean(auc(sums.class_positive, sums.class_negative), np.ones(sums.class_positive.shape[:-1]))


def roc_auc_weighted(sums: OutcomeSums) -> Floats:
    """Mean of the one-versus-rest AUC over classes by their number of outcomes; moves with the mix of classes."""
    return _mean(auc(sums.class_positive, sums.class_negative), sums.class_positive.sum(axis=-1))


def macro_tie_bound(sums: OutcomeSums) -> Floats:
    """Largest difference of `roc_auc_macro` to that of the raw probabilities."""
    return _mean(_bounds(sums), np.ones(sums.class_positive.shape[:-1]))


def weighted_tie_bound(sums: OutcomeSums) -> Floats:
    """Largest difference of `roc_auc_weighted` to that of the raw probabilities."""
    return _mean(_bounds(sums), sums.class_positive.sum(axis=-1))


def class_rows(sums: OutcomeSums) -> Floats:
    """Outcomes with a probability of at least one class."""
    rows: Floats = (sums.class_positive + sums.class_negative).sum(axis=-1).max(axis=-1, initial=0.0)
    return rows


def _bounds(sums: OutcomeSums) -> Floats:
    several = sums.class_grid.several if sums.class_grid is not None else np.ones(sums.class_positive.shape[-2:])
    return auc_tie_bound(sums.class_positive, sums.class_negative, several)


def _mean(of_class: Floats, weight: Floats) -> Floats:
    known = np.isfinite(of_class)
    total = np.where(known, of_class, 0.0) * weight
    return ratio(total.sum(axis=-1), (known * weight).sum(axis=-1))
