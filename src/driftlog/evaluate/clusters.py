"""Means and shares of values that come in clusters, with intervals that know of it.

Source: Cochran 1977, Sampling Techniques, chapter 9A (ratio to size); Korn and Graubard 1998 for shares.
"""

from __future__ import annotations

import math

from scipy import stats

from driftlog.contract.feedback import ClusterSums
from driftlog.evaluate.proportions import wilson_interval

LEVEL = 0.95


def variance(sums: ClusterSums) -> float | None:
    """Variance of the mean m = sum S_c / sum n_c over G clusters; None for fewer than two.

    ``G / (G - 1) * sum (S_c - n_c m)^2 / N^2``: for clusters of one value each, the usual s^2 / N.

    >>> round(variance(ClusterSums.apart(4, 10.0, 30.0)), 6)  # 1, 2, 3, 4
    0.416667
    """
    if sums.clusters < 2:
        return None
    mean = sums.total / sums.n
    spread = max(0.0, sums.squares - 2 * mean * sums.cross + mean * mean * sums.sizes)
    return sums.clusters / (sums.clusters - 1) * spread / (sums.n * sums.n)


def mean_interval(sums: ClusterSums) -> tuple[float | None, float | None]:
    """95 % interval of the mean, by Student's t with G - 1 degrees of freedom; (None, None) for fewer than two.

    >>> [round(end, 3) for end in mean_interval(ClusterSums.apart(4, 10.0, 30.0))]
    [0.446, 4.554]
    """
    squared = variance(sums)
    if squared is None:
        return None, None
    half = _quantile(sums.clusters) * math.sqrt(squared)
    mean = sums.total / sums.n
    return mean - half, mean + half


def share_interval(sums: ClusterSums) -> tuple[float, float]:
    """95 % interval of a share: Wilson's, at the number of independent values that the clusters are worth.

    That number is n divided by the design effect (the clustered variance over that of n independent values), and at
    most n. Where the share is 0 or 1 the values tell nothing about it, and a cluster counts as if all of it were one
    opinion: ``n^2 / sum n_c^2``. Student's t with G - 1 degrees of freedom takes the place of 1.96.

    >>> [round(end, 3) for end in share_interval(ClusterSums.apart(100, 10, 10))]
    [0.055, 0.176]

    Two people who rate fifty times each tell next to nothing about all the others:

    >>> [round(end, 3) for end in share_interval(ClusterSums.of_cluster(50, 5) + ClusterSums.of_cluster(50, 5))]
    [0.006, 0.688]
    """
    if sums.clusters < 2:
        return 0.0, 1.0
    share = sums.total / sums.n
    squared = variance(sums) or 0.0
    worth = sums.n * sums.n / sums.sizes
    if 0 < share < 1 and squared > 0:
        worth = min(float(sums.n), share * (1 - share) / squared)
    elif 0 < share < 1:
        worth = float(sums.n)
    return wilson_interval(share * worth, worth, z=_quantile(sums.clusters))


def _quantile(clusters: int) -> float:
    return float(stats.t.ppf((1 + LEVEL) / 2, clusters - 1))
