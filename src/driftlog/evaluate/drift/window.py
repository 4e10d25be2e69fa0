"""Drift of one window: every field of the binning against the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase

import msgspec
import numpy as np

from driftlog.contract.binning import Binning, FieldBins
from driftlog.contract.measurement import (
    MARK_REFERENCE_TOO_SHORT,
    MARK_SEASON_UNSEEN,
    Measurement,
    Purpose,
)
from driftlog.contract.profile import FieldCounts, PredictionProfile, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import FEWEST_CHUNKS, ChunkCache
from driftlog.evaluate.drift.measure import DriftMeasure
from driftlog.evaluate.drift.registry import find_measure, judged_measure
from driftlog.evaluate.multiple_testing import benjamini_hochberg

YEAR = timedelta(days=365)
FEATURES = "features."


def drift_measurements(
    reference: Reference,
    current: PredictionProfile,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
    *,
    cache: ChunkCache | None = None,
) -> list[Measurement]:
    """Drift of each watched feature (``data_drift``) and of the prediction's fields (``prediction_drift``).

    Each field has its judged measure, with chunk statistics, and the `report_measures` that are defined on it. Fewer
    than `min_rows` usable rows on a side give value None. p-values are adjusted by Benjamini-Hochberg within a purpose:
    the judged measures of all fields are one family, each reported measure one of its own. Missing and unseen values
    are drift in their own right and are measured once, by `quality_measurements`.

    Marks: ``reference_too_short`` on judged measures with fewer than 8 chunks; ``season_unseen`` where the reference is
    shorter than a year.

    Raises
    ------
    ConfigError
        A measure in the settings is unknown, or not defined on the field it should judge.
    """
    context = context if context.reference_id else replace(context, reference_id=reference.id)
    held = cache if cache is not None else ChunkCache()
    features: dict[str, list[Measurement]] = {}
    predictions: dict[str, list[Measurement]] = {}
    for field, bins in watched_fields(binning, settings):
        if field not in reference.predictions.fields:
            continue
        is_feature = field.startswith(FEATURES)
        families = features if is_feature else predictions
        counted = current.fields.get(field) or FieldCounts(np.zeros(bins.size, dtype=np.int64))
        purpose: Purpose = "data_drift" if is_feature else "prediction_drift"
        judged = judged_measure(settings.drift_measures, bins)
        for measure in _measures(judged, settings, bins):
            is_judged = measure is judged
            chunks = is_judged or _wants_chunks(settings, measure, field)
            measured = field_drift(
                reference,
                reference.predictions.fields[field],
                counted,
                bins,
                measure,
                settings,
                context,
                field=field,
                purpose=purpose,
                cache=held if chunks else None,
            )
            families.setdefault("" if is_judged else measure.name, []).append(measured)
    return [m for families in (features, predictions) for family in families.values() for m in adjusted(family)]


def watched_fields(binning: Binning, settings: ModelSettings) -> Iterator[tuple[str, FieldBins]]:
    """Fields of the binning to look at: the features named in the settings (all, if none is) and the predictions."""
    wanted = {name if name.startswith(FEATURES) else FEATURES + name for name in settings.features}
    for field, bins in binning.fields.items():
        if not wanted or not field.startswith(FEATURES) or field in wanted:
            yield field, bins


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
        chunks = cache.chunk_statistics(reference, field, bins, measure, result.n_current, settings.min_rows)
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
        details=dict(result.details) if known else {},
        marks=marks,
        note=note,
    )


def season_marks(reference: Reference) -> tuple[str, ...]:
    """``season_unseen`` where the reference spans less than a year."""
    short = reference.window is not None and reference.window.length < YEAR
    return (MARK_SEASON_UNSEEN,) if short else ()


def adjusted(family: list[Measurement]) -> list[Measurement]:
    """The measurements of one family with p-values adjusted by Benjamini-Hochberg."""
    p_values = [m.p_value for m in family if m.p_value is not None]
    remaining = iter(benjamini_hochberg(p_values))
    return [m if m.p_value is None else msgspec.structs.replace(m, p_adjusted=next(remaining)) for m in family]
