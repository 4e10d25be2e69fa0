"""Hellinger distance of two distributions over the bins."""

from __future__ import annotations

import numpy as np

from driftlog.contract.binning import FieldBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.chi_square import homogeneity_of_field
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked, shares


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:  # noqa: ARG001
    """``sqrt(1/2 sum (sqrt(p_i) - sqrt(q_i))^2)``, from 0 to 1."""
    gap = np.sqrt(shares(reference)) - np.sqrt(shares(current))
    result: Floats = np.sqrt(0.5 * (gap**2).sum(axis=-1))
    return np.minimum(result, 1.0)


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """The distance, with the p-value of the homogeneity test.

    ``details["expected"]`` is what an unchanged field shows: about ``sqrt((K - 1) (1/n + 1/m) / 8)``, K occupied bins.
    """
    method = "Hellinger distance over the bins"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    p_value, how = homogeneity_of_field(f, g, bins, seed=seed)
    n, m = int(f.sum()), int(g.sum())
    occupied = int(np.count_nonzero(f + g))
    return DriftValue(
        value=float(effect(f, g, bins)),
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=f"{method}; p {how}",
        details={"expected": float(np.sqrt((occupied - 1) * (1 / n + 1 / m) / 8))},
    )
