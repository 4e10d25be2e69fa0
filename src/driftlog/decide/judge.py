"""Which threshold judges a measurement, and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from driftlog.contract.measurement import MARK_IMMATURE, MARK_REFERENCE_TOO_SHORT, Measurement
from driftlog.contract.settings import ModelSettings, ThresholdSettings
from driftlog.decide import constant, default_drift, relative
from driftlog.decide.defaults import DEFAULT_DRIFT, DEFAULT_THRESHOLDS
from driftlog.decide.verdicts import Decision

DRIFT_PURPOSES: Final = ("data_drift", "prediction_drift", "target_drift")
KINDS: Final[Mapping[str, Callable[[Measurement, float, ThresholdSettings], Decision]]] = {
    "constant": constant.decide,
    "relative": relative.decide,
    "default_drift": default_drift.decide,
}


def judge(measurement: Measurement, settings: ModelSettings) -> Measurement:
    """The measurement with `limit` and `verdict`.

    ``insufficient_data``: it has no value, or is immature. ``not_judged``: no threshold matches, its kind is ``none``,
    or what it compares with is missing (the limit's reason says so).
    """
    if measurement.value is None or MARK_IMMATURE in measurement.marks:
        return msgspec.structs.replace(measurement, limit=None, verdict="insufficient_data")
    threshold = find_threshold(measurement, settings)
    if threshold is None or threshold.kind == "none":
        return msgspec.structs.replace(measurement, limit=None, verdict="not_judged")
    decision = KINDS[threshold.kind](measurement, measurement.value, threshold)
    return msgspec.structs.replace(measurement, limit=decision.limit, verdict=decision.verdict)


def find_threshold(measurement: Measurement, settings: ModelSettings) -> ThresholdSettings | None:
    """The first of the settings' thresholds that matches, else the default one, else None."""
    for threshold in settings.thresholds:
        if matches(threshold, measurement):
            return threshold
    if measurement.purpose in DRIFT_PURPOSES:
        return DEFAULT_DRIFT if is_judged_measure(measurement, settings) else None
    return next((threshold for threshold in DEFAULT_THRESHOLDS if matches(threshold, measurement)), None)


def matches(threshold: ThresholdSettings, measurement: Measurement) -> bool:
    """Whether metric, field and segment fit the threshold's shell patterns; a field also without ``features.``."""
    return (
        fnmatchcase(measurement.metric, threshold.metric)
        and fnmatchcase(measurement.segment, threshold.segment)
        and (
            fnmatchcase(measurement.field, threshold.field)
            or fnmatchcase(measurement.field.removeprefix("features."), threshold.field)
        )
    )


def is_judged_measure(measurement: Measurement, settings: ModelSettings) -> bool:
    """Whether this is the drift measure that stands for its field; the others are reported only.

    Only the standing measure carries chunk statistics, or the mark that there are too few.
    """
    stands = measurement.chunks is not None or MARK_REFERENCE_TOO_SHORT in measurement.marks
    return stands and measurement.metric in settings.drift_measures
