"""How many predictions there were."""

from __future__ import annotations

from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile
from driftlog.evaluate.context import SeriesContext


def traffic_measurements(current: PredictionProfile, context: SeriesContext) -> list[Measurement]:
    """Number of prediction events, failures included, and their rate over the window."""
    seconds = context.window.length.total_seconds()
    return [
        context.measurement(
            "predictions", "operational", current.n, n_current=current.n, unit="events", method="count"
        ),
        context.measurement(
            "throughput_per_s",
            "operational",
            current.n / seconds,
            n_current=current.n,
            unit="1/s",
            method="count / length of the window",
        ),
    ]
