"""Constant thresholds: the limits are numbers."""

from __future__ import annotations

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.defaults import CautiousThreshold, range_of
from driftlog.decide.verdicts import Decision, verdict_of


def decide(measurement: Measurement, value: float, threshold: ThresholdSettings) -> Decision:
    """In breach where the value (of a `CautiousThreshold`: the near end of its 95 % interval) lies beyond a limit."""
    cautious = isinstance(threshold, CautiousThreshold)
    near = measurement.lower if threshold.direction == "above" else measurement.upper
    judged = near if cautious and near is not None else value
    limit = Limit(
        kind="constant",
        direction=threshold.direction,
        warning=threshold.warning,
        critical=threshold.critical,
        smallest_detectable=threshold.warning if threshold.warning is not None else threshold.critical,
        of_windows=threshold.of_windows,
        reason="the 95 % interval has to lie wholly beyond the limit" if judged is not value else "",
    )
    return Decision(limit, verdict_of(judged, limit, range_of(measurement.metric)))
