"""Which threshold judges a measurement, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from driftlog.contract.measurement import (
    MARK_IMMATURE,
    MARK_INTEGRITY,
    MARK_REFERENCE_TOO_SHORT,
    MARK_UNCALIBRATED,
    Limit,
    Measurement,
    Purpose,
)
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.decide import anomaly, constant, default_drift, quantile, relative, seasonal
from driftlog.decide.defaults import DEFAULT_DRIFT, DEFAULT_TARGET_SHIFT, DEFAULTS, of_settings
from driftlog.decide.hysteresis import with_clear
from driftlog.decide.past import PastValue, PastValues, past_values, span_of
from driftlog.decide.verdicts import Decision, side_of

DRIFT_PURPOSES: Final[tuple[Purpose, ...]] = ("data_drift", "prediction_drift", "target_drift", "attribution_drift")
MODEL_PURPOSES: Final[frozenset[Purpose]] = frozenset(
    {*DRIFT_PURPOSES, "concept_drift", "performance", "estimated_performance", "estimation_error", "fairness"}
)
"""What is said about data and model, and cannot be said of a window whose pipeline was at fault."""
PIPELINE_FAULT: Final = "the pipeline was at fault in this window: whether data or model changed cannot be told"
NOT_CALIBRATED: Final = (
    "the estimate's calibration failed its check on the reference; only a threshold that names its purpose judges it"
)
_ATTENDANCE: Final = frozenset({"integrity", "operational"})
KINDS: Final[Mapping[str, Callable[[Measurement, float, ThresholdSettings], Decision]]] = {
    "constant": constant.decide,
    "relative": relative.decide,
    "default_drift": default_drift.decide,
}
HISTORICAL: Final[
    Mapping[str, Callable[[Measurement, float, ThresholdSettings, Sequence[PastValue], str], Decision]]
] = {
    "quantile": quantile.decide,
    "seasonal": seasonal.decide,
    "anomaly": anomaly.decide,
}


def judge(
    measurement: Measurement, settings: ModelSettings, past: Sequence[Measurement] | PastValues | None = None
) -> Measurement:
    """The measurement with `limit` and `verdict`.

    Parameters
    ----------
    past
        Judged measurements of earlier windows, for thresholds of the kinds ``quantile``, ``seasonal`` and ``anomaly``;
        other series, and windows that had not ended when this one began, are passed over.

    ``insufficient_data``: it has no value, is immature, or its history is too short for an ``anomaly`` threshold.
    ``not_judged``: no threshold matches, its kind is ``none``, what it compares with is missing, or the pipeline was at
    fault in this window and it is about data or model (the limit's reason says so).
    """
    if measurement.value is None or MARK_IMMATURE in measurement.marks:
        return msgspec.structs.replace(measurement, limit=None, verdict="insufficient_data")
    threshold = find_threshold(measurement, settings)
    if threshold is None or threshold.kind == "none":
        return msgspec.structs.replace(measurement, limit=None, verdict="not_judged")
    value = measurement.value
    decision = _decide(measurement, value, threshold, settings, past)
    decision = with_clear(decision, threshold, lambda other: _decide(measurement, value, other, settings, past))
    return msgspec.structs.replace(measurement, limit=decision.limit, verdict=decision.verdict)


def _decide(
    measurement: Measurement,
    value: float,
    threshold: ThresholdSettings,
    settings: ModelSettings,
    past: Sequence[Measurement] | PastValues | None,
) -> Decision:
    if MARK_INTEGRITY in measurement.marks and measurement.purpose in MODEL_PURPOSES:
        return _unjudged(threshold, PIPELINE_FAULT)
    if MARK_UNCALIBRATED in measurement.marks and not threshold.purpose:
        return _unjudged(threshold, NOT_CALIBRATED)
    if threshold.kind in HISTORICAL:
        known = past if isinstance(past, PastValues) else past_values(past or ())
        earlier = known.before(measurement, span_of(threshold, settings.window))
        return HISTORICAL[threshold.kind](measurement, value, threshold, earlier, settings.timezone)
    return KINDS[threshold.kind](measurement, value, threshold)


def _unjudged(threshold: ThresholdSettings, reason: str) -> Decision:
    limit = Limit(threshold.kind, side_of(threshold), of_windows=threshold.of_windows, reason=reason)
    return Decision(limit, "not_judged")


def find_threshold(measurement: Measurement, settings: ModelSettings) -> ThresholdSettings | None:
    """The first of the settings' thresholds that matches, else the default one, else None.

    Defaults judge the whole model only: segments are judged by the settings' thresholds that name them.
    """
    for threshold in settings.thresholds:
        if matches(threshold, measurement):
            return threshold
    if measurement.segment:
        return None
    asked = of_settings(measurement.metric, settings) if measurement.purpose in _ATTENDANCE else None
    if asked is not None:
        return asked
    if measurement.metric == DEFAULT_TARGET_SHIFT.metric and measurement.purpose == "target_drift":
        return DEFAULT_TARGET_SHIFT
    if measurement.purpose in DRIFT_PURPOSES:
        return DEFAULT_DRIFT if is_judged_measure(measurement, settings) else None
    return next((one for one in DEFAULTS.get(measurement.purpose, ()) if matches(one, measurement)), None)


def matches(threshold: ThresholdSettings, measurement: Measurement) -> bool:
    """Whether metric, purpose, field and segment fit the threshold's shell patterns, fields also without ``features.``.

    Errors of estimates have the name of what is estimated; a limit of accuracy is none of its error.
    """
    fits = measurement.purpose != "estimation_error"
    if threshold.purpose:
        fits = fnmatchcase(measurement.purpose, threshold.purpose)
    return (
        fits
        and fnmatchcase(measurement.metric, threshold.metric)
        and _fits(measurement.field, threshold.field)
        and _fits(measurement.segment, threshold.segment)
    )


def _fits(name: str, pattern: str) -> bool:
    """As it is written, as a pattern, or as a pattern without ``features.``.

    >>> _fits("features.carrier=UA&features.origin=EWR", "carrier=UA&origin=*"), _fits("features.a=[0,1)", "")
    (True, False)
    """
    return name == pattern or fnmatchcase(name, pattern) or fnmatchcase(name.replace("features.", ""), pattern)


def is_judged_measure(measurement: Measurement, settings: ModelSettings) -> bool:
    """Whether this is the drift measure that stands for its field; the others are reported only.

    Only the standing measure carries chunk statistics, or the mark that there are too few.
    """
    stands = measurement.chunks is not None or MARK_REFERENCE_TOO_SHORT in measurement.marks
    return stands and measurement.metric in settings.drift_measures
