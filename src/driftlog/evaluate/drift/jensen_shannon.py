"""Jensen-Shannon distance, base 2."""

from __future__ import annotations

import numpy as np

from driftlog.contract.binning import FieldBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift.chi_square import homogeneity_of_field
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked, shares


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:  # noqa: ARG001
    """``sqrt((KL(p || r) + KL(q || r)) / 2)`` in bits, r = (p + q) / 2; from 0 to 1, nothing is smoothed."""
    p, q = np.broadcast_arrays(shares(reference), shares(current))
    middle = (p + q) / 2
    divergence = (_terms(p, middle) + _terms(q, middle)).sum(axis=-1) / 2
    result: Floats = np.sqrt(np.clip(divergence, 0.0, 1.0))
    return result


def _terms(p: Floats, middle: Floats) -> Floats:
    ratio = np.divide(p, middle, out=np.ones(p.shape), where=p > 0)
    result: Floats = p * np.log2(ratio)
    return result


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """The distance (the square root of the divergence), with the p-value of the homogeneity test.

    ``details["expected"]`` is what an unchanged field shows: about ``sqrt((K - 1) (1/n + 1/m) / (8 ln 2))``.

    Source: Lin 1991; Endres and Schindelin 2003; `scipy.spatial.distance.jensenshannon` with ``base=2``.
    """
    method = "Jensen-Shannon distance over the bins, base 2"
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
        details={"expected": float(np.sqrt((occupied - 1) * (1 / n + 1 / m) / (8 * np.log(2))))},
    )
