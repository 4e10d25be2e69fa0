"""Fewer bins for measures that need them: at most 10 for PSI, at least 50 reference rows each for chi-square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import FieldBins, NumericBins
from driftlog.evaluate.drift.measure import Counts

MOST_BINS = 10
FEWEST_ROWS = 50


def coarse_groups(bins: FieldBins, reference: Counts) -> NDArray[np.int64]:
    """For each bin the index of its merged bin.

    Numeric: `NumericBins.coarse`. Categorical: the nine values most frequent in the reference, and the rest together.

    Parameters
    ----------
    reference
        Counts of shape (..., bins); leading axes are added up.
    """
    if isinstance(bins, NumericBins):
        return np.asarray(bins.coarse, dtype=np.int64)
    size = reference.shape[-1]
    if size <= MOST_BINS:
        return np.arange(size)
    frequent = np.argsort(-reference.reshape(-1, size).sum(axis=0), kind="stable")[: MOST_BINS - 1]
    groups = np.full(size, MOST_BINS - 1, dtype=np.int64)
    groups[frequent] = np.arange(MOST_BINS - 1)
    return groups


def tested_groups(bins: FieldBins, reference: Counts) -> NDArray[np.int64]:
    """Merged bins of the chi-square test: each category; numbers on coarse bins joined to 50 reference rows each."""
    if not isinstance(bins, NumericBins):
        return np.arange(reference.size)
    groups = np.asarray(bins.coarse, dtype=np.int64)
    rows = merge(reference, groups)
    joined = np.zeros(rows.size, dtype=np.int64)
    group, held = 0, 0
    for index, count in enumerate(rows):
        if held >= FEWEST_ROWS:
            group, held = group + 1, 0
        joined[index] = group
        held += int(count)
    if held < FEWEST_ROWS and group > 0:
        joined[joined == group] = group - 1
    merged: NDArray[np.int64] = joined[groups]
    return merged


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
