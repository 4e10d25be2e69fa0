"""Chi-square test of homogeneity: both samples are random, neither is taken as exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftlog.contract.binning import FieldBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked
from driftlog.evaluate.drift.merging import merge, tested_groups
from driftlog.evaluate.drift.permutation import permutation_p_value

FEWEST_EXPECTED = 5
"""An expected count below it: Monte Carlo."""
ENOUGH_EXPECTED = 50
UNSURE = (1e-4, 0.01)
"""Limit p-values in this range are checked by Monte Carlo where an expected count is below 50: far out the limit is too
small (by a third at 0.001 with an expected count of 7), and that is where many features together decide."""


def statistic(f: Counts, g: Counts) -> Floats:
    """``X2 = sum over both rows and all columns of (observed - expected)^2 / expected``, empty columns left out.

    With n and m rows in total it equals ``sum (f_i sqrt(m/n) - g_i sqrt(n/m))^2 / (f_i + g_i)``.
    """
    n, m = f.sum(axis=-1, keepdims=True), g.sum(axis=-1, keepdims=True)
    pooled = f + g
    gap = f * np.sqrt(m / n) - g * np.sqrt(n / m)
    result: Floats = np.divide(gap**2, pooled, out=np.zeros(gap.shape), where=pooled > 0).sum(axis=-1)
    return result


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:
    """The statistic on the tested bins."""
    size = reference.shape[-1]
    groups = tested_groups(bins, reference.reshape(-1, size).sum(axis=0))
    return statistic(merge(reference, groups), merge(current, groups))


def homogeneity(f: Counts, g: Counts, *, seed: int) -> tuple[float, float, int, str]:
    """Statistic, p-value, degrees of freedom and how the p-value was found, of two rows of counts.

    The limit distribution has (occupied columns - 1) degrees of freedom; where an expected count is below 5 the
    p-value is Monte Carlo, and where one is below 50 also if the limit says 0.0001 to 0.01.
    """
    used = f + g > 0
    f, g = f[used], g[used]
    n, m = int(f.sum()), int(g.sum())
    freedom = f.size - 1
    if freedom < 1:
        return 0.0, 1.0, 0, "1: one occupied bin"
    value = float(statistic(f, g))
    limit = float(special.chdtrc(freedom, value))
    if not needs_monte_carlo(float((f + g).min()) * (min(n, m) / (n + m)), limit):
        return value, limit, freedom, "i.i.d., chi-square of homogeneity"
    return value, permutation_p_value(f, g, statistic, seed=seed), freedom, "i.i.d., homogeneity by Monte Carlo"


def needs_monte_carlo(least_expected: float | Floats, limit: float | Floats) -> NDArray[np.bool_]:
    """Whether the limit distribution will not do; arrays work too."""
    least, p_value = np.asarray(least_expected), np.asarray(limit)
    tail = (p_value >= UNSURE[0]) & (p_value < UNSURE[1]) & (least < ENOUGH_EXPECTED)
    return np.asarray((least < FEWEST_EXPECTED) | tail)


def homogeneity_of_field(f: Counts, g: Counts, bins: FieldBins, *, seed: int) -> tuple[float, str]:
    """p-value of the test on a field's tested bins; the p-value of the measures that bring none of their own."""
    groups = tested_groups(bins, f)
    _, p_value, _, how = homogeneity(merge(f, groups), merge(g, groups), seed=seed)
    return p_value, how


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """The statistic with its p-value; it grows with the sample, so it is reported and not judged.

    Categories as they are; numbers on at most 10 bins with at least 50 reference rows each. ``details``: the degrees of
    freedom and Cramer's V, ``sqrt(X2 / (n + m))``, as an effect size that does not grow.

    >>> from driftlog.contract.binning import CategoricalBins
    >>> one, other = FieldCounts(np.array([60, 40, 0])), FieldCounts(np.array([40, 60, 0]))
    >>> round(compare(one, other, CategoricalBins(("a", "b")), seed=1).value, 9)
    8.0

    Source: Pearson 1900; see `scipy.stats.chi2_contingency` without Yates' correction.
    """
    method = "chi-square of homogeneity"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    groups = tested_groups(bins, f)
    value, p_value, freedom, how = homogeneity(merge(f, groups), merge(g, groups), seed=seed)
    n, m = int(f.sum()), int(g.sum())
    return DriftValue(
        value=value,
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=f"{method}; p {how}",
        details={"degrees_of_freedom": float(freedom), "cramers_v": float(np.sqrt(value / (n + m)))},
    )
