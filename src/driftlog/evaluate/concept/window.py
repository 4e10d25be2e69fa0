"""Concept drift of one window: what each detector said about its outcomes, as measurements."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.evaluate.concept.detector import ConceptDetector
from driftlog.evaluate.concept.replay import Passage
from driftlog.evaluate.context import SeriesContext

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def concept_measurement(
    detector: ConceptDetector,
    passage: Passage,
    times: Floats,
    context: SeriesContext,
    *,
    replayed_from: datetime,
    replayed: int,
    kept_share: float = 1.0,
    unit: float | None = None,
    predictions: int | None = None,
    missing: str = "",
) -> Measurement:
    """The number of drift points in the window (``concept_drift``, metric = the detector's name). Informational.

    Parameters
    ----------
    passage
        What the detector said of the window's outcomes.
    times
        Their event times, float64 seconds since 1970, in order.
    replayed_from
        Where the detector started afresh; `replayed` is the number of outcomes from there to the window's end.
    kept_share
        Share of the window's outcomes that was replayed; below 1 the measurement is marked ``approximate``.
    unit
        Regression: the error that counts as large.
    predictions
        Of the window, for its maturity.
    missing
        Why the detector could not look; then value is None.

    `details`: ``warnings`` (how often a warning zone was entered), ``last_drift`` and ``last_warning`` (event time of
    the last, seconds since 1970), ``mean_error`` of the window, ``mean_before`` and ``mean_after`` (see `Passage`),
    ``replayed_from`` (seconds since 1970), ``replayed``, ``kept_share``, ``large_error`` where they apply. A detector
    notices a change some outcomes after it happened: the points are when it knew. Without outcomes value is None.
    """
    details = {
        "warnings": float(len(passage.warnings)) if detector.warns else None,
        "last_drift": _time(times, passage.drifts),
        "last_warning": _time(times, passage.warnings),
        "mean_error": passage.mean_error,
        "mean_before": passage.mean_before,
        "mean_after": passage.mean_after,
        "replayed_from": replayed_from.timestamp(),
        "replayed": float(replayed),
        "kept_share": kept_share if kept_share < 1 else None,
        "large_error": unit,
    }
    thinned = f"one in {round(1 / kept_share)} outcomes, drawn at random, was replayed" if kept_share < 1 else ""
    if not missing and not passage.outcomes:
        missing = "no outcomes in this window yet"
    return context.measurement(
        detector.name,
        "concept_drift",
        None if missing else len(passage.drifts),
        n_current=passage.outcomes,
        unit="drift points",
        method=f"river, replayed from {replayed_from.date().isoformat()}; {detector.source}",
        maturity=min(1.0, passage.outcomes / kept_share / predictions) if predictions else None,
        details={name: value for name, value in details.items() if value is not None},
        marks=(MARK_APPROXIMATE,) if kept_share < 1 else (),
        note=missing or thinned,
    )


def _time(times: Floats, positions: tuple[int, ...]) -> float | None:
    return float(times[positions[-1]]) if positions else None
