"""Drift of one window: every field of the binning against the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

import msgspec
import numpy as np

from driftlog.contract.binning import Binning, FieldBins, NumericBins
from driftlog.contract.measurement import (
    MARK_REFERENCE_TOO_SHORT,
    MARK_SEASON_UNSEEN,
    PURPOSES,
    Measurement,
    Purpose,
)
from driftlog.contract.profile import FieldCounts, PredictionProfile, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import FEWEST_CHUNKS, ChunkCache
from driftlog.evaluate.drift.measure import DriftMeasure
from driftlog.evaluate.drift.presence import combined_by_holm, presence_p_values
from driftlog.evaluate.drift.registry import find_measure, judged_measure
from driftlog.evaluate.drift.watched import purpose_of, watched_fields
from driftlog.evaluate.multiple_testing import ADJUSTMENTS

YEAR = timedelta(days=365)
__all__ = ("adjusted", "drift_measurements", "field_drift", "season_marks", "watched_fields")


def drift_measurements(
    reference: Reference,
    current: PredictionProfile,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    cache: ChunkCache | None = None,
) -> list[Measurement]:
    """Drift of each watched feature (``data_drift``), logged attribution (``attribution_drift``) and other field of the
    prediction (``prediction_drift``).

    Each field has its judged measure, with chunk statistics, and the `report_measures` that are defined on it. Fewer
    than `min_rows` usable rows on a side give value None.

    p-values take three steps. `p_value` is that of the measure alone. Missing and unseen values are tests of their own
    (``details["p_missing"]``, ``["p_unseen"]``, where a side has any); Holm combines them with the judged measure's:
    ``details["p_combined"]`` is the p-value of "nothing about this field changed". `p_adjusted` is the measure's Holm
    p-value, adjusted by the `correction` of the settings within its family; ``details["p_combined_adjusted"]`` is the
    combined one, adjusted likewise. A family is what one call gives of one purpose: one model, version, window and
    segment. So call it once for each segment and version, with `context` naming it and `reference` that segment's
    (`Reference.segments`). Each reported measure is a family of its own, without missing and unseen values.

    Marks: ``reference_too_short`` on judged measures with fewer than 8 chunks; ``season_unseen`` where the reference is
    shorter than a year.

    Raises
    ------
    ConfigError
        A measure in the settings is unknown, or not defined on the field it should judge.
    """
    context = context if context.reference_id else replace(context, reference_id=reference.id)
    held = cache if cache is not None else ChunkCache()
    families: dict[tuple[int, str], list[Measurement]] = {}
    for field, bins in watched_fields(binning, settings):
        before = reference.predictions.fields.get(field)
        if before is None:
            continue
        now = current.fields.get(field) or FieldCounts(np.zeros(bins.size, dtype=np.int64))
        purpose = purpose_of(field)
        judged = judged_measure(settings.drift_measures, bins)
        for measure in _measures(judged, settings, bins):
            is_judged = measure is judged
            chunks = is_judged or _wants_chunks(settings, measure, field)
            measured = field_drift(
                reference,
                before,
                now,
                bins,
                measure,
                settings,
                context,
                field=field,
                purpose=purpose,
                cache=held if chunks else None,
            )
            key = (PURPOSES.index(purpose), "" if is_judged else measure.name)
            families.setdefault(key, []).append(_with_presence(measured, before, now) if is_judged else measured)
    ordered = sorted(families, key=lambda key: key[0])
    return [m for key in ordered for m in adjusted(families[key], settings.correction)]


def _with_presence(measured: Measurement, before: FieldCounts, now: FieldCounts) -> Measurement:
    """With the p-values of missing and unseen values, and those that Holm makes of all of the field's."""
    presence = presence_p_values(before, now)
    own, combined = combined_by_holm(measured.p_value, presence)
    found = {f"p_{name}": p_value for name, p_value in presence.items()}
    if combined is not None:
        found["p_combined"] = combined
    return msgspec.structs.replace(measured, p_adjusted=own, details={**measured.details, **found})


def _measures(judged: DriftMeasure, settings: ModelSettings, bins: FieldBins) -> list[DriftMeasure]:
    named = [find_measure(name, path=f"report_measures[{i}]") for i, name in enumerate(settings.report_measures)]
    return [
        judged,
        *(measure for measure in dict.fromkeys(named) if measure is not judged and measure.applies_to(bins)),
    ]


def _wants_chunks(settings: ModelSettings, measure: DriftMeasure, field: str) -> bool:
    return any(
        threshold.kind == "default_drift"
        and fnmatchcase(measure.name, threshold.metric)
        and fnmatchcase(field, threshold.field)
        for threshold in settings.thresholds
    )


def field_drift(
    reference: Reference,
    before: FieldCounts,
    now: FieldCounts,
    bins: FieldBins,
    measure: DriftMeasure,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    field: str,
    purpose: Purpose,
    cache: ChunkCache | None,
) -> Measurement:
    """One measure of one field; with chunk statistics where a cache is passed."""
    result = measure(before, now, bins, seed=context.seed(measure.name, field))
    value, note, chunks = result.value, "", None
    marks = season_marks(reference)
    if min(result.n_reference, result.n_current) < settings.min_rows:
        value = None
        note = f"fewer than {settings.min_rows} usable rows (reference {result.n_reference}, window {result.n_current})"
    elif value is None:
        note = "not defined here: the reference has no spread"
    if cache is not None:
        size = result.n_current
        chunks = cache.chunk_statistics(reference, field, bins, measure, size, settings.min_rows, context.segment)
        if chunks is None or chunks.k < FEWEST_CHUNKS:
            marks = (MARK_REFERENCE_TOO_SHORT, *marks)
    known = value is not None
    return context.measurement(
        measure.name,
        purpose,
        value,
        field=field,
        lower=result.lower if known else None,
        upper=result.upper if known else None,
        p_value=result.p_value if known else None,
        n_reference=result.n_reference,
        n_current=result.n_current,
        method=result.method,
        chunks=chunks,
        details={**result.details, **(_size(now, bins) if purpose == "attribution_drift" else {})} if known else {},
        marks=marks,
        note=note,
    )


def _size(counts: FieldCounts, bins: FieldBins) -> dict[str, float]:
    """``root_mean_square`` of an attribution: how much the feature matters, whichever way it pulls."""
    n = int(counts.counts.sum())
    if n == 0 or not isinstance(bins, NumericBins):
        return {}
    square = counts.squares / n + 2 * bins.shift * counts.total / n + bins.shift**2
    return {"root_mean_square": math.sqrt(max(0.0, square))}


def season_marks(reference: Reference) -> tuple[str, ...]:
    """``season_unseen`` where the reference spans less than a year."""
    short = reference.window is not None and reference.window.length < YEAR
    return (MARK_SEASON_UNSEEN,) if short else ()


def adjusted(family: list[Measurement], correction: str = "benjamini_hochberg") -> list[Measurement]:
    """The measurements of one family with their p-values adjusted.

    Where a measurement has a `p_adjusted` already (by the tests of its own field), that is what is adjusted; and so is
    its ``details["p_combined"]``.
    """
    adjust = ADJUSTMENTS[correction]
    tests = [m.p_value if m.p_adjusted is None else m.p_adjusted for m in family]
    combined = [m.details.get("p_combined") for m in family]
    own = iter(adjust([p for p in tests if p is not None]))
    whole = iter(adjust([p for p in combined if p is not None]))
    found = []
    for m, p_value, p_combined in zip(family, tests, combined, strict=True):
        details = m.details if p_combined is None else {**m.details, "p_combined_adjusted": next(whole)}
        found.append(msgspec.structs.replace(m, p_adjusted=None if p_value is None else next(own), details=details))
    return found
