"""Difference of two proportions: fields with two categories."""

from __future__ import annotations

import numpy as np

from driftlog.contract.binning import CategoricalBins, FieldBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked
from driftlog.evaluate.proportions import two_proportion_test


def fits(bins: FieldBins) -> bool:
    """Whether the field has two categories and no rarer ones."""
    return isinstance(bins, CategoricalBins) and len(bins.values) == 2 and not bins.other_values


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:  # noqa: ARG001
    """``|p - q|``, the shares of the first category on both sides, from 0 to 1."""
    result: Floats = np.abs(reference[..., 0] / reference.sum(axis=-1) - current[..., 0] / current.sum(axis=-1))
    return result


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:  # noqa: ARG001
    """The difference with the p-value of the pooled z test, or of Fisher's exact test where an expected count is < 5.

    ``details["difference"]`` has its sign: current less reference share of the first category.

    >>> one, other = FieldCounts(np.array([60, 40, 0])), FieldCounts(np.array([40, 60, 0]))
    >>> found = compare(one, other, CategoricalBins(("no", "yes")), seed=1)
    >>> round(found.value, 4), round(found.p_value, 4), round(found.details["difference"], 4)
    (0.2, 0.0047, -0.2)
    """
    method = "difference of two proportions"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    n, m = int(f.sum()), int(g.sum())
    p_value, how = two_proportion_test(int(f[0]), n, int(g[0]), m)
    return DriftValue(
        value=float(effect(f, g, bins)),
        p_value=p_value,
        n_reference=n,
        n_current=m,
        method=f"{method}; p i.i.d., {how}",
        details={"difference": float(g[0] / m - f[0] / n)},
    )
