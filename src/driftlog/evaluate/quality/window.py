"""Quality of the inputs of one window: values that are missing, new, malformed, out of range or stuck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from driftlog.contract.binning import Binning
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.window import adjusted, watched_fields
from driftlog.evaluate.quality.cardinality import cardinality
from driftlog.evaluate.quality.dominance import dominance
from driftlog.evaluate.quality.out_of_range import out_of_range
from driftlog.evaluate.quality.row_count import row_count
from driftlog.evaluate.quality.shares import SHARES, events_of, share_measurement
from driftlog.evaluate.quality.type_change import type_change

__all__ = ["events_of", "quality_measurements"]


def quality_measurements(
    reference: Reference | None,
    current: PredictionProfile,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    types: Mapping[str, Mapping[str, int]] | None = None,
    distinct: Mapping[str, int] | None = None,
) -> list[Measurement]:
    """Everything about the inputs that is wrong without a distribution having to drift.

    ``missing_share``, ``malformed_share``, ``nonfinite_share``, ``unseen_share`` of each feature: stored where either
    side is not 0, each compared with the reference's as two proportions, p-values adjusted within each metric by the
    `correction` of the settings. This is the only place that measures them. Stored where there is something to say:
    ``type_change``; against a reference ``dominant_share`` (stuck), ``out_of_range_share`` and ``range_excess_sd``,
    ``cardinality_ratio``. ``row_count_ratio``: events against the mean of the reference's chunks, where it has any.
    Duplicate events are ``duplicate_share``, among the measurements of integrity: counts cannot show them.

    Parameters
    ----------
    types
        JSON types of a sample of values, by dotted feature: `IntegritySummary.types`.
    distinct
        Number of distinct values in the window by dotted feature: `driftlog.profile.distinct.distinct_values`.
    """
    if reference is not None and not context.reference_id:
        context = replace(context, reference_id=reference.id)
    families: dict[str, list[Measurement]] = {}
    rest: list[Measurement] = []
    for field, bins in watched_fields(binning, settings):
        now = current.fields.get(field)
        if now is None or not field.startswith("features."):
            continue
        before = reference.predictions.fields.get(field) if reference is not None else None
        for share in SHARES:
            if share.count(now) or (before is not None and share.count(before)):
                measured = share_measurement(share, reference, before, now, field, settings, context)
                families.setdefault(share.metric, []).append(measured)
        rest += type_change(before, now, bins, field, settings, context, types=(types or {}).get(field))
        if before is not None and before.present and now.present >= max(1, settings.min_rows):
            values = (distinct or {}).get(field)
            rest += dominance(before, now, bins, field, context, distinct=values)
            rest += out_of_range(before, now, bins, field, context)
            rest += cardinality(before, now, bins, field, context, distinct=values)
    rest += row_count(reference, current, context)
    return [m for family in [*families.values(), rest] for m in adjusted(family, settings.correction)]
