"""Thresholds relative to the reference's own value."""

from __future__ import annotations

import math

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.defaults import CautiousThreshold, range_of
from driftlog.decide.prediction_limit import margin
from driftlog.decide.verdicts import Decision, nearest, side_of, verdict_of

FEWEST_CHUNKS = 8
CONFIDENCE = 0.975


def decide(measurement: Measurement, value: float, threshold: ThresholdSettings) -> Decision:
    """In breach where the value is worse than the reference's by more than allowed (`share`: of the reference's value).

    With a `CautiousThreshold`, sampling and the reference's own ups and downs are allowed for on top: the larger of
    ``sqrt(a^2 + b^2)``, a and b the 95 % half-widths of value and reference towards each other, and the 95 %
    prediction margin of 8 or more reference chunks (a window of one day has rows that are not independent; the
    chunks know by how much such windows differ).
    """
    reference = measurement.reference_value
    if reference is None:
        reason = "no reference value to compare with; a constant threshold would be judged"
        return Decision(
            Limit("relative", side_of(threshold), of_windows=threshold.of_windows, reason=reason), "not_judged"
        )
    sign = 1.0 if threshold.direction == "above" else -1.0
    unit = abs(reference) if threshold.share else 1.0
    cautious = isinstance(threshold, CautiousThreshold)
    uncertain = _uncertainty(measurement, value, reference, threshold.direction) if cautious else 0.0

    def limit_at(allowed: float | None) -> float | None:
        return None if allowed is None else reference + sign * (allowed * unit + uncertain)

    least = nearest(threshold.warning, threshold.critical, threshold.info)
    limit = Limit(
        kind="relative",
        direction=side_of(threshold),
        info=limit_at(threshold.info),
        warning=limit_at(threshold.warning),
        critical=limit_at(threshold.critical),
        smallest_detectable=None if least is None else least * unit + uncertain,
        of_windows=threshold.of_windows,
        reason=f"reference {reference:.4g}, {uncertain:.2g} allowed for uncertainty" if cautious else "",
    )
    return Decision(limit, verdict_of(value, limit, range_of(measurement.metric)))


def _uncertainty(measurement: Measurement, value: float, reference: float, direction: str) -> float:
    details = measurement.details
    if direction == "above":
        near, far = measurement.lower, details.get("reference_upper")
    else:
        near, far = measurement.upper, details.get("reference_lower")
    widths = [abs(end - middle) for end, middle in ((near, value), (far, reference)) if end is not None]
    sampling = math.hypot(*widths) if widths else 0.0
    chunks = measurement.chunks
    own = margin(chunks, CONFIDENCE) if chunks is not None and chunks.k >= FEWEST_CHUNKS else 0.0
    return max(sampling, own)
