"""Constant thresholds: the limits are numbers."""

from __future__ import annotations

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.defaults import CautiousThreshold, range_of
from driftlog.decide.verdicts import Decision, nearest, side_of, verdict_of


def decide(measurement: Measurement, value: float, threshold: ThresholdSettings) -> Decision:
    """In breach where the value (of a `CautiousThreshold`: the near end of its 95 % interval) lies beyond a limit."""
    cautious = isinstance(threshold, CautiousThreshold)
    near = measurement.lower if threshold.direction == "above" else measurement.upper
    judged = near if cautious and near is not None else value
    limit = Limit(
        kind="constant",
        direction=side_of(threshold),
        info=threshold.info,
        warning=threshold.warning,
        critical=threshold.critical,
        smallest_detectable=nearest(threshold.warning, threshold.critical, threshold.info),
        of_windows=threshold.of_windows,
        reason="the 95 % interval has to lie wholly beyond the limit" if judged is not value else "",
    )
    return Decision(limit, verdict_of(judged, limit, range_of(measurement.metric)))
