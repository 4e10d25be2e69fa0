"""Isotonic regression of a rate over ordered bins, for many resamples at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.binning import NumericBins

Floats = NDArray[np.float64]


def isotonic_rates(hits: Floats, total: Floats, position: Floats) -> Floats:
    """The non-decreasing rates that are nearest to hits / total, in least squares weighted by total.

    ``argmin sum_i total_i (hits_i / total_i - f_i)^2`` over ``f_1 <= f_2 <= ...``, found by pooling adjacent violators.
    A bin without rows gets the linear interpolation of its nearest neighbours that have rows, the end ones beyond
    them; without any rows at all the rates are NaN.

    Parameters
    ----------
    hits, total
        Shape (..., bins), 0 <= hits <= total; any leading axes (resamples, labels) are fitted apart from each other.
    position
        Where the bins lie, shape (bins,), increasing; used for interpolation only.

    Source: Ayer, Brunk, Ewing, Reid, Silverman 1955; Zadrozny and Elkan, KDD 2002.

    >>> isotonic_rates(np.array([1.0, 0, 0, 3]), np.array([4.0, 4, 0, 4]), np.arange(4.0))
    array([0.125 , 0.125 , 0.4375, 0.75  ])
    """
    shape = np.broadcast_shapes(hits.shape, total.shape)
    tops = np.broadcast_to(hits, shape).reshape(-1, shape[-1])
    sizes = np.broadcast_to(total, shape).reshape(-1, shape[-1])
    used = sizes > 0
    rates = np.full(tops.shape, np.nan)
    if used.any():
        from scipy.optimize import isotonic_regression

        # One pass over all rows laid end to end: two more per row keeps the rates of one from pooling with the next.
        offset = 2.0 * np.broadcast_to(np.arange(len(tops), dtype=np.float64)[:, None], used.shape)[used]
        fitted = isotonic_regression(tops[used] / sizes[used] + offset, weights=sizes[used]).x - offset
        rates[used] = np.clip(fitted, 0.0, 1.0)
    for row in np.flatnonzero(used.any(axis=1) & ~used.all(axis=1)):
        mask = used[row]
        rates[row, ~mask] = np.interp(position[~mask], position[mask], rates[row, mask])
    return rates.reshape(shape)


def bin_positions(bins: NumericBins) -> Floats:
    """Middles of bins; the open end bins reach to the reference's least and greatest value.

    >>> bin_positions(NumericBins(edges=(0.25, 0.5), coarse=(0, 1, 2), minimum=0.0, maximum=1.0))
    array([0.125, 0.375, 0.75 ])
    """
    edges = np.asarray(bins.edges, dtype=np.float64)
    if not edges.size:
        return np.zeros(1)
    low = edges[0] if bins.minimum is None else min(bins.minimum, edges[0])
    high = edges[-1] if bins.maximum is None else max(bins.maximum, edges[-1])
    ends = np.concatenate(([low], edges, [high])) / 2
    middles: Floats = ends[:-1] + ends[1:]
    return middles
