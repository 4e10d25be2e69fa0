"""Edges of numeric bins from reference values: quantiles, repeated values in bins of their own, merged coarse bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import NumericBins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS: Final = 100
COARSE_BINS: Final = 10
COARSE_ROWS: Final = 50
"""Reference rows a coarse bin has at least, where there are enough."""
LARGEST: Final = float(np.finfo(np.float64).max)


def numeric_bins(values: Floats, *, bins: int = BINS, extra_edges: Sequence[float] = ()) -> NumericBins:
    """Bins of a numeric field from its reference values.

    Edges are the values at the quantiles 1/bins, 2/bins, ...; equal ones are merged. A value v that fills a bin by
    itself (at least 1/bins of the rows, twice or more) gets the bin ``[v, nextafter(v))``. So there are at most
    2 * bins bins; a field of up to bins / 2 evenly spread values has one bin for each, and one for each gap between.

    Parameters
    ----------
    values
        Finite, shape (n,), n >= 1.
    extra_edges
        Further edges (decision thresholds, equal widths).

    >>> numeric_bins(np.array([7.0, 7.0, 7.0])).single
    (1,)
    """
    ordered = np.sort(values + 0.0)  # -0.0 becomes 0.0
    n = len(ordered)
    targets = np.minimum(n - 1, (np.arange(1, bins) * n) // bins)
    distinct, counts = np.unique(ordered, return_counts=True)
    heavy = distinct[(counts >= max(2.0, n / bins)) & (distinct < LARGEST)]
    if len(distinct) == 1 and distinct[0] < LARGEST:
        heavy = distinct
    parts = [ordered[targets], heavy, np.nextafter(heavy, math.inf), np.asarray(extra_edges, dtype=np.float64)]
    edges = np.unique(np.concatenate(parts))
    single = np.searchsorted(edges, heavy) + 1
    mass = np.bincount(np.searchsorted(edges, ordered, side="right"), minlength=len(edges) + 1)
    shift, scale = mean_and_deviation(ordered)
    return NumericBins(
        edges=_floats(edges),
        coarse=coarse_bins(mass),
        shift=shift,
        scale=scale,
        single=tuple(int(index) for index in single),
        discrete=bool(counts.max() >= max(2.0, n / bins / 2)),
        low=float(np.quantile(ordered, 0.001, method="inverted_cdf")),
        high=float(np.quantile(ordered, 0.999, method="inverted_cdf")),
        minimum=float(ordered[0]),
        maximum=float(ordered[-1]),
    )


def _floats(edges: Floats) -> tuple[float, ...]:
    return tuple(float(edge) for edge in edges)


def mean_and_deviation(values: Floats) -> tuple[float, float]:
    """Mean and population standard deviation, without overflow; the deviation of a constant is given as 1.

    >>> mean_and_deviation(np.array([1e308, -1e308]))
    (0.0, 1e+308)
    """
    largest = float(np.abs(values).max())
    unit = 1.0 if largest < 1e150 else largest
    mean, deviation = float((values / unit).mean()), float((values / unit).std())
    constant = values.min() == values.max()
    return (float(values[0]), 1.0) if constant else (mean * unit, deviation * unit)


def coarse_bins(mass: NDArray[Any]) -> tuple[int, ...]:
    """For each bin the merged bin it belongs to: at most 10, of about equal mass, each of >= 50 rows where possible.

    >>> coarse_bins(np.array([500, 0, 500]))
    (0, 0, 1)
    """
    n = int(mass.sum())
    middle = (np.cumsum(mass) - mass / 2) / n
    wanted = np.minimum(COARSE_BINS - 1, (middle * COARSE_BINS).astype(int))
    groups = np.unique(wanted, return_inverse=True)[1]
    fewest = min(COARSE_ROWS, n / 2)
    while True:
        rows = np.bincount(groups, weights=mass)
        smallest = int(rows.argmin())
        if len(rows) == 1 or rows[smallest] >= fewest:
            return tuple(int(group) for group in groups)
        left = smallest > 0 and (smallest == len(rows) - 1 or rows[smallest - 1] <= rows[smallest + 1])
        groups = groups - (groups >= smallest + (0 if left else 1))


def score_bins(scores: Floats, thresholds: Sequence[float], *, bins: int = BINS) -> NumericBins:
    """Bins of ``prediction.score``: equal widths, reference quantiles and decision thresholds together.

    Equal widths lie on [0, 1]; scores outside it (log-odds) get them between their least and greatest value.
    """
    low, high = (
        (0.0, 1.0) if scores.min() >= 0.0 and scores.max() <= 1.0 else (float(scores.min()), float(scores.max()))
    )
    equal = [low + (high - low) * step / bins for step in range(1, bins)] if high > low else []
    return numeric_bins(scores, bins=bins, extra_edges=[*equal, *thresholds])
