"""Fewer bins for measures that need them: at most 10 for PSI, at least 50 reference rows each for chi-square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import FieldBins, NumericBins
from driftlog.evaluate.drift.measure import Counts

MOST_BINS = 10
FEWEST_ROWS = 50


def coarse(bins: FieldBins, reference: Counts, current: Counts) -> tuple[Counts, Counts]:
    """Both sides on at most 10 bins; counts of shapes (..., bins) that broadcast.

    Numeric: `NumericBins.coarse`. Categorical: the nine values most frequent on both sides together, and the rest. (The
    nine most frequent of the reference alone are those it happened to have too many of: unchanged data then differ.)
    """
    if isinstance(bins, NumericBins):
        groups = np.asarray(bins.coarse, dtype=np.int64)
        return merge(reference, groups), merge(current, groups)
    if bins.size <= MOST_BINS:
        return reference, current
    f, g = np.broadcast_arrays(reference, current)
    order = np.argsort(-(f + g), axis=-1, kind="stable")
    return _head_and_rest(np.take_along_axis(f, order, -1)), _head_and_rest(np.take_along_axis(g, order, -1))


def _head_and_rest(counts: Counts) -> Counts:
    head, rest = counts[..., : MOST_BINS - 1], counts[..., MOST_BINS - 1 :].sum(axis=-1, keepdims=True)
    return np.concatenate((head, rest), axis=-1)


def tested_groups(bins: FieldBins, reference: Counts) -> NDArray[np.int64]:
    """For each bin the index of the bin it is tested in.

    Each category by itself. Numbers in at most 10 bins of about equal reference mass with at least 50 rows each; a
    reference of fewer than 100 rows is halved. Where that would leave one bin (a constant): the binning's coarse ones.
    """
    if not isinstance(bins, NumericBins):
        return np.arange(reference.size)
    n = int(reference.sum())
    most = min(MOST_BINS, max(2, n // FEWEST_ROWS))
    middle = (np.cumsum(reference) - reference / 2) / max(n, 1)
    wanted = np.minimum(most - 1, (middle * most).astype(np.int64))
    groups: NDArray[np.int64] = np.unique(wanted, return_inverse=True)[1].astype(np.int64)
    joined = _joined(groups, merge(reference, groups), min(FEWEST_ROWS, n // 4))
    return joined if joined[-1] > 0 else np.asarray(bins.coarse, dtype=np.int64)


def _joined(groups: NDArray[np.int64], rows: Counts, fewest: int) -> NDArray[np.int64]:
    """Neighbouring groups joined from the left until each holds `fewest` rows."""
    joined = np.zeros(rows.size, dtype=np.int64)
    group, held = 0, 0
    for index, count in enumerate(rows):
        if held >= fewest:
            group, held = group + 1, 0
        joined[index] = group
        held += int(count)
    if held < fewest and group > 0:
        joined[joined == group] = group - 1
    result: NDArray[np.int64] = joined[groups]
    return result


def merge(counts: Counts, groups: NDArray[np.int64]) -> Counts:
    """Counts of shape (..., bins) added up by group along the last axis.

    >>> merge(np.array([1, 2, 3]), np.array([0, 0, 1])).tolist()
    [3, 3]
    """
    size = int(groups.max()) + 1
    if size == groups.size and bool((groups == np.arange(size)).all()):
        return counts
    indicator = np.zeros((groups.size, size), dtype=np.int64)
    indicator[np.arange(groups.size), groups] = 1
    result: Counts = counts @ indicator
    return result
