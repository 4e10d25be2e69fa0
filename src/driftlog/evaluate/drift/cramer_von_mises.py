"""Two-sample Cramer-von Mises distance from counts, with bounds of the distance on the raw data."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from driftlog.contract.binning import FieldBins, NumericBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked, shares
from driftlog.evaluate.drift.permutation import FEWEST_FOR_LIMIT, RESOLUTION, permutation_p_value

LARGEST = 1 / math.sqrt(3)
"""The value of two distributions without a common bin."""
_TERMS = 12
_SMALLEST, _GREATEST = 0.003, 12.0
"""Outside, the limit distribution is 0 or 1 to the last digit."""


def squared(reference: Counts, current: Counts) -> Floats:
    """``w2 = integral (F - G)^2 dH``, H the pooled distribution, each bin's rows spread evenly over it.

    A bin with pooled share h, over which F - G goes from d0 to d1, adds ``h (d0^2 + d0 d1 + d1^2) / 3``.
    """
    n, m = reference.sum(axis=-1, keepdims=True), current.sum(axis=-1, keepdims=True)
    after = np.cumsum(reference / n - current / m, axis=-1)
    before = np.concatenate((np.zeros((*after.shape[:-1], 1)), after[..., :-1]), axis=-1)
    pooled = (reference + current) / (n + m)
    result: Floats = (pooled * (before**2 + before * after + after**2)).sum(axis=-1) / 3
    return np.clip(result, 0.0, LARGEST**2)


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:  # noqa: ARG001
    """``w = sqrt(w2)``: the root mean squared difference of the cumulative shares, from 0 to 0.577."""
    result: Floats = np.sqrt(squared(reference, current))
    return result


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """Distance w, its bounds on the raw data, and a p-value; ``details["statistic"]`` is ``T = e w^2``.

    e = nm / (n + m). Where every distinct value has a bin of its own and none repeats, T is the usual two-sample
    statistic less ``1 / (6 (n + m))``. Inside a bin of several values F - G stays between ``d0 - q`` and ``d0 + p`` (p
    and q: the bin's shares of both sides); the bounds put all its rows at the smallest or the largest square of that
    range. Repeated values with a bin of their own add no doubt.

    p-value: on continuous data the limit distribution at T, standardised by the exact mean and variance of T on raw
    data. (Bins with pooled shares h smooth ``sum h^2 / 6`` of a Brownian bridge away: 0.0017 of a mean of 0.1667 with
    100 bins; taking it into account would spoil the level of references of 50 rows.) With ties in the reference, or
    fewer than 50 rows, Monte Carlo; but where the limit, which is too large on tied data (the smoothed bridge is
    smaller), already is below the resolution of Monte Carlo, it is the limit.

    >>> bins = NumericBins(edges=(1.0, 2.0), coarse=(0, 1, 2))
    >>> one, other = FieldCounts(np.array([50, 0, 0])), FieldCounts(np.array([0, 0, 50]))
    >>> round(compare(one, other, bins, seed=1).value, 4)
    0.5774

    Source: Anderson and Darling 1952; Anderson, "On the distribution of the two-sample Cramer-von Mises criterion",
    1962.
    """
    method = "root of the integral of (F - G)^2 over the bins; bounds of the exact one"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    value = float(effect(f, g, bins))
    lower, upper = _bounds(f, g, bins)
    n, m = int(f.sum()), int(g.sum())
    p_value, how = _p_value(f, g, bins, value, seed)
    return DriftValue(
        value=value,
        lower=min(value, lower),
        upper=max(value, upper),
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=f"{method}; p {how}",
        details={"statistic": n / (n + m) * m * value**2},
    )


def _bounds(f: Counts, g: Counts, bins: FieldBins) -> tuple[float, float]:
    p, q = shares(f), shares(g)
    after = np.cumsum(p - q)
    before = np.concatenate(([0.0], after[:-1]))
    low, high = before - q, before + p
    largest = np.maximum(low**2, high**2)
    smallest = np.where((low < 0) & (high > 0), 0.0, np.minimum(low**2, high**2))
    if isinstance(bins, NumericBins):
        single = list(bins.single)
        exact = (before**2 + before * after + after**2) / 3
        smallest[single], largest[single] = exact[single], exact[single]
    pooled = shares(f + g)
    lower, upper = float((pooled * smallest).sum()), float((pooled * largest).sum())
    return math.sqrt(max(0.0, lower)), min(LARGEST, math.sqrt(upper))


def _p_value(f: Counts, g: Counts, bins: FieldBins, value: float, seed: int) -> tuple[float, str]:
    n, m = int(f.sum()), int(g.sum())
    if np.count_nonzero(f + g) < 2:
        return 1.0, "1: one occupied bin"
    if min(n, m) >= FEWEST_FOR_LIMIT:
        from_limit = float(limit_p_value(n / (n + m) * m * value**2, n, m))
        if not (isinstance(bins, NumericBins) and bins.discrete):
            return from_limit, "i.i.d., limit"
        if from_limit < RESOLUTION:
            return from_limit, "i.i.d., limit as an upper bound"
    return permutation_p_value(f, g, squared, seed=seed), "i.i.d., Monte Carlo"


def limit_p_value(statistic: float | Floats, n: int, m: int) -> Floats:
    """p-value of ``T`` (the raw statistic less ``1 / (6 N)``) by the limit distribution, matched in mean and variance.

    With N = n + m and k = nm: ``E = 1/6``, ``V = (N + 1)(4 k N - 3 (n^2 + m^2) - 2 k) / (180 k N^2)``, and the limit is
    taken at ``1/6 + (T - 1/6) / sqrt(45 V)``. Arrays of statistics work too.

    >>> round(float(limit_p_value(0.46136, 10**6, 10**6)), 3)
    0.05
    """
    total, product = n + m, n * m
    variance = (total + 1) / total * (4 * product * total - 3 * (n**2 + m**2) - 2 * product) / (180 * product * total)
    standard = 1 / 6 + (np.asarray(statistic) - 1 / 6) / math.sqrt(45 * variance)
    p_value = np.where(standard < _SMALLEST, 1.0, 1.0 - limit_distribution(np.clip(standard, _SMALLEST, _GREATEST)))
    return np.clip(p_value, 0.0, 1.0)


def limit_distribution(x: Floats) -> Floats:
    """``P(integral of a squared Brownian bridge <= x)``, the series of Anderson and Darling (1952), for x >= 0.003."""
    j = np.arange(_TERMS)
    y = (4 * j + 1) ** 2 / (16 * x[..., None])
    weights = np.exp(special.gammaln(j + 0.5) - special.gammaln(j + 1)) / math.sqrt(math.pi)
    # exp(-y) K(y) = exp(-2 y) kve(y)
    terms = weights * np.sqrt(4 * j + 1.0) * np.exp(-2 * y) * special.kve(0.25, y)
    result: Floats = terms.sum(axis=-1) / (math.pi * np.sqrt(x))
    return result
