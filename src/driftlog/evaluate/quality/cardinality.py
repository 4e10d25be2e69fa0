"""Jumps in the number of distinct values of a category."""

from __future__ import annotations

from typing import Final

import numpy as np

from driftlog.contract.binning import CategoricalBins, FieldBins
from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.context import SeriesContext

NOTABLE: Final = 1.2
"""Ratios nearer to 1 are chance or of no interest, and are not stored."""


def cardinality(
    before: FieldCounts,
    now: FieldCounts,
    bins: FieldBins,
    field: str,
    context: SeriesContext,
    *,
    distinct: int | None = None,
) -> list[Measurement]:
    """``cardinality_ratio``: distinct values of the window / those to be expected of as many rows of the reference.

    Expected of n rows are ``sum_i 1 - (1 - p_i)^n`` over the reference's values, those in "other" taken as equally
    frequent (rarefaction: a small window has fewer values without anything being wrong). Without `distinct` the
    profile bounds the window's number: each listed value counted is one; "other" and unseen values are at least one
    and at most one an event (and as many as "other" has). `lower` and `upper` are those bounds as ratios; the value is
    the ratio nearest to 1 that they allow, so that nothing is claimed that the counts do not show. Stored where it is
    at least 1.2 or at most 1 / 1.2.

    Parameters
    ----------
    distinct
        The window's number from a ``cardinality`` aggregation (a few percent off beyond 3,000).
    """
    if not isinstance(bins, CategoricalBins):
        return []
    few, many = (distinct, distinct) if distinct is not None else distinct_bounds(now, bins)
    expected = expected_distinct(before, bins, now.present)
    unknown = before.unseen / before.present * now.present  # values of the reference beyond its lists, at most
    if expected <= 0 or not many:
        return []
    lower, upper = few / (expected + unknown), many / expected
    value = min(max(1.0, lower), upper)
    if 1 / NOTABLE < value < NOTABLE:
        return []
    return [
        context.measurement(
            "cardinality_ratio",
            "quality",
            value,
            field=field,
            lower=lower,
            upper=upper,
            reference_value=1.0,
            n_reference=before.present,
            n_current=now.present,
            method="distinct values / those of as many reference rows; bounds from the counts",
            details={"distinct_least": float(few), "distinct_most": float(many), "distinct_expected": expected},
            marks=(MARK_APPROXIMATE,),
        )
    ]


def distinct_bounds(counts: FieldCounts, bins: CategoricalBins) -> tuple[int, int]:
    """Least and greatest number of distinct values that fit the counts.

    >>> distinct_bounds(FieldCounts(np.array([3, 0, 5]), unseen=2), CategoricalBins(("a", "b"), ("c", "d", "e")))
    (3, 6)
    """
    listed = int((counts.counts[:-1] > 0).sum())
    others, unseen = int(counts.counts[-1]), counts.unseen
    least = listed + (others > 0) + (unseen > 0)
    return least, listed + min(others, max(1, len(bins.other_values))) + unseen


def expected_distinct(reference: FieldCounts, bins: CategoricalBins, n: int) -> float:
    """Distinct values to be expected of `n` rows drawn from the reference.

    >>> round(expected_distinct(FieldCounts(np.array([50, 50, 0])), CategoricalBins(("a", "b")), 2), 3)
    1.5
    """
    if not reference.present:
        return 0.0
    others = max(1, len(bins.other_values))
    shares = np.append(reference.counts[:-1], reference.counts[-1] / others) / reference.present
    times = np.append(np.ones(len(shares) - 1), others)
    with np.errstate(divide="ignore"):
        seen = -np.expm1(n * np.log1p(-np.minimum(shares, 1.0)))
    return float((times * seen).sum())
