"""Anomalies in the number of rows."""

from __future__ import annotations

import numpy as np

from driftlog.contract.measurement import Chunks, Measurement
from driftlog.contract.profile import PredictionProfile, Reference
from driftlog.evaluate.context import SeriesContext


def row_count(reference: Reference | None, current: PredictionProfile, context: SeriesContext) -> list[Measurement]:
    """``row_count_ratio``: events / mean of the reference's chunks, with their spread; where it has two or more."""
    rows = np.array([chunk.predictions.n for chunk in (reference.chunks if reference is not None else ())], dtype=float)
    if rows.size < 2 or rows.mean() <= 0:
        return []
    relative = rows / rows.mean()
    return [
        context.measurement(
            "row_count_ratio",
            "quality",
            current.n / rows.mean(),
            reference_value=1.0,
            n_reference=int(rows.sum()),
            n_current=current.n,
            chunks=Chunks(k=int(rows.size), mean=1.0, sd=float(relative.std(ddof=1))),
            method="events / mean of the reference's chunks",
        )
    ]
