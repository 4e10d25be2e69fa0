"""Wasserstein distance of two binned numeric distributions, in standard deviations of the reference."""

from __future__ import annotations

import numpy as np

from driftlog.contract.binning import FieldBins, NumericBins
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.drift import kolmogorov_smirnov
from driftlog.evaluate.drift.measure import Counts, DriftValue, Floats, checked, shares


def effect(reference: Counts, current: Counts, bins: FieldBins) -> Floats:
    """``integral |F(x) - G(x)| dx / sd`` between the reference's 0.1 and 99.9 % quantiles.

    Rows are spread evenly over their bin, cut off at the two quantiles (rows beyond them count as lying on them); a
    bin of one repeated value has its rows at its left edge. Inside a bin F - G then is a straight line from d0 to d1,
    whose integral is ``w (|d0| + |d1|) / 2``, or ``w (d0^2 + d1^2) / (2 (|d0| + |d1|))`` where it changes its sign.

    Raises
    ------
    ValueError
        The field is categorical.
    """
    if not isinstance(bins, NumericBins):
        raise ValueError("Wasserstein distance needs a numeric field")
    widths, at_left = _layout(bins)
    gap = np.cumsum(shares(reference) - shares(current), axis=-1)
    right = gap
    left = np.concatenate((np.zeros((*gap.shape[:-1], 1)), gap[..., :-1]), axis=-1)
    left = np.where(at_left, right, left)
    size = np.abs(left) + np.abs(right)
    crossing = np.divide(left**2 + right**2, size, out=np.zeros(size.shape), where=size > 0)
    area = widths * np.where(left * right < 0, crossing, size) / 2
    result: Floats = area.sum(axis=-1) / (bins.scale if bins.scale > 0 else 1.0)
    return result


def _layout(bins: NumericBins) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Width of each bin between the quantiles, and which bins have their rows at the left edge."""
    edges = np.asarray(bins.edges, dtype=np.float64)
    low = bins.low if bins.low is not None else bins.minimum
    high = bins.high if bins.high is not None else bins.maximum
    first = edges[0] if edges.size else 0.0
    last = edges[-1] if edges.size else 0.0
    low = float(first if low is None else low)
    high = max(low, float(last if high is None else high))
    borders = np.clip(np.concatenate(([low], edges, [high])), low, high)
    at_left = np.zeros(bins.size, dtype=np.bool_)
    at_left[list(bins.single)] = True
    return np.diff(borders), at_left


def compare(reference: FieldCounts, current: FieldCounts, bins: FieldBins, *, seed: int) -> DriftValue:
    """The distance in units of the reference's standard deviation; no bound is claimed.

    None where the reference has no spread: its scale says nothing then, and the Kolmogorov-Smirnov distance shows the
    change. p-value: the Kolmogorov-Smirnov test. ``details["distance"]`` is in the field's own unit.
    """
    method = "Wasserstein distance / reference sd, winsorised at 0.1 and 99.9 %"
    f, g, empty = checked(reference, current, bins, method)
    if empty is not None:
        return empty
    test = kolmogorov_smirnov.compare(reference, current, bins, seed=seed)
    value: float | None = float(effect(f, g, bins))
    if isinstance(bins, NumericBins) and not (bins.scale > 0 and _layout(bins)[0].any()) and test.value:
        value = None
    distance = {} if value is None or not isinstance(bins, NumericBins) else {"distance": value * bins.scale}
    return DriftValue(
        value=value,
        p_value=test.p_value,
        n_reference=test.n_reference,
        n_current=test.n_current,
        method=f"{method}; p of Kolmogorov-Smirnov, i.i.d.",
        details=distance,
    )
