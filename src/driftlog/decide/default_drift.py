"""The default drift rule: larger than a floor, and larger than the reference differs from itself."""

from __future__ import annotations

import math
from typing import Final

from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.settings import ThresholdSettings
from driftlog.decide.defaults import range_of
from driftlog.decide.prediction_limit import margin
from driftlog.decide.verdicts import Decision

FEWEST_CHUNKS: Final = 8
CONFIDENCE: Final = 0.999
CRITICAL_TIMES: Final = 2.0
CRITICAL_FLOOR: Final = 0.2
SHORT_FLOOR: Final = 0.1
SHORT_P_VALUE: Final = 0.01
KOLMOGOROV_1_PERCENT: Final = 1.6276


def decide(measurement: Measurement, value: float, threshold: ThresholdSettings) -> Decision:
    """Warning where ``effect >= floor`` and ``effect > mean + t(0.999, k-1) sd sqrt(1 + 1/k)`` over k >= 8 chunks.

    Critical where the effect is at least twice the limit and at least 0.2 (`critical` of the threshold replaces the
    0.2). ``cannot_alarm`` where no possible effect exceeds the limit. With fewer than 8 chunks: `decide_short`.
    """
    chunks = measurement.chunks
    if chunks is None or chunks.k < FEWEST_CHUNKS:
        return decide_short(measurement, value, threshold)
    usual = chunks.mean + margin(chunks, CONFIDENCE)
    warning = max(threshold.floor, usual)
    largest = range_of(measurement.metric)[1]
    critical = max(CRITICAL_TIMES * warning, CRITICAL_FLOOR if threshold.critical is None else threshold.critical)
    limit = Limit(
        kind="default_drift",
        direction="above",
        warning=warning,
        critical=critical if critical <= largest else None,
        smallest_detectable=warning,
        of_windows=threshold.of_windows,
        reason=f"{chunks.k} chunks of the reference stay below {usual:.3g}; floor {threshold.floor:.3g}",
    )
    if usual >= largest or threshold.floor > largest:
        return Decision(limit, "cannot_alarm")
    if value < threshold.floor or value <= usual:
        return Decision(limit, "ok")
    return Decision(limit, "critical" if value >= critical else "warning")


def decide_short(measurement: Measurement, value: float, threshold: ThresholdSettings) -> Decision:
    """Without chunks: adjusted i.i.d. p-value below 0.01 and effect at least 0.1 (or the floor, if higher).

    Never more than a warning: real streams are not i.i.d., and nothing here knows how much this one varies. The
    smallest detectable effect is the floor or, for few rows, about what the p-value asks for: ``1.63 sqrt(1/n + 1/m)``,
    Kolmogorov's 1 % point.
    """
    floor = max(SHORT_FLOOR, threshold.floor)
    p_value = measurement.p_adjusted if measurement.p_adjusted is not None else measurement.p_value
    limit = Limit(
        kind="default_drift",
        direction="above",
        warning=floor,
        smallest_detectable=max(floor, _detected_by_p_value(measurement)),
        of_windows=threshold.of_windows,
        reason=f"reference too short: adjusted i.i.d. p-value below {SHORT_P_VALUE} and floor {floor:.3g}",
    )
    largest = range_of(measurement.metric)[1]
    if floor > largest or (limit.smallest_detectable or 0.0) > largest:
        return Decision(limit, "cannot_alarm")
    if p_value is None:
        return Decision(limit, "not_judged")
    return Decision(limit, "warning" if value >= floor and p_value < SHORT_P_VALUE else "ok")


def _detected_by_p_value(measurement: Measurement) -> float:
    n, m = measurement.n_reference, measurement.n_current
    return KOLMOGOROV_1_PERCENT * math.sqrt(1 / n + 1 / m) if n > 0 and m > 0 else 0.0
