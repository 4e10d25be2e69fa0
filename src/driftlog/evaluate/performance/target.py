"""Drift of the target: the actual labels of the window against those of the reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from driftlog.contract.binning import CategoricalBins
from driftlog.contract.measurement import MARK_IMMATURE, MARK_REFERENCE_TOO_SHORT, Measurement
from driftlog.contract.profile import FieldCounts, OutcomeProfile, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import FEWEST_CHUNKS, grid_size, statistics_of_counts
from driftlog.evaluate.drift.registry import judged_measure
from driftlog.evaluate.drift.window import season_marks
from driftlog.evaluate.randomness import seed_of

FIELD = "outcome.actual"


def target_measurements(
    reference: Reference | None,
    outcomes: Sequence[OutcomeProfile],
    settings: ModelSettings,
    context: SeriesContext,
    *,
    maturity: float | None,
    immature: bool,
) -> list[Measurement]:
    """The judged categorical measure on the actual labels; none for regression or without a reference's outcomes.

    Labels the reference never had are counted as unseen and reported in ``details["unseen_share"]``.
    """
    if reference is None or settings.task == "regression":
        return []
    before = reference.outcomes
    labels = sorted({actual for profile in before for actual, _ in profile.confusion})
    if not labels:
        return []
    bins = CategoricalBins(tuple(labels))
    measure = judged_measure(settings.drift_measures, bins)
    whole, now = label_counts(before, bins), label_counts(outcomes, bins)
    result = measure(whole, now, bins, seed=context.seed(measure.name, FIELD))
    marks = season_marks(reference)
    size = grid_size(result.n_current)
    chunks = statistics_of_counts(
        whole.counts,
        [label_counts(chunk.outcomes, bins).counts for chunk in reference.chunks],
        bins,
        measure,
        size,
        seed_of(reference.id, FIELD, measure.name, size),
        settings.min_rows,
    )
    if chunks is None or chunks.k < FEWEST_CHUNKS:
        marks = (MARK_REFERENCE_TOO_SHORT, *marks)
    if immature:
        marks = (MARK_IMMATURE, *marks)
    enough = min(result.n_reference, result.n_current) >= settings.min_rows
    details = dict(result.details) | ({"unseen_share": now.unseen / now.present} if now.unseen else {})
    return [
        context.measurement(
            measure.name,
            "target_drift",
            result.value if enough else None,
            field=FIELD,
            p_value=result.p_value if enough else None,
            p_adjusted=result.p_value if enough else None,
            n_reference=result.n_reference,
            n_current=result.n_current,
            maturity=maturity,
            method=result.method,
            chunks=chunks,
            details=details if enough else {},
            marks=marks,
            note="" if enough else f"fewer than {settings.min_rows} outcomes with a label",
        )
    ]


def label_counts(outcomes: Sequence[OutcomeProfile], bins: CategoricalBins) -> FieldCounts:
    """Actual labels counted over `bins`."""
    index = {label: i for i, label in enumerate(bins.values)}
    counts = np.zeros(bins.size, dtype=np.int64)
    unseen = 0
    for profile in outcomes:
        for (actual, _), count in profile.confusion.items():
            if actual in index:
                counts[index[actual]] += count
            else:
                unseen += count
    return FieldCounts(counts, unseen=unseen)
