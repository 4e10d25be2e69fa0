"""A value against two limits."""

from __future__ import annotations

from typing import Literal

import msgspec

from driftlog.contract.measurement import Limit, Verdict
from driftlog.contract.settings import ThresholdSettings


class Decision(msgspec.Struct, frozen=True):
    """Limit and verdict of one measurement."""

    limit: Limit
    verdict: Verdict


def side_of(threshold: ThresholdSettings) -> Literal["above", "below"]:
    """The bad side of a threshold that has one; ``both`` is for ``anomaly``, which chooses by the value."""
    return "below" if threshold.direction == "below" else "above"


def beyond(value: float, limit: float | None, direction: str) -> bool:
    """Whether the value lies strictly on the wrong side of the limit."""
    if limit is None:
        return False
    return value > limit if direction == "above" else value < limit


def nearest(*limits: float | None) -> float | None:
    """The first that is given, of limits from the one that counts (warning, critical, info)."""
    return next((limit for limit in limits if limit is not None), None)


def verdict_of(value: float, limit: Limit, possible: tuple[float, float]) -> Verdict:
    """The worst level whose limit the value is beyond, else ``ok``; ``cannot_alarm`` where no possible value is.

    >>> verdict_of(0.3, Limit("constant", "above", info=0.2, warning=0.4), (0.0, 1.0))
    'info'
    """
    if beyond(value, limit.critical, limit.direction):
        return "critical"
    if beyond(value, limit.warning, limit.direction):
        return "warning"
    if beyond(value, limit.info, limit.direction):
        return "info"
    farthest = possible[1] if limit.direction == "above" else possible[0]
    reachable = any(beyond(farthest, one, limit.direction) for one in (limit.info, limit.warning, limit.critical))
    return "ok" if reachable else "cannot_alarm"
