"""Features that are stuck: nearly all values are one."""

from __future__ import annotations

from typing import Final

import numpy as np

from driftlog.contract.binning import CategoricalBins, FieldBins, NumericBins
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.proportions import wilson_interval

STUCK: Final = 0.99


def dominance(
    before: FieldCounts,
    now: FieldCounts,
    bins: FieldBins,
    field: str,
    context: SeriesContext,
    *,
    distinct: int | None = None,
) -> list[Measurement]:
    """``dominant_share`` of a feature that seems stuck: 99 % of its values in one bin that held less of the reference.

    The first and the last bin of a number are open: a warm summer lies wholly beyond the winter's last edge and is not
    stuck. There the spread of the values has to be below 1 % of the reference's as well. Values of a category that
    the profile does not keep apart cannot dominate, however many: those in "other" where it stands for several, and
    unseen ones unless `distinct` (values of the window) leaves room for one only. A day of new identifiers is a
    thousand values, not one; ``unseen_share`` reports it.
    """
    eligible, in_reference = np.append(now.counts, 0), np.append(before.counts, before.unseen)
    if isinstance(bins, CategoricalBins):
        if len(bins.other_values) != 1:
            eligible[-2] = 0
        if distinct is not None and distinct - int((now.counts > 0).sum()) <= 1:
            eligible[-1] = now.unseen
    n = now.present
    largest = int(eligible.argmax())
    share, share_before = float(eligible[largest]) / n, float(in_reference[largest]) / before.present
    if share < STUCK or share_before >= STUCK:
        return []
    if isinstance(bins, NumericBins) and largest in (0, bins.size - 1) and not _narrow(now, bins):
        return []
    low, high = wilson_interval(float(eligible[largest]), n)
    return [
        context.measurement(
            "dominant_share",
            "quality",
            share,
            field=field,
            lower=low,
            upper=high,
            reference_value=share_before,
            n_reference=before.present,
            n_current=n,
            unit="share",
            method="largest share of one bin; Wilson 95 %",
            note=f"nearly all values are {_name(largest, now, bins)}",
        )
    ]


def _name(largest: int, now: FieldCounts, bins: FieldBins) -> str:
    if isinstance(bins, CategoricalBins):
        return "a new value" if largest > len(bins.values) else repr((*bins.values, *bins.other_values)[largest])
    return f"{now.minimum:g}" if now.minimum is not None and now.minimum == now.maximum else "one bin"


def _narrow(now: FieldCounts, bins: NumericBins) -> bool:
    """Whether the standard deviation is below 1 % of the reference's."""
    if now.minimum is not None and now.minimum == now.maximum:
        return True
    n = int(now.counts.sum())
    variance = now.squares / n - (now.total / n) ** 2
    return bool(variance < (0.01 * bins.scale) ** 2) and bool(np.isfinite(variance))
