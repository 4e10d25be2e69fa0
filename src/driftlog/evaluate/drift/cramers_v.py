"""Cramer's V with Bergsma's correction: the strength of a change of categories, on a scale of its own."""

from __future__ import annotations

import numpy as np

from driftlog.contract.binning import FieldBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift import chi_square
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked
from driftlog.evaluate.drift.merging import merge, tested_groups


def corrected(f: Counts, g: Counts) -> Floats:
    """V of two rows of counts, from 0 to 1, with what sampling alone produces taken off.

    With N rows, K occupied columns and ``phi2 = X2 / N``: ``max(0, phi2 - (K - 1) / (N - 1))`` divided by the lesser
    of ``K' - 1`` and ``R' - 1``, where ``K' = K - (K - 1)^2 / (N - 1)`` and ``R' = 2 - 1 / (N - 1)``; the root of it.
    """
    total = (f + g).sum(axis=-1)
    freedom = np.count_nonzero(f + g, axis=-1) - 1
    others = np.maximum(total - 1, 1)
    phi = chi_square.statistic(f, g) / total
    excess = np.maximum(0.0, phi - freedom / others)
    columns, rows = freedom - freedom**2 / others, 1 - 1 / others
    scale = np.minimum(columns, rows)
    shared = np.divide(excess, scale, out=np.zeros(np.shape(excess)), where=scale > 1e-12)
    result: Floats = np.sqrt(np.minimum(shared, 1.0))
    return result


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:
    """V on the tested bins."""
    size = reference.shape[-1]
    groups = tested_groups(bins, reference.reshape(-1, size).sum(axis=0))
    return corrected(merge(reference, groups), merge(current, groups))


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """Bias-corrected V with the p-value of the homogeneity test; ``details["uncorrected"]`` is ``sqrt(X2 / N)``.

    Categories as they are; numbers on at most 10 bins with at least 50 reference rows each. V depends on the ratio of
    the two sample sizes: the same change gives a smaller V where one side is much larger.

    >>> from driftlog.contract.binning import CategoricalBins
    >>> one, other = FieldCounts(np.array([60, 40, 0])), FieldCounts(np.array([40, 60, 0]))
    >>> round(compare(one, other, CategoricalBins(("a", "b")), seed=1).value, 4)
    0.1875

    Source: Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", 2013.
    """
    method = "Cramer's V, bias-corrected"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    groups = tested_groups(bins, f)
    f_tested, g_tested = merge(f, groups), merge(g, groups)
    statistic, p_value, freedom, how = chi_square.homogeneity(f_tested, g_tested, seed=seed)
    n, m = int(f.sum()), int(g.sum())
    return DriftValue(
        value=float(corrected(f_tested, g_tested)),
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=f"{method}; p {how}",
        details={"uncorrected": float(np.sqrt(statistic / (n + m))), "degrees_of_freedom": float(freedom)},
    )
