"""Features whose values arrive as another type than the reference's: numbers as text, categories as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from driftlog.contract.binning import CategoricalBins, FieldBins
from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.contract.profile import FieldCounts
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.proportions import wilson_interval

FEWEST: Final = 20
"""Sampled values, at least."""
FLIPPED: Final = 0.5
USUAL: Final = 0.05


def type_change(
    before: FieldCounts | None,
    now: FieldCounts,
    bins: FieldBins,
    field: str,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    types: Mapping[str, int] | None = None,
) -> list[Measurement]:
    """``type_change``: share of a feature's values that are of another type than the reference's; where there are any.

    From `types`, JSON types of a random sample of the window's events: numbers are expected of numeric fields and of
    numbers declared categorical, text or booleans of other categories. It sees ``"12.5"`` instead of 12.5, which
    Elasticsearch reads as the number (the counts are right; the sender changed). Without a sample, from the counts:
    where half of a feature's values and more cannot be read, and at most 5 % of the reference's.
    """
    if types is not None:
        n = sum(types.values())
        changed = n - sum(types.get(kind, 0) for kind in expected_types(bins))
        if n < FEWEST or not changed:
            return []
        kinds = {kind: float(count) for kind, count in types.items()}
        return [_measurement(changed, n, field, context, "JSON types of a random sample", kinds)]
    n = now.present + now.malformed
    if n < settings.min_rows or now.malformed < FLIPPED * n:
        return []
    if before is not None and before.malformed > USUAL * (before.present + before.malformed):
        return []
    return [_measurement(now.malformed, n, field, context, "values that cannot be read as the mapped type", {})]


def expected_types(bins: FieldBins) -> tuple[str, ...]:
    """JSON types that a field's values have.

    >>> expected_types(CategoricalBins(("EWR", "JFK")))
    ('text', 'boolean')
    """
    return ("text", "boolean") if isinstance(bins, CategoricalBins) and not bins.numeric else ("number",)


def _measurement(
    changed: int, n: int, field: str, context: SeriesContext, method: str, details: dict[str, float]
) -> Measurement:
    low, high = wilson_interval(changed, n)
    return context.measurement(
        "type_change",
        "quality",
        changed / n,
        field=field,
        lower=low,
        upper=high,
        reference_value=0.0,
        n_current=n,
        unit="share",
        method=f"{method}; Wilson 95 %",
        details=details,
        marks=(MARK_APPROXIMATE,) if details else (),
    )
