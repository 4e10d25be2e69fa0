"""Total variation distance: the share of rows that would have to change their bin."""

from __future__ import annotations

import numpy as np

from driftlog.contract.binning import FieldBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.chi_square import homogeneity_of_field
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked, shares


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:  # noqa: ARG001
    """``1/2 sum |p_i - q_i|``, from 0 to 1."""
    result: Floats = 0.5 * np.abs(shares(reference) - shares(current)).sum(axis=-1)
    return np.minimum(result, 1.0)


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """The distance over the bins, with the p-value of the homogeneity test.

    ``details["expected"]`` is about what an unchanged field shows by sampling alone:
    ``sum sqrt(r_i (1 - r_i) (1/n + 1/m) / (2 pi))``, r the pooled shares.

    >>> from driftlog.contract.binning import CategoricalBins
    >>> one, other = FieldCounts(np.array([60, 40, 0])), FieldCounts(np.array([40, 60, 0]))
    >>> round(compare(one, other, CategoricalBins(("a", "b")), seed=1).value, 9)
    0.2
    """
    method = "total variation over the bins"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    p_value, how = homogeneity_of_field(f, g, bins, seed=seed)
    n, m = int(f.sum()), int(g.sum())
    pooled = shares(f + g)
    expected = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m) / (2 * np.pi)).sum()
    return DriftValue(
        value=float(effect(f, g, bins)),
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=f"{method}; p {how}",
        details={"expected": float(expected)},
    )
