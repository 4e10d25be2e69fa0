"""Rules of thresholds: a limit that can be used, on the side that is bad, in the unit of its kind."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.settings import ThresholdSettings

LIMITED: Final = ("constant", "relative", "quantile", "seasonal")
"""Kinds without limits of their own."""
DEVIATIONS: Final = {
    "seasonal": "in standard deviations from the same hour of the week",
    "anomaly": "in robust standard deviations from the median of the same hour of the week",
}
LEVELS: Final = ("info", "warning", "critical")


def check_threshold(threshold: ThresholdSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first setting of a threshold that cannot be used."""
    if not threshold.metric:
        raise SettingRefused("is empty", (*path, "metric"), remedy="name a metric, or * for all")
    if threshold.kind in LIMITED and not _limits(threshold):
        raise SettingRefused(
            "has no limit", path, remedy="give info, warning, critical or several; kind: none judges nothing"
        )
    if threshold.floor < 0:
        raise SettingRefused("must not be negative", (*path, "floor"), value=threshold.floor, remedy="write 0.05, say")
    needed, of = threshold.of_windows
    if not 1 <= needed <= of:
        raise SettingRefused(
            "is not N of M windows", (*path, "of_windows"), value=[needed, of], remedy="write [2, 3], say"
        )
    _check_kind(threshold, path)
    _check_values(threshold, path)
    _check_order(threshold, path)


def _limits(threshold: ThresholdSettings) -> list[tuple[str, float]]:
    """Those that are given, mildest first."""
    return [(name, limit) for name in LEVELS if (limit := getattr(threshold, name)) is not None]


def _check_kind(threshold: ThresholdSettings, path: SettingPath) -> None:
    """What only some kinds know."""
    if threshold.direction == "both" and threshold.kind != "anomaly":
        raise SettingRefused(
            f"is for kind: anomaly, not {threshold.kind}",
            (*path, "direction"),
            value="both",
            remedy="write above or below, or kind: anomaly",
        )
    if threshold.kind == "default_drift" and threshold.info is not None:
        raise SettingRefused(
            "is not for kind: default_drift",
            (*path, "info"),
            value=threshold.info,
            remedy="remove it; floor says which effect is too small to matter",
        )


def _check_values(threshold: ThresholdSettings, path: SettingPath) -> None:
    for name, limit in _limits(threshold):
        if not math.isfinite(limit) and threshold.kind not in DEVIATIONS and threshold.kind != "quantile":
            raise SettingRefused("is no number", (*path, name), value=limit, remedy="write a number, such as 0.05")
        if threshold.kind == "quantile" and not 0 < limit < 1:
            example = "0.99" if threshold.direction == "above" else "0.01"
            raise SettingRefused(
                "must lie between 0 and 1, as a quantile of the metric's own history",
                (*path, name),
                value=limit,
                remedy=f"write {example}, or kind: constant for a limit of the value itself",
            )
        if threshold.kind in DEVIATIONS and not 0 < limit < math.inf:
            raise SettingRefused(
                f"must be positive, {DEVIATIONS[threshold.kind]}",
                (*path, name),
                value=limit,
                remedy="write 3; direction says on which side",
            )


def _check_order(threshold: ThresholdSettings, path: SettingPath) -> None:
    """A critical limit lies farther out than a warning, and a warning than an info; they may be the same."""
    if threshold.kind not in ("constant", "quantile", *DEVIATIONS):
        return
    above = threshold.kind in DEVIATIONS or threshold.direction == "above"
    for (milder, near), (worse, far) in pairwise(_limits(threshold)):
        if (far < near) if above else (far > near):
            raise SettingRefused(
                f"is crossed before {milder}, with direction {threshold.direction}",
                (*path, worse),
                value=far,
                remedy=f"{worse} must lie {'above' if above else 'below'} {milder}",
            )
