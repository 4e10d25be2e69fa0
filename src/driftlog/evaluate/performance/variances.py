"""Variances of metrics for independent rows, from counts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from driftlog.evaluate.performance.sums import ARRAYS, Floats, OutcomeSums, with_arrays

MOST_NUMBERS = 4_000_000
"""Numbers that leaving each row out may hold at once; beyond it there is no variance of independent rows."""
RANK_BINS = 64


def delong_variance(sums: OutcomeSums) -> float:
    """Variance of the AUC: ``var(V10) / P + var(V01) / N`` with the placements of positives and negatives.

    V10 of a positive is the share of negatives below it (those in its bin half), V01 of a negative the share of
    positives above it; on bins this is the variance of the binned scores exactly.

    Source: DeLong, DeLong and Clarke-Pearson 1988.
    """
    positive, negative = sums.score_positive, sums.score_negative
    p, n = float(positive.sum()), float(negative.sum())
    if p < 2 or n < 2:
        return math.nan
    below = (np.cumsum(negative) - negative / 2) / n
    above = (p - np.cumsum(positive) + positive / 2) / p
    return _spread(below, positive) / p + _spread(above, negative) / n


def _spread(values: Floats, counts: Floats) -> float:
    rows = float(counts.sum())
    mean = float((values * counts).sum()) / rows
    return float((counts * (values - mean) ** 2).sum()) / (rows - 1)


def row_variance(compute: Callable[[OutcomeSums], Floats], sums: OutcomeSums, names: Sequence[str]) -> float:
    """Delete-one-row jackknife over the occupied cells of the named histograms; NaN where it cannot be had.

    ``(n - 1) / n sum_c n_c (theta_(c) - mean)^2`` with theta_(c) the metric with one row of cell c less: rows of a cell
    are alike, so the jackknife over all rows costs one evaluation a cell.

    Source: Efron and Stein 1981.
    """
    held = {name: getattr(sums, name) for name in names}
    counts = np.concatenate([values.ravel() for values in held.values()])
    occupied = np.flatnonzero(counts > 0)
    n = float(counts.sum())
    if n < 2 or occupied.size * counts.size > MOST_NUMBERS:
        return math.nan
    rest = np.broadcast_to(counts, (occupied.size, counts.size)).copy()
    rest[np.arange(occupied.size), occupied] -= 1
    values = compute(_with_cells(sums, names, rest))
    if not np.isfinite(values).all():
        return math.nan
    weight = counts[occupied]
    mean = float((weight * values).sum()) / n
    return (n - 1) / n * float((weight * (values - mean) ** 2).sum())


def _with_cells(sums: OutcomeSums, names: Sequence[str], rows: Floats) -> OutcomeSums:
    """`sums` with a first axis, and the named histograms cut from `rows`."""
    lead = rows.shape[0]
    arrays = {name: np.broadcast_to(getattr(sums, name), (lead, *getattr(sums, name).shape)) for name in ARRAYS}
    at = 0
    for name in names:
        shape = getattr(sums, name).shape
        size = math.prod(shape)
        arrays[name] = rows[:, at : at + size].reshape(lead, *shape)
        at += size
    return with_arrays(sums, arrays)


def confusion_variance(compute: Callable[[OutcomeSums], Floats]) -> Callable[[OutcomeSums], float]:
    """Variance of a metric of the confusion matrix."""
    return lambda sums: row_variance(compute, sums, ("confusion",))


def ranking_variance(compute: Callable[[OutcomeSums], Floats]) -> Callable[[OutcomeSums], float]:
    """Variance of a metric of the score's order, on neighbouring bins merged to at most 64."""
    return lambda sums: row_variance(compute, _merged(sums), ("score_positive", "score_negative"))


def _merged(sums: OutcomeSums) -> OutcomeSums:
    rows = sums.score_positive + sums.score_negative
    if rows.size <= RANK_BINS:
        return sums
    middle = (np.cumsum(rows) - rows / 2) / max(float(rows.sum()), 1.0)
    groups = np.minimum((middle * RANK_BINS).astype(np.intp), RANK_BINS - 1)

    def merged(counts: Floats) -> Floats:
        return np.bincount(groups, weights=counts, minlength=RANK_BINS).astype(np.float64)

    return replace(
        sums, grid=None, score_positive=merged(sums.score_positive), score_negative=merged(sums.score_negative)
    )


def squared_loss_variance(sums: OutcomeSums) -> float:
    """Variance of the Brier score, the scores at the middle of their bins."""
    return _loss_variance(sums, lambda own: (1 - own) ** 2)


def log_loss_variance(sums: OutcomeSums) -> float:
    """Variance of the log loss, the scores at the middle of their bins."""
    return _loss_variance(sums, lambda own: -np.log(np.clip(own, 1e-15, 1.0)))


def _loss_variance(sums: OutcomeSums, loss: Callable[[Floats], Floats]) -> float:
    if sums.grid is None or not sums.grid.probability:
        return math.nan
    counts = np.concatenate((sums.score_positive, sums.score_negative))
    rows = float(counts.sum())
    if rows < 2 or rows != float(sums.scored):
        return math.nan
    own = np.concatenate((sums.grid.middle, 1 - sums.grid.middle))
    return _spread(loss(own), counts) / rows
